"""A photo in memory, and what each file format can hold."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from img_enhance.errors import OptionError, OutputError
from img_enhance.geometry import Size
from img_enhance.words import Setting

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclass(frozen=True)
class GainMap:
    """What a display in HDR multiplies a picture's light by, as the JPEG that lies behind it, which `orientation` turns upright as it does
    the picture. `iso` is what the picture's own segment for ISO 21496-1 says."""

    jpeg: bytes
    orientation: int = 1
    iso: bytes | None = None


@dataclass(frozen=True)
class Metadata:
    """What goes with the pixels, as the blocks of bytes that files carry. `resolution` is in pixels per inch, across and down, and `video`
    the moments around a phone's photo.

    `upright` is false where nothing but the XMP may speak of an orientation, which turns nothing and has to stay as it is.
    """

    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None
    resolution: tuple[float, float] | None = None
    gain_map: GainMap | None = None
    video: bytes | None = None
    upright: bool = True


@dataclass(frozen=True, eq=False)
class HighRange:
    """A picture in high dynamic range: values (H, W, 3) uint16 in the full range, of the primaries and curve that two numbers name.

    The numbers are those of ITU-T H.273. `bits` are those that the values had in the photo's file.
    """

    values: npt.NDArray[np.uint8 | np.uint16]
    primaries: int
    transfer: int
    bits: int


@dataclass(frozen=True, eq=False)
class Photo:
    """Pixels as `(H, W, 3)` uint8 or uint16, RGB in the photo's own encoding, upright; alpha as `(H, W)` of the same type or None.

    A grey photo has three equal channels and is written with one. The arrays may be file-backed memory maps. `warnings` say
    what was wrong with its pixels when they were read. `wraps` says that the right edge goes on at the left, as the engine found it.
    """

    pixels: npt.NDArray[np.uint8 | np.uint16]
    alpha: npt.NDArray[np.uint8 | np.uint16] | None = None
    grey: bool = False
    metadata: Metadata = field(default_factory=Metadata)
    warnings: tuple[str, ...] = ()
    high_range: HighRange | None = None
    wraps: bool = False

    @property
    def size(self) -> Size:
        height, width = self.pixels.shape[:2]
        return Size(width, height)

    @property
    def depth(self) -> int:
        """Bits a channel, 8 or 16."""
        return 8 * self.pixels.itemsize


@dataclass(frozen=True)
class Header:
    """What is known of a photo before its pixels are read.

    `wraps` says that the right edge of the picture goes on at its left: a panorama of all directions.
    `interlaced` files cannot be read line by line; `whole` is true for formats whose decoders hold the whole picture.
    """

    format: str
    size: Size
    interlaced: bool = False
    depth: int = 8
    alpha: bool = False
    grey: bool = False
    whole: bool = False
    wraps: bool = False

    @property
    def pixel_bytes(self) -> int:
        """Bytes of a pixel in memory: three colours, and alpha where there is one."""
        return (4 if self.alpha else 3) * self.depth // 8

    @property
    def bytes(self) -> int:
        """Bytes of the whole photo in memory."""
        return self.size.pixels * self.pixel_bytes


@dataclass(frozen=True)
class Format:
    """A file format: its name, the endings of its files (usual one first), the longest side it can hold, and what else it can.

    `grey` says that it has pixels of grey, `high_range` that its values may be PQ's or HLG's, `attached` that a gain map and a video may
    follow the picture. A format that is only read names the one its photos are written as.
    """

    name: str
    endings: tuple[str, ...]
    longest_side: int
    deep: bool = False
    alpha: bool = True
    grey: bool = True
    iptc: bool = False
    high_range: bool = False
    attached: bool = False
    written_as: str = ""


FORMATS = (
    Format("jpeg", (".jpg", ".jpeg", ".jpe", ".jfif"), 65_535, alpha=False, iptc=True, attached=True),
    Format("png", (".png",), 2**31 - 1, deep=True, high_range=True),
    Format("webp", (".webp",), 16_383, grey=False),
    Format("tiff", (".tif", ".tiff"), 2**31 - 1, deep=True, iptc=True),
    Format("avif", (".avif",), 16_384, deep=True, grey=False, high_range=True),
    Format("jxl", (".jxl",), 262_144, deep=True, high_range=True),
    Format("gif", (".gif",), 65_535, written_as="png"),
    Format("bmp", (".bmp", ".dib"), 32_767, written_as="png"),
    Format("heic", (".heic", ".heif", ".hif"), 16_384, written_as="jpeg"),
    Format("raw", (".dng", ".cr2", ".cr3", ".nef", ".arw", ".raf", ".orf", ".rw2"), 65_535, written_as="tiff"),
)
WRITTEN = tuple(entry for entry in FORMATS if not entry.written_as)
FORMAT_NAMES = tuple(entry.name for entry in WRITTEN)
# What a person may call a format besides: as its files end.
FORMAT_ALIASES = {ending[1:]: entry.name for entry in WRITTEN for ending in entry.endings if ending[1:] != entry.name}


# A JPEG's segments hold 65,533 bytes; an updated EXIF or XMP is a little longer than the photo's own.
MOST_JPEG_EXIF_BYTES = 65_000
MOST_JPEG_XMP_BYTES = 60_000


def metadata_losses(metadata: Metadata, output: Format) -> tuple[str, ...]:
    """What of a photo's metadata a format cannot hold."""
    lost = []
    if metadata.iptc is not None and not output.iptc:
        lost.append(f"{output.name} holds no IPTC; the photo's was left out")
    if metadata.gain_map is not None and not output.attached:
        lost.append(f"{output.name} holds no gain map; the photo's, which makes it HDR, was left out; jpeg would keep it")
    if metadata.video is not None and not output.attached:
        lost.append(f"{output.name} holds no video; the photo's was left out; jpeg would keep it")
    if output.name == "jpeg":
        for kind, block, most in (("EXIF", metadata.exif, MOST_JPEG_EXIF_BYTES), ("XMP", metadata.xmp, MOST_JPEG_XMP_BYTES)):
            if block is not None and len(block) > most:
                lost.append(f"a jpeg holds at most {most} bytes of {kind}, the photo has {len(block)}; they were left out")
    return tuple(lost)


def format_named(name: str) -> Format:
    """The row of FORMATS with this name.

    Raises: OptionError when there is none.
    """
    for entry in FORMATS:
        if entry.name == name:
            return entry
    raise OptionError(f"unknown format '{name}'", f"known are {', '.join(entry.name for entry in FORMATS)}")


def format_of_ending(ending: str) -> Format:
    """The format whose files end so (".jpg"), upper or lower case.

    Raises: OutputError when no format of ours does.
    """
    for entry in WRITTEN:
        if ending.lower() in entry.endings:
            return entry
    known = " ".join(e for entry in WRITTEN for e in entry.endings)
    raise OutputError(f"cannot tell the output format from the ending '{ending}'", f"use one of {known}, or ", Setting("format"))


def check_holds(output: Format, size: Size) -> None:
    """Pass if `output` can hold a picture of `size`.

    Raises: OutputError that names a format which can.
    """
    longest = max(size.width, size.height)
    if longest > output.longest_side:
        able = ", ".join(entry.name for entry in WRITTEN if longest <= entry.longest_side)
        raise OutputError(
            f"the result is {size} and {output.name} holds at most {output.longest_side} pixels a side",
            *("use ", Setting("format"), f" with one of: {able}"),
        )
