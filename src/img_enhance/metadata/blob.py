"""What an EXIF blob is made of, and where each part of it lies.

A blob is a TIFF structure of directories (IFD0, Exif, GPS, Interoperability, and IFD1 for the thumbnail), with or without
"Exif" and two zeros before it. Source: EXIF 3.0 (CIPA DC-008), sections 4.5 and 4.6.
"""

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from img_enhance.metadata import BrokenMetadata
from img_enhance.metadata.ifd import IFD, LONG, MOST_BYTES, Directory, Layout, Read, read_directory, read_layout, read_number, reader
from img_enhance.metadata.spans import Span

PREFIX = b"Exif\0\0"
EXIF_POINTER, GPS_POINTER, INTEROP_POINTER = 0x8769, 0x8825, 0xA005

# One is right. More are followed, so that what they hold is gone too, but not without end.
MOST_DIRECTORIES = 4


@dataclass(frozen=True)
class Parts:
    """A blob's TIFF and its directories; `gps` holds the offsets that GPS entries state, None for an entry that states none."""

    prefix: bytes
    tiff: bytes
    layout: Layout
    ifd0: Directory
    exif: Directory | None
    interop: Directory | None
    gps: tuple[int | None, ...]

    @property
    def read(self) -> Read:
        return reader(self.tiff)

    @property
    def directories(self) -> tuple[Directory, ...]:
        return tuple(entry for entry in (self.ifd0, self.exif, self.interop) if entry is not None)


def tiff_of(blob: bytes) -> bytes:
    """The TIFF structure in a blob."""
    return blob.removeprefix(PREFIX)


def parse(blob: bytes) -> Parts:
    """The parts of a blob. Values are not read, and may lie out of bounds.

    Raises: BrokenMetadata when it is too large, or IFD0 or the Exif directory cannot be read or overlap.
    """
    if len(blob) > MOST_BYTES:
        raise BrokenMetadata(f"it has {len(blob)} bytes, allowed {MOST_BYTES}")
    tiff = tiff_of(blob)
    read = reader(tiff)
    layout, first = read_layout(read)
    if layout.big:
        raise BrokenMetadata("it is a BigTIFF, which EXIF never is")
    ifd0 = read_directory(read, layout, first)
    exif_at = pointers(read, layout, ifd0, EXIF_POINTER)
    if exif_at and exif_at[0] is None:
        raise BrokenMetadata("its pointer to the Exif directory is none")
    exif = read_directory(read, layout, exif_at[0]) if exif_at and exif_at[0] else None
    interop = None
    if exif is not None:
        interop_at = pointers(read, layout, exif, INTEROP_POINTER)
        with contextlib.suppress(BrokenMetadata):  # many programs break this one, and nobody needs it
            interop = read_directory(read, layout, interop_at[0]) if interop_at and interop_at[0] else None
    gps = tuple(at for entry in (ifd0, exif) if entry is not None for at in pointers(read, layout, entry, GPS_POINTER))
    parts = Parts(blob[: len(blob) - len(tiff)], tiff, layout, ifd0, exif, interop, gps)
    lying = sorted((entry.at, entry.end) for entry in parts.directories)
    if any(one[1] > other[0] for one, other in pairwise(lying)):
        raise BrokenMetadata("its directories overlap")
    return parts


def pointers(read: Read, layout: Layout, directory: Directory, tag: int) -> list[int | None]:
    """The offset that each entry of this tag states; None for one that states none."""
    found = [entry for entry in directory.entries if entry.tag == tag]
    return [read_number(read, layout, entry) if entry.type in (LONG, IFD) else None for entry in found]


def spans_of(directories: Iterable[Directory], size: int) -> list[Span]:
    """Where directories (without the offset after them, which some programs leave out) and their values lie, cut at `size`."""
    spans = []
    for directory in directories:
        spans.append((directory.at, directory.end))
        spans += [(entry.value_at, min(size, entry.value_at + (entry.size or 0))) for entry in directory.entries if not entry.inline]
    return spans


def readable(parts: Parts, places: Iterable[int | None]) -> list[Directory]:
    """The directories at the first few of `places`, as far as they can be read."""
    found = []
    for at in list(places)[:MOST_DIRECTORIES]:
        with contextlib.suppress(BrokenMetadata):
            if at is not None:
                found.append(read_directory(parts.read, parts.layout, at))
    return found


def after(directory: Directory, size: int) -> Span:
    """Where the offset of the next directory should be, cut at `size`."""
    return directory.end, min(size, directory.end + 4)


def has_next(directory: Directory, kept: list[Span]) -> bool:
    """Whether the four bytes after a directory are an offset, as they should be: nothing that stays begins in them."""
    return not any(directory.end <= start < directory.end + 4 for start, _ in kept)
