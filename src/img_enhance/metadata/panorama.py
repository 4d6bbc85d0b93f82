"""Panoramas: which part of a sphere a picture shows, as its XMP says it in pixels.

Source: Photo Sphere XMP Metadata (Google), namespace GPano.
"""

from collections.abc import Mapping

from img_enhance.geometry import Framing

_GPANO = "{http://ns.google.com/photos/1.0/panorama/}"
_PROJECTION = f"{_GPANO}ProjectionType"

# Across and down: the picture's own size, that of the whole sphere, where the picture begins in it; and the largest box without a hole.
_SIZE = (f"{_GPANO}CroppedAreaImageWidthPixels", f"{_GPANO}CroppedAreaImageHeightPixels")
_SPHERE = (f"{_GPANO}FullPanoWidthPixels", f"{_GPANO}FullPanoHeightPixels")
_START = (f"{_GPANO}CroppedAreaLeftPixels", f"{_GPANO}CroppedAreaTopPixels")
_INTERIOR = tuple(
    (f"{_GPANO}LargestValidInteriorRect{first}", f"{_GPANO}LargestValidInteriorRect{second}")
    for first, second in (("Left", "Top"), ("Width", "Height"))
)


def is_full_circle(properties: Mapping[str, str]) -> bool:
    """Whether a picture with these XMP properties shows all directions, so that its right edge goes on at its left."""
    width, sphere = (_number(properties, name[0]) for name in (_SIZE, _SPHERE))
    equirectangular = properties.get(_PROJECTION, "").strip().lower() == "equirectangular"
    return equirectangular and width is not None and width == sphere


def panorama_framed(properties: Mapping[str, str], framing: Framing) -> dict[str, str | None]:
    """The properties of a panorama that speak of pixels as they are after `framing`, None for those that no longer hold.

    A picture that was made smaller before, and says how large it was, is taken for what it says: all are brought to its new size.
    """
    result, part = framing.result, framing.part
    sides = (
        (framing.size.width, result.width, part.left, part.size.width),
        (framing.size.height, result.height, part.top, part.size.height),
    )
    found: dict[str, str | None] = {}
    for axis, (before, after, start, length) in enumerate(sides):
        scale = after / (_number(properties, _SIZE[axis]) or before)
        found[_SIZE[axis]] = str(length)
        found[_SPHERE[axis]] = _scaled(properties, _SPHERE[axis], scale)
        found[_START[axis]] = _scaled(properties, _START[axis], scale, start)
        for names in _INTERIOR:
            found[names[axis]] = _scaled(properties, names[axis], scale) if part == result.box else None
    return {name: value for name, value in found.items() if name in properties}


def _scaled(properties: Mapping[str, str], name: str, scale: float, start: int = 0) -> str | None:
    number = _number(properties, name)
    return None if number is None else str(round(number * scale) + start)


def _number(properties: Mapping[str, str], name: str) -> int | None:
    """A count of pixels, which some programs write as "4000.0"; None for what is none."""
    try:
        number = float(properties.get(name, ""))
    except ValueError:
        return None
    return round(number) if 0 <= number < 1 << 31 else None
