"""How decoded pixels become grey or RGB of 8 or 16 bits."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyvips

from img_enhance.errors import UnsupportedPhoto
from img_enhance.image_io.stated_colours import StatedColours, stated_colours
from img_enhance.image_io.vips import has
from img_enhance.light.hdr import WHITE_NITS
from img_enhance.metadata.colours import DISPLAY_P3, SRGB_CURVE, Colours
from img_enhance.metadata.icc import is_linear, profile_problem
from img_enhance.metadata.made_profile import colours_profile


@dataclass(frozen=True)
class Conversion:
    """How decoded pixels become grey or RGB of 8 or 16 bits; `warning` when the photo's own encoding is lost.

    `icc` is the profile of what comes out. `left_out` says what of the file's colours could not be understood. `hdr` is what the values
    stand for where they are of high dynamic range, which is yet to be brought to the standard one.
    """

    apply: Callable[[pyvips.Image], pyvips.Image]
    depth: int
    grey: bool = False
    warning: str = ""
    icc: bytes | None = None
    left_out: str = ""
    hdr: Colours | None = None


def conversion_of(path: Path, name: str, image: pyvips.Image) -> Conversion:
    """What must be done to an opened image.

    Raises: UnsupportedPhoto for kinds that are not taken.
    """
    embedded = image.get("icc-profile-data") if has(image, "icc-profile-data") else None
    stated = stated_colours(path, name, embedded, grey=_colours(image) == 1)
    return dataclasses.replace(_by_kind(path, name, image, stated), left_out=stated.warning)


def _colours(image: pyvips.Image) -> int:
    """Its channels without transparency."""
    return int(image.bands) - (1 if image.hasalpha() else 0)


def _by_kind(path: Path, name: str, image: pyvips.Image, stated: StatedColours) -> Conversion:
    colours, profile, space = _colours(image), stated.profile, image.interpretation
    depth = 16 if image.format == "ushort" else 8
    usable = profile if profile is not None and colours in (1, 3) and profile_problem(profile, channels=colours) is None else None
    if image.format == "float" and usable is not None and space in ("scrgb", "b-w"):
        return _of_floats(usable, grey=colours == 1)
    if image.format == "float" and space == "scrgb" and colours == 3:
        warning = "linear floating-point light was converted to sRGB of 16 bits"
        warning += "" if profile is None else f", without its colour profile: {profile_problem(profile, channels=3)}"
        return Conversion(lambda i: i.colourspace("rgb16"), 16, warning=warning)
    if space in ("lab", "labq", "labs"):
        target = "srgb" if space == "labq" else "rgb16"
        return Conversion(lambda i: i.colourspace(target), 8 if space == "labq" else 16, warning="CIELAB was converted to sRGB")
    if image.format not in ("uchar", "ushort"):
        raise UnsupportedPhoto(
            f"{path} has values of type {image.format}, which is not taken", "save it with unsigned values of 8 or 16 bits"
        )
    if space == "cmyk" and colours == 4:
        problem = None if profile is None else profile_problem(profile, channels=4)
        warning = "CMYK was converted to sRGB" + ("" if problem is None else f", without its colour profile: {problem}")
        return Conversion(_to_srgb(depth, fallback="cmyk", embedded=problem is None), depth, warning=warning)
    if stated.hdr is not None and colours in (1, 3):
        warning = f"{str(stated.hdr.curve).upper()} of high dynamic range was tone-mapped to the standard range"
        warning += f" (BT.2390, white at {WHITE_NITS:g} cd/m2); the result is Display P3, not HDR"
        icc = colours_profile(Colours(DISPLAY_P3, SRGB_CURVE), grey=colours == 1)
        decode = _full_range(name, image, narrow=stated.narrow)
        return Conversion(lambda i: _deep(decode(i)), 16, grey=colours == 1, warning=warning, icc=icc, hdr=stated.hdr)
    if usable is not None and is_linear(usable):
        warning = "linear light was converted to sRGB of 16 bits"
        return Conversion(_to_srgb(16, fallback="srgb", profile=usable), 16, warning=warning)
    if (colours == 1 and space in ("b-w", "grey16")) or (colours == 3 and space in ("srgb", "rgb", "rgb16")):
        warning = "values as in video were stretched to the full range" if stated.narrow and name == "png" else ""
        return Conversion(_full_range(name, image, narrow=stated.narrow), depth, grey=colours == 1, warning=warning, icc=profile)
    raise UnsupportedPhoto(f"{path} is in the colour space {space} with {image.bands} channels, which is not taken", "save it as RGB first")


def _of_floats(profile: bytes, *, grey: bool) -> Conversion:
    """Floating-point values, black 0 and white 1, mean what their profile says."""

    def deep(image: pyvips.Image) -> pyvips.Image:
        return (image * 65_535).rint().cast("ushort").copy(interpretation="grey16" if grey else "rgb16")

    if is_linear(profile):
        convert = _to_srgb(16, fallback="srgb", profile=profile)
        return Conversion(lambda i: convert(deep(i)), 16, warning="linear floating-point light was converted to sRGB of 16 bits")
    warning = "floating-point values were brought to 16 bits; below black and above white they were cut off"
    return Conversion(deep, 16, grey=grey, warning=warning, icc=profile)


def _to_srgb(depth: int, *, fallback: str, embedded: bool = True, profile: bytes | None = None) -> Callable[[pyvips.Image], pyvips.Image]:
    """By the image's own profile, by `profile` if there is one, or by the built-in one named `fallback`."""

    def apply(image: pyvips.Image) -> pyvips.Image:
        if profile is not None:
            image = image.copy()
            image.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile)
        return image.icc_transform("srgb", embedded=embedded, input_profile=fallback, intent="relative", depth=depth)

    return apply


def _deep(image: pyvips.Image) -> pyvips.Image:
    """8 bits as 16."""
    return image if image.format == "ushort" else (image * 257).cast("ushort")


def _full_range(name: str, image: pyvips.Image, *, narrow: bool) -> Callable[[pyvips.Image], pyvips.Image]:
    """HEIF's decoders hand out 10 or 12 bits as the upper ones of 16, so that white is below 65,535; those of PNG leave video's range."""
    if narrow:
        return _stretched
    white = white_of(name, image)
    if image.format != "ushort" or white == 65_535:
        return lambda i: i
    return lambda i: (i * (65_535 / white)).rint().cast("ushort")


def white_of(name: str, image: pyvips.Image) -> int:
    """The largest value of an opened image, whose bits are the upper ones where they are fewer."""
    bits = bits_of(name, image)
    held = 16 if image.format == "ushort" else 8
    return (1 << held) - (1 << (held - bits))


def bits_of(name: str, image: pyvips.Image) -> int:
    """Those that the values of an opened image have in its file; HEIF's may be any up to 16."""
    if name in ("avif", "heic") and has(image, "bits-per-sample"):
        return int(image.get("bits-per-sample"))
    return 16 if image.format == "ushort" else 8


def _stretched(image: pyvips.Image) -> pyvips.Image:
    """Video's range, 16 to 235 of 8 bits, made full; transparency always is. Source: ITU-T H.273, equations 2 to 4."""
    unit, largest = (1, 255) if image.format == "uchar" else (256, 65_535)
    scale, colours = largest / ((235 - 16) * unit), _colours(image)
    opacity = image.bands - colours
    stretched = image.linear([scale] * colours + [1] * opacity, [-16 * unit * scale] * colours + [0] * opacity)
    return stretched.rint().cast(image.format)
