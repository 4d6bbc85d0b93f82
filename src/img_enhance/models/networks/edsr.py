"""EDSR, a plain residual network trained to come as near to the truth as it can, and to draw nothing anew.

Source: Lim et al., EDSR, CVPRW 2017, arXiv:1707.02921. The authors' own class takes the mean colour out of the picture and sees values up
to 255; the super-image project's has the same names, keeps the mean colour, and sees values in [0, 1].
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from math import isqrt
from typing import Any, ClassVar

from img_enhance.models.networks.mean_colour import with_mean, without_mean
from img_enhance.models.networks.ops import Ops
from img_enhance.models.networks.segment import NamedWeights, Scratch, Segment, Shapes

SCALES = (2, 3, 4)

# The paper's large network, of 256 features, adds a tenth of what each of its blocks finds (section 3.3); the others add all.
LARGE, RESIDUAL_OF_LARGE = 256, 0.1

# Measured 2026-11 with `scripts/measure_model.py` for 64 features, as the widest windows: beyond these a window runs no faster.
_BODY, _TAIL = Scratch(f32=1_100, bf16=600), Scratch(f32=8_900, bf16=4_600)
_BODY_WINDOW, _TAIL_WINDOW = 640, 320

# The tail's convolutions see a pixel each: at the photo's size, at twice it where the network is 4x, and at the result's.
_TAIL_REACH = 2


@dataclass(frozen=True)
class EDSR:
    """`blocks` residual blocks of two convolutions, then one or two shuffles of pixels to the larger size.

    Inside, values of the picture, from 0 to 1, are from 0 to `values`, less the colour `mean` where there is one.
    """

    blocks: int
    scale: int
    features: int = 64
    mean: tuple[float, ...] = ()
    values: float = 1.0

    cell: ClassVar[int] = 1

    @property
    def whole(self) -> Scratch:
        return _TAIL.of_width(self.features / 64)

    @property
    def residual(self) -> float:
        """How much of what a block finds is added."""
        return RESIDUAL_OF_LARGE if self.features == LARGE else 1.0

    @property
    def halo(self) -> int:
        """All that it can see, so that areas are exact."""
        return self._body_reach + _TAIL_REACH

    @property
    def _body_reach(self) -> int:
        return 2 * self.blocks + 2

    @cached_property
    def segments(self) -> tuple[Segment, ...]:
        body = Segment(
            "body",
            partial(_body, self),
            ("picture",),
            reach=self._body_reach,
            channels_out=self.features,
            scratch=_BODY.of_width(self.features / 64),
            window=_BODY_WINDOW,
        )
        tail = Segment(
            "tail",
            partial(_tail, self),
            ("features",),
            reach=_TAIL_REACH,
            channels_out=3,
            features_in=self.features,
            scale=self.scale,
            scratch=self.whole,
            window=_TAIL_WINDOW,
        )
        return body, tail

    @cached_property
    def shapes(self) -> Shapes:
        return _shapes(self)

    @classmethod
    def of_shapes(cls, shapes: Shapes) -> EDSR | None:
        blocks = len({name.split(".")[1] for name in shapes if name.startswith("body.") and ".body.2." in name})
        shuffled = [shapes[name][0] for name in ("tail.0.0.weight", "tail.0.2.weight") if shapes.get(name)]
        features, *_ = shapes.get("head.0.weight") or (0,)
        scale = 4 if len(shuffled) == 2 else isqrt(shuffled[0] // features) if shuffled and features else 0
        return cls(blocks, scale, features) if blocks and features and scale in SCALES else None


def _factors(scale: int) -> tuple[int, ...]:
    """By how much each shuffle enlarges."""
    return (2, 2) if scale == 4 else (scale,)


def _shapes(network: EDSR) -> Shapes:
    shapes: Shapes = {}
    blocks, features = network.blocks, network.features

    def conv(name: str, channels_in: int, channels_out: int) -> None:
        shapes[f"{name}.weight"] = (channels_out, channels_in, 3, 3)
        shapes[f"{name}.bias"] = (channels_out,)

    conv("head.0", 3, features)
    for block in range(blocks):
        conv(f"body.{block}.body.0", features, features)
        conv(f"body.{block}.body.2", features, features)
    conv(f"body.{blocks}", features, features)
    for number, factor in enumerate(_factors(network.scale)):
        conv(f"tail.0.{2 * number}", features, features * factor**2)
    conv("tail.1", features, 3)
    return shapes


def _conv(ops: Ops[Any], weights: NamedWeights, name: str, x: Any) -> Any:
    return ops.conv(x, weights[f"{name}.weight"], weights[f"{name}.bias"])


def _body(network: EDSR, ops: Ops[Any], weights: NamedWeights, picture: Any) -> Any:
    seen = without_mean(ops, picture, network.mean, network.values) if network.mean else picture
    head = x = _conv(ops, weights, "head.0", seen)
    for block in range(network.blocks):
        inner = ops.leaky_relu(_conv(ops, weights, f"body.{block}.body.0", x), 0.0)
        found = _conv(ops, weights, f"body.{block}.body.2", inner)
        x = ops.add(found if network.residual == 1 else ops.scale(found, network.residual), x)
    return ops.add(_conv(ops, weights, f"body.{network.blocks}", x), head)


def _tail(network: EDSR, ops: Ops[Any], weights: NamedWeights, features: Any) -> Any:
    x = features
    for number, factor in enumerate(_factors(network.scale)):
        x = ops.pixel_shuffle(_conv(ops, weights, f"tail.0.{2 * number}", x), factor)
    answer = _conv(ops, weights, "tail.1", x)
    return with_mean(ops, answer, network.mean, network.values) if network.mean else answer
