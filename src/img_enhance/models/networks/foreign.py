"""A network that is not written in the operations of `ops.py`: another program runs it whole, and what is known of it was tried out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import ceil
from typing import Any, Literal, Self

from img_enhance.models.networks.ops import Ops
from img_enhance.models.networks.segment import LARGEST_WINDOW, NamedWeights, Scratch, Segment, Shapes

# Who runs it: OpenVINO reads the graph of an ONNX file, spandrel's class on PyTorch takes tensors by their names.
Program = Literal["onnx", "spandrel"]
# What the second needs, by the names in Python.
SPANDREL = ("spandrel", "torch", "torchvision")
Layout = Literal["NCHW", "NHWC"]
Order = Literal["RGB", "BGR"]

# The name under which the bytes of an ONNX file stand among a network's weights.
GRAPH = "graph"

# The largest windows of networks that take any size, unless they see all of it.
_WINDOW = 640


@dataclass(frozen=True)
class ForeignNetwork:
    """`described` is what people are told that it is.

    Pictures that it takes are multiples of `cell` pixels high and wide, at least `least`, and exactly `height` x `width` where these are
    not 0; `square` says that both sides must be equal. What a picture lacks of that is added by its runtime, and cut off its answer.
    `layout`, `order`, `black` and `white` say how it takes a picture, and the same with `answer_` how it answers.
    `overlap` is how far its windows overlap: as far as it was seen to look, or where that is far (`sees_all`) as usual.
    `bytes_per_pixel` are its scratch's, measured, and `window` is the widest for which they hold, 0 for any; `resident_bytes` are what
    it takes before any. `flops` are operations a pixel, as many as its time was worth on the device that it was measured on.
    """

    program: Program
    described: str
    scale: int
    cell: int = 1
    least: int = 1
    height: int = 0
    width: int = 0
    square: bool = False
    layout: Layout = "NCHW"
    order: Order = "RGB"
    black: float = 0.0
    white: float = 1.0
    answer_layout: Layout = "NCHW"
    answer_order: Order = "RGB"
    answer_black: float = 0.0
    answer_white: float = 1.0
    overlap: int = 0
    sees_all: bool = False
    bytes_per_pixel: int = 0
    bf16: bool = True
    window: int = 0
    resident_bytes: int = 0
    flops: int = 0

    @property
    def halo(self) -> int:
        """In cells, as all that is counted in pixels by who plans."""
        return ceil(self.overlap / self.cell)

    @property
    def features(self) -> int:
        """None: it runs in one stage."""
        return 0

    @property
    def whole(self) -> Scratch:
        each = self.bytes_per_pixel * self.cell**2
        return Scratch(f32=each, bf16=each)

    @property
    def widest(self) -> int:
        """The side of the largest window that it may read, in cells; 0 for any."""
        fixed = min(self.height, self.width)
        return min(filter(None, (fixed, self.window)), default=0) // self.cell

    @cached_property
    def segments(self) -> tuple[Segment, ...]:
        usual = LARGEST_WINDOW if self.sees_all else _WINDOW
        return (
            Segment(
                "network",
                _written_elsewhere,
                ("picture",),
                reach=self.halo,
                channels_out=3,
                scale=self.scale * self.cell,
                cell=self.cell,
                sees_all=self.sees_all,
                scratch=self.whole,
                window=max(1, self.widest - 2 * self.halo if self.widest else usual // self.cell),
                widest=self.widest,
            ),
        )

    @property
    def shapes(self) -> Shapes:
        """Nothing is known of its weights."""
        return {}

    @classmethod
    def of_shapes(cls, shapes: Shapes) -> Self | None:  # noqa: ARG003 - whatever they are, another program knows
        return None


def _written_elsewhere(ops: Ops[Any], weights: NamedWeights, *inputs: Any) -> Any:
    raise NotImplementedError("a network of another program is not written in operations; its own runtime runs it")
