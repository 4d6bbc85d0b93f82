"""EXIF from and to TIFF files, which libvips drops when it reads them as when it writes them, and what their extra channels are.

Pixels are neither read nor moved.
"""

import os
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from img_enhance.metadata import BrokenMetadata
from img_enhance.metadata.blob import EXIF_POINTER, GPS_POINTER, INTEROP_POINTER, PREFIX, tiff_of
from img_enhance.metadata.exif import ORIENTATION, RESOLUTION_UNIT, X_RESOLUTION, Y_RESOLUTION
from img_enhance.metadata.ifd import (
    IFD,
    IFD8,
    MOST_BYTES,
    SHORT,
    Directory,
    Entry,
    Layout,
    Node,
    Read,
    Value,
    pack,
    pack_header,
    read_directory,
    read_layout,
    read_number,
    read_value,
    reader,
    recoded,
)

# ImageDescription, Make, Model, Software, DateTime, Artist, HostComputer, Rating, RatingPercent, Copyright; the title, comment,
# author, keywords and subject of Windows.
_DESCRIPTIVE = frozenset((0x010E, 0x010F, 0x0110, 0x0131, 0x0132, 0x013B, 0x013C, 0x4746, 0x4749, 0x8298, *range(0x9C9B, 0x9CA0)))
_RESOLUTION = frozenset((X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT))
_PIXELS = _RESOLUTION | {ORIENTATION}
_POINTERS = frozenset((EXIF_POINTER, GPS_POINTER, INTEROP_POINTER))

_ALIGNMENT = 8

# Source: TIFF 6.0, section 18: transparency by which colours were multiplied, or not; 0 is unspecified.
_EXTRA_SAMPLES, _TRANSPARENCY = 0x0152, (1, 2)


@dataclass(frozen=True)
class ExtraChannels:
    """How many channels a TIFF has beyond its colours, and which of them, counted from 0, is its transparency."""

    count: int = 0
    transparency: int | None = None

    @property
    def unknown(self) -> int:
        """How many are left when transparency is taken."""
        return self.count - (self.transparency is not None)


def read_extra_channels(path: Path, page: int = 0) -> ExtraChannels:
    """What the picture on a page of a TIFF file, counted from 0, says of its channels; none where it says nothing that can be read.

    Raises: OSError when the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            read = _file_reader(file)
            layout, at = read_layout(read)
            for _ in range(page):
                at = read_directory(read, layout, at).next
            entry = read_directory(read, layout, at).first(_EXTRA_SAMPLES)
            if entry is None or entry.type != SHORT:
                return ExtraChannels()
            kinds = struct.unpack(f"{layout.order}{entry.count}H", read_value(read, entry).data)
    except BrokenMetadata:
        return ExtraChannels()
    return ExtraChannels(len(kinds), next((number for number, kind in enumerate(kinds) if kind in _TRANSPARENCY), None))


def read_exif(path: Path, page: int = 0) -> bytes | None:
    """The EXIF of a TIFF file as a blob of its own, in the byte order of the file; None when the file says nothing but its
    orientation and resolution.

    It holds the descriptive tags of the picture on a page, counted from 0, and its Exif, GPS and Interoperability directories. A maker
    note is kept byte for byte, but not at its offset.

    Raises: BrokenMetadata when it cannot be read or is too large, OSError when the file cannot be read.
    """
    with path.open("rb") as file:
        read = _file_reader(file)
        layout, at = read_layout(read)
        for _ in range(page):
            at = read_directory(read, layout, at).next
        node = _tree(read, layout, at)
    if not node.children and not {value.tag for value in node.values} - _PIXELS:
        return None
    classic = Layout(layout.order, big=False)
    node = _recoded(node, layout.order, classic)
    return PREFIX + pack_header(classic, classic.header_bytes) + pack(node, classic, classic.header_bytes)


def add_exif(path: Path, blob: bytes) -> None:
    """Give a TIFF file the descriptive tags and the Exif and GPS directories of `blob`, which must be right for its pixels.

    The file's own tags of size, strips, orientation and resolution win. A new first directory is appended and the header is pointed
    to it last, so that the file is good at every moment.

    Raises: BrokenMetadata when the file or the blob cannot be read, or there is no room (the file is as before);
    OSError when the file cannot be written.
    """
    with path.open("rb+") as file:
        read = _file_reader(file)
        layout, first = read_layout(read)
        old = read_directory(read, layout, first)
        node = _added(_from_blob(blob, layout), old)
        replaced = {value.tag for value in node.values} | {tag for tag, _ in node.children}
        lines = [(entry.tag, read(entry.at, layout.entry_bytes)) for entry in old.entries if entry.tag not in replaced]
        end = file.seek(0, os.SEEK_END)
        at = -(-end // _ALIGNMENT) * _ALIGNMENT
        directory = pack(node, layout, at, lines=lines, next_at=old.next)
        file.write(bytes(at - end) + directory)
        file.flush()
        file.seek(0)
        file.write(pack_header(layout, at))


def _file_reader(file: BinaryIO) -> Read:
    size = file.seek(0, os.SEEK_END)

    def read(at: int, wanted: int) -> bytes:
        if at >= size:
            return b""
        file.seek(at)
        return file.read(wanted)

    return read


def _from_blob(blob: bytes, layout: Layout) -> Node:
    if len(blob) > MOST_BYTES:
        raise BrokenMetadata(f"it has {len(blob)} bytes, allowed {MOST_BYTES}")
    read = reader(tiff_of(blob))
    own, first = read_layout(read)
    return _recoded(_tree(read, own, first), own.order, layout)


def _added(node: Node, old: Directory) -> Node:
    """`node` without what the directory of a file knows better."""
    stated = {entry.tag for entry in old.entries}
    known = set() if not stated & _RESOLUTION else set(_RESOLUTION)
    known |= stated & {ORIENTATION}
    return Node(tuple(value for value in node.values if value.tag not in known), node.children)


def _tree(read: Read, layout: Layout, first: int) -> Node:
    """The descriptive tags of the directory at `first`, and all of its Exif, GPS and Interoperability directories."""
    ifd0 = read_directory(read, layout, first)
    exif = _below(read, layout, ifd0, EXIF_POINTER)
    gps = _below(read, layout, ifd0, GPS_POINTER)
    interop = None
    if exif is not None:
        try:
            interop = _below(read, layout, exif, INTEROP_POINTER)
        except BrokenMetadata:
            interop = None  # many programs break this one, and nobody needs it
    chosen = {
        "ifd0": [entry for entry in _own(ifd0.entries) if entry.tag in _DESCRIPTIVE | _PIXELS],
        "exif": _own(exif.entries) if exif is not None else [],
        "gps": _own(gps.entries) if gps is not None else [],
        "interop": _own(interop.entries) if interop is not None else [],
    }
    total = sum(entry.size or 0 for entries in chosen.values() for entry in entries)
    if total > MOST_BYTES:
        raise BrokenMetadata(f"its values have {total} bytes, allowed {MOST_BYTES}")
    values = {name: tuple(read_value(read, entry) for entry in entries) for name, entries in chosen.items()}
    below_exif = ((INTEROP_POINTER, Node(values["interop"])),) if values["interop"] else ()
    children = []
    if values["exif"] or below_exif:
        children.append((EXIF_POINTER, Node(values["exif"], below_exif)))
    if values["gps"]:
        children.append((GPS_POINTER, Node(values["gps"])))
    return Node(values["ifd0"], tuple(children))


def _below(read: Read, layout: Layout, directory: Directory, tag: int) -> Directory | None:
    entry = directory.first(tag)
    at = None if entry is None else read_number(read, layout, entry)
    return read_directory(read, layout, at) if at else None


def _own(entries: Iterable[Entry]) -> list[Entry]:
    """The first entry of each tag. Unknown types have no size, and directories that we do not take along no place."""
    found: dict[int, Entry] = {}
    for entry in entries:
        if entry.size is not None and entry.type not in (IFD, IFD8) and entry.tag not in _POINTERS:
            found.setdefault(entry.tag, entry)
    return list(found.values())


def _recoded(node: Node, order: str, layout: Layout) -> Node:
    values: list[Value | None] = [recoded(value, order, layout) for value in node.values]
    children = tuple((tag, _recoded(child, order, layout)) for tag, child in node.children)
    return Node(tuple(value for value in values if value is not None), children)
