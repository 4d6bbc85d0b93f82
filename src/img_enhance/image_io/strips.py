"""Between numpy arrays and libvips' images, strip by strip."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pyvips

from img_enhance.cancelling import Tick
from img_enhance.geometry import Box, Size
from img_enhance.image_io.vips import jpeg_warning
from img_enhance.light.colour import with_depth
from img_enhance.machine.canvas import Pixels

_ROWS_AT_A_TIME = 128
_TYPES = {"uchar": np.uint8, "ushort": np.uint16, "float": np.float32}
_SPACES = {("uchar", 1): "b-w", ("ushort", 1): "grey16", ("uchar", 3): "srgb", ("ushort", 3): "rgb16"}

# The operation cache would keep pixels of photos that are long done; loaders that libvips marks as unsafe for files from strangers
# are never needed here.
pyvips.cache_set_max(0)
pyvips.block_untrusted_set(True)


def image_of(pixels: Pixels) -> pyvips.Image:
    """An image over the memory of an (H, W) or (H, W, 3) array; a view that is not in order is copied."""
    height, width = pixels.shape[:2]
    bands = pixels.shape[2] if pixels.ndim == 3 else 1
    kind = "uchar" if pixels.dtype == np.uint8 else "ushort"
    image = pyvips.Image.new_from_memory(np.ascontiguousarray(pixels), width, height, bands, kind)
    return image.copy(interpretation=_SPACES[kind, bands])


def strips(image: pyvips.Image, tick: Tick) -> Iterator[tuple[slice, npt.NDArray[Any]]]:
    """The image from top to bottom, once, as (rows, (H, W, bands) array): a file is read as a stream."""
    region = pyvips.Region.new(image)
    for top in range(0, image.height, _ROWS_AT_A_TIME):
        tick()
        rows = min(_ROWS_AT_A_TIME, image.height - top)
        strip = np.frombuffer(region.fetch(0, top, image.width, rows), _TYPES[image.format])
        yield slice(top, top + rows), strip.reshape(rows, image.width, image.bands)


def whole_rows(image: pyvips.Image, tick: Tick) -> int:
    """How many rows can be decoded before the decoder meets damage."""
    region = pyvips.Region.new(image)
    jpeg_warning()  # of something else
    for row in range(image.height):
        tick()
        try:
            region.fetch(0, row, image.width, 1)
        except pyvips.Error:
            return row
        if jpeg_warning() is not None:
            return row
    return int(image.height)


def resample(
    pixels: Pixels,
    canvas: Pixels,
    tick: Tick,
    *,
    whole: Size | None = None,
    held: Box | None = None,
    size: Size | None = None,
    part: Box | None = None,
    wraps: bool = False,
) -> None:
    """Fill `canvas`, (H, W) or (H, W, 3), with a picture brought to another size, in the photo's own encoding.

    `pixels` is the part `held` of a picture of the size `whole`, `canvas` the part `part` of the same at `size`; by default all of them.
    `wraps` says that the right edge of the picture goes on at its left.
    Reduced by Lanczos with three lobes, anti-aliased; enlarged by a bicubic (Catmull-Rom).
    """
    image = image_of(pixels)
    if whole is not None and held is not None and held != whole.box:
        # What lies outside is never asked for: libvips computes only what the strips below need.
        image = image.embed(held.left, held.top, whole.width, whole.height, extend="black")
    size = size or Size(canvas.shape[1], canvas.shape[0])
    part = part or size.box
    if wraps:
        # Only the middle one of the three is asked for, and what of the others its edges need.
        image, part = image.replicate(3, 1), part.shifted(size.width)
        size = Size(3 * size.width, size.height)
    across, down = size.width / image.width, size.height / image.height
    if across > 1 and down > 1:
        # Not `resize`, which lays an enlarged picture half a pixel too far to the right and down (libvips 8.18).
        resized = image.affine(
            [across, 0, 0, down],
            odx=(across - 1) / 2,
            ody=(down - 1) / 2,
            oarea=[0, 0, size.width, size.height],
            interpolate=pyvips.Interpolate.new("bicubic"),
            extend="copy",
        )
    else:
        resized = image.resize(across, vscale=down, kernel="lanczos3")
    if part != size.box:
        resized = resized.crop(part.left, part.top, part.size.width, part.size.height)
    for rows, strip in strips(resized, tick):
        canvas[rows] = with_depth(strip if canvas.ndim == 3 else strip[:, :, 0], 8 * canvas.itemsize)
