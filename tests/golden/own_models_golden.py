"""The networks and the picture of own_models.npz, which has for each the names and shapes of its tensors, and its answer to the picture."""

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt

from img_enhance.models.networks.segment import Shapes
from random_weights import random_weights

GOLDEN = Path(__file__).with_name("own_models.npz")

# What is given to spandrel's classes. Few blocks, because each is like the others.
ESRGAN = {
    "esrgan-x4": {"num_blocks": 2, "scale": 4},
    "esrgan-x1": {"num_blocks": 1, "scale": 1, "num_filters": 32},
    "esrgan-x2": {"num_blocks": 1, "scale": 2, "num_filters": 48},
    "esrgan-x8": {"num_blocks": 1, "scale": 8, "num_filters": 32},
    "esrgan-cells-of-2": {"num_blocks": 1, "scale": 4, "in_nc": 12, "shuffle_factor": 2, "num_filters": 32},
    "esrgan-cells-of-4": {"num_blocks": 1, "scale": 4, "in_nc": 48, "shuffle_factor": 4, "num_filters": 32},
}
COMPACT = {
    "compact-x4": {"num_conv": 4, "num_feat": 64, "upscale": 4},
    "compact-x3": {"num_conv": 2, "num_feat": 24, "upscale": 3},
    "compact-x1": {"num_conv": 2, "num_feat": 48, "upscale": 1},
}
# Two blocks by the names that the published code has now, which spandrel reads too.
RENAMED = "real-esrgan-x4"
CASES = (*ESRGAN, *COMPACT, RENAMED)


def picture_of() -> npt.NDArray[np.float32]:
    """A picture of noise in [0, 1], (H, W, 3)."""
    return np.random.RandomState(11).rand(4, 8, 3).astype(np.float32)


def weights_of(shapes: Shapes) -> dict[str, npt.NDArray[np.float32]]:
    """Random weights in these shapes and order."""
    return random_weights(shapes, seed=20261129)


def shapes_of(text: str) -> Shapes:
    """Names and shapes as they are kept."""
    return {name: tuple(shape) for name, shape in json.loads(text)}
