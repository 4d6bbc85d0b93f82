"""The service with its workers on a Ray cluster: the same results, and its store stays the truth. Wants Ray, the extra [ray]."""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from served import COMPACT, RECIPE, Served, noisy_photo, plain_photo, served

from img_enhance.engine import Engine
from img_enhance.request.options import Machine
from img_enhance.request.recipe import Recipe
from waiting import wait_for

pytestmark = [
    pytest.mark.ray,
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed; make test-ray installs it"),
]

# Long enough to be met at work.
SLOW = {**RECIPE, "steps": [{"step": "real_esrgan", "model": COMPACT, "upscale": 4}]}
SLOW_SIDE = 800


def settings(cluster: Any) -> dict[str, str]:
    return {"EXECUTOR": "ray", "RAY_ADDRESS": cluster.address, "WORKER_MEMORY": "1500M", "DRAIN_SECONDS": "0"}


def is_at_work(run: Served, id: str) -> bool:
    job = run.job(id)
    assert job["state"] in ("queued", "running"), job
    return bool(job["progress"] > 0)


def node_of_actor(cluster: Any) -> Any:
    """The node that has the worker: its process is a child of that node's."""
    return next(node for node in cluster.worker_nodes if any("ray::NodeWorker" in name for name in _children(node)))


def _children(node: Any) -> Iterator[str]:
    for raylet in node.all_processes["raylet"]:
        for child in psutil.Process(raylet.process.pid).children():
            with contextlib.suppress(psutil.Error):
                yield "".join(child.cmdline())


def test_service_works_on_a_cluster_and_outlives_its_nodes(cluster: Any, tmp_path: Path) -> None:
    photo = noisy_photo(side=40)
    (tmp_path / "photo.png").write_bytes(photo)
    with Engine(Machine(precision="f32", threads=1)) as engine:
        engine.enhance(tmp_path / "photo.png", Recipe.from_mapping(RECIPE)).save(tmp_path / "here.png")
    with served(tmp_path / "data", settings(cluster)) as run:
        assert run.post(photo).content == (tmp_path / "here.png").read_bytes()

        unwanted = run.later(noisy_photo(side=SLOW_SIDE), recipe=SLOW)
        wait_for(lambda: is_at_work(run, unwanted), 240)
        assert run.client.delete(f"/api/v1/jobs/{unwanted}").json()["state"] == "cancelled"
        assert run.post(plain_photo((10, 20, 30))).status_code == 200, "and its worker is free at once"

        bad = run.post(b"\xff\xd8\xff nothing more")
        assert bad.status_code in (415, 422)

        kept = run.later(noisy_photo(side=SLOW_SIDE), recipe=SLOW)
        wait_for(lambda: is_at_work(run, kept), 240)
        cluster.remove_node(node_of_actor(cluster), allow_graceful=False)
        assert run.ended(kept, seconds=480)["state"] == "done"
        interrupted = run.later(noisy_photo(side=SLOW_SIDE), recipe=SLOW)
        wait_for(lambda: is_at_work(run, interrupted), 240)
        run.kill()
    with served(tmp_path / "data", settings(cluster)) as run:
        assert run.ended(interrupted, seconds=480)["state"] == "done"
