"""The networks and the picture of networks.npz: small ones of each architecture that people bring files of."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from img_enhance.models.architecture import Architecture
from img_enhance.models.networks.dat import DAT
from img_enhance.models.networks.realplksr import RealPLKSR
from img_enhance.models.networks.span import SPAN
from random_weights import random_weights

GOLDEN = Path(__file__).with_name("networks.npz")

CASES: dict[str, Architecture] = {
    "span-4x": SPAN(channels=12, scale=4),
    "span-2x-no-norm": SPAN(channels=8, scale=2, norm=False),
    "span-1x": SPAN(channels=8, scale=1, norm=False),
    "realplksr-3x": RealPLKSR(blocks=2, channels=12, scale=3, kernel=7, partial_channels=4),
    "realplksr-2x-dysample": RealPLKSR(blocks=1, channels=8, scale=2, partial_channels=4, dysample=True),
    "realplksr-3x-dysample": RealPLKSR(blocks=1, channels=8, scale=3, kernel=5, partial_channels=8, attends=False, dysample=True),
    "realplksr-1x-dysample": RealPLKSR(blocks=1, channels=8, scale=1, kernel=5, partial_channels=2, layer_norm=True, dysample=True),
    "realplksr-2x-layer-norm": RealPLKSR(blocks=2, channels=8, scale=2, kernel=9, partial_channels=2, layer_norm=True),
    # A light one, one of several groups, and one whose windows are tall; shifted windows and whole ones in each.
    "dat-2x-light": DAT(32, (3,), (4,), (8, 32), hidden=64, scale=2, three_convs=True, direct=True),
    "dat-3x": DAT(36, (1, 2), (2, 6), (4, 8), hidden=144, scale=3),
    "dat-4x-tall": DAT(32, (1, 1), (4, 4), (8, 4), hidden=64, scale=4, qkv_bias=False, three_convs=True),
}


def picture_of() -> npt.NDArray[np.float32]:
    """A picture of noise in [0, 1], (H, W, 3)."""
    height, width = 9, 13
    return np.random.RandomState(7).rand(height, width, 3).astype(np.float32)


def weights_of(name: str) -> dict[str, npt.NDArray[np.float32]]:
    """Random weights in the shapes of the network, under the names of the published code."""
    return random_weights(CASES[name].shapes, seed=20261128)
