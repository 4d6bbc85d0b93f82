"""The tensors in the golden files, by numpy alone, and the script's parts that need no PyTorch."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

GOLDEN = Path(__file__).parent / "golden"

# bfloat16 keeps the upper half of a float32: these values lose nothing by that.
BRAIN = np.array([1.5, -2.0, 0.0, 3.140625, -65280.0], np.float32)

TENSORS: dict[str, Array] = {
    "conv.weight": (np.random.RandomState(1).standard_normal((4, 3, 3, 3))).astype(np.float32),
    "conv.bias": np.array([0.5, -0.25, 1e-20, 3e20], np.float32),
    "half": np.linspace(-2, 2, 7).astype(np.float16),
    "brain": BRAIN,
    "double": np.array([[1 / 3, -1e300]], np.float64),
    "num_batches_tracked": np.array(123_456_789_012, np.int64),
    "flags": np.array([True, False, True]),
    "bytes": np.arange(250, 256, dtype=np.uint8),
    "transposed": np.arange(6, dtype=np.float32).reshape(2, 3).T,
    "part": np.arange(10, dtype=np.float32)[2:8:3],
    "empty": np.zeros((0, 3), np.float32),
}


def check(found: dict[str, Array]) -> None:
    """Pass if these are TENSORS, bit for bit."""
    assert list(found) == list(TENSORS)
    for name, expected in TENSORS.items():
        assert found[name].dtype == expected.dtype, name
        assert found[name].shape == expected.shape, name
        assert found[name].tobytes() == expected.tobytes(), name
        assert not found[name].flags.writeable or found[name].size == 0, name
