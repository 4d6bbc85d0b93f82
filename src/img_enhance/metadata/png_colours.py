"""What a PNG says of its colours beside a profile.

Source: PNG (W3C, third edition), sections 4.3 (which chunk counts), 11.3.2.1 (cHRM), 11.3.2.2 (gAMA), 11.3.2.5 (sRGB) and 11.3.2.6 (cICP).
"""

import struct
from pathlib import Path

from img_enhance.metadata import BrokenMetadata
from img_enhance.metadata.colours import BT709, SRGB, SRGB_CURVE, Colours, Curve, Primaries, coded_colours

_SIZES = {b"cICP": 4, b"sRGB": 1, b"gAMA": 4, b"cHRM": 32}
_MOST_CHUNKS = 1000

# Programs that mean sRGB write its primaries and gamma rounded; libpng takes gammas within 5 per cent for equal.
_SAME_GAMMA, _SAME_POINT = 0.05, 0.001
_SRGB_GAMMA = 2.2
_GAMMAS = (0.1, 10)


def read_png_colours(path: Path) -> Colours | None:
    """The colours by the first that is there of cICP, iCCP, sRGB, and gAMA with cHRM; None where a profile or nothing says them.

    Raises: BrokenMetadata when they make no sense; OSError when the file cannot be read.
    """
    kinds, found = _chunks(path)
    if b"cICP" in found:
        primaries, transfer, matrix, full = found[b"cICP"]
        if matrix != 0 or full > 1:
            raise BrokenMetadata(f"matrix {matrix} and range {full} are none that a PNG has")
        return coded_colours(primaries, transfer, full=full == 1)
    if b"iCCP" in kinds:
        return None
    if b"sRGB" in found:
        return SRGB
    gamma = struct.unpack(">I", found[b"gAMA"])[0] / 100_000 if b"gAMA" in found else None
    points = [number / 100_000 for number in struct.unpack(">8I", found[b"cHRM"])] if b"cHRM" in found else None
    if gamma is None and points is None:
        return None
    return Colours(_primaries(points), _curve(gamma, srgb=points is None or _primaries(points) == BT709))


def _primaries(points: list[float] | None) -> Primaries:
    if points is None:
        return BT709
    white, red, green, blue = zip(points[::2], points[1::2], strict=True)
    found = Primaries(red, green, blue, white)
    usual = (*BT709.white, *BT709.red, *BT709.green, *BT709.blue)
    return BT709 if all(abs(one - other) <= _SAME_POINT for one, other in zip(points, usual, strict=True)) else found


def _curve(stored: float | None, *, srgb: bool) -> Curve:
    if stored is None:
        return SRGB_CURVE
    gamma = 1 / stored if stored else 0
    if not _GAMMAS[0] <= gamma <= _GAMMAS[1]:
        raise BrokenMetadata(f"a gamma of {stored:g} is none that a photo has")
    return SRGB_CURVE if srgb and abs(gamma / _SRGB_GAMMA - 1) <= _SAME_GAMMA else Curve(gamma)


def _chunks(path: Path) -> tuple[set[bytes], dict[bytes, bytes]]:
    """The kinds of the chunks before the pixels, and the bodies of those that say colours and have the right length."""
    kinds, found = set[bytes](), dict[bytes, bytes]()
    with path.open("rb") as file:
        file.seek(8)
        for _ in range(_MOST_CHUNKS):
            head = file.read(8)
            length, kind = struct.unpack(">I4s", head.ljust(8, b"\0"))
            if len(head) < 8 or kind in (b"IDAT", b"IEND"):
                break
            kinds.add(kind)
            body = file.read(length) if length == _SIZES.get(kind) else b""
            file.seek(length - len(body) + 4, 1)
            if len(body) == _SIZES.get(kind):
                found.setdefault(kind, body)
    return kinds, found
