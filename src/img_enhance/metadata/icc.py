"""Colour profiles: whether one can be trusted with a photo, and what light it says that the photo's values stand for.

Source: ICC.1:2022, sections 7.2 (header), 7.3 (tag table), 10.6 (curveType), 10.18 (parametricCurveType) and 10.31 (XYZType).
"""

import io
import struct
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from img_enhance.metadata.colours import Colours, coded_colours

_HEADER_BYTES = 128
_MOST_BYTES = 4 << 20
_MOST_TAGS = 200
_PADDING_BYTES = 3
_IDENTITY = slice(84, 100)
_INTENT, _LAST_INTENT = 64, 3

_CLASSES = (b"mntr", b"scnr", b"prtr", b"spac")
_SPACES = {1: (b"GRAY", "L"), 3: (b"RGB ", "RGB"), 4: (b"CMYK", "CMYK")}

# Of a curve that is made: steps are far below those of 8 bits.
_CURVE_POINTS = 4096

# Rounding of a straight line to 8 bits stays below it; a gamma of 1.01 strays by 240.
_STRAIGHT_WITHIN = 129 / 65535


def profile_problem(profile: bytes, *, channels: int) -> str | None:
    """Why `profile` must be dropped from a photo with so many colour channels (transparency not counted), in words; None when it
    is fine.
    """
    if not _HEADER_BYTES + 4 <= len(profile) <= _MOST_BYTES:
        return f"it has {len(profile)} bytes, allowed {_HEADER_BYTES + 4} to {_MOST_BYTES}"
    (size,) = struct.unpack_from(">I", profile)
    if size > len(profile) or (len(profile) - size > _PADDING_BYTES and any(profile[size:])):
        return f"it has {len(profile)} bytes and says {size}"
    if profile[36:40] != b"acsp":
        return "it is no colour profile"
    if profile[12:16] not in _CLASSES:
        return f"it is a profile of the class {_word(profile[12:16])}, which photos do not carry"
    space, mode = _SPACES.get(channels, (b"", ""))
    if profile[16:20] != space:
        return f"it is for the colour space {_word(profile[16:20])}, and the photo has {channels} channels"
    if _tags(profile[:size]) is None:
        return "its table of tags is out of bounds"
    return _unusable(profile[:size], mode)


def fitted_profile(profile: bytes) -> bytes:
    """`profile` as libpng wants it, which writes or reads no other: as long as it says, that a multiple of 4, with an intent that exists.

    Bytes behind its end go, zeros fill it up, an intent that means nothing becomes perceptual. Whatever else is wrong stays as it is.

    Source: ICC.1:2022, sections 7.1.2, 7.2.2 (size), 7.2.15 (intent) and 7.2.18 (identity, a hash of it all; 0 means not calculated).
    """
    (size,) = struct.unpack_from(">I", profile) if len(profile) >= _HEADER_BYTES else (0,)
    if not _HEADER_BYTES <= size <= len(profile):
        return profile
    body = bytearray(profile[:size].ljust(-size // 4 * -4, b"\0"))
    body[:4] = struct.pack(">I", len(body))
    if struct.unpack_from(">I", body, _INTENT)[0] > _LAST_INTENT:
        body[_INTENT : _INTENT + 4] = bytes(4)
    if body != profile[:size]:
        body[_IDENTITY] = bytes(16)
    return bytes(body)


def is_linear(profile: bytes) -> bool:
    """Whether `profile` is an RGB matrix profile whose three curves are straight lines. False too for one that cannot be read."""
    tags = _tags(profile)
    if tags is None or profile[16:20] != b"RGB " or b"A2B0" in tags:
        return False
    if not all(name in tags for name in (b"rXYZ", b"gXYZ", b"bXYZ", b"rTRC", b"gTRC", b"bTRC")):
        return False
    return all(_is_straight(tags[name]) for name in (b"rTRC", b"gTRC", b"bTRC"))


def profile_colours(profile: bytes) -> Colours | None:
    """The colours that a profile says in numbers, which is how it says PQ and HLG; None where it has no such tag.

    Raises: BrokenMetadata when the numbers mean nothing.

    Source: ICC.1:2022, sections 9.2.17 (cicpTag) and 10.3 (cicpType).
    """
    tag = (_tags(profile) or {}).get(b"cicp", b"")
    return coded_colours(tag[8], tag[9]) if tag[:4] == b"cicp" and len(tag) >= 12 else None


def matrix_profile(profile: bytes, codes: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64] | None] | None:
    """The curves, (3, codes) of linear light in [0, 1] that never falls, and the (3, 3) matrix to XYZ of an RGB matrix profile.

    A grey profile has three equal curves and no matrix. None for profiles of other kinds and for damaged ones.
    """
    tags = _tags(profile)
    if tags is None:
        return None
    grey = profile[16:20] == b"GRAY"
    encoded = [grey_curve(profile) or b""] * 3 if grey else [tags.get(name, b"") for name in (b"rTRC", b"gTRC", b"bTRC")]
    curves = [_curve(each, codes) for each in encoded]
    columns = [] if grey else [_xyz(tags.get(name, b"")) for name in (b"rXYZ", b"gXYZ", b"bXYZ")]
    if any(curve is None for curve in curves) or any(column is None for column in columns):
        return None
    matrix = None if grey else np.array(columns, np.float64).T
    if matrix is not None and (matrix[1].min() < 0 or matrix[1].sum() <= 0):
        return None  # luminance cannot be weighed with it
    return np.array(curves, np.float64), matrix


def grey_curve(profile: bytes) -> bytes | None:
    """The curve to linear light of a profile of grey, as the standard encodes it; None where it has none.

    Source: ICC.1:2010, section 8.3.4; CIE 15:2004, section 8.2.1 for lightness, which the curve leads to where that connects profiles.
    """
    curve = (_tags(profile) or {}).get(b"kTRC")
    if curve is None or profile[20:24] != b"Lab ":
        return curve
    lightness = _curve(curve, _CURVE_POINTS)
    if lightness is None:
        return None
    root = (100 * lightness + 16) / 116
    light = np.where(root > 6 / 29, root**3, 3 * (6 / 29) ** 2 * (root - 4 / 29))
    return b"curv\0\0\0\0" + struct.pack(">I", len(light)) + bytes(np.rint(light * 65_535).astype(">u2"))


def _curve(tag: bytes, codes: int) -> npt.NDArray[np.float64] | None:
    """Linear light of `codes` evenly spaced values from 0 to 1; None for a curve that cannot be read."""
    values = np.linspace(0, 1, codes)
    light: Any = None
    if tag[:4] == b"curv" and len(tag) >= 12:
        (count,) = struct.unpack_from(">I", tag, 8)
        if 12 + 2 * count > len(tag):
            return None
        points = np.frombuffer(tag, ">u2", count, 12)
        if count == 0:
            light = values
        elif count == 1:
            light = values ** (float(points[0]) / 256)
        else:
            light = np.interp(values, np.linspace(0, 1, count), points / 65535)
    elif tag[:4] == b"para" and len(tag) >= 12:
        light = _parametric(tag, values)
    if light is None or not np.isfinite(light).all():
        return None
    return np.asarray(np.maximum.accumulate(np.clip(light, 0, 1)), np.float64)


# Number of parameters of each kind of parametric curve.
_PARAMETERS = (1, 3, 4, 5, 7)


def _parametric(tag: bytes, x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64] | None:
    (kind,) = struct.unpack_from(">H", tag, 8)
    if kind >= len(_PARAMETERS) or 12 + 4 * _PARAMETERS[kind] > len(tag):
        return None
    numbers = [number / 65536 for number in struct.unpack_from(f">{_PARAMETERS[kind]}i", tag, 12)]
    gamma, a, b, c, d, e, f = (numbers + [0.0] * 7)[:7] if kind else (numbers[0], 1.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    if kind in (1, 2):  # below the point where the base is 0 the curve is a constant, c
        c, d, e, f = 0.0, (-b / a if a else 0.0), (c if kind == 2 else 0.0), (c if kind == 2 else 0.0)
    base = np.maximum(a * x + b, 0)
    return np.asarray(np.where(x >= d, base**gamma + e, c * x + f), np.float64)


def _xyz(tag: bytes) -> tuple[float, float, float] | None:
    if tag[:4] != b"XYZ " or len(tag) < 20:
        return None
    x, y, z = struct.unpack_from(">3i", tag, 8)
    return x / 65536, y / 65536, z / 65536


def _tags(profile: bytes) -> dict[bytes, bytes] | None:
    """The tags by name; None when the table or a tag is out of bounds."""
    if len(profile) < _HEADER_BYTES + 4:
        return None
    (count,) = struct.unpack_from(">I", profile, _HEADER_BYTES)
    if count > _MOST_TAGS or _HEADER_BYTES + 4 + 12 * count > len(profile):
        return None
    tags = {}
    for number in range(count):
        name, start, size = struct.unpack_from(">4sII", profile, _HEADER_BYTES + 4 + 12 * number)
        if start < _HEADER_BYTES or start + size > len(profile):
            return None
        tags[name] = profile[start : start + size]
    return tags


def _is_straight(curve: bytes) -> bool:
    if len(curve) < 12:
        return False
    if curve[:4] == b"para":
        kind, _, gamma = struct.unpack_from(">HHi", curve, 8) if len(curve) >= 16 else (None, 0, 0)
        return bool(kind == 0 and gamma == 1 << 16)
    (count,) = struct.unpack_from(">I", curve, 8)
    if curve[:4] != b"curv" or 12 + 2 * count > len(curve):
        return False
    points = struct.unpack_from(f">{count}H", curve, 12)
    if count == 1:
        return bool(points[0] == 1 << 8)
    return all(abs(point / 65535 - number / (count - 1)) <= _STRAIGHT_WITHIN for number, point in enumerate(points))


# Photos of a folder have few profiles, and one with tables (an sRGB of version 4) takes littlecms 0.1 s, measured in 2026-11.
@lru_cache(maxsize=4)
def _unusable(profile: bytes, mode: str) -> str | None:
    """What littlecms says when it is asked to show a photo with `profile` on an ordinary screen."""
    from PIL import ImageCms  # 0.1 s, which photos without a profile need not spend

    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError) as error:
        return f"littlecms cannot use it ({error})"
    return None


def _word(name: bytes) -> str:
    return ascii(name.decode("latin-1"))
