"""Blocks of metadata as files carry them: EXIF to the byte, and IPTC in the envelope that each format wants.

libvips takes EXIF apart and writes it anew, which moves the notes of camera makers and breaks the offsets in them. So it is given a
stand-in of the right length, and the real one is put in its place.
"""

import mmap
import secrets
import struct
import zlib
from pathlib import Path

from img_enhance.errors import IntegrityError
from img_enhance.metadata.blob import EXIF_POINTER, PREFIX, tiff_of
from img_enhance.metadata.ifd import Layout, Node, Value, pack, pack_header

_MAKER_NOTE, _UNDEFINED = 0x927C, 7
_MARK_BYTES = 32

_PHOTOSHOP = b"Photoshop 3.0\0"
_IPTC_RESOURCE = 0x0404
_DATASET, _LONGEST_DATASET = b"\x1c", 0x7FFF
# Content location (code, name), city, sublocation, state, country (code, name).
_PLACES = (0x021A, 0x021B, 0x025A, 0x025C, 0x025F, 0x0264, 0x0265)


def stand_in(size: int) -> tuple[bytes, bytes]:
    """EXIF that is at least `size` bytes long however it is written anew, and the mark at the start of its last `size` bytes."""
    mark = secrets.token_bytes(_MARK_BYTES)
    layout = Layout("<", big=False)
    note = Value(_MAKER_NOTE, _UNDEFINED, max(size, _MARK_BYTES), mark.ljust(size, b"\0"))
    root = Node((), ((EXIF_POINTER, Node((note,))),))
    return PREFIX + pack_header(layout, layout.header_bytes) + pack(root, layout, layout.header_bytes), mark


def put_exif(path: Path, mark: bytes, exif: bytes) -> None:
    """Replace the stand-in that carries `mark` in a JPEG, PNG, WebP or AVIF file by `exif`, in place.

    Raises: IntegrityError when it is not there; OSError when the file cannot be written.
    """
    tiff = tiff_of(exif)
    with path.open("rb+") as file, mmap.mmap(file.fileno(), 0) as data:
        at = data.find(mark)
        start = data.rfind(b"II*\0", 0, max(at, 0))
        end = at + max(len(tiff), _MARK_BYTES)
        if start < 0:  # as it is where there is no mark
            raise IntegrityError(f"the EXIF of {path.name} is not where it was written; nothing was kept")
        data[start:end] = tiff.ljust(end - start, b"\0")
        if data[:4] == b"\x89PNG":
            (length,) = struct.unpack(">I", data[start - 8 : start - 4])
            data[start + length : start + length + 4] = struct.pack(">I", zlib.crc32(data[start - 4 : start + length]))


def spread_iptc(iptc: bytes) -> bytes:
    """IPTC with zeros behind it, four times as long: libvips 8.18 takes a block for LONGs, and libtiff writes so many bytes."""
    return iptc.ljust(4 * len(iptc), b"\0")


def enveloped_iptc(iptc: bytes) -> bytes:
    """IPTC as JPEG has it, among Photoshop's resources."""
    if iptc.startswith(_PHOTOSHOP):
        return iptc
    return _PHOTOSHOP + b"8BIM" + struct.pack(">HHI", _IPTC_RESOURCE, 0, len(iptc)) + iptc + b"\0" * (len(iptc) % 2)


def bare_iptc(iptc: bytes) -> bytes | None:
    """IPTC as TIFF has it; None when Photoshop's resources hold none, or cannot be read."""
    if not iptc.startswith(_PHOTOSHOP):
        return iptc
    at = len(_PHOTOSHOP)
    while iptc[at : at + 4] == b"8BIM" and at + 7 <= len(iptc):
        (number,) = struct.unpack_from(">H", iptc, at + 4)
        name = 1 + iptc[at + 6]
        start = at + 6 + name + name % 2 + 4
        if start > len(iptc):
            return None
        (size,) = struct.unpack_from(">I", iptc, start - 4)
        if number == _IPTC_RESOURCE:
            return iptc[start : start + size] if start + size <= len(iptc) else None
        at = start + size + size % 2
    return None


def without_places(iptc: bytes) -> bytes:
    """Bare IPTC without the places that it names: its datasets up to the first that cannot be read, but for these.

    Source: IPTC-NAA Information Interchange Model 4.2, sections 1.5 (datasets) and 6.
    """
    kept, at = b"", 0
    while iptc[at : at + 1] == _DATASET and at + 5 <= len(iptc):
        number, size = struct.unpack_from(">HH", iptc, at + 1)
        end = at + 5 + size
        if size > _LONGEST_DATASET or end > len(iptc):
            break
        kept += b"" if number in _PLACES else iptc[at:end]
        at = end
    return kept
