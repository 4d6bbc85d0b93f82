"""Many machines: the same results as one, whatever goes on the way. Wants Ray, the extra [ray]."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.util
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from img_enhance.batch.lanes import PhotoTask
from img_enhance.batch.local_lanes import LocalLanes
from img_enhance.errors import DeviceError
from img_enhance.machine.settings import weight_store
from img_enhance.request.options import Machine, Output
from img_enhance.request.recipe import Recipe
from img_enhance.request.step_options import CLAHE, RealESRGAN
from waiting import wait_for

pytestmark = [
    pytest.mark.ray,
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed; make test-ray installs it"),
]

RECIPE = Recipe(steps=(CLAHE(), RealESRGAN(model="realesr-animevideov3", upscale=2)), output=Output(format="png"))
MACHINE = Machine(max_memory=1_500_000_000, precision="f32")


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


def test_one_large_photo_is_spread_over_nodes_that_may_go(cluster: Any, tmp_path: Path) -> None:
    from img_enhance.batch.ray_lanes import RayLanes

    paths = photos(tmp_path / "photos", 1, side=480)
    (task,) = tasks(paths, tmp_path / "here")
    with LocalLanes(MACHINE, weight_store(os.environ)) as lanes:
        assert lanes.submit(task).result(240).status == "done"
    (task,) = tasks(paths, tmp_path / "there")
    again = dataclasses.replace(task, stem="again")
    with RayLanes(cluster.address, MACHINE, photos=1, spread_from=0) as spread:
        sent = list[str]()
        leader = spread._leader
        assert leader is not None
        send = leader._send
        leader._send = lambda area: sent.append(area.result.path) or send(area)  # type: ignore[func-returns-value]
        assert spread.submit(task).result(480).failure is None
        assert len(sent) > 1
        assert {node.areas for node in spread._nodes.values()} == {0}
        future = spread.submit(again)
        wait_for(lambda: all(node.areas for node in spread._nodes.values()) or future.done(), 240)
        cluster.remove_node(next(iter(cluster.worker_nodes)), allow_graceful=False)
        assert future.result(480).failure is None
        assert len(spread._nodes) == 1
        small = dataclasses.replace(task, stem="small", path=str(photos(tmp_path / "small", 1)[0]), recipe=Recipe(steps=(CLAHE(),)))
        assert spread.submit(small).result(480).failure is None, "and what is not worth it goes to one node"
    made = hashes(tmp_path / "there")
    assert made["0.png"] == made["again.png"] == hashes(tmp_path / "here")["0.png"]
    assert set(made) == {"0.png", "again.png", "small.png"}, "no file of an area is left"
