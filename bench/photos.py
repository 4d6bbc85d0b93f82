"""Photos of any size made of real content: a sample photo cropped, or mirrored again and again. Always the same pixels."""

import os
from collections.abc import Callable
from math import sqrt
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyvips

from img_enhance.geometry import Size

Pixels = npt.NDArray[np.uint8]

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = ROOT / "samples" / "cat.png"

# Taken where it is at hand: an outdoor scene with fine texture, from the OST set that ESRGAN's authors published.
PREFERRED = "OST_009.png"

_ASPECT = 1.5


def sources() -> list[Path]:
    """8-bit RGB photos in the order of their names: the sample, and those of the folder that IMG_ENHANCE_TEST_DATA names."""
    folder = os.environ.get("IMG_ENHANCE_TEST_DATA")
    found = sorted((Path(folder) / "photos").glob("*")) if folder else []
    return [SAMPLE, *(path for path in found if _usable(path))]


def main_source() -> Path:
    """The photo that most tables use."""
    return next((path for path in sources() if path.name == PREFERRED), SAMPLE)


def size_of(megapixels: float) -> Size:
    """A landscape size of about so many million pixels, three to two."""
    height = max(1, round(sqrt(megapixels * 1e6 / _ASPECT)))
    return Size(round(height * _ASPECT), height)


def photo_pixels(source: Path, size: Size) -> Pixels:
    """(H, W, 3) uint8 of `source`: its top left part where it is large enough, else mirrored on."""
    pixels: Pixels = _content(source, size, shift=0).numpy()
    return pixels


def png_photo(source: Path, size: Size, folder: Path) -> Path:
    """A PNG file in `folder` with the pixels of `photo_pixels`."""
    return _made(folder / f"{source.stem}_{size}.png", lambda path: _content(source, size, shift=0).pngsave(str(path)))


def jpeg_photo(source: Path, size: Size, folder: Path, *, shift: int = 0) -> Path:
    """A baseline JPEG file in `folder`, written line by line; another `shift` (pixels) begins elsewhere in the content."""
    path = folder / f"{source.stem}_{size}_{shift}.jpg"
    return _made(path, lambda path: _content(source, size, shift=shift).jpegsave(str(path), Q=95))


def _content(source: Path, size: Size, *, shift: int) -> pyvips.Image:
    # Extending by mirrors has no edges that are not in the photo, unlike laying copies side by side.
    return pyvips.Image.new_from_file(str(source)).embed(-shift, -shift, size.width, size.height, extend="mirror")


def _made(path: Path, write: Callable[[Path], object]) -> Path:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f"partial_{path.name}")
        write(partial)
        partial.rename(path)
    return path


def _usable(path: Path) -> bool:
    try:
        image = pyvips.Image.new_from_file(str(path))
    except pyvips.Error:
        return False
    return bool(image.bands == 3 and image.format == "uchar")
