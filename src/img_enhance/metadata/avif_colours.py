"""What the values of an AVIF stand for, said in a file that libheif has written without knowing it.

Source: ISO/IEC 14496-12:2022, sections 8.11.3 (iloc) and 12.1.5 (colr); ISO/IEC 23008-12:2022, section 9.3 (ipco, ipma); AV1 Bitstream
& Decoding Process Specification, sections 5.3 (OBU), 5.5.1 (sequence header) and 5.5.2 (colours).
"""

import struct

from img_enhance.metadata import BrokenMetadata

_SEQUENCE_HEADER = 1
# Of a sequence header, enough for every field that is read here.
_HEADER_BYTES = 32
_IDENTITY = 0
_BT601 = 6

# Where a box begins, its body, and where it ends.
Span = tuple[int, int, int]


def with_colours(avif: bytes, primaries: int, transfer: int) -> bytes:
    """The file with these numbers of ITU-T H.273 in the nclx of its main picture and in its stream; pixels and all else stay.

    How colour was taken apart from brightness (the matrix) stays what the stream says, because so its values are coded.

    Raises: BrokenMetadata when the file is not built as libheif builds one with a single picture.
    """
    data = bytearray(avif)
    try:
        meta = _spans(data, (0, 0, len(data)))[b"meta"]
        inner = _spans(data, meta, skipped=4)
        item = struct.unpack_from(">H", data, inner[b"pitm"][1] + 4)[0]
        matrix = _said_in_stream(data, _placed(data, inner[b"iloc"], item), primaries, transfer)
        said = data.find(b"colrnclx", meta[1], meta[2])
        if said >= 0:  # without loss, libheif says how: by a matrix that changes nothing
            struct.pack_into(">HH", data, said + 8, primaries, transfer)
        else:
            _add_nclx(data, meta, inner, item, struct.pack(">HHHB", primaries, transfer, matrix, 0x80))
    except (struct.error, KeyError, IndexError):
        raise BrokenMetadata("the AVIF is not built as expected") from None
    return bytes(data)


def _spans(data: bytearray, parent: Span, *, skipped: int = 0) -> dict[bytes, Span]:
    """The boxes in the body of another, behind `skipped` bytes."""
    at, found = parent[1] + skipped, dict[bytes, Span]()
    while at + 8 <= parent[2]:
        size, kind = struct.unpack_from(">I4s", data, at)
        size = size or parent[2] - at
        if size < 8:
            raise BrokenMetadata(f"it has a box of {size} bytes")
        found[kind] = at, at + 8, at + size
        at += size
    return found


def _items(data: bytearray, iloc: Span) -> dict[int, int]:
    """Where each item's entry lies: its number, a reference, a base in 4 bytes, the number of extents, their offsets and lengths."""
    if data[iloc[1] : iloc[1] + 6] != b"\0\0\0\0\x44\x40":
        raise BrokenMetadata("its items are not listed as expected")
    (count,) = struct.unpack_from(">H", data, iloc[1] + 6)
    at, found = iloc[1] + 8, dict[int, int]()
    for _ in range(count):
        (item,) = struct.unpack_from(">H", data, at)
        found[item] = at
        at += 10 + 8 * int(struct.unpack_from(">H", data, at + 8)[0])
    return found


def _placed(data: bytearray, iloc: Span, item: int) -> int:
    """Where an item's data begin."""
    base, _, offset = struct.unpack_from(">IHI", data, _items(data, iloc)[item] + 4)
    return int(base + offset)


def _add_nclx(data: bytearray, meta: Span, inner: dict[bytes, Span], item: int, numbers: bytes) -> None:
    """Another property, owned by the main picture. All that lies behind moves."""
    property_box = struct.pack(">I8s", 12 + len(numbers), b"colrnclx") + numbers
    iprp = inner[b"iprp"]
    held = _spans(data, iprp)
    ipco, ipma = held[b"ipco"], held[b"ipma"]
    number = len(_listed(data, ipco)) + 1
    grown = len(property_box) + 1
    for entry in _items(data, inner[b"iloc"]).values():
        struct.pack_into(">I", data, entry + 4, struct.unpack_from(">I", data, entry + 4)[0] + grown)
    owned = _entry_of(data, ipma, item)
    for span, more in ((meta, grown), (iprp, grown), (ipco, len(property_box)), (ipma, 1)):
        struct.pack_into(">I", data, span[0], span[2] - span[0] + more)
    count = data[owned]
    data[owned] = count + 1
    data[owned + 1 + count : owned + 1 + count] = bytes((number,))
    data[ipco[2] : ipco[2]] = property_box


def _listed(data: bytearray, parent: Span) -> list[int]:
    """Where each of the boxes of another begins, those of the same kind too."""
    at, found = parent[1], list[int]()
    while at + 8 <= parent[2]:
        found.append(at)
        at += max(8, int(struct.unpack_from(">I", data, at)[0]))
    return found


def _entry_of(data: bytearray, ipma: Span, item: int) -> int:
    """Where the number of an item's properties stands."""
    if data[ipma[1] : ipma[1] + 4] != bytes(4):
        raise BrokenMetadata("its properties are not listed as expected")
    (count,) = struct.unpack_from(">I", data, ipma[1] + 4)
    at = ipma[1] + 8
    for _ in range(count):
        if struct.unpack_from(">H", data, at)[0] == item:
            return at + 2
        at += 3 + data[at + 2]
    raise BrokenMetadata("its main picture has no properties")


def _said_in_stream(data: bytearray, at: int, primaries: int, transfer: int) -> int:
    """The stream's matrix; primaries and curve are changed there.

    But not where it says sRGB with a matrix that changes nothing: then other numbers would need more bits. The container's count.
    """
    start = _sequence_header(data, at)
    bits = _Bits(bytes(data[start : start + _HEADER_BYTES]))
    place = _colours_place(bits)
    if place is None:
        return _BT601
    bits.at = place + 16
    matrix = bits.read(8)
    if matrix != _IDENTITY:
        data[start : start + _HEADER_BYTES] = bits.changed(place, (primaries << 8) | transfer)[: len(data) - start]
    return matrix


def _sequence_header(data: bytearray, at: int) -> int:
    """Where the sequence header's fields begin."""
    while True:
        kind, at = data[at] >> 3 & 15, at + 1
        size = shift = 0
        while True:
            size, more = size | (data[at] & 127) << shift, data[at] & 128
            shift, at = shift + 7, at + 1
            if not more:
                break
        if kind == _SEQUENCE_HEADER:
            return at
        at += size


class _Bits:
    """Bits of bytes, the highest first."""

    def __init__(self, data: bytes) -> None:
        self.value, self.size, self.at = int.from_bytes(data), 8 * len(data), 0

    def read(self, count: int) -> int:
        self.at += count
        return self.value >> (self.size - self.at) & ((1 << count) - 1)

    def changed(self, at: int, value: int) -> bytes:
        """The bytes with 16 bits changed."""
        shift = self.size - at - 16
        return (self.value & ~(0xFFFF << shift) | value << shift).to_bytes(self.size // 8)


def _colours_place(bits: _Bits) -> int | None:
    """Where the numbers of primaries, curve and matrix begin, 8 bits each; None where the stream has none."""
    profile, _, reduced = bits.read(3), bits.read(1), bits.read(1)
    if not reduced:
        raise BrokenMetadata("its stream is none of a single picture")
    bits.read(5)  # level
    width, height = bits.read(4), bits.read(4)
    bits.read(width + 1 + height + 1)
    bits.read(6)  # tools
    if bits.read(1) and profile == 2:  # more than 8 bits
        bits.read(1)  # 12
    if profile != 1:
        bits.read(1)  # grey
    return bits.at if bits.read(1) else None
