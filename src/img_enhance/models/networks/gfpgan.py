"""The network of GFPGAN 1.3 and 1.4: a U-Net reads a face, and what it finds steers a StyleGAN2 decoder that draws it anew.

The decoder's convolutions are modulated: their weights depend on the picture. Here the style scales the channels that go in and a
normalisation those that come out, which is the same by distributivity, so that every convolution has constant weights and every runtime
can prepare them once. Noise is the stored one: upstream draws it at random, so that the same face never comes out twice.

Source: Wang et al., Towards Real-World Blind Face Restoration with Generative Facial Prior, CVPR 2021, arXiv:2101.04061 (the network);
Karras et al., Analyzing and Improving the Image Quality of StyleGAN, CVPR 2020, arXiv:1912.04958, section 2.2 (modulation).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from itertools import pairwise
from typing import Any, ClassVar

from img_enhance.models.networks.ops import Ops
from img_enhance.models.networks.segment import NamedWeights, Scratch, Segment, Shapes

SLOPE = 0.2
# The side of the smallest map, where the U-Net turns and the decoder begins.
SMALLEST = 4
# Added to a sum of squares before its root is divided by.
EPSILON = 1e-8
# Layers of the mapping from noise to style: in every published file, and of no use here, where styles come from the picture.
MAPPING_LAYERS = 8

_DECODER = "stylegan_decoder"


# Measured 2026-11 in f32: 292 MB a face; in bf16 it is taken to be no more.
_SCRATCH = Scratch(f32=1_200, bf16=1_200)


@dataclass(frozen=True)
class GFPGANClean:
    """U-Net and StyleGAN2 decoder as one segment, for whole faces of `side` x `side`, a power of two of at least 8, RGB from -1 to 1.

    `channels` is the greatest width, `style` the length of a style; the published networks have these values.
    """

    side: int = 512
    channels: int = 512
    style: int = 512

    scale: ClassVar[int] = 1
    cell: ClassVar[int] = 1
    # A face is never cut up.
    halo: ClassVar[int] = 0
    features: ClassVar[int] = 0
    whole: ClassVar[Scratch] = _SCRATCH

    @cached_property
    def segments(self) -> tuple[Segment, ...]:
        return (
            Segment(
                name="face network",
                function=partial(_network, self),
                inputs=("picture",),
                reach=self.side,
                channels_out=3,
                side=self.side,
                scratch=_SCRATCH,
                window=self.side,
            ),
        )

    @cached_property
    def shapes(self) -> Shapes:
        return _shapes(self)

    @classmethod
    def of_shapes(cls, shapes: Shapes) -> GFPGANClean | None:
        constant = shapes.get(f"{_DECODER}.constant_input.weight", ())
        style, *_ = shapes.get(f"{_DECODER}.style_mlp.1.weight") or (0,)
        sides = [shape[-1] for name, shape in shapes.items() if name.startswith(f"{_DECODER}.noises.") and shape]
        if len(constant) != 4 or not style or not sides:
            return None
        return cls(side=max(sides), channels=constant[1], style=style)


def _shapes(architecture: GFPGANClean) -> Shapes:
    shapes: Shapes = {}
    sides = _sides(architecture)
    half = {side: _width(architecture, side) // 2 for side in (SMALLEST, *sides)}
    latents = 2 * len(sides) + 2
    _conv_shapes(shapes, "conv_body_first", (3, half[sides[-1]]), 1)
    for n, side in enumerate(reversed(sides)):
        _block_shapes(shapes, f"conv_body_down.{n}", (half[side], half[side // 2]))
    _conv_shapes(shapes, "final_conv", (half[SMALLEST], half[SMALLEST]))
    for n, side in enumerate(sides):
        _block_shapes(shapes, f"conv_body_up.{n}", (half[side // 2], half[side]))
    for n, side in enumerate(sides):
        _conv_shapes(shapes, f"toRGB.{n}", (half[side], 3), 1)
    _linear_shapes(shapes, "final_linear", (half[SMALLEST] * SMALLEST**2, latents * architecture.style))
    _decoder_shapes(shapes, architecture)
    for kind in ("condition_scale", "condition_shift"):
        for n, side in enumerate(sides):
            for layer in (0, 2):
                _conv_shapes(shapes, f"{kind}.{n}.{layer}", (half[side], half[side]))
    return shapes


def _sides(architecture: GFPGANClean) -> list[int]:
    """Sides of the maps above the smallest one."""
    return [2**power for power in range(3, architecture.side.bit_length())]


def _width(architecture: GFPGANClean, side: int) -> int:
    """Channels of the decoder at this side; the U-Net has half of them."""
    return architecture.channels if side <= 64 else architecture.channels * 64 // side


def _conv_shapes(shapes: Shapes, name: str, channels: tuple[int, int], side: int = 3) -> None:
    shapes[f"{name}.weight"] = (channels[1], channels[0], side, side)
    shapes[f"{name}.bias"] = (channels[1],)


def _linear_shapes(shapes: Shapes, name: str, values: tuple[int, int]) -> None:
    shapes[f"{name}.weight"] = (values[1], values[0])
    shapes[f"{name}.bias"] = (values[1],)


def _block_shapes(shapes: Shapes, name: str, channels: tuple[int, int]) -> None:
    _conv_shapes(shapes, f"{name}.conv1", (channels[0], channels[0]))
    _conv_shapes(shapes, f"{name}.conv2", channels)
    shapes[f"{name}.skip.weight"] = (channels[1], channels[0], 1, 1)


def _decoder_shapes(shapes: Shapes, architecture: GFPGANClean) -> None:
    sides = _sides(architecture)
    widths = [_width(architecture, side) for side in (SMALLEST, *sides)]

    def styled(name: str, channels: tuple[int, int], side: int) -> None:
        if side == 3:
            shapes[f"{name}.weight"] = (1,)
        shapes[f"{name}.bias"] = (1, channels[1], 1, 1)
        shapes[f"{name}.modulated_conv.weight"] = (1, channels[1], channels[0], side, side)
        _linear_shapes(shapes, f"{name}.modulated_conv.modulation", (architecture.style, channels[0]))

    for layer in range(MAPPING_LAYERS):
        _linear_shapes(shapes, f"{_DECODER}.style_mlp.{2 * layer + 1}", (architecture.style, architecture.style))
    shapes[f"{_DECODER}.constant_input.weight"] = (1, widths[0], SMALLEST, SMALLEST)
    styled(f"{_DECODER}.style_conv1", (widths[0], widths[0]), 3)
    styled(f"{_DECODER}.to_rgb1", (widths[0], 3), 1)
    for n, (before, width) in enumerate(pairwise(widths)):
        styled(f"{_DECODER}.style_convs.{2 * n}", (before, width), 3)
        styled(f"{_DECODER}.style_convs.{2 * n + 1}", (width, width), 3)
    for n, width in enumerate(widths[1:]):
        styled(f"{_DECODER}.to_rgbs.{n}", (width, 3), 1)
    for n, side in enumerate([SMALLEST, *(side for side in sides for _ in range(2))]):
        shapes[f"{_DECODER}.noises.noise{n}"] = (1, 1, side, side)


def _conv(ops: Ops[Any], weights: NamedWeights, name: str, x: Any) -> Any:
    return ops.conv(x, weights[f"{name}.weight"], weights.get(f"{name}.bias"))


def _linear(ops: Ops[Any], weights: NamedWeights, name: str, x: Any) -> Any:
    return ops.linear(x, weights[f"{name}.weight"], weights[f"{name}.bias"])


def _network(architecture: GFPGANClean, ops: Ops[Any], weights: NamedWeights, picture: Any) -> Any:
    levels = len(_sides(architecture))
    x = ops.leaky_relu(_conv(ops, weights, "conv_body_first", picture), SLOPE)
    seen = []
    for n in range(levels):
        x = _down(ops, weights, f"conv_body_down.{n}", x)
        seen.append(x)
    x = ops.leaky_relu(_conv(ops, weights, "final_conv", x), SLOPE)
    styles = _linear(ops, weights, "final_linear", x)
    conditions = []
    for n in range(levels):
        x = _up(ops, weights, f"conv_body_up.{n}", ops.add(x, seen.pop()))
        conditions.append((_condition(ops, weights, f"condition_scale.{n}", x), _condition(ops, weights, f"condition_shift.{n}", x)))
    length = architecture.style
    latents = [ops.channels(styles, length * n, length * (n + 1)) for n in range(2 * levels + 2)]
    return _decode(ops, weights, latents, conditions)


def _down(ops: Ops[Any], weights: NamedWeights, name: str, x: Any) -> Any:
    """A residual block that halves the size."""
    y = ops.bilinear(ops.leaky_relu(_conv(ops, weights, f"{name}.conv1", x), SLOPE), 0.5)
    y = ops.leaky_relu(_conv(ops, weights, f"{name}.conv2", y), SLOPE)
    return ops.add(y, _conv(ops, weights, f"{name}.skip", ops.bilinear(x, 0.5)))


def _up(ops: Ops[Any], weights: NamedWeights, name: str, x: Any) -> Any:
    """A residual block that doubles the size."""
    y = ops.bilinear(ops.leaky_relu(_conv(ops, weights, f"{name}.conv1", x), SLOPE), 2)
    y = ops.leaky_relu(_conv(ops, weights, f"{name}.conv2", y), SLOPE)
    # Upstream enlarges first. A 1x1 convolution and an interpolation can change places, and so a quarter of the work is left.
    return ops.add(y, ops.bilinear(_conv(ops, weights, f"{name}.skip", x), 2))


def _condition(ops: Ops[Any], weights: NamedWeights, name: str, x: Any) -> Any:
    return _conv(ops, weights, f"{name}.2", ops.leaky_relu(_conv(ops, weights, f"{name}.0", x), SLOPE))


def _decode(ops: Ops[Any], weights: NamedWeights, latents: list[Any], conditions: list[tuple[Any, Any]]) -> Any:
    """The picture that the decoder draws from a fixed 4x4 map, steered by styles and, on half of the channels, by what the U-Net saw."""
    x = ops.constant(weights[f"{_DECODER}.constant_input.weight"][0])
    x = _styled(ops, weights, (f"{_DECODER}.style_conv1", 0), x, latents[0])
    picture = _to_rgb(ops, weights, f"{_DECODER}.to_rgb1", x, latents[1])
    for n, (scale, shift) in enumerate(conditions):
        first, second = f"{_DECODER}.style_convs.{2 * n}", f"{_DECODER}.style_convs.{2 * n + 1}"
        x = _styled(ops, weights, (first, 2 * n + 1), x, latents[2 * n + 1], enlarge=True)
        width = weights[f"{first}.bias"].size
        steered = ops.add(ops.multiply(ops.channels(x, width // 2, width), scale), shift)
        x = ops.concat([ops.channels(x, 0, width // 2), steered])
        x = _styled(ops, weights, (second, 2 * n + 2), x, latents[2 * n + 2])
        rgb = _to_rgb(ops, weights, f"{_DECODER}.to_rgbs.{n}", x, latents[2 * n + 3])
        picture = ops.add(rgb, ops.bilinear(picture, 2))
    return picture


def _styled(ops: Ops[Any], weights: NamedWeights, layer: tuple[str, int], x: Any, latent: Any, *, enlarge: bool = False) -> Any:
    """A modulated convolution with its noise, bias and activation; `layer` is its name and the number of its noise."""
    import numpy as np  # here, because the table of models is read by --help, which loads nothing heavy

    name, number = layer
    kernel = weights[f"{name}.modulated_conv.weight"][0]
    style = _linear(ops, weights, f"{name}.modulated_conv.modulation", latent)
    x = ops.multiply(x, style)
    x = ops.conv(ops.bilinear(x, 2) if enlarge else x, kernel)
    # Every output channel is brought to the length 1 that its weights, times the style, would have, and then to sqrt(2), which makes up
    # for what the activation takes (upstream's factor after the convolution): 1 / sqrt(s / 2) is sqrt(2) / sqrt(s).
    squares = np.square(kernel, dtype=np.float32).sum((2, 3)) / 2
    norm = ops.inverse_root(ops.linear(ops.multiply(style, style), squares, np.full(len(kernel), EPSILON / 2, np.float32)))
    noise = weights[f"{_DECODER}.noises.noise{number}"][0] * weights[f"{name}.weight"]
    x = ops.add(ops.multiply(x, norm), ops.constant(noise))
    return ops.leaky_relu(ops.add(x, ops.constant(weights[f"{name}.bias"][0])), SLOPE)


def _to_rgb(ops: Ops[Any], weights: NamedWeights, name: str, x: Any, latent: Any) -> Any:
    style = _linear(ops, weights, f"{name}.modulated_conv.modulation", latent)
    return ops.conv(ops.multiply(x, style), weights[f"{name}.modulated_conv.weight"][0], weights[f"{name}.bias"].reshape(-1))
