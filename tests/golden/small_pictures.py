"""Small pictures, and files read and written as the engine does it."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pillow_jxl  # noqa: F401 - from here on Pillow reads and writes JPEG XL
import pyvips

from img_enhance.image_io import PhotoFile, open_photo, read_photo, write_photo
from img_enhance.machine.canvas import new_canvas
from img_enhance.photo import Metadata, Photo
from img_enhance.request.options import Output

Array = npt.NDArray[Any]
SPACES = {"uint8": ("b-w", "srgb"), "uint16": ("grey16", "rgb16")}


def noise(bands: int, *, height: int = 14, width: int = 20, dtype: str = "uint8", seed: int = 1) -> Array:
    """`(height, width, bands)` of every value the type has; `(height, width)` for one band."""
    white = np.iinfo(dtype).max
    values: Array = np.random.default_rng(seed).integers(0, white, (height, width, bands), dtype, endpoint=True)
    values[0, 0], values[0, 1] = 0, white
    return values if bands > 1 else np.asarray(values[..., 0])


def smooth(bands: int, *, height: int = 32, width: int = 48, dtype: str = "uint8") -> Array:
    """Slow waves, which formats with loss keep nearly as they are."""
    y, x = np.mgrid[:height, :width]
    waves = [0.5 + 0.4 * np.sin(x / (9 + 2 * band) + band) * np.cos(y / (7 + band)) for band in range(bands)]
    values = np.rint(np.stack(waves, 2) * np.iinfo(dtype).max).astype(dtype)
    return values if bands > 1 else np.asarray(values[..., 0])


def vips(pixels: Array) -> pyvips.Image:
    """A libvips image of grey, grey and alpha, RGB, or RGB and alpha."""
    height, width = pixels.shape[:2]
    bands = 1 if pixels.ndim == 2 else pixels.shape[2]
    kind = {"uint8": "uchar", "uint16": "ushort", "float32": "float"}[str(pixels.dtype)]
    image = pyvips.Image.new_from_memory(np.ascontiguousarray(pixels).tobytes(), width, height, bands, kind)
    if kind == "float":
        return image.copy(interpretation="scrgb" if bands >= 3 else "b-w")
    return image.copy(interpretation=SPACES[str(pixels.dtype)][bands >= 3])


def read(path: Path) -> tuple[PhotoFile, Photo]:
    """A photo, read as the engine reads it, with what was known before."""
    file = open_photo(path, max_pixels=10**9)
    header = file.header
    canvas = new_canvas(header.size, "memory", None, depth=header.depth)
    alpha = new_canvas(header.size, "memory", None, channels=1, depth=header.depth) if header.alpha else None
    photo = read_photo(file, canvas, alpha, lambda: None)
    assert photo.size == header.size
    return file, photo


def joined(photo: Photo) -> Array:
    """The pixels with only the channels that the photo says it has."""
    colours = photo.pixels[..., :1] if photo.grey else photo.pixels
    channels = colours if photo.alpha is None else np.concatenate([colours, photo.alpha[..., None]], 2)
    return channels if channels.shape[2] > 1 else channels[..., 0]


def photo_of(pixels: Array, metadata: Metadata | None = None) -> Photo:
    """A Photo of grey, grey and alpha, RGB, or RGB and alpha."""
    channels = pixels[..., None] if pixels.ndim == 2 else pixels
    alpha = channels[..., -1] if channels.shape[2] in (2, 4) else None
    grey = channels.shape[2] < 3
    colours = np.repeat(channels[..., :1], 3, 2) if grey else channels[..., :3]
    return Photo(colours, alpha, grey, metadata or Metadata())


def write(photo: Photo, path: Path, format: str, output: Output | None = None) -> Path:
    """`photo` in a file, written as the engine writes it."""
    write_photo(photo, path, format=format, output=output or Output(), overwrite=False, note="a test", tick=lambda: None)
    return path


def turned(pixels: Array, orientation: int) -> Array:
    """Pixels as a camera stores them so that `orientation` brings them upright: the inverse of the EXIF table, written out case by case."""
    stored = {
        1: lambda p: p,
        2: np.fliplr,
        3: lambda p: np.rot90(p, 2),
        4: np.flipud,
        5: lambda p: p.swapaxes(0, 1),
        6: lambda p: np.rot90(p, 1),
        7: lambda p: np.rot90(p, 2).swapaxes(0, 1),
        8: lambda p: np.rot90(p, -1),
    }
    return np.ascontiguousarray(stored[orientation](pixels))
