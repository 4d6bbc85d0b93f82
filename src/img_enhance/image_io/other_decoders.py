"""Photos that other decoders than libvips' open, each in a process of its own, as images with its fields."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyvips

from img_enhance.cancelling import Tick
from img_enhance.errors import UnsupportedPhoto
from img_enhance.files import damaged
from img_enhance.image_io.apart import Decoder, decode_apart
from img_enhance.image_io.content import is_tiff
from img_enhance.image_io.jxl import kind_of
from img_enhance.image_io.limit import check_pixels
from img_enhance.image_io.tiff_page import raw_kind
from img_enhance.image_io.vips import FIELDS, WARNINGS, with_dpi


def open_apart(path: Path, decoder: Decoder, max_pixels: int | None, *, page: int = 0, tick: Tick = lambda: None) -> pyvips.Image:
    """A photo by a decoder in a process of its own: its blocks and what is said of it as libvips' fields."""
    file = decode_apart(path, decoder, pixels=max_pixels is None, page=page, tick=tick)
    if max_pixels is not None:
        check_pixels(path, file.size, max_pixels)
    if file.pixels is None:
        image = pyvips.Image.black(file.size.width, file.size.height, bands=file.bands).cast("ushort" if file.deep else "uchar")
    elif file.mode == "LAB":
        # As in the file: a and b are signed.
        image = pyvips.Image.new_from_array(file.pixels ^ np.array([0, 128, 128], np.uint8))
    else:
        image = pyvips.Image.new_from_array(file.pixels)
    if file.mode == "LAB":
        image = (image * [100 / 255, 1, 1] + [0, -128, -128]).cast("float").copy(interpretation="lab")
    elif file.mode.startswith("CMYK"):
        image = image.copy(interpretation="cmyk")
    elif file.mode.startswith("L"):
        image = image.copy(interpretation="grey16" if file.deep else "b-w")
    else:
        image = image.copy(interpretation="rgb16" if file.deep else "srgb")
    image = with_dpi(image, file.dpi)
    for name, block in file.blocks.items():
        if block:
            image.set_type(pyvips.GValue.blob_type, FIELDS[name], block)
    image.set_type(pyvips.GValue.gint_type, "bits-per-sample", file.bits)
    image.set_type(pyvips.GValue.gint_type, "n-pages", file.frames)
    image.set_type(pyvips.GValue.gint_type, "orientation", file.orientation)
    image.set_type(pyvips.GValue.gstr_type, WARNINGS, "\n".join(file.warnings))
    return image


def open_jxl(path: Path, max_pixels: int | None, tick: Tick) -> pyvips.Image:
    try:
        kind = kind_of(path)
    except ValueError as error:
        raise damaged(path, str(error)) from None
    if kind.animated:
        raise UnsupportedPhoto(f"{path} is an animated JPEG XL, which is not taken", "take a picture out first")
    image = open_apart(path, "jxl", max_pixels, tick=tick)
    if kind.floats:
        image.set_type(
            pyvips.GValue.gstr_type, WARNINGS, "its floating-point values were brought to 16 bits; what is brighter than white is lost"
        )
    return image


def open_raw(path: Path, max_pixels: int | None, tick: Tick) -> pyvips.Image:
    image = open_apart(path, raw_kind(path) or "raw", max_pixels, tick=tick)
    image.set_type(pyvips.GValue.blob_type, FIELDS["icc"], bytes(pyvips.Image.profile_load("p3")))
    if not is_tiff(path):
        said = image.get(WARNINGS)
        image.set_type(pyvips.GValue.gstr_type, WARNINGS, f"{said}\nthe EXIF of a raw file of this kind is not read, and is left out")
    return image
