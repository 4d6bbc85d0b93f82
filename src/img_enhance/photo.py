"""A photo in memory, and what each file format can hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from img_enhance.errors import OptionError, OutputError
from img_enhance.geometry import Size

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclass(frozen=True, eq=False)
class Photo:
    """Pixels as `(H, W, 3)` uint8, RGB in the photo's own encoding, upright; `icc` is the profile that goes with them.

    The array may be a file-backed memory map.
    """

    pixels: npt.NDArray[np.uint8]
    icc: bytes | None = None

    @property
    def size(self) -> Size:
        height, width = self.pixels.shape[:2]
        return Size(width, height)


@dataclass(frozen=True)
class Header:
    """What a file says of its photo before the pixels are read. An interlaced one cannot be read line by line."""

    format: str
    size: Size
    interlaced: bool = False


@dataclass(frozen=True)
class Format:
    """A file format: its name, the endings of its files (usual one first) and the longest side it can hold."""

    name: str
    endings: tuple[str, ...]
    longest_side: int


FORMATS = (
    Format("jpeg", (".jpg", ".jpeg", ".jpe", ".jfif"), 65_535),
    Format("png", (".png",), 2**31 - 1),
    Format("webp", (".webp",), 16_383),
    Format("tiff", (".tif", ".tiff"), 2**31 - 1),
)
FORMAT_NAMES = tuple(entry.name for entry in FORMATS)


def format_named(name: str) -> Format:
    """The row of FORMATS with this name.

    Raises: OptionError when there is none.
    """
    for entry in FORMATS:
        if entry.name == name:
            return entry
    raise OptionError(f"unknown format '{name}'; known are {', '.join(FORMAT_NAMES)}")


def format_of_ending(ending: str) -> Format:
    """The format whose files end so (".jpg"), upper or lower case.

    Raises: OutputError when no format of ours does.
    """
    for entry in FORMATS:
        if ending.lower() in entry.endings:
            return entry
    known = " ".join(e for entry in FORMATS for e in entry.endings)
    raise OutputError(f"cannot tell the output format from the ending '{ending}'; use one of {known}, or --format")


def check_holds(output: Format, size: Size) -> None:
    """Pass if `output` can hold a picture of `size`.

    Raises: OutputError that names a format which can.
    """
    longest = max(size.width, size.height)
    if longest > output.longest_side:
        able = ", ".join(entry.name for entry in FORMATS if longest <= entry.longest_side)
        raise OutputError(
            f"the result is {size} and {output.name} holds at most {output.longest_side} pixels a side; use --format with one of: {able}"
        )
