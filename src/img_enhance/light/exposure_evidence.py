"""What tells a photo that got the wrong exposure from one that is dark or bright by nature: night, stage, snow.

Read from a thumbnail, so that noise and the number of pixels do not matter.
"""

from __future__ import annotations

from math import ceil, sqrt

import cv2
import numpy as np
import numpy.typing as npt

from img_enhance.light.colour import Encoding, Floats, Pixels, srgb
from img_enhance.light.lightness import lightness
from img_enhance.photo import Photo

Doubles = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

EVIDENCE = 24

# The longer side of the thumbnail, and how many of the photo's pixels it is averaged from at most.
_SIDE = 192
_PIXELS = 400_000

_PERCENTILES = (2, 10, 25, 50, 75, 90, 97, 99.5)
# The composition is looked at in so many cells along each side, its contrast in so many.
_CELLS = 16
_EDGE_CELLS = 48

# In codes of 8 bits: clipped in some channel, white in all, black in all; below the last, hues are noise.
_CLIPPED, _WHITE, _BLACK, _LEAST_COLOURED = 252, 250, 2, 12


def thumbnail(photo: Photo, encoding: Encoding) -> tuple[Pixels, Mask]:
    """(h, w, 3) uint8 sRGB, at most 192 pixels long and wide, and which of its pixels count: those that can mostly be seen."""
    height, width = photo.pixels.shape[:2]
    step = max(1, ceil(sqrt(height * width / _PIXELS)))
    chosen = np.ascontiguousarray(photo.pixels[::step, ::step])
    shrink = min(1.0, _SIDE / max(chosen.shape[:2]))
    size = max(1, round(chosen.shape[1] * shrink)), max(1, round(chosen.shape[0] * shrink))
    small: Pixels = np.asarray(cv2.resize(chosen, size, interpolation=cv2.INTER_AREA), chosen.dtype)
    if encoding is not srgb() or small.dtype != np.uint8:
        small = srgb().encode(encoding.decode(small), 8)
    if photo.alpha is None:
        return small, np.ones(small.shape[:2], bool)
    seen = (np.ascontiguousarray(photo.alpha[::step, ::step]) > 0).astype(np.float32)
    share = cv2.resize(seen, size, interpolation=cv2.INTER_AREA)
    return small, np.asarray((share > 0) & (share >= share.max() / 2))


def evidence_of(seen: Pixels, counts: Mask) -> Floats:
    """(EVIDENCE,) float32 of a `thumbnail` in which some pixels count.

    Lightness is CIE's, in [0, 1], of the largest channel unless said otherwise. In this order: its percentiles; the means of it and of
    luminance's, its standard deviation; square roots of the shares that are clipped, white, black; the mean saturation, weighed by
    lightness; how much lighter the middle is than the border, and the top than the bottom; the shares that are green, and blue; the
    contrast of neighbouring places; of what is bright, its share, saturation, warmth (red less blue), and how much of it is above.
    """
    light = srgb().decode(seen)
    largest, smallest = seen.max(axis=-1), seen.min(axis=-1)
    bright_as = lightness(light.max(axis=-1)).astype(np.float64)
    luminance = lightness(light @ srgb().luminance)
    saturation = 1 - smallest / np.maximum(largest, 1)
    return np.asarray(
        [
            *np.percentile(bright_as[counts], _PERCENTILES),
            bright_as[counts].mean(),
            luminance[counts].mean(),
            bright_as[counts].std(),
            *(sqrt(mask[counts].mean()) for mask in (largest >= _CLIPPED, smallest >= _WHITE, largest <= _BLACK)),
            (saturation * bright_as)[counts].sum() / max(bright_as[counts].sum(), 1e-6),
            *_composition(np.where(counts, bright_as, bright_as[counts].mean())),
            *_hues(seen, largest, counts),
            _contrast(np.where(counts, bright_as, bright_as[counts].mean())),
            *_bright_part(seen, bright_as, saturation, counts),
        ],
        np.float32,
    )


def _composition(lightness_of: Doubles) -> tuple[float, float]:
    """How much lighter the middle is than the border, and the top than the bottom."""
    cells = cv2.resize(lightness_of.astype(np.float32), (_CELLS, _CELLS), interpolation=cv2.INTER_AREA).astype(np.float64)
    quarter, third = _CELLS // 4, _CELLS // 3
    middle = cells[quarter:-quarter, quarter:-quarter]
    border = (cells.sum() - middle.sum()) / (cells.size - middle.size)
    return float(middle.mean() - border), float(cells[:third].mean() - cells[-third:].mean())


def _contrast(lightness_of: Doubles) -> float:
    """The mean difference of neighbouring places, down and across."""
    cells = cv2.resize(lightness_of.astype(np.float32), (_EDGE_CELLS, _EDGE_CELLS), interpolation=cv2.INTER_AREA)
    return float(np.abs(np.diff(cells, axis=0)).mean() + np.abs(np.diff(cells, axis=1)).mean())


def _hues(seen: Pixels, largest: Pixels, counts: Mask) -> tuple[float, float]:
    """The shares that are green, as plants are, and blue, as the sky is."""
    red, green, blue = (plane.astype(np.float64) for plane in cv2.split(seen))
    coloured = counts & (largest > _LEAST_COLOURED)
    greens = coloured & (green > 1.02 * red) & (green > 1.02 * blue)
    blues = coloured & (blue > 1.15 * red) & (blue > 1.02 * green)
    return float(greens.sum() / counts.sum()), float(blues.sum() / counts.sum())


def _bright_part(seen: Pixels, bright_as: Doubles, saturation: Doubles, counts: Mask) -> tuple[float, float, float, float]:
    """Of what is bright, for this photo: its share, its mean saturation, its mean warmth, and the part of it in the upper third."""
    most = np.percentile(bright_as[counts], _PERCENTILES[-1])
    bright = counts & (bright_as > max(0.6, 0.75 * most))
    number = max(1, int(bright.sum()))
    warmth = (seen[..., 0].astype(np.float64) - seen[..., 2]) / np.maximum(seen.max(axis=-1), 1)
    above = bright[: bright.shape[0] // 3].sum() / number
    return bright.sum() / counts.sum(), saturation[bright].sum() / number, warmth[bright].sum() / number, float(above)
