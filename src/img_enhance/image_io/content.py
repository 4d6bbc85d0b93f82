"""What a file is by its first bytes; its name is not asked."""

import struct
from pathlib import Path
from typing import BinaryIO

from img_enhance.errors import PhotoError, UnsupportedPhoto
from img_enhance.files import is_stream, missing
from img_enhance.geometry import Box
from img_enhance.image_io import jxl
from img_enhance.image_io.tiff_page import raw_kind
from img_enhance.photo import FORMATS

_FTYP_BRANDS = {
    "avif": (b"avif", b"avis"),
    "heic": (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"),
}


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
        raise missing(path) from None
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


_GIF_HEADER_BYTES, _GIF_PICTURE, _GIF_EXTENSION, _GIF_END = 13, b"\x2c", b"\x21", b"\x3b"
_GIF_TABLE, _GIF_TABLE_SIZE = 0x80, 7


def gif_frame(path: Path) -> Box | None:
    """Where in a GIF its first frame lies; None when that cannot be told. Source: GIF89a, sections 18 to 26."""
    with path.open("rb") as file:
        _skip_gif_header(file)
        return _next_gif_frame(file)


def gif_of_first_frame(path: Path) -> bytes | None:
    """A GIF of the first frame alone; None when it is not there to its end, or no other follows."""
    with path.open("rb") as file:
        _skip_gif_header(file)
        if _next_gif_frame(file) is None:
            return None
        flags = file.read(1)[:1] or b"\0"
        _skip_gif_table(file, flags[0])
        file.seek(1, 1)  # bits of a code
        whole, end = _skip_gif_blocks(file), file.tell()
        if not whole or _next_gif_frame(file) is None:
            return None
        file.seek(0)
        return file.read(end) + _GIF_END


def _skip_gif_header(file: BinaryIO) -> None:
    _skip_gif_table(file, file.read(_GIF_HEADER_BYTES)[10:11].rjust(1, b"\0")[0])


def _skip_gif_table(file: BinaryIO, flags: int) -> None:
    if flags & _GIF_TABLE:
        file.seek(3 * (2 << (flags & _GIF_TABLE_SIZE)), 1)


def _next_gif_frame(file: BinaryIO) -> Box | None:
    """The place of the next frame, of which four numbers are read; None where something else comes than extensions."""
    for _ in range(_GIF_BLOCKS_READ):
        kind = file.read(1)
        if kind == _GIF_PICTURE and len(place := file.read(8)) == 8:
            left, top, width, height = struct.unpack("<4H", place)
            return Box(left, top, left + width, top + height)
        if kind != _GIF_EXTENSION:
            return None
        file.seek(1, 1)
        _skip_gif_blocks(file)
    return None


def _skip_gif_blocks(file: BinaryIO) -> bool:
    """Whether the blocks up to an empty one are there."""
    while length := file.read(1)[:1]:
        if length == b"\0":
            return True
        file.seek(length[0], 1)
    return False


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
    """Whether a file holds a sequence which libvips does not count: animated PNG, AVIF or HEIC, and a GIF with a damaged frame."""
    if name == "png":
        return b"acTL" in png_chunks(path)
    if name == "gif":
        return gif_of_first_frame(path) is not None
    return name in ("avif", "heic") and _first_bytes(path)[8:12] in _SEQUENCE_BRANDS
