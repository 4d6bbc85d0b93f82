"""The operations in plain numpy and float32: slow, simple, and what every runtime is held against."""

from typing import Any

import numpy as np
import numpy.typing as npt

from img_enhance.networks.ops import Ops, Weights
from img_enhance.networks.segment import NamedWeights, Segment, joined

Array = npt.NDArray[np.float32]


class NumpyOps(Ops[Array]):
    """Tensors are (C, H, W) float32 arrays."""

    def conv(self, x: Array, weight: Weights, bias: Weights) -> Array:
        channels, height, width = x.shape
        padded = np.pad(x, ((0, 0), (1, 1), (1, 1)))
        # (9 * in, H * W) columns against (out, 9 * in) rows: one matrix product a convolution.
        shifted = [padded[:, dy : dy + height, dx : dx + width] for dy in range(3) for dx in range(3)]
        columns = np.stack(shifted).reshape(9 * channels, height * width)
        rows = weight.astype(np.float32).transpose(0, 2, 3, 1).reshape(len(weight), -1)
        answer = rows @ columns + bias.astype(np.float32)[:, None]
        return answer.reshape(len(weight), height, width)

    def leaky_relu(self, x: Array, slope: float) -> Array:
        return np.where(x > 0, x, np.float32(slope) * x)

    def prelu(self, x: Array, slopes: Weights) -> Array:
        return np.where(x > 0, x, slopes.astype(np.float32)[:, None, None] * x)

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
