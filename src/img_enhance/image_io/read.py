"""Photos from files: header first, then the pixels in a stream, upright, in their own encoding."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyvips

from img_enhance.cancelling import Tick
from img_enhance.errors import PhotoError, PhotoTooLarge, UnsupportedPhoto
from img_enhance.files import State, damaged, size_in, state_of
from img_enhance.geometry import Size
from img_enhance.image_io.apart import Decoder, decode_apart
from img_enhance.image_io.content import check_png, content_format, gif_frame, is_animated, is_tiff, photo_page, png_chunks, raw_kind
from img_enhance.image_io.extras import missing_extra
from img_enhance.image_io.gain_map import check_gain_map
from img_enhance.image_io.jxl import kind_of
from img_enhance.image_io.mended import Mending, mended_source, mending
from img_enhance.image_io.stated_colours import StatedColours, stated_colours
from img_enhance.image_io.strips import strips, whole_rows
from img_enhance.image_io.turned import upright
from img_enhance.light.hdr import WHITE_NITS, Range, range_of, show_in_standard_range
from img_enhance.machine.canvas import Pixels
from img_enhance.metadata import BrokenMetadata, png, tiff
from img_enhance.metadata.attached import Behind, behind, says_something
from img_enhance.metadata.beside import left_beside
from img_enhance.metadata.colours import DISPLAY_P3, SRGB_CURVE, Colours
from img_enhance.metadata.exif import exif_orientation, exif_resolution, upright_exif
from img_enhance.metadata.icc import is_linear, profile_problem
from img_enhance.metadata.made_profile import colours_profile
from img_enhance.metadata.xmp import goes_round, with_note
from img_enhance.photo import GainMap, Header, Metadata, Photo
from img_enhance.words import Setting

# 72 dots per inch is what programs write when they know nothing; libvips says that, or 1 pixel a millimetre, for "not given".
_NO_RESOLUTIONS = (72.0, 25.4)
_RESOLUTION_TOLERANCE = 0.05
MILLIMETRES_PER_INCH = 25.4

# Of a JPEG with something behind its picture: cameras' segments take less than that, and phones' files with their videos.
_MOST_HEAD_BYTES, _TAIL_BYTES, _MOST_FILE_BYTES = 2_000_000, 64, 200_000_000

SALVAGE = Setting("salvage")

_NO_DECODER = "bad labq format"
_NOT_READ = ("not supported", "not configured", "not implemented")

_VIPS_LOADERS: dict[str, Callable[..., pyvips.Image]] = {
    "jpeg": pyvips.Image.jpegload,
    "png": pyvips.Image.pngload,
    "webp": pyvips.Image.webpload,
    "avif": pyvips.Image.heifload,
    "gif": pyvips.Image.gifload,
}


@dataclass(frozen=True)
class PhotoFile:
    """A photo's file whose header has been read and found good; `warnings` say what will not come back as it was.

    `state` is the file's when that was done. `several` says that it holds other pictures beside the first. With `salvage`, what is there
    of a damaged picture is taken.
    """

    path: Path
    header: Header
    orientation: int
    metadata: Metadata
    warnings: tuple[str, ...]
    state: State
    several: bool
    salvage: bool = False

    @property
    def bytes(self) -> int:
        """How large the file is."""
        return size_in(self.state)


def open_photo(path: Path, *, max_pixels: int, first_frame: bool = True, salvage: bool = False) -> PhotoFile:
    """The header of a photo; pixels are not read, except by decoders that know no other way (HEIC).

    Of a file with several pictures the first is taken if `first_frame`; of a damaged one what is there, if `salvage`.

    Raises: PhotoError when the file cannot be read, UnsupportedPhoto when it is no photo that we take, PhotoTooLarge above `max_pixels`.
    """
    name = content_format(path)
    lacking = missing_extra(name)
    if lacking is not None:
        raise UnsupportedPhoto(f"{path} is of the format {name}, for which another package is needed", f"run: {lacking}")
    state = state_of(path)
    image = _open_to_salvage(path, name, max_pixels) if salvage else _open(path, name, max_pixels)
    size = Size(image.width, image.height)
    _check_pixels(path, size, max_pixels)
    frames = image.get_n_pages() if image.get_n_pages() > 1 else "several" if is_animated(path, name) else None
    warnings = [f"the file has a flaw that by itself loses no pixel: {why}" for why in mending(path).flaws] if name == "jpeg" else []
    if frames is not None:
        if not first_frame:
            raise UnsupportedPhoto(f"{path} has {frames} frames or pages", "take one out first, or use ", Setting("animation", "first"))
        warnings.append(f"only the first of {frames} frames or pages is kept")
    if name == "tiff" and tiff.read_extra_channels(path, photo_page(path).number).unknown:
        warnings.append("a channel beside its colours was left out, as the file does not call it transparency")
    conversion = _conversion(path, name, image)
    metadata, orientation, dropped = _metadata(path, name, image, conversion)
    warnings += dropped
    if conversion.warning:
        warnings.append(conversion.warning)
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
    return PhotoFile(path, header, orientation, metadata, tuple(warnings), state, several=frames is not None, salvage=salvage)


# Decoders that hold the whole picture, whatever the file says.
_STREAMED = ("jpeg", "png", "tiff")


def read_photo(file: PhotoFile, canvas: Pixels, alpha: Pixels | None, tick: Tick) -> Photo:
    """The photo, upright. Its pixels are a view of `canvas`, (H, W, 3), its alpha one of `alpha`, (H, W), as the header says.

    Raises: PhotoError when the file is truncated or damaged.
    """
    stored = canvas.reshape(*_stored_shape(file), 3)
    stored_alpha = None if alpha is None else alpha.reshape(*_stored_shape(file))
    warnings: tuple[str, ...] = ()
    try:
        _fill(file, _open(file.path, file.header.format, None), stored, stored_alpha, tick)
    except (pyvips.Error, PhotoError) as error:
        if not file.salvage or isinstance(error, UnsupportedPhoto):
            raise _damaged(file, error) from None
        warnings = (_salvage(file, stored, stored_alpha, tick),)
    return Photo(
        pixels=upright(stored, file.orientation),
        alpha=None if stored_alpha is None else upright(stored_alpha, file.orientation),
        grey=file.header.grey,
        metadata=file.metadata,
        warnings=warnings,
    )


def read_reduced(file: PhotoFile, side: int) -> Photo:
    """The photo, upright, with its profile only, averaged by a whole factor: its longer side has from `side` to twice as many pixels, or
    all that there are if they are fewer. A JPEG is decoded at a half, a fourth or an eighth of its size, which takes a part of the time.

    Raises: PhotoError when the file is truncated or damaged.
    """
    name, salvage = file.header.format, file.salvage
    factor = max(1, max(file.header.size.width, file.header.size.height) // side)
    shrink = next(each for each in (8, 4, 2, 1) if each <= factor) if name == "jpeg" else 1
    try:
        opened = _open(file.path, name, None, fail_on="none" if salvage else None, shrink=shrink)
        conversion = _conversion(file.path, name, opened)
        image, factor = conversion.apply(opened), factor // shrink
        image = image.shrink(min(factor, image.width), min(factor, image.height))
        stored = np.concatenate([strip for _, strip in strips(image, lambda: None)])
    except (pyvips.Error, PhotoError) as error:
        raise _damaged(file, error) from None
    colours = 1 if conversion.grey else 3
    pixels = np.broadcast_to(stored[:, :, :colours], (*stored.shape[:2], 3)).copy()
    if conversion.hdr is not None:
        show_in_standard_range(pixels, conversion.hdr, lambda: None)
    return Photo(
        pixels=upright(pixels, file.orientation),
        alpha=upright(stored[:, :, colours], file.orientation) if file.header.alpha else None,
        grey=conversion.grey,
        metadata=Metadata(icc=file.metadata.icc),
    )


def _stored_shape(file: PhotoFile) -> tuple[int, int]:
    """Height and width as the file has them, before it is turned."""
    size = file.header.size
    return (size.width, size.height) if file.orientation >= 5 else (size.height, size.width)


def _fill(file: PhotoFile, image: pyvips.Image, stored: Pixels, stored_alpha: Pixels | None, tick: Tick) -> None:
    """Decode an opened image into the arrays, (H, W, 3) and (H, W).

    Raises: pyvips.Error where it is damaged, UnsupportedPhoto where it holds values that are no numbers.
    """
    conversion = _conversion(file.path, file.header.format, image)
    if image.format == "float":
        _check_finite(file.path, image, tick)
        image = _open(file.path, file.header.format, None)
    colours = 1 if file.header.grey else 3
    for rows, strip in strips(conversion.apply(image), tick):
        stored[rows] = strip[:, :, :colours]
        if stored_alpha is not None:
            stored_alpha[rows] = strip[:, :, colours]
    if conversion.hdr is not None:
        show_in_standard_range(stored, conversion.hdr, tick)


def _salvage(file: PhotoFile, stored: Pixels, stored_alpha: Pixels | None, tick: Tick) -> str:
    """Decode what there is, and say how much is not.

    Raises: PhotoError when the decoder makes nothing of it.
    """
    name, height = file.header.format, len(stored)
    try:
        whole = whole_rows(_open(file.path, name, None), tick)
        # A JPEG's colour of half the size is mixed with that of the row below.
        whole = max(0, whole - 1) if name == "jpeg" else whole
    except (pyvips.Error, PhotoError):
        whole = 0
    try:
        _fill(file, _open(file.path, name, None, fail_on="none"), stored, stored_alpha, tick)
    except pyvips.Error as error:
        raise damaged(file.path, reason(error)) from None
    return (
        f"the file is damaged: {height - whole} of {height} rows, as it holds them, are missing or wrong, the first of them row {whole + 1}"
    )


def _damaged(file: PhotoFile, error: pyvips.Error | PhotoError) -> PhotoError:
    """What to raise when a file cannot be read to its end."""
    if isinstance(error, PhotoError):
        return error
    if file.header.format not in _STREAMED:
        return damaged(file.path, reason(error))
    plain = damaged(file.path, reason(error))
    return PhotoError(plain.says, *plain.advice, "; to take what is there of it, use ", SALVAGE)


def _open_to_salvage(path: Path, name: str, max_pixels: int) -> pyvips.Image:
    """As `_open`, but whatever the decoder warns of."""
    try:
        return _open(path, name, max_pixels)
    except UnsupportedPhoto:
        raise
    except PhotoError:
        return _open(path, name, max_pixels, fail_on="none")


def _open(path: Path, name: str, max_pixels: int | None, *, fail_on: str | None = None, shrink: int = 1) -> pyvips.Image:
    """The image, decoded as it is read. With `max_pixels`, only its header counts: other decoders' pixels are then all zero.

    It fails at the first sign of damage, or at what `fail_on` names (libvips). A JPEG is reduced by `shrink`: 1, 2, 4 or 8.
    """
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
            return _open_tiff(path, max_pixels, fail_on or "error")
        if name == "png":
            check_png(path)
        # A warning of the decoder means that pixels are missing or made up; but libtiff, which `_open_tiff` asks, also warns of odd tags.
        fail_on = fail_on or "warning"
        reduced = {"shrink": shrink} if name == "jpeg" else {}
        if name == "jpeg" and (mended := mending(path)).flaws:
            return pyvips.Image.new_from_source(mended_source(path, mended), "", access="sequential", fail_on=fail_on, **reduced)
        image = _load(path, _VIPS_LOADERS[name], access="sequential", fail_on=fail_on, **reduced)
        return _around_frame(path, image) if name == "gif" else image
    except pyvips.Error as error:
        if name == "tiff" and _NO_DECODER in str(error):
            return _open_apart(path, "pillow", max_pixels)
        if name == "tiff" and any(words in str(error) for words in _NOT_READ):
            raise UnsupportedPhoto(
                f"{path} is a TIFF of a kind that is not taken ({reason(error)})", "save it anew with deflate or LZW"
            ) from None
        raise damaged(path, reason(error)) from None


def _load(path: Path, loader: Callable[..., pyvips.Image], **options: str | int) -> pyvips.Image:
    """The image in a file, of whatever bytes its name is: pyvips takes all names for UTF-8."""
    name = os.fspath(path)
    if name.isascii() or "\ufffd" not in os.fsencode(name).decode(errors="replace"):
        return loader(name, **options)
    return pyvips.Image.new_from_source(mended_source(path, Mending()), "", **options)


def _open_tiff(path: Path, max_pixels: int | None, fail_on: str) -> pyvips.Image:
    """The page of a TIFF that is the photo."""
    page = photo_page(path)
    image = _load(path, pyvips.Image.tiffload, page=page.number, access="sequential", fail_on=fail_on).copy()
    pages = image.get_n_pages() - page.small
    if page.by_pillow:
        image = _with_pixels_of_pillow(path, image, page.number, max_pixels)
    image.set_type(pyvips.GValue.gint_type, "n-pages", max(1, pages))
    return _without_unknown(image, tiff.read_extra_channels(path, page.number))


def _without_unknown(image: pyvips.Image, extra: tiff.ExtraChannels) -> pyvips.Image:
    """Only the colours and the transparency of a TIFF's channels."""
    colours = image.bands - extra.count
    if extra.unknown == 0 or colours < 1:
        return image
    chosen = image.extract_band(0, n=colours)
    return chosen if extra.transparency is None else chosen.bandjoin(image.extract_band(colours + extra.transparency))


def _with_pixels_of_pillow(path: Path, header: pyvips.Image, page: int, max_pixels: int | None) -> pyvips.Image:
    """A TIFF of 8 bits as Pillow decodes it, with all that libvips read of it beside the pixels."""
    from PIL.TiffImagePlugin import TiffImageFile

    _check_pixels(path, Size(header.width, header.height), header.width * header.height if max_pixels is None else max_pixels)
    try:
        with path.open("rb") as file, TiffImageFile(file) as picture:
            picture.seek(page)
            if picture.mode not in _TIFF_MODES or len(picture.getbands()) != header.bands:
                raise UnsupportedPhoto(f"{path} is a TIFF of an unusual kind ({picture.mode})", "save it as RGB first")
            width, height = picture.size
            if max_pixels is not None:
                image = pyvips.Image.black(width, height, bands=header.bands)
            else:
                image = pyvips.Image.new_from_array(np.asarray(picture).reshape(height, width, header.bands))
    except _PILLOW_ERRORS as error:
        raise damaged(path, str(error)) from None
    # Pillow has turned it upright.
    turned = (width, height) != (header.width, header.height)
    across, down = (header.yres, header.xres) if turned else (header.xres, header.yres)
    image = image.copy(interpretation=header.interpretation, xres=across, yres=down)
    for field in _FIELDS.values():
        if _has(header, field):
            image.set_type(pyvips.GValue.blob_type, field, header.get(field))
    image.set_type(pyvips.GValue.gint_type, "orientation", 1)
    return image


def _around_frame(path: Path, image: pyvips.Image) -> pyvips.Image:
    """A GIF whose first frame is smaller than the picture is transparent around it, as browsers show it; libvips makes that black."""
    frame = gif_frame(path)
    whole = Size(image.width, image.height).box
    if image.hasalpha() or frame is None or frame.size == whole.size or frame.size.pixels == 0:
        return image
    seen = pyvips.Image.black(frame.size.width, frame.size.height) + 255
    return image.bandjoin(seen.cast("uchar").embed(frame.left, frame.top, image.width, image.height))


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


_TIFF_MODES = ("L", "LA", "RGB", "RGBA", "CMYK")
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
    return tiff.read_exif(path) if is_tiff(path) else None


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


def _metadata(path: Path, name: str, image: pyvips.Image, conversion: Conversion) -> tuple[Metadata, int, list[str]]:
    """The photo's metadata, its orientation by EXIF, 1 to 8, and what had to be dropped."""
    found: dict[str, bytes | None] = {key: image.get(field) if _has(image, field) else None for key, field in _FIELDS.items()}
    dropped = image.get(_WARNINGS).splitlines() if _has(image, _WARNINGS) else []
    for key, read in _READERS.get(name, {}).items():
        try:
            found[key] = read(path)
        except BrokenMetadata as error:
            dropped.append(_dropped(key, error))
            found[key] = None
    stated = _orientation(name, image, found["exif"])
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
    orientation = stated or 1
    if resolution is not None and orientation >= 5:
        resolution = resolution[1], resolution[0]
    metadata = Metadata(
        exif=found["exif"], xmp=found["xmp"], iptc=found["iptc"], icc=found["icc"], resolution=resolution, upright=stated is not None
    )
    if name in ("heic", "avif"):
        return metadata, orientation, [*dropped, *left_beside(path)]
    if name != "jpeg":
        return metadata, orientation, dropped
    attached, lost = _attached(path, metadata, orientation)
    return attached, orientation, dropped + lost


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


def _exif_of_photo_page(path: Path) -> bytes | None:
    number = photo_page(path).number
    return tiff.read_exif(path, number) or (tiff.read_exif(path) if number else None)


# What libvips does not read, or not as it should be: of a PNG it takes EXIF before the pixels only, and with a wrong checksum too.
# And what would fail after all the work if it were not tried before.
_READERS: dict[str, dict[str, Callable[[Path], bytes | None]]] = {
    "tiff": {"exif": _exif_of_photo_page},
    "raw": {"exif": _raw_exif},
    "png": {"xmp": png.read_xmp, "exif": png.read_exif},
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


def _orientation(name: str, image: pyvips.Image, exif: bytes | None) -> int | None:
    """How the stored pixels are to be turned, 1 to 8; None when the file does not say."""
    # HEIF and JPEG XL carry their rotation outside EXIF, and their decoders have applied it.
    if name in ("avif", "heic", "jxl", "raw"):
        return 1
    if name == "png":
        with contextlib.suppress(BrokenMetadata):
            return None if exif is None else exif_orientation(exif)
        return None
    value = int(image.get("orientation")) if _has(image, "orientation") else 0
    return value if 1 <= value <= 8 else None


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
