"""JPEGs as phones, scanners and web cameras really write them: flaws that lose no pixel, and the file as it should have been.

A decoder (libjpeg) warns of these flaws as it does of missing pixels, and of the first one only. So they are found here, in the structure
of the file, and mended on the way to the decoder; every warning that is left then means lost pixels.

Source: ITU-T T.81, annex B for markers, table B.3 for the parameters of a scan; JFIF 1.02; Adobe Technical Note 5116 for the Adobe segment.
"""

import mmap
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyvips

_START, _END, _SCAN, _JFIF, _ADOBE = 0xD8, 0xD9, 0xDA, 0xE0, 0xEE
_SEQUENTIAL, _PROGRESSIVE = (0xC0, 0xC1), 0xC2
_WITHOUT_LENGTH = (0x01, *range(0xD0, 0xD8))
_MARKER = re.compile(rb"\xff+([\x01-\xfe])")
# Without the bytes that may fill up before it: so a gigabyte a second is searched, and 30 times less with them (measured 2026-11).
_MARKER_AFTER_PIXELS = re.compile(rb"\xff([\x01-\xcf\xd8-\xfe])")
_END_MARKER = bytes((0xFF, _END))

# Files have a few dozen; a forged one must not cost minutes.
_MOST_SEGMENTS = 10_000

# Of a scan of a sequential JPEG: all 64 coefficients, at full precision.
WHOLE_SCAN = bytes((0, 63, 0))
_COEFFICIENTS = 64

_JFIF_MAJOR_AT, _JFIF_MAJOR = 5, 1
_ADOBE_TRANSFORM_AT, _ADOBE_BYTES = 11, 12
_MOST_TRANSFORM = 2
# What a decoder takes an unknown transform for, by the number of components: YCbCr, YCCK.
_ADOBE_TRANSFORMS = {3: 1, 4: 2}


@dataclass
class Mending:
    """What has to be put into a file, and where; what then has to follow its end; and what is wrong with it, in words."""

    patches: list[tuple[int, bytes]] = field(default_factory=list)
    tail: bytes = b""
    flaws: list[str] = field(default_factory=list)

    def put(self, at: int, data: bytes, why: str) -> None:
        self.patches.append((at, data))
        if why not in self.flaws:
            self.flaws.append(why)


@dataclass(frozen=True)
class Segment:
    """A marker with the data after its length, `data` bytes from `at` on; `junk` bytes that belong to nothing begin at `junk_at`."""

    kind: int
    at: int
    data: bytes
    junk_at: int
    junk: int


def mending(path: Path) -> Mending:
    """What mends the JPEG in a file: nothing where it is as it should be, or is so damaged that the decoder must judge.

    Raises: OSError when the file cannot be read.
    """
    found, progress = Mending(), _Progress()
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        for segment in _segments(data):
            if segment.kind == _END:
                return found
            if segment.junk:
                # Any number of these may stand before a marker.
                found.put(segment.junk_at, b"\xff" * segment.junk, "bytes that belong to nothing lie between its segments")
            _mend(found, segment, progress)
    if progress.is_complete:
        found.tail = _END_MARKER
        found.flaws.append("its end marker is missing")
    return found


def mended_source(path: Path, mending: Mending) -> pyvips.SourceCustom:
    """The mended file as a stream; memory is constant.

    Raises: OSError when the file cannot be read.
    """
    file, at = path.open("rb"), 0
    size = os.fstat(file.fileno()).st_size

    def read(wanted: int) -> bytes:
        nonlocal at
        file.seek(at)
        data = bytearray(file.read(wanted))
        for start, patch in mending.patches:
            first, last = max(start, at), min(start + len(patch), at + len(data))
            if first < last:
                data[first - at : last - at] = patch[first - start : last - start]
        if len(data) < wanted:
            data += mending.tail[max(0, at - size) :][: wanted - len(data)]
        at += len(data)
        return bytes(data)

    def seek(offset: int, whence: int) -> int:
        nonlocal at
        at = offset + (0, at, size + len(mending.tail))[whence]
        return at

    source = pyvips.SourceCustom()
    source.on_read(read)
    source.on_seek(seek)
    return source


def header_segments(data: mmap.mmap) -> Iterator[Segment]:
    """The segments up to the first scan's parameters."""
    for segment in _segments(data):
        yield segment
        if segment.kind == _SCAN:
            return


def _segments(data: mmap.mmap) -> Iterator[Segment]:
    """The segments up to the end marker, or to the end of the file or of sense."""
    at, after_pixels = 2, False
    for _ in range(_MOST_SEGMENTS):
        found = (_MARKER_AFTER_PIXELS if after_pixels else _MARKER).search(data, at)
        if found is None:
            return
        kind, start = found[1][0], found.end()
        junk = 0 if after_pixels else found.start() - at
        after_pixels = kind == _SCAN
        if kind in (_END, *_WITHOUT_LENGTH):
            yield Segment(kind, start, b"", at, junk)
            at = start
            continue
        length = int.from_bytes(data[start : start + 2])
        if kind == _START or length < 2 or start + length > len(data):
            return
        yield Segment(kind, start + 2, data[start + 2 : start + length], at, junk)
        at = start + length


@dataclass
class _Progress:
    """Of each component of the frame, the coefficients that no scan has brought to full precision yet; the Adobe segment, if any.

    A frame of another kind, such as that of JPEG without loss, has none, and its scans say other things.
    """

    sequential: bool = False
    missing: dict[int, set[int]] = field(default_factory=dict)
    adobe: Segment | None = None

    @property
    def is_complete(self) -> bool:
        return bool(self.missing) and not any(self.missing.values())

    def begin(self, frame: Segment) -> None:
        self.sequential = frame.kind in _SEQUENTIAL
        self.missing = {component: set(range(_COEFFICIENTS)) for component in frame.data[6::3]}

    def scan(self, components: bytes, first: int, last: int, low: int) -> None:
        for component in components if low == 0 else b"":
            self.missing.get(component, set()).difference_update(range(first, last + 1))


def _mend(found: Mending, segment: Segment, progress: _Progress) -> None:
    data = segment.data
    if segment.kind in (*_SEQUENTIAL, _PROGRESSIVE):
        progress.begin(segment)
    elif segment.kind == _SCAN and data and len(data) == 4 + 2 * data[0]:
        _mend_scan(found, segment, progress)
    elif segment.kind == _JFIF and data.startswith(b"JFIF\0") and data[_JFIF_MAJOR_AT:][:1] not in (b"", bytes((_JFIF_MAJOR,))):
        found.put(segment.at + _JFIF_MAJOR_AT, bytes((_JFIF_MAJOR,)), f"it is of an unknown version of JFIF, {data[_JFIF_MAJOR_AT]}")
    elif segment.kind == _ADOBE and data.startswith(b"Adobe") and len(data) >= _ADOBE_BYTES:
        progress.adobe = segment


def _mend_scan(found: Mending, segment: Segment, progress: _Progress) -> None:
    data, adobe = segment.data, progress.adobe
    usual = _ADOBE_TRANSFORMS.get(len(progress.missing))
    if adobe is not None and usual is not None and adobe.data[_ADOBE_TRANSFORM_AT] > _MOST_TRANSFORM:
        why = (
            f"its colours are of an unknown kind, {adobe.data[_ADOBE_TRANSFORM_AT]}, and were taken for {'YCbCr' if usual == 1 else 'YCCK'}"
        )
        found.put(adobe.at + _ADOBE_TRANSFORM_AT, bytes((usual,)), why)
    if progress.sequential and data[-3:] != WHOLE_SCAN:
        found.put(segment.at + len(data) - 3, WHOLE_SCAN, "its scan is said to hold other coefficients than it does")
        data = data[:-3] + WHOLE_SCAN
    first, last, precision = data[-3:]
    progress.scan(data[1:-3:2], first, last, precision & 15)
