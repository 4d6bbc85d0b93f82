"""A before/after picture: the photo, plainly enlarged, beside the result."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from img_enhance.canvas import Pixels, new_canvas, scratch_folder
from img_enhance.geometry import Box, Size
from img_enhance.image_io import open_photo, read_photo, write_photo
from img_enhance.options import Machine, Output
from img_enhance.photo import Photo, format_of_ending
from img_enhance.plan import Store

# Each half shows at most so much of the result, pixel for pixel, so that its detail can be seen.
HALF = Size(900, 1200)

_LABEL_HEIGHT = 44
_GAP = 8
_MARGIN = 12
_IN_MEMORY_PIXELS = 100_000_000


def compare_files(before: Path, after: Path, output: Path, *, overwrite: bool = False) -> None:
    """Write the comparison of two files to `output`.

    Raises: PhotoError, OutputError, DiskError.
    """
    sheet = Photo(comparison(_read(before), _read(after)))
    note = f"comparison of {before.name} and {after.name}"
    name = format_of_ending(output.suffix).name
    write_photo(sheet, output, format=name, output=Output(), overwrite=overwrite, note=note, tick=lambda: None)


def comparison(before: Pixels, after: Pixels) -> Pixels:
    """Both pictures' middle at the size of `after`, side by side under their names; (H, W, 3) uint8."""
    size = Size(after.shape[1], after.shape[0])
    box = _middle(size)
    halves = (_plainly_enlarged(before, box, size), after[box.slices])
    labels = (f"before: {before.shape[1]}x{before.shape[0]}, plainly enlarged", f"after: {size}")
    height, width = box.size.height, box.size.width
    sheet = Image.new("RGB", (2 * width + _GAP, height + _LABEL_HEIGHT), "white")
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(size=24)
    for half, label, left in zip(halves, labels, (0, width + _GAP), strict=True):
        sheet.paste(Image.fromarray(np.ascontiguousarray(half)), (left, _LABEL_HEIGHT))
        draw.text((left + _MARGIN, _LABEL_HEIGHT // 2), label, fill="black", font=font, anchor="lm")
    return np.asarray(sheet)


def _read(path: Path) -> Pixels:
    """The photo's pixels with 8 bits a channel, laid on white where it is transparent."""
    file = open_photo(path, max_pixels=Machine().max_pixels * 16**2)
    header = file.header
    store: Store = "memory" if header.size.pixels <= _IN_MEMORY_PIXELS else "disk"
    folder = scratch_folder(None) if store == "disk" else None
    canvas = new_canvas(header.size, store, folder, depth=header.depth)
    alpha = new_canvas(header.size, store, folder, channels=1, depth=header.depth) if header.alpha else None
    photo = read_photo(file, canvas, alpha, lambda: None)
    pixels = photo.pixels
    if photo.alpha is not None:
        white = np.iinfo(pixels.dtype).max
        opacity = photo.alpha[..., None] / np.float32(white)
        pixels = np.rint(pixels * opacity + white * (1 - opacity)).astype(pixels.dtype)
    return pixels if header.depth == 8 else (pixels // 257).astype(np.uint8)


def _middle(size: Size) -> Box:
    width, height = min(size.width, HALF.width), min(size.height, HALF.height)
    left, top = (size.width - width) // 2, (size.height - height) // 2
    return Box(left, top, left + width, top + height)


def _plainly_enlarged(before: Pixels, box: Box, size: Size) -> Pixels:
    """The part of `before` that `box` shows of a picture of `size`, by bicubic interpolation."""
    across, down = before.shape[1] / size.width, before.shape[0] / size.height
    part = (box.left * across, box.top * down, box.right * across, box.bottom * down)
    picture = Image.fromarray(np.ascontiguousarray(before))
    return np.asarray(picture.resize((box.size.width, box.size.height), Image.Resampling.BICUBIC, box=part))
