"""Colour profiles: whether one can be trusted with a photo, and whether it says that the photo's light is linear.

Source: ICC.1:2022, sections 7.2 (header), 7.3 (tag table), 10.6 (curveType) and 10.18 (parametricCurveType).
"""

import io
import struct

_HEADER_BYTES = 128
_MOST_BYTES = 4 << 20
_MOST_TAGS = 200
_PADDING_BYTES = 3

_CLASSES = (b"mntr", b"scnr", b"prtr", b"spac")
_SPACES = {1: (b"GRAY", "L"), 3: (b"RGB ", "RGB"), 4: (b"CMYK", "CMYK")}

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


def is_linear(profile: bytes) -> bool:
    """Whether `profile` is an RGB matrix profile whose three curves are straight lines. False too for one that cannot be read."""
    tags = _tags(profile)
    if tags is None or profile[16:20] != b"RGB " or b"A2B0" in tags:
        return False
    if not all(name in tags for name in (b"rXYZ", b"gXYZ", b"bXYZ", b"rTRC", b"gTRC", b"bTRC")):
        return False
    return all(_is_straight(tags[name]) for name in (b"rTRC", b"gTRC", b"bTRC"))


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
