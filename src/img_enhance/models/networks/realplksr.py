"""RealPLKSR: blocks of two small convolutions and a very large one over a part of the channels.

Source: Lee et al., Partial Large Kernel CNNs for Efficient Super-Resolution, arXiv:2404.11848 (the blocks); the neosr project
(Mish, norms); Liu et al., Learning to Upsample by Learning to Sample, ICCV 2023, arXiv:2308.15085 (DySample). The names are those
that neosr and spandrel write.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from math import ceil, isqrt
from typing import TYPE_CHECKING, Any, ClassVar

from img_enhance.models.networks.ops import Ops, Weights
from img_enhance.models.networks.segment import LARGEST_WINDOW, OVERLAP, NamedWeights, Scratch, Segment, Shapes

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

# No file says them; neosr and spandrel take these for all.
GROUPS = 4
GROUP_EPSILON, LAYER_EPSILON = 1e-5, 1e-6

# Runs of channels that DySample reads at places of their own: at an even scale, and at an odd one.
_SAMPLED_EVENLY, _SAMPLED_ODDLY = 4, 3

_WINDOW = 640


@dataclass(frozen=True)
class RealPLKSR:
    """`blocks` blocks of `channels` channels, of which `partial_channels` see `kernel` x `kernel` pixels.

    `layer_norm` says that each place is normalised by itself, and not whole groups of channels over all places; `attends` that a block
    weighs its values; `dysample` that the picture is enlarged by reading it at places that the network chooses.
    """

    blocks: int
    channels: int
    scale: int
    kernel: int = 17
    partial_channels: int = 16
    layer_norm: bool = False
    attends: bool = True
    dysample: bool = False

    cell: ClassVar[int] = 1

    @property
    def _sees_all(self) -> bool:
        """Groups are normalised over all places, and DySample may read anywhere."""
        return self.dysample or not self.layer_norm

    @property
    def _can_run(self) -> bool:
        """Whether its convolutions keep the size, its part is one of its channels, and these are whole groups."""
        return self.kernel % 2 == 1 and self.partial_channels <= self.channels and (self.layer_norm or self.channels % GROUPS == 0)

    @property
    def _block_reach(self) -> int:
        return 2 + self.kernel // 2 + self.attends

    @property
    def features(self) -> int:
        return 0 if self._sees_all else self.channels

    @property
    def halo(self) -> int:
        return OVERLAP if self._sees_all else 2 + self.blocks * self._block_reach

    @property
    def whole(self) -> Scratch:
        return _scratch(self)

    @cached_property
    def segments(self) -> tuple[Segment, ...]:
        return (_whole(self),) if self._sees_all else _segments(self)

    @cached_property
    def shapes(self) -> Shapes:
        return _shapes(self)

    @classmethod
    def of_shapes(cls, shapes: Shapes) -> RealPLKSR | None:
        layers = {int(name.split(".")[1]) for name in shapes if name.startswith("feats.") and name.split(".")[1].isdecimal()}
        channels, *_ = (*shapes.get("feats.0.weight", ()), 0)
        large = shapes.get("feats.1.lk.conv.weight", ())
        shuffled, *_ = (*shapes.get(f"feats.{max(layers, default=0)}.weight", ()), 0)
        scale = isqrt(shuffled // 3)
        # Before the last layer lies one for training, which has no weights.
        if len(layers) < 3 or not channels or len(large) != 4 or not scale:
            return None
        found = cls(
            blocks=len(layers) - 2,
            channels=channels,
            scale=scale,
            kernel=large[2],
            partial_channels=large[0],
            layer_norm="feats.1.layer_norm.weight" in shapes,
            attends="feats.1.attn.f.0.weight" in shapes,
            dysample="to_img.init_pos" in shapes,
        )
        return found if found._can_run else None


def _scratch(architecture: RealPLKSR) -> Scratch:
    """Maps of features, which lie in blocks of 16 channels, the answer, and what DySample reads, in f32 (measured 2026-11, 32 and 64
    channels, 1x to 4x)."""
    blocked = 16 * ceil(architecture.channels / 16)
    answer = (24 + 116 * architecture.dysample) * architecture.scale**2 + 50
    # Measured 2026-11, 1x to 4x: at most 475 bytes a pixel of the answer with four groups, 250 with three.
    on_host = 120 * _groups(architecture.scale) * architecture.scale**2 * architecture.dysample
    return Scratch(f32=30 * blocked + answer, bf16=16 * blocked + answer, host=on_host)


def _groups(scale: int) -> int:
    return _SAMPLED_ODDLY if scale % 2 else _SAMPLED_EVENLY


def _whole(architecture: RealPLKSR) -> Segment:
    return Segment(
        "network",
        partial(_network, architecture),
        ("picture",),
        reach=OVERLAP,
        channels_out=3,
        scale=architecture.scale,
        sees_all=True,
        scratch=_scratch(architecture),
        window=LARGEST_WINDOW,
    )


def _segments(architecture: RealPLKSR) -> tuple[Segment, ...]:
    channels, reach = architecture.channels, architecture._block_reach
    scratch = _scratch(architecture)
    head = Segment("head", _head, ("picture",), reach=1, channels_out=channels, scratch=scratch, window=_WINDOW)
    blocks = (
        Segment(
            f"block {n}",
            partial(_block, architecture, n),
            ("features",),
            reach=reach,
            channels_out=channels,
            features_in=channels,
            scratch=scratch,
            window=_WINDOW,
        )
        for n in range(1, architecture.blocks + 1)
    )
    tail = Segment(
        "tail",
        partial(_tail, architecture),
        ("picture", "features"),
        reach=1,
        channels_out=3,
        features_in=channels,
        scale=architecture.scale,
        scratch=scratch,
        window=_WINDOW,
    )
    return head, *blocks, tail


def _shapes(architecture: RealPLKSR) -> Shapes:
    channels, part = architecture.channels, architecture.partial_channels
    shapes: Shapes = {}

    def layer(name: str, weight: tuple[int, ...]) -> None:
        shapes[f"{name}.weight"] = weight
        shapes[f"{name}.bias"] = weight[:1]

    layer("feats.0", (channels, 3, 3, 3))
    for n in range(1, architecture.blocks + 1):
        if architecture.layer_norm:
            layer(f"feats.{n}.layer_norm", (channels,))
        layer(f"feats.{n}.channel_mixer.0", (2 * channels, channels, 3, 3))
        layer(f"feats.{n}.channel_mixer.2", (channels, 2 * channels, 3, 3))
        layer(f"feats.{n}.lk.conv", (part, part, architecture.kernel, architecture.kernel))
        if architecture.attends:
            layer(f"feats.{n}.attn.f.0", (channels, channels, 3, 3))
        layer(f"feats.{n}.refine", (channels, channels, 1, 1))
        if not architecture.layer_norm:
            layer(f"feats.{n}.norm", (channels,))
    colours = 3 * architecture.scale**2
    layer(f"feats.{architecture.blocks + 2}", (colours, channels, 3, 3))
    if architecture.dysample:
        shifts = 2 * _groups(architecture.scale) * architecture.scale**2
        shapes["to_img.init_pos"] = (1, shifts, 1, 1)
        if architecture.scale != 1:
            layer("to_img.end_conv", (3, colours, 1, 1))
        layer("to_img.offset", (shifts, colours, 1, 1))
        shapes["to_img.scope.weight"] = (shifts, colours, 1, 1)
    return shapes


def _conv(ops: Ops[Any], weights: NamedWeights, name: str, x: Any) -> Any:
    return ops.conv(x, weights[f"{name}.weight"], weights.get(f"{name}.bias"))


def _network(architecture: RealPLKSR, ops: Ops[Any], weights: NamedWeights, picture: Any) -> Any:
    x = _head(ops, weights, picture)
    for n in range(1, architecture.blocks + 1):
        x = _block(architecture, n, ops, weights, x)
    return _tail(architecture, ops, weights, picture, x)


def _head(ops: Ops[Any], weights: NamedWeights, picture: Any) -> Any:
    return _conv(ops, weights, "feats.0", picture)


def _block(architecture: RealPLKSR, n: int, ops: Ops[Any], weights: NamedWeights, features: Any) -> Any:
    name, x = f"feats.{n}", features
    if architecture.layer_norm:
        x = ops.layer_norm(x, *_norm(weights, f"{name}.layer_norm"), LAYER_EPSILON)
    x = ops.curve(_conv(ops, weights, f"{name}.channel_mixer.0", x), "mish")
    x = _conv(ops, weights, f"{name}.channel_mixer.2", x)
    part = architecture.partial_channels
    far = _conv(ops, weights, f"{name}.lk.conv", ops.channels(x, 0, part))
    x = ops.concat([far, ops.channels(x, part, architecture.channels)]) if part < architecture.channels else far
    if architecture.attends:
        x = ops.multiply(x, ops.curve(_conv(ops, weights, f"{name}.attn.f.0", x), "sigmoid"))
    x = _conv(ops, weights, f"{name}.refine", x)
    if not architecture.layer_norm:
        x = ops.group_norm(x, *_norm(weights, f"{name}.norm"), groups=GROUPS, epsilon=GROUP_EPSILON)
    return ops.add(x, features)


def _norm(weights: NamedWeights, name: str) -> tuple[Weights, Weights]:
    return weights[f"{name}.weight"], weights[f"{name}.bias"]


def _tail(architecture: RealPLKSR, ops: Ops[Any], weights: NamedWeights, picture: Any, features: Any) -> Any:
    scale = architecture.scale
    x = _conv(ops, weights, f"feats.{architecture.blocks + 2}", features)
    if not architecture.dysample:
        return ops.add(ops.pixel_shuffle(x, scale), ops.nearest(picture, scale))
    # Every colour of the picture as often as the shuffle takes channels for it.
    x = ops.add(x, ops.pixel_unshuffle(ops.nearest(picture, scale), scale))
    weighed = ops.scale(ops.curve(_conv(ops, weights, "to_img.scope", x), "sigmoid"), 0.5)
    shifts = ops.multiply(_conv(ops, weights, "to_img.offset", x), weighed)
    shifts = ops.pixel_shuffle(ops.add(shifts, ops.constant(weights["to_img.init_pos"][0])), scale)
    groups = _groups(scale)
    if scale == 1:
        return ops.sampled(x, shifts, factor=scale, groups=groups)
    # Reading between pixels and mixing channels are both linear, so that their order is free. Channels are mixed first, group by group:
    # that is less work, and OpenVINO computes in f32 what no convolution comes after. In bf16 a place would be known to 8 bits, which is
    # less than photos are wide.
    mixed = ops.sampled(ops.conv(x, _by_group(weights["to_img.end_conv.weight"], groups)), shifts, factor=scale, groups=groups)
    answer = ops.constant(weights["to_img.end_conv.bias"][:, None, None])
    for group in range(groups):
        answer = ops.add(ops.channels(mixed, 3 * group, 3 * group + 3), answer)
    return answer


def _by_group(weight: Weights, groups: int) -> npt.NDArray[np.float32]:
    """A convolution (3, c, 1, 1) as one that answers with the part of each group of channels, (3 * groups, c, 1, 1)."""
    import numpy as np  # --help reads the table of models and does without

    channels = weight.shape[1] // groups
    apart = np.zeros((3 * groups, *weight.shape[1:]), np.float32)
    for group in range(groups):
        own = slice(group * channels, (group + 1) * channels)
        apart[3 * group : 3 * group + 3, own] = weight[:, own]
    return apart
