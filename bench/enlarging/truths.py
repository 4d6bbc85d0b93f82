"""Pictures that are known at full size: squares out of photos and of drawings."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from measure import say
from photos import Pixels

# A square's most; its side is a whole number of the pixels of pictures reduced 2, 3 and 4 times.
MOST_SIDE, _MULTIPLE, _LEAST_SIDE = 384, 12, 192

# What is larger is reduced first: pixels of cameras are soft, and a soft truth asks for nothing.
_MOST_SHORT_SIDE = 900

_ENDINGS = (".jpg", ".jpeg", ".png", ".webp")


@dataclass(frozen=True, eq=False)
class Truth:
    """A picture as it should come out: (S, S, 3) uint8."""

    name: str
    pixels: Pixels


def truths_of(folder: Path, most: int) -> list[Truth]:
    """Of the pictures in a folder and below it, evenly spread in the order of their paths; those that are too small are left out."""
    found = [truth for path in _spread(_paths(folder), most) if (truth := _truth(path)) is not None]
    if not found:
        say(f"[WARNING] no picture of at least {_LEAST_SIDE} x {_LEAST_SIDE} pixels in {folder}")
    return found


def _paths(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in _ENDINGS and _large_enough(path))


def _large_enough(path: Path) -> bool:
    try:
        with Image.open(path) as image:
            return min(image.size) >= _LEAST_SIDE
    except (OSError, UnidentifiedImageError):
        return False


def _spread(paths: Sequence[Path], most: int) -> list[Path]:
    return [paths[len(paths) * number // most] for number in range(most)] if len(paths) > most else list(paths)


def _truth(path: Path) -> Truth | None:
    """The middle of a picture, transparent pixels on white."""
    try:
        with Image.open(path) as image:
            shown = _on_white(image)
    except OSError as error:
        say(f"[WARNING] {path.name} is left out: {error}")
        return None
    shrink = min(shown.size) / _MOST_SHORT_SIDE
    if shrink > 1:
        shown = shown.resize((round(shown.width / shrink), round(shown.height / shrink)), Image.Resampling.BOX)
    side = min(MOST_SIDE, min(shown.size) // _MULTIPLE * _MULTIPLE)
    left, top = (shown.width - side) // 2, (shown.height - side) // 2
    return Truth(path.stem, np.asarray(shown.crop((left, top, left + side, top + side))))


def _on_white(image: Image.Image) -> Image.Image:
    if "A" not in image.getbands() and "transparency" not in image.info:
        return image.convert("RGB")
    paper = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(paper, image.convert("RGBA")).convert("RGB")
