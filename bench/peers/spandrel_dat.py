"""spandrel's own class of DAT, built as one of ours is."""

import importlib
from typing import Any

from img_enhance.models.networks.dat import DAT


def spandrels(network: DAT) -> Any:
    """A module of PyTorch with random weights; spandrel, einops and torch must be installed."""
    return importlib.import_module("spandrel.architectures.DAT.__arch.DAT").DAT(
        embed_dim=network.channels,
        depth=list(network.depths),
        num_heads=list(network.heads),
        split_size=list(network.window),
        expansion_factor=network.hidden / network.channels,
        upscale=network.scale,
        qkv_bias=network.qkv_bias,
        resi_connection="3conv" if network.three_convs else "1conv",
        upsampler="pixelshuffledirect" if network.direct else "pixelshuffle",
    )
