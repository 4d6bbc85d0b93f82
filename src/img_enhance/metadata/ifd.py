"""The directories that TIFF and EXIF are made of: read with bounds, packed in either byte order, classic or BigTIFF.

Source: TIFF 6.0, section 2; the BigTIFF proposal; EXIF 3.0 for type 129.
"""

import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from img_enhance.metadata import BrokenMetadata

Read = Callable[[int, int], bytes]
"""`(at, size)` to the bytes there: fewer than `size` where they end, none beyond."""

MOST_BYTES = 16 << 20

SHORT, LONG, RATIONAL, IFD, IFD8 = 3, 4, 5, 13, 18
_LONG8, _SLONG8, _SLONG = 16, 17, 9
_UNIT_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8, 129: 1}
_SWAPPED_BYTES = {3: 2, 4: 4, 5: 4, 8: 2, 9: 4, 10: 4, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_NARROW = {_LONG8: (LONG, "I", 2**32), _SLONG8: (_SLONG, "i", 2**31), IFD8: (IFD, "I", 2**32)}

# Cameras write fewer than 100. A forged count must not cost seconds.
_MOST_ENTRIES = 1000


@dataclass(frozen=True)
class Layout:
    """How numbers and directories are written: `order` is "<" or ">", `big` is BigTIFF."""

    order: str
    big: bool

    @property
    def header_bytes(self) -> int:
        return 16 if self.big else 8

    @property
    def entry_bytes(self) -> int:
        return 20 if self.big else 12

    @property
    def offset_bytes(self) -> int:
        return 8 if self.big else 4

    @property
    def _count(self) -> struct.Struct:
        return struct.Struct(self.order + ("Q" if self.big else "H"))

    @property
    def _offset(self) -> struct.Struct:
        return struct.Struct(self.order + ("Q" if self.big else "I"))

    @property
    def _entry(self) -> struct.Struct:
        return struct.Struct(self.order + ("HHQ" if self.big else "HHI"))


@dataclass(frozen=True)
class Entry:
    """One line of a directory at `at`. `size` is the bytes of its value at `value_at`, None when the type is unknown."""

    tag: int
    type: int
    count: int
    at: int
    value_at: int
    size: int | None
    inline: bool


@dataclass(frozen=True)
class Directory:
    """A directory at `at` whose last entry ends at `end`; the offset of the next directory should stand there."""

    at: int
    end: int
    entries: tuple[Entry, ...]
    next: int

    def first(self, tag: int) -> Entry | None:
        return next((entry for entry in self.entries if entry.tag == tag), None)


@dataclass(frozen=True)
class Value:
    """A tag with its value in some byte order."""

    tag: int
    type: int
    count: int
    data: bytes


@dataclass(frozen=True)
class Node:
    """A directory to be packed, with the directories below it and the tags that point to them."""

    values: tuple[Value, ...]
    children: tuple[tuple[int, "Node"], ...] = ()


def reader(data: bytes) -> Read:
    return lambda at, size: data[at : at + size]


def read_layout(read: Read) -> tuple[Layout, int]:
    """The layout a header states, and the offset of the first directory.

    Raises: BrokenMetadata when it is no header of TIFF.
    """
    header = read(0, 16)
    order = {b"II": "<", b"MM": ">"}.get(header[:2])
    if order is None or len(header) < 8:
        raise BrokenMetadata("it does not start like a TIFF")
    (magic,) = struct.unpack_from(order + "H", header, 2)
    if magic == 42:
        return Layout(order, big=False), struct.unpack_from(order + "I", header, 4)[0]
    if magic == 43 and len(header) == 16 and struct.unpack_from(order + "HH", header, 4) == (8, 0):
        return Layout(order, big=True), struct.unpack_from(order + "Q", header, 8)[0]
    raise BrokenMetadata("it does not start like a TIFF")


def pack_header(layout: Layout, first: int) -> bytes:
    mark = b"II" if layout.order == "<" else b"MM"
    if layout.big:
        return mark + struct.pack(layout.order + "HHHQ", 43, 8, 0, first)
    return mark + struct.pack(layout.order + "HI", 42, first)


def read_directory(read: Read, layout: Layout, at: int) -> Directory:
    """The directory at `at`. Values are not read and may lie out of bounds.

    Raises: BrokenMetadata when the directory itself does, or has absurdly many entries.
    """
    start = at + layout._count.size
    head = read(at, layout._count.size)
    if at < layout.header_bytes or len(head) < layout._count.size:
        raise BrokenMetadata(f"a directory at {at} is out of bounds")
    (count,) = layout._count.unpack(head)
    if count > _MOST_ENTRIES:
        raise BrokenMetadata(f"a directory at {at} has {count} entries, allowed {_MOST_ENTRIES}")
    end = start + count * layout.entry_bytes
    lines = read(start, end - start)
    if len(lines) < end - start:
        raise BrokenMetadata(f"a directory at {at} ends after the data")
    entries = tuple(_entry(layout, lines, number, start) for number in range(count))
    after = read(end, layout.offset_bytes)
    return Directory(at, end, entries, layout._offset.unpack(after)[0] if len(after) == layout.offset_bytes else 0)


def _entry(layout: Layout, lines: bytes, number: int, start: int) -> Entry:
    position = number * layout.entry_bytes
    tag, kind, count = layout._entry.unpack_from(lines, position)
    value = position + layout._entry.size
    unit = _UNIT_BYTES.get(kind)
    size = None if unit is None else unit * count
    inline = size is None or size <= layout.offset_bytes
    value_at = start + value if inline else layout._offset.unpack_from(lines, value)[0]
    return Entry(tag, kind, count, start + position, value_at, size, inline)


def read_value(read: Read, entry: Entry) -> Value:
    """The value of an entry of a known type.

    Raises: BrokenMetadata when it is out of bounds or too large.
    """
    size = entry.size or 0
    if size > MOST_BYTES:
        raise BrokenMetadata(f"tag {entry.tag:#06x} has {size} bytes, allowed {MOST_BYTES}")
    data = read(entry.value_at, size)
    if len(data) < size:
        raise BrokenMetadata(f"the value of tag {entry.tag:#06x} is out of bounds")
    return Value(entry.tag, entry.type, entry.count, data)


def read_number(read: Read, layout: Layout, entry: Entry) -> int | None:
    """The only SHORT, LONG or offset of an entry; None when it holds something else."""
    kinds = {SHORT: "H", LONG: "I", IFD: "I", _LONG8: "Q", IFD8: "Q"}
    if entry.type not in kinds or entry.count != 1:
        return None
    number: int = struct.unpack(layout.order + kinds[entry.type], read_value(read, entry).data)[0]
    return number


def recoded(value: Value, order: str, layout: Layout) -> Value | None:
    """`value`, which is in byte order `order`, as `layout` has it; None when it does not fit."""
    kind, data = value.type, value.data
    if order != layout.order:
        width = _SWAPPED_BYTES.get(kind, 1)
        data = b"".join(data[at : at + width][::-1] for at in range(0, len(data), width)) if width > 1 else data
    if kind in _NARROW and not layout.big:
        kind, code, limit = _NARROW[kind]
        wide = struct.unpack(f"{layout.order}{value.count}{'q' if code == 'i' else 'Q'}", data)
        if any(not -limit <= number < limit for number in wide):
            return None
        data = struct.pack(f"{layout.order}{value.count}{code}", *wide)
    return Value(value.tag, kind, value.count, data)


def pack(node: Node, layout: Layout, at: int, *, lines: Sequence[tuple[int, bytes]] = (), next_at: int = 0) -> bytes:
    """The bytes of a directory that will lie at `at`, which must be even, with its values and the directories below.

    `lines` are further entries, by tag, as they stand in another directory of the same file: their values stay where they are.

    Raises: BrokenMetadata when an offset would not fit the layout.
    """
    pointers = [Value(tag, IFD8 if layout.big else LONG, 1, bytes(layout.offset_bytes)) for tag, _ in node.children]
    count = len(node.values) + len(pointers) + len(lines)
    values_at = at + layout._count.size + count * layout.entry_bytes + layout.offset_bytes
    below_at = values_at + sum(_padded(len(value.data)) for value in node.values if len(value.data) > layout.offset_bytes)
    below = bytearray()
    for number, (_, child) in enumerate(node.children):
        pointers[number] = Value(pointers[number].tag, pointers[number].type, 1, _offset(layout, below_at + len(below)))
        below += pack(child, layout, below_at + len(below))
    packed, outside = _lines(layout, (*node.values, *pointers), values_at)
    ordered = b"".join(line for _, line in sorted((*lines, *packed), key=lambda line: line[0]))
    return layout._count.pack(count) + ordered + _offset(layout, next_at) + outside + below


def _lines(layout: Layout, values: Iterable[Value], at: int) -> tuple[list[tuple[int, bytes]], bytes]:
    lines, outside = [], bytearray()
    for value in values:
        place = value.data.ljust(layout.offset_bytes, b"\0")
        if len(value.data) > layout.offset_bytes:
            place = _offset(layout, at + len(outside))
            outside += value.data.ljust(_padded(len(value.data)), b"\0")
        lines.append((value.tag, layout._entry.pack(value.tag, value.type, value.count) + place))
    return lines, bytes(outside)


def _offset(layout: Layout, offset: int) -> bytes:
    if offset >= 1 << (8 * layout.offset_bytes):
        raise BrokenMetadata("there is no room for it below 4 GiB, where this kind of TIFF ends")
    return layout._offset.pack(offset)


def _padded(size: int) -> int:
    """Values start at even offsets."""
    return size + size % 2
