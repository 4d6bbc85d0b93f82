"""A run over a folder on one node of a Ray cluster against two, each of one processor of this machine.

    python bench/ray_nodes.py FOLDER [--model realesr-animevideov3]

Wants Ray, the extra [ray], and a machine with two processors and nothing else to do. Prints seconds and the ratio (goal: 1.8).
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

# Else Ray takes this machine's address in a network in place of loopback.
os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = os.environ["RAY_USAGE_STATS_ENABLED"] = "0"

import psutil

from img_enhance.batch.lanes import PhotoTask
from img_enhance.batch.ray_lanes import RayLanes
from img_enhance.request.options import Machine
from img_enhance.request.recipe import Recipe
from img_enhance.request.step_options import RealESRGAN

NODE_BYTES = 3_000_000_000


def main(given: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="realesr-animevideov3")
    arguments = parser.parse_args(given)
    photos = sorted(arguments.folder.glob("*.jpg"))
    recipe = Recipe(steps=(RealESRGAN(model=arguments.model, upscale=2),))
    seconds = {nodes: run_on(nodes, photos, recipe) for nodes in (1, 2)}
    for nodes, taken in seconds.items():
        print(f"{nodes} node{'s' * (nodes > 1)}: {taken:.1f} s for {len(photos)} photos")
    print(f"ratio: {seconds[1] / seconds[2]:.2f}")
    return 0


def run_on(nodes: int, photos: Sequence[Path], recipe: Recipe) -> float:
    """Seconds from the first photo sent to the last outcome, after one photo on every node has loaded the network."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "node_ip_address": "127.0.0.1", "include_dashboard": False})
    for number in range(nodes):
        _pin(cluster.add_node(num_cpus=1, memory=NODE_BYTES, node_ip_address="127.0.0.1"), number)
    try:
        with tempfile.TemporaryDirectory() as folder, RayLanes(cluster.address, Machine()) as lanes:
            _done(lanes, photos[: 2 * nodes], folder, recipe, "warm")
            started = time.monotonic()
            _done(lanes, photos, folder, recipe, "timed")
            return time.monotonic() - started
    finally:
        cluster.shutdown()


def _pin(node: Any, processor: int) -> None:
    """Let a node's processes, and those that they start, have one processor: Ray only counts."""
    raylet = psutil.Process(node.all_processes["raylet"][0].process.pid)
    for process in (raylet, *raylet.children(recursive=True)):
        process.cpu_affinity([processor])


def _done(lanes: RayLanes, photos: Sequence[Path], folder: str, recipe: Recipe, name: str) -> None:
    futures = [lanes.submit(PhotoTask(path.name, str(path), folder, f"{name}-{path.stem}", recipe, "bench")) for path in photos]
    for future in futures:
        outcome = future.result()
        if outcome.status != "done":
            raise SystemExit(f"{outcome.source}: {outcome.failure}")


if __name__ == "__main__":
    sys.exit(main())
