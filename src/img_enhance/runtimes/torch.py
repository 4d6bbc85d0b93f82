"""The operations on PyTorch: CUDA, ROCm and MPS devices, and CPUs without OpenVINO."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from img_enhance.cancelling import Tick
from img_enhance.geometry import Size
from img_enhance.machine.gpus import empty_cache, unless_full
from img_enhance.machine.memory import give_back
from img_enhance.models.networks.ops import LEAST_LENGTH, NEVER, Curve, Ops, Weights
from img_enhance.models.networks.segment import NamedWeights, Precision, Segment, joined
from img_enhance.runtimes.runtime import Picture

Place = Callable[[Weights], torch.Tensor]
Function = Callable[..., torch.Tensor]

_DTYPES: dict[Precision, torch.dtype] = {"f32": torch.float32, "bf16": torch.bfloat16}


_CURVES: dict[Curve, Function] = {"sigmoid": torch.sigmoid, "silu": functional.silu, "mish": functional.mish, "gelu": functional.gelu}


class RecordingOps(Ops[int]):
    """Tensors are the numbers of values, (1, C, H, W), in the order they come to be, inputs first; `steps` make the others of them.

    Networks are recorded rather than run as they are written, so that weights are brought to the device once.
    """

    def __init__(self, inputs: int, place: Place) -> None:
        self.steps: list[tuple[Function, tuple[int, ...]]] = []
        self._values = inputs
        self._place = place

    def conv(self, x: int, weight: Weights, bias: Weights | None = None) -> int:
        placed = None if bias is None else self._place(bias)
        return self._step(partial(functional.conv2d, weight=self._place(weight), bias=placed, padding=weight.shape[2] // 2), x)

    def depthwise(self, x: int, weight: Weights, bias: Weights) -> int:
        placed = {"weight": self._place(weight), "bias": self._place(bias)}
        return self._step(partial(functional.conv2d, padding=weight.shape[2] // 2, groups=len(weight), **placed), x)

    def leaky_relu(self, x: int, slope: float) -> int:
        return self._step(partial(functional.leaky_relu, negative_slope=slope), x)

    def prelu(self, x: int, slopes: Weights) -> int:
        return self._step(partial(functional.prelu, weight=self._place(slopes)), x)

    def curve(self, x: int, kind: Curve) -> int:
        return self._step(_CURVES[kind], x)

    def concat(self, parts: list[int]) -> int:
        return parts[0] if len(parts) == 1 else self._step(_concat, *parts)

    def add(self, x: int, y: int) -> int:
        return self._step(torch.add, x, y)

    def scale(self, x: int, factor: float) -> int:
        return self._step(partial(torch.mul, other=factor), x)

    def nearest(self, x: int, factor: int) -> int:
        return self._step(partial(functional.interpolate, scale_factor=factor, mode="nearest"), x)

    def pixel_shuffle(self, x: int, factor: int) -> int:
        return self._step(partial(functional.pixel_shuffle, upscale_factor=factor), x)

    def pixel_unshuffle(self, x: int, factor: int) -> int:
        return self._step(partial(functional.pixel_unshuffle, downscale_factor=factor), x)

    def constant(self, values: Weights) -> int:
        return self._step(partial(_same, self._place(values[None])))

    def multiply(self, x: int, y: int) -> int:
        return self._step(torch.mul, x, y)

    def channels(self, x: int, first: int, stop: int) -> int:
        return self._step(partial(_channels, first=first, stop=stop), x)

    def linear(self, x: int, weight: Weights, bias: Weights) -> int:
        return self._step(partial(_linear, weight=self._place(weight), bias=self._place(bias)), x)

    def inverse_root(self, x: int) -> int:
        return self._step(torch.rsqrt, x)

    def bilinear(self, x: int, factor: float) -> int:
        return self._step(partial(functional.interpolate, scale_factor=factor, mode="bilinear", align_corners=False), x)

    def group_norm(self, x: int, weight: Weights, bias: Weights, *, groups: int, epsilon: float) -> int:
        placed = {"weight": self._place(weight), "bias": self._place(bias)}
        return self._step(partial(functional.group_norm, num_groups=groups, eps=epsilon, **placed), x)

    def layer_norm(self, x: int, weight: Weights, bias: Weights, epsilon: float) -> int:
        return self._step(partial(_layer_norm, weight=self._place(weight), bias=self._place(bias), epsilon=epsilon), x)

    def sampled(self, x: int, shifts: int, *, factor: int, groups: int) -> int:
        return self._step(partial(_sampled, factor=factor, groups=groups), x, shifts)

    def mean(self, x: int) -> int:
        return self._step(partial(torch.mean, dim=(2, 3), keepdim=True), x)

    def window_attention(
        self,
        queries: int,
        keys: int,
        values: int,
        bias: Weights,
        *,
        window: tuple[int, int],
        shift: tuple[int, int],
        multiple: int,
    ) -> int:
        attended = partial(_window_attention, bias=self._place(bias), window=window, shift=shift, multiple=multiple)
        return self._step(attended, queries, keys, values)

    def channel_attention(self, queries: int, keys: int, values: int, temperatures: Weights) -> int:
        return self._step(partial(_channel_attention, temperatures=self._place(temperatures.reshape(-1, 1, 1))), queries, keys, values)

    def _step(self, function: Function, *inputs: int) -> int:
        self.steps.append((function, inputs))
        self._values += 1
        return self._values - 1


def _concat(*parts: torch.Tensor) -> torch.Tensor:
    return torch.cat(parts, 1)


def _same(values: torch.Tensor) -> torch.Tensor:
    return values


def _channels(x: torch.Tensor, *, first: int, stop: int) -> torch.Tensor:
    return x[:, first:stop]


def _linear(x: torch.Tensor, *, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    return functional.linear(x.flatten(1), weight, bias)[..., None, None]


def _layer_norm(x: torch.Tensor, *, weight: torch.Tensor, bias: torch.Tensor, epsilon: float) -> torch.Tensor:
    return functional.layer_norm(x.permute(0, 2, 3, 1), weight.shape, weight, bias, epsilon).permute(0, 3, 1, 2)


def _sampled(x: torch.Tensor, shifts: torch.Tensor, *, factor: int, groups: int) -> torch.Tensor:
    height, width = x.shape[2:]
    # In bf16 a place would be known to 8 bits, which is less than photos are wide.
    moved = shifts[0].float().unflatten(0, (2, groups))
    axes = (torch.arange(side * factor, device=x.device).div(factor, rounding_mode="floor") + 0.5 for side in (height, width))
    down, across = torch.meshgrid(*axes, indexing="ij")
    places = torch.stack([2 * (across + moved[0]) / width - 1, 2 * (down + moved[1]) / height - 1], -1)
    split = x[0].unflatten(0, (groups, -1)).float()
    read = functional.grid_sample(split, places, mode="bilinear", padding_mode="border", align_corners=False)
    return read.to(x.dtype).flatten(0, 1)[None]


def _window_attention(
    *maps: torch.Tensor, bias: torch.Tensor, window: tuple[int, int], shift: tuple[int, int], multiple: int
) -> torch.Tensor:
    heads, (rows, columns) = len(bias), window
    height, width = maps[0].shape[2:]
    longer = (0, -width % multiple, 0, -height % multiple)
    # What the first and the last windows have beyond the edges: left and right, above and below.
    around = (-shift[1] % columns, shift[1], -shift[0] % rows, shift[0])

    def in_windows(x: torch.Tensor, heads: int, beyond: float) -> torch.Tensor:
        """(1, c, height, width) as (rows of windows, columns of windows, heads, places, channels of a head)."""
        padded = functional.pad(functional.pad(x[0], longer), around, value=beyond).unflatten(0, (heads, -1))
        return padded.unflatten(3, (-1, columns)).unflatten(2, (-1, rows)).permute(2, 4, 0, 3, 5, 1).flatten(3, 4)

    asked, seen, held = (in_windows(x, heads, 0.0) for x in maps)
    if any(shift):
        bias = bias + in_windows(maps[0].new_zeros(1, 1, height, width), 1, NEVER).transpose(3, 4)
    attended = functional.scaled_dot_product_attention(asked, seen, held, bias, scale=1.0)
    apart = attended.unflatten(3, (rows, columns)).permute(2, 5, 0, 3, 1, 4)
    together = apart.flatten(4, 5).flatten(2, 3).flatten(0, 1)[None]
    return together[:, :, around[2] : around[2] + height, around[0] : around[0] + width]


def _channel_attention(*maps: torch.Tensor, temperatures: torch.Tensor) -> torch.Tensor:
    asked, seen, held = (x[0].unflatten(0, (len(temperatures), -1)).flatten(2) for x in maps)
    # Squares of many places are summed: in bf16 their products would be known to 8 bits.
    lengths = asked.float().norm(dim=2)[:, :, None] * seen.float().norm(dim=2)[:, None]
    cosines = (asked @ seen.transpose(1, 2)).float() / lengths.clamp_min(LEAST_LENGTH)
    weights = torch.softmax(cosines * temperatures, 2).to(held.dtype)
    return (weights @ held).reshape(maps[2].shape)


class Torch:
    """Runs segments on `place`, a device as PyTorch names it: "cpu", "cuda:0", "mps".

    Features between segments are (H, W, C) tensors on that device. Convolutions see them as channels last, without a copy, unless
    `channels_last` is false.
    """

    needs_second_opinions = False

    def __init__(self, precision: Precision, *, place: str = "cpu", channels_last: bool = True, threads: int | None = None) -> None:
        self.precision = precision
        if threads is not None:
            torch.set_num_threads(threads)
        self.device, self.dtype = torch.device(place), _DTYPES[precision]
        self._format = torch.channels_last if channels_last else torch.contiguous_format

    def features(self, size: Size, channels: int) -> torch.Tensor:
        """Uninitialised features for a picture of this size.

        Raises: GpuMemoryFull when the device's own memory has no room for them.
        """
        shape = (size.height, size.width, channels)
        return unless_full(lambda: torch.empty(shape, dtype=self.dtype, device=self.device))

    def compile(self, segments: tuple[Segment, ...], weights: NamedWeights) -> "Compiled":
        """Consecutive segments as one network for windows of any size.

        Raises: GpuMemoryFull when the device's own memory has no room for the weights.
        """
        segment = joined(segments)
        ops = RecordingOps(len(segment.inputs), lambda values: unless_full(lambda: self._weight(values)))
        answer = segment.function(ops, weights, *range(len(segment.inputs)))
        return Compiled(ops.steps, answer, self._window)

    def is_finite(self, values: torch.Tensor) -> bool:
        """Whether no value is NaN or infinite."""
        # A sum takes no memory worth the name, and is not finite where a value is not; f32 does not overflow by adding up features.
        return bool(unless_full(lambda: torch.isfinite(values.sum(dtype=torch.float32))))

    def picture(self, answer: torch.Tensor) -> Picture:
        """The last segment's answer as a numpy array, which may be changed."""
        values: Picture = unless_full(answer.cpu).float().numpy()
        return values

    def _weight(self, values: Weights) -> torch.Tensor:
        tensor = torch.from_numpy(np.array(values, np.float32)).to(self.device, self.dtype)
        return tensor.contiguous(memory_format=self._format) if tensor.ndim == 4 else tensor

    def _window(self, values: torch.Tensor | npt.NDArray[Any]) -> torch.Tensor:
        """(H, W, C) as (1, C, H, W) on the device."""
        if isinstance(values, np.ndarray):
            values = torch.from_numpy(np.ascontiguousarray(values))
        values = values.to(self.device, self.dtype)
        return values.permute(2, 0, 1)[None].contiguous(memory_format=self._format)


class Compiled:
    """A network ready to run, one window at a time."""

    def __init__(self, steps: list[tuple[Function, tuple[int, ...]]], answer: int, window: Callable[[Any], torch.Tensor]) -> None:
        self._steps = steps
        self._answer = answer
        self._window = window
        self._last_step_of = {value: number for number, (_, inputs) in enumerate(steps) for value in inputs}

    def run(self, inputs: list[Any], tick: Tick) -> torch.Tensor:
        """The (H, W, C) answer to (H, W, C) inputs. `tick` is called before every operation and may raise.

        Raises: GpuMemoryFull when the device's own memory is full; what the window took is given back.
        """
        with torch.inference_mode(), exact():
            return unless_full(lambda: self._run([self._window(values) for values in inputs], tick))

    def _run(self, inputs: list[torch.Tensor], tick: Tick) -> torch.Tensor:
        values = dict(enumerate(inputs))
        for number, (function, names) in enumerate(self._steps):
            tick()
            answer = function(*(values[name] for name in names))
            for name in names:
                if self._last_step_of[name] == number:
                    values.pop(name, None)  # a window's intermediate values are many times as large as its answer
            values[len(inputs) + number] = answer
        window: torch.Tensor = values[self._answer][0].permute(1, 2, 0)
        return window

    def release(self) -> None:
        """Give the scratch memory back; the next run takes it again."""
        empty_cache()
        give_back()


def exact() -> AbstractContextManager[Any]:
    """Convolutions that give the same bits every time, and all the bits of f32: by default NVIDIA's GPUs would round it to TF32's 10."""
    flags: AbstractContextManager[Any] = torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False)
    return flags
