"""A colour profile for colours that a file says in numbers.

Source: ICC.1:2010 (version 4.3), sections 7.2 (header), 8.3.3 and 8.4.3 (matrix and grey profiles), 10.13 (multiLocalizedUnicodeType),
10.16 (parametricCurveType), 10.18 (s15Fixed16ArrayType) and 10.28 (XYZType).
"""

import struct
from collections.abc import Iterable

from img_enhance.metadata.colours import BT709, BT2020, DISPLAY_P3, SRGB_CURVE, Colours, Curve, Primaries, adaptation, to_xyz
from img_enhance.metadata.icc import grey_curve

_NAMES = {BT709: "BT.709", BT2020: "BT.2020", DISPLAY_P3: "Display P3"}
_GREY = "Grey as the file said"
_D50 = (0.9642, 1.0, 0.8249)
_HEADER_BYTES, _LINE_BYTES = 128, 12
_VERSION = b"\x04\x30\0\0"


def colours_profile(colours: Colours, *, grey: bool) -> bytes:
    """A profile of RGB, or of grey, whose curve is no one of high dynamic range. The same colours give the same bytes.

    Raises: BrokenMetadata when the primaries are no three colours around a white.
    """
    assert isinstance(colours.curve, Curve)
    curve, tags = _curve(colours.curve), _common(_name(colours))
    if grey:
        return _packed(tags | {b"kTRC": curve}, b"GRAY")
    return _packed(tags | _coloured(colours.primaries, curve), b"RGB ")


def profile_in_colour(grey: bytes) -> bytes | None:
    """A profile of RGB in which three equal values mean what one means in the profile `grey`; None where that one has no curve."""
    curve = grey_curve(grey)
    return None if curve is None else _packed(_common(_GREY) | _coloured(BT709, curve), b"RGB ")


def profile_of_light(grey: bytes) -> bytes:
    """The profile `grey`, or one that means the same where that one speaks of lightness (CIELAB)."""
    curve = grey_curve(grey) if grey[20:24] == b"Lab " else None
    return grey if curve is None else _packed(_common(_GREY) | {b"kTRC": curve}, b"GRAY")


def _common(name: str) -> dict[bytes, bytes]:
    return {b"desc": _text(name), b"cprt": _text("No copyright, use freely"), b"wtpt": _xyz(_D50)}


def _coloured(primaries: Primaries, curve: bytes) -> dict[bytes, bytes]:
    """What says primaries, and a curve for all of them."""
    matrix = to_xyz(primaries)
    tags = {b"chad": b"sf32\0\0\0\0" + _fixed(adaptation(primaries).ravel())}
    for number, letter in enumerate("rgb"):
        tags |= {f"{letter}XYZ".encode(): _xyz(matrix[:, number]), f"{letter}TRC".encode(): curve}
    return tags


def _name(colours: Colours) -> str:
    assert isinstance(colours.curve, Curve)
    gamma = "" if colours.curve == SRGB_CURVE else f" with gamma {colours.curve.gamma:g}"
    return _NAMES.get(colours.primaries, "Primaries as the file said") + gamma


def _packed(tags: dict[bytes, bytes], space: bytes) -> bytes:
    """Header, table of tags and tags. Equal tags share their place, as the standard allows."""
    start = _HEADER_BYTES + 4 + _LINE_BYTES * len(tags)
    table, body, places = b"", b"", dict[bytes, int]()
    for name, value in tags.items():
        if value not in places:
            places[value] = start + len(body)
            body += value.ljust(-len(value) // 4 * -4, b"\0")
        table += struct.pack(">4sII", name, places[value], len(value))
    header = struct.pack(">I4x4s4s4s4s", start + len(body), _VERSION, b"mntr", space, b"XYZ ")
    header += struct.pack(">6H4s", 2026, 1, 1, 0, 0, 0, b"acsp").ljust(68 - len(header), b"\0") + _fixed(_D50)
    return header.ljust(_HEADER_BYTES, b"\0") + struct.pack(">I", len(tags)) + table + body


def _curve(curve: Curve) -> bytes:
    simple = curve == Curve(curve.gamma)
    numbers = (curve.gamma,) if simple else (curve.gamma, curve.a, curve.b, curve.c, curve.d)
    return b"para\0\0\0\0" + struct.pack(">HH", 0 if simple else 3, 0) + _fixed(numbers)


def _text(words: str) -> bytes:
    text = words.encode("utf-16-be")
    return b"mluc\0\0\0\0" + struct.pack(">II4sII", 1, _LINE_BYTES, b"enUS", len(text), 28) + text


def _xyz(values: Iterable[float]) -> bytes:
    return b"XYZ \0\0\0\0" + _fixed(values)


def _fixed(values: Iterable[float]) -> bytes:
    return b"".join(struct.pack(">i", round(float(value) * 65_536)) for value in values)
