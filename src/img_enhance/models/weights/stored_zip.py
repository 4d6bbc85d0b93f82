"""Finds the entries of a zip file that stores them plainly, as PyTorch writes it.

Entries are never unpacked, only located, so that there is nothing for a zip bomb to blow up. Names are keys of a mapping and never paths.
"""

import mmap
import struct
from itertools import pairwise
from typing import NamedTuple

from img_enhance.models.weights.tensors import Malformed

_END = struct.Struct("<4s4H2IH")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_LOCAL = struct.Struct("<4s5H3I2H")
_STORED = 0
_ENCRYPTED = 1
_ELSEWHERE = (0xFFFF, 0xFFFF_FFFF)  # what stands in a field whose value is in a zip64 record


class Span(NamedTuple):
    """Where bytes lie in a file."""

    offset: int
    size: int


def stored_entries(data: mmap.mmap) -> dict[str, Span]:
    """The contents of every entry, by name.

    Raises: Malformed when anything is compressed, encrypted, twice there, overlaps or lies outside; from 4 GB or 65,535 entries on.
    """
    count, start, stop = _central_directory(data)
    entries: dict[str, Span] = {}
    ends = [(start, start)]
    for _ in range(count):
        name, span, header, start = _entry(data, start, stop)
        if name in entries:
            raise Malformed(f"the entry {name!a} is there twice")
        entries[name] = span
        ends.append((header, span.offset + span.size))
    if start != stop:
        raise Malformed("its list of entries is longer than it says")
    ends.sort()
    if any(end > header for (_, end), (header, _) in pairwise(ends)):
        raise Malformed("its entries overlap, or reach beyond the file")
    return entries


def _central_directory(data: mmap.mmap) -> tuple[int, int, int]:
    """Number of entries, and where their list begins and ends."""
    if len(data) < _END.size:
        raise Malformed("it ends too early")
    last = len(data) - _END.size
    magic, disk, first_disk, here, count, size, offset, comment = _END.unpack_from(data, last)
    if magic != b"PK\x05\x06" or comment:
        raise Malformed("its end is missing")
    if count in _ELSEWHERE or size in _ELSEWHERE or offset in _ELSEWHERE:
        raise Malformed("zip files from 4 GB on are not taken")
    if disk or first_disk or here != count or offset + size > last or count * _CENTRAL.size > size:
        raise Malformed("its list of entries is broken")
    return count, offset, offset + size


def _entry(data: mmap.mmap, start: int, stop: int) -> tuple[str, Span, int, int]:
    """Name, contents, header of the entry listed at `start`, and where the next one is listed."""
    if start + _CENTRAL.size > stop:
        raise Malformed("its list of entries is broken")
    fields = _CENTRAL.unpack_from(data, start)
    magic, _, _, flags, method, _, _, _, packed, size, name_bytes, extra, comment, _, _, _, header = fields
    following = start + _CENTRAL.size + name_bytes + extra + comment
    if magic != b"PK\x01\x02" or following > stop:
        raise Malformed("its list of entries is broken")
    raw = data[start + _CENTRAL.size : start + _CENTRAL.size + name_bytes]
    name = raw.decode("utf-8")
    if method != _STORED or packed != size:
        raise Malformed(f"the entry {name!a} is compressed; PyTorch stores entries plainly")
    if flags & _ENCRYPTED:
        raise Malformed(f"the entry {name!a} is encrypted")
    return name, Span(_contents(data, header, raw), size), header, following


def _contents(data: mmap.mmap, header: int, name: bytes) -> int:
    """Where the contents of the entry with this header begin."""
    if header + _LOCAL.size > len(data):
        raise Malformed(f"the entry {name!a} lies outside of the file")
    magic, _, _, method, _, _, _, _, _, name_bytes, extra = _LOCAL.unpack_from(data, header)
    begin = header + _LOCAL.size
    if magic != b"PK\x03\x04" or method != _STORED or data[begin : begin + name_bytes] != name:
        raise Malformed(f"the entry {name!a} is not where the list says")
    return int(begin + name_bytes + extra)
