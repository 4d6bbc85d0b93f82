"""The networks and the picture of edsr.npz."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from img_enhance.models.networks.edsr import EDSR
from random_weights import random_weights

GOLDEN = Path(__file__).with_name("edsr.npz")

# By name, the scale. 16 blocks, as published.
CASES = {"edsr-base-x2": 2, "edsr-base-x3": 3, "edsr-base-x4": 4}


def picture_of() -> npt.NDArray[np.float32]:
    """A picture of noise in [0, 1], (H, W, 3)."""
    return np.random.RandomState(7).rand(7, 9, 3).astype(np.float32)


def network_of(name: str) -> EDSR:
    """The network with this name."""
    return EDSR(blocks=16, scale=CASES[name])


def weights_of(name: str) -> dict[str, npt.NDArray[np.float32]]:
    """Random weights in the shapes, and under the names, of the published ones."""
    return random_weights(network_of(name).shapes, seed=20261128)
