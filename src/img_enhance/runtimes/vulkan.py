"""Networks on Vulkan by the package ncnn: GPUs of every maker, without PyTorch. They are written down as ncnn's graphs, in memory."""

from typing import Any, cast

import ncnn
import numpy as np
import numpy.typing as npt

from img_enhance.cancelling import Tick
from img_enhance.errors import DeviceLost, GpuMemoryFull
from img_enhance.geometry import Size
from img_enhance.machine.memory import give_back
from img_enhance.machine.vulkan import device_number, gpus
from img_enhance.models.networks.ops import Ops
from img_enhance.models.networks.segment import NamedWeights, Precision, Segment, joined
from img_enhance.runtimes.finite import is_finite
from img_enhance.runtimes.ncnn_graph import Graph, fused, written
from img_enhance.runtimes.ncnn_ops import GraphOps
from img_enhance.runtimes.ncnn_weights import ArrayReader
from img_enhance.runtimes.runtime import Picture
from img_enhance.words import Setting

Array = npt.NDArray[np.float32]

# What ncnn answers where a layer finds no memory; anything else that is not 0 is a device that no longer answers.
_NO_MEMORY = -100


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
        _check(net.load_model(ArrayReader(weights)))
        give_back()  # what weights went through on their way to the device: 520 MB for GFPGAN in f32 (measured 2026-11)
        device = net.vulkan_device()
        values, copies, on_host = ncnn.VkBlobAllocator(device), ncnn.VkStagingAllocator(device), ncnn.PoolAllocator()
        net.opt.blob_vkallocator = net.opt.workspace_vkallocator = values
        net.opt.staging_vkallocator = copies
        net.opt.blob_allocator = net.opt.workspace_allocator = on_host
        self._allocators = (values, copies, on_host)

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
                answer = _value(extractor, name)
        return answer.transpose(1, 2, 0)

    def release(self) -> None:
        """Give the scratch memory back; the next run takes it again."""
        for allocator in self._allocators:
            allocator.clear()
        give_back()


def _mat(window: Array) -> Any:
    """A window as ncnn's own array: it aligns channels, and layers may write into what they read."""
    height, width, channels = window.shape
    mat = ncnn.Mat(width, height, channels)
    np.asarray(mat)[...] = window.transpose(2, 0, 1)
    return mat


def _value(extractor: Any, name: str) -> Array:
    """A copy, because ncnn's own array lies in the allocators too, and a frame that an error keeps would keep it longer than those."""
    code, mat = extractor.extract(name)
    _check(code)
    return np.array(mat)


def _check(code: int) -> None:
    if code == 0:
        return
    if code == _NO_MEMORY:
        raise GpuMemoryFull("the GPU's memory is full", "use ", Setting("device", "cpu"), ", or close what else uses the GPU")
    advice = "restart the program, update the GPU's driver, or use "
    raise DeviceLost(f"the GPU no longer answers (ncnn says {code})", advice, Setting("device", "cpu"))
