"""Photos from files: header first, then the pixels in a stream, upright, in their own encoding."""

from __future__ import annotations

import dataclasses
import os
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyvips

from img_enhance.cancelling import Tick
from img_enhance.errors import PhotoTooLarge, UnsupportedPhoto
from img_enhance.files import State, damaged, size_in, state_of
from img_enhance.geometry import Size
from img_enhance.image_io.apart import Decoder, decode_apart
from img_enhance.image_io.content import check_tiff, content_format, is_animated, is_tiff, png_chunks, raw_kind
from img_enhance.image_io.extras import missing_extra
from img_enhance.image_io.gain_map import check_gain_map
from img_enhance.image_io.jxl import kind_of
from img_enhance.image_io.stated_colours import StatedColours, stated_colours
from img_enhance.image_io.strips import strips
from img_enhance.image_io.turned import upright
from img_enhance.light.hdr import WHITE_NITS, Range, range_of, show_in_standard_range
from img_enhance.machine.canvas import Pixels
from img_enhance.metadata import BrokenMetadata
from img_enhance.metadata.attached import Behind, behind, says_something
from img_enhance.metadata.beside import left_beside
from img_enhance.metadata.colours import DISPLAY_P3, SRGB_CURVE, Colours
from img_enhance.metadata.exif import exif_resolution, upright_exif
from img_enhance.metadata.icc import is_linear, profile_problem
from img_enhance.metadata.made_profile import colours_profile
from img_enhance.metadata.png import read_xmp
from img_enhance.metadata.tiff import ExtraChannels, read_exif, read_extra_channels
from img_enhance.metadata.xmp import goes_round, with_note
from img_enhance.photo import GainMap, Header, Metadata, Photo
from img_enhance.words import Setting

# 72 dots per inch is what programs write when they know nothing; libvips says that, or 1 pixel a millimetre, for "not given".
_NO_RESOLUTIONS = (72.0, 25.4)
_RESOLUTION_TOLERANCE = 0.05
MILLIMETRES_PER_INCH = 25.4

# Of a JPEG with something behind its picture: cameras' segments take less than that, and phones' files with their videos.
_MOST_HEAD_BYTES, _TAIL_BYTES, _MOST_FILE_BYTES = 2_000_000, 64, 200_000_000

_NO_DECODER = "bad labq format"

_VIPS_LOADERS: dict[str, Callable[..., pyvips.Image]] = {
    "jpeg": pyvips.Image.jpegload,
    "png": pyvips.Image.pngload,
    "webp": pyvips.Image.webpload,
    "tiff": pyvips.Image.tiffload,
    "avif": pyvips.Image.heifload,
    "gif": pyvips.Image.gifload,
}


@dataclass(frozen=True)
class PhotoFile:
    """A photo's file whose header has been read and found good; `warnings` say what will not come back as it was.

    `state` is the file's when that was done. `several` says that it holds other pictures beside the first.
    """

    path: Path
    header: Header
    orientation: int
    metadata: Metadata
    warnings: tuple[str, ...]
    state: State
    several: bool

    @property
    def bytes(self) -> int:
        """How large the file is."""
        return size_in(self.state)


def open_photo(path: Path, *, max_pixels: int, first_frame: bool = True) -> PhotoFile:
    """The header of a photo; pixels are not read, except by decoders that know no other way (HEIC).

    Raises: PhotoError when the file cannot be read, UnsupportedPhoto when it is no photo that we take, PhotoTooLarge above `max_pixels`.
    """
    name = content_format(path)
    lacking = missing_extra(name)
    if lacking is not None:
        raise UnsupportedPhoto(f"{path} is of the format {name}, for which another package is needed", f"run: {lacking}")
    state = state_of(path)
    image = _open(path, name, max_pixels)
    size = Size(image.width, image.height)
    _check_pixels(path, size, max_pixels)
    frames = image.get_n_pages() if image.get_n_pages() > 1 else "several" if is_animated(path, name) else None
    warnings = []
    if frames is not None:
        if not first_frame:
            raise UnsupportedPhoto(f"{path} has {frames} frames or pages", "take one out first, or use ", Setting("animation", "first"))
        warnings.append(f"only the first of {frames} frames or pages is kept")
    if name == "tiff" and read_extra_channels(path).unknown:
        warnings.append("a channel beside its colours was left out, as the file does not call it transparency")
    conversion = _conversion(path, name, image)
    metadata, dropped = _metadata(path, name, image, conversion)
    warnings += dropped
    if conversion.warning:
        warnings.append(conversion.warning)
    orientation = _orientation(name, image)
    header = Header(
        format=name,
        size=size.turned if orientation >= 5 else size,
        interlaced=_has(image, "interlaced") and bool(image.get("interlaced")),
        depth=conversion.depth,
        alpha=image.hasalpha() != 0,
        grey=conversion.grey,
        whole=name not in _STREAMED or image.get_typeof("vips-sequential") == 0,
        wraps=orientation < 5 and goes_round(metadata.xmp),
    )
    return PhotoFile(path, header, orientation, metadata, tuple(warnings), state, several=frames is not None)


# Decoders that hold the whole picture, whatever the file says.
_STREAMED = ("jpeg", "png", "tiff")


def read_photo(file: PhotoFile, canvas: Pixels, alpha: Pixels | None, tick: Tick) -> Photo:
    """The photo, upright. Its pixels are a view of `canvas`, (H, W, 3), its alpha one of `alpha`, (H, W), as the header says.

    Raises: PhotoError when the file is truncated or damaged.
    """
    image = _open(file.path, file.header.format, None)
    stored = canvas.reshape(image.height, image.width, 3)
    stored_alpha = None if alpha is None else alpha.reshape(image.height, image.width)
    conversion = _conversion(file.path, file.header.format, image)
    try:
        if image.format == "float":
            _check_finite(file.path, image, tick)
            image = _open(file.path, file.header.format, None)
        for rows, strip in strips(conversion.apply(image), tick):
            colours = 1 if file.header.grey else 3
            stored[rows] = strip[:, :, :colours]
            if stored_alpha is not None:
                stored_alpha[rows] = strip[:, :, colours]
    except pyvips.Error as error:
        raise damaged(file.path, reason(error)) from None
    if conversion.hdr is not None:
        show_in_standard_range(stored, conversion.hdr, tick)
    return Photo(
        pixels=upright(stored, file.orientation),
        alpha=None if stored_alpha is None else upright(stored_alpha, file.orientation),
        grey=file.header.grey,
        metadata=file.metadata,
    )


def _open(path: Path, name: str, max_pixels: int | None) -> pyvips.Image:
    """The image, decoded as it is read. With `max_pixels`, only its header counts: other decoders' pixels are then all zero."""
    try:
        if name == "bmp":
            return _open_bmp(path, max_pixels)
        if name == "heic":
            return _open_apart(path, "heic", max_pixels)
        if name == "jxl":
            return _open_jxl(path, max_pixels)
        if name == "raw":
            return _open_raw(path, max_pixels)
        if name == "tiff":
            check_tiff(path)
        # A warning of the decoder means that pixels are missing or made up; but libtiff also warns of odd tags.
        fail_on = "error" if name == "tiff" else "warning"
        image = _VIPS_LOADERS[name](os.fspath(path), access="sequential", fail_on=fail_on)
        return _without_unknown(image, read_extra_channels(path)) if name == "tiff" else image
    except pyvips.Error as error:
        if name == "tiff" and _NO_DECODER in str(error):
            return _open_apart(path, "pillow", max_pixels)
        raise damaged(path, reason(error)) from None


def _without_unknown(image: pyvips.Image, extra: ExtraChannels) -> pyvips.Image:
    """Only the colours and the transparency of a TIFF's channels."""
    colours = image.bands - extra.count
    if extra.unknown == 0 or colours < 1:
        return image
    chosen = image.extract_band(0, n=colours)
    return chosen if extra.transparency is None else chosen.bandjoin(image.extract_band(colours + extra.transparency))


def _open_bmp(path: Path, max_pixels: int | None) -> pyvips.Image:
    """A BMP, by Pillow."""
    from PIL.BmpImagePlugin import BmpImageFile

    try:
        # Not Image.open, whose limit of pixels is one for the whole process; ours is checked here.
        with path.open("rb") as file, BmpImageFile(file) as picture:
            if max_pixels is not None:
                _check_pixels(path, Size(*picture.size), max_pixels)
            mode = _PILLOW_MODES.get(picture.mode, "RGB")
            if max_pixels is not None:
                image = pyvips.Image.black(picture.width, picture.height, bands=len(mode))
            else:
                image = pyvips.Image.new_from_array(np.asarray(picture.convert(mode)).reshape(picture.height, picture.width, len(mode)))
            dpi = picture.info.get("dpi", (0, 0))
    except _PILLOW_ERRORS as error:
        raise damaged(path, str(error)) from None
    return _with_dpi(image.copy(interpretation="b-w" if mode == "L" else "srgb"), dpi)


_PILLOW_MODES = {"RGBA": "RGBA", "PA": "RGBA", "L": "L", "1": "L"}
_PILLOW_ERRORS = (OSError, ValueError, SyntaxError, EOFError, KeyError, IndexError, TypeError, OverflowError, struct.error, MemoryError)


def _open_apart(path: Path, decoder: Decoder, max_pixels: int | None) -> pyvips.Image:
    """A photo by a decoder in a process of its own: its blocks and what is said of it as libvips' fields."""
    file = decode_apart(path, decoder, pixels=max_pixels is None)
    if max_pixels is not None:
        _check_pixels(path, file.size, max_pixels)
    if file.pixels is None:
        image = pyvips.Image.black(file.size.width, file.size.height, bands=file.bands).cast("ushort" if file.deep else "uchar")
    elif file.mode == "LAB":
        # As in the file: a and b are signed.
        image = pyvips.Image.new_from_array(file.pixels ^ np.array([0, 128, 128], np.uint8))
    else:
        image = pyvips.Image.new_from_array(file.pixels)
    if file.mode == "LAB":
        image = (image * [100 / 255, 1, 1] + [0, -128, -128]).cast("float").copy(interpretation="lab")
    elif file.bands < 3:
        image = image.copy(interpretation="grey16" if file.deep else "b-w")
    else:
        image = image.copy(interpretation="rgb16" if file.deep else "srgb")
    image = _with_dpi(image, file.dpi)
    for name, block in file.blocks.items():
        if block:
            image.set_type(pyvips.GValue.blob_type, _FIELDS[name], block)
    image.set_type(pyvips.GValue.gint_type, "bits-per-sample", file.bits)
    image.set_type(pyvips.GValue.gint_type, "n-pages", file.frames)
    image.set_type(pyvips.GValue.gstr_type, _WARNINGS, "\n".join(file.warnings))
    return image


def _open_jxl(path: Path, max_pixels: int | None) -> pyvips.Image:
    try:
        kind = kind_of(path)
    except ValueError as error:
        raise damaged(path, str(error)) from None
    if kind.animated:
        raise UnsupportedPhoto(f"{path} is an animated JPEG XL, which is not taken", "take a picture out first")
    image = _open_apart(path, "jxl", max_pixels)
    if kind.floats:
        image.set_type(
            pyvips.GValue.gstr_type, _WARNINGS, "its floating-point values were brought to 16 bits; what is brighter than white is lost"
        )
    return image


def _open_raw(path: Path, max_pixels: int | None) -> pyvips.Image:
    image = _open_apart(path, raw_kind(path) or "raw", max_pixels)
    image.set_type(pyvips.GValue.blob_type, _FIELDS["icc"], bytes(pyvips.Image.profile_load("p3")))
    if not is_tiff(path):
        said = image.get(_WARNINGS)
        image.set_type(pyvips.GValue.gstr_type, _WARNINGS, f"{said}\nthe EXIF of a raw file of this kind is not read, and is left out")
    return image


def _raw_exif(path: Path) -> bytes | None:
    return read_exif(path) if is_tiff(path) else None


# libvips' names of blocks of metadata; and ours for the warnings of a decoder.
_FIELDS = {"exif": "exif-data", "xmp": "xmp-data", "iptc": "iptc-data", "icc": "icc-profile-data"}
_WARNINGS = "img-enhance-warnings"


def _with_dpi(image: pyvips.Image, dpi: tuple[float, float]) -> pyvips.Image:
    return image.copy(xres=float(dpi[0]) / MILLIMETRES_PER_INCH, yres=float(dpi[1]) / MILLIMETRES_PER_INCH)


def _check_pixels(path: Path, size: Size, max_pixels: int) -> None:
    if size.pixels > max_pixels:
        raise PhotoTooLarge(
            f"{path} is {size} ({size.pixels / 1e6:.0f} million pixels), allowed {max_pixels / 1e6:g} million",
            *("if you trust it, raise ", Setting("max_pixels")),
        )


@dataclass(frozen=True)
class Conversion:
    """How decoded pixels become grey or RGB of 8 or 16 bits; `warning` when the photo's own encoding is lost.

    `icc` is the profile of what comes out. `left_out` says what of the file's colours could not be understood. `hdr` is how the values
    become light where they are of high dynamic range, which is yet to be brought to the standard one.
    """

    apply: Callable[[pyvips.Image], pyvips.Image]
    depth: int
    grey: bool = False
    warning: str = ""
    icc: bytes | None = None
    left_out: str = ""
    hdr: Range | None = None


def _conversion(path: Path, name: str, image: pyvips.Image) -> Conversion:
    """What must be done to an opened image.

    Raises: UnsupportedPhoto for kinds that are not taken.
    """
    embedded = image.get("icc-profile-data") if _has(image, "icc-profile-data") else None
    stated = stated_colours(path, name, embedded, grey=_colours(image) == 1)
    return dataclasses.replace(_conversion_of(path, name, image, stated), left_out=stated.warning)


def _colours(image: pyvips.Image) -> int:
    """Its channels without transparency."""
    return int(image.bands) - (1 if image.hasalpha() else 0)


def _conversion_of(path: Path, name: str, image: pyvips.Image, stated: StatedColours) -> Conversion:
    colours, profile, space = _colours(image), stated.profile, image.interpretation
    depth = 16 if image.format == "ushort" else 8
    usable = profile is not None and colours in (1, 3) and profile_problem(profile, channels=colours) is None
    if image.format == "float" and usable and space in ("scrgb", "b-w"):
        return _of_floats(profile or b"", grey=colours == 1)
    if image.format == "float" and space == "scrgb" and colours == 3:
        warning = "linear floating-point light was converted to sRGB of 16 bits"
        warning += "" if profile is None else ", without its colour profile, which is damaged"
        return Conversion(lambda i: i.colourspace("rgb16"), 16, warning=warning)
    if space in ("lab", "labq", "labs"):
        target = "srgb" if space == "labq" else "rgb16"
        return Conversion(lambda i: i.colourspace(target), 8 if space == "labq" else 16, warning="CIELAB was converted to sRGB")
    if image.format not in ("uchar", "ushort"):
        raise UnsupportedPhoto(f"{path} has values of type {image.format}, which is not taken", "save it with 8 or 16 bits a channel")
    if space == "cmyk" and colours == 4:
        broken = profile is not None and profile_problem(profile, channels=4) is not None
        warning = "CMYK was converted to sRGB" + (", without its colour profile, which is damaged" if broken else "")
        return Conversion(_to_srgb(depth, fallback="cmyk", embedded=not broken), depth, warning=warning)
    if stated.hdr is not None and colours in (1, 3):
        warning = f"{str(stated.hdr.curve).upper()} of high dynamic range was tone-mapped to the standard range"
        warning += f" (BT.2390, white at {WHITE_NITS:g} cd/m2); the result is Display P3, not HDR"
        icc = colours_profile(Colours(DISPLAY_P3, SRGB_CURVE), grey=colours == 1)
        decode = _full_range(name, image, narrow=stated.narrow)
        hdr = range_of(stated.hdr, grey=colours == 1)
        return Conversion(lambda i: _deep(decode(i)), 16, grey=colours == 1, warning=warning, icc=icc, hdr=hdr)
    if profile is not None and usable and is_linear(profile):
        warning = "linear light was converted to sRGB of 16 bits"
        return Conversion(_to_srgb(16, fallback="srgb", profile=profile), 16, warning=warning)
    if (colours == 1 and space in ("b-w", "grey16")) or (colours == 3 and space in ("srgb", "rgb", "rgb16")):
        warning = "values as in video were stretched to the full range" if stated.narrow else ""
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
    bits = int(image.get("bits-per-sample")) if name in ("avif", "heic") and _has(image, "bits-per-sample") else 16
    if image.format != "ushort" or not 8 < bits < 16:
        return lambda i: i
    white = (1 << 16) - (1 << (16 - bits))
    return lambda i: (i * (65_535 / white)).rint().cast("ushort")


def _stretched(image: pyvips.Image) -> pyvips.Image:
    """Video's range, 16 to 235 of 8 bits, made full; transparency always is. Source: ITU-T H.273, equations 2 to 4."""
    unit, largest = (1, 255) if image.format == "uchar" else (256, 65_535)
    scale, colours = largest / ((235 - 16) * unit), _colours(image)
    opacity = image.bands - colours
    stretched = image.linear([scale] * colours + [1] * opacity, [-16 * unit * scale] * colours + [0] * opacity)
    return stretched.rint().cast(image.format)


def _metadata(path: Path, name: str, image: pyvips.Image, conversion: Conversion) -> tuple[Metadata, list[str]]:
    """The photo's metadata, and what had to be dropped of it."""
    found: dict[str, bytes | None] = {key: image.get(field) if _has(image, field) else None for key, field in _FIELDS.items()}
    dropped = image.get(_WARNINGS).splitlines() if _has(image, _WARNINGS) else []
    for key, read in _READERS.get(name, {}).items():
        try:
            found[key] = found[key] or read(path)
        except BrokenMetadata as error:
            dropped.append(_dropped(key, error))
    for key, check in _CHECKS.items():
        block = found[key]
        try:
            if block is not None:
                check(block)
        except BrokenMetadata as error:
            dropped.append(_dropped(key, error))
            found[key] = None
    if conversion.left_out:
        dropped.append(conversion.left_out)
    found["icc"] = conversion.icc
    if found["icc"] is not None:
        problem = profile_problem(found["icc"], channels=1 if conversion.grey else 3) or _unwritable(found["icc"], grey=conversion.grey)
        if problem is not None:
            dropped.append(f"its colour profile was dropped: {problem}")
            found["icc"] = None
    elif name == "png" and not _has(image, "icc-profile-data") and b"iCCP" in png_chunks(path):
        dropped.append("its colour profile was dropped: it cannot be read")
    resolution = _resolution(image, found["exif"])
    if resolution is not None and _orientation(name, image) >= 5:
        resolution = resolution[1], resolution[0]
    metadata = Metadata(exif=found["exif"], xmp=found["xmp"], iptc=found["iptc"], icc=found["icc"], resolution=resolution)
    if name in ("heic", "avif"):
        return metadata, [*dropped, *left_beside(path)]
    if name != "jpeg":
        return metadata, dropped
    attached, lost = _attached(path, metadata, _orientation(name, image))
    return attached, dropped + lost


def _attached(path: Path, metadata: Metadata, orientation: int) -> tuple[Metadata, list[str]]:
    """The metadata with what lies behind the picture in its JPEG's file, and what had to be left there."""
    found = _behind(path, metadata.xmp)
    lost = list(found.lost)
    gain_map = None if found.gain_map is None else GainMap(found.gain_map, orientation, found.iso)
    try:
        if gain_map is not None:
            check_gain_map(gain_map.jpeg)
    except BrokenMetadata as error:
        lost.append(f"its gain map is damaged and was dropped: {error}")
        gain_map = None
    return dataclasses.replace(metadata, gain_map=gain_map, video=found.video), lost


def _behind(path: Path, xmp: bytes | None) -> Behind:
    """What lies behind a JPEG's picture; a file is only read to its end where something says that it is worth it."""
    with path.open("rb") as file:
        start = file.read(_MOST_HEAD_BYTES)
        file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
        if not says_something(start, file.read(), xmp):
            return Behind()
        if path.stat().st_size > _MOST_FILE_BYTES:
            return Behind(
                lost=(f"what lies behind the picture in its file was left out: the file has more than {_MOST_FILE_BYTES:,} bytes",)
            )
        return behind(path.read_bytes(), xmp)


def _unwritable(profile: bytes, *, grey: bool) -> str | None:
    """Why a PNG, whose library is the strictest, cannot hold a profile: it fails after all the work, or leaves it out without a word."""
    image = pyvips.Image.black(1, 1, bands=1 if grey else 3).copy(interpretation="b-w" if grey else "srgb")
    image.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile)
    try:
        again = pyvips.Image.pngload_buffer(image.pngsave_buffer(keep="icc"))
    except pyvips.Error as error:
        return f"a PNG cannot hold it ({reason(error)})"
    return None if _has(again, "icc-profile-data") else "a PNG cannot hold it"


def _check_exif(exif: bytes) -> None:
    for keep_gps in (True, False):
        exif_resolution(upright_exif(exif, width=1, height=1, keep_gps=keep_gps))


def _check_xmp(xmp: bytes) -> None:
    with_note(xmp, note="", tool="", width=1, height=1, keep_gps=False)


# What libvips does not read; and what would fail after all the work if it were not tried before.
_READERS: dict[str, dict[str, Callable[[Path], bytes | None]]] = {
    "tiff": {"exif": read_exif},
    "raw": {"exif": _raw_exif},
    "png": {"xmp": read_xmp},
}
_CHECKS: dict[str, Callable[[bytes], None]] = {"exif": _check_exif, "xmp": _check_xmp}


def _dropped(key: str, error: BrokenMetadata) -> str:
    return f"its {key.upper()} is damaged and was dropped: {error}"


def _resolution(image: pyvips.Image, exif: bytes | None) -> tuple[float, float] | None:
    """Pixels per inch, across and down: the file's own statement, else that of its EXIF, which is where WebP and HEIF keep it."""
    found = (image.xres * MILLIMETRES_PER_INCH, image.yres * MILLIMETRES_PER_INCH)
    if any(all(abs(value - usual) < _RESOLUTION_TOLERANCE for value in found) for usual in _NO_RESOLUTIONS) or min(found) <= 0:
        stated = exif_resolution(exif) if exif is not None else None
        return None if stated in (None, (72.0, 72.0)) else stated
    return round(found[0], 2), round(found[1], 2)


def _orientation(name: str, image: pyvips.Image) -> int:
    # HEIF and JPEG XL carry their rotation outside EXIF, and their decoders have applied it.
    if name in ("avif", "heic", "jxl", "raw") or not _has(image, "orientation"):
        return 1
    value = int(image.get("orientation"))
    return value if 1 <= value <= 8 else 1


def _check_finite(path: Path, image: pyvips.Image, tick: Tick) -> None:
    for _, strip in strips(image, tick):
        if not np.isfinite(strip).all():
            raise UnsupportedPhoto(f"{path} holds NaN or infinite values", "repair it where it was made")


def _has(image: pyvips.Image, field: str) -> bool:
    return bool(image.get_typeof(field))


def reason(error: pyvips.Error) -> str:
    """The last line of libvips' account, which is the first thing that went wrong further down."""
    lines = [line.strip() for line in str(error.detail or error.message).splitlines() if line.strip()]
    return lines[-1] if lines else "no reason given"
