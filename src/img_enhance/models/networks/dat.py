"""DAT, the Dual Aggregation Transformer: blocks that attend to the places of a window and blocks that attend to channels, in turn.

Source: Chen et al., Dual Aggregation Transformer for Image Super-Resolution, ICCV 2023, arXiv:2308.03364. The names are those of the
authors' code, which spandrel and neosr write too.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from math import ceil, prod
from typing import Any, ClassVar

from img_enhance.models.networks.dat_blocks import channels_block, conv, layer_norm, places_block
from img_enhance.models.networks.dat_tensors import BLOCK, DATStructure, factors_of
from img_enhance.models.networks.mean_colour import DIV2K, with_mean, without_mean
from img_enhance.models.networks.ops import Ops
from img_enhance.models.networks.segment import LARGEST_WINDOW, OVERLAP, NamedWeights, Scratch, Segment


@dataclass(frozen=True)
class DAT(DATStructure):
    """The network of such a structure."""

    cell: ClassVar[int] = 1
    # Nothing is kept between segments, because there is one.
    features: ClassVar[int] = 0
    halo: ClassVar[int] = OVERLAP

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
                reach=OVERLAP,
                channels_out=3,
                scale=self.scale,
                sees_all=True,
                multiple=max(self.window),
                resident=_resident(self),
                scratch=_scratch(self),
                window=LARGEST_WINDOW,
            ),
        )


def _is_shifted(group: int, block: int) -> bool:
    """Whether a block's windows begin half a window further on: every other one of those that attend to places, through all groups."""
    return block % 4 == (0 if group % 2 else 2)


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
        name = BLOCK.format(group, number)
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
    for number, factor in enumerate(factors_of(architecture.scale)):
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
