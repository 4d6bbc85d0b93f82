"""The photo in a TIFF: its page, by whichever decoder reads it, its colours and transparency."""

from __future__ import annotations

from pathlib import Path

import pyvips

from img_enhance.cancelling import Tick
from img_enhance.errors import UnsupportedPhoto
from img_enhance.image_io.other_decoders import open_apart
from img_enhance.image_io.tiff_page import TiffPage, photo_page
from img_enhance.image_io.vips import load, reason
from img_enhance.metadata import tiff

_LAB_OF_8_BITS = "bad labq format"
_NOT_READ = ("not supported", "not configured", "not implemented")


def open_tiff(path: Path, max_pixels: int | None, fail_on: str, tick: Tick) -> pyvips.Image:
    """The page of a TIFF that is the photo."""
    page = photo_page(path)
    by_libvips = page.decoder == "libvips"
    image = _by_libvips(path, page, max_pixels, fail_on, tick) if by_libvips else _apart(path, page, max_pixels, tick)
    image.set_type(pyvips.GValue.gint_type, "n-pages", page.photos)
    return _without_unknown(image, tiff.read_extra_channels(path, page.number))


def _by_libvips(path: Path, page: TiffPage, max_pixels: int | None, fail_on: str, tick: Tick) -> pyvips.Image:
    try:
        return load(path, pyvips.Image.tiffload, page=page.number, access="sequential", fail_on=fail_on).copy()
    except pyvips.Error as error:
        if _LAB_OF_8_BITS in str(error):
            return open_apart(path, "pillow", max_pixels, page=page.number, tick=tick)
        if any(words in str(error) for words in _NOT_READ):
            raise UnsupportedPhoto(
                f"{path} is a TIFF of a kind that is not taken ({reason(error)})", "save it anew with deflate or LZW"
            ) from None
        raise


def _apart(path: Path, page: TiffPage, max_pixels: int | None, tick: Tick) -> pyvips.Image:
    assert page.decoder != "libvips"
    return open_apart(path, page.decoder, max_pixels, page=page.number, tick=tick)


def _without_unknown(image: pyvips.Image, extra: tiff.ExtraChannels) -> pyvips.Image:
    """Only the colours and the transparency of a TIFF's channels."""
    colours = image.bands - extra.count
    if extra.unknown == 0 or colours < 1:
        return image
    chosen = image.extract_band(0, n=colours)
    return chosen if extra.transparency is None else chosen.bandjoin(image.extract_band(colours + extra.transparency))
