"""What lies beside the picture in a HEIC or AVIF and does not come along: gain maps, maps of depth, mattes, a video.

Source: ISO/IEC 14496-12 (boxes), 23008-12 (auxiliary pictures); Android's Motion photo format 1.0 for the video's box.
"""

import re
from pathlib import Path

# Real files have a few boxes at the top, and what describes their pictures takes kilobytes.
_MOST_BOXES, _MOST_META_BYTES = 100, 4_000_000

# An auxiliary picture says by a URN what it is; the transparency is read with the picture.
_AUXILIARY = re.compile(rb"auxC.{4}(urn:[ -~]{1,200})\0", re.DOTALL)
# The largest light of a picture, and of the screen that it was made on: ISO/IEC 23008-12, 6.5.
_STATED_LIGHT = (b"\0\0\0\x0cclli", b"\0\0\0\x20mdcv")
STATED_LIGHT = "the largest light that its file states (content light level, mastering display) was left out"

_ALPHA = re.compile(rb"auxid:1$|auxiliary:alpha$")
_KINDS = (
    ("gain map, which makes it HDR,", re.compile(rb"hdrgainmap")),
    ("depth map", re.compile(rb"auxid:2$|auxiliary:depth$|depth|disparity")),
    ("portrait matte", re.compile(rb"matte")),
)
# An entry of the list of pictures: version, flags and number are before its kind.
_TONE_MAP = re.compile(rb"infe.{8}tmap", re.DOTALL)


def left_beside(path: Path) -> tuple[str, ...]:
    """What a file holds beside its picture and is left there, in words.

    Raises: OSError when the file cannot be read.
    """
    meta, video = _top_boxes(path)
    urns = [match[1] for match in _AUXILIARY.finditer(meta)]
    kinds = [_kind(urn) for urn in urns if not _ALPHA.search(urn)] + [_KINDS[0][0]] * bool(_TONE_MAP.search(meta)) + ["video"] * video
    stated = (STATED_LIGHT,) if any(box in meta for box in _STATED_LIGHT) else ()
    return (*(f"the {kind} in its file was left out" for kind in dict.fromkeys(kinds)), *stated)


def has_still_picture(path: Path) -> bool:
    """Whether a file describes pictures, and not only a film.

    Raises: OSError when the file cannot be read.
    """
    return bool(_top_boxes(path)[0])


def _kind(urn: bytes) -> str:
    return next((kind for kind, names in _KINDS if names.search(urn)), f"second picture ({urn.decode('ascii')})")


def _top_boxes(path: Path) -> tuple[bytes, bool]:
    """The box that describes the pictures, and whether there is one with a video."""
    meta, video = b"", False
    with path.open("rb") as file:
        for _ in range(_MOST_BOXES):
            head = file.read(8)
            size, header = int.from_bytes(head[:4]), 8
            if size == 1:
                size, header = int.from_bytes(file.read(8)), 16
            video = video or head[4:] == b"mpvd"
            if head[4:] == b"meta":
                meta = file.read(min(_MOST_META_BYTES, max(0, size - header)))
                header += len(meta)
            if len(head) < 8 or not header <= size < 1 << 62:
                break
            file.seek(size - header, 1)
    return meta, video
