"""How much a segment computes, counted by running it over sizes instead of pixels."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import prod

import numpy as np

from img_enhance.models.networks.ops import Curve, Ops, Weights
from img_enhance.models.networks.segment import Segment, Shapes


@dataclass(frozen=True)
class _Tensor:
    """Channels, and pixels for each pixel of the input; `is_one` says that it has a single pixel, whatever the input's size."""

    channels: int
    area: Fraction
    is_one: bool = False


class CountingOps(Ops[_Tensor]):
    """Adds up what convolutions and matrix products compute, beside which the rest is nothing; a multiply and an add are two."""

    def __init__(self, input_pixels: int) -> None:
        self.operations = Fraction(0)
        self._one = Fraction(1, input_pixels)

    def conv(self, x: _Tensor, weight: Weights, bias: Weights | None = None) -> _Tensor:
        self.operations += 2 * prod(weight.shape) * x.area
        return _Tensor(weight.shape[0], x.area)

    def depthwise(self, x: _Tensor, weight: Weights, bias: Weights) -> _Tensor:
        self.operations += 2 * prod(weight.shape) * x.area
        return x

    def linear(self, x: _Tensor, weight: Weights, bias: Weights) -> _Tensor:
        self.operations += 2 * prod(weight.shape) * self._one
        return _Tensor(weight.shape[0], self._one, is_one=True)

    def leaky_relu(self, x: _Tensor, slope: float) -> _Tensor:
        return x

    def prelu(self, x: _Tensor, slopes: Weights) -> _Tensor:
        return x

    def curve(self, x: _Tensor, kind: Curve) -> _Tensor:
        return x

    def concat(self, parts: list[_Tensor]) -> _Tensor:
        return _Tensor(sum(part.channels for part in parts), parts[0].area)

    def add(self, x: _Tensor, y: _Tensor) -> _Tensor:
        larger = y if x.is_one else x
        return _Tensor(max(x.channels, y.channels), larger.area, is_one=larger.is_one)

    def multiply(self, x: _Tensor, y: _Tensor) -> _Tensor:
        return self.add(x, y)

    def scale(self, x: _Tensor, factor: float) -> _Tensor:
        return x

    def nearest(self, x: _Tensor, factor: int) -> _Tensor:
        return _Tensor(x.channels, x.area * factor**2)

    def pixel_shuffle(self, x: _Tensor, factor: int) -> _Tensor:
        return _Tensor(x.channels // factor**2, x.area * factor**2)

    def pixel_unshuffle(self, x: _Tensor, factor: int) -> _Tensor:
        # The pixels of a network that reads cells are cells: the picture has factor^2 of its own for each.
        return _Tensor(x.channels * factor**2, x.area)

    def constant(self, values: Weights) -> _Tensor:
        channels, height, width = values.shape
        return _Tensor(channels, height * width * self._one, is_one=height * width == 1)

    def channels(self, x: _Tensor, first: int, stop: int) -> _Tensor:
        return _Tensor(stop - first, x.area, is_one=x.is_one)

    def inverse_root(self, x: _Tensor) -> _Tensor:
        return x

    def bilinear(self, x: _Tensor, factor: float) -> _Tensor:
        return _Tensor(x.channels, x.area * Fraction(factor) ** 2)

    def group_norm(self, x: _Tensor, weight: Weights, bias: Weights, *, groups: int, epsilon: float) -> _Tensor:
        return x

    def layer_norm(self, x: _Tensor, weight: Weights, bias: Weights, epsilon: float) -> _Tensor:
        return x

    def sampled(self, x: _Tensor, shifts: _Tensor, *, factor: int, groups: int) -> _Tensor:
        return _Tensor(x.channels, shifts.area)

    def mean(self, x: _Tensor) -> _Tensor:
        return _Tensor(x.channels, self._one, is_one=True)

    def window_attention(
        self,
        queries: _Tensor,
        keys: _Tensor,
        values: _Tensor,
        bias: Weights,
        *,
        window: tuple[int, int],
        shift: tuple[int, int],
        multiple: int,
    ) -> _Tensor:
        self.operations += 2 * prod(window) * (queries.channels + values.channels) * queries.area
        return values

    def channel_attention(self, queries: _Tensor, keys: _Tensor, values: _Tensor, temperatures: Weights) -> _Tensor:
        self.operations += Fraction(2 * queries.channels * (keys.channels + values.channels), len(temperatures)) * queries.area
        return values


def operations_of(segment: Segment, shapes: Shapes) -> int:
    """Floating-point operations for each pixel (or cell) that a segment reads."""
    # Arrays without memory: nothing looks at their values.
    weights = {name: np.broadcast_to(np.float32(0), shape) for name, shape in shapes.items()}
    ops = CountingOps(segment.side**2 or 1)
    given = {"picture": _Tensor(3, Fraction(1)), "features": _Tensor(segment.features_in, Fraction(1))}
    segment.function(ops, weights, *(given[name] for name in segment.inputs))
    return round(ops.operations)
