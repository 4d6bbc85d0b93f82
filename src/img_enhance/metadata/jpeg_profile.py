"""The colour profile of a JPEG, whose pieces libvips joins as they come, and not at all if they are numbered from 0.

Source: ICC.1:2022, annex B.4: pieces of a profile, each with its number, from 1, and how many there are.
"""

import struct
from pathlib import Path
from typing import BinaryIO

from img_enhance.metadata import BrokenMetadata

_MARK = b"ICC_PROFILE\0"
_APP2, _SCAN, _END = 0xE2, 0xDA, 0xD9
_WITHOUT_LENGTH = (0x01, *range(0xD0, 0xD9))
_MOST_SEGMENTS = 1000


def read_jpeg_profile(path: Path) -> bytes | None:
    """The profile of a JPEG file, whose pieces may be numbered from 0 or from 1; None when it has none.

    Raises: BrokenMetadata when pieces are missing or come twice; OSError when the file cannot be read.
    """
    with path.open("rb") as file:
        pieces = _pieces(file)
    if not pieces:
        return None
    numbers = sorted(number for number, _ in pieces)
    if numbers not in (list(range(len(pieces))), list(range(1, len(pieces) + 1))):
        raise BrokenMetadata(f"its pieces have the numbers {', '.join(map(str, numbers))}")
    return b"".join(body for _, body in sorted(pieces))


def _pieces(file: BinaryIO) -> list[tuple[int, bytes]]:
    """Number and bytes of each piece before the pixels, as they lie in the file."""
    found = []
    for _ in range(_MOST_SEGMENTS):
        start = file.read(2)
        if len(start) < 2 or start[0] != 0xFF or start[1] in (_SCAN, _END):
            break
        if start[1] == 0xFF:  # a byte that only fills
            file.seek(-1, 1)
        elif start[1] not in _WITHOUT_LENGTH:
            (length,) = struct.unpack(">H", file.read(2).rjust(2, b"\0"))
            body = file.read(max(0, length - 2))
            if start[1] == _APP2 and body.startswith(_MARK) and len(body) >= len(_MARK) + 2:
                found.append((body[len(_MARK)], body[len(_MARK) + 2 :]))
    return found
