"""Where a photo has detail that is more than noise, and where it is smooth, as skies, skin and walls are: by place and lightness."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from img_enhance.light.colour import Encoding
from img_enhance.light.lattice import Doubles, smoothed
from img_enhance.light.lightness import lightness_table
from img_enhance.light.noise import NoiseLevels
from img_enhance.light.sample import sample
from img_enhance.light.tone import looked_up, root_index
from img_enhance.photo import Photo

# Lightness is told apart in so many bins.
BINS = 16

# The longer side of the picture that is looked at, and the side of the surroundings from whose median detail differs, in its pixels: a
# gradient's middle is its median, and beside an edge most are of a place's own side.
_SIDE = 256
_SURROUNDINGS = 5

# A place is half smooth where the mean square of its detail is that of this standard deviation, in levels of 255, and this part of the
# photo's mean besides: in haze all detail is faint. Chosen by looking at skies, skin, haze and rocks (2026-11).
_HALF_DETAIL = 0.5
_HALF_OF_MEAN = 0.1

# How often what is counted is smoothed: down, across, and over lightness.
_ROUNDS = (1, 1, 2)

_LEVELS = 255
_TINY = 1e-9


def detail_shares(photo: Photo, encoding: Encoding, noise: NoiseLevels, *, nodes: tuple[int, int], cell: tuple[float, float]) -> Doubles:
    """(rows, columns, BINS) from 0, smooth, to 1, at each node and lightness; fully transparent pixels do not count.

    There are `nodes` rows and columns of cells, each of `cell` pixels down and across.
    """
    seen = sample(photo, encoding)
    shrink = min(1.0, _SIDE / max(seen.counts.shape))
    size = max(1, round(seen.counts.shape[1] * shrink)), max(1, round(seen.counts.shape[0] * shrink))
    weights = cv2.resize(seen.counts.astype(np.float64), size, interpolation=cv2.INTER_AREA)
    whole = cv2.resize(looked_up(lightness_table(), root_index(seen.luminance)) * seen.counts, size, interpolation=cv2.INTER_AREA)
    lightness = np.minimum(1, whole.astype(np.float64) / np.maximum(weights, _TINY))
    difference = _LEVELS * (lightness - cv2.medianBlur(lightness.astype(np.float32), _SURROUNDINGS))
    # Noise is averaged with the pixels.
    power = difference**2 - (shrink * noise.at(lightness)) ** 2
    down, across = (
        (np.arange(small) + 0.5) * (length / small) // side
        for small, length, side in zip(weights.shape, photo.pixels.shape[:2], cell, strict=True)
    )
    bins = np.minimum((lightness * BINS).astype(np.intp), BINS - 1)
    index = (down.astype(np.intp)[:, None] * nodes[1] + across.astype(np.intp)) * BINS + bins
    number, total = (_counted(index, np.asarray(values), (*nodes, BINS), wraps=photo.wraps) for values in (weights, weights * power))
    half = _HALF_DETAIL**2 + _HALF_OF_MEAN * max(0.0, total.sum()) / max(number.sum(), _TINY)
    detail = np.maximum(0, total) / np.maximum(number, _TINY)
    return np.asarray(detail / (detail + half), np.float64)


def _counted(index: npt.NDArray[np.intp], values: Doubles, shape: tuple[int, int, int], *, wraps: bool) -> Doubles:
    """Sums of `values` at each place of a lattice of this shape, smoothed; `index` is that of its flat array."""
    sums = np.bincount(index.ravel(), values.ravel(), shape[0] * shape[1] * shape[2]).astype(np.float64)
    return smoothed(sums.reshape(shape), rounds=_ROUNDS, wraps=wraps)
