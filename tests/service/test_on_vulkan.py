"""The service on a GPU by Vulkan, here in software: answers are the engine's, cancelled jobs end, killed workers are replaced."""

import io
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from served import RECIPE, Served, noisy_photo, served

from conftest import VULKAN
from img_enhance.engine import Engine
from img_enhance.photo import Photo
from img_enhance.request.options import Machine
from img_enhance.request.recipe import Recipe
from waiting import wait_for

pytestmark = [*VULKAN, pytest.mark.usefixtures("vulkan")]

# On a busy machine a driver in software takes its time.
END_SECONDS = 240.0
# In software this is minutes of work.
LONG = noisy_photo(side=400)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, vulkan: str) -> Iterator[Served]:
    """A service whose workers have the first device of Vulkan."""
    settings = {"ENABLE_GPU": "true", "DEVICE": vulkan, "WORKERS": "2", "DRAIN_SECONDS": "0", "MAX_JOB_SECONDS": "100000"}
    with served(tmp_path_factory.mktemp("vulkan") / "data", settings) as run:
        yield run


def pixels(png: bytes) -> npt.NDArray[np.uint8]:
    with Image.open(io.BytesIO(png)) as picture:
        return np.asarray(picture.convert("RGB"))


def result(run: Served, photo: bytes) -> npt.NDArray[np.uint8]:
    """What the service makes of a photo."""
    id = run.later(photo)
    assert run.ended(id, seconds=END_SECONDS)["state"] == "done"
    return pixels(run.client.get(f"/api/v1/jobs/{id}/result").content)


def wait_until_running(run: Served, id: str) -> None:
    wait_for(lambda: run.job(id)["state"] != "queued", END_SECONDS)


def test_workers_have_the_device_and_nobody_else_its_driver(run: Served, vulkan: str) -> None:
    status: dict[str, Any] = run.client.get("/api/v1/status").json()
    assert status["gpu"] == {"enabled": True, "used": True, "reason": f"DEVICE is {vulkan}"}
    assert [device["used"] for device in status["devices"] if device.get("place") == vulkan] == [True]

    def has_driver(pid: int) -> bool:
        return "ncnn" in Path(f"/proc/{pid}/maps").read_text()

    assert all(map(has_driver, run.pids("worker")))
    assert not any(map(has_driver, [run.process.pid, *run.pids("reader")]))


def test_answers_to_several_clients_at_once_are_the_engines_own(run: Served, vulkan: str) -> None:
    photos = [noisy_photo(side=12 + n, seed=n) for n in range(4)]
    with ThreadPoolExecutor(4) as clients:
        found = list(clients.map(lambda photo: result(run, photo), photos))
    with Engine(Machine(device=vulkan, precision="f32")) as engine:
        for photo, answer in zip(photos, found, strict=True):
            expected = engine.enhance(Photo(pixels(photo)), Recipe.from_mapping(RECIPE)).photo.pixels
            assert np.array_equal(answer, expected)


def test_a_job_that_is_cancelled_ends_and_its_worker_goes_on(run: Served) -> None:
    workers = run.pids("worker")
    id = run.later(LONG)
    wait_until_running(run, id)
    assert run.client.delete(f"/api/v1/jobs/{id}").status_code == 200
    assert run.ended(id, seconds=END_SECONDS)["state"] == "cancelled"
    assert result(run, noisy_photo(side=12)).shape == (24, 24, 3)
    assert run.pids("worker") == workers


def test_killed_workers_are_replaced_and_the_job_is_done_again(run: Served) -> None:
    id = run.later(noisy_photo(side=40))
    wait_until_running(run, id)
    before = run.pids("worker")
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    assert run.ended(id, seconds=END_SECONDS)["state"] == "done"
    assert not set(before) & set(run.pids("worker"))


def test_the_service_stops_in_the_middle_of_work(run: Served) -> None:
    wait_until_running(run, run.later(LONG))
    assert run.stop() == 0
