"""What a phone writes into a JPEG's file behind the picture: the gain map of an HDR rendering, a video, maps of depth.

Source: CIPA DC-007 (multi-picture format), Android's Motion photo format 1.0 and Ultra HDR image format 1.1, ISO 21496-1.
"""

import os
import re
import shutil
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO

from img_enhance.metadata import BrokenMetadata
from img_enhance.metadata.ifd import read_directory, read_layout, read_value, reader
from img_enhance.metadata.xmp import Attached, attached_in

XMP_START = b"http://ns.adobe.com/xap/1.0/\0"
ISO_START = b"urn:iso:std:iso:ts:21496:-1\0"
_EXTENDED_XMP_START = b"http://ns.adobe.com/xmp/extension/\0"
_MPF_START = b"MPF\0"
_SAMSUNG_VIDEO = b"MotionPhoto_Data"
# The last bytes of a list of notes, as exiftool describes it.
_SAMSUNG_NOTES = b"SEFT"

APP1, APP2 = 0xE1, 0xE2
_SCAN = 0xDA
_APPS = range(0xE0, 0xF0)
_MARKER_IN_SCAN = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]", re.DOTALL)
_END = b"\xff\xd9"

_MP_ENTRY, _MP_ENTRY_BYTES, _MOST_PICTURES = 0xB002, 16, 50
# The kind of a picture, in an entry's attributes: the main one, and smaller copies of it for screens.
_MAIN_PICTURE, _SMALLER_COPY, _KIND_BITS = 0x030000, 0x010000, 0xFF0000

# What the parts are called in which phones have them, by what their own XMP says.
_KINDS = (
    ("gain map", (b"hdr-gain-map/1.0/", b"HDRGainMap", b"hdrgainmap", ISO_START)),
    ("depth map", (b"depthData", b"GDepth", b"disparity")),
    ("portrait matte", (b"ortraitEffectsMatte", b"portraiteffectsmatte", b"emanticSegmentationMatte", b"aux:semantic")),
)
# EXIF and XMP are a segment each, of 65,535 bytes at most.
_MOST_HEAD_BYTES = 500_000
_LEAST_SAID_BYTES = 1000


@dataclass(frozen=True)
class Behind:
    """What lies behind a picture: a gain map as a JPEG of its own, with what the picture's segment for ISO 21496-1 says; a video; and what
    lies there that is not kept, in words."""

    gain_map: bytes | None = None
    iso: bytes | None = None
    video: bytes | None = None
    lost: tuple[str, ...] = ()


def segments(jpeg: bytes) -> Iterator[tuple[int, int, int]]:
    """The segments before the first scan, each as (marker, start of its data, end)."""
    at = 2
    while at + 4 <= len(jpeg) and jpeg[at] == 0xFF:
        if jpeg[at + 1] == 0xFF:  # a byte that only fills
            at += 1
            continue
        end = at + 2 + int.from_bytes(jpeg[at + 2 : at + 4])
        yield jpeg[at + 1], at + 4, end
        if jpeg[at + 1] == _SCAN:
            return
        at = end


def behind(file: bytes, xmp: bytes | None) -> Behind:
    """What lies behind the picture of a JPEG's file, which has this XMP."""
    end = _picture_end(file)
    try:
        stated = Attached() if xmp is None else attached_in(xmp)
    except BrokenMetadata:
        stated = Attached()
    extended = sum(stop - at for at, stop in _data(file, APP1, _EXTENDED_XMP_START))
    lost = [f"the extended part of its XMP ({extended} bytes), where some phones keep depth and sound, was left out"] * (extended > 0)
    iso = next((file[at:stop] for at, stop in _data(file, APP2, ISO_START)), None)
    video_at = _video_start(file, end, stated)
    video = None if video_at is None else file[video_at : _video_end(file, video_at, stated)]
    if video is None and stated.video is not None:
        lost.append("its XMP speaks of a video, but there is none in the file")
    if video is None and _SAMSUNG_VIDEO in file[end:]:
        lost.append("the video in its file was left out: it is of an older kind of Samsung's")
    if file.rstrip(b"\0").endswith(_SAMSUNG_NOTES) and not (video or b"").rstrip(b"\0").endswith(_SAMSUNG_NOTES):
        lost.append("the notes of a Samsung phone at the end of its file were left out")
    pictures = {at: stop for at, stop in _pictures(file, end, stated, video_at or len(file)) if at >= end}
    kinds = {at: _kind(file[at:stop]) for at, stop in pictures.items()}
    gain_map = next((file[at : pictures[at]] for at, kind in kinds.items() if kind == "gain map"), None)
    for kind in dict.fromkeys(kinds.values()):
        if kind != "gain map":
            lost.append(f"the {kind} in its file was left out")
    if not pictures and video is None and len(file[end:].strip(b"\0")) > _LEAST_SAID_BYTES and not lost:
        lost.append(f"{len(file) - end} bytes that follow the picture in its file were left out")
    return Behind(gain_map, iso, video, tuple(lost))


def says_something(head: bytes, tail: bytes, xmp: bytes | None) -> bool:
    """Whether the start and the end of a JPEG's file, or its XMP, say that more lies in it than a picture."""
    with suppress(BrokenMetadata):  # who reads the metadata has said so
        if xmp is not None and attached_in(xmp) != Attached():
            return True
    named = any(any(_data(head, marker, start)) for marker, start in ((APP2, _MPF_START), (APP1, _EXTENDED_XMP_START)))
    return named or not tail.rstrip(b"\0").endswith(_END)


def picture_start(jpeg: bytes) -> int:
    """Where what readers look for first ends in a JPEG: after JFIF, EXIF and XMP."""
    place = 2
    for marker, _, end in segments(jpeg):
        if marker not in (_APPS[0], APP1):
            break
        place = end
    return place


def append(source: BinaryIO, target: BinaryIO, *, gain_map: bytes, iso: bytes | None, video: bytes | None) -> None:
    """Write the JPEG of `source` to `target`, with these behind it, and the segments in it that say so; `gain_map` is empty for none."""
    head = source.read(_MOST_HEAD_BYTES)
    start = picture_start(head)
    added = b"" if iso is None else segment(APP2, iso)
    if gain_map:
        # The index counts its offsets from where its own TIFF structure begins.
        index_at = start + len(added) + 4 + len(_MPF_START)
        length = source.seek(0, os.SEEK_END) + len(added) + len(_index(0, 0, 0))
        added += _index(length, len(gain_map), length - index_at)
    target.write(head[:start] + added)
    source.seek(start)
    shutil.copyfileobj(source, target)
    target.write(gain_map + (video or b""))


def segment(marker: int, data: bytes) -> bytes:
    """A segment with this data, at most 65,533 bytes."""
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def _index(main_bytes: int, other_bytes: int, other_at: int) -> bytes:
    """The segment that says where the second of two pictures lies. Source: CIPA DC-007, section 5.2."""
    entries = struct.pack(">IIIHH", _MAIN_PICTURE, main_bytes, 0, 0, 0) + struct.pack(">IIIHH", 0, other_bytes, other_at, 0, 0)
    directory_bytes = 2 + 3 * 12 + 4
    lines = struct.pack(">HHI4s", 0xB000, 7, 4, b"0100") + struct.pack(">HHII", 0xB001, 4, 1, 2)
    lines += struct.pack(">HHII", _MP_ENTRY, 7, len(entries), 8 + directory_bytes)
    return segment(APP2, _MPF_START + b"MM\0*" + struct.pack(">IH", 8, 3) + lines + bytes(4) + entries)


def _data(jpeg: bytes, marker: int, start: bytes) -> Iterator[tuple[int, int]]:
    """Where the data of segments lie that begin so."""
    return ((at, stop) for found, at, stop in segments(jpeg) if found == marker and jpeg.startswith(start, at))


def _picture_end(file: bytes) -> int:
    """Where the first picture ends; the file's end for one without an end."""
    at = next((at for marker, at, _ in segments(file) if marker == _SCAN), len(file))
    while found := _MARKER_IN_SCAN.search(file, at):
        if found.group() == _END:
            return found.end()
        # Another scan, or tables before one; its length leads on.
        at = found.end() + int.from_bytes(file[found.end() : found.end() + 2])
    return len(file)


def _pictures(file: bytes, end: int, stated: Attached, most: int) -> Iterator[tuple[int, int]]:
    """Where other pictures lie, as the index of the file says, or its XMP: without an index the gain map comes right behind the picture."""
    for at, _ in _data(file, APP2, _MPF_START):
        try:
            yield from _indexed(file, at + len(_MPF_START))
        except (BrokenMetadata, struct.error):
            continue
    at = end + stated.padding
    if stated.gain_map is not None and file.startswith(b"\xff\xd8", at):
        yield at, min(most, at + stated.gain_map)


def _indexed(file: bytes, at: int) -> Iterator[tuple[int, int]]:
    read = reader(file[at : at + 65_536])
    layout, first = read_layout(read)
    entry = read_directory(read, layout, first).first(_MP_ENTRY)
    if entry is None or entry.size is None or entry.size > _MOST_PICTURES * _MP_ENTRY_BYTES:
        return
    for kind, size, offset, _ in struct.iter_unpack(f"{layout.order}III4s", read_value(read, entry).data):
        if offset and kind & _KIND_BITS != _SMALLER_COPY and file.startswith(b"\xff\xd8", at + offset):
            yield at + offset, at + offset + size


def _kind(jpeg: bytes) -> str:
    """What a picture behind another one is, by the words in its segments."""
    words = b"".join(jpeg[at:end] for marker, at, end in segments(jpeg) if marker in _APPS)
    return next((kind for kind, names in _KINDS if any(name in words for name in names)), "second picture")


def _video_start(file: bytes, end: int, stated: Attached) -> int | None:
    if stated.video is None:
        return None
    if stated.video and file.startswith(b"ftyp", len(file) - stated.video + 4):
        return len(file) - stated.video
    # Some programs put more behind the video, or count otherwise.
    found = file.find(b"ftyp", end)
    return found - 4 if found >= end + 4 else None


def _video_end(file: bytes, start: int, stated: Attached) -> int:
    return start + stated.video if stated.video and start + stated.video <= len(file) else len(file)
