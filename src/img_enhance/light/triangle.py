"""Samples brought to another size by a triangle: straight lines between neighbours, or averages over them.

None of its weights is negative: a ratio of two pictures that were brought to another size so stays within what it was before, where kernels
that sharpen would overshoot.
"""

from math import ceil

import numpy as np
import numpy.typing as npt

from img_enhance.light.colour import Floats

Taps = tuple[npt.NDArray[np.intp], Floats]


def taps(size: int, result: int, start: int, stop: int, *, wraps: bool = False) -> Taps:
    """Which of `size` samples in a row each of the samples `start` to `stop` of `result` is made of, and by which weights: (N, K) both.

    `wraps` says that the first sample comes after the last. At the same size a sample is what it was.
    """
    scale = size / result
    reach = max(scale, 1.0)
    centres = (np.arange(start, stop) + 0.5) * scale - 0.5
    numbers = np.floor(centres - reach).astype(np.intp)[:, None] + 1 + np.arange(ceil(2 * reach))
    weights = np.maximum(1 - np.abs(numbers - centres[:, None]) / reach, 0)
    weights /= weights.sum(axis=1, keepdims=True)
    used = weights.any(axis=0)  # at the same size, one of two
    numbers = numbers % size if wraps else np.clip(numbers, 0, size - 1)
    return numbers[:, used], weights[:, used].astype(np.float32)


def mixed(values: Floats, chosen: Taps, *, axis: int) -> Floats:
    """(H, W, C) values with their rows (axis 0) or columns (1) mixed as `chosen` says."""
    numbers, weights = chosen
    shape = (-1, 1, 1) if axis == 0 else (1, -1, 1)
    answer = np.take(values, numbers[:, 0], axis) * weights[:, 0].reshape(shape)
    for tap in range(1, numbers.shape[1]):
        answer += np.take(values, numbers[:, tap], axis) * weights[:, tap].reshape(shape)
    return answer
