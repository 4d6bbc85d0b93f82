"""Prints how long DATs take and how much memory, beside spandrel's own class where it is installed (docs/models.md, architectures).

    python bench/dat_speed.py [light small dat2 dat] [--side 256]

The networks have random weights. Each figure comes from a process of its own, the best of three runs over one window.
"""

import argparse
import importlib
import importlib.util
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from img_enhance.machine.memory import Peak, anonymous_bytes
from img_enhance.models.networks.dat import DAT
from peers.spandrel_dat import spandrels
from seen_whole import weights_of

SIX = (6,) * 6
# The published sizes, at 4x.
NETWORKS = {
    "light": DAT(60, (18,), (6,), (8, 32), hidden=120, scale=4, three_convs=True, direct=True),
    "small": DAT(180, SIX, SIX, (8, 16), hidden=360, scale=4),
    "dat2": DAT(180, SIX, SIX, (8, 32), hidden=360, scale=4),
    "dat": DAT(180, SIX, SIX, (8, 32), hidden=720, scale=4),
}
WAYS = ("openvino f32", "openvino bf16", "spandrel f32")
RUNS = 3


def by_openvino(network: DAT, precision: Any) -> Callable[[Any], Any]:
    from img_enhance.runtimes.openvino import OpenVINO

    compiled = OpenVINO(precision).compile(network.segments, weights_of(network))
    return lambda picture: compiled.run([picture], lambda: None)


def by_spandrel(network: DAT) -> Callable[[Any], Any]:
    import torch

    module = spandrels(network)
    module.eval()

    def answered(picture: Any) -> Any:
        with torch.inference_mode():
            return module(torch.from_numpy(picture.transpose(2, 0, 1)[None].copy()))

    return answered


def measured(name: str, way: str, side: int) -> str:
    """Seconds a megapixel, and bytes a pixel beside what was there before the first window."""
    runtime, precision = way.split()
    run = by_spandrel(NETWORKS[name]) if runtime == "spandrel" else by_openvino(NETWORKS[name], precision)
    picture = np.random.RandomState(1).rand(side, side, 3).astype(np.float32)
    run(picture[:32, :32])
    before, seconds = anonymous_bytes(), []
    with Peak(seconds=0.01) as peak:
        for _ in range(RUNS):
            started = time.perf_counter()
            run(picture)
            seconds.append(time.perf_counter() - started)
    return f"{name:<8}{way:<16}{min(seconds) / side**2 * 1e6:>8.1f}{(peak.bytes - before) / side**2 / 1e3:>8.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", choices=[*NETWORKS, []], default=[])
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.way:
        print(measured(arguments.networks[0], arguments.way, arguments.side))
        return
    print(f"{'network':<8}{'by':<16}{'s / Mpx':>8}{'kB / px':>8}")
    for name in arguments.networks or NETWORKS:
        for way in WAYS[: 2 + (importlib.util.find_spec("spandrel") is not None)]:
            command = [sys.executable, __file__, name, "--way", way, "--side", str(arguments.side)]
            print(subprocess.run(command, check=True, capture_output=True, text=True).stdout, end="", flush=True)


if __name__ == "__main__":
    main()
