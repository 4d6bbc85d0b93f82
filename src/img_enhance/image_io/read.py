"""Photos from files: header first, then the pixels in a stream, upright, in their own encoding."""

from __future__ import annotations

import contextlib
import os
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyvips

from img_enhance.cancelling import Tick
from img_enhance.errors import PhotoError, PhotoTooLarge, UnsupportedPhoto
from img_enhance.files import State, damaged, state_of
from img_enhance.geometry import Size
from img_enhance.image_io.content import check_png, content_format, gif_frame, is_animated, photo_page, png_chunks
from img_enhance.image_io.heic import decode_heic
from img_enhance.image_io.mended import Mending, mended_source, mending
from img_enhance.image_io.strips import strips, whole_rows
from img_enhance.machine.canvas import Pixels
from img_enhance.metadata import BrokenMetadata, png, tiff
from img_enhance.metadata.exif import exif_orientation, exif_resolution, upright_exif
from img_enhance.metadata.icc import is_linear, profile_problem
from img_enhance.metadata.xmp import with_note
from img_enhance.photo import Header, Metadata, Photo
from img_enhance.words import Setting

# 72 dots per inch is what programs write when they know nothing; libvips says that, or 1 pixel a millimetre, for "not given".
_NO_RESOLUTIONS = (72.0, 25.4)
_RESOLUTION_TOLERANCE = 0.05
MILLIMETRES_PER_INCH = 25.4

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


def open_photo(path: Path, *, max_pixels: int, first_frame: bool = True, salvage: bool = False) -> PhotoFile:
    """The header of a photo; pixels are not read, except by decoders that know no other way (HEIC).

    Of a file with several pictures the first is taken if `first_frame`; of a damaged one what is there, if `salvage`.

    Raises: PhotoError when the file cannot be read, UnsupportedPhoto when it is no photo that we take, PhotoTooLarge above `max_pixels`.
    """
    name = content_format(path)
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
    conversion = _conversion(path, name, image)
    metadata, orientation, dropped = _metadata(path, name, image, conversion)
    warnings += dropped
    if conversion.warning:
        warnings.append(conversion.warning)
    upright = Size(size.height, size.width) if orientation >= 5 else size
    header = Header(
        format=name,
        size=upright,
        interlaced=_has(image, "interlaced") and bool(image.get("interlaced")),
        depth=conversion.depth,
        alpha=image.hasalpha() != 0,
        grey=conversion.grey,
        whole=name not in _STREAMED or image.get_typeof("vips-sequential") == 0,
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
        pixels=_upright(stored, file.orientation),
        alpha=None if stored_alpha is None else _upright(stored_alpha, file.orientation),
        grey=file.header.grey,
        metadata=file.metadata,
        warnings=warnings,
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


def _open(path: Path, name: str, max_pixels: int | None, *, fail_on: str | None = None) -> pyvips.Image:
    """The image, decoded as it is read. With `max_pixels`, only its header counts: other decoders' pixels are then all zero.

    It fails at the first sign of damage, or at what `fail_on` names (libvips).
    """
    try:
        if name == "bmp":
            return _open_with_pillow(path, max_pixels)
        if name == "heic":
            return _open_heic(path, max_pixels)
        if name == "tiff":
            return _open_tiff(path, max_pixels, fail_on or "error")
        if name == "png":
            check_png(path)
        # A warning of the decoder means that pixels are missing or made up; but libtiff, which `_open_tiff` asks, also warns of odd tags.
        fail_on = fail_on or "warning"
        if name == "jpeg" and (mended := mending(path)).flaws:
            return pyvips.Image.new_from_source(mended_source(path, mended), "", access="sequential", fail_on=fail_on)
        image = _load(path, _VIPS_LOADERS[name], access="sequential", fail_on=fail_on)
        return _around_frame(path, image) if name == "gif" else image
    except pyvips.Error as error:
        if name == "tiff" and _NO_DECODER in str(error):
            return _open_with_pillow(path, max_pixels)
        if name == "tiff" and any(words in str(error) for words in _NOT_READ):
            raise UnsupportedPhoto(
                f"{path} is a TIFF of a kind that is not taken ({reason(error)}); save it anew with deflate or LZW"
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
    return image


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
    for field in _BLOCKS.values():
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


def _open_with_pillow(path: Path, max_pixels: int | None) -> pyvips.Image:
    """A BMP, or a TIFF in CIELAB of 8 bits, which libvips 8.18 cannot read."""
    from PIL.BmpImagePlugin import BmpImageFile
    from PIL.TiffImagePlugin import TiffImageFile

    kind = BmpImageFile if content_format(path) == "bmp" else TiffImageFile
    try:
        # Not Image.open, whose limit of pixels is one for the whole process; ours is checked here.
        with path.open("rb") as file, kind(file) as picture:
            if max_pixels is not None:
                _check_pixels(path, Size(*picture.size), max_pixels)
            if kind is TiffImageFile and picture.mode != "LAB":
                raise UnsupportedPhoto(f"{path} is a TIFF of an unusual kind ({picture.mode})", "save it as RGB first")
            mode = _PILLOW_MODES.get(picture.mode, "RGB")
            bands = len(mode.replace("LAB", "RGB"))
            if max_pixels is not None:
                image = pyvips.Image.black(picture.width, picture.height, bands=bands)
            else:
                values = np.asarray(picture.convert(mode)).reshape(picture.height, picture.width, bands)
                # As in the file: a and b are signed.
                image = pyvips.Image.new_from_array(values ^ np.array([0, 128, 128], np.uint8) if mode == "LAB" else values)
            dpi, icc = picture.info.get("dpi", (0, 0)), picture.info.get("icc_profile")
    except _PILLOW_ERRORS as error:
        raise damaged(path, str(error)) from None
    if mode == "LAB":
        image = (image * [100 / 255, 1, 1] + [0, -128, -128]).cast("float")
    space = {"L": "b-w", "LAB": "lab"}.get(mode, "srgb")
    image = image.copy(interpretation=space, xres=float(dpi[0]) / MILLIMETRES_PER_INCH, yres=float(dpi[1]) / MILLIMETRES_PER_INCH)
    if icc and mode != "LAB":
        image.set_type(pyvips.GValue.blob_type, "icc-profile-data", bytes(icc))
    return image


_TIFF_MODES = ("L", "LA", "RGB", "RGBA", "CMYK")
_PILLOW_MODES = {"RGBA": "RGBA", "PA": "RGBA", "L": "L", "1": "L", "LAB": "LAB"}
_PILLOW_ERRORS = (OSError, ValueError, SyntaxError, EOFError, KeyError, IndexError, TypeError, OverflowError, struct.error, MemoryError)


def _open_heic(path: Path, max_pixels: int | None) -> pyvips.Image:
    file = decode_heic(path, pixels=max_pixels is None)
    if max_pixels is not None:
        _check_pixels(path, file.size, max_pixels)
    if file.pixels is None:
        image = pyvips.Image.black(file.size.width, file.size.height, bands=file.bands).cast("ushort" if file.deep else "uchar")
    else:
        image = pyvips.Image.new_from_array(file.pixels)
    grey = file.bands < 3
    image = image.copy(interpretation=("grey16" if file.deep else "b-w") if grey else ("rgb16" if file.deep else "srgb"))
    for field, name in (("exif-data", "exif"), ("xmp-data", "xmp"), ("icc-profile-data", "icc_profile")):
        if file.blocks[name]:
            image.set_type(pyvips.GValue.blob_type, field, file.blocks[name])
    image.set_type(pyvips.GValue.gint_type, "bits-per-sample", file.bits)
    image.set_type(pyvips.GValue.gint_type, "n-pages", file.frames)
    return image


def _check_pixels(path: Path, size: Size, max_pixels: int) -> None:
    if size.pixels > max_pixels:
        raise PhotoTooLarge(
            f"{path} is {size} ({size.pixels / 1e6:.0f} million pixels), allowed {max_pixels / 1e6:g} million",
            *("if you trust it, raise ", Setting("max_pixels")),
        )


@dataclass(frozen=True)
class Conversion:
    """How decoded pixels become grey or RGB of 8 or 16 bits; `warning` when the photo's own encoding is lost."""

    apply: Callable[[pyvips.Image], pyvips.Image]
    depth: int
    grey: bool = False
    warning: str = ""


def _conversion(path: Path, name: str, image: pyvips.Image) -> Conversion:
    """What must be done to an opened image.

    Raises: UnsupportedPhoto for kinds that are not taken.
    """
    colours = image.bands - (1 if image.hasalpha() else 0)
    profile = image.get("icc-profile-data") if _has(image, "icc-profile-data") else None
    space = image.interpretation
    depth = 16 if image.format == "ushort" else 8
    if image.format == "float" and space == "scrgb" and colours == 3:
        return Conversion(lambda i: i.colourspace("rgb16"), 16, warning="linear floating-point light was converted to sRGB of 16 bits")
    if space in ("lab", "labq", "labs"):
        target = "srgb" if space == "labq" else "rgb16"
        return Conversion(lambda i: i.colourspace(target), 8 if space == "labq" else 16, warning="CIELAB was converted to sRGB")
    if image.format not in ("uchar", "ushort"):
        raise UnsupportedPhoto(f"{path} has values of type {image.format}, which is not taken", "save it with 8 or 16 bits a channel")
    if space == "cmyk" and colours == 4:
        broken = profile is not None and profile_problem(profile, channels=4) is not None
        warning = "CMYK was converted to sRGB" + (", without its colour profile, which is damaged" if broken else "")
        return Conversion(_to_srgb(depth, fallback="cmyk", embedded=not broken), depth, warning=warning)
    if profile is not None and colours == 3 and profile_problem(profile, channels=3) is None and is_linear(profile):
        return Conversion(_to_srgb(16, fallback="srgb"), 16, warning="linear light was converted to sRGB of 16 bits")
    if colours == 1 and space in ("b-w", "grey16"):
        return Conversion(_full_range(name, image), depth, grey=True)
    if colours == 3 and space in ("srgb", "rgb", "rgb16"):
        return Conversion(_full_range(name, image), depth)
    raise UnsupportedPhoto(f"{path} is in the colour space {space} with {image.bands} channels, which is not taken", "save it as RGB first")


def _to_srgb(depth: int, *, fallback: str, embedded: bool = True) -> Callable[[pyvips.Image], pyvips.Image]:
    def apply(image: pyvips.Image) -> pyvips.Image:
        return image.icc_transform("srgb", embedded=embedded, input_profile=fallback, intent="relative", depth=depth)

    return apply


def _full_range(name: str, image: pyvips.Image) -> Callable[[pyvips.Image], pyvips.Image]:
    """HEIF's decoders hand out 10 or 12 bits as the upper ones of 16, so that white is below 65,535."""
    bits = int(image.get("bits-per-sample")) if name in ("avif", "heic") and _has(image, "bits-per-sample") else 16
    if image.format != "ushort" or not 8 < bits < 16:
        return lambda i: i
    white = (1 << 16) - (1 << (16 - bits))
    return lambda i: (i * (65_535 / white)).rint().cast("ushort")


_BLOCKS = {"exif": "exif-data", "xmp": "xmp-data", "iptc": "iptc-data", "icc": "icc-profile-data"}


def _metadata(path: Path, name: str, image: pyvips.Image, conversion: Conversion) -> tuple[Metadata, int, list[str]]:
    """The photo's metadata, its orientation by EXIF, 1 to 8, and what had to be dropped."""
    found: dict[str, bytes | None] = {key: image.get(field) if _has(image, field) else None for key, field in _BLOCKS.items()}
    dropped = []
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
    if conversion.warning:
        found["icc"] = None
    elif found["icc"] is not None:
        problem = profile_problem(found["icc"], channels=1 if conversion.grey else 3)
        if problem is not None:
            dropped.append(f"its colour profile was dropped: {problem}")
            found["icc"] = None
    elif name == "png" and b"iCCP" in png_chunks(path):
        dropped.append("its colour profile was dropped: it cannot be read")
    resolution = _resolution(image, found["exif"])
    orientation = stated or 1
    if resolution is not None and orientation >= 5:
        resolution = resolution[1], resolution[0]
    return Metadata(**found, resolution=resolution, upright=stated is not None), orientation, dropped


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
    # HEIF containers carry their rotation outside EXIF, and their decoders have applied it.
    if name in ("avif", "heic"):
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


def _upright(pixels: Pixels, orientation: int) -> Pixels:
    """A view of stored pixels as EXIF orientation 1 to 8 says they should be seen."""
    if orientation in (2, 3, 7, 8):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 6, 7):
        pixels = pixels[::-1]
    return pixels.swapaxes(0, 1) if orientation >= 5 else pixels


def _has(image: pyvips.Image, field: str) -> bool:
    return bool(image.get_typeof(field))


def reason(error: pyvips.Error) -> str:
    """The last line of libvips' account, which is the first thing that went wrong further down."""
    lines = [line.strip() for line in str(error.detail or error.message).splitlines() if line.strip()]
    return lines[-1] if lines else "no reason given"
