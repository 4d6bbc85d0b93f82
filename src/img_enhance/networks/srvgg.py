"""SRVGGNetCompact, the small network of Real-ESRGAN's video and general models: plain convolutions over the enlarged photo.

Source: Wang et al., Real-ESRGAN, arXiv:2107.10833, and its repository (archs/srvgg_arch).
"""

from functools import partial
from typing import Any

from img_enhance.networks.ops import Ops
from img_enhance.networks.segment import NamedWeights, Segment, Shapes

FEATURES = 64


def srvgg(convolutions: int, scale: int) -> tuple[Segment, ...]:
    """The network as one segment: `convolutions` of 64 to 64 features between a first and a last one."""
    function = partial(_network, convolutions, scale)
    reach = convolutions + 2
    return (Segment("network", function, ("picture",), reach=reach, channels_out=3, scale=scale),)


def srvgg_shapes(convolutions: int, scale: int) -> Shapes:
    """Name and shape of every weight, in the order of the published code."""
    shapes: Shapes = {}
    for k in range(convolutions + 1):
        shapes[f"body.{2 * k}.weight"] = (FEATURES, FEATURES if k else 3, 3, 3)
        shapes[f"body.{2 * k}.bias"] = (FEATURES,)
        shapes[f"body.{2 * k + 1}.weight"] = (FEATURES,)
    last = 2 * (convolutions + 1)
    shapes[f"body.{last}.weight"] = (3 * scale * scale, FEATURES, 3, 3)
    shapes[f"body.{last}.bias"] = (3 * scale * scale,)
    return shapes


def _network(convolutions: int, scale: int, ops: Ops[Any], weights: NamedWeights, picture: Any) -> Any:
    x = picture
    for k in range(convolutions + 1):
        x = ops.conv(x, weights[f"body.{2 * k}.weight"], weights[f"body.{2 * k}.bias"])
        x = ops.prelu(x, weights[f"body.{2 * k + 1}.weight"])
    last = 2 * (convolutions + 1)
    x = ops.conv(x, weights[f"body.{last}.weight"], weights[f"body.{last}.bias"])
    return ops.add(ops.pixel_shuffle(x, scale), ops.nearest(picture, scale))
