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

SLOPE = 0.2
RESIDUAL = 0.2

# Measured 2026-11 with `scripts/measure_model.py` for 64 features, growth 32 and 4x, as the widest windows: beyond these a window runs no
# faster. Blocks in f32 have 6 % added: on a busy machine one run in some thirty took half a percent more than was planned with 4,000.
_HEAD, _BLOCK, _TAIL = Scratch(f32=810, bf16=430), Scratch(f32=4_250, bf16=1_900), Scratch(f32=9_500, bf16=4_800)
_WINDOW, _TAIL_WINDOW = 640, 320
# With sixteen pixels in a cell the picture itself weighs.
_TAIL_OF_LARGE_CELLS = Scratch(f32=9_800, bf16=5_000)
_WHOLE, _WHOLE_OF_CELLS = Scratch(f32=14_000, bf16=7_000), Scratch(f32=16_000, bf16=8_000)

# So many times may a network double the size, and so many blocks may it have: 8x and 23 are the most that are published.
MOST_DOUBLINGS, MOST_BLOCKS = 3, 200


@dataclass(frozen=True)
class RRDBNet:
    """Residual-in-residual dense blocks of so many features and so much growth, then as many doublings of the size.

    Squares of `cell` x `cell` pixels become channels first (pixel unshuffle), so that with 2 cells and two doublings the whole is 2x.
    """

    blocks: int
    cell: int = 1
    doublings: int = 2
    features: int = 64
    growth: int = 32

    # Of areas: on f32 tiles that leaves 75 dB and at most 2/255 against the untiled picture (2026-11), while the theoretical reach of 23
    # blocks is 349 px.
    halo: ClassVar[int] = 64

    @property
    def scale(self) -> int:
        return (1 << self.doublings) // self.cell

    @property
    def whole(self) -> Scratch:
        whole = _WHOLE if self.cell == 1 else _WHOLE_OF_CELLS
        return whole.of_width(max(self._tail_size, self._block_size))

    @property
    def _block_size(self) -> float:
        """How much more a block takes than the one that was measured: by its two widths, measured 2026-11 for 32 to 128 features."""
        return (self.features + 2.3 * self.growth) / (64 + 2.3 * 32)

    @property
    def _tail_size(self) -> float:
        """How much larger the maps of the tail are than those that were measured."""
        return self.features / 64 * (1 << 2 * self.doublings) / 4**2

    @cached_property
    def segments(self) -> tuple[Segment, ...]:
        return _segments(self)

    @cached_property
    def shapes(self) -> Shapes:
        return _shapes(self)

    @classmethod
    def of_shapes(cls, shapes: Shapes) -> RRDBNet | None:
        blocks = len({name.split(".")[1] for name in shapes if name.startswith("body.") and ".rdb1." in name})
        growth = shapes.get("body.0.rdb1.conv1.bias", (0,))
        features = shapes.get("conv_body.bias", (0,))
        first = shapes.get("conv_first.weight", ())
        doublings = sum(1 for name in shapes if name.startswith("conv_up") and name.endswith(".weight"))
        if not (blocks and any(growth) and any(features)) or doublings > MOST_DOUBLINGS or blocks > MOST_BLOCKS:
            return None
        cell = {12: 2, 48: 4}.get(first[1], 1) if len(first) == 4 else 1
        return cls(blocks, cell, doublings, features[0], growth[0]) if 1 << doublings >= cell else None


def _segments(network: RRDBNet) -> tuple[Segment, ...]:
    """Head, blocks and tail of the network, whose answer is up to eight times as large as its picture of cells."""
    blocks, cell, features, doublings = network.blocks, network.cell, network.features, network.doublings
    body = _BLOCK.of_width(network._block_size)
    head = Segment(
        name="head",
        function=partial(_head, cell),
        inputs=("picture",),
        reach=1,
        channels_out=features,
        cell=cell,
        scratch=_HEAD.of_width(features / 64),
        window=_WINDOW,
    )
    # A block is 15 convolutions deep. The tail sees 1 pixel by the body's last convolution, and by the others less than 2: two at the
    # size of the result and one at every doubling of the size.
    middle = (
        Segment(
            name=f"block {i}",
            function=partial(_block, i),
            inputs=("features",),
            reach=15,
            channels_out=features,
            features_in=features,
            scratch=body,
            window=_WINDOW,
        )
        for i in range(blocks)
    )
    tail = Segment(
        name="tail",
        function=partial(_tail, cell, doublings),
        inputs=("picture", "features"),
        reach=3,
        channels_out=3,
        features_in=features,
        scale=1 << doublings,
        cell=cell,
        # Below 4x the maps are smaller, and what is read and kept at the photo's size weighs more: never less than half.
        scratch=(_TAIL if cell < 4 else _TAIL_OF_LARGE_CELLS).of_width(max(network._tail_size, features / 128)),
        window=_TAIL_WINDOW if doublings <= 2 else _TAIL_WINDOW // 2,
    )
    return (head, *middle, tail)


def _shapes(network: RRDBNet) -> Shapes:
    shapes: Shapes = {}
    blocks, cell, features, growth = network.blocks, network.cell, network.features, network.growth

    def conv(name: str, channels_in: int, channels_out: int) -> None:
        shapes[f"{name}.weight"] = (channels_out, channels_in, 3, 3)
        shapes[f"{name}.bias"] = (channels_out,)

    conv("conv_first", 3 * cell * cell, features)
    for block in range(blocks):
        for dense in (1, 2, 3):
            for k in range(1, 6):
                conv(f"body.{block}.rdb{dense}.conv{k}", features + (k - 1) * growth, growth if k < 5 else features)
    for name in ("conv_body", *(f"conv_up{n}" for n in range(1, network.doublings + 1)), "conv_hr"):
        conv(name, features, features)
    conv("conv_last", features, 3)
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


def _tail(cell: int, doublings: int, ops: Ops[Any], weights: NamedWeights, picture: Any, features: Any) -> Any:
    # The head's answer is computed again rather than kept: one convolution of 350 is cheaper than a third map of features. The order of
    # the sum matters: a runtime adds its second term to the accumulator of the convolution before it, and it is the head's answer
    # that was rounded to bf16 where both are one graph. The other way round the bits differ.
    x = ops.add(_conv(ops, weights, "conv_body", features), _head(cell, ops, weights, picture))
    for n in range(1, doublings + 1):
        x = ops.leaky_relu(_conv(ops, weights, f"conv_up{n}", ops.nearest(x, 2)), SLOPE)
    return _conv(ops, weights, "conv_last", ops.leaky_relu(_conv(ops, weights, "conv_hr", x), SLOPE))
