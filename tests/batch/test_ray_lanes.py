"""Many machines: the same results as one, whatever goes on the way. Wants Ray, the extra [ray]."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from img_enhance.batch.lanes import PhotoTask
from img_enhance.batch.local_lanes import LocalLanes
from img_enhance.errors import DeviceError
from img_enhance.machine.settings import weight_store
from img_enhance.request.options import CLAHE, Machine, Output, RealESRGAN
from img_enhance.request.recipe import Recipe

pytestmark = [
    pytest.mark.ray,
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed; make test-ray installs it"),
]

RECIPE = Recipe(steps=(CLAHE(), RealESRGAN(model="realesr-animevideov3", upscale=2)), output=Output(format="png"))
MACHINE = Machine(max_memory=1_500_000_000, precision="f32")


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Two nodes of one processor each on this machine, every address on loopback."""
    # By the first, Ray takes the address of loopback as it is, in place of this machine's own in a network.
    for name in ("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "RAY_USAGE_STATS_ENABLED"):
        monkeypatch.setenv(name, "0")
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "node_ip_address": "127.0.0.1", "include_dashboard": False})
    for _ in range(2):
        made.add_node(num_cpus=1, memory=2_000_000_000, node_ip_address="127.0.0.1")
    yield made
    made.shutdown()


def photos(folder: Path, count: int, side: int = 48) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(3)
    paths = [folder / f"{number}.png" for number in range(count)]
    for path in paths:
        Image.fromarray(random.integers(0, 256, (side, side, 3), np.uint8)).save(path)
    return paths


def tasks(paths: list[Path], folder: Path) -> list[PhotoTask]:
    folder.mkdir(parents=True, exist_ok=True)
    return [PhotoTask(path.name, str(path), str(folder), path.stem, RECIPE, "this test") for path in paths]


def hashes(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir() if path.is_file()}


def test_a_cluster_makes_the_same_bytes_as_one_machine(cluster: Any, tmp_path: Path) -> None:
    from img_enhance.batch.ray_lanes import RayLanes

    paths = photos(tmp_path / "photos", 6)
    with LocalLanes(MACHINE, weight_store(os.environ)) as lanes:
        for future in [lanes.submit(task) for task in tasks(paths, tmp_path / "here")]:
            assert future.result(120).status == "done"
    with RayLanes(cluster.address, MACHINE) as lanes:
        assert len(lanes._nodes) == 2
        outcomes = [future.result(240) for future in [lanes.submit(task) for task in tasks(paths, tmp_path / "there")]]
    assert [outcome.status for outcome in outcomes] == ["done"] * len(paths)
    assert hashes(tmp_path / "there") == hashes(tmp_path / "here")


def test_a_node_that_goes_costs_no_photo_and_a_new_one_is_used(cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from img_enhance.batch import ray_lanes

    monkeypatch.setattr(ray_lanes, "_NODES_SECONDS", 1.0)
    paths = photos(tmp_path / "photos", 24, side=120)
    with ray_lanes.RayLanes(cluster.address, MACHINE) as lanes:
        futures = [lanes.submit(task) for task in tasks(paths, tmp_path / "results")]
        while not any(future.done() for future in futures):
            time.sleep(0.05)
        cluster.remove_node(next(iter(cluster.worker_nodes)), allow_graceful=False)
        added = cluster.add_node(num_cpus=1, memory=2_000_000_000, node_ip_address="127.0.0.1")
        outcomes = [future.result(300) for future in futures]
        while added.node_id not in lanes._nodes:
            time.sleep(0.1)
    assert [outcome.status for outcome in outcomes] == ["done"] * len(paths)
    for outcome in outcomes:
        assert outcome.result_file is not None
        assert (tmp_path / "results" / outcome.staged).stat().st_size == outcome.result_file.bytes


def test_no_node_has_more_photos_than_its_memory_is_for(cluster: Any, tmp_path: Path) -> None:
    from img_enhance.batch.ray_lanes import RayLanes

    with RayLanes(cluster.address, MACHINE) as lanes:
        futures = [lanes.submit(task) for task in tasks(photos(tmp_path / "photos", 30), tmp_path / "results")]
        most = 0
        while not all(future.done() for future in futures):
            assert all(node.at_work <= node.most for node in lanes._nodes.values())
            most = max(most, *(node.at_work for node in lanes._nodes.values()))
            time.sleep(0.02)
        assert most > 1


def test_a_driver_that_is_killed_goes_on_where_it_was(cluster: Any, tmp_path: Path) -> None:
    paths = photos(tmp_path / "photos", 16, side=100)
    command = [sys.executable, "-m", "img_enhance", "enhance", str(tmp_path / "photos"), "-o", str(tmp_path / "out")]
    command += ["--model", "realesr-animevideov3", "--upscale", "2", "--max-memory", "1500M", "--ray", cluster.address]
    driver = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 240
    while len(list((tmp_path / "out").glob("*.png"))) < 3:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    first = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*.png")}
    again = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert again.returncode == 0, again.stderr
    assert len(list((tmp_path / "out").glob("*.png"))) == len(paths)
    assert {name: (tmp_path / "out" / name).stat().st_mtime_ns for name in first} == first
    assert "done before" in again.stdout + again.stderr


def test_a_cluster_that_is_not_there_is_said_in_words() -> None:
    from img_enhance.batch.ray_lanes import RayLanes

    with pytest.raises(DeviceError, match="cannot be reached"):
        RayLanes("127.0.0.1:1", MACHINE).__enter__()
