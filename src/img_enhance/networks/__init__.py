"""Networks as functions: the one list of architectures."""

from img_enhance.models import Architecture, GFPGANClean, RRDBNet
from img_enhance.networks.gfpgan import gfpgan, gfpgan_shapes
from img_enhance.networks.rrdbnet import rrdbnet, rrdbnet_shapes
from img_enhance.networks.segment import Segment, Shapes
from img_enhance.networks.srvgg import srvgg, srvgg_shapes


def segments_of(architecture: Architecture) -> tuple[Segment, ...]:
    """The network's segments in the order they run."""
    if isinstance(architecture, RRDBNet):
        return rrdbnet(architecture.blocks, architecture.cell)
    if isinstance(architecture, GFPGANClean):
        return gfpgan(architecture)
    return srvgg(architecture.convolutions, architecture.scale)


def shapes_of(architecture: Architecture) -> Shapes:
    """Name and shape of the network's weights, in the order of the published code."""
    if isinstance(architecture, RRDBNet):
        return rrdbnet_shapes(architecture.blocks, architecture.cell)
    if isinstance(architecture, GFPGANClean):
        return gfpgan_shapes(architecture)
    return srvgg_shapes(architecture.convolutions, architecture.scale)
