"""Upstream's way: RRDBNet in PyTorch, float32 on the CPU, from file to file.

    python pytorch_rrdbnet.py PHOTO.png OUT.png WEIGHTS.npz [--tile 400]

Written from the published inference code (https://github.com/xinntao/Real-ESRGAN, `RealESRGANer` with `half=False`): NCHW, one forward
pass over the whole photo by default, or tiles with 10 pixels of padding as its option --tile does; clamp, round, write.
It runs in the peers' environment and imports nothing of img-enhance.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as functional
from PIL import Image

BLOCKS = 23
SCALE = 4
TILE_PAD = 10

# OpenCV, which upstream writes with, compresses PNG at this level.
PNG_COMPRESSION = 1

Tensor = Any
Network = Callable[[Tensor], Tensor]


def network(weights: dict[str, Tensor]) -> Network:
    """RRDBNet's forward pass over (1, 3, H, W) in [0, 1]."""

    def conv(name: str, x: Tensor) -> Tensor:
        return functional.conv2d(x, weights[f"{name}.weight"], weights[f"{name}.bias"], padding=1)

    def relu(x: Tensor) -> Tensor:
        return functional.leaky_relu(x, 0.2, inplace=True)

    def dense(name: str, x: Tensor) -> Tensor:
        seen = [x]
        for k in range(1, 5):
            seen.append(relu(conv(f"{name}.conv{k}", torch.cat(seen, 1))))
        return conv(f"{name}.conv5", torch.cat(seen, 1)) * 0.2 + x

    def block(number: int, x: Tensor) -> Tensor:
        y = x
        for k in (1, 2, 3):
            y = dense(f"body.{number}.rdb{k}", y)
        return y * 0.2 + x

    def forward(picture: Tensor) -> Tensor:
        head = x = conv("conv_first", picture)
        for number in range(BLOCKS):
            x = block(number, x)
        x = head + conv("conv_body", x)
        for name in ("conv_up1", "conv_up2"):
            x = relu(conv(name, functional.interpolate(x, scale_factor=2, mode="nearest")))
        return conv("conv_last", relu(conv("conv_hr", x)))

    return forward


def tiled(forward: Network, picture: Tensor, tile: int) -> Tensor:
    """`forward` over tiles that see TILE_PAD pixels more, as upstream's --tile."""
    _, channels, height, width = picture.shape
    answer = picture.new_zeros((1, channels, height * SCALE, width * SCALE))
    for top in range(0, height, tile):
        for left in range(0, width, tile):
            bottom, right = min(top + tile, height), min(left + tile, width)
            y, x = max(top - TILE_PAD, 0), max(left - TILE_PAD, 0)
            seen = forward(picture[:, :, y : bottom + TILE_PAD, x : right + TILE_PAD])
            core = seen[:, :, (top - y) * SCALE : (bottom - y) * SCALE, (left - x) * SCALE : (right - x) * SCALE]
            answer[:, :, top * SCALE : bottom * SCALE, left * SCALE : right * SCALE] = core
    return answer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photo", type=Path)
    parser.add_argument("result", type=Path)
    parser.add_argument("weights", type=Path, help="float32 arrays by the names of the published code")
    parser.add_argument("--tile", type=int, default=0, help="side of the tiles in pixels; 0 is one pass over the photo")
    arguments = parser.parse_args()
    with np.load(arguments.weights) as file:
        weights = {name: torch.from_numpy(file[name]) for name in file.files}
    pixels = np.asarray(Image.open(arguments.photo).convert("RGB"))
    picture = torch.from_numpy(np.ascontiguousarray((pixels.astype(np.float32) / 255).transpose(2, 0, 1)))[None]
    with torch.no_grad():
        forward = network(weights)
        answer = tiled(forward, picture, arguments.tile) if arguments.tile else forward(picture)
    values = answer[0].clamp_(0, 1).numpy().transpose(1, 2, 0)
    Image.fromarray((values * 255.0).round().astype(np.uint8)).save(arguments.result, compress_level=PNG_COMPRESSION)


if __name__ == "__main__":
    main()
