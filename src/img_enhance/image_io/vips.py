"""libvips' images: how a file becomes one, the names of their fields, and its words where it fails."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pyvips

from img_enhance.image_io.mended import Mending, mended_source

MILLIMETRES_PER_INCH = 25.4

# libvips' names of blocks of metadata; and ours for the warnings of a decoder.
FIELDS = {"exif": "exif-data", "xmp": "xmp-data", "iptc": "iptc-data", "icc": "icc-profile-data"}
WARNINGS = "img-enhance-warnings"

# How what libvips says of a JPEG begins.
_JPEG = "VipsJpeg: "


def load(path: Path, loader: Callable[..., pyvips.Image], **options: str | int) -> pyvips.Image:
    """The image in a file, of whatever bytes its name is: pyvips takes all names for UTF-8."""
    name = os.fspath(path)
    if name.isascii() or "\ufffd" not in os.fsencode(name).decode(errors="replace"):
        return loader(name, **options)
    return pyvips.Image.new_from_source(mended_source(path, Mending()), "", **options)


def with_dpi(image: pyvips.Image, dpi: tuple[float, float]) -> pyvips.Image:
    return image.copy(xres=float(dpi[0]) / MILLIMETRES_PER_INCH, yres=float(dpi[1]) / MILLIMETRES_PER_INCH)


def has(image: pyvips.Image, field: str) -> bool:
    return bool(image.get_typeof(field))


def reason(error: pyvips.Error) -> str:
    """The last line of libvips' account, which is the first thing that went wrong further down."""
    lines = [line.strip() for line in str(error.detail or error.message).splitlines() if line.strip()]
    return lines[-1] if lines else "no reason given"


def jpeg_warning() -> str | None:
    """The first thing that the decoder of JPEGs has warned of since this was last asked, in whatever thread.

    libvips looks for warnings before it decodes further rows (8.18). So it says nothing of those in the last ones, where pixels may be
    missing as anywhere.
    """
    said = pyvips.ffi.string(pyvips.vips_lib.vips_error_buffer()).decode(errors="replace")
    pyvips.vips_lib.vips_error_clear()
    return next((line.strip() for line in said.splitlines() if line.startswith(_JPEG)), None)
