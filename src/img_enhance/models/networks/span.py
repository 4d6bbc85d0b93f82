"""SPAN, a small and fast network: convolutions whose answers are also their own attention.

Source: Wan et al., Swift Parameter-free Attention Network for Efficient Super-Resolution, CVPRW 2024, arXiv:2311.12770. The names are
those that spandrel and neosr write. Those files hold every convolution as it was trained, in branches, beside a fused one that may be older
than they are; what runs is fused of the branches, as spandrel does it. Networks that were converted hold the fused ones alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from math import ceil, isqrt
from typing import TYPE_CHECKING, Any, ClassVar

from img_enhance.models.networks.mean_colour import DIV2K, RANGE, without_mean
from img_enhance.models.networks.ops import Ops, Weights
from img_enhance.models.networks.segment import NamedWeights, Scratch, Segment, Shapes

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

BLOCKS = 6
# By how much the branch of three convolutions is wider inside.
GAIN = 2

# The mark that networks without a mean colour carry, which holds nothing.
NO_NORM = "no_norm"

# A first convolution, three a block, one after them and one before the shuffle, all 3 x 3.
_REACH = 1 + 3 * BLOCKS + 1 + 1

_WINDOW = 640


@dataclass(frozen=True)
class SPAN:
    """Six blocks of three convolutions of `channels` channels.

    `norm` says that the colour `mean` is taken out of the picture first, and values are then times `values`: no file of weights says these,
    and spandrel and neosr take the same for all. `fused` says that there are no branches.
    """

    channels: int
    scale: int
    norm: bool = True
    mean: tuple[float, ...] = DIV2K
    values: float = RANGE
    fused: bool = False

    cell: ClassVar[int] = 1
    # Nothing is kept between segments, because there is one.
    features: ClassVar[int] = 0
    # All that it can see, so that areas are exact.
    halo: ClassVar[int] = _REACH

    @property
    def whole(self) -> Scratch:
        return _scratch(self.channels, self.scale)

    @cached_property
    def segments(self) -> tuple[Segment, ...]:
        function = partial(_network, self)
        scratch = _scratch(self.channels, self.scale)
        return (
            Segment("network", function, ("picture",), reach=_REACH, channels_out=3, scale=self.scale, scratch=scratch, window=_WINDOW),
        )

    @cached_property
    def shapes(self) -> Shapes:
        return _shapes(self)

    @classmethod
    def of_shapes(cls, shapes: Shapes) -> SPAN | None:
        fused = "conv_1.sk.weight" not in shapes
        channels, colours, *_ = (*shapes.get("conv_1.eval_conv.weight", ()), 0, 0)
        shuffled, *_ = (*shapes.get("upsampler.0.weight", ()), 0)
        scale = isqrt(shuffled // 3)
        return cls(channels, scale, norm=NO_NORM not in shapes, fused=fused) if channels and colours == 3 and scale else None


def _scratch(channels: int, scale: int) -> Scratch:
    """Ten maps of features, which lie in blocks of 16 channels, and the answer twice (measured 2026-11, 28 to 96 channels, 1x to 4x)."""
    blocked = 16 * ceil(channels / 16)
    return Scratch(f32=42 * blocked + 24 * scale**2 + 50, bf16=21 * blocked + 36 * scale**2 + 50)


def _shapes(architecture: SPAN) -> Shapes:
    channels = architecture.channels
    shapes: Shapes = {} if architecture.norm else {NO_NORM: (1,)}

    def conv(name: str, channels_in: int, channels_out: int, side: int) -> None:
        shapes[f"{name}.weight"] = (channels_out, channels_in, side, side)
        shapes[f"{name}.bias"] = (channels_out,)

    def branched(name: str, channels_in: int) -> None:
        if not architecture.fused:
            conv(f"{name}.sk", channels_in, channels, 1)
            conv(f"{name}.conv.0", channels_in, GAIN * channels_in, 1)
            conv(f"{name}.conv.1", GAIN * channels_in, GAIN * channels, 3)
            conv(f"{name}.conv.2", GAIN * channels, channels, 1)
        conv(f"{name}.eval_conv", channels_in, channels, 3)

    branched("conv_1", 3)
    for block in range(1, BLOCKS + 1):
        for k in (1, 2, 3):
            branched(f"block_{block}.c{k}_r", channels)
    branched("conv_2", channels)  # before what joins it, as in a graph
    conv("conv_cat", 4 * channels, channels, 1)
    conv("upsampler.0", channels, 3 * architecture.scale**2, 3)
    return shapes


def _network(architecture: SPAN, ops: Ops[Any], weights: NamedWeights, picture: Any) -> Any:
    conv = partial(_convolution if architecture.fused else _branched, ops, weights)
    seen = without_mean(ops, picture, architecture.mean, architecture.values) if architecture.norm else picture
    first = conv("conv_1", seen)
    x, active = after_first, _ = _block(ops, conv, "block_1", first)
    for block in range(2, BLOCKS + 1):
        x, active = _block(ops, conv, f"block_{block}", x)
    parts = [first, conv("conv_2", x), after_first, active]
    x = ops.conv(ops.concat(parts), weights["conv_cat.weight"], weights["conv_cat.bias"])
    x = ops.conv(x, weights["upsampler.0.weight"], weights["upsampler.0.bias"])
    return ops.pixel_shuffle(x, architecture.scale)


def _block(ops: Ops[Any], conv: Callable[[str, Any], Any], name: str, x: Any) -> tuple[Any, Any]:
    """A block's answer, and that of its first convolution after the SiLU, which the published code applies in place."""
    import numpy as np  # --help reads the table of models and does without

    first = ops.curve(conv(f"{name}.c1_r", x), "silu")
    inner = ops.curve(conv(f"{name}.c2_r", first), "silu")
    last = conv(f"{name}.c3_r", inner)
    attention = ops.add(ops.curve(last, "sigmoid"), ops.constant(np.full((1, 1, 1), -0.5, np.float32)))
    return ops.multiply(ops.add(last, x), attention), first


def _convolution(ops: Ops[Any], weights: NamedWeights, name: str, x: Any) -> Any:
    return ops.conv(x, weights[f"{name}.eval_conv.weight"], weights[f"{name}.eval_conv.bias"])


def _branched(ops: Ops[Any], weights: NamedWeights, name: str, x: Any) -> Any:
    return ops.conv(x, *_fused(weights, name))


def _fused(weights: NamedWeights, name: str) -> tuple[Weights, Weights]:
    """Weight and bias of the convolution that three in a row (1 x 1, 3 x 3, 1 x 1) and one of 1 x 1 beside them add up to."""
    import numpy as np

    def of(layer: str) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        return weights[f"{name}.{layer}.weight"].astype(np.float32), weights[f"{name}.{layer}.bias"].astype(np.float32)

    (w1, b1), (w2, b2), (w3, b3), (beside, its_bias) = (of(layer) for layer in ("conv.0", "conv.1", "conv.2", "sk"))
    inner = np.einsum("omyx,mi->oiyx", w2, w1[..., 0, 0], optimize=True)
    fused = np.einsum("om,miyx->oiyx", w3[..., 0, 0], inner, optimize=True)
    fused[:, :, 1:2, 1:2] += beside
    bias = w3[..., 0, 0] @ (np.einsum("omyx,m->o", w2, b1, optimize=True) + b2) + b3
    return fused, bias + its_bias
