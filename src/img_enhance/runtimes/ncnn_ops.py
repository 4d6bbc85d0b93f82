"""The operations as layers of ncnn's graph.

Source: the layers and their numbered settings as ncnn's documentation names them (docs/developer-guide/operators.md of its repository).
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from img_enhance.errors import DeviceError
from img_enhance.models.networks.ops import Curve, Weights
from img_enhance.runtimes.ncnn_graph import Layer, box
from img_enhance.words import Setting

# What says that weights follow as float32.
FLOAT32 = np.zeros(1, np.uint32)

# ncnn's numbers: what becomes of two values, and of one;
_ADD, _SUBTRACT, _MULTIPLY, _DIVIDE = 0, 1, 2, 3
_FLOOR, _INVERSE_ROOT = 2, 6
# how a picture is resized, how it is read between its pixels, and what lies beyond its edges;
_NEAREST, _BILINEAR = 1, 2
_LINEARLY = 1
_EDGES_REPEATED = 2
# turned axes, from channels first to last and back; rows and columns as axes; and the largest of all values.
_CHANNELS_LAST, _CHANNELS_FIRST = 3, 4
_DOWN, _ACROSS = 1, 2
_LARGEST = 4

# Not GELU, which ncnn computes on a GPU by tanh: off by more than 1e-4 of the largest value.
_CURVES: dict[Curve, str] = {"sigmoid": "Sigmoid", "silu": "Swish", "mish": "Mish"}


class GraphOps:
    """Tensors are the numbers of layers; each makes one value, (C, H, W).

    These are `Ops`, but not derived from it: an operation that is new there must not be found here, where it would answer nothing.
    """

    def __init__(self) -> None:
        self.layers: list[Layer] = []

    def input(self) -> int:
        """The next thing that the network reads."""
        return self._layer("Input")

    def conv(self, x: int, weight: Weights, bias: Weights | None = None) -> int:
        side = weight.shape[2]
        settings = f"0={len(weight)} 1={side} 4={side // 2} 5={int(bias is not None)} 6={weight.size}"
        return self._layer("Convolution", x, settings=settings, weights=(FLOAT32, weight, *(() if bias is None else (bias,))))

    def leaky_relu(self, x: int, slope: float) -> int:
        return self._layer("ReLU", x, settings=f"0={slope!r}")

    def prelu(self, x: int, slopes: Weights) -> int:
        return self._layer("PReLU", x, settings=f"0={slopes.size}", weights=(slopes,))

    def curve(self, x: int, kind: Curve) -> int:
        if kind not in _CURVES:
            raise _not_written(kind)
        return self._layer(_CURVES[kind], x)

    def concat(self, parts: list[int]) -> int:
        return parts[0] if len(parts) == 1 else self._layer("Concat", *parts, settings="0=0")

    def add(self, x: int, y: int) -> int:
        return self._layer("BinaryOp", x, y, settings=f"0={_ADD}")

    def scale(self, x: int, factor: float) -> int:
        return self._with_number(x, _MULTIPLY, factor)

    def nearest(self, x: int, factor: int) -> int:
        return self._layer("Interp", x, settings=f"0={_NEAREST} 1={float(factor)} 2={float(factor)}")

    def pixel_shuffle(self, x: int, factor: int) -> int:
        return self._layer("PixelShuffle", x, settings=f"0={factor}")

    def pixel_unshuffle(self, x: int, factor: int) -> int:
        return self._layer("Reorg", x, settings=f"0={factor}")

    def constant(self, values: Weights) -> int:
        channels, height, width = values.shape
        return self._layer("MemoryData", settings=f"0={width} 1={height} 2={channels}", weights=(values,))

    def multiply(self, x: int, y: int) -> int:
        return self._layer("BinaryOp", x, y, settings=f"0={_MULTIPLY}")

    def channels(self, x: int, first: int, stop: int) -> int:
        return self._layer("Crop", x, settings=box((first, stop)))

    def linear(self, x: int, weight: Weights, bias: Weights) -> int:
        row = self._layer("Flatten", x)
        row = self._layer("InnerProduct", row, settings=f"0={len(weight)} 1=1 2={weight.size}", weights=(FLOAT32, weight, bias))
        return self._layer("Reshape", row, settings=f"0=1 1=1 2={len(weight)}")

    def inverse_root(self, x: int) -> int:
        return self._layer("UnaryOp", x, settings=f"0={_INVERSE_ROOT}")

    def bilinear(self, x: int, factor: float) -> int:
        return self._layer("Interp", x, settings=f"0={_BILINEAR} 1={float(factor)} 2={float(factor)}")

    def group_norm(self, x: int, weight: Weights, bias: Weights, *, groups: int, epsilon: float) -> int:
        return self._layer("GroupNorm", x, settings=f"0={groups} 1={weight.size} 2={epsilon!r} 3=1", weights=(weight, bias))

    def layer_norm(self, x: int, weight: Weights, bias: Weights, epsilon: float) -> int:
        x = self._layer("Permute", x, settings=f"0={_CHANNELS_LAST}")
        x = self._layer("LayerNorm", x, settings=f"0={weight.size} 1={epsilon!r} 2=1", weights=(weight, bias))
        return self._layer("Permute", x, settings=f"0={_CHANNELS_FIRST}")

    def sampled(self, x: int, shifts: int, *, factor: int, groups: int) -> int:
        """On the processor, because ncnn reads between pixels there only; group by group, which takes the least memory."""
        pixels, moves = self._brought(x), self._brought(shifts)
        ones = self._layer("Clip", self.channels(moves, 0, 1), settings="0=1 1=1")
        axes = [(self._centres(ones, factor, axis), first) for axis, first in ((_ACROSS, 0), (_DOWN, groups))]
        answers = []
        for group in range(groups):
            own = self._layer("Crop", pixels, settings=_run(group, groups))
            places = [self._moved(moves, first + group, *centres) for centres, first in axes]
            answers.append(self._layer("GridSample", own, self.concat(places), settings=f"0={_LINEARLY} 1={_EDGES_REPEATED} 3=1"))
        return self.concat(answers)

    def _centres(self, ones: int, factor: int, axis: int) -> tuple[int, int]:
        """The centres of the pixels that places lie in, -1 at one edge and 1 at the other, and half of the axis in pixels.

        Pixels are counted by adding up `ones`, as many as there are places, because a graph is written without knowing how many.
        """
        count = self._layer("CumulativeSum", ones, settings=f"0={axis}")
        half = self._with_number(self._layer("Reduction", count, settings=f"0={_LARGEST} 1=1 4=1"), _DIVIDE, 2 * factor)
        # Half a step early, so that no rounding puts a place into the pixel after its own.
        pixel = self._with_number(self._with_number(count, _SUBTRACT, 0.5), _DIVIDE, factor)
        centre = self._with_number(self._layer("UnaryOp", pixel, settings=f"0={_FLOOR}"), _ADD, 0.5)
        return self._with_number(self._divided(centre, half), _SUBTRACT, 1), half

    def _moved(self, shifts: int, channel: int, centres: int, half: int) -> int:
        return self.add(self._divided(self.channels(shifts, channel, channel + 1), half), centres)

    def _divided(self, x: int, y: int) -> int:
        return self._layer("BinaryOp", x, y, settings=f"0={_DIVIDE}")

    def _with_number(self, x: int, operation: int, number: float) -> int:
        return self._layer("BinaryOp", x, settings=f"0={operation} 1=1 2={float(number)!r}")

    def _brought(self, x: int) -> int:
        """The value, and all that is made of it, computed by the processor; so it comes from the device once, and nothing goes back."""
        self.layers.append(Layer("Noop", (x,), on_host=True))
        return len(self.layers) - 1

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise _not_written(name)

    def _layer(self, kind: str, *inputs: int, settings: str = "", weights: tuple[npt.NDArray[Any], ...] = ()) -> int:
        on_host = any(self.layers[number].on_host for number in inputs)
        self.layers.append(Layer(kind, inputs, settings, weights, on_host))
        return len(self.layers) - 1


def _not_written(operation: str) -> DeviceError:
    return DeviceError(f"networks that use the operation '{operation}' cannot run on Vulkan yet", "use ", Setting("device", "cpu"))


def _run(number: int, count: int) -> str:
    """What Crop cuts out of `count` equal runs of channels, however many channels there are."""
    return f'19="//(*(0c,{number}),{count})" 20="//(*(0c,{number + 1}),{count})" 21="0"'
