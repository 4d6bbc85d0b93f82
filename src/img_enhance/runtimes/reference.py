"""The operations in plain numpy and float32: slow, simple, and what every runtime is held against."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from img_enhance.models.networks.ops import LEAST_LENGTH, Curve, Ops, Weights
from img_enhance.models.networks.segment import NamedWeights, Segment, joined

Array = npt.NDArray[np.float32]


class NumpyOps(Ops[Array]):
    """Tensors are (C, H, W) float32 arrays."""

    def conv(self, x: Array, weight: Weights, bias: Weights | None = None) -> Array:
        channels, height, width = x.shape
        side = weight.shape[2]
        padded = np.pad(x, ((0, 0), (side // 2, side // 2), (side // 2, side // 2)))
        # (side^2 * in, H * W) columns against (out, side^2 * in) rows: one matrix product a convolution.
        shifted = [padded[:, dy : dy + height, dx : dx + width] for dy in range(side) for dx in range(side)]
        columns = np.stack(shifted).reshape(side * side * channels, height * width)
        rows = weight.astype(np.float32).transpose(0, 2, 3, 1).reshape(len(weight), -1)
        answer = (rows @ columns).reshape(len(weight), height, width)
        return answer if bias is None else answer + bias.astype(np.float32)[:, None, None]

    def depthwise(self, x: Array, weight: Weights, bias: Weights) -> Array:
        _, height, width = x.shape
        side = weight.shape[2]
        padded = np.pad(x, ((0, 0), (side // 2, side // 2), (side // 2, side // 2)))
        answer = np.zeros_like(x) + _by_channel(bias)
        for dy, dx in np.ndindex(side, side):
            answer += padded[:, dy : dy + height, dx : dx + width] * _by_channel(weight[:, 0, dy, dx])
        return answer

    def leaky_relu(self, x: Array, slope: float) -> Array:
        return np.where(x > 0, x, np.float32(slope) * x)

    def prelu(self, x: Array, slopes: Weights) -> Array:
        return np.where(x > 0, x, slopes.astype(np.float32)[:, None, None] * x)

    def curve(self, x: Array, kind: Curve) -> Array:
        return _CURVES[kind](x)

    def concat(self, parts: list[Array]) -> Array:
        return np.concatenate(parts)

    def add(self, x: Array, y: Array) -> Array:
        return x + y

    def scale(self, x: Array, factor: float) -> Array:
        return x * np.float32(factor)

    def nearest(self, x: Array, factor: int) -> Array:
        return x.repeat(factor, axis=1).repeat(factor, axis=2)

    def pixel_shuffle(self, x: Array, factor: int) -> Array:
        channels, height, width = x.shape
        split = x.reshape(channels // factor**2, factor, factor, height, width)
        return split.transpose(0, 3, 1, 4, 2).reshape(-1, height * factor, width * factor)

    def pixel_unshuffle(self, x: Array, factor: int) -> Array:
        channels, height, width = x.shape
        split = x.reshape(channels, height // factor, factor, width // factor, factor)
        return split.transpose(0, 2, 4, 1, 3).reshape(-1, height // factor, width // factor)

    def constant(self, values: Weights) -> Array:
        return values.astype(np.float32)

    def multiply(self, x: Array, y: Array) -> Array:
        return x * y

    def channels(self, x: Array, first: int, stop: int) -> Array:
        return x[first:stop]

    def linear(self, x: Array, weight: Weights, bias: Weights) -> Array:
        return (weight.astype(np.float32) @ x.reshape(-1) + bias.astype(np.float32))[:, None, None]

    def inverse_root(self, x: Array) -> Array:
        return np.asarray(1 / np.sqrt(x), np.float32)

    def bilinear(self, x: Array, factor: float) -> Array:
        return _along(_along(x, factor, 1), factor, 2)

    def group_norm(self, x: Array, weight: Weights, bias: Weights, *, groups: int, epsilon: float) -> Array:
        split = x.reshape(groups, -1)
        normal: Array = (split - split.mean(1, keepdims=True)) / np.sqrt(split.var(1, keepdims=True) + np.float32(epsilon))
        return normal.reshape(x.shape) * _by_channel(weight) + _by_channel(bias)

    def layer_norm(self, x: Array, weight: Weights, bias: Weights, epsilon: float) -> Array:
        normal: Array = (x - x.mean(0)) / np.sqrt(x.var(0) + np.float32(epsilon))
        return normal * _by_channel(weight) + _by_channel(bias)

    def sampled(self, x: Array, shifts: Array, *, factor: int, groups: int) -> Array:
        _, height, width = x.shape
        rows, columns = np.indices((height * factor, width * factor)) // factor
        across, down = columns + shifts[:groups], rows + shifts[groups:]
        return np.concatenate([_between(*each) for each in zip(np.split(x, groups), across, down, strict=True)])

    def mean(self, x: Array) -> Array:
        means: Array = x.mean((1, 2), keepdims=True)
        return means

    def window_attention(
        self,
        queries: Array,
        keys: Array,
        values: Array,
        bias: Weights,
        *,
        window: tuple[int, int],
        shift: tuple[int, int],
        multiple: int,
    ) -> Array:
        height, width = values.shape[1:]
        longer = ((0, 0), (0, -height % multiple), (0, -width % multiple))
        q, k, v = (_heads(np.pad(x, longer), len(bias)) for x in (queries, keys, values))
        answer = np.empty_like(v)
        for rows, own_rows in _cuts(v.shape[2], window[0], shift[0]):
            for columns, own_columns in _cuts(v.shape[3], window[1], shift[1]):
                places = np.add.outer(own_rows * window[1], own_columns).ravel()
                asked, seen, held = (x[:, :, rows, columns].reshape(*x.shape[:2], -1) for x in (q, k, v))
                weighed = _softmax(asked.transpose(0, 2, 1) @ seen + bias[:, places[:, None], places].astype(np.float32))
                answer[:, :, rows, columns] = (held @ weighed.transpose(0, 2, 1)).reshape(*v.shape[:2], len(own_rows), -1)
        together: Array = answer.reshape(-1, *v.shape[2:])[:, :height, :width]
        return together

    def channel_attention(self, queries: Array, keys: Array, values: Array, temperatures: Weights) -> Array:
        q, k, v = (_heads(x, len(temperatures)).reshape(len(temperatures), -1, x[0].size) for x in (queries, keys, values))
        lengths = np.linalg.norm(q, axis=2)[:, :, None] * np.linalg.norm(k, axis=2)[:, None]
        cosines = q @ k.transpose(0, 2, 1) / np.maximum(lengths, np.float32(LEAST_LENGTH))
        answer: Array = _softmax(cosines * temperatures.astype(np.float32).reshape(-1, 1, 1)) @ v
        return answer.reshape(values.shape)


def _heads(x: Array, heads: int) -> Array:
    return x.reshape(heads, -1, *x.shape[1:])


def _cuts(length: int, side: int, shift: int) -> Iterator[tuple[slice, npt.NDArray[np.intp]]]:
    """The windows along `length` pixels, and which of a whole window's `side` places each of them has."""
    for begin in range(-(-shift % side), length, side):
        first, stop = max(0, begin), min(length, begin + side)
        yield slice(first, stop), np.arange(first - begin, stop - begin)


def _softmax(x: Array) -> Array:
    raised = np.exp(x - x.max(-1, keepdims=True))
    return np.asarray(raised / raised.sum(-1, keepdims=True), np.float32)


def _by_channel(values: Weights) -> Array:
    return values.astype(np.float32)[:, None, None]


def _between(x: Array, across: Array, down: Array) -> Array:
    """The values of (c, h, w) at places that are counted from the centre of the first pixel."""
    _, height, width = x.shape
    across, down = np.clip(across, 0, width - 1), np.clip(down, 0, height - 1)
    left, top = across.astype(int), down.astype(int)
    right, bottom = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
    share, share_down = (across - left).astype(np.float32), (down - top).astype(np.float32)
    above = x[:, top, left] * (1 - share) + x[:, top, right] * share
    below = x[:, bottom, left] * (1 - share) + x[:, bottom, right] * share
    return np.asarray(above * (1 - share_down) + below * share_down, np.float32)


def _sigmoid(x: Array) -> Array:
    # By tanh, because exp overflows far out.
    return np.asarray(0.5 + 0.5 * np.tanh(0.5 * x), np.float32)


def _erf(x: Array) -> Array:
    """Source: Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26, off by 1.5e-7 at most."""
    t = 1 / (1 + 0.3275911 * np.abs(x))
    rest = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
    return np.asarray(np.copysign(1 - rest * np.exp(-x * x), x))


_CURVES: dict[Curve, Callable[[Array], Array]] = {
    "sigmoid": _sigmoid,
    "silu": lambda x: x * _sigmoid(x),
    "gelu": lambda x: np.asarray(0.5 * x * (1 + _erf(x / np.sqrt(2))), np.float32),
    "mish": lambda x: np.asarray(x * np.tanh(np.logaddexp(0, x)), np.float32),
}


def _along(x: Array, factor: float, axis: int) -> Array:
    """`x` resized by linear interpolation between centres of pixels along one axis."""
    length = x.shape[axis]
    place = np.clip((np.arange(int(length * factor)) + 0.5) / factor - 0.5, 0, length - 1)
    before = place.astype(int)
    after = np.minimum(before + 1, length - 1)
    share = (place - before).astype(np.float32).reshape([-1 if a == axis else 1 for a in range(x.ndim)])
    return np.asarray(x.take(before, axis) * (1 - share) + x.take(after, axis) * share, np.float32)


def run_reference(segments: tuple[Segment, ...], weights: NamedWeights, picture: Array) -> Array:
    """A network's answer to `picture`, (H, W, 3) float32 in [0, 1], as (H * scale, W * scale, 3) float32, not clipped.

    Where the network reads cells of several pixels, the last ones are filled up by mirroring, and what they add is cut off again.
    """
    network = joined(segments)
    (height, width), cell = picture.shape[:2], network.cell
    whole = np.pad(picture, ((0, -height % cell), (0, -width % cell), (0, 0)), mode="reflect")
    x: Any = network.function(NumpyOps(), weights, np.ascontiguousarray(whole.transpose(2, 0, 1)))
    answer: Array = x.transpose(1, 2, 0)[: height * network.scale // cell, : width * network.scale // cell]
    return answer
