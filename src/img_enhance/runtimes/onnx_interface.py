"""How a network of an ONNX file takes pictures and answers with them, which no such file says: found by trying, or refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import openvino as ov

from img_enhance.errors import UnsupportedModel
from img_enhance.models.networks.foreign import GRAPH, ForeignNetwork, Layout, Order
from img_enhance.models.networks.segment import NamedWeights
from img_enhance.models.weights.onnx_file import PICTURE_TYPES, OnnxFile, Port
from img_enhance.planning.sweep_plan import CHANNELS
from img_enhance.runtimes.filled import reason_of
from img_enhance.runtimes.onnx import graph_of
from img_enhance.runtimes.runtime import Picture
from img_enhance.runtimes.scene import scene

Values = npt.NDArray[Any]

# Sizes that are multiples of a number and of no larger one that networks ask for, both sides apart, and then alike.
_TRIED = ((73, 61), (74, 62), (76, 68), (72, 88), (80, 112), (96, 160), (192, 320))
_MULTIPLES = (1, 2, 4, 8, 16, 32, 64)

_ORDERS: tuple[Order, ...] = ("RGB", "BGR")
# Black and white; the first is what most take.
_RANGES = ((0.0, 1.0), (0.0, 255.0), (-1.0, 1.0))
_LARGEST_SCALE = 16
# No side of a picture is so short, so that these are channels.
_MOST_CHANNELS = 12

# Means of absolute differences to the picture, of 1. A way is right where it is nearer than the first of these, or less than so many times
# as far as the nearest; and the first that is right is taken, because in some networks several ways are: such without biases answer
# alike in every range. See docs/models.md for what networks were measured at.
_RIGHT, _NEARLY = 0.03, 2.0
# Beyond it no way is right.
_MOST_DIFFERENCE = 0.12


@dataclass(frozen=True)
class _Way:
    """A network that is given pictures and answers them in one way, and how far its answer is from the picture enlarged."""

    network: ForeignNetwork
    difference: float


def interface_of(file: OnnxFile, weights: NamedWeights) -> ForeignNetwork:
    """What is known of the network before it is measured.

    Raises: UnsupportedModel for one that takes no picture or answers with none, or where it cannot be told how.
    """
    port = _picture_port(file)
    network, compiled = _taking(file, port, weights)
    picture = scene(*_size(network))
    answer = _asked(compiled, picture, network, port.type)
    if not np.array_equal(answer, _asked(compiled, picture, network, port.type)):
        raise UnsupportedModel("it answers the same picture with different ones", "export it anew without random numbers")
    expected = scene(*_size(network), network.scale)
    whites = _RANGES[1:2] if port.type == "uint8" else _RANGES
    ways = []
    for (black, white), order in product(whites, _ORDERS):
        given = replace(network, order=order, black=black, white=white)
        answer = _asked(compiled, picture, given, port.type)
        ways.append(min(_ways(given, answer, expected), key=lambda way: way.difference))
    found = _chosen(ways).network
    return replace(found, described=f"{found.described}, {_in_words(found)}")


def _picture_port(file: OnnxFile) -> Port:
    """The port that takes the picture.

    Raises: UnsupportedModel.
    """
    if len(file.inputs) != 1 or len(file.outputs) != 1:
        ports = f"takes {_counted(file.inputs)} and answers with {_counted(file.outputs)}"
        raise UnsupportedModel(f"it {ports}", "networks that enlarge take one picture and answer with one")
    (port,) = file.inputs
    if port.type not in PICTURE_TYPES.values():
        raise UnsupportedModel(f"it takes {port}, and pictures are {', '.join(PICTURE_TYPES.values())}")
    if port.sides is None or len(port.sides) != 4 or port.sides[0] > 1:
        raise UnsupportedModel(f"it takes {port}, and pictures are 1x{CHANNELS}x?x? or 1x?x?x{CHANNELS}")
    either = (port.sides[1], port.sides[3])
    others = [side for side in either if 0 < side <= _MOST_CHANNELS]
    if CHANNELS not in either and others:
        why = "a network for grey pictures" if others[0] == 1 else f"a network for pictures of {others[0]} channels"
        raise UnsupportedModel(f"it takes {port}: {why}", "networks for pictures in colour are taken, 1x3x?x? or 1x?x?x3")
    return port


def _counted(ports: tuple[Port, ...]) -> str:
    return f"{len(ports)} values ({', '.join(map(str, ports[:4]))}{', ...' if len(ports) > 4 else ''})" if ports else "nothing"


def _taking(file: OnnxFile, port: Port, weights: NamedWeights) -> tuple[ForeignNetwork, ov.CompiledModel]:
    """The network with the layout, the sizes and the scale with which it answers at all, and ready to run.

    Raises: UnsupportedModel with the last reason where it answers in none of them.
    """
    reason = UnsupportedModel("it answers with no picture")
    for layout in _layouts(port):
        height, width = _fixed(port, layout)
        try:
            model = graph_of(weights[GRAPH], layout, height, width)
        except UnsupportedModel as error:
            reason = error
            continue
        described = f"ONNX, opset {file.opset}" + (f", by {file.producer[:60]!a}" if file.producer else "")
        for cell, square, size in _sizes(height, width):
            network = ForeignNetwork("onnx", described, 1, cell=cell, height=height, width=width, square=square, layout=layout)
            try:
                compiled = _compiled(model)  # one that failed at another size would answer wrong
                answer = _run(compiled, scene(*size), network, port.type)
                return replace(network, **_answering(answer.shape, size)), compiled
            except RuntimeError as error:
                advice = "export it anew, with other versions"
                reason = UnsupportedModel(f"it does not run with a picture of {size[1]}x{size[0]}: {reason_of(error)}", advice)
            except UnsupportedModel as error:
                reason = error
    raise reason


def _compiled(model: ov.Model) -> ov.CompiledModel:
    return ov.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})


def _layouts(port: Port) -> tuple[Layout, ...]:
    assert port.sides is not None
    if port.sides[1] == CHANNELS:
        return ("NCHW",)
    return ("NHWC",) if port.sides[3] == CHANNELS else ("NCHW", "NHWC")


def _fixed(port: Port, layout: Layout) -> tuple[int, int]:
    """Height and width that a picture must have, 0 for any; where only one is said, both are that."""
    assert port.sides is not None
    height, width = port.sides[2:] if layout == "NCHW" else port.sides[1:3]
    return height or width, width or height


def _sizes(height: int, width: int) -> Iterator[tuple[int, bool, tuple[int, int]]]:
    """Sizes to try: the multiple that they are of, whether they are square, and height and width."""
    if height:
        yield 1, False, (height, width)
        return
    for square in (False, True):
        for cell, (high, wide) in zip(_MULTIPLES, _TRIED, strict=True):
            yield cell, square, (high, high if square else wide)


def _size(network: ForeignNetwork) -> tuple[int, int]:
    """The size at which the network was found to answer."""
    if network.height:
        return network.height, network.width
    height, width = _TRIED[_MULTIPLES.index(network.cell)]
    return height, height if network.square else width


def _answering(shape: tuple[int, ...], size: tuple[int, int]) -> dict[str, Any]:
    """Scale and layout of an answer.

    Raises: UnsupportedModel where it is no enlarged picture of this size.
    """
    for layout, sides in (("NCHW", shape[2:]), ("NHWC", shape[1:3])):
        channels = shape[1 if layout == "NCHW" else -1] if len(shape) == 4 else 0
        scale = sides[0] // size[0] if len(shape) == 4 and shape[0] == 1 else 0
        if channels == CHANNELS and 1 <= scale <= _LARGEST_SCALE and tuple(sides) == (size[0] * scale, size[1] * scale):
            return {"scale": int(scale), "answer_layout": layout}
    said = "x".join(map(str, shape)) or "one value"
    raise UnsupportedModel(f"to a picture of {size[1]}x{size[0]} it answers with {said}, which is no picture so many times as large")


def _asked(compiled: ov.CompiledModel, picture: Picture, network: ForeignNetwork, kind: str) -> Values:
    """The answer as a picture of planes last, in its own range and order."""
    answer = _run(compiled, picture, network, kind)
    planes: Values = answer[0]
    return planes.transpose(1, 2, 0) if network.answer_layout == "NCHW" else planes


def _run(compiled: ov.CompiledModel, picture: Picture, network: ForeignNetwork, kind: str) -> Values:
    """The network's answer as it comes, to a picture given as the network is thought to take it."""
    values = picture if network.order == "RGB" else picture[..., ::-1]
    values = values * (network.white - network.black) + network.black
    if kind == "uint8":
        values = np.rint(values if network.white > 1 else values * 255)
    planes = values.transpose(2, 0, 1) if network.layout == "NCHW" else values
    request = compiled.create_infer_request()
    request.infer([np.ascontiguousarray(planes[None], kind)])
    return np.array(request.get_output_tensor(0).data, np.float32)


def _ways(given: ForeignNetwork, answer: Values, expected: Picture) -> Iterator[_Way]:
    """Every way of reading the answer to a picture that was given so."""
    for (black, white), order in product(_RANGES, _ORDERS):
        read = (answer if order == "RGB" else answer[..., ::-1]).astype(np.float64)
        difference = float(np.abs((read - black) / (white - black) - expected).mean())
        network = replace(given, answer_order=order, answer_black=black, answer_white=white)
        yield _Way(network, difference if np.isfinite(difference) else np.inf)


def _chosen(ways: list[_Way]) -> _Way:
    """The first way that is right.

    Raises: UnsupportedModel where none is right.
    """
    nearest = min(ways, key=lambda way: way.difference)
    if nearest.difference > _MOST_DIFFERENCE:
        raise UnsupportedModel(
            "it cannot be told how it takes and answers pictures: in no range of values and order of colours is its answer to a test "
            f"picture near that picture enlarged (off by {min(nearest.difference, 9) * 255:.0f} of 255 at best)",
            "networks that enlarge photos are taken",
        )
    return next(way for way in ways if way.difference <= max(_RIGHT, _NEARLY * nearest.difference))


def _in_words(network: ForeignNetwork) -> str:
    given = f"{network.order} {network.black:g} to {network.white:g}"
    answered = f"{network.answer_order} {network.answer_black:g} to {network.answer_white:g}"
    return f"takes and answers {given}" if given == answered else f"takes {given} and answers {answered}"
