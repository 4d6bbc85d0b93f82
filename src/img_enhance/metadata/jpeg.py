"""How strongly a JPEG file was compressed, by its own tables."""

import struct
from pathlib import Path
from typing import BinaryIO

# The luminance table that quality 50 stands for, in the order in which files hold it (zigzag). Source: ITU-T T.81, annex K.1.
_LUMINANCE = (
    *(16, 11, 12, 14, 12, 10, 16, 14, 13, 14, 18, 17, 16, 19, 24, 40),
    *(26, 24, 22, 22, 24, 49, 35, 37, 29, 40, 58, 51, 61, 60, 57, 51),
    *(56, 55, 64, 72, 92, 78, 64, 68, 87, 69, 55, 56, 80, 109, 81, 87),
    *(95, 98, 103, 104, 103, 62, 77, 113, 121, 112, 100, 120, 92, 101, 103, 99),
)
_START, _SCAN, _TABLES, _END = 0xD8, 0xDA, 0xDB, 0xD9
_WITHOUT_LENGTH = (0x01, *range(0xD0, 0xD8))
# Real files have a few dozen segments before their pixels.
_MOST_SEGMENTS = 1000


def jpeg_quality(path: Path) -> int | None:
    """The quality, 1 to 100, at which the IJG's encoder has the luminance table nearest to this file's; None when it is no JPEG.

    Raises: OSError when the file cannot be read.
    """
    with path.open("rb") as file:
        if file.read(2) != bytes((0xFF, _START)):
            return None
        table = _luminance_table(file)
    if table is None:
        return None
    return min(range(100, 0, -1), key=lambda quality: sum(abs(a - b) for a, b in zip(_scaled(quality), table, strict=True)))


def _scaled(quality: int) -> list[int]:
    """The luminance table of a quality. Source: jpeg_quality_scaling and jpeg_add_quant_table in jcparam.c of the IJG's libjpeg."""
    percent = 5000 // quality if quality < 50 else 200 - 2 * quality
    return [min(255, max(1, (value * percent + 50) // 100)) for value in _LUMINANCE]


def _luminance_table(file: BinaryIO) -> tuple[int, ...] | None:
    """Table 0, which luminance uses; None when the file ends or the pixels begin before it."""
    for _ in range(_MOST_SEGMENTS):
        start = file.read(2)
        if len(start) < 2 or start[0] != 0xFF or start[1] in (_SCAN, _END):
            return None
        if start[1] == 0xFF:  # a byte that only fills
            file.seek(-1, 1)
        elif start[1] not in _WITHOUT_LENGTH:
            (length,) = struct.unpack(">H", file.read(2).rjust(2, b"\0"))
            data = file.read(max(0, length - 2))
            if start[1] == _TABLES and (found := _table_zero(data)) is not None:
                return found
    return None


def _table_zero(data: bytes) -> tuple[int, ...] | None:
    """The first table numbered 0 in a segment of tables, of 8 or 16 bits an entry."""
    place = 0
    while place < len(data):
        deep, number = data[place] >> 4, data[place] & 15
        end = place + 1 + (128 if deep else 64)
        if end > len(data):
            return None
        if number == 0:
            return struct.unpack(">64H" if deep else "64B", data[place + 1 : end])
        place = end
    return None
