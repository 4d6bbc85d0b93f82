"""Prints how far pictures in tiles are from the whole one, by a network that looks at all of its window (docs/models.md, architectures).

    python bench/seen_whole.py PHOTO...

The networks have random weights, with norms near those that training leaves.
"""

import math
import sys

import numpy as np
import numpy.typing as npt
from PIL import Image

from img_enhance.geometry import Size
from img_enhance.models.architecture import Architecture
from img_enhance.models.networks.dat import DAT
from img_enhance.models.networks.realplksr import RealPLKSR
from img_enhance.passes.probe import psnr
from img_enhance.planning.windows import windows
from img_enhance.runtimes.openvino import OpenVINO

Picture = npt.NDArray[np.float32]

# A picture whose answer spreads so is given in decibels like any other.
SPREAD = 0.2
LONGEST, SIDES, OVERLAPS = 640, (384, 192), (16, 64)

NETWORKS: dict[str, Architecture] = {
    "group norm": RealPLKSR(blocks=6, channels=32, scale=2, partial_channels=8),
    "DySample": RealPLKSR(blocks=6, channels=32, scale=2, partial_channels=8, dysample=True),
    "DAT": DAT(60, (6,), (6,), (8, 32), hidden=120, scale=2, three_convs=True, direct=True),
}


def weights_of(network: Architecture) -> dict[str, Picture]:
    """Random weights; gains of norms around 1, and little beside them."""
    draw = np.random.RandomState(3)
    weights = {}
    for name, shape in network.shapes.items():
        values = draw.standard_normal(shape) / math.sqrt(math.prod(shape[1:]))
        if name.endswith(".running_var"):
            values = 0.5 + np.abs(values)
        elif name.endswith(".rpe_biases"):
            values = np.stack(np.meshgrid(*(np.arange(side) - side // 2 for side in shape[:2]), indexing="ij"), -1)
        elif "norm" in name:
            values = values * 0.2 + name.endswith("weight")
        weights[name] = values.astype(np.float32)
    return weights


def compared(title: str, network: Architecture, picture: Picture) -> None:
    """Print a line for each way to cut the picture."""
    compiled = OpenVINO("f32").compile(network.segments, weights_of(network))
    whole = np.array(compiled.run([picture], lambda: None))
    spread, box, scale = SPREAD / whole.std(), Size(picture.shape[1], picture.shape[0]).box, network.scale
    for side in SIDES:
        for overlap in OVERLAPS:
            found = np.empty_like(whole)
            for window in windows(box, side=side, halo=overlap, within=box, multiple=network.segments[0].multiple):
                answer = compiled.run([picture[window.read.slices]], lambda: None)
                found[window.core.scaled(scale).slices] = answer[window.core.seen_from(window.read).scaled(scale).slices]
            worst = float(np.abs(found - whole).max() * spread * 255)
            decibels = psnr(found * spread, whole * spread)
            print(f"{title:<12}{side:>5}{overlap:>9}{decibels:>8.1f}{worst:>8.1f}")


def main() -> None:
    print(f"{'network':<12}{'side':>5}{'overlap':>9}{'dB':>8}{'worst':>8}")
    for path in sys.argv[1:]:
        with Image.open(path) as photo:
            photo.thumbnail((LONGEST, LONGEST))
            picture: Picture = np.asarray(photo.convert("RGB"), np.float32) / np.float32(255)
        for title, network in NETWORKS.items():
            compared(title, network, picture)


if __name__ == "__main__":
    main()
