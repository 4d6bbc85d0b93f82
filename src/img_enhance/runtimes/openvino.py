"""The operations on OpenVINO: its CPU device is the default runtime, and Intel's GPUs and NPUs have plugins in its package."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import openvino as ov
from openvino import Layout, Output, Type
from openvino import opset15 as opset
from openvino.preprocess import PrePostProcessor

from img_enhance.cancelling import Tick
from img_enhance.errors import DeviceError, MemoryBudgetError
from img_enhance.geometry import Size
from img_enhance.machine.memory import give_back
from img_enhance.models.networks.ops import Curve, Ops, Weights
from img_enhance.models.networks.segment import NamedWeights, Precision, Segment, joined
from img_enhance.planning.sweep_plan import CHANNELS
from img_enhance.runtimes.finite import is_finite
from img_enhance.runtimes.openvino_attention import channel_attention, sides, whole_numbers, window_attention
from img_enhance.runtimes.runtime import Picture
from img_enhance.words import Setting

# Kernels are prepared for each shape of window and kept for so many shapes. By default for 5000, which a service that sees photos of all
# sizes never gives back: 84 MB after 200 sizes, 40 MB with this, and no slower (measured 2026-11).
_SHAPES_KEPT = 16

# What OpenVINO and the system say where memory or a thread's stack is refused (2026.4.1, under `ulimit -v`).
_REFUSED = (
    "Failed to allocate",
    "can't alloc",
    "bad_alloc",
    "Cannot allocate memory",
    "Resource temporarily unavailable",
    "could not create a memory",
)

# How often a running window asks whether to stop.
_ASK_MILLISECONDS = 50


_CURVES: dict[Curve, Callable[[Output], ov.Node]] = {
    "sigmoid": opset.sigmoid,
    "silu": opset.swish,
    "mish": opset.mish,
    "gelu": partial(opset.gelu, approximation_mode="erf"),
}


class GraphOps(Ops[Output]):
    """Tensors are nodes of a graph, (1, C, H, W)."""

    def conv(self, x: Output, weight: Weights, bias: Weights | None = None) -> Output:
        one, padding = [1, 1], [weight.shape[2] // 2] * 2
        y = opset.convolution(x, _constant(weight), one, padding, padding, one)
        return (y if bias is None else opset.add(y, _constant(bias.reshape(1, -1, 1, 1)))).output(0)

    def depthwise(self, x: Output, weight: Weights, bias: Weights) -> Output:
        one, padding = [1, 1], [weight.shape[2] // 2] * 2
        y = opset.group_convolution(x, _constant(weight[:, None]), one, padding, padding, one)
        return opset.add(y, _constant(bias.reshape(1, -1, 1, 1))).output(0)

    def leaky_relu(self, x: Output, slope: float) -> Output:
        return opset.prelu(x, _constant(np.array([slope]))).output(0)

    def prelu(self, x: Output, slopes: Weights) -> Output:
        return opset.prelu(x, _constant(slopes)).output(0)

    def curve(self, x: Output, kind: Curve) -> Output:
        return _CURVES[kind](x).output(0)

    def concat(self, parts: list[Output]) -> Output:
        return parts[0] if len(parts) == 1 else opset.concat(parts, 1).output(0)

    def add(self, x: Output, y: Output) -> Output:
        return opset.add(x, y).output(0)

    def scale(self, x: Output, factor: float) -> Output:
        return opset.multiply(x, _constant(np.array(factor))).output(0)

    def nearest(self, x: Output, factor: int) -> Output:
        return opset.interpolate(
            x,
            _constant(np.array([factor, factor])),
            mode="nearest",
            shape_calculation_mode="scales",
            coordinate_transformation_mode="asymmetric",
            nearest_mode="floor",
            axes=opset.constant(np.array([2, 3], np.int64)),
        ).output(0)

    def pixel_shuffle(self, x: Output, factor: int) -> Output:
        return opset.depth_to_space(x, "depth_first", factor).output(0)

    def pixel_unshuffle(self, x: Output, factor: int) -> Output:
        return opset.space_to_depth(x, "depth_first", factor).output(0)

    def constant(self, values: Weights) -> Output:
        return _constant(values[None]).output(0)

    def multiply(self, x: Output, y: Output) -> Output:
        return opset.multiply(x, y).output(0)

    def channels(self, x: Output, first: int, stop: int) -> Output:
        axis, one = (opset.constant(np.array([1], np.int64)) for _ in range(2))
        begin, end = (opset.constant(np.array([channel], np.int64)) for channel in (first, stop))
        return opset.slice(x, begin, end, one, axis).output(0)

    def linear(self, x: Output, weight: Weights, bias: Weights) -> Output:
        row = opset.reshape(x, opset.constant(np.array([1, weight.shape[1]], np.int64)), special_zero=False)
        y = opset.add(opset.matmul(row, _constant(weight), False, True), _constant(bias[None]))
        return opset.reshape(y, opset.constant(np.array([1, len(bias), 1, 1], np.int64)), special_zero=False).output(0)

    def inverse_root(self, x: Output) -> Output:
        return opset.power(x, _constant(np.array(-0.5))).output(0)

    def bilinear(self, x: Output, factor: float) -> Output:
        return opset.interpolate(
            x,
            _constant(np.array([factor, factor])),
            mode="linear_onnx",
            shape_calculation_mode="scales",
            coordinate_transformation_mode="half_pixel",
            axes=opset.constant(np.array([2, 3], np.int64)),
        ).output(0)

    def group_norm(self, x: Output, weight: Weights, bias: Weights, *, groups: int, epsilon: float) -> Output:
        return opset.group_normalization(x, _constant(weight), _constant(bias), groups, epsilon).output(0)

    def layer_norm(self, x: Output, weight: Weights, bias: Weights, epsilon: float) -> Output:
        axis = opset.constant(np.array([1], np.int64))
        normal = opset.mvn(x, axis, normalize_variance=True, eps=epsilon, eps_mode="inside_sqrt")
        scaled = opset.multiply(normal, _constant(weight.reshape(1, -1, 1, 1)))
        return opset.add(scaled, _constant(bias.reshape(1, -1, 1, 1))).output(0)

    def sampled(self, x: Output, shifts: Output, *, factor: int, groups: int) -> Output:
        channels = x.get_partial_shape()[1].get_length()
        places = [_places(shifts, axis, factor, groups) for axis in (3, 2)]
        split = opset.reshape(x, whole_numbers(groups, channels // groups, *sides(x)), special_zero=False)
        how = {"align_corners": False, "mode": "bilinear", "padding_mode": "border"}
        read = opset.grid_sample(split, opset.concat(places, 3), how)
        return opset.reshape(read, whole_numbers(1, channels, *sides(shifts)), special_zero=False).output(0)

    def mean(self, x: Output) -> Output:
        return opset.reduce_mean(x, whole_numbers(2, 3), keep_dims=True).output(0)

    def window_attention(
        self,
        queries: Output,
        keys: Output,
        values: Output,
        bias: Weights,
        *,
        window: tuple[int, int],
        shift: tuple[int, int],
        multiple: int,
    ) -> Output:
        return window_attention(queries, keys, values, _constant(bias[None]), window=window, shift=shift, multiple=multiple)

    def channel_attention(self, queries: Output, keys: Output, values: Output, temperatures: Weights) -> Output:
        return channel_attention(queries, keys, values, _constant(temperatures.reshape(-1, 1, 1)))


class OpenVINO:
    """Compiles segments for the CPU, or for `place`, another device as OpenVINO names it: "GPU", "NPU".

    Features between segments are (H, W, C) arrays: float32, or for bf16 the upper halves of float32 as uint16.
    """

    needs_second_opinions = True  # its answers were those of other windows once (docs/reliability.md)

    def __init__(self, precision: Precision, *, place: str = "cpu", threads: int | None = None) -> None:
        self.precision = precision
        self._place = place.upper()
        self._limits = {"CPU_RUNTIME_CACHE_CAPACITY": _SHAPES_KEPT} if self._place == "CPU" else {}
        if self._place == "CPU" and threads is not None:
            self._limits["INFERENCE_NUM_THREADS"] = threads
        self._core = ov.Core()

    def features(self, size: Size, channels: int) -> npt.NDArray[Any]:
        """Uninitialised features for a picture of this size."""
        return np.empty((size.height, size.width, channels), np.uint16 if self.precision == "bf16" else np.float32)

    def compile(self, segments: tuple[Segment, ...], weights: NamedWeights) -> "Compiled":
        """Consecutive segments as one network, for windows of any size or of the one that the segment asks for.

        The network reads float32 weights where they lie, so they must not change while it lives.
        """
        segment = joined(segments)
        side = segment.side or -1
        inputs = [
            opset.parameter([1, CHANNELS if name == "picture" else segment.features_in, side, side], np.float32) for name in segment.inputs
        ]
        answer = segment.function(GraphOps(), weights, *(node.output(0) for node in inputs))
        layouts = PrePostProcessor(ov.Model([opset.result(answer)], inputs))
        for port, name in enumerate(segment.inputs):
            tensor = layouts.input(port).tensor().set_layout(Layout("NHWC"))
            tensor.set_element_type(self._type(features=name == "features"))
            layouts.input(port).model().set_layout(Layout("NCHW"))
        is_last = segment.channels_out == CHANNELS
        layouts.output(0).model().set_layout(Layout("NCHW"))
        layouts.output(0).tensor().set_layout(Layout("NHWC")).set_element_type(self._type(features=not is_last))
        return self.ready(layouts.build())

    def ready(self, model: ov.Model) -> "Compiled":
        """A graph of OpenVINO's, ready to run on the device."""
        settings = {
            "INFERENCE_PRECISION_HINT": self.precision,
            "PERFORMANCE_HINT": "LATENCY",
            **self._limits,
        }

        def compile_network() -> ov.CompiledModel:
            with telling_refused_memory(), telling_refused_networks(self._place):
                return self._core.compile_model(model, self._place, settings)

        return Compiled(compile_network)

    def is_finite(self, values: npt.NDArray[Any]) -> bool:
        """Whether no value is NaN or infinite."""
        return is_finite(values)

    def picture(self, answer: npt.NDArray[Any]) -> Picture:
        """The last segment's answer, which already is a numpy array."""
        return answer

    def _type(self, *, features: bool) -> Type:
        return Type.bf16 if features and self.precision == "bf16" else Type.f32


class Compiled:
    """A network ready to run, one window at a time.

    OpenVINO's CPU plugin does not survive an inference that stops half-way on a network with dynamic shapes: every node has been told the
    new shape, those that did not run keep buffers of the old one, and the next answer holds pixels of another window (2026.4.1). So a run
    that ends early, for whatever reason, takes its network with it, and the next run compiles anew (0.03 to 0.55 s).
    """

    def __init__(self, compile_network: Callable[[], ov.CompiledModel]) -> None:
        self._compile_network = compile_network
        self._network: ov.CompiledModel | None = compile_network()
        self._request: ov.InferRequest | None = None

    def run(self, inputs: list[npt.NDArray[Any]], tick: Tick) -> npt.NDArray[Any]:
        """The answer to (H, W, C) inputs; it is overwritten by the next run. `tick` is called now and then and may raise."""
        # Taken away before the run and put back after it: no way out of a run that ended early leaves them for the next.
        network, self._network = self._network or self._compile_network(), None
        with telling_refused_memory():
            request, self._request = self._request or network.create_infer_request(), None
        try:
            tensors = [_tensor(window) for window in inputs]
            for port, tensor in enumerate(tensors):
                request.set_input_tensor(port, tensor)
            with telling_refused_memory():
                request.start_async()
                while not request.wait_for(_ASK_MILLISECONDS):
                    tick()
        except BaseException:
            _stop(request)
            raise
        self._network, self._request = network, request
        answer = request.get_output_tensor(0)
        values: npt.NDArray[Any] = np.asarray(answer.data)
        if answer.element_type == Type.bf16:
            values = values.view(np.uint16)
        window: npt.NDArray[Any] = values[0]
        return window

    def release(self) -> None:
        """Give the scratch memory back; the next run takes it again."""
        self._request = None
        if self._network is not None:
            self._network.release_memory()
        # Without this the heap keeps the holes, and 25 stages add up to gigabytes (measured: 2.1 GB instead of 0.6 GB).
        give_back()


@contextmanager
def telling_refused_memory() -> Iterator[None]:
    """Errors of OpenVINO whose cause is that the system refused memory become ours.

    Raises: MemoryBudgetError.
    """
    try:
        yield
    except RuntimeError as error:
        lines = [line.strip() for line in str(error).splitlines() if any(words in line for words in _REFUSED)]
        if not lines:
            raise
        advice = "raise the limit of memory that this process has, close other programs, or use a smaller "
        raise MemoryBudgetError(f"the system refused memory to OpenVINO ({lines[-1]})", advice, Setting("max_memory")) from None


@contextmanager
def telling_refused_networks(place: str) -> Iterator[None]:
    """Errors of a plugin that does not take a network become ours; what the CPU refuses is a bug and stays what it is.

    Raises: DeviceError.
    """
    try:
        yield
    except RuntimeError as error:
        if place == "CPU":
            raise
        said = (str(error).strip().splitlines() or ["no reason"])[-1]
        raise DeviceError(f"OpenVINO's {place} does not take this network ({said})", "use ", Setting("device", "cpu")) from None


def _stop(request: ov.InferRequest) -> None:
    """End an inference, and wait until it no longer reads or writes anything."""
    request.cancel()
    with suppress(RuntimeError):  # that it was cancelled, or failed, as the caller knows
        request.wait()


def _places(shifts: Output, axis: int, factor: int, groups: int) -> ov.Node:
    """Where each group reads along an axis, (groups, h, w, 1), -1 to 1 from edge to edge."""
    zero, one = opset.constant(np.array(0, np.int64)), opset.constant(np.array(1, np.int64))
    side = opset.squeeze(sides(shifts)[axis - 2], zero)
    pixels = opset.floor(opset.multiply(opset.range(zero, side, one, "f32"), _constant(np.array(1 / factor))))
    aligned = opset.reshape(pixels, opset.constant(np.array([1, -1, 1] if axis == 2 else [1, 1, -1], np.int64)), special_zero=False)
    half = groups if axis == 2 else 0
    own = opset.slice(shifts, *(opset.constant(np.array([n], np.int64)) for n in (half, half + groups, 1, 1)))
    # The centres of pixels of x, of which there are side / factor.
    step = opset.divide(_constant(np.array(2 * factor)), opset.convert(side, "f32"))
    centred = opset.add(opset.add(opset.squeeze(own, zero), aligned), _constant(np.array(0.5)))
    places = opset.subtract(opset.multiply(centred, step), _constant(np.array(1)))
    return opset.unsqueeze(places, opset.constant(np.array([3], np.int64)))


def _constant(values: npt.NDArray[Any]) -> ov.Node:
    # Shared, not copied: 350 MB less for GFPGAN (2026-11). The constant holds a reference to the array. OpenVINO never writes into it but
    # refuses to share what is marked read-only; the mark can be lifted where the memory below could be written.
    plain = np.ascontiguousarray(values, np.float32).view()
    with suppress(ValueError):
        plain.flags.writeable = True
    return opset.constant(plain, shared_memory=plain.flags.writeable)


def _tensor(window: npt.NDArray[Any]) -> ov.Tensor:
    batch = np.ascontiguousarray(window)[None]
    if batch.dtype == np.uint16:
        return ov.Tensor(batch, batch.shape, Type.bf16)
    return ov.Tensor(batch)
