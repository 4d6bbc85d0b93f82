"""The networks and the picture of edsr_ways.npz: small EDSRs, trained on both kinds of values."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

GOLDEN = Path(__file__).with_name("edsr_ways.npz")

BLOCKS, FEATURES, SCALE = 1, 8, 2
MEAN = (0.4488, 0.4371, 0.404)

# By the project whose way it is, the range of values that the mean colour is taken out of; super-image takes none out, but states it.
WAYS = {"edsr-pytorch": 255.0, "edsr-pytorch of range 1": 1.0, "super-image": None}


def picture_of() -> npt.NDArray[np.float32]:
    """A picture of noise in [0, 1], (H, W, 3)."""
    return np.random.RandomState(7).rand(9, 13, 3).astype(np.float32)


def stated(values: float) -> dict[str, npt.NDArray[np.float32]]:
    """The layers that take the mean colour out and put it back, of values up to `values`, as both projects write them."""
    return {
        f"{name}.{kind}": np.asarray(numbers, np.float32)
        for name, sign in (("sub_mean", -1), ("add_mean", 1))
        for kind, numbers in (("weight", np.eye(3)[..., None, None]), ("bias", sign * values * np.array(MEAN)))
    }
