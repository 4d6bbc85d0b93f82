"""A photo's file as an image of libvips, whatever its format; pixels come in a stream."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyvips

from img_enhance.cancelling import Tick
from img_enhance.errors import PhotoError, UnsupportedPhoto
from img_enhance.files import damaged
from img_enhance.geometry import Size
from img_enhance.image_io.content import check_png, gif_frame, gif_of_first_frame
from img_enhance.image_io.conversion import white_of
from img_enhance.image_io.mended import mended_source, mending
from img_enhance.image_io.other_decoders import open_apart, open_jxl, open_raw
from img_enhance.image_io.restarts import without_stray_bytes
from img_enhance.image_io.tiff_image import open_tiff
from img_enhance.image_io.vips import FIELDS, WARNINGS, has, load, reason
from img_enhance.metadata.beside import has_still_picture
from img_enhance.metadata.heif import is_premultiplied
from img_enhance.metadata.icc import profile_problem

_VIPS_LOADERS: dict[str, Callable[..., pyvips.Image]] = {
    "jpeg": pyvips.Image.jpegload,
    "png": pyvips.Image.pngload,
    "webp": pyvips.Image.webpload,
    "avif": pyvips.Image.heifload,
}
# The others are decoded whole, and above 100 MB into a file that no plan knows of and that the service's readers may not write, unless
# libvips is told to do it in memory, which is planned for.
_STREAMED = ("jpeg", "png")

# What libheif says of a picture above its own limit of pixels.
_TOO_LARGE = "Security limit exceeded: Image size"

# And libjpeg of what it does not decode: more bits than 8, arithmetic of some kinds, JPEG-LS.
_NOT_DECODED = ("Unsupported JPEG data precision", "Unsupported JPEG process", "Unsupported marker type 0xf7")


def open_image(
    path: Path, name: str, max_pixels: int | None, *, fail_on: str | None = None, shrink: int = 1, tick: Tick = lambda: None
) -> pyvips.Image:
    """The image, decoded as it is read. With `max_pixels`, only its header counts: other decoders' pixels are then all zero.

    It fails at the first sign of damage, or at what `fail_on` names (libvips). A JPEG is reduced by `shrink`: 1, 2, 4 or 8. `tick` is
    called while a decoder in a process of its own is waited for.
    """
    try:
        if name == "bmp":
            return open_apart(path, "bmp", max_pixels, tick=tick)
        if name == "heic":
            return _divided(path, name, open_apart(path, "heic", max_pixels, tick=tick))
        if name == "jxl":
            return open_jxl(path, max_pixels, tick)
        if name == "raw":
            return open_raw(path, max_pixels, tick)
        if name == "tiff":
            return open_tiff(path, max_pixels, fail_on or "error", tick)
        if name == "png":
            check_png(path)
        # A warning of the decoder means that pixels are missing or made up; but libtiff, which `open_tiff` asks, also warns of odd tags.
        fail_on = fail_on or "warning"
        way: dict[str, str | int | bool] = {"access": "sequential"} if name in _STREAMED else {"memory": True}
        if name == "jpeg":
            way["shrink"] = shrink
            if (mended := mending(path)).flaws:
                return pyvips.Image.new_from_source(mended_source(path, mended), "", fail_on=fail_on, **way)
        if name == "gif":
            return _around_frame(path, _gif(path, fail_on))
        image = load(path, _VIPS_LOADERS[name], fail_on=fail_on, **way)
        return _grey_again(_divided(path, name, image)) if name == "avif" else image
    except pyvips.Error as error:
        if name == "avif" and not has_still_picture(path):
            raise UnsupportedPhoto(f"{path} is an AVIF of moving pictures without a still one", "take a picture out of it first") from None
        raise failure(path, error) from None


def failure(path: Path, error: pyvips.Error) -> PhotoError:
    """What to raise where libvips fails with a photo."""
    if _TOO_LARGE in str(error.detail):
        return UnsupportedPhoto(f"{path} has more pixels than libheif takes, 268 million", "save it as PNG or TIFF first")
    if any(words in str(error.detail) for words in _NOT_DECODED):
        return UnsupportedPhoto(f"{path} is a JPEG of a kind that is not taken ({reason(error)})", "save it as PNG or TIFF first")
    return damaged(path, reason(error))


def open_to_salvage(path: Path, name: str, max_pixels: int) -> pyvips.Image:
    """As `open_image`, but whatever the decoder warns of."""
    try:
        return open_image(path, name, max_pixels)
    except UnsupportedPhoto:
        raise
    except PhotoError:
        return open_image(path, name, max_pixels, fail_on="none")


def open_without_stray_bytes(path: Path, tick: Tick, *, shrink: int = 1) -> pyvips.Image | None:
    """A JPEG that fails because of bytes that belong to nothing before its restart markers; None where that is not what is wrong.

    It may fail again, where something else is wrong too.
    """
    mended = without_stray_bytes(path, mending(path), tick)
    if mended is None:
        return None
    return pyvips.Image.new_from_source(mended_source(path, mended), "", fail_on="warning", access="sequential", shrink=shrink)


def _divided(path: Path, name: str, image: pyvips.Image) -> pyvips.Image:
    """An AVIF or HEIC with colours by which transparency was multiplied divided by it."""
    if not image.hasalpha() or not is_premultiplied(path):
        return image
    return image.unpremultiply(max_alpha=white_of(name, image)).rint().cast(image.format)


def _grey_again(image: pyvips.Image) -> pyvips.Image:
    """libheif (1.23) makes an AVIF of colours of a grey one, which its profile then does not fit."""
    if image.bands < 3 or not has(image, FIELDS["icc"]) or profile_problem(image.get(FIELDS["icc"]), channels=1) is not None:
        return image
    grey = image[0].bandjoin(image[3]) if image.hasalpha() else image[0]
    return grey.copy(interpretation="grey16" if image.format == "ushort" else "b-w")


def _gif(path: Path, fail_on: str) -> pyvips.Image:
    """The first frame of a GIF, with its surroundings; it alone where a later one is damaged, which libvips looks at too.

    Raises: pyvips.Error where it is damaged itself.
    """
    try:
        return load(path, pyvips.Image.gifload, fail_on=fail_on, memory=True)
    except pyvips.Error:
        alone = gif_of_first_frame(path)
        if alone is None:
            raise
    image = pyvips.Image.gifload_buffer(alone, fail_on=fail_on, memory=True)
    image.set_type(pyvips.GValue.gstr_type, WARNINGS, "a later frame of the file is damaged")
    return image


def _around_frame(path: Path, image: pyvips.Image) -> pyvips.Image:
    """A GIF whose first frame is smaller than the picture is transparent around it, as browsers show it; libvips makes that black."""
    frame = gif_frame(path)
    whole = Size(image.width, image.height).box
    if image.hasalpha() or frame is None or frame.size == whole.size or frame.size.pixels == 0:
        return image
    seen = pyvips.Image.black(frame.size.width, frame.size.height) + 255
    return image.bandjoin(seen.cast("uchar").embed(frame.left, frame.top, image.width, image.height))
