"""The networks and pictures of real_esrgan.npz."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from img_enhance.models.table import BUILT_IN
from random_weights import random_weights

GOLDEN = Path(__file__).with_name("real_esrgan.npz")

# Odd, so that the 2x network must fill up its last cells; and a single row, which has nothing to mirror but itself.
PICTURES = {"odd": (7, 9), "row": (1, 6)}
CASES = (
    ("realesrgan-x2plus", "params_ema", "odd"),
    ("realesr-general-x4v3", "params", "odd"),
    ("realesr-general-x4v3", "params", "row"),
)


def picture_of(name: str) -> npt.NDArray[np.float32]:
    """A picture of noise in [0, 1], (H, W, 3)."""
    height, width = PICTURES[name]
    return np.random.RandomState(7).rand(height, width, 3).astype(np.float32)


def weights_of(model: str) -> dict[str, npt.NDArray[np.float32]]:
    """Random weights in the shapes, and under the names, of the published ones."""
    return random_weights(BUILT_IN.named(model).architecture.shapes, seed=20261124)
