"""Weights for a network whose published ones are not at hand: the same on every machine, and sane under all its layers."""

import math

import numpy as np
import numpy.typing as npt

from img_enhance.models.networks.segment import Shapes

Array = npt.NDArray[np.float32]


def seeded_weights(shapes: Shapes, seed: int) -> dict[str, Array]:
    """Values for GFPGAN's names: spread by the values that each output sums over, biases around 0, styles around 1, loud noise."""
    draw = np.random.RandomState(seed)
    return {name: _spread(draw, shape, *_centre_and_deviation(name, shape)) for name, shape in shapes.items()}


def _centre_and_deviation(name: str, shape: tuple[int, ...]) -> tuple[float, float]:
    if name.endswith("modulation.bias"):
        return 1, 0.2
    if name.endswith("bias"):
        return 0, 0.1
    if shape == (1,):
        # The strength of a layer's noise.
        return 0.3, 0.1
    if "noise" in name or "constant" in name:
        return 0, 1
    # A modulated weight is (1, out, in, k, k).
    summed = math.prod(shape[-3:]) if len(shape) > 2 else shape[1]
    return 0, 1 / math.sqrt(summed)


def _spread(draw: np.random.RandomState, shape: tuple[int, ...], centre: float, deviation: float) -> Array:
    """Even values around a centre. From bytes, because 87 million floats one by one take seconds."""
    levels = np.frombuffer(draw.bytes(2 * math.prod(shape)), "<u2").astype(np.float32)
    # Even values of width w deviate by w / sqrt(12).
    values = (levels - np.float32(32_767.5)) * np.float32(math.sqrt(12) * deviation / 65_536) + np.float32(centre)
    return values.reshape(shape)
