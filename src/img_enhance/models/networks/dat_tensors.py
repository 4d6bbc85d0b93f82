"""The tensors that a DAT's file holds (`dat.py`), and what their shapes say of it.

How far apart the places of a window are (`rpe_biases`) is a grid here and a list in files: see `weights/layouts.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import isqrt, prod
from typing import Self

from img_enhance.models.networks.segment import Shapes

BLOCK = "layers.{}.blocks.{}"
_BRANCH = BLOCK + ".attn.attns.{}"

# The width before the picture is enlarged in steps.
_BEFORE_SHUFFLES = 64
# How much narrower than the features the middle of three convolutions is, and what looks at channels and at places.
_NARROW, _OF_CHANNELS, _OF_PLACES = 4, 8, 16

# Published windows have 8 x 32 places. What is added for each pair of them grows with the square, and a small file might ask for any.
_MOST_PLACES = 1024


@dataclass(frozen=True)
class DATStructure:
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

    @cached_property
    def shapes(self) -> Shapes:
        """Every tensor's shape by its name."""
        tensors = _Tensors(self)
        tensors.before_blocks()
        for group, (depth, heads) in enumerate(zip(self.depths, self.heads, strict=True)):
            for number in range(depth):
                tensors.block(BLOCK.format(group, number), heads, of_places=number % 2 == 0)
            tensors.convs(f"layers.{group}.conv")
        tensors.after_blocks()
        return tensors.shapes

    @classmethod
    def of_shapes(cls, shapes: Shapes) -> Self | None:
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


class _Tensors:
    """Shapes by name, layer by layer."""

    def __init__(self, network: DATStructure) -> None:
        self.shapes: Shapes = {}
        self._network, self._channels = network, network.channels

    def before_blocks(self) -> None:
        self._layer("conv_first", self._channels, 3, 3, 3)
        self._layer("before_RG.1", self._channels)

    def block(self, name: str, heads: int, *, of_places: bool) -> None:
        """One that attends to the places of windows, or to channels."""
        channels, hidden = self._channels, self._network.hidden
        self._layer(f"{name}.norm1", channels)
        self._attention(f"{name}.attn", heads, of_places=of_places)
        self._layer(f"{name}.ffn.fc1", hidden, channels)
        self._layer(f"{name}.ffn.sg.norm", hidden // 2)
        self._layer(f"{name}.ffn.sg.conv", hidden // 2, 1, 3, 3)
        self._layer(f"{name}.ffn.fc2", channels, hidden // 2)
        self._layer(f"{name}.norm2", channels)

    def convs(self, name: str) -> None:
        """What a group ends in: one convolution, or three."""
        if not self._network.three_convs:
            self._layer(name, self._channels, self._channels, 3, 3)
            return
        narrow = self._channels // _NARROW
        self._layer(f"{name}.0", narrow, self._channels, 3, 3)
        self._layer(f"{name}.2", narrow, narrow, 1, 1)
        self._layer(f"{name}.4", self._channels, narrow, 3, 3)

    def after_blocks(self) -> None:
        self._layer("norm", self._channels)
        self.convs("conv_after_body")
        if self._network.direct:
            self._layer("upsample.0", 3 * self._network.scale**2, self._channels, 3, 3)
            return
        self._layer("conv_before_upsample.0", _BEFORE_SHUFFLES, self._channels, 3, 3)
        for number, factor in enumerate(factors_of(self._network.scale)):
            self._layer(f"upsample.{2 * number}", factor**2 * _BEFORE_SHUFFLES, _BEFORE_SHUFFLES, 3, 3)
        self._layer("conv_last", 3, _BEFORE_SHUFFLES, 3, 3)

    def _attention(self, name: str, heads: int, *, of_places: bool) -> None:
        channels, window = self._channels, self._network.window
        if not of_places:
            self.shapes[f"{name}.temperature"] = (heads, 1, 1)
        self._layer(f"{name}.qkv", 3 * channels, channels, bias=self._network.qkv_bias)
        self._layer(f"{name}.proj", channels, channels)
        if of_places:
            self._branch(f"{name}.attns.0", window, heads // 2)
            self._branch(f"{name}.attns.1", window[::-1], heads // 2)
        self._layer(f"{name}.dwconv.0", channels, 1, 3, 3)
        self._batch_norm(f"{name}.dwconv.1", channels)
        self._layer(f"{name}.channel_interaction.1", channels // _OF_CHANNELS, channels, 1, 1)
        self._batch_norm(f"{name}.channel_interaction.2", channels // _OF_CHANNELS)
        self._layer(f"{name}.channel_interaction.4", channels, channels // _OF_CHANNELS, 1, 1)
        self._layer(f"{name}.spatial_interaction.0", channels // _OF_PLACES, channels, 1, 1)
        self._batch_norm(f"{name}.spatial_interaction.1", channels // _OF_PLACES)
        self._layer(f"{name}.spatial_interaction.3", 1, channels // _OF_PLACES, 1, 1)

    def _branch(self, name: str, window: tuple[int, int], heads: int) -> None:
        """Half of the channels, whose windows lie so."""
        width = self._channels // 2 // 4 // 4
        self.shapes[f"{name}.rpe_biases"] = (2 * window[0] - 1, 2 * window[1] - 1, 2)
        self._layer(f"{name}.pos.pos_proj", width, 2)
        for number, answers in ((1, width), (2, width), (3, heads)):
            self._layer(f"{name}.pos.pos{number}.0", width)
            self._layer(f"{name}.pos.pos{number}.2", answers, width)

    def _batch_norm(self, name: str, width: int) -> None:
        self._layer(name, width)
        self.shapes[f"{name}.running_mean"] = self.shapes[f"{name}.running_var"] = (width,)

    def _layer(self, name: str, *weight: int, bias: bool = True) -> None:
        self.shapes[f"{name}.weight"] = weight
        if bias:
            self.shapes[f"{name}.bias"] = weight[:1]


def factors_of(scale: int) -> tuple[int, ...]:
    """By how much each step enlarges."""
    return (3,) if scale == 3 else (2,) * (scale.bit_length() - 1)


def _count(shapes: Shapes, name: str, *, step: int = 1) -> int:
    """How many of these names there are, from 0 on."""
    count = 0
    while name.format(count * step) in shapes:
        count += 1
    return count


def _heads(shapes: Shapes, group: int) -> int:
    """How many heads the blocks of a group have; 0 where its tensors do not say."""
    # Each half of the channels has half of the heads.
    half, *_ = (*shapes.get(f"{_BRANCH.format(group, 0, 0)}.pos.pos3.2.weight", ()), 0)
    return 2 * half


def _scale(shapes: Shapes, *, direct: bool) -> int:
    """By how much it enlarges, in one step or in several; 0 where its tensors do not say."""
    if direct:
        shuffled, *_ = (*shapes.get("upsample.0.weight", ()), 0)
        return isqrt(shuffled // 3)
    steps = (shapes[f"upsample.{2 * number}.weight"] for number in range(_count(shapes, "upsample.{}.weight", step=2)))
    return prod(isqrt((*shape, 0)[0] // _BEFORE_SHUFFLES) for shape in steps)
