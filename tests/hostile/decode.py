"""Decode one file as the engine would, within a plan's memory; for tests in this process and for processes of their own."""

import sys
from pathlib import Path

from img_enhance.image_io import open_photo, read_photo
from img_enhance.machine.canvas import new_canvas
from img_enhance.machine.memory import Peak, anonymous_bytes
from img_enhance.photo import Photo
from img_enhance.planning.planner import STREAM_BYTES, WHOLE_DECODER_BYTES_PER_PIXEL

# Far above the small good files: what a forged header may ask for before it is refused.
MOST_PIXELS = 1_000_000

# libpng unpacks comments of up to some 40 MB each before it stops (measured 2026-11: 120 MB in all, however many there are).
UNPACKED_TEXT_BYTES = 60_000_000


def decoded(path: Path) -> Photo:
    """The photo in a file.

    Raises: ImgEnhanceError, and nothing else.
    """
    file = open_photo(path, max_pixels=MOST_PIXELS)
    header = file.header
    canvas = new_canvas(header.size, "memory", None, depth=header.depth)
    alpha = new_canvas(header.size, "memory", None, channels=1, depth=header.depth) if header.alpha else None
    photo = read_photo(file, canvas, alpha, lambda: None)
    assert photo.size == header.size
    return photo


def main() -> None:
    from img_enhance.errors import ImgEnhanceError

    before = anonymous_bytes()
    pixels = MOST_PIXELS
    with Peak(seconds=0.01) as peak:
        try:
            photo = decoded(Path(sys.argv[1]))
            print("read", photo.size)
            pixels = photo.size.pixels
        except ImgEnhanceError as error:
            print(type(error).__name__, error)
    allowed = STREAM_BYTES + UNPACKED_TEXT_BYTES + pixels * (WHOLE_DECODER_BYTES_PER_PIXEL * 2 + 8)
    assert peak.bytes - before <= allowed, f"took {(peak.bytes - before) / 1e6:.0f} MB, the plan allows {allowed / 1e6:.0f}"


if __name__ == "__main__":
    main()
