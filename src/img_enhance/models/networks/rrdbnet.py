"""RRDBNet, the network of ESRGAN and Real-ESRGAN.

Source: Wang et al., ESRGAN, ECCVW 2018, arXiv:1809.00219 (residual-in-residual dense blocks, residual scaling 0.2); Wang et al.,
Real-ESRGAN, arXiv:2107.10833, section 3.4 (pixel unshuffle in front of the same network for 2x).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, ClassVar

from img_enhance.models.networks.ops import Ops
from img_enhance.models.networks.segment import NamedWeights, Scratch, Segment, Shapes

FEATURES = 64
GROWTH = 32
SLOPE = 0.2
RESIDUAL = 0.2

# Measured 2026-11 with `scripts/measure_model.py`, as the widest windows: beyond these a window runs no faster.
_HEAD, _BLOCK, _TAIL = Scratch(f32=810, bf16=430), Scratch(f32=4_000, bf16=1_900), Scratch(f32=9_500, bf16=4_800)
_WINDOW, _TAIL_WINDOW = 640, 320
_WHOLE, _WHOLE_OF_CELLS = Scratch(f32=14_000, bf16=7_000), Scratch(f32=16_000, bf16=8_000)


@dataclass(frozen=True)
class RRDBNet:
    """Residual-in-residual dense blocks, 64 features, growth 32, 4x.

    Squares of `cell` x `cell` pixels become channels first (pixel unshuffle), so that with 2 the whole is 2x.
    """

    blocks: int
    cell: int = 1

    features: ClassVar[int] = FEATURES
    # Of areas: on f32 tiles that leaves 75 dB and at most 2/255 against the untiled picture (2026-11), while the theoretical reach of 23
    # blocks is 349 px.
    halo: ClassVar[int] = 64

    @property
    def scale(self) -> int:
        return 4 // self.cell

    @property
    def whole(self) -> Scratch:
        return _WHOLE if self.cell == 1 else _WHOLE_OF_CELLS

    @cached_property
    def segments(self) -> tuple[Segment, ...]:
        return _segments(self.blocks, self.cell)

    @cached_property
    def shapes(self) -> Shapes:
        return _shapes(self.blocks, self.cell)

    @classmethod
    def of_shapes(cls, shapes: Shapes) -> RRDBNet | None:
        blocks = len({name.split(".")[1] for name in shapes if name.startswith("body.") and ".rdb1." in name})
        _, channels, *_ = shapes.get("conv_first.weight", (0, 0))
        cell = {3: 1, 12: 2}.get(channels)
        return cls(blocks, cell) if blocks and cell else None


def _segments(blocks: int, cell: int) -> tuple[Segment, ...]:
    """Head, blocks and tail of the network, whose answer is four times as large as its picture of cells."""
    head = Segment("head", partial(_head, cell), ("picture",), reach=1, channels_out=FEATURES, cell=cell, scratch=_HEAD, window=_WINDOW)
    # A block is 15 convolutions deep. The tail sees 1 pixel by the body's last convolution, 1 at twice and 3 at four times the size.
    body = (
        Segment(
            name=f"block {i}",
            function=partial(_block, i),
            inputs=("features",),
            reach=15,
            channels_out=FEATURES,
            features_in=FEATURES,
            scratch=_BLOCK,
            window=_WINDOW,
        )
        for i in range(blocks)
    )
    tail = Segment(
        name="tail",
        function=partial(_tail, cell),
        inputs=("picture", "features"),
        reach=3,
        channels_out=3,
        features_in=FEATURES,
        scale=4,
        cell=cell,
        scratch=_TAIL,
        window=_TAIL_WINDOW,
    )
    return (head, *body, tail)


def _shapes(blocks: int, cell: int) -> Shapes:
    shapes: Shapes = {}

    def conv(name: str, channels_in: int, channels_out: int) -> None:
        shapes[f"{name}.weight"] = (channels_out, channels_in, 3, 3)
        shapes[f"{name}.bias"] = (channels_out,)

    conv("conv_first", 3 * cell * cell, FEATURES)
    for block in range(blocks):
        for dense in (1, 2, 3):
            for k in range(1, 6):
                conv(f"body.{block}.rdb{dense}.conv{k}", FEATURES + (k - 1) * GROWTH, GROWTH if k < 5 else FEATURES)
    for name in ("conv_body", "conv_up1", "conv_up2", "conv_hr"):
        conv(name, FEATURES, FEATURES)
    conv("conv_last", FEATURES, 3)
    return shapes


def _conv(ops: Ops[Any], weights: NamedWeights, name: str, x: Any) -> Any:
    return ops.conv(x, weights[f"{name}.weight"], weights[f"{name}.bias"])


def _dense(ops: Ops[Any], weights: NamedWeights, name: str, x: Any) -> Any:
    seen = [x]
    for k in range(1, 5):
        seen.append(ops.leaky_relu(_conv(ops, weights, f"{name}.conv{k}", ops.concat(seen)), SLOPE))
    return ops.add(ops.scale(_conv(ops, weights, f"{name}.conv5", ops.concat(seen)), RESIDUAL), x)


def _head(cell: int, ops: Ops[Any], weights: NamedWeights, picture: Any) -> Any:
    return _conv(ops, weights, "conv_first", picture if cell == 1 else ops.pixel_unshuffle(picture, cell))


def _block(block: int, ops: Ops[Any], weights: NamedWeights, features: Any) -> Any:
    x = features
    for dense in (1, 2, 3):
        x = _dense(ops, weights, f"body.{block}.rdb{dense}", x)
    return ops.add(ops.scale(x, RESIDUAL), features)


def _tail(cell: int, ops: Ops[Any], weights: NamedWeights, picture: Any, features: Any) -> Any:
    # The head's answer is computed again rather than kept: one convolution of 350 is cheaper than a third map of features. The order of
    # the sum matters: a runtime adds its second term to the accumulator of the convolution before it, and it is the head's answer
    # that was rounded to bf16 where both are one graph. The other way round the bits differ.
    x = ops.add(_conv(ops, weights, "conv_body", features), _head(cell, ops, weights, picture))
    x = ops.leaky_relu(_conv(ops, weights, "conv_up1", ops.nearest(x, 2)), SLOPE)
    x = ops.leaky_relu(_conv(ops, weights, "conv_up2", ops.nearest(x, 2)), SLOPE)
    return _conv(ops, weights, "conv_last", ops.leaky_relu(_conv(ops, weights, "conv_hr", x), SLOPE))
