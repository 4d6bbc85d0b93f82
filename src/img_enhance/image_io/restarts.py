"""JPEGs with stray bytes before restart markers, as some cameras write them, told from those in which pixels are damaged.

Of both a decoder (libjpeg) says that there are extraneous bytes before a marker: damage is often decoded to too few bits, and then the
rest of the interval is left over. So each interval is decoded by itself, as a small picture, to find where its last pixel ends, and what is
left must not be more pixels. Of 1300 intervals damaged at random (turned bits, lost bytes, other bytes) no decoder could tell 50 per
cent; 13 per cent left bytes over, of which 7 in 100 passed for stray (2026-11).

Source: ITU-T T.81, E.1.4 (restart intervals), F.1.2.3 and B.1.1.2 (fill bytes before a marker).
"""

import itertools
import mmap
import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pyvips

from img_enhance.cancelling import Tick
from img_enhance.image_io.mended import WHOLE_SCAN, Mending, Segment, header_segments
from img_enhance.image_io.vips import jpeg_warning

_FRAMES, _TABLES, _INTERVAL, _SCAN = (0xC0, 0xC1), (0xDB, 0xC4), 0xDD, 0xDA
_RESTARTS, _FIRST_RESTART = 8, 0xD0
_IN_SCAN = re.compile(rb"\xff+([\x01-\xfe])", re.DOTALL)
_FILL, _START, _END = b"\xff", b"\xff\xd8", b"\xff\xd9"
_BLOCK, _LONGEST_SIDE = 8, 65_535
# Each takes a third of a millisecond and more; photos of 12 megapixels have hundreds, and where each has four units 12,000.
_MOST_INTERVALS = 20_000

STRAY = "bytes that belong to nothing lie before its restart markers"


@dataclass(frozen=True)
class _Interval:
    """So many units (of all components, one above the other a picture) of the tables in `head`, whose frame says the size at `size_at`."""

    head: bytes
    size_at: int
    side: tuple[int, int]
    units: int

    @property
    def most_units(self) -> int:
        return _LONGEST_SIDE // self.side[1]

    def holds(self, data: bytes, units: int) -> bool:
        """Whether so many units can be decoded from `data`."""
        head = bytearray(self.head)
        struct.pack_into(">HH", head, self.size_at, units * self.side[1], self.side[0])
        jpeg_warning()  # of something else
        try:
            pyvips.Image.jpegload_buffer(bytes(head) + data + _END, fail_on="warning").avg()
        except pyvips.Error:
            return False
        return jpeg_warning() is None


def without_stray_bytes(path: Path, found: Mending, tick: Tick) -> Mending | None:
    """What mends a JPEG beside `found`: fill bytes in place of those that belong to nothing; None where that is not what is wrong.

    Raises: OSError when the file cannot be read.
    """
    patches = []
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        segments = {segment.kind: segment for segment in header_segments(data)}
        tables = b"".join(_whole(segment) for segment in header_segments(data) if segment.kind in _TABLES)
        interval = _interval(segments, tables)
        if interval is None:
            return None
        scan = segments[_SCAN]
        for start, stop in itertools.islice(_spans(data, scan.at + len(scan.data)), _MOST_INTERVALS):
            tick()
            end = _end_of_pixels(data[start:stop], interval)
            if end is None:
                return None
            if start + end < stop:
                patches.append((start + end, _FILL * (stop - start - end)))
    return Mending([*found.patches, *patches], found.tail, [*found.flaws, STRAY]) if patches else None


def _interval(segments: dict[int, Segment], tables: bytes) -> _Interval | None:
    """An interval that a restart marker ends; None where the JPEG is not of the usual kind with such markers: sequential, in one scan."""
    frame = next((segments[kind] for kind in _FRAMES if kind in segments), None)
    scan, restarts = segments.get(_SCAN), segments.get(_INTERVAL)
    if frame is None or scan is None or restarts is None or len(frame.data) < 6 or len(restarts.data) != 2:
        return None
    components, units = frame.data[5], int.from_bytes(restarts.data)
    if components == 0 or len(frame.data) != 6 + 3 * components or scan.data[:1] != bytes((components,)):
        return None
    # By itself a component has no colours beside it that could be of another size.
    blocks = [(1, 1)] if components == 1 else [(byte >> 4, byte & 15) for byte in frame.data[7::3]]
    across, down = (_BLOCK * max(each) for each in zip(*blocks, strict=True))
    if not units or not across or not down or units * down > _LONGEST_SIDE:
        return None
    head = _START + tables + _whole(frame)
    return _Interval(head + _whole(replace(scan, data=scan.data[:-3] + WHOLE_SCAN)), len(head) - len(frame.data) + 1, (across, down), units)


def _whole(segment: Segment) -> bytes:
    return struct.pack(">BBH", 0xFF, segment.kind, len(segment.data) + 2) + segment.data


def _spans(data: mmap.mmap, at: int) -> Iterator[tuple[int, int]]:
    """Where the intervals lie that the restart markers end, as long as these come in turn; fill bytes before one belong to none."""
    for number in itertools.count():
        found = _IN_SCAN.search(data, at)
        if found is None or found[1][0] != _FIRST_RESTART + number % _RESTARTS:
            return
        yield at, found.start()
        at = found.end()


def _end_of_pixels(data: bytes, interval: _Interval) -> int | None:
    """Where an interval's pixels end in its data; None where they are damaged: too few, or more than there should be."""
    if not interval.holds(data[:-1], interval.units):
        return len(data)
    end = _least(data, interval, interval.units)
    stray = data[end:].replace(b"\xff\0", b"\xff")
    if len(set(stray)) == 1:  # filled up, to a whole number of words
        return end
    more = _most_units(data, interval)
    return end if more == interval.units or _least(data, interval, more) < len(data) else None


def _least(data: bytes, interval: _Interval, units: int) -> int:
    """The fewest bytes from which so many units can be decoded; all of them are enough."""
    return len(data) - _most(lambda fewer: interval.holds(data[: len(data) - fewer], units), len(data))


def _most_units(data: bytes, interval: _Interval) -> int:
    """How many units can be decoded; those of the interval can."""
    units = interval.units
    return units + _most(lambda more: interval.holds(data, units + more), interval.most_units - units)


def _most(holds: Callable[[int], bool], limit: int) -> int:
    """The largest number from 0 to `limit` for which this holds, if it holds for all below: found by doubling, then by halving."""
    good, step = 0, 1
    while good + step <= limit and holds(good + step):
        good, step = good + step, 2 * step
    while step := step // 2:
        good += step if good + step <= limit and holds(good + step) else 0
    return good
