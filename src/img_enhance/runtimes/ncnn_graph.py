"""A network as ncnn's graph: layers, each of which makes one value, and the text that ncnn reads.

Values that several layers read are split, as ncnn wants it. Source: ncnn's documentation of param files
(docs/developer-guide/param-and-model-file-structure.md of its repository).
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy.typing as npt

from img_enhance.models.weights.ncnn import MAGIC

# Of a layer that is computed by the processor, in f32: neither Vulkan nor f16.
_ON_HOST = "31=18"

# How a convolution is told to do a layer after it: these words, and what that layer's only setting says.
_ACTIVATIONS = {"ReLU": "9=2 -23310=1,", "Sigmoid": "9=4", "Mish": "9=5"}

# Between two ticks so many convolutions are computed. Each stop waits for the device once: on one that is a hundredth of a second away
# from its work all the time, more stops would be felt, and fewer when somebody cancels.
_CONVOLUTIONS_BETWEEN_TICKS = 8


@dataclass(frozen=True)
class Layer:
    """One layer of the graph, reading values by their numbers; `weights` are read one after the other when it is loaded.

    One that is `on_host` is computed by the processor, in f32.
    """

    kind: str
    inputs: tuple[int, ...]
    settings: str = ""
    weights: tuple[npt.NDArray[Any], ...] = ()
    on_host: bool = False


@dataclass(frozen=True)
class Graph:
    """A network as ncnn reads it: `text`, the names of its inputs, and of the values to ask for one after the other, the answer last."""

    text: str
    inputs: tuple[str, ...]
    stops: tuple[str, ...]


def box(*ranges: tuple[int, int]) -> str:
    """What Crop cuts out: ranges of channels, rows and columns, as many as are given."""
    count = len(ranges)
    starts, stops = ",".join(str(start) for start, _ in ranges), ",".join(str(stop) for _, stop in ranges)
    return f"-23309={count},{starts} -23310={count},{stops} -23311={count},{','.join(str(axis) for axis in range(count))}"


def fused(layers: list[Layer], answer: int) -> tuple[list[Layer], int]:
    """The same network and its answer, with activations done by the convolutions before them where nobody else reads what those make.

    That saves going through memory once more.
    """
    uses = Counter(number for layer in layers for number in layer.inputs)
    kept: list[Layer] = []
    place: dict[int, int] = {}
    for number, layer in enumerate(layers):
        inputs = tuple(place[value] for value in layer.inputs)
        if layer.kind in _ACTIVATIONS and layers[layer.inputs[0]].kind == "Convolution" and uses[layer.inputs[0]] == 1:
            before = kept[inputs[0]]
            activation = _ACTIVATIONS[layer.kind] + layer.settings.partition("=")[2]
            kept[inputs[0]] = replace(before, settings=f"{before.settings} {activation}")
            place[number] = inputs[0]
        else:
            place[number] = len(kept)
            kept.append(replace(layer, inputs=inputs))
    return kept, place[answer]


def written(layers: list[Layer], answer: int) -> Graph:
    """The graph of these layers, one of which makes the answer. Now and then a single value is cut out, so that a run can stop there."""
    convolutions = [number for number, layer in enumerate(layers) if layer.kind == "Convolution"]
    tapped = set(convolutions[_CONVOLUTIONS_BETWEEN_TICKS - 1 :: _CONVOLUTIONS_BETWEEN_TICKS]) - {answer}
    uses = Counter([*(number for layer in layers for number in layer.inputs), *tapped, answer])
    lines, blobs, stops = list[str](), 0, list[str]()
    copies: dict[int, Iterator[str]] = {}

    def write(kind: str, inputs: Iterable[int], made: list[str], *settings: str) -> None:
        nonlocal blobs
        read = [next(copies[number]) for number in inputs]
        lines.append(" ".join([kind, f"n{len(lines)}", str(len(read)), str(len(made)), *read, *made, *filter(None, settings)]))
        blobs += len(made)

    for number, layer in enumerate(layers):
        place = _ON_HOST if layer.on_host else ""
        write(layer.kind, layer.inputs, [f"v{number}"], layer.settings, place)
        copies[number] = iter([f"v{number}"])
        if uses[number] > 1:
            split = [f"v{number}.{copy}" for copy in range(uses[number])]
            write("Split", [number], split, place)
            copies[number] = iter(split)
        if number in tapped:
            stops.append(f"t{number}")
            write("Crop", [number], stops[-1:], box((0, 1), (0, 1), (0, 1)))
    inputs = tuple(f"v{number}" for number, layer in enumerate(layers) if layer.kind == "Input")
    return Graph("\n".join([MAGIC, f"{len(lines)} {blobs}", *lines, ""]), inputs, (*stops, next(copies[answer])))
