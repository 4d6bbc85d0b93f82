"""The operations on Vulkan by the package ncnn: GPUs of every maker, without PyTorch.

A network is written down as ncnn's graph and weights, in memory. Values that several layers read are split, as ncnn wants it.
Source: the layers and their numbered settings as ncnn's documentation names them (docs/developer-guide/operators.md of its repository).
"""

import ctypes
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, cast

import ncnn
import numpy as np
import numpy.typing as npt

from img_enhance.cancelling import Tick
from img_enhance.errors import DeviceError, DeviceLost, GpuMemoryFull
from img_enhance.geometry import Size
from img_enhance.machine.memory import give_back
from img_enhance.machine.vulkan import device_number, gpus
from img_enhance.models.networks.ops import Ops, Weights
from img_enhance.models.networks.segment import NamedWeights, Precision, Segment, joined
from img_enhance.runtimes.finite import is_finite
from img_enhance.runtimes.runtime import Picture
from img_enhance.words import Setting

Array = npt.NDArray[np.float32]

# What ncnn begins a file of text with, and what says that weights follow as float32.
_MAGIC = "7767517"
_FLOAT32 = np.zeros(1, np.uint32)

# ncnn's numbers of what two values, or one, become.
_ADD, _MULTIPLY, _INVERSE_ROOT = 0, 2, 6
_NEAREST, _BILINEAR = 1, 2
_LEAKY = 2

# Between two ticks so many convolutions are computed. Each stop waits for the device once: on one that is a hundredth of a second away
# from its work all the time, more stops would be felt, and fewer when somebody cancels.
_CONVOLUTIONS_BETWEEN_TICKS = 8

# What ncnn answers where a layer finds no memory; anything else that is not 0 is a device that no longer answers.
_NO_MEMORY = -100


@dataclass(frozen=True)
class Layer:
    """One layer of the graph, reading values by their numbers; `weights` are read one after the other when it is loaded."""

    kind: str
    inputs: tuple[int, ...]
    settings: str = ""
    weights: tuple[npt.NDArray[Any], ...] = ()


class GraphOps:
    """Tensors are the numbers of layers; each makes one value, (C, H, W).

    These are `Ops`, but not derived from it: an operation that is new there must not be found here, where it would answer nothing.
    """

    def __init__(self) -> None:
        self.layers: list[Layer] = []

    def input(self) -> int:
        """The next thing that the network reads."""
        return self._layer("Input", ())

    def conv(self, x: int, weight: Weights, bias: Weights | None = None) -> int:
        side = weight.shape[2]
        settings = f"0={len(weight)} 1={side} 4={side // 2} 5={int(bias is not None)} 6={weight.size}"
        return self._layer("Convolution", (x,), settings, _FLOAT32, weight, *(() if bias is None else (bias,)))

    def leaky_relu(self, x: int, slope: float) -> int:
        return self._layer("ReLU", (x,), f"0={slope!r}")

    def prelu(self, x: int, slopes: Weights) -> int:
        return self._layer("PReLU", (x,), f"0={slopes.size}", slopes)

    def concat(self, parts: list[int]) -> int:
        return parts[0] if len(parts) == 1 else self._layer("Concat", tuple(parts), "0=0")

    def add(self, x: int, y: int) -> int:
        return self._layer("BinaryOp", (x, y), f"0={_ADD}")

    def scale(self, x: int, factor: float) -> int:
        return self._layer("BinaryOp", (x,), f"0={_MULTIPLY} 1=1 2={factor!r}")

    def nearest(self, x: int, factor: int) -> int:
        return self._layer("Interp", (x,), f"0={_NEAREST} 1={float(factor)} 2={float(factor)}")

    def pixel_shuffle(self, x: int, factor: int) -> int:
        return self._layer("PixelShuffle", (x,), f"0={factor}")

    def pixel_unshuffle(self, x: int, factor: int) -> int:
        return self._layer("Reorg", (x,), f"0={factor}")

    def constant(self, values: Weights) -> int:
        channels, height, width = values.shape
        return self._layer("MemoryData", (), f"0={width} 1={height} 2={channels}", values)

    def multiply(self, x: int, y: int) -> int:
        return self._layer("BinaryOp", (x, y), f"0={_MULTIPLY}")

    def channels(self, x: int, first: int, stop: int) -> int:
        return self._layer("Crop", (x,), _box((first, stop)))

    def linear(self, x: int, weight: Weights, bias: Weights) -> int:
        row = self._layer("Flatten", (x,))
        row = self._layer("InnerProduct", (row,), f"0={len(weight)} 1=1 2={weight.size}", _FLOAT32, weight, bias)
        return self._layer("Reshape", (row,), f"0=1 1=1 2={len(weight)}")

    def inverse_root(self, x: int) -> int:
        return self._layer("UnaryOp", (x,), f"0={_INVERSE_ROOT}")

    def bilinear(self, x: int, factor: float) -> int:
        return self._layer("Interp", (x,), f"0={_BILINEAR} 1={float(factor)} 2={float(factor)}")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise DeviceError(f"networks that use the operation '{name}' cannot run on Vulkan yet", "use ", Setting("device", "cpu"))

    def _layer(self, kind: str, inputs: tuple[int, ...], settings: str = "", *weights: npt.NDArray[Any]) -> int:
        self.layers.append(Layer(kind, inputs, settings, weights))
        return len(self.layers) - 1


def _box(*ranges: tuple[int, int]) -> str:
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
        if layer.kind == "ReLU" and layers[layer.inputs[0]].kind == "Convolution" and uses[layer.inputs[0]] == 1:
            before = kept[inputs[0]]
            slope = layer.settings.partition("=")[2]
            kept[inputs[0]] = replace(before, settings=f"{before.settings} 9={_LEAKY} -23310=1,{slope}")
            place[number] = inputs[0]
        else:
            place[number] = len(kept)
            kept.append(replace(layer, inputs=inputs))
    return kept, place[answer]


@dataclass(frozen=True)
class Graph:
    """A network as ncnn reads it: `text`, the names of its inputs, and of the values to ask for one after the other, the answer last."""

    text: str
    inputs: tuple[str, ...]
    stops: tuple[str, ...]


def written(layers: list[Layer], answer: int) -> Graph:
    """The graph of these layers, one of which makes the answer. Now and then a single value is cut out, so that a run can stop there."""
    convolutions = [number for number, layer in enumerate(layers) if layer.kind == "Convolution"]
    tapped = set(convolutions[_CONVOLUTIONS_BETWEEN_TICKS - 1 :: _CONVOLUTIONS_BETWEEN_TICKS]) - {answer}
    uses = Counter([*(number for layer in layers for number in layer.inputs), *tapped, answer])
    lines, blobs, stops = list[str](), 0, list[str]()
    copies: dict[int, Iterator[str]] = {}

    def write(kind: str, inputs: Iterable[int], made: list[str], settings: str = "") -> None:
        nonlocal blobs
        read = [next(copies[number]) for number in inputs]
        lines.append(" ".join([kind, f"n{len(lines)}", str(len(read)), str(len(made)), *read, *made, settings]).rstrip())
        blobs += len(made)

    for number, layer in enumerate(layers):
        write(layer.kind, layer.inputs, [f"v{number}"], layer.settings)
        copies[number] = iter([f"v{number}"])
        if uses[number] > 1:
            split = [f"v{number}.{copy}" for copy in range(uses[number])]
            write("Split", [number], split)
            copies[number] = iter(split)
        if number in tapped:
            stops.append(f"t{number}")
            write("Crop", [number], stops[-1:], _box((0, 1), (0, 1), (0, 1)))
    inputs = tuple(f"v{number}" for number, layer in enumerate(layers) if layer.kind == "Input")
    return Graph("\n".join([_MAGIC, f"{len(lines)} {blobs}", *lines, ""]), inputs, (*stops, next(copies[answer])))


class Vulkan:
    """Runs segments on `place`, a device as it is called here: "vulkan:0".

    Features between segments are (H, W, C) float32 arrays in the machine's memory, channel after channel: ncnn's Python module can keep
    nothing on the device. In f16 values are stored as such on the device and computed in f32, because several makers' f16 arithmetic
    answers NaN where it overflows.
    """

    needs_second_opinions = True  # drivers differ more than anybody can test

    def __init__(self, precision: Precision, *, place: str, threads: int | None = None) -> None:
        self.precision = precision
        self._number = device_number(place)
        self._threads = threads
        gpus()  # starts the drivers, quietly

    def features(self, size: Size, channels: int) -> Array:
        """Uninitialised features for a picture of this size."""
        return np.empty((channels, size.height, size.width), np.float32).transpose(1, 2, 0)

    def compile(self, segments: tuple[Segment, ...], weights: NamedWeights) -> "Compiled":
        """Consecutive segments as one network for windows of any size.

        Raises: GpuMemoryFull when the device has no room for the weights; DeviceError for operations that are not written yet.
        """
        segment, ops = joined(segments), GraphOps()
        inputs = [ops.input() for _ in segment.inputs]
        layers, answer = fused(ops.layers, segment.function(cast(Ops[int], ops), weights, *inputs))
        return Compiled(self._net(), written(layers, answer), [values for layer in layers for values in layer.weights])

    def is_finite(self, values: Array) -> bool:
        """Whether no value is NaN or infinite."""
        return is_finite(values)

    def picture(self, answer: Array) -> Picture:
        """The last segment's answer, which already is a numpy array."""
        return answer

    def _net(self) -> Any:
        net = ncnn.Net()
        options, f16 = net.opt, self.precision == "f16"
        options.use_vulkan_compute = True
        options.use_fp16_storage = options.use_fp16_packed = f16
        options.use_fp16_arithmetic = options.use_bf16_storage = options.use_bf16_packed = options.use_int8_inference = False
        if self._threads is not None:
            options.num_threads = self._threads
        net.set_vulkan_device(self._number)
        return net


class Compiled:
    """A network ready to run, one window at a time."""

    def __init__(self, net: Any, graph: Graph, weights: list[npt.NDArray[Any]]) -> None:
        # In this order they are given back: the network goes before what it took its memory from.
        self._net, self._graph = net, graph
        _check(net.load_param_mem(graph.text))
        _check(net.load_model(_Reader(weights)))
        device = net.vulkan_device()
        self._allocators = (ncnn.VkBlobAllocator(device), ncnn.VkStagingAllocator(device))
        net.opt.blob_vkallocator = net.opt.workspace_vkallocator = self._allocators[0]
        net.opt.staging_vkallocator = self._allocators[1]

    def run(self, inputs: list[Array], tick: Tick) -> Array:
        """The (H, W, C) answer to (H, W, C) inputs. `tick` is called before every few convolutions and may raise.

        Raises: GpuMemoryFull when the device's memory is full, DeviceLost when it no longer answers.
        """
        # Left before this returns: what it holds lies in the allocators, and must not outlive them.
        with self._net.create_extractor() as extractor:
            for name, window in zip(self._graph.inputs, inputs, strict=True):
                _check(extractor.input(name, _mat(window)))
            for name in self._graph.stops:
                tick()
                code, answer = extractor.extract(name)
                _check(code)
            values: Array = np.array(answer)
        return values.transpose(1, 2, 0)

    def release(self) -> None:
        """Give the scratch memory back; the next run takes it again."""
        for allocator in self._allocators:
            allocator.clear()
        give_back()


class _Reader(ncnn.DataReader):  # type: ignore[misc]
    """What gives arrays to ncnn as it asks for their bytes, so that no second copy of all weights is made."""

    def __init__(self, arrays: list[npt.NDArray[Any]]) -> None:
        super().__init__()
        self._arrays = iter(arrays)

    def read(self, buffer: Any, size: int) -> int:
        """Copy the next array, which must have this size, to where ncnn wants it; 0 where it has another."""
        array = next(self._arrays)
        values = np.ascontiguousarray(array, None if array is _FLOAT32 else np.float32)
        if values.nbytes != size:
            return 0
        ctypes.memmove(_address(buffer, None), values.ctypes.data, size)
        return size


_address = ctypes.pythonapi.PyCapsule_GetPointer
_address.restype, _address.argtypes = ctypes.c_void_p, (ctypes.py_object, ctypes.c_char_p)


def _mat(window: Array) -> Any:
    """A window as ncnn's own array: it aligns channels, and layers may write into what they read."""
    height, width, channels = window.shape
    mat = ncnn.Mat(width, height, channels)
    np.asarray(mat)[...] = window.transpose(2, 0, 1)
    return mat


def _check(code: int) -> None:
    if code == 0:
        return
    if code == _NO_MEMORY:
        raise GpuMemoryFull("the GPU's memory is full", "use ", Setting("device", "cpu"), ", or close what else uses the GPU")
    advice = "restart the program, update the GPU's driver, or use "
    raise DeviceLost(f"the GPU no longer answers (ncnn says {code})", advice, Setting("device", "cpu"))
