"""The photo that doctor works on, made by a formula: nobody's, the same everywhere, and about as hard to write as a photo."""

import numpy as np
import numpy.typing as npt

from img_enhance.geometry import Size
from img_enhance.photo import Photo

# What is measured in: two sizes, so that what work takes before it begins is told from its speed.
LARGE, SMALL = Size(1536, 1024), Size(192, 128)

_SEED = 20261128

# How the detail of photos falls off with its frequency. Source: Field, Relations between the statistics of natural images and the response
# properties of cortical cells, 1987.
_FALL = 1.5

# Lightness and its spread, colour and its spread: a dark photo under a lamp, so that every step on light has something to do.
_LIGHTNESS, _SPREAD, _COLOUR_SPREAD = 0.24, 0.11, 0.015
_LAMP = (1.25, 1.0, 0.62)
_GRAIN = 0.005


def picture(size: Size) -> Photo:
    """A photo of this size, 8 bits: clouds of all sizes, discs with sharp edges, a little grain."""
    random = np.random.RandomState(_SEED)
    lightness = _LIGHTNESS + _SPREAD * _clouds(size, random)
    colours = np.stack([_COLOUR_SPREAD * _clouds(size, random) for _ in range(3)], axis=2)
    across, down = np.meshgrid(np.linspace(0, 1, size.width), np.linspace(0, 1, size.height))
    for left, top, radius, light in random.uniform((0.1, 0.1, 0.05, -0.15), (0.9, 0.9, 0.2, 0.45), (12, 4)):
        lightness[(across - left) ** 2 + (down - top) ** 2 < radius**2] += light
    grain = _GRAIN * random.standard_normal((size.height, size.width, 3))
    values = (lightness[..., None] + colours + grain) * np.array(_LAMP)
    return Photo(np.asarray(np.rint(np.clip(values, 0, 1) * 255), np.uint8))


def _clouds(size: Size, random: np.random.RandomState) -> npt.NDArray[np.float64]:
    """Noise with mean 0 and spread 1 whose detail falls off as that of photos does."""
    across, down = np.fft.rfftfreq(size.width), np.fft.fftfreq(size.height)
    frequency = np.maximum(np.hypot(across[None, :], down[:, None]), 1 / max(size.width, size.height))
    waves = np.fft.rfft2(random.standard_normal((size.height, size.width))) / frequency**_FALL
    clouds = np.fft.irfft2(waves, (size.height, size.width))
    return np.asarray((clouds - clouds.mean()) / clouds.std())


def part_of(photo: Photo, size: Size) -> Photo:
    """The photo's part of this size at its top left."""
    return Photo(np.ascontiguousarray(photo.pixels[: size.height, : size.width]))
