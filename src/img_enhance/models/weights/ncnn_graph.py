"""Reads a network of ncnn that nobody told us the structure of: layers, weights in order, and which of our networks it is likely to be.

Whether it is that one is proven by `ncnn_proof.py`.

Source: the description of param and bin files in github.com/Tencent/ncnn (docs/developer-guide).
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from img_enhance.models.architecture import Architecture
from img_enhance.models.networks.rrdbnet import RRDBNet
from img_enhance.models.networks.span import NO_NORM, SPAN
from img_enhance.models.networks.srvgg import SRVGGNetCompact
from img_enhance.models.weights.ncnn import FLOAT16_FLAG, MAGIC
from img_enhance.models.weights.tensors import Array, Malformed, array_at, mapped

# RRDBNet of 23 blocks has 1,100 layers in 0.1 MB.
LARGEST_PARAM, MOST_LAYERS = 4_000_000, 20_000

# The kind of a layer that is nothing but its values.
CONSTANT = "MemoryData"

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


def read_values(layers: list[Layer], binary: Path) -> list[tuple[Array, ...]]:
    """The values of each layer, read-only arrays over the file: of a convolution its kernel and bias, of a PReLU its slopes, of a constant
    itself.

    Raises: WeightsCorrupt when the file does not hold exactly these; WeightsMissing when it cannot be read.
    """
    with mapped(binary) as data:
        found, offset = list[tuple[Array, ...]](), 0
        for layer in layers:
            own = list(_values_of(layer, data, offset))
            found.append(tuple(values for values, _ in own))
            offset = own[-1][1] if own else offset
        if offset != len(data):
            raise Malformed(f"its network ends at byte {offset:,}, and it has {len(data):,}")
        return found


def _values_of(layer: Layer, data: mmap.mmap, offset: int) -> Iterator[tuple[Array, int]]:
    """The weights of a layer that begin at `offset`, each with where it ends."""
    if layer.kind == "PReLU":
        yield _taken(data, "F32", offset, (layer.count(0),), layer)
    if layer.kind == CONSTANT:
        yield _taken(data, "F32", offset, (layer.count(2), layer.count(1), layer.count(0)), layer)
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


class Pair(NamedTuple):
    """A network of ncnn: its layers in order, and the values of each."""

    layers: list[Layer]
    values: list[tuple[Array, ...]]

    @property
    def constants(self) -> list[Array]:
        """Values that are operands and no weights."""
        return [values for layer, own in zip(*self, strict=True) if layer.kind == CONSTANT for values in own]


def read_pair(param: Path, binary: Path) -> Pair:
    """The network in a pair of files.

    Raises: WeightsCorrupt when they do not belong together, or one is damaged; WeightsMissing when one cannot be read.
    """
    layers = read_layers(param)
    return Pair(layers, read_values(layers, binary))


def weights_of(pair: Pair) -> dict[str, Array]:
    """The weights by the names of the network that they are likely to be of, else by numbers."""
    weights = [values for layer, own in zip(*pair, strict=True) if layer.kind != CONSTANT for values in own]
    names = _likely_names(pair.layers)
    if names[:1] == [NO_NORM]:
        weights.insert(0, np.zeros(1, np.float32))
    if len(names) != len(weights):
        names = [f"{number}" for number in range(len(weights))]
    return dict(zip(names, weights, strict=True))


def _likely_names(layers: list[Layer]) -> list[str]:
    """Names for the weights in order, as the network has them that these layers may be; [] where it can be none that we know."""
    kinds = [layer.kind for layer in layers]
    convolutions, doublings = kinds.count("Convolution"), kinds.count("Interp")
    if "PReLU" in kinds:
        return list(SRVGGNetCompact(convolutions - 2, 1).shapes) if convolutions > 1 else []
    if "Sigmoid" in kinds:
        return list(SPAN(1, 1, norm=CONSTANT in kinds, fused=True).shapes)
    blocks, rest = divmod(convolutions - 4 - doublings, 15)
    return list(RRDBNet(blocks, doublings=doublings).shapes) if blocks > 0 and not rest else []


def with_its_numbers(network: Architecture, pair: Pair) -> Architecture:
    """The network with the numbers that are no weights but stand in the graph: the mean colour taken out, and the range of values."""
    if not isinstance(network, SPAN) or not network.norm:
        return network
    # The shortest number that is this float32, as a person would write it.
    mean = tuple(float(str(value)) for value in pair.constants[0].ravel())
    if not all(0 < value < 1 for value in mean):
        return network
    before = pair.layers[: next(n for n, layer in enumerate(pair.layers) if layer.kind == "Convolution")]
    factors = [layer.value(2) for layer in before if layer.kind == "BinaryOp" and layer.count(1)]
    return replace(network, mean=mean, values=factors[0] if factors else 1.0)
