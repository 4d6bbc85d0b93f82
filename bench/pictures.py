"""How far two pictures are apart, in 8-bit values."""

from dataclasses import dataclass
from math import inf, log10
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyvips

from photos import Pixels

_WHITE = 255
_STRIP_ROWS = 512


@dataclass(frozen=True)
class Difference:
    """PSNR in decibels (infinite when equal) and the worst difference of one value, of 255."""

    decibels: float
    worst: int


def eight_bit(picture: npt.NDArray[np.float32]) -> Pixels:
    """A network's answer as the engine writes it: clipped, rounded, uint8."""
    values: Pixels = np.rint(np.clip(picture * np.float32(_WHITE), 0, _WHITE)).astype(np.uint8)
    return values


def difference(one: npt.NDArray[np.integer], other: npt.NDArray[np.integer]) -> Difference:
    """Of two pictures of the same shape, in 8 bits."""
    squares, worst = 0.0, 0
    for top in range(0, len(one), _STRIP_ROWS):  # what may be a gigapixel must not be copied in wider integers as a whole
        apart = one[top : top + _STRIP_ROWS].astype(np.int32) - other[top : top + _STRIP_ROWS]
        squares += float(np.sum(apart * apart, dtype=np.float64))
        worst = max(worst, int(np.abs(apart).max()))
    return Difference(_decibels(squares / one.size), worst)


def file_difference(one: Path, other: Path) -> Difference:
    """Of two files, streamed: neither is ever in memory as a whole."""
    first, second = (pyvips.Image.new_from_file(str(path), access="sequential") for path in (one, other))
    if (first.width, first.height, first.bands) != (second.width, second.height, second.bands):
        raise ValueError(f"{one.name} and {other.name} are not of the same size")
    # The first row of libvips' statistics is over all bands: minimum, maximum, sum, sum of squares.
    low, high, _, squares = (first - second).stats().numpy()[0, :4]
    return Difference(_decibels(squares / (first.width * first.height * first.bands)), int(max(-low, high)))


def column_step(picture: Pixels, column: int) -> float:
    """Mean absolute step from the column left of `column` to `column`, of 255."""
    return float(np.abs(picture[:, column].astype(np.int32) - picture[:, column - 1]).mean())


def _decibels(mean_square: float) -> float:
    return 10 * log10(_WHITE**2 / mean_square) if mean_square else inf
