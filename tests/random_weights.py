"""Weights for networks whose published ones are not at hand: the same on every machine, and sane under all layers."""

import math
from pathlib import Path

import numpy as np
import numpy.typing as npt

from img_enhance.models.architecture import Architecture
from img_enhance.models.networks.segment import Shapes
from img_enhance.passes.probe import probe_picture
from img_enhance.runtimes.reference import run_reference

_PICTURE_SPREAD = 0.2


def random_weights(shapes: Shapes, seed: int = 0) -> dict[str, npt.NDArray[np.float32]]:
    """Values under which what flows through a network neither dies out nor explodes. numpy never changes what a RandomState draws."""
    draw = np.random.RandomState(seed)
    return {name: _like(name, draw.standard_normal(shape) / math.sqrt(max(1, math.prod(shape[1:])))) for name, shape in shapes.items()}


def mapped(weights: dict[str, npt.NDArray[np.float32]], folder: Path) -> dict[str, npt.NDArray[np.float32]]:
    """The weights read from files where they are used, as downloaded ones are: no memory of the process's own."""
    for number, values in enumerate(weights.values()):
        np.save(folder / f"{number}.npy", values)
    return {name: np.asarray(np.load(folder / f"{number}.npy", mmap_mode="c")) for number, name in enumerate(weights)}


def _like(name: str, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """The values; what no training makes random is as it must be."""
    if name.endswith(".running_var"):
        values = 0.5 + np.abs(values)
    if name.endswith(".rpe_biases"):  # how far apart the places of a window are
        values = np.stack(np.meshgrid(*(np.arange(side) - side // 2 for side in values.shape[:2]), indexing="ij"), -1)
    return values.astype(np.float32)


def picture_like_weights(architecture: Architecture, seed: int = 0) -> dict[str, npt.NDArray[np.float32]]:
    """Random weights under which the answer to a picture spreads like a picture, so that errors can be given in decibels."""
    weights = random_weights(architecture.shapes, seed)
    answer = run_reference(architecture.segments, weights, probe_picture())
    for name in list(weights)[-2:]:  # the last convolution's weights and biases
        weights[name] *= np.float32(_PICTURE_SPREAD / answer.std())
    return weights
