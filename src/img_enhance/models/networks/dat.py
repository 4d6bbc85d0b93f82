"""DAT, the Dual Aggregation Transformer: blocks that attend to the places of a window and blocks that attend to channels, in turn.

Source: Chen et al., Dual Aggregation Transformer for Image Super-Resolution, ICCV 2023, arXiv:2308.03364. The names are those of the
authors' code, which spandrel and neosr write too. How far apart the places of a window are (`rpe_biases`) is a grid here and a list in
files: see `weights/layouts.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from math import ceil, isqrt, prod
from typing import Any, ClassVar

from img_enhance.models.networks.dat_blocks import channels_block, conv, layer_norm, places_block
from img_enhance.models.networks.mean_colour import DIV2K, with_mean, without_mean
from img_enhance.models.networks.ops import Ops
from img_enhance.models.networks.segment import NamedWeights, Scratch, Segment, Shapes

# The width before the picture is enlarged in steps.
_BEFORE_SHUFFLES = 64
# How much narrower than the features the middle of three convolutions is, and what looks at channels and at places.
_NARROW, _OF_CHANNELS, _OF_PLACES = 4, 8, 16

# Published windows have 8 x 32 places. What is added for each pair of them grows with the square, and a small file might ask for any.
_MOST_PLACES = 1024

# Windows of networks that see all are as large as memory allows, and overlap by this: measured, see docs/models.md.
_LARGEST_WINDOW, _OVERLAP = 16_384, 64


@dataclass(frozen=True)
class DAT:
    """Groups of `depths` blocks of `channels` channels, which attend with so many `heads` and are `hidden` channels wide inside.

    A `window` is so many rows and columns, and turned for half of the channels. `qkv_bias` says that queries, keys and values have
    biases, `three_convs` that a group ends in three convolutions, the middle one narrow, and `direct` that the picture is enlarged in one
    step and not in several of 64 channels.
    """

    channels: int
    depths: tuple[int, ...]
    heads: tuple[int, ...]
    window: tuple[int, int]
    hidden: int
    scale: int
    qkv_bias: bool = True
    three_convs: bool = False
    direct: bool = False

    cell: ClassVar[int] = 1
    # Nothing is kept between segments, because there is one.
    features: ClassVar[int] = 0
    halo: ClassVar[int] = _OVERLAP

    @property
    def whole(self) -> Scratch:
        return _scratch(self)

    @cached_property
    def segments(self) -> tuple[Segment, ...]:
        return (
            Segment(
                "network",
                partial(_network, self),
                ("picture",),
                reach=_OVERLAP,
                channels_out=3,
                scale=self.scale,
                sees_all=True,
                multiple=max(self.window),
                resident=_resident(self),
                scratch=_scratch(self),
                window=_LARGEST_WINDOW,
            ),
        )

    @cached_property
    def shapes(self) -> Shapes:
        return _shapes(self)

    @property
    def _can_run(self) -> bool:
        """Whether channels are whole heads, in both halves of them too, and a window turned is a whole number of windows."""
        half, short, long = self.channels // 2, min(self.window), max(self.window)
        return (
            self.channels % 2 == self.hidden % 2 == 0
            and half >= _OF_PLACES
            and all(heads > 0 and heads % 2 == 0 and half % (heads // 2) == 0 for heads in self.heads)
            and short > 0
            and long % short == 0
            and short * long <= _MOST_PLACES
        )

    @classmethod
    def of_shapes(cls, shapes: Shapes) -> DAT | None:
        groups = _count(shapes, "layers.{}.blocks.0.norm1.weight")
        depths = tuple(_count(shapes, f"layers.{group}.blocks.{{}}.norm1.weight") for group in range(groups))
        channels, *_ = (*shapes.get("conv_first.weight", ()), 0)
        hidden, *_ = (*shapes.get("layers.0.blocks.0.ffn.fc1.weight", ()), 0)
        offsets = shapes.get(f"{_BRANCH.format(0, 0, 0)}.rpe_biases", ())
        if not groups or not channels or len(offsets) != 3:
            return None
        direct = "conv_last.weight" not in shapes
        found = cls(
            channels=channels,
            depths=depths,
            heads=tuple(_heads(shapes, group) for group in range(groups)),
            window=((offsets[0] + 1) // 2, (offsets[1] + 1) // 2),
            hidden=hidden,
            scale=_scale(shapes, direct=direct),
            qkv_bias="layers.0.blocks.0.attn.qkv.bias" in shapes,
            three_convs="conv_after_body.weight" not in shapes,
            direct=direct,
        )
        return found if found._can_run and found.scale else None


_BLOCK = "layers.{}.blocks.{}"
_BRANCH = _BLOCK + ".attn.attns.{}"


def _count(shapes: Shapes, name: str, *, step: int = 1) -> int:
    """How many of these names there are, from 0 on."""
    count = 0
    while name.format(count * step) in shapes:
        count += 1
    return count


def _heads(shapes: Shapes, group: int) -> int:
    # Each half of the channels has half of the heads.
    half, *_ = (*shapes.get(f"{_BRANCH.format(group, 0, 0)}.pos.pos3.2.weight", ()), 0)
    return 2 * half


def _scale(shapes: Shapes, *, direct: bool) -> int:
    if direct:
        shuffled, *_ = (*shapes.get("upsample.0.weight", ()), 0)
        return isqrt(shuffled // 3)
    steps = (shapes[f"upsample.{2 * number}.weight"] for number in range(_count(shapes, "upsample.{}.weight", step=2)))
    return prod(isqrt((*shape, 0)[0] // _BEFORE_SHUFFLES) for shape in steps)


def _factors(scale: int) -> tuple[int, ...]:
    """By how much each step enlarges."""
    return (3,) if scale == 3 else (2,) * (scale.bit_length() - 1)


def _is_shifted(group: int, block: int) -> bool:
    """Whether a block's windows begin half a window further on: every other one of those that attend to places, through all groups."""
    return block % 4 == (0 if group % 2 else 2)


def _shapes(architecture: DAT) -> Shapes:
    channels, hidden = architecture.channels, architecture.hidden
    shapes: Shapes = {}

    def layer(name: str, *weight: int, bias: bool = True) -> None:
        shapes[f"{name}.weight"] = weight
        if bias:
            shapes[f"{name}.bias"] = weight[:1]

    def batch_norm(name: str, width: int) -> None:
        layer(name, width)
        shapes[f"{name}.running_mean"] = shapes[f"{name}.running_var"] = (width,)

    def branch(name: str, window: tuple[int, int], heads: int) -> None:
        width = channels // 2 // 4 // 4
        shapes[f"{name}.rpe_biases"] = (2 * window[0] - 1, 2 * window[1] - 1, 2)
        layer(f"{name}.pos.pos_proj", width, 2)
        for number, answers in ((1, width), (2, width), (3, heads)):
            layer(f"{name}.pos.pos{number}.0", width)
            layer(f"{name}.pos.pos{number}.2", answers, width)

    def attention(name: str, heads: int, *, of_places: bool) -> None:
        if not of_places:
            shapes[f"{name}.temperature"] = (heads, 1, 1)
        layer(f"{name}.qkv", 3 * channels, channels, bias=architecture.qkv_bias)
        layer(f"{name}.proj", channels, channels)
        if of_places:
            branch(f"{name}.attns.0", architecture.window, heads // 2)
            branch(f"{name}.attns.1", architecture.window[::-1], heads // 2)
        layer(f"{name}.dwconv.0", channels, 1, 3, 3)
        batch_norm(f"{name}.dwconv.1", channels)
        layer(f"{name}.channel_interaction.1", channels // _OF_CHANNELS, channels, 1, 1)
        batch_norm(f"{name}.channel_interaction.2", channels // _OF_CHANNELS)
        layer(f"{name}.channel_interaction.4", channels, channels // _OF_CHANNELS, 1, 1)
        layer(f"{name}.spatial_interaction.0", channels // _OF_PLACES, channels, 1, 1)
        batch_norm(f"{name}.spatial_interaction.1", channels // _OF_PLACES)
        layer(f"{name}.spatial_interaction.3", 1, channels // _OF_PLACES, 1, 1)

    def block(name: str, heads: int, *, of_places: bool) -> None:
        layer(f"{name}.norm1", channels)
        attention(f"{name}.attn", heads, of_places=of_places)
        layer(f"{name}.ffn.fc1", hidden, channels)
        layer(f"{name}.ffn.sg.norm", hidden // 2)
        layer(f"{name}.ffn.sg.conv", hidden // 2, 1, 3, 3)
        layer(f"{name}.ffn.fc2", channels, hidden // 2)
        layer(f"{name}.norm2", channels)

    def convs(name: str) -> None:
        if not architecture.three_convs:
            layer(name, channels, channels, 3, 3)
            return
        narrow = channels // _NARROW
        layer(f"{name}.0", narrow, channels, 3, 3)
        layer(f"{name}.2", narrow, narrow, 1, 1)
        layer(f"{name}.4", channels, narrow, 3, 3)

    layer("conv_first", channels, 3, 3, 3)
    layer("before_RG.1", channels)
    for group, (depth, heads) in enumerate(zip(architecture.depths, architecture.heads, strict=True)):
        for number in range(depth):
            block(_BLOCK.format(group, number), heads, of_places=number % 2 == 0)
        convs(f"layers.{group}.conv")
    layer("norm", channels)
    convs("conv_after_body")
    if architecture.direct:
        layer("upsample.0", 3 * architecture.scale**2, channels, 3, 3)
        return shapes
    layer("conv_before_upsample.0", _BEFORE_SHUFFLES, channels, 3, 3)
    for number, factor in enumerate(_factors(architecture.scale)):
        layer(f"upsample.{2 * number}", factor**2 * _BEFORE_SHUFFLES, _BEFORE_SHUFFLES, 3, 3)
    layer("conv_last", 3, _BEFORE_SHUFFLES, 3, 3)
    return shapes


def _network(architecture: DAT, ops: Ops[Any], weights: NamedWeights, picture: Any) -> Any:
    # No file says which mean colour, and that values are not spread; the authors' code and spandrel take this for all.
    first = conv(ops, weights, "conv_first", without_mean(ops, picture, DIV2K, 1.0))
    x = layer_norm(ops, weights, "before_RG.1", first)
    for group in range(len(architecture.depths)):
        x = ops.add(_convs(ops, weights, f"layers.{group}.conv", _blocks(architecture, group, ops, weights, x)), x)
    x = ops.add(_convs(ops, weights, "conv_after_body", layer_norm(ops, weights, "norm", x)), first)
    return with_mean(ops, _enlarged(architecture, ops, weights, x), DIV2K, 1.0)


def _blocks(architecture: DAT, group: int, ops: Ops[Any], weights: NamedWeights, x: Any) -> Any:
    """The blocks of a group: places attend, channels attend, and so on."""
    for number in range(architecture.depths[group]):
        name = _BLOCK.format(group, number)
        if number % 2:
            x = channels_block(ops, weights, name, x)
        else:
            x = places_block(ops, weights, name, x, window=architecture.window, shifted=_is_shifted(group, number))
    return x


def _convs(ops: Ops[Any], weights: NamedWeights, name: str, x: Any) -> Any:
    """What a group ends in: one convolution, or three."""
    if f"{name}.weight" in weights:
        return conv(ops, weights, name, x)
    for layer in (0, 2):
        x = ops.leaky_relu(conv(ops, weights, f"{name}.{layer}", x), 0.2)
    return conv(ops, weights, f"{name}.4", x)


def _enlarged(architecture: DAT, ops: Ops[Any], weights: NamedWeights, x: Any) -> Any:
    if architecture.direct:
        return ops.pixel_shuffle(conv(ops, weights, "upsample.0", x), architecture.scale)
    x = ops.leaky_relu(conv(ops, weights, "conv_before_upsample.0", x), 0.01)
    for number, factor in enumerate(_factors(architecture.scale)):
        x = ops.pixel_shuffle(conv(ops, weights, f"upsample.{2 * number}", x), factor)
    return conv(ops, weights, "conv_last", x)


def _resident(architecture: DAT) -> int:
    """Some 120 operations a block, and what is added for each pair of places, once and a half (measured 2026-11, 6 and 18 blocks)."""
    places = prod(architecture.window)
    added = sum(ceil(depth / 2) * heads for depth, heads in zip(architecture.depths, architecture.heads, strict=True)) * 4 * places**2
    return 3_500_000 * sum(architecture.depths) + added * 3 // 2


def _scratch(architecture: DAT) -> Scratch:
    """Eight maps of features, four as wide as blocks are inside, in blocks of 16 channels, and what enlarges (measured 2026-11, 32 to 180
    channels, 1x to 8x). Attention to places takes next to nothing: no more of its weights lie in memory than a thread works with."""
    half, hidden_half = (16 * ceil(width / 2 / 16) for width in (architecture.channels, architecture.hidden))
    enlarging = (24 if architecture.direct else 540) * architecture.scale**2
    needed = 64 * half + 32 * hidden_half + 1000 + enlarging
    return Scratch(f32=needed, bf16=needed // 2)
