"""What the finest detail of a photo says: noise, blur, traces of JPEG's blocks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, sqrt
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from img_enhance.photo import Photo

Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

# Noise, blur and blocks are measured on whole pixels in windows spread evenly: at most 6 x 6 of 256 x 256, 2.4 million pixels.
_TILE = 256
_TILES_A_SIDE = 6

# The side of the squares in which noise is taken, and which of them counts: the smoothest tenth has the least texture of its own.
_SQUARE = 16
_SMOOTHEST = 0.1
# That tenth lies below the mean by chance too: so much, for white noise in squares of 256 pixels (4 million drawn, 2026-11).
_SMOOTHEST_BIAS = 0.889
# Squares with more clipped pixels than this have lost part of their noise.
_MOST_CLIPPED = 0.02

_LAPLACIANS = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32) / 6

_BLUR_TAPS = 9
_GRID = 8

# Steps above this belong to edges of things, not to blocks; and the step in a picture that has none, half an 8-bit value.
_LARGEST_STEP = 48 / 255
_SMALLEST_STEP = 0.5 / 255


@dataclass(frozen=True)
class Texture:
    """What the finest detail says.

    `noise_sigma` is the standard deviation of noise in the green channel as encoded, white 1. `blur` goes from 0, sharp, to 1; `blocking`
    is how much larger steps are at the borders of JPEG's blocks than elsewhere, 0 without them and about 1 at quality 45.
    """

    noise_sigma: float
    blur: float
    blocking: float


@dataclass(frozen=True, eq=False)
class _Tile:
    """Part of a photo as encoded, [0, 1]: green and luma (H, W) float32; `seen` marks pixels with nothing transparent around them."""

    green: Floats
    luma: Floats
    seen: Mask


def measure_texture(photo: Photo) -> Texture:
    """Noise, blur and blocks of `photo`, from windows spread over it.

    Sources: noise by the difference of two Laplacians (Immerkaer, Fast noise variance estimation, 1996) in the smoothest of many squares
    (Olsen, Estimation of noise in images, 1993); blur by Crete-Roffet et al., The blur effect, 2007; blocks after Fan and de Queiroz,
    Identification of bitmap compression history, 2003: steps at the borders of a grid of 8 against those within, at its strongest phase.
    """
    variances: list[Floats] = []
    sharpness = np.zeros((2, 2))
    steps = np.zeros((2, 2, _GRID))
    for tile in _tiles(photo):
        variances.append(_square_variances(tile))
        for axis, turned in enumerate((tile, _Tile(tile.green.T, tile.luma.T, tile.seen.T))):
            sharpness[axis] += _variation(turned)
            steps[axis] += _steps_by_phase(turned)
    return Texture(_noise(np.concatenate(variances)), _blur(sharpness), _blocking(steps))


def _tiles(photo: Photo) -> Iterator[_Tile]:
    for top in _starts(photo.size.height):
        for left in _starts(photo.size.width):
            part = (slice(top, top + _TILE), slice(left, left + _TILE))
            pixels = np.ascontiguousarray(photo.pixels[part])
            scale = np.float32(1 / np.iinfo(pixels.dtype).max)
            luma = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.float32) * scale
            yield _Tile(pixels[..., 1] * scale, luma, _seen(None if photo.alpha is None else photo.alpha[part], luma.shape))


def _starts(length: int) -> list[int]:
    """Where windows begin, spread evenly, on multiples of JPEG's grid so that all see it in the same phase."""
    count = min(_TILES_A_SIDE, max(1, ceil(length / _TILE)))
    room = max(0, length - _TILE)
    return sorted({room * number // max(1, count - 1) // _GRID * _GRID for number in range(count)})


def _seen(alpha: npt.NDArray[Any] | None, shape: tuple[int, ...]) -> Mask:
    if alpha is None:
        return np.ones(shape, bool)
    visible = np.ascontiguousarray(alpha > 0, np.uint8)
    return np.asarray(cv2.erode(visible, np.ones((_BLUR_TAPS, _BLUR_TAPS), np.uint8)), bool)


def _square_variances(tile: _Tile) -> Floats:
    """The noise's variance in each square that is wholly seen and hardly clipped."""
    rest = cv2.filter2D(tile.green, -1, _LAPLACIANS, borderType=cv2.BORDER_REFLECT_101)[1:-1, 1:-1]
    inner = tile.green[1:-1, 1:-1]
    usable = tile.seen[1:-1, 1:-1] & (inner > 0) & (inner < 1)
    good = _squares(usable.astype(np.float32)) >= 1 - _MOST_CLIPPED
    return np.asarray(_squares(rest**2)[good], np.float32)


def _squares(values: Any) -> Any:
    """The mean of each whole square of `values`, (H, W)."""
    rows, columns = values.shape[0] // _SQUARE, values.shape[1] // _SQUARE
    cut = values[: rows * _SQUARE, : columns * _SQUARE]
    return cut.reshape(rows, _SQUARE, columns, _SQUARE).mean(axis=(1, 3))


def _noise(variances: Floats) -> float:
    return float(sqrt(np.quantile(variances, _SMOOTHEST))) / _SMOOTHEST_BIAS if variances.size else 0.0


def _variation(tile: _Tile) -> tuple[float, float]:
    """How much neighbours in a row differ, and how much of that a strong blur takes away."""
    blurred = cv2.blur(tile.luma, (_BLUR_TAPS, 1), borderType=cv2.BORDER_REFLECT_101)
    before, after = np.abs(np.diff(tile.luma)), np.abs(np.diff(blurred))
    seen = tile.seen[:, 1:]
    return float(before[seen].sum()), float(np.maximum(0, before - after)[seen].sum())


def _blur(sharpness: npt.NDArray[np.float64]) -> float:
    """The worse of the two directions; 0 where there is nothing to be sharp."""
    return max((float(1 - lost / total) for total, lost in sharpness if total > 0), default=0.0)


def _steps_by_phase(tile: _Tile) -> npt.NDArray[np.float64]:
    """(2, 8): the sum and count of steps between neighbours in a row beyond what their own neighbours promise, by the column modulo 8."""
    g = tile.luma
    width = (g.shape[1] - 3) // _GRID * _GRID
    if width <= 0:
        return np.zeros((2, _GRID))
    step = np.minimum(np.abs(3 * (g[:, 1:-2] - g[:, 2:-1]) - (g[:, :-3] - g[:, 3:])), _LARGEST_STEP)
    seen = tile.seen[:, 2:-1]
    sums, counts = (step * seen).sum(axis=0, dtype=np.float64), seen.sum(axis=0, dtype=np.float64)
    return np.stack([values[:width].reshape(-1, _GRID).sum(axis=0) for values in (sums, counts)])


def _blocking(steps: npt.NDArray[np.float64]) -> float:
    """The geometric mean, across and down, of the strongest phase over the usual one, less 1."""
    means = steps[:, 0] / np.maximum(steps[:, 1], 1) + _SMALLEST_STEP
    return float(sqrt(np.prod(means.max(axis=1) / np.median(means, axis=1)))) - 1
