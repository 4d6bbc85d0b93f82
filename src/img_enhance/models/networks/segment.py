"""A network is a list of segments, each a plain function over the operations of `ops.py`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any, Literal, Protocol

from img_enhance.models.networks.ops import Ops, Weights

Input = Literal["picture", "features"]
# f16 is how values are stored on GPUs, not how they are computed.
Precision = Literal["f32", "bf16", "f16"]
NamedWeights = Mapping[str, Weights]
Shapes = dict[str, tuple[int, ...]]


# Measured 2026-11 for networks of 24 to 64 features.
SHARE_OF_ANY_WIDTH = 0.08

# Windows of networks that see all are as large as memory allows, and overlap by this: measured, see docs/models.md.
LARGEST_WINDOW, OVERLAP = 16_384, 64


class Function(Protocol):
    """What a segment computes, from its inputs in the order of `Segment.inputs`."""

    def __call__(self, ops: Ops[Any], weights: NamedWeights, *inputs: Any) -> Any: ...


@dataclass(frozen=True)
class Scratch:
    """Bytes that the runtime needs per pixel read while a window runs, measured (`scripts/measure_model.py`).

    `host` are those in the machine's memory where the rest lies on a GPU that cannot compute all of it (by Vulkan).
    """

    f32: int
    bf16: int
    host: int = 0

    def bytes_per_pixel(self, precision: Precision) -> int:
        return self.bf16 if precision == "bf16" else self.f32

    def times(self, factor: float) -> Scratch:
        """So many times as much."""
        return Scratch(ceil(self.f32 * factor), ceil(self.bf16 * factor), ceil(self.host * factor))

    def of_width(self, factor: float) -> Scratch:
        """That of maps so many times as wide. Narrow ones take more than their share: some of it does not depend on the width."""
        return self.times(factor + max(0.0, 1 - factor) * SHARE_OF_ANY_WIDTH)


@dataclass(frozen=True)
class Segment:
    """`inputs` says what it reads: the picture (3 channels), the features that the segment before it wrote, or both.

    `reach` is how many input pixels away it sees; `scale` the size of its answer against its input;
    `features_in` the channels of the features it reads. Of a network that reads the picture in cells of `cell` x `cell` pixels,
    one input pixel is such a cell. `side` is the width and height that its picture must have; 0 stands for any.
    `sees_all` says that it looks at the whole of its window, by statistics for example: pictures made in several windows are only near
    that of a single one, and `reach` is how far the windows overlap. They are nearest where all begin at a `multiple` of pixels. `widest`
    is the longest side that a window may have at all; 0 stands for any.
    `resident` are bytes that it holds beside its weights as long as it is compiled, where that is much.
    `scratch` and `window`, the side of its widest window, are what running it costs; what it computes is counted (`operations.py`).
    """

    name: str
    function: Function
    inputs: tuple[Input, ...]
    reach: int
    channels_out: int
    features_in: int = 0
    scale: int = 1
    cell: int = 1
    side: int = 0
    sees_all: bool = False
    widest: int = 0
    multiple: int = 1
    resident: int = 0
    scratch: Scratch = Scratch(0, 0)
    window: int = 0


def widest_window(segments: tuple[Segment, ...]) -> int:
    """The longest side that a window may have for all of these; 0 stands for any."""
    return min((segment.widest for segment in segments if segment.widest), default=0)


def joined(segments: tuple[Segment, ...]) -> Segment:
    """Consecutive segments as one, to be compiled; what running it costs is no sum, and is not said."""
    if len(segments) == 1:
        return segments[0]

    def function(ops: Ops[Any], weights: NamedWeights, *inputs: Any) -> Any:
        given = dict(zip(needed, inputs, strict=True))
        for segment in segments:
            answer = segment.function(ops, weights, *(given[name] for name in segment.inputs))
            given["features"] = answer
        return answer

    first, last = segments[0], segments[-1]
    reads_picture = any("picture" in segment.inputs for segment in segments)
    needed: tuple[Input, ...] = first.inputs
    if reads_picture and "picture" not in needed:
        needed = ("picture", *needed)
    return Segment(
        name=f"{first.name} to {last.name}",
        function=function,
        inputs=needed,
        reach=sum(segment.reach for segment in segments),
        channels_out=last.channels_out,
        features_in=first.features_in,
        scale=last.scale,
        cell=max(segment.cell for segment in segments),
        sees_all=any(segment.sees_all for segment in segments),
        widest=widest_window(segments),
        multiple=max(segment.multiple for segment in segments),
        resident=sum(segment.resident for segment in segments),
    )
