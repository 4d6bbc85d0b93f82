"""What the directories of a TIFF say: whether it is a camera's raw file, which page is the photo, and who reads its pixels."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from img_enhance.errors import PhotoError, UnsupportedPhoto
from img_enhance.image_io.extras import missing_extra
from img_enhance.metadata import BrokenMetadata
from img_enhance.metadata.ifd import IFD, LONG, SHORT, Directory, Layout, Read, read_directory, read_layout, read_number, read_value

# Tags of TIFF, and what they say.
_SUBFILE, _BITS, _COMPRESSION, _PHOTOMETRIC, _PLANES = 0x00FE, 0x0102, 0x0103, 0x0106, 0x011C
_TILE_WIDTH, _SUBDIRECTORIES, _DNG_VERSION = 0x0142, 0x014A, 0xC612
_REDUCED, _NO_COMPRESSION, _JPEG_IN_TIFF, _YCBCR, _COLOUR_FILTERS, _SEPARATE = 1, 1, 7, 6, 32803, 2
_SENSOR = (_COLOUR_FILTERS, 34_892)  # colour filters, and linear light of the sensor
# Compressions that libvips does not read. Pillow reads some of them, of 8 bits a channel.
_BY_PILLOW = {34925: "LZMA", 50000: "zstd"}
_BY_TIFFFILE = _BY_PILLOW | {
    34712: "JPEG 2000",
    34887: "LERC",
    34892: "lossy JPEG",
    34933: "PNG",
    34934: "JPEG XR",
    50001: "WebP",
    50002: "JPEG XL",
    52546: "JPEG XL",
}
_MOST_BITS = 32  # that libtiff, and libvips, take
_MOST_PAGES, _MOST_SAMPLES, _MOST_SUBDIRECTORIES = 1000, 100, 16


def raw_kind(path: Path) -> Literal["dng", "raw"] | None:
    """Whether a TIFF is a camera's raw file: a DNG, or a CR2 or one whose first picture, or one below it, has the colours of a sensor."""
    try:
        with path.open("rb") as file:
            read = _reader(file)
            layout, at = read_layout(read)
            directory = read_directory(read, layout, at)
            if directory.first(_DNG_VERSION) is not None:
                return "dng"
            below = directory.first(_SUBDIRECTORIES)
            places: tuple[int, ...] = ()
            if below is not None and below.type in (LONG, IFD) and below.count <= _MOST_SUBDIRECTORIES:
                places = struct.unpack(f"{layout.order}{below.count}I", read_value(read, below).data)
            directories = [directory, *(read_directory(read, layout, place) for place in places)]
            sensor = any(_number(read, layout, found, _PHOTOMETRIC) in _SENSOR for found in directories)
            return "raw" if sensor or read(8, 2) == b"CR" else None
    except (BrokenMetadata, OSError):
        return None  # it is no TIFF, or `photo_page` says what is wrong


def _reader(file: BinaryIO) -> Read:
    def read(at: int, size: int) -> bytes:
        if not 0 <= at < 1 << 63:
            return b""
        file.seek(at)
        return file.read(size)

    return read


@dataclass(frozen=True)
class TiffPage:
    """The page of a TIFF that is the photo, counted from 0; of how many that are no small versions of others; and who decodes it."""

    number: int
    photos: int
    decoder: Literal["libvips", "pillow", "tifffile"]


def photo_page(path: Path) -> TiffPage:
    """The page of a TIFF to decode: the first that is not a small version of another one.

    Raises: UnsupportedPhoto for a camera's raw file, and for what no decoder here reads; PhotoError when it has no directory.
    """
    try:
        with path.open("rb") as file:
            return _photo_page(path, _reader(file))
    except BrokenMetadata as error:
        raise PhotoError(f"{path} is truncated or damaged ({error})", "get it again from where it came") from None
    except OSError as error:
        raise PhotoError(f"{path} cannot be read: {error.strerror}", "check its name and permissions") from None


def _photo_page(path: Path, read: Read) -> TiffPage:
    layout, at = read_layout(read)
    directories = list(_directories(read, layout, at))
    first = directories[0]
    small = [bool(_number(read, layout, directory, _SUBFILE) & _REDUCED) for directory in directories]
    raw = read(8, 2) == b"CR" or first.first(_DNG_VERSION) is not None
    # A camera's raw file starts with a small picture of its own too, and has the photo in a directory below.
    raw = raw or (small[0] and (all(small) or first.first(_SUBDIRECTORIES) is not None))
    number = 0 if raw else small.index(False)
    page = directories[number]
    facts = {tag: _number(read, layout, page, tag) for tag in (_PHOTOMETRIC, _COMPRESSION, _PLANES, _TILE_WIDTH)}
    if raw or facts[_PHOTOMETRIC] == _COLOUR_FILTERS:
        raise UnsupportedPhoto(f"{path} is a camera's raw file", "develop it first and save it as TIFF of 16 bits")
    if facts[_PHOTOMETRIC] == _YCBCR and facts[_COMPRESSION] == _NO_COMPRESSION:
        raise UnsupportedPhoto(f"{path} is a TIFF in YCbCr without compression, which is not taken", "save it as RGB first")
    bits = _bits(read, layout, page)
    if max(bits) > _MOST_BITS:
        raise UnsupportedPhoto(f"{path} is a TIFF of {max(bits)} bits a channel, which is not taken", "save it with 8 or 16 bits a channel")
    odd = _oddness(facts, bits)
    return TiffPage(number, small.count(False), "libvips" if odd is None else _decoder(path, odd))


@dataclass(frozen=True)
class _Oddness:
    """What of a TIFF libvips does not read, in words, and whether Pillow does."""

    what: str
    pillow: bool


def _oddness(facts: dict[int, int], bits: tuple[int, ...]) -> _Oddness | None:
    compression, whole_bytes = facts[_COMPRESSION], set(bits) == {8}
    if compression in _BY_TIFFFILE:
        return _Oddness(f"of {bits[0]} bits compressed with {_BY_TIFFFILE[compression]}", whole_bytes and compression in _BY_PILLOW)
    if any(depth % 8 and depth not in (1, 2, 4) for depth in bits):
        return _Oddness(f"of {bits[0]} bits a channel", pillow=False)
    if facts[_PLANES] == _SEPARATE and facts[_TILE_WIDTH] > 0:
        return _Oddness(f"of {bits[0]} bits of tiles in separate planes", whole_bytes)
    if facts[_PHOTOMETRIC] == _YCBCR and compression != _JPEG_IN_TIFF:
        return _Oddness("in YCbCr", whole_bytes)
    return None


def _decoder(path: Path, odd: _Oddness) -> Literal["pillow", "tifffile"]:
    if odd.pillow:
        return "pillow"
    lacking = missing_extra("tifffile")
    if lacking is not None:
        raise UnsupportedPhoto(
            f"{path} is a TIFF {odd.what}, for which another package is needed", f"run: {lacking}; or save it with deflate or LZW first"
        )
    return "tifffile"


def _directories(read: Read, layout: Layout, at: int) -> Iterator[Directory]:
    """The first few directories, of which the first must be readable."""
    seen = set[int]()
    while at and at not in seen and len(seen) < _MOST_PAGES:
        try:
            directory = read_directory(read, layout, at)
        except BrokenMetadata:
            if not seen:
                raise
            return
        seen.add(at)
        yield directory
        at = directory.next
    if not seen:
        raise BrokenMetadata("it has no directory")


def _bits(read: Read, layout: Layout, directory: Directory) -> tuple[int, ...]:
    """Bits of each sample of a pixel."""
    entry = directory.first(_BITS)
    if entry is None or entry.type != SHORT or not 0 < entry.count <= _MOST_SAMPLES:
        return (1,)
    return struct.unpack(f"{layout.order}{entry.count}H", read_value(read, entry).data)


def _number(read: Read, layout: Layout, directory: Directory, tag: int) -> int:
    entry = directory.first(tag)
    return 0 if entry is None else read_number(read, layout, entry) or 0
