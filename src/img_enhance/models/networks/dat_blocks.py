"""The blocks of DAT (`dat.py`), in the operations of `ops.py`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from img_enhance.models.networks.ops import Ops, Weights
from img_enhance.models.networks.segment import NamedWeights

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Array = npt.NDArray[np.float32]

# What is added before a root; no file says it.
EPSILON = 1e-5


def places_block(ops: Ops[Any], weights: NamedWeights, name: str, x: Any, *, window: tuple[int, int], shifted: bool) -> Any:
    """The block whose places attend to those of a window; `shifted` ones begin half a window further on."""
    return _block(partial(_places_attended, window, shifted), ops, weights, name, x)


def channels_block(ops: Ops[Any], weights: NamedWeights, name: str, x: Any) -> Any:
    """The block whose channels attend to each other."""
    return _block(_channels_attended, ops, weights, name, x)


def _block(attended: Callable[..., Any], ops: Ops[Any], weights: NamedWeights, name: str, x: Any) -> Any:
    x = ops.add(attended(ops, weights, f"{name}.attn", layer_norm(ops, weights, f"{name}.norm1", x)), x)
    return ops.add(_gated(ops, weights, f"{name}.ffn", layer_norm(ops, weights, f"{name}.norm2", x)), x)


def _gated(ops: Ops[Any], weights: NamedWeights, name: str, x: Any) -> Any:
    """The block's wide layers, of which one half is what the other is multiplied by."""
    value, gate = (ops.curve(ops.conv(x, *_rows(weights, f"{name}.fc1", half, 2)), "gelu") for half in (0, 1))
    gate = layer_norm(ops, weights, f"{name}.sg.norm", gate)
    gate = ops.depthwise(gate, weights[f"{name}.sg.conv.weight"], weights[f"{name}.sg.conv.bias"])
    return conv(ops, weights, f"{name}.fc2", ops.multiply(value, gate))


def _places_attended(window: tuple[int, int], shifted: bool, ops: Ops[Any], weights: NamedWeights, name: str, x: Any) -> Any:
    """Half of the channels attend to windows, the other half to windows that are turned."""
    attended, held = [], []
    for number, (height, width) in enumerate((window, window[::-1])):
        bias = _position_bias(weights, f"{name}.attns.{number}")
        # Of six halves the first two make queries, then two keys, then two values. What queries are scaled by is in their weights.
        factor = (len(weights[f"{name}.qkv.weight"]) // 6 // len(bias)) ** -0.5
        queries = ops.conv(x, *_rows(weights, f"{name}.qkv", number, 6, factor=factor))
        keys, values = (ops.conv(x, *_rows(weights, f"{name}.qkv", kind + number, 6)) for kind in (2, 4))
        shift = (height // 2, width // 2) if shifted else (0, 0)
        attended.append(ops.window_attention(queries, keys, values, bias, window=(height, width), shift=shift, multiple=max(window)))
        held.append(values)
    return _interacting(ops, weights, name, ops.concat(attended), _near(ops, weights, name, ops.concat(held)))


def _channels_attended(ops: Ops[Any], weights: NamedWeights, name: str, x: Any) -> Any:
    queries, keys, values = (ops.conv(x, *_rows(weights, f"{name}.qkv", kind, 3)) for kind in range(3))
    attended = ops.channel_attention(queries, keys, values, weights[f"{name}.temperature"])
    return _interacting(ops, weights, name, _near(ops, weights, name, values), attended)


def _near(ops: Ops[Any], weights: NamedWeights, name: str, values: Any) -> Any:
    """What a small convolution makes of the values, beside the attention."""
    return ops.curve(ops.depthwise(values, *_normed(weights, f"{name}.dwconv.0", f"{name}.dwconv.1")), "gelu")


def _interacting(ops: Ops[Any], weights: NamedWeights, name: str, first: Any, second: Any) -> Any:
    """The sum of both, after each was weighed by what the other has: the first by channels, the second by places."""

    def weight_of(x: Any, kind: str, layers: tuple[int, int, int]) -> Any:
        inner, norm, outer = (f"{name}.{kind}.{layer}" for layer in layers)
        return ops.curve(conv(ops, weights, outer, ops.curve(ops.conv(x, *_normed(weights, inner, norm)), "gelu")), "sigmoid")

    by_channel = weight_of(ops.mean(second), "channel_interaction", (1, 2, 4))
    by_place = weight_of(first, "spatial_interaction", (0, 1, 3))
    return conv(ops, weights, f"{name}.proj", ops.add(ops.multiply(first, by_channel), ops.multiply(second, by_place)))


def conv(ops: Ops[Any], weights: NamedWeights, name: str, x: Any) -> Any:
    """A convolution, or a layer that mixes the channels of each place, which is one of a pixel."""
    return ops.conv(x, _of_pixels(weights[f"{name}.weight"]), weights.get(f"{name}.bias"))


def _of_pixels(weight: Weights) -> Weights:
    return weight if weight.ndim == 4 else weight[:, :, None, None]


def layer_norm(ops: Ops[Any], weights: NamedWeights, name: str, x: Any) -> Any:
    return ops.layer_norm(x, weights[f"{name}.weight"], weights[f"{name}.bias"], EPSILON)


def _rows(weights: NamedWeights, name: str, number: int, parts: int, *, factor: float = 1) -> tuple[Weights, Weights | None]:
    """Weight and bias of one of the equal parts of what a layer answers, a `factor` as large.

    Each part is a layer of its own here: to cut an answer into parts takes more time and memory than to read what it is made of several
    times (measured 2026-11).
    """
    import numpy as np

    weight, bias = _of_pixels(weights[f"{name}.weight"]), weights.get(f"{name}.bias")
    width = len(weight) // parts
    rows = slice(number * width, (number + 1) * width)
    return weight[rows] * np.float32(factor), None if bias is None else bias[rows] * np.float32(factor)


def _normed(weights: NamedWeights, conv: str, norm: str) -> tuple[Array, Array]:
    """Weight and bias of a convolution and the batch norm after it, which knows mean and variance since it was trained."""
    import numpy as np

    weight, bias = (weights[f"{conv}.{part}"].astype(np.float32) for part in ("weight", "bias"))
    gain, added, mean, variance = (
        weights[f"{norm}.{part}"].astype(np.float32) for part in ("weight", "bias", "running_mean", "running_var")
    )
    factor = gain / np.sqrt(variance + np.float32(EPSILON))
    return weight * factor[:, None, None, None], (bias - mean) * factor + added


def _position_bias(weights: NamedWeights, name: str) -> Array:
    """What is added for each pair of places of a window, (heads, h * w, h * w): layers of the file's make it of how far apart they are.

    Source: Wang et al., CrossFormer, ICLR 2022, arXiv:2108.00154.
    """
    import numpy as np

    def linear(layer: str, x: Array) -> Array:
        return np.asarray(x @ weights[f"{layer}.weight"].astype(np.float32).T + weights[f"{layer}.bias"].astype(np.float32))

    offsets = weights[f"{name}.rpe_biases"].astype(np.float32)
    x = linear(f"{name}.pos.pos_proj", offsets)
    for number in (1, 2, 3):
        norm = f"{name}.pos.pos{number}.0"
        normal = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + np.float32(EPSILON))
        positive = np.maximum(normal * weights[f"{norm}.weight"] + weights[f"{norm}.bias"], 0)
        x = linear(f"{name}.pos.pos{number}.2", positive)
    height, width = (np.array(offsets.shape[:2]) + 1) // 2
    rows, columns = (places.ravel() for places in np.indices((height, width)))
    apart = (rows[:, None] - rows + height - 1, columns[:, None] - columns + width - 1)
    return np.ascontiguousarray(x[apart].transpose(2, 0, 1))
