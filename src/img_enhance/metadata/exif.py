"""EXIF, patched where it lies: nothing moves but what must, since the notes of camera makers hold offsets into the whole."""

import contextlib
import math
import struct
from fractions import Fraction

from img_enhance.metadata import BrokenMetadata
from img_enhance.metadata.blob import (
    EXIF_POINTER,
    GPS_POINTER,
    MOST_DIRECTORIES,
    PREFIX,
    Parts,
    after,
    has_next,
    parse,
    pointers,
    readable,
    spans_of,
)
from img_enhance.metadata.ifd import (
    LONG,
    RATIONAL,
    SHORT,
    Directory,
    Entry,
    Layout,
    Node,
    Value,
    pack,
    pack_header,
    read_directory,
    read_number,
    read_value,
)
from img_enhance.metadata.spans import Span, overlap, without

ORIENTATION = 0x0112
X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT = 0x011A, 0x011B, 0x0128
_WIDTH_TAGS, _HEIGHT_TAGS = (0x0100, 0xA002), (0x0101, 0xA003)
_THUMBNAIL_TAGS = ((0x0111, 0x0117), (0x0201, 0x0202))
_MOST_THUMBNAIL_STRIPS = 1000

_INCHES, _CENTIMETRES = 2, 3
_CM_PER_INCH = 2.54
_FINEST_RESOLUTION = 1000


def upright_exif(blob: bytes, *, width: int, height: int, keep_gps: bool) -> bytes:
    """`blob` for a photo that was turned upright and is now `width` times `height`: no thumbnail, and no GPS unless it is kept.

    What stays keeps its offset. What goes is zeroed, or cut off at the end.

    Raises: BrokenMetadata when it cannot be read, or GPS data share their bytes with something else.
    """
    parts = parse(blob)
    size = len(parts.tiff)
    body = bytearray(parts.tiff)
    kept = [(0, parts.layout.header_bytes), *spans_of(parts.directories, size)]
    going: list[Span] = []
    if keep_gps:
        kept += spans_of(readable(parts, parts.gps), size)
    else:
        going += _gps_spans(parts, kept)
    if has_next(parts.ifd0, kept):
        going += _thumbnail_spans(parts)
        body[parts.ifd0.end : parts.ifd0.end + 4] = bytes(min(4, size - parts.ifd0.end))
    going = without(going, kept)
    for start, end in going:
        body[start:end] = bytes(end - start)
    for directory in parts.directories[:2]:
        for entry in directory.entries:
            _patch_upright(body, parts.layout, entry, width=width, height=height)
        if not keep_gps:
            _drop_entries(body, parts.layout, directory, GPS_POINTER)
    _trim(body, going, kept)
    return parts.prefix + bytes(body)


def new_exif(*, resolution: tuple[float, float] | None = None) -> bytes:
    """A blob that holds a resolution in pixels per inch and nothing else.

    Without one it says 72, which is what EXIF asks for when the resolution is unknown.

    Raises: BrokenMetadata when the resolution is no positive number, or too large.
    """
    layout = Layout("<", big=False)
    values = _resolution_values(layout, resolution or (72.0, 72.0))
    return PREFIX + pack_header(layout, layout.header_bytes) + pack(Node(tuple(values)), layout, layout.header_bytes)


def with_resolution(blob: bytes, dpi: tuple[float, float]) -> bytes:
    """`blob` with this resolution, across and down, in pixels per inch.

    It is set in place where there is one. Otherwise IFD0 moves to the end with the added entries, and nothing else moves.

    Raises: BrokenMetadata when the blob cannot be read, or the resolution is no positive number, or too large.
    """
    parts = parse(blob)
    values = _resolution_values(parts.layout, dpi)
    body = bytearray(parts.tiff)
    places = _resolution_places(parts)
    if places is None:
        return parts.prefix + _with_moved_ifd0(parts, values)
    for place, value in zip(places, values, strict=True):
        body[place : place + len(value.data)] = value.data
    return parts.prefix + bytes(body)


def exif_resolution(blob: bytes) -> tuple[float, float] | None:
    """The resolution across and down in pixels per inch; None when the blob states none, or one without a unit.

    Raises: BrokenMetadata when it cannot be read.
    """
    parts = parse(blob)
    unit_entry = parts.ifd0.first(RESOLUTION_UNIT)
    unit = _INCHES if unit_entry is None else read_number(parts.read, parts.layout, unit_entry)
    across, down = (_rational(parts, parts.ifd0.first(tag)) for tag in (X_RESOLUTION, Y_RESOLUTION))
    if across is None or down is None or unit not in (_INCHES, _CENTIMETRES):
        return None
    scale = 1.0 if unit == _INCHES else _CM_PER_INCH
    return across * scale, down * scale


def exif_orientation(blob: bytes) -> int | None:
    """The orientation, 1 to 8; None when the blob states none, or none that there is.

    Raises: BrokenMetadata when it cannot be read.
    """
    parts = parse(blob)
    entry = parts.ifd0.first(ORIENTATION)
    value = None if entry is None else read_number(parts.read, parts.layout, entry)
    return value if value is not None and 1 <= value <= 8 else None


def _rational(parts: Parts, entry: Entry | None) -> float | None:
    if entry is None or entry.type != RATIONAL or entry.count != 1:
        return None
    above, below = struct.unpack(parts.layout.order + "II", read_value(parts.read, entry).data)
    return above / below if above and below else None


def _gps_spans(parts: Parts, kept: list[Span]) -> list[Span]:
    """Where all GPS data lie. Those that a cut blob has lost need no removing.

    Raises: BrokenMetadata when some cannot be found, or overlap what is kept.
    """
    size = len(parts.tiff)
    places = sorted({size if at is None else at for at in parts.gps if at is None or at < size})
    if None in parts.gps or len(places) > MOST_DIRECTORIES:
        raise BrokenMetadata("its pointers to GPS data make no sense, so these cannot be removed")
    directories = [read_directory(parts.read, parts.layout, at) for at in places]
    if any(entry.size is None and entry.count for directory in directories for entry in directory.entries):
        raise BrokenMetadata("its GPS data have values of an unknown type, which cannot be removed")
    spans = spans_of(directories, size)
    if overlap(spans, kept):
        raise BrokenMetadata("its GPS data overlap other entries, so they cannot be removed alone")
    return spans + [after(directory, size) for directory in directories]


def _thumbnail_spans(parts: Parts) -> list[Span]:
    """Where IFD1 and what hangs on it lie. An IFD1 that makes no sense has none: then it is only unlinked."""
    size = len(parts.tiff)
    spans: list[Span] = []
    at = parts.ifd0.next
    with contextlib.suppress(BrokenMetadata):
        for _ in range(MOST_DIRECTORIES):
            directory = read_directory(parts.read, parts.layout, at)
            if any(entry.size is None for entry in directory.entries):
                break
            below = [place for tag in (EXIF_POINTER, GPS_POINTER) for place in pointers(parts.read, parts.layout, directory, tag)]
            spans += spans_of([directory, *readable(parts, below)], size)
            spans += [*_picture_spans(parts, directory), after(directory, size)]
            at = directory.next
    return spans


def _picture_spans(parts: Parts, directory: Directory) -> list[Span]:
    spans: list[Span] = []
    for tags in _THUMBNAIL_TAGS:
        starts, sizes = (_numbers(parts, directory.first(tag)) for tag in tags)
        spans += [(start, min(len(parts.tiff), start + size)) for start, size in zip(starts, sizes, strict=False)]
    return spans


def _numbers(parts: Parts, entry: Entry | None) -> tuple[int, ...]:
    if entry is None or entry.type not in (SHORT, LONG) or entry.count > _MOST_THUMBNAIL_STRIPS:
        return ()
    code = "H" if entry.type == SHORT else "I"
    return struct.unpack(f"{parts.layout.order}{entry.count}{code}", read_value(parts.read, entry).data)


def _patch_upright(body: bytearray, layout: Layout, entry: Entry, *, width: int, height: int) -> None:
    if entry.tag == ORIENTATION:
        number = 1
    elif entry.tag in _WIDTH_TAGS:
        number = width
    elif entry.tag in _HEIGHT_TAGS:
        number = height
    else:
        return
    short = entry.tag == ORIENTATION or (entry.type == SHORT and number <= 0xFFFF)
    form = "HHIHxx" if short else "HHII"
    struct.pack_into(layout.order + form, body, entry.at, entry.tag, SHORT if short else LONG, 1, number)


def _drop_entries(body: bytearray, layout: Layout, directory: Directory, tag: int) -> None:
    """Take the entries of a tag out of a directory; those behind them move up, and the offset after them too."""
    start = directory.at + 2
    lines = [bytes(body[entry.at : entry.at + layout.entry_bytes]) for entry in directory.entries if entry.tag != tag]
    gone = len(directory.entries) - len(lines)
    if gone == 0:
        return
    left = b"".join(lines)
    struct.pack_into(layout.order + "H", body, directory.at, len(lines))
    # Zeros follow: no next directory. IFD0's has been unlinked, and the Exif directory has none.
    body[start : directory.end] = left.ljust(directory.end - start, b"\0")


def _trim(body: bytearray, gone: list[Span], kept: list[Span]) -> None:
    """Cut zeroed bytes off at the end of `body`."""
    needed = max(len(body.rstrip(b"\0")), max((end for _, end in kept), default=0))
    del body[min((start for start, _ in gone if start >= needed), default=len(body)) :]


def _resolution_values(layout: Layout, dpi: tuple[float, float]) -> list[Value]:
    values = []
    for tag, number in zip((X_RESOLUTION, Y_RESOLUTION), dpi, strict=True):
        ratio = Fraction(number).limit_denominator(_FINEST_RESOLUTION) if math.isfinite(number) else Fraction(0)
        if not 0 < ratio.numerator < 2**32:
            raise BrokenMetadata(f"a resolution of {number:g} pixels per inch cannot be written")
        values.append(Value(tag, RATIONAL, 1, struct.pack(layout.order + "II", ratio.numerator, ratio.denominator)))
    return [*values, Value(RESOLUTION_UNIT, SHORT, 1, struct.pack(layout.order + "H", _INCHES))]


def _resolution_places(parts: Parts) -> list[int] | None:
    """Where the values of the three tags lie, when they can be overwritten there: each alone in its place."""
    expected = {X_RESOLUTION: RATIONAL, Y_RESOLUTION: RATIONAL, RESOLUTION_UNIT: SHORT}
    entries = [entry for entry in parts.ifd0.entries if entry.tag in expected]
    if sorted(entry.tag for entry in entries) != sorted(expected):
        return None
    if any(entry.type != expected[entry.tag] or entry.count != 1 for entry in entries):
        return None
    ends = {entry.tag: (entry.value_at, entry.value_at + (entry.size or 0)) for entry in entries}
    others = [entry for directory in parts.directories for entry in directory.entries if entry not in entries]
    taken = [(entry.value_at, entry.value_at + (entry.size or 0)) for entry in others if not entry.inline]
    taken += [(0, parts.layout.header_bytes), *((directory.at, directory.end + 4) for directory in parts.directories)]
    taken += spans_of(readable(parts, parts.gps), len(parts.tiff))
    across, down = ends[X_RESOLUTION], ends[Y_RESOLUTION]
    if overlap([across], [down]) or overlap([across, down], taken) or max(across[1], down[1]) > len(parts.tiff):
        return None
    return [ends[tag][0] for tag in expected]


def _with_moved_ifd0(parts: Parts, values: list[Value]) -> bytes:
    body = bytearray(parts.tiff)
    old = parts.ifd0
    at = len(body) + len(body) % 2
    tags = {value.tag for value in values}
    lines = [(entry.tag, parts.tiff[entry.at : entry.at + parts.layout.entry_bytes]) for entry in old.entries if entry.tag not in tags]
    kept = spans_of(parts.directories[1:], len(body)) + spans_of(readable(parts, parts.gps), len(body))
    kept += [(entry.value_at, entry.value_at + (entry.size or 0)) for entry in old.entries if not entry.inline]
    linked = has_next(old, kept)
    moved = pack(Node(tuple(values)), parts.layout, at, lines=lines, next_at=old.next if linked else 0)
    for start, end in without([(old.at, old.end), *([after(old, len(body))] if linked else [])], kept):
        body[start:end] = bytes(end - start)
    body[: parts.layout.header_bytes] = pack_header(parts.layout, at)
    return bytes(body.ljust(at, b"\0")) + moved
