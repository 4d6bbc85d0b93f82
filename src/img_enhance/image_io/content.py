"""What a file is by its first bytes; its name is not asked."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from img_enhance.errors import PhotoError, UnsupportedPhoto
from img_enhance.files import is_stream
from img_enhance.geometry import Box
from img_enhance.image_io import jxl
from img_enhance.metadata import BrokenMetadata
from img_enhance.metadata.ifd import IFD, LONG, SHORT, Directory, Layout, Read, read_directory, read_layout, read_number, read_value
from img_enhance.photo import FORMATS

_FTYP_BRANDS = {
    "avif": (b"avif", b"avis"),
    "heic": (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"),
}


# Tags of TIFF, and what they say.
_SUBFILE, _BITS, _COMPRESSION, _PHOTOMETRIC, _PLANES = 0x00FE, 0x0102, 0x0103, 0x0106, 0x011C
_TILE_WIDTH, _SUBDIRECTORIES, _DNG_VERSION = 0x0142, 0x014A, 0xC612
_REDUCED, _JPEG_IN_TIFF, _YCBCR, _COLOUR_FILTERS, _SEPARATE = 1, 7, 6, 32803, 2
_SENSOR = (_COLOUR_FILTERS, 34_892)  # colour filters, and linear light of the sensor
_ONLY_IN_PILLOW = {34925: "LZMA", 50000: "zstd", 50001: "WebP"}
_IN_NEITHER = {34712: "JPEG 2000", 34887: "LERC", 34892: "lossy JPEG", 50002: "JPEG XL", 52546: "JPEG XL"}
_TIFF_PAGES_READ, _MOST_SAMPLES, _MOST_SUBDIRECTORIES = 1000, 100, 16

_TIFF_SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
# RAF; ORF, of three kinds; RW2. CR3 is told by its brand, and DNG, CR2, NEF and ARW are TIFFs.
_RAW_SIGNATURES = (b"FUJIFILMCCD-RAW", b"IIRO", b"IIRS", b"MMOR", b"IIU\0")

_PNG_CHUNKS_READ = 1000
_PNG_CRITICAL = frozenset((b"IHDR", b"PLTE", b"IDAT", b"IEND"))
_GIF_BLOCKS_READ = 1000
_SEQUENCE_BRANDS = (b"avis", b"msf1", b"hevc", b"hevx", b"hevm", b"hevs")


def content_format(path: Path) -> str:
    """The name of the format in FORMATS whose signature the file carries.

    Raises: PhotoError when it cannot be read, UnsupportedPhoto when it is none of them.
    """
    start = _first_bytes(path)
    if not start:
        raise PhotoError(f"{path} is empty", "get it again from where it came")
    name = _known(start)
    if name == "tiff" and raw_kind(path) is not None:
        name = "raw"
    if name is None:
        known = ", ".join(entry.name for entry in FORMATS)
        raise UnsupportedPhoto(f"{path} is not an image of a known kind, whatever its name says", f"known are {known}")
    return name


def _first_bytes(path: Path) -> bytes:
    if is_stream(path):  # which may never answer, and cannot be read twice
        raise PhotoError(f"{path} is a pipe or a device, not a file", "save what comes out of it as a file first")
    try:
        with path.open("rb") as file:
            return file.read(64)
    except FileNotFoundError:
        raise PhotoError(f"{path} does not exist", "check the name") from None
    except IsADirectoryError:
        raise PhotoError(f"{path} is a folder", "name a photo in it") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise PhotoError(f"{path} cannot be read: {reason}", "check its name and permissions") from None


def _known(start: bytes) -> str | None:
    if start.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if start.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "webp"
    if start.startswith(_TIFF_SIGNATURES):
        return "tiff"
    if start[:6] in (b"GIF87a", b"GIF89a"):
        return "gif"
    if start[:2] == b"BM" and start[6:10] == b"\0\0\0\0":
        return "bmp"
    if start.startswith(_RAW_SIGNATURES) or start[4:12] == b"ftypcrx ":
        return "raw"
    if start.startswith((jxl.CODESTREAM, jxl.CONTAINER)):
        return "jxl"
    if start[4:8] == b"ftyp":
        # The major brand first; "mif1" says only that it is some HEIF, so the compatible brands decide.
        brands = [start[8:12], *(start[i : i + 4] for i in range(16, min(len(start), int.from_bytes(start[:4])) - 3, 4))]
        for name in ("avif", "heic"):
            if any(brand in _FTYP_BRANDS[name] for brand in brands):
                return name
    return None


def is_tiff(path: Path) -> bool:
    """Whether a file is built as TIFF says, of whatever kind it is."""
    return _first_bytes(path).startswith(_TIFF_SIGNATURES)


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
    """The page of a TIFF that is the photo, counted from 0, and how many are small versions of others.

    `by_pillow` says that libvips reads its header, but not its pixels.
    """

    number: int
    small: int
    by_pillow: bool


def photo_page(path: Path) -> TiffPage:
    """The page of a TIFF to decode: the first that is not a small version of another one.

    Raises: UnsupportedPhoto for a camera's raw file, YCbCr that is not inside JPEG, and for what no decoder here reads; PhotoError when it
    has no directory.
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
    if facts[_PHOTOMETRIC] == _YCBCR and facts[_COMPRESSION] != _JPEG_IN_TIFF:
        raise UnsupportedPhoto(f"{path} is a TIFF in YCbCr, which is not taken", "save it as RGB first")
    bits = _bits(read, layout, page)
    if any(depth % 8 and depth not in (1, 2, 4) for depth in bits):
        raise UnsupportedPhoto(f"{path} is a TIFF of {bits[0]} bits a channel, which is not taken", "save it with 8 or 16 first")
    by_pillow = _by_pillow(path, bits, compression=facts[_COMPRESSION], tiled_planes=facts[_PLANES] == _SEPARATE and facts[_TILE_WIDTH] > 0)
    return TiffPage(number, small.count(True), by_pillow)


def _by_pillow(path: Path, bits: tuple[int, ...], *, compression: int, tiled_planes: bool) -> bool:
    """Whether it takes Pillow to read pixels of this kind, which has no more than 8 bits for colours.

    Raises: UnsupportedPhoto where that is not enough.
    """
    name = _ONLY_IN_PILLOW.get(compression) or _IN_NEITHER.get(compression)
    if name is None and not tiled_planes:
        return False
    if compression in _IN_NEITHER or set(bits) != {8}:
        what = f"compressed with {name}" if name else "of tiles in separate planes"
        raise UnsupportedPhoto(f"{path} is a TIFF of {bits[0]} bits {what}, which is not taken", "save it with deflate or LZW first")
    return True


def _directories(read: Read, layout: Layout, at: int) -> Iterator[Directory]:
    """The first few directories, of which the first must be readable."""
    seen = set[int]()
    while at and at not in seen and len(seen) < _TIFF_PAGES_READ:
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


_GIF_HEADER_BYTES, _GIF_PICTURE, _GIF_EXTENSION = 13, b"\x2c", b"\x21"


def gif_frame(path: Path) -> Box | None:
    """Where in a GIF its first frame lies; None when that cannot be told. Source: GIF89a, sections 18 to 26."""
    with path.open("rb") as file:
        header = file.read(_GIF_HEADER_BYTES)
        if header[10] & 0x80:
            file.seek(3 * (2 << (header[10] & 7)), 1)
        for _ in range(_GIF_BLOCKS_READ):
            kind = file.read(1)
            if kind == _GIF_PICTURE and len(place := file.read(8)) == 8:
                left, top, width, height = struct.unpack("<4H", place)
                return Box(left, top, left + width, top + height)
            if kind != _GIF_EXTENSION:
                return None
            file.seek(1, 1)
            while length := file.read(1)[:1]:
                if length == b"\0":
                    break
                file.seek(length[0], 1)
    return None


def png_chunks(path: Path) -> frozenset[bytes]:
    """The kinds of a PNG's chunks before its pixels."""
    kinds = set()
    with path.open("rb") as file:
        file.seek(8)
        for _ in range(_PNG_CHUNKS_READ):
            head = file.read(8)
            if len(head) < 8 or head[4:] == b"IDAT":
                break
            kinds.add(head[4:])
            file.seek(int.from_bytes(head[:4]) + 4, 1)
    return frozenset(kinds)


def check_png(path: Path) -> None:
    """Pass if a PNG has no chunk that must be understood and is not.

    Raises: UnsupportedPhoto that names it.
    """
    for kind in sorted(png_chunks(path) - _PNG_CRITICAL):
        if kind == b"CgBI":
            raise UnsupportedPhoto(f"{path} is a PNG as Xcode changes it for iPhones (CgBI), not a standard one", "get it as it was before")
        if kind.isalpha() and kind[:1].isupper():
            raise UnsupportedPhoto(
                f"{path} is a PNG with a chunk {kind.decode()} that is no part of the standard", "save it anew where it was made"
            )


def is_animated(path: Path, name: str) -> bool:
    """Whether a file says that it holds a sequence which libvips does not count: animated PNG, AVIF or HEIC."""
    if name == "png":
        return b"acTL" in png_chunks(path)
    return name in ("avif", "heic") and _first_bytes(path)[8:12] in _SEQUENCE_BRANDS
