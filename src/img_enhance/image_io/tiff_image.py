"""The photo in a TIFF: its page, its pixels by whichever decoder reads them, its colours and transparency."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyvips

from img_enhance.errors import UnsupportedPhoto
from img_enhance.files import damaged
from img_enhance.geometry import Size
from img_enhance.image_io.content import photo_page
from img_enhance.image_io.limit import check_pixels
from img_enhance.image_io.other_decoders import PILLOW_ERRORS
from img_enhance.image_io.vips import FIELDS, has, load
from img_enhance.metadata import tiff

_TIFF_MODES = ("L", "LA", "RGB", "RGBA", "CMYK")


def open_tiff(path: Path, max_pixels: int | None, fail_on: str) -> pyvips.Image:
    """The page of a TIFF that is the photo."""
    page = photo_page(path)
    image = load(path, pyvips.Image.tiffload, page=page.number, access="sequential", fail_on=fail_on).copy()
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

    check_pixels(path, Size(header.width, header.height), header.width * header.height if max_pixels is None else max_pixels)
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
    except PILLOW_ERRORS as error:
        raise damaged(path, str(error)) from None
    # Pillow has turned it upright.
    turned = (width, height) != (header.width, header.height)
    across, down = (header.yres, header.xres) if turned else (header.xres, header.yres)
    image = image.copy(interpretation=header.interpretation, xres=across, yres=down)
    for field in FIELDS.values():
        if has(header, field):
            image.set_type(pyvips.GValue.blob_type, field, header.get(field))
    image.set_type(pyvips.GValue.gint_type, "orientation", 1)
    return image
