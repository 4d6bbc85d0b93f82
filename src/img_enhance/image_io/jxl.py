"""JPEG XL: what its header says that decoders do not pass on, its container, and photos to files.

Source: ISO/IEC 18181-1:2024, annexes B (reading bits), D.2 (SizeHeader) and D.3 (ImageMetadata); ISO/IEC 18181-2:2024 (container);
libjxl's `JxlEncoderDistanceFromQuality` for what a quality means.
"""

from __future__ import annotations

import errno
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

CODESTREAM = b"\xff\x0a"
CONTAINER = b"\0\0\0\x0cJXL \r\n\x87\n"
_FILE_TYPE = b"\0\0\0\x14ftypjxl \0\0\0\0jxl "

# The offset at which EXIF begins in its box.
_EXIF_OFFSET = b"\0\0\0\0"
_PART_NUMBER_BYTES = 4
_WORST_DISTANCE = 15.0


@dataclass(frozen=True)
class Kind:
    """What a codestream's header says beside the size."""

    animated: bool
    floats: bool


def kind_of(path: Path) -> Kind:
    """The kind of a JPEG XL file.

    Raises: ValueError when its header is cut off or none; OSError when it cannot be read.
    """
    bits = _Bits(_codestream(path))
    _skip_size(bits)
    animated = False
    if bits.read(1):  # all as usual: 8 bits, no animation
        return Kind(animated=False, floats=False)
    if bits.read(1):  # extra fields
        bits.read(3)  # orientation
        if bits.read(1):
            _skip_size(bits)
        if bits.read(1):
            _skip_preview(bits)
        animated = bool(bits.read(1))
        if animated:
            _skip_animation(bits)
    return Kind(animated, floats=bool(bits.read(1)))


class _Bits:
    """Bits of bytes, the lowest first."""

    def __init__(self, data: bytes) -> None:
        self.value, self.left = int.from_bytes(data, "little"), 8 * len(data)

    def read(self, count: int) -> int:
        if count > self.left:
            raise ValueError("its header is cut off")
        value = self.value & ((1 << count) - 1)
        self.value >>= count
        self.left -= count
        return value

    def choice(self, *counts: int) -> int:
        """One of four fields, which two bits choose; those of no bits are constants."""
        return self.read(counts[self.read(2)])


# Of a header, enough for every field that is read here.
_HEADER_BYTES = 64


def _codestream(path: Path) -> bytes:
    """The start of the codestream, without its signature."""
    with path.open("rb") as file:
        if file.read(len(CONTAINER)) == CONTAINER:
            _seek_codestream(file)
        else:
            file.seek(0)
        start = file.read(_HEADER_BYTES)
    if not start.startswith(CODESTREAM):
        raise ValueError("it has no codestream")
    return start[len(CODESTREAM) :]


def _seek_codestream(file: BinaryIO) -> None:
    """Leave a container, whose signature has been read, where its codestream begins."""
    while len(head := file.read(8)) == 8:
        size, name = struct.unpack(">I4s", head)
        read = 8
        if size == 1:
            size, read = int.from_bytes(file.read(8)), 16
        if name in (b"jxlc", b"jxlp"):
            file.seek(_PART_NUMBER_BYTES if name == b"jxlp" else 0, 1)
            return
        if not read <= size < 1 << 62:
            break
        file.seek(size - read, 1)
    raise ValueError("its container is cut off")


def _skip_size(bits: _Bits) -> None:
    small = bits.read(1)
    for side in range(2):
        if small:
            bits.read(5)
        else:
            bits.choice(9, 13, 18, 30)
        if side == 0 and bits.read(3):  # a ratio instead of the width
            return


def _skip_preview(bits: _Bits) -> None:
    eighths = bits.read(1)
    for side in range(2):
        bits.choice(*((0, 0, 5, 9) if eighths else (6, 8, 10, 12)))
        if side == 0 and bits.read(3):
            return


def _skip_animation(bits: _Bits) -> None:
    for counts in ((0, 0, 10, 30), (0, 0, 8, 10), (0, 3, 16, 32)):  # ticks: numerator, denominator; loops
        bits.choice(*counts)
    bits.read(1)


def distance(quality: int) -> float:
    """libjxl's measure of how far a picture may be from the photo, 1 at the edge of what is seen, for a quality from 1 to 100."""
    if quality >= 30:
        return 0.1 + (100 - quality) * 0.09
    return min(_WORST_DISTANCE, 53 / 3000 * quality**2 - 23 / 20 * quality + 25)


# Without loss a file is a tenth smaller at the usual effort, 7, and takes eight times as long (3.8 MP, 2026-11). At 1, libjxl 0.12 writes
# grey files that no decoder takes.
_EFFORT_WITHOUT_LOSS = 3
_CHANNELS = {1: ("Y",), 3: ("R", "G", "B"), 4: ("R", "G", "B", "A")}


def encode(
    pixels: npt.NDArray[np.uint8 | np.uint16], path: Path, *, quality: int | None, icc: bytes | None, cicp: tuple[int, int] | None
) -> None:
    """Write (H, W, 1, 3 or 4 channels) to a file without metadata; exact where `quality` is None.

    `cicp` are the numbers of primaries and curve (ITU-T H.273) of values that no profile describes.

    OpenImageIO hands the profile to libjxl, which knows thereby what the values mean. pyjpegxl 0.3 would keep it in a box that nobody else
    reads, and encode every photo as sRGB.

    Raises: OSError when it cannot be written.
    """
    import numpy as np
    import OpenImageIO

    height, width, channels = pixels.shape
    spec = OpenImageIO.ImageSpec(width, height, channels, str(pixels.dtype))
    spec.channelnames = _CHANNELS[channels]
    if channels == 4:
        spec.alpha_channel = 3
        spec.attribute("oiio:UnassociatedAlpha", 1)
    if icc is not None:
        spec.attribute("ICCProfile", OpenImageIO.TypeDesc(f"uint8[{len(icc)}]"), np.frombuffer(icc, np.uint8))
    if cicp is not None:
        spec.attribute("CICP", OpenImageIO.TypeDesc("int[4]"), (*cicp, 0, 1))
    spec.attribute("jpegxl:use_boxes", 0)
    if quality is None:
        spec.attribute("jpegxl:effort", _EFFORT_WITHOUT_LOSS)
    spec.attribute("jpegxl:distance", 0.0 if quality is None else distance(quality))
    out = OpenImageIO.ImageOutput.create("jxl")
    assert out is not None, "OpenImageIO's wheels write JPEG XL"
    if not (out.open(str(path), spec) and out.write_image(pixels) and out.close()):
        raise OSError(errno.EIO, out.geterror())


def with_blocks(data: bytes, *, exif: bytes | None, xmp: bytes | None) -> list[bytes]:
    """A file in parts, with boxes for its metadata: plain ones, which every reader knows. `exif` begins with its TIFF header."""
    boxes = []
    if exif is not None:
        boxes.append(_box(b"Exif", _EXIF_OFFSET + exif))
    if xmp is not None:
        boxes.append(_box(b"xml ", xmp))
    if data.startswith(CONTAINER):
        return [data, *boxes]
    return [CONTAINER + _FILE_TYPE, *boxes, _box(b"jxlc", data)]


def _box(name: bytes, content: bytes) -> bytes:
    if len(content) + 8 < 1 << 32:
        return struct.pack(">I4s", len(content) + 8, name) + content
    return struct.pack(">I4sQ", 1, name, len(content) + 16) + content
