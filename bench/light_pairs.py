"""Draws photos before and after the automatic mode's steps on light and colour.

python bench/light_pairs.py OUT PHOTO...         pairs side by side, three in a row, 300 x 225 px each
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from photos import Pixels
from quality.collection import reduced
from quality.ours import auto_corrected

_WIDTH, _HEIGHT, _GAP, _COLUMNS = 300, 225, 4, 3
_MOST_PIXELS = 500_000


def main(given: Sequence[str] | None = None) -> int:
    """Draw."""
    out, *photos = sys.argv[1:] if given is None else given
    pairs = [_pair(Path(photo)) for photo in photos]
    width, height = 2 * _WIDTH + 3 * _GAP, _HEIGHT + 2 * _GAP
    rows = -(-len(pairs) // _COLUMNS)
    sheet = Image.new("RGB", (min(_COLUMNS, len(pairs)) * width, rows * height), "white")
    for number, pair in enumerate(pairs):
        for place, pixels in enumerate(pair):
            left = number % _COLUMNS * width + _GAP + place * (_WIDTH + _GAP)
            sheet.paste(_fitted(pixels), (left, number // _COLUMNS * height + _GAP))
    sheet.save(out, quality=88)
    return 0


def _pair(path: Path) -> tuple[Pixels, Pixels]:
    with Image.open(path) as image:
        before = reduced(image.convert("RGB"), _MOST_PIXELS)
    return before, auto_corrected(before)


def _fitted(pixels: Pixels) -> Image.Image:
    """The middle of a picture, in the shape that all have."""
    height, width = pixels.shape[:2]
    scale = max(_WIDTH / width, _HEIGHT / height)
    wide, high = round(_WIDTH / scale), round(_HEIGHT / scale)
    left, top = (width - wide) // 2, (height - high) // 2
    return Image.fromarray(np.ascontiguousarray(pixels[top : top + high, left : left + wide])).resize(
        (_WIDTH, _HEIGHT), Image.Resampling.LANCZOS
    )


if __name__ == "__main__":
    sys.exit(main())
