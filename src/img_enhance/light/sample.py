"""A sample of a photo for measuring: every so manieth pixel of every so manieth row."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, sqrt

import numpy as np
import numpy.typing as npt

from img_enhance.light.colour import Encoding, Floats
from img_enhance.light.tone import decoded, largest_of, luminance_of
from img_enhance.photo import Photo

# Percentiles of so many pixels are those of the photo to well under a code.
SAMPLE_PIXELS = 400_000


@dataclass(frozen=True, eq=False)
class Sample:
    """Pixels `step` apart: linear light of luminance, of the largest and of the smallest channel, and which count; each (h, w)."""

    luminance: Floats
    largest: Floats
    smallest: Floats
    counts: npt.NDArray[np.bool_]
    step: int


def sample(photo: Photo, encoding: Encoding, *, pixels: int = SAMPLE_PIXELS) -> Sample:
    """About `pixels` of the photo; fully transparent ones do not count. The photo is read row by row, never as a whole."""
    height, width = photo.pixels.shape[:2]
    step = max(1, ceil(sqrt(height * width / pixels)))
    chosen = np.ascontiguousarray(photo.pixels[::step, ::step])
    light = decoded(chosen, encoding, grey=photo.grey)
    counts = np.ones(chosen.shape[:2], bool) if photo.alpha is None else photo.alpha[::step, ::step] > 0
    return Sample(luminance_of(light, encoding.luminance), largest_of(light), np.minimum.reduce(light), counts, step)
