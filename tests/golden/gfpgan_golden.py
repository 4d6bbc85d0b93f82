"""The seeded weights, the face, and the few values of the answer that are kept for comparison."""

from pathlib import Path

import numpy as np
from seeded_weights import Array, seeded_weights

from img_enhance.models.networks.gfpgan import GFPGANClean

GOLDEN = Path(__file__).parent / "gfpgan.npz"
NETWORK = GFPGANClean()

# Side of the blocks that are averaged, and of the crops that are kept whole; their upper left corners.
_BLOCK = 32
_CROP = 24
_CORNERS = {"corner": (0, 0), "eye": (228, 181), "middle": (243, 251), "edge": (488, 300)}


def seeded_face_weights() -> dict[str, Array]:
    """Weights of the full-size network under the published names."""
    return seeded_weights(NETWORK.shapes, seed=7)


def face() -> Array:
    """A 512 x 512 picture from -1 to 1: slow waves with noise on top."""
    y, x = np.mgrid[:512, :512] / 512
    waves = np.stack([np.sin(7 * x + 5 * y + phase) * np.cos(9 * y - 3 * x) for phase in range(3)], 2)
    noise = np.random.RandomState(8).random_sample(waves.shape) - 0.5
    return np.asarray(0.7 * waves + 0.5 * noise, np.float32)


def summary(answer: Array) -> dict[str, Array]:
    """16 x 16 averages of the whole answer, and some pixels of it as they are."""
    blocks = answer.reshape(16, _BLOCK, 16, _BLOCK, 3).mean((1, 3))
    return {"blocks": blocks, **{name: answer[y : y + _CROP, x : x + _CROP] for name, (y, x) in _CORNERS.items()}}
