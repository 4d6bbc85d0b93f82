"""Which values an EDSR was trained on, which neither its tensors' names nor their shapes say.

The project of the paper and super-image call the same tensors by the same names, and both write the mean colour into the file, though only
the first takes it out of a picture (`networks/edsr.py`). But a trained network gives a plain grey back as it was, and does so only on
the values that it knows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from img_enhance.models.networks.edsr import EDSR
from img_enhance.models.networks.mean_colour import DIV2K, RANGE
from img_enhance.models.networks.ops import Weights

Array = npt.NDArray[np.float64]

# Photos are full of greys, while saturated colours are rare and badly learned. Eight networks of 1 to 4 blocks that were trained for a
# minute were off by 0.1 to 0.4 of 255 on average on their own values; on the others those of super-image's way by 2 to 6, those without
# the mean by 39 to 71 (2026-11).
_GREYS = np.tile(np.linspace(0.05, 0.95, 10), (3, 1))


def as_trained(network: EDSR, tensors: Mapping[str, Weights]) -> EDSR:
    """The network on values from 0 to 1 with their mean colour, or without it, whichever gives greys back better."""
    mean, values = _mean_of(tensors)
    without = replace(network, mean=mean, values=values)
    if values != RANGE:  # super-image writes that one, and does not look at it
        return without
    return min(network, without, key=lambda way: _error(way, tensors))


def _mean_of(tensors: Mapping[str, Weights]) -> tuple[tuple[float, ...], float]:
    """The mean colour, in [0, 1], and the range of values that a file states, or those that are usual."""
    weight, bias = tensors.get("sub_mean.weight"), tensors.get("sub_mean.bias")
    if weight is None or bias is None or weight.shape != (3, 3, 1, 1) or bias.shape != (3,):
        return DIV2K, RANGE
    with np.errstate(all="ignore"):
        stated = -bias.astype(np.float64) / np.diag(weight[:, :, 0, 0])
    values = RANGE if stated.max() > 1 else 1.0
    mean = tuple(round(float(value) / values, 6) for value in stated)
    return (mean, values) if all(0 < value < 1 for value in mean) else (DIV2K, RANGE)


def _error(network: EDSR, tensors: Mapping[str, Weights]) -> float:
    """How far the answers to plain greys are from them on average; infinite where they are no numbers."""
    x: Any = _GREYS
    with np.errstate(all="ignore"):
        for segment in network.segments:
            function: Callable[..., Any] = segment.function
            x = function(_Plain(), tensors, x)
    error = float(np.abs(x - _GREYS).mean())
    return error if np.isfinite(error) else np.inf


class _Plain:
    """The operations of EDSR (`networks/ops.py`) on pictures of one colour, far from their edges: (C, N) are the colours of N of them.

    What is shuffled into one another is known by its mean, which is right because no curve follows it.
    """

    def conv(self, x: Array, weight: Weights, bias: Weights) -> Array:
        return np.asarray(weight.sum(axis=(2, 3), dtype=np.float64) @ x + bias[:, None])

    def leaky_relu(self, x: Array, slope: float) -> Array:
        return np.where(x > 0, x, slope * x)

    def add(self, x: Array, y: Array) -> Array:
        return x + y

    def scale(self, x: Array, factor: float) -> Array:
        return x * factor

    def constant(self, values: Weights) -> Array:
        return np.asarray(values[:, :, 0], np.float64)

    def pixel_shuffle(self, x: Array, factor: int) -> Array:
        return np.asarray(x.reshape(-1, factor**2, x.shape[1]).mean(axis=1))
