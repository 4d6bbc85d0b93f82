"""Networks in ONNX files, run whole by OpenVINO, whose reader of such files is in its package."""

from typing import Any

import numpy as np
import numpy.typing as npt
import openvino as ov
from openvino import Output, Type
from openvino import opset15 as opset

from img_enhance.errors import UnsupportedModel
from img_enhance.geometry import Size
from img_enhance.models.networks.foreign import GRAPH, ForeignNetwork, Layout, Order
from img_enhance.models.networks.segment import NamedWeights, Precision, Segment
from img_enhance.planning.sweep_plan import CHANNELS
from img_enhance.runtimes.filled import Filled, reason_of
from img_enhance.runtimes.openvino import OpenVINO
from img_enhance.runtimes.runtime import Array, Compiled, Picture


class Onnx:
    """Runs a network of an ONNX file on a device of OpenVINO's."""

    needs_second_opinions = OpenVINO.needs_second_opinions

    def __init__(self, network: ForeignNetwork, precision: Precision, *, place: str = "cpu", threads: int | None = None) -> None:
        self.precision = precision
        self._network, self._openvino = network, OpenVINO(precision, place=place, threads=threads)

    def compile(self, _segments: tuple[Segment, ...], weights: NamedWeights) -> Compiled:
        """The network, for windows of any size.

        Raises: UnsupportedModel where OpenVINO does not take it.
        """
        network = self._network
        model = graph_of(weights[GRAPH], network.layout, network.height, network.width)
        return Filled(self._openvino.ready(adapted(model, network)), network)

    def features(self, size: Size, channels: int) -> Array:
        """As OpenVINO's, though the network runs in one stage and has none between."""
        return self._openvino.features(size, channels)

    def is_finite(self, values: Array) -> bool:
        """Whether no value is NaN or infinite."""
        return self._openvino.is_finite(values)

    def picture(self, answer: Array) -> Picture:
        """The answer, which already is a numpy array."""
        return self._openvino.picture(answer)


def graph_of(data: npt.NDArray[Any], layout: Layout, height: int, width: int) -> ov.Model:
    """The graph in the bytes of a file, for pictures of this size; 0 is any.

    Raises: UnsupportedModel with OpenVINO's reason where it does not take the graph.
    """
    sides = [height or -1, width or -1]
    try:
        model = ov.Core().read_model(data.tobytes())
        model.reshape([1, CHANNELS, *sides] if layout == "NCHW" else [1, *sides, CHANNELS])
    except RuntimeError as error:
        raise UnsupportedModel(f"OpenVINO cannot read it: {reason_of(error)}", "export it anew, with other versions") from None
    return model


def adapted(model: ov.Model, network: ForeignNetwork) -> ov.Model:
    """The graph with (1, H, W, 3) float32 pictures in RGB from 0 to 1 as its input and its answer."""
    (port,) = model.inputs
    parameter = port.get_node()
    picture = opset.parameter(_planes_last(port.get_partial_shape(), network.layout), np.float32)
    x = _reordered(picture.output(0), network.order)
    x = _plus(_times(x, network.white - network.black), network.black)
    if network.layout == "NCHW":
        x = _transposed(x, 0, 3, 1, 2)
    kind = port.get_element_type()
    if kind != Type.f32:
        x = opset.convert(opset.round(x) if kind.is_integral() else x, kind).output(0)
    for target in parameter.output(0).get_target_inputs():
        target.replace_source_output(x)
    y = model.outputs[0].get_node().input_value(0)
    if y.get_element_type() != Type.f32:
        y = opset.convert(y, Type.f32).output(0)
    if network.answer_layout == "NCHW":
        y = _transposed(y, 0, 2, 3, 1)
    y = _times(_plus(y, -network.answer_black), 1 / (network.answer_white - network.answer_black))
    return ov.Model([opset.result(_reordered(y, network.answer_order))], [picture])


def _planes_last(shape: ov.PartialShape, layout: Layout) -> ov.PartialShape:
    order = (0, 2, 3, 1) if layout == "NCHW" else (0, 1, 2, 3)
    return ov.PartialShape([shape[axis] for axis in order])


def _transposed(x: Output, *axes: int) -> Output:
    return opset.transpose(x, opset.constant(np.array(axes, np.int64))).output(0)


def _reordered(x: Output, order: Order) -> Output:
    if order == "RGB":
        return x
    return opset.gather(x, opset.constant(np.array([2, 1, 0], np.int64)), opset.constant(np.array(3, np.int64))).output(0)


def _times(x: Output, factor: float) -> Output:
    return x if factor == 1 else opset.multiply(x, opset.constant(np.array(factor, np.float32))).output(0)


def _plus(x: Output, term: float) -> Output:
    return x if term == 0 else opset.add(x, opset.constant(np.array(term, np.float32))).output(0)
