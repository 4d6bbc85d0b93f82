"""What an AVIF or HEIC says of its colours beside a profile: the nclx of its main picture, or the header of its AV1.

Source: ISO/IEC 14496-12:2022, sections 4.2 (boxes), 8.11 (meta, pitm, iref) and 12.1.5 (colr); ISO/IEC 23008-12:2022, section
9.3 (ipco, ipma); AV1 Codec ISO Media File Format Binding, section 2.3 (av1C); ISO/IEC 14496-15:2022, section 8.3 (hvcC).
"""

import struct
from collections.abc import Iterator
from pathlib import Path

from img_enhance.metadata import BrokenMetadata
from img_enhance.metadata.av1 import sequence_colours
from img_enhance.metadata.colours import Colours, coded_colours

_MOST_BYTES = 16 << 20
_MOST_BOXES = 1000
_VERSION_BYTES = 4
_FULL_RANGE, _AV1_MONOCHROME, _AV1_UNITS_AT, _HEVC_CHROMA_AT = 0x80, 0x10, 4, 16


def read_nclx(path: Path) -> Colours | None:
    """The colours of the main picture, or of the first tile that it is made of, by nclx, else by its AV1; None where neither says them.

    They are `full` unless the picture is grey with values as in video: libheif 1.23 makes those of colours full, and leaves grey.

    Raises: BrokenMetadata when they make no sense; OSError when the file cannot be read.
    """
    try:
        meta = dict(_boxes(_meta(path)[_VERSION_BYTES:]))
        if not {b"pitm", b"iprp"} <= meta.keys():
            return None
        main = _numbers(meta[b"pitm"], _VERSION_BYTES, "I" if meta[b"pitm"][0] else "H")[0]
        held = dict(_boxes(meta[b"iprp"]))
        boxes = list(_boxes(held.get(b"ipco", b"")))
        owned = _associations(held[b"ipma"]) if b"ipma" in held else {}
        tile = _first_tile(meta[b"iref"], main) if b"iref" in meta else None
        properties = [boxes[index - 1] for item in (main, tile) for index in owned.get(item, ()) if 0 < index <= len(boxes)]
        for kind, body in properties:
            if kind == b"colr" and body[:4] == b"nclx":
                primaries, transfer, _, flags = _numbers(body, 4, "HHHB")
                return coded_colours(primaries, transfer, full=bool(flags & _FULL_RANGE) or not any(map(_is_grey, properties)))
        for kind, body in properties:
            if kind == b"av1C":
                return sequence_colours(body[_AV1_UNITS_AT:])
    except (struct.error, IndexError):
        raise BrokenMetadata("the boxes that say its colours are cut off") from None
    return None


def is_premultiplied(path: Path) -> bool:
    """Whether the colours of any picture in the file were multiplied by its transparency, which decoders do not undo.

    False too where its boxes are cut off. Raises: OSError when the file cannot be read.

    Source: ISO/IEC 23000-22:2019, section 7.3.5.2 (a reference named prem, to the transparency).
    """
    try:
        references = dict(_boxes(_meta(path)[_VERSION_BYTES:])).get(b"iref", b"")
        return any(name == b"prem" for name, _ in _boxes(references[_VERSION_BYTES:]))
    except (BrokenMetadata, struct.error):
        return False


def _is_grey(box: tuple[bytes, bytes]) -> bool:
    """Whether a property says that its picture is coded without colour."""
    kind, body = box
    if kind == b"av1C":
        return bool(body[2] & _AV1_MONOCHROME)
    return kind == b"hvcC" and body[_HEVC_CHROMA_AT] & 3 == 0


def _meta(path: Path) -> bytes:
    """The body of the file's box of metadata; empty where there is none."""
    with path.open("rb") as file:
        for _ in range(_MOST_BOXES):
            head = file.read(16)
            if len(head) < 8:
                break
            start, size = _body(head)
            if head[4:8] == b"meta":
                if size - start > _MOST_BYTES:
                    raise BrokenMetadata(f"its box of metadata has {size} bytes, allowed {_MOST_BYTES}")
                file.seek(start - len(head), 1)
                return file.read(size - start if size else _MOST_BYTES)
            if not size:
                break
            file.seek(size - len(head), 1)
    return b""


def _body(head: bytes) -> tuple[int, int]:
    """Where the body of the box that begins with `head` starts, and the box's whole size; 0 for one that lasts to the end."""
    (size,) = struct.unpack_from(">I", head)
    start = 8
    if size == 1:
        (size,), start = struct.unpack_from(">Q", head, 8), 16
    if (size and size < start) or size >= 1 << 62:
        raise BrokenMetadata(f"it has a box of {size} bytes, which no file has")
    return start, size


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and body of each box in `data`."""
    at = 0
    while at + 8 <= len(data):
        start, size = _body(data[at : at + 16])
        end = at + size if size else len(data)
        yield data[at + 4 : at + 8], data[at + start : end]
        at = end


def _numbers(data: bytes, at: int, kinds: str) -> tuple[int, ...]:
    return struct.unpack_from(">" + kinds, data, at)


def _associations(ipma: bytes) -> dict[int | None, tuple[int, ...]]:
    """The properties of each item, as numbers that count from 1."""
    version, wide = ipma[0], ipma[3] & 1
    (count,) = _numbers(ipma, _VERSION_BYTES, "I")
    at, found = _VERSION_BYTES + 4, dict[int | None, tuple[int, ...]]()
    for _ in range(min(count, len(ipma))):
        item, entries = _numbers(ipma, at, "IB" if version else "HB")
        at += 5 if version else 3
        lines = _numbers(ipma, at, f"{entries}{'H' if wide else 'B'}")
        at += entries * (2 if wide else 1)
        # The highest bit says that a reader must know the property.
        found[item] = tuple(line & (0x7FFF if wide else 0x7F) for line in lines)
    return found


def _first_tile(iref: bytes, item: int) -> int | None:
    """The first item that `item` is derived from."""
    kind = "I" if iref[0] else "H"
    for name, body in _boxes(iref[_VERSION_BYTES:]):
        source, count = _numbers(body, 0, kind + "H")
        if name == b"dimg" and source == item and count:
            return _numbers(body, struct.calcsize(">" + kind + "H"), kind)[0]
    return None
