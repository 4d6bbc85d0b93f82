"""SRVGGNetCompact, the small network of Real-ESRGAN's video and general models: plain convolutions over the enlarged photo.

Source: Wang et al., Real-ESRGAN, arXiv:2107.10833, and its repository (archs/srvgg_arch).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from math import isqrt
from typing import Any, ClassVar

from img_enhance.models.networks.ops import Ops
from img_enhance.models.networks.segment import NamedWeights, Scratch, Segment, Shapes

# Measured 2026-11 with `scripts/measure_model.py` for 64 features and 4x, as the widest window.
_SCRATCH, _WINDOW = Scratch(f32=1_000, bf16=870), 640


@dataclass(frozen=True)
class SRVGGNetCompact:
    """A plain stack of 3x3 convolutions with PReLU, of so many channels each: `convolutions` between a first and a last one."""

    convolutions: int
    scale: int
    width: int = 64

    cell: ClassVar[int] = 1
    # Nothing is kept between segments, because there is one.
    features: ClassVar[int] = 0

    @property
    def whole(self) -> Scratch:
        # Two maps of the stack at the photo's size, or what is shuffled to the result's and added to.
        return _SCRATCH.of_width(max(self.width / 64, self.scale**2 / 4**2))

    @property
    def halo(self) -> int:
        """All that it can see, so that areas are exact."""
        return self.convolutions + 2

    @cached_property
    def segments(self) -> tuple[Segment, ...]:
        function = partial(_network, self.convolutions, self.scale)
        return (
            Segment(
                "network", function, ("picture",), reach=self.halo, channels_out=3, scale=self.scale, scratch=self.whole, window=_WINDOW
            ),
        )

    @cached_property
    def shapes(self) -> Shapes:
        return _shapes(self)

    @classmethod
    def of_shapes(cls, shapes: Shapes) -> SRVGGNetCompact | None:
        kernels = {name: shape for name, shape in shapes.items() if name.startswith("body.") and len(shape) == 4}
        first, last = (kernels.get(f"body.{n}.weight", (0,)) for n in (0, 2 * len(kernels) - 2))
        scale, width = isqrt(last[0] // 3), first[0]
        return cls(len(kernels) - 2, scale, width) if len(kernels) > 1 and scale and width else None


def _shapes(network: SRVGGNetCompact) -> Shapes:
    shapes: Shapes = {}
    scale, width = network.scale, network.width
    for k in range(network.convolutions + 1):
        shapes[f"body.{2 * k}.weight"] = (width, width if k else 3, 3, 3)
        shapes[f"body.{2 * k}.bias"] = (width,)
        shapes[f"body.{2 * k + 1}.weight"] = (width,)
    last = 2 * (network.convolutions + 1)
    shapes[f"body.{last}.weight"] = (3 * scale * scale, width, 3, 3)
    shapes[f"body.{last}.bias"] = (3 * scale * scale,)
    return shapes


def _network(convolutions: int, scale: int, ops: Ops[Any], weights: NamedWeights, picture: Any) -> Any:
    x = picture
    for k in range(convolutions + 1):
        x = ops.conv(x, weights[f"body.{2 * k}.weight"], weights[f"body.{2 * k}.bias"])
        x = ops.prelu(x, weights[f"body.{2 * k + 1}.weight"])
    last = 2 * (convolutions + 1)
    x = ops.conv(x, weights[f"body.{last}.weight"], weights[f"body.{last}.bias"])
    return ops.add(x, picture) if scale == 1 else ops.add(ops.pixel_shuffle(x, scale), ops.nearest(picture, scale))
