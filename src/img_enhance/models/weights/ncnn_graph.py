"""Reads a network of ncnn that nobody told us the structure of: its weights in order, and whether it is one of the networks that we know.

Whether it is one is proven, not guessed: both are run over symbols instead of numbers, where an operation on the same operands is the same
symbol, and both must end with the same one.

Source: the description of param and bin files in github.com/Tencent/ncnn (docs/developer-guide).
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from img_enhance.models.architecture import Architecture
from img_enhance.models.networks.rrdbnet import RRDBNet
from img_enhance.models.networks.srvgg import SRVGGNetCompact
from img_enhance.models.weights.ncnn import FLOAT16_FLAG, MAGIC
from img_enhance.models.weights.tensors import Array, Malformed, array_at, mapped

# RRDBNet of 23 blocks has 1,100 layers in 0.1 MB.
LARGEST_PARAM, MOST_LAYERS = 4_000_000, 20_000

# So many times may a layer enlarge.
_FACTORS = range(1, 17)

_FLOAT32_FLAGS = (0, 0x0002C056)
_FLAG = struct.Struct("<I")


class Layer(NamedTuple):
    """A line of a param file; values by their numbers, lists of them under the number that ncnn gives to lists."""

    kind: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    values: dict[int, float]
    lists: dict[int, tuple[float, ...]]

    def value(self, key: int, default: float = 0) -> float:
        return self.values.get(key, default)

    def count(self, key: int, default: int = 0) -> int:
        """A value that counts something.

        Raises: Malformed when it cannot.
        """
        value = self.values.get(key, default)
        if not 0 <= value < 2**31 or value != int(value):
            raise Malformed(f"the layer {self.name[:100]!a} has {value:g} where a count should be")
        return int(value)


def read_layers(param: Path) -> list[Layer]:
    """The layers of a param file, in order.

    Raises: WeightsCorrupt when it is none; WeightsMissing when it cannot be read.
    """
    with mapped(param) as data:
        if len(data) > LARGEST_PARAM:
            raise Malformed(f"it has {len(data):,} bytes; {LARGEST_PARAM:,} are taken")
        lines = data[:].decode("ascii", errors="replace").splitlines()
        if not lines or lines[0].strip() != MAGIC:
            raise Malformed("it is not an ncnn network")
        if len(lines) > MOST_LAYERS:
            raise Malformed(f"it has {len(lines):,} layers; {MOST_LAYERS:,} are taken")
        return [_layer(line.split()) for line in lines[2:] if line.strip()]


def _layer(words: list[str]) -> Layer:
    try:
        kind, name, count_in, count_out = words[0], words[1], int(words[2]), int(words[3])
        blobs, pairs = words[4 : 4 + count_in + count_out], words[4 + count_in + count_out :]
        if min(count_in, count_out) < 0 or len(blobs) != count_in + count_out:
            raise ValueError
        values, lists = dict[int, float](), dict[int, tuple[float, ...]]()
        for key, _, text in (pair.partition("=") for pair in pairs):
            if int(key) <= -23300:  # a list: its length, then its values
                lists[-int(key) - 23300] = tuple(map(float, text.split(",")[1:]))
            else:
                values[int(key)] = float(text)
    except (IndexError, ValueError, OverflowError):
        raise Malformed(f"its line {' '.join(words)[:100]!a} is broken") from None
    return Layer(kind, name, tuple(blobs[:count_in]), tuple(blobs[count_in:]), values, lists)


def read_values(layers: list[Layer], binary: Path) -> list[Array]:
    """The weights of all layers in order, read-only arrays over the file: of a convolution its kernel and bias, of a PReLU its slopes.

    Raises: WeightsCorrupt when the file does not hold exactly these; WeightsMissing when it cannot be read.
    """
    with mapped(binary) as data:
        found, offset = list[Array](), 0
        for layer in layers:
            for values, end in _values_of(layer, data, offset):
                found.append(values)
                offset = end
        if offset != len(data):
            raise Malformed(f"its network ends at byte {offset:,}, and it has {len(data):,}")
        return found


def _values_of(layer: Layer, data: mmap.mmap, offset: int) -> Iterator[tuple[Array, int]]:
    """The weights of a layer that begin at `offset`, each with where it ends."""
    if layer.kind == "PReLU":
        yield _taken(data, "F32", offset, (layer.count(0),), layer)
    if layer.kind != "Convolution":
        return
    out, side, values = layer.count(0), layer.count(1), layer.count(6)
    if not out or not side or values % (out * side * side):
        raise Malformed(f"the layer {layer.name[:100]!a} has {values:,} weights for {out} kernels of {side}x{side}")
    if offset + _FLAG.size > len(data):
        raise Malformed("it ends too early")
    (flag,) = _FLAG.unpack_from(data, offset)
    if flag != FLOAT16_FLAG and flag not in _FLOAT32_FLAGS:
        raise Malformed(f"the layer {layer.name[:100]!a} is stored neither as float16 nor as float32 (flag {flag:#x})")
    dtype, shape = "F16" if flag == FLOAT16_FLAG else "F32", (out, values // (out * side * side), side, side)
    kernel, end = _taken(data, dtype, offset + _FLAG.size, shape, layer)
    yield kernel, end
    if layer.count(5):
        yield _taken(data, "F32", end, (out,), layer)


def _taken(data: mmap.mmap, dtype: str, offset: int, shape: tuple[int, ...], layer: Layer) -> tuple[Array, int]:
    """Values from `offset` on and where they end, filled up to four bytes."""
    end = offset + -(-int(np.prod(shape, dtype=object)) * (2 if dtype == "F16" else 4) // 4) * 4
    if end > len(data):
        raise Malformed(f"it ends too early, within the layer {layer.name[:100]!a}")
    return array_at(data, dtype, offset, shape), end


def likely_names(layers: list[Layer]) -> list[str]:
    """Names for the weights in order, as the network has them that these layers may be; [] where it can be none that we know."""
    kinds = [layer.kind for layer in layers]
    convolutions, doublings = kinds.count("Convolution"), kinds.count("Interp")
    if "PReLU" in kinds:
        return list(SRVGGNetCompact(convolutions - 2, 1).shapes) if convolutions > 1 else []
    blocks, rest = divmod(convolutions - 4 - doublings, 15)
    return list(RRDBNet(blocks, doublings=doublings).shapes) if blocks > 0 and not rest else []


def difference(layers: list[Layer], architecture: Architecture) -> str:
    """What the layers do that this network does not, whose weights they have in its order; "" where they are the same network."""
    symbols = _Symbols()
    answer = _answer_of(architecture, symbols)
    known = symbols.known
    blobs: dict[str, int] = {}
    names = iter(architecture.shapes)
    last = 0
    for layer in layers:
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
    side, plain = layer.count(1), (layer.count(2, 1), layer.count(3, 1), layer.count(11, layer.count(1)), layer.value(18))
    if plain != (1, 1, side, 0) or any(layer.count(key, layer.count(4)) != side // 2 for key in (4, 14, 15, 16)):
        return None
    x = symbols.conv(inputs[0], kernel, bias)
    activation, slopes = layer.count(9), layer.lists.get(10, ())
    if activation == 0:
        return x
    slope = {1: 0.0, 2: slopes[0] if slopes else 0.0}.get(activation)
    return None if slope is None else symbols.leaky_relu(x, slope)


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
    "BinaryOp": (2, lambda symbols, layer, inputs, _: None if layer.count(0) or layer.count(1) else symbols.add(inputs[0], inputs[1])),
    "Eltwise": (2, _sum),
    "Interp": (1, _interp),
    "PixelShuffle": (1, _shuffle),
    "Reorg": (1, _shuffle),
}


def read_pair(param: Path, binary: Path) -> tuple[list[Layer], dict[str, Array]]:
    """The layers of a pair of files, and their weights by the names of the network that they are likely to be, else by numbers.

    Raises: WeightsCorrupt when they do not belong together, or one is damaged; WeightsMissing when one cannot be read.
    """
    layers = read_layers(param)
    values = read_values(layers, binary)
    names = likely_names(layers)
    if len(names) != len(values):
        names = [f"{number}" for number in range(len(values))]
    return layers, dict(zip(names, values, strict=True))
