"""XMP in PNG, where other programs look for it: libvips hides it in a compressed zTXt chunk. EXIF in PNG, wherever it lies.

Source: PNG (W3C, third edition), sections 5.3, 11.3.3 and 11.3.4.4; XMP Specification Part 3, section 1.1.5. Raw profiles, which are older
than the chunk eXIf, as the manuals of ImageMagick and ExifTool tell of them.
"""

import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import BinaryIO

from img_enhance.metadata import BrokenMetadata

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_KEYWORD = b"XML:com.adobe.xmp\0"
_TEXT_CHUNKS = (b"iTXt", b"zTXt", b"tEXt")
_EXIF_KEYWORDS = (b"Raw profile type exif\0", b"Raw profile type APP1\0")
_LONGEST_KEYWORD = 80
_LONGEST_CHUNK = 2**31 - 1
_AFTER_DATA = 4  # the checksum

_MOST_BYTES = 16 << 20
_BYTES_AT_A_TIME = 1 << 20

# libpng writes 8192 bytes a chunk. A file of nothing but chunk headers must not cost minutes.
_FEWEST_BYTES_A_CHUNK = 2048
_CHUNKS_OF_ANY_SIZE = 10_000


def read_xmp(path: Path) -> bytes | None:
    """The XMP of a PNG file, before or after its pixels, compressed or not; None when it has none. Pixels are skipped.

    Raises: BrokenMetadata when the file is no PNG, is cut off before its XMP, or the XMP is damaged or above 16 MB;
    OSError when it cannot be read.
    """
    with path.open("rb") as file:
        for kind, length in _walk(file):
            if kind in _TEXT_CHUNKS and file.read(min(length, len(_KEYWORD))) == _KEYWORD:
                return _text(kind, _data(file, kind + _KEYWORD, length - len(_KEYWORD), "XMP"), "XMP")
    return None


def read_exif(path: Path) -> bytes | None:
    """The EXIF of a PNG file: that of its eXIf chunk, before or after its pixels, else of a text in hexadecimal digits ("Raw profile
    type exif"); None when it has none. Pixels are skipped.

    Raises: BrokenMetadata when the file is no PNG or is cut off, or the EXIF is damaged or above 16 MB; OSError when it cannot be read.
    """
    raw = None
    with path.open("rb") as file:
        for kind, length in _walk(file):
            if kind == b"eXIf":
                return _data(file, kind, length, "EXIF")
            if kind in _TEXT_CHUNKS and raw is None:
                keyword = file.read(min(length, _LONGEST_KEYWORD)).partition(b"\0")[0] + b"\0"
                if keyword in _EXIF_KEYWORDS:
                    file.seek(len(keyword) - min(length, _LONGEST_KEYWORD), 1)
                    raw = _text(kind, _data(file, kind + keyword, length - len(keyword), "EXIF"), "EXIF")
    return None if raw is None else _from_digits(raw)


def _from_digits(text: bytes) -> bytes | None:
    """What a raw profile holds: a name, a length, and so many bytes as hexadecimal digits. An APP1 may be no EXIF: None."""
    try:
        _, length, digits = text.split(None, 2)
        data = bytes.fromhex(digits.decode("ascii"))[: int(length)]
    except ValueError:
        raise BrokenMetadata("it is not written in hexadecimal digits") from None
    return data if data.startswith((b"Exif\0\0", b"II*\0", b"MM\0*")) else None


def _walk(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """Kind and length of each chunk up to the end, with the file at its data, wherever whoever took the last one left it."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    for number, (kind, length) in enumerate(_chunks(file)):
        if number > _CHUNKS_OF_ANY_SIZE + size // _FEWEST_BYTES_A_CHUNK:
            raise BrokenMetadata(f"it has more than {number} chunks in {size} bytes")
        if kind == b"IEND":
            return
        start = file.tell()
        yield kind, length
        file.seek(start + length + _AFTER_DATA)


def add_xmp(source: Path | BinaryIO, target: BinaryIO, xmp: bytes | None, *, cicp: tuple[int, int] | None = None) -> None:
    """Copy the PNG `source` to `target` with `xmp`, plain, right after its header, and without the XMP it had. Memory is constant.

    `cicp` are the numbers of primaries and curve, in the full range, that its values are said to be of; it must say no other colours.

    Raises: BrokenMetadata when `source` is no PNG or is cut off, or `xmp` is no UTF-8 or above 16 MB (`target` is then useless, and
    empty in the last case); OSError when one cannot be read or written.
    """
    # Before the pixels, where cICP has to be.
    added = (b"" if cicp is None else _chunk(b"cICP", bytes((*cicp, 0, 1)))) + (b"" if xmp is None else _plain_chunk(xmp))
    with source.open("rb") if isinstance(source, Path) else nullcontext(source) as file:
        for number, (kind, length) in enumerate(_chunks(file)):
            if number == 0:
                target.write(_SIGNATURE)
            head = _exactly(file, min(length, len(_KEYWORD)))
            is_xmp = kind in _TEXT_CHUNKS and head == _KEYWORD
            if not is_xmp:
                target.write(struct.pack(">I", length) + kind + head)
            _pass_on(file, length - len(head) + _AFTER_DATA, None if is_xmp else target)
            if number == 0:
                target.write(added)
            if kind == b"IEND":
                return
    raise BrokenMetadata("the PNG is cut off")


def _chunks(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """Kind and length of each chunk. Whoever takes one leaves the file at the chunk's end."""
    if file.read(len(_SIGNATURE)) != _SIGNATURE:
        raise BrokenMetadata("it does not start like a PNG")
    first = True
    while len(head := file.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        if length > _LONGEST_CHUNK or (first and (kind, length) != (b"IHDR", 13)):
            raise BrokenMetadata(f"it has a chunk {kind!r} of {length} bytes, which no PNG has")
        first = False
        yield kind, length


def _data(file: BinaryIO, before: bytes, length: int, what: str) -> bytes:
    """The next bytes of a chunk, checked; `before` is its kind and what was read of it."""
    if length > _MOST_BYTES:
        raise BrokenMetadata(f"the {what} has {length} bytes, allowed {_MOST_BYTES}")
    data = _exactly(file, length)
    (checksum,) = struct.unpack(">I", _exactly(file, _AFTER_DATA))
    if zlib.crc32(before + data) != checksum:
        raise BrokenMetadata(f"the checksum of the {what} is wrong")
    return data


def _text(kind: bytes, data: bytes, what: str) -> bytes:
    if kind == b"tEXt":
        return data
    if kind == b"zTXt":
        return _inflated(data[:1], data[1:], what)
    parts = data[2:].split(b"\0", 2)  # language, translated keyword, text
    if len(data) < 2 or len(parts) < 3:
        raise BrokenMetadata(f"the {what} has no text")
    return _inflated(data[1:2], parts[2], what) if data[0] else parts[2]


def _inflated(method: bytes, data: bytes, what: str) -> bytes:
    if method != b"\0":
        raise BrokenMetadata(f"the {what} is compressed in an unknown way")
    inflate = zlib.decompressobj()
    try:
        text = inflate.decompress(data, _MOST_BYTES + 1)
    except zlib.error as error:
        raise BrokenMetadata(f"the {what} cannot be decompressed: {error}") from None
    if len(text) > _MOST_BYTES or not inflate.eof:
        raise BrokenMetadata(f"the {what} is cut off, or has more than the {_MOST_BYTES} bytes allowed")
    return text


def _plain_chunk(xmp: bytes) -> bytes:
    if len(xmp) > _MOST_BYTES:
        raise BrokenMetadata(f"the XMP has {len(xmp)} bytes, allowed {_MOST_BYTES}")
    try:
        xmp.decode("utf-8")
    except UnicodeDecodeError:
        raise BrokenMetadata("the XMP is not UTF-8") from None
    return _chunk(b"iTXt", _KEYWORD + b"\0\0\0\0" + xmp)  # not compressed, by no method; no language, no translated keyword


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _exactly(file: BinaryIO, size: int) -> bytes:
    data = file.read(size)
    if len(data) < size:
        raise BrokenMetadata("the PNG is cut off")
    return data


def _pass_on(file: BinaryIO, size: int, target: BinaryIO | None) -> None:
    while size:
        data = _exactly(file, min(size, _BYTES_AT_A_TIME))
        size -= len(data)
        if target is not None:
            target.write(data)
