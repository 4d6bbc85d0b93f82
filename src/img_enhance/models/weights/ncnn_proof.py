"""Whether a network of ncnn is one of the networks that we know: proven, not guessed.

Both are run over symbols instead of numbers, where an operation on the same operands is the same symbol, and both must end with the same
one.

Source: the description of layers in github.com/Tencent/ncnn (docs/developer-guide/operators.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from img_enhance.models.architecture import Architecture
from img_enhance.models.networks.ops import Curve, Weights
from img_enhance.models.networks.span import NO_NORM
from img_enhance.models.weights.ncnn_graph import CONSTANT, Layer, Pair

# So many times may a layer enlarge.
_FACTORS = range(1, 17)

# What a BinaryOp does.
_ADD, _SUBTRACT, _MULTIPLY = 0, 1, 2


def difference(pair: Pair, architecture: Architecture) -> str:
    """What its layers do that this network does not, whose weights they have in its order; "" where they are the same network."""
    symbols = _Symbols()
    answer = _answer_of(architecture, symbols)
    known = symbols.known
    blobs: dict[str, int] = {}
    names = (name for name in architecture.shapes if name != NO_NORM)
    last = 0
    for layer, values in zip(*pair, strict=True):
        if layer.kind == CONSTANT:
            blobs |= dict.fromkeys(layer.outputs, symbols.constant(values[0]))
            continue
        last = _symbol_of(layer, symbols, blobs, names)
        if not 0 < last <= known:
            return f"its layer {layer.name[:100]!a} ({layer.kind[:40]})"
        blobs |= dict.fromkeys(layer.outputs, last)
    return "" if last == answer else "its last layer"


def _symbol_of(layer: Layer, symbols: _Symbols, blobs: dict[str, int], names: Iterator[str]) -> int:
    """The symbol of what a layer answers; 0 where that is nothing that networks here do."""
    count, function = _LAYERS.get(layer.kind, (0, None))
    if function is None or any(name not in blobs for name in layer.inputs) or count not in (_ANY, len(layer.inputs)):
        return 0
    return function(symbols, layer, [blobs[name] for name in layer.inputs], names) or 0


class _Symbols:
    """The operations that networks are written in (`networks/ops.py`), over symbols: numbers in the order in which they were met."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[Any, ...], int] = {}
        self._opposites: dict[int, int] = {}
        self.picture = self._of("picture")

    @property
    def known(self) -> int:
        """The last symbol that there is."""
        return len(self._numbers)

    def _of(self, *operation: Any) -> int:
        return self._numbers.setdefault(operation, len(self._numbers) + 1)

    def conv(self, x: int, weight: Any, bias: Any = None) -> int:
        return self._of("conv", x, weight, bias)

    def leaky_relu(self, x: int, slope: float) -> int:
        return self._of("leaky_relu", x, float(np.float32(slope)))

    def prelu(self, x: int, slopes: Any) -> int:
        return self._of("prelu", x, slopes)

    def concat(self, parts: list[int]) -> int:
        return self._of("concat", *parts) if len(parts) > 1 else parts[0]

    def add(self, x: int, y: int) -> int:
        return self._of("add", *sorted((x, y)))

    def subtract(self, x: int, y: int) -> int:
        return self.add(x, self._opposites[y]) if y in self._opposites else self._of("subtract", x, y)

    def multiply(self, x: int, y: int) -> int:
        return self._of("multiply", *sorted((x, y)))

    def curve(self, x: int, kind: Curve) -> int:
        if kind == "silu":  # which some converters write as the product that it is
            return self.multiply(x, self.curve(x, "sigmoid"))
        return self._of("curve", x, kind)

    def constant(self, values: Weights) -> int:
        exact = values.astype(np.float32)
        number, opposite = (self._of("constant", exact.shape, *side.ravel().tolist()) for side in (exact, -exact))
        self._opposites |= {number: opposite, opposite: number}
        return number

    def scale(self, x: int, factor: float) -> int:
        return x if factor == 1 else self._of("scale", x, float(np.float32(factor)))

    def nearest(self, x: int, factor: int) -> int:
        return self._of("nearest", x, factor) if factor > 1 else x

    def pixel_shuffle(self, x: int, factor: int) -> int:
        return self._of("pixel_shuffle", x, factor) if factor > 1 else x

    def pixel_unshuffle(self, x: int, factor: int) -> int:
        return self._of("pixel_unshuffle", x, factor) if factor > 1 else x


def _answer_of(architecture: Architecture, symbols: _Symbols) -> int:
    """The symbol of a network's answer to the picture."""
    weights: Any = {name: name for name in architecture.shapes}
    features = 0
    for segment in architecture.segments:
        given = {"picture": symbols.picture, "features": features}
        function: Callable[..., int] = segment.function
        features = function(symbols, weights, *(given[name] for name in segment.inputs))
    return features


def _convolution(symbols: _Symbols, layer: Layer, inputs: list[int], names: Iterator[str]) -> int | None:
    """Stride 1, zeros around, and one of the activations that networks here have."""
    kernel, bias = next(names, None), next(names, None) if layer.count(5) else None
    side = layer.count(1)
    steps = {layer.count(key, layer.count(like, 1)) for like, keys in ((2, (2, 12)), (3, (3, 13))) for key in keys}
    around = {layer.count(key, layer.count(4)) for key in (4, 14, 15, 16)}
    if steps != {1} or around != {side // 2} or layer.count(11, side) != side or layer.value(18):
        return None
    x = symbols.conv(inputs[0], kernel, bias)
    activation, slopes = layer.count(9), layer.lists.get(10, ())
    if activation == 0:
        return x
    slope = {1: 0.0, 2: slopes[0] if slopes else 0.0}.get(activation)
    return None if slope is None else symbols.leaky_relu(x, slope)


def _binary(symbols: _Symbols, layer: Layer, inputs: list[int], _: Iterator[str]) -> int | None:
    """An operation on two blobs, or on one and a number."""
    kind, with_number = layer.count(0), layer.count(1)
    if len(inputs) != (1 if with_number else 2):
        return None
    if not with_number:
        on_two = {_ADD: symbols.add, _SUBTRACT: symbols.subtract, _MULTIPLY: symbols.multiply}.get(kind)
        return None if on_two is None else on_two(*inputs)
    number = layer.value(2)
    if kind == _MULTIPLY:
        return symbols.scale(inputs[0], number)
    signs = {_ADD: 1, _SUBTRACT: -1}
    return symbols.add(inputs[0], symbols.constant(np.full((1, 1, 1), signs[kind] * number))) if kind in signs else None


def _sum(symbols: _Symbols, layer: Layer, inputs: list[int], _: Iterator[str]) -> int | None:
    factors = layer.lists.get(1, ()) or (1.0, 1.0)
    if layer.count(0) != 1 or len(factors) != 2:
        return None
    return symbols.add(*(symbols.scale(x, factor) for x, factor in zip(inputs, factors, strict=True)))


def _interp(symbols: _Symbols, layer: Layer, inputs: list[int], _: Iterator[str]) -> int | None:
    high, wide = layer.value(1, 1), layer.value(2, 1)
    return symbols.nearest(inputs[0], int(wide)) if layer.count(0) == 1 and high == wide in _FACTORS else None


def _shuffle(symbols: _Symbols, layer: Layer, inputs: list[int], _: Iterator[str]) -> int | None:
    shuffle = symbols.pixel_shuffle if layer.kind == "PixelShuffle" else symbols.pixel_unshuffle
    return shuffle(inputs[0], layer.count(0, 1)) if layer.count(1) == 0 else None


# How many inputs a layer of each kind has, and what it does with them.
_ANY = -1
_Function = Callable[[_Symbols, Layer, list[int], Iterator[str]], int | None]
_LAYERS: dict[str, tuple[int, _Function]] = {
    "Input": (0, lambda symbols, *_: symbols.picture),
    "Split": (1, lambda _, __, inputs, ___: inputs[0]),
    "Convolution": (1, _convolution),
    "PReLU": (1, lambda symbols, _, inputs, names: symbols.prelu(inputs[0], next(names, None))),
    "ReLU": (1, lambda symbols, layer, inputs, _: symbols.leaky_relu(inputs[0], layer.value(0))),
    "Concat": (_ANY, lambda symbols, layer, inputs, _: symbols.concat(inputs) if inputs and not layer.count(0) else None),
    "BinaryOp": (_ANY, _binary),
    "Sigmoid": (1, lambda symbols, _, inputs, __: symbols.curve(inputs[0], "sigmoid")),
    "Swish": (1, lambda symbols, _, inputs, __: symbols.curve(inputs[0], "silu")),
    "Eltwise": (2, _sum),
    "Interp": (1, _interp),
    "PixelShuffle": (1, _shuffle),
    "Reorg": (1, _shuffle),
}
