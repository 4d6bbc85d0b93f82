"""Values on a coarse lattice over a photo's area and its brightness, read at every pixel.

Source: Chen, Paris, Durand 2007, "Real-time edge-aware image processing with the bilateral grid". The tables of adaptive histogram
equalisation (Zuiderveld 1994) are such a lattice too, with a plane for every level.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from img_enhance.light.colour import Floats

Doubles = npt.NDArray[np.float64]

# The binomial kernel that smooths a lattice.
_KERNEL = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)
_COLUMNS = 1


@dataclass(frozen=True, eq=False)
class Lattice:
    """`values` is (rows, columns, levels) float32; the node of row r lies at `(r + 0.5) * cell_height`, columns alike, in pixels.

    Levels are spread evenly from 0 to 1. Beyond the outer nodes the nearest one counts; but where it `wraps`, the first column comes after
    the last.
    """

    values: Floats
    cell_height: float
    cell_width: float
    wraps: bool = False

    def read(self, top: int, left: int, level: Floats) -> Floats:
        """The value at each pixel, linear between nodes; `level` (h, w) in [0, 1] belongs to the pixels from `top`, `left` on.

        A pixel's answer depends on its level and its place only: each is worked out by itself, in the same order.
        """
        height, width = level.shape
        levels = self.values.shape[2]
        above, below, down = _neighbours(np.arange(top, top + height), self.cell_height, self.values.shape[0])
        before, after, across = _neighbours(np.arange(left, left + width), self.cell_width, self.values.shape[1], wraps=self.wraps)
        planes = self.values[above] + (self.values[below] - self.values[above]) * down[:, None, None]
        flat = planes.ravel()
        up = level * np.float32(levels - 1)
        under = np.minimum(up.astype(np.int32), levels - 2)
        up -= under.astype(np.float32)
        under += (np.arange(height, dtype=np.int32) * (self.values.shape[1] * levels))[:, None]
        at_left = _between(flat, under + (before * levels)[None], up)
        at_right = _between(flat, under + (after * levels)[None], up)
        at_right -= at_left
        at_right *= across
        at_right += at_left
        return at_right


def smoothed(values: Doubles, *, rounds: tuple[int, int, int], wraps: bool = False) -> Doubles:
    """(rows, columns, levels) through a binomial kernel so many times along each axis; beyond the ends lies nothing, 0.

    Where it `wraps`, the first column comes after the last.
    """
    for axis, times in enumerate(rounds):
        for _ in range(times):
            beyond: Literal["wrap", "constant"] = "wrap" if wraps and axis == _COLUMNS else "constant"
            padded = np.pad(values, [(2, 2) if axis == a else (0, 0) for a in range(3)], mode=beyond)
            length = values.shape[axis]
            values = np.asarray(
                np.sum([w * np.take(padded, np.arange(i, i + length), axis) for i, w in enumerate(_KERNEL)], axis=0), np.float64
            )
    return values


def refined(values: Doubles, *, axis: int, times: int, wraps: bool = False) -> Doubles:
    """`values` between nodes along an axis, at `times` as many nodes; an odd number, so that every node stays one.

    Where it `wraps`, the first node comes after the last.
    """
    nodes = values.shape[axis]
    at = (np.arange(nodes * times) + 0.5) / times - 0.5
    first = np.floor(at).astype(int)
    beside = [np.take(values, first + next_, axis, mode="wrap" if wraps else "clip") for next_ in (0, 1)]
    fraction = np.expand_dims(at - first, tuple(a for a in range(values.ndim) if a != axis))
    return np.asarray(beside[0] + (beside[1] - beside[0]) * fraction)


def _between(flat: Floats, index: npt.NDArray[np.int32], fraction: Floats) -> Floats:
    # Every index lies within; "clip" is only the faster way to take.
    low = flat.take(index, mode="clip")
    index += 1
    high = flat.take(index, mode="clip")
    high -= low
    high *= fraction
    high += low
    return high


def _neighbours(
    places: npt.NDArray[np.int64], cell: float, nodes: int, *, wraps: bool = False
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], Floats]:
    """The two nodes beside each pixel's place, and how far it is from the first to the second."""
    at = places.astype(np.float32) * np.float32(1 / cell) - np.float32(0.5)
    first = np.floor(at).astype(np.int32)
    fraction = (at - first).astype(np.float32)
    if wraps:
        return first % nodes, (first + 1) % nodes, fraction
    return np.clip(first, 0, nodes - 1), np.clip(first + 1, 0, nodes - 1), fraction
