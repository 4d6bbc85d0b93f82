"""Nobody gets another person's photo: what a cancelled job leaves behind never shows in the next one, whose owner is somebody else."""

import io
import multiprocessing
import os
import random
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from served import SHIFT, Served, noisy_photo, plain_photo, served

from img_enhance.workers.channel import Channel
from img_enhance.workers.protocol import Cancel, encode
from img_enhance.workers.worker import RunCallbacks

SOAK = bool(os.environ.get("IMG_ENHANCE_SOAK"))
CYCLES = 300 if SOAK else 8

KEYS = ("the key of the first person", "the key of the second person")
FIRST, SECOND = ({"X-API-Key": key, "Prefer": "respond-async"} for key in KEYS)

# Colours and sides of the second person's photos.
PHOTOS = (((7, 209, 60), 40), ((240, 20, 30), 24), ((90, 90, 200), 17), ((200, 180, 40), 24))

# Half a second of work or more, over which the cancel may come at any time.
CANCELLED_SIDE, MOST_WAIT_SECONDS = 400, 0.4


def test_a_photo_after_a_cancelled_one_holds_its_own_colours_only(tmp_path: Path) -> None:
    chance = random.Random(11)
    with served(tmp_path / "data", {"ACCESS": "keys", "API_KEYS": ",".join(KEYS)}) as run, _busy(2 if SOAK else 0):
        expected = {photo: _result(run, _submitted(run, plain_photo(*photo), SECOND)) for photo in PHOTOS}
        for (colour, _), pixels in expected.items():
            assert pixels.mean(axis=(0, 1)) == pytest.approx(colour, abs=SHIFT)
        for cycle in range(CYCLES):
            photo = chance.choice(PHOTOS)
            cancelled = _submitted(run, noisy_photo(side=CANCELLED_SIDE, seed=cycle), FIRST)
            _wait_until_running(run, cancelled)
            time.sleep(chance.random() * MOST_WAIT_SECONDS)
            # Before the cancel, so that the worker takes it at once afterwards.
            kept = _submitted(run, plain_photo(*photo), SECOND)
            run.client.delete(f"/api/v1/jobs/{cancelled}", headers=FIRST)
            assert np.array_equal(_result(run, kept), expected[photo]), f"cycle {cycle}: another picture than the one sent"
    print(f"[soak] {CYCLES} jobs after a cancelled one of another key: every photo came back as its own, to the bit")


def _submitted(run: Served, photo: bytes, headers: dict[str, str]) -> str:
    answer = run.post(photo, headers=headers)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def _wait_until_running(run: Served, id: str) -> None:
    deadline = time.monotonic() + 60
    while run.client.get(f"/api/v1/jobs/{id}", headers=FIRST).json()["state"] == "queued":
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _result(run: Served, id: str) -> npt.NDArray[np.uint8]:
    deadline = time.monotonic() + 60
    while (state := run.client.get(f"/api/v1/jobs/{id}", headers=SECOND).json()["state"]) in ("queued", "running"):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert state == "done"
    with Image.open(io.BytesIO(run.client.get(f"/api/v1/jobs/{id}/result", headers=SECOND).content)) as picture:
        return np.asarray(picture.convert("RGB"))


@contextmanager
def _busy(count: int) -> Iterator[None]:
    """So many processes beside the test that want a core each."""
    loops = [multiprocessing.get_context("spawn").Process(target=_loop, daemon=True) for _ in range(count)]
    for loop in loops:
        loop.start()
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.join()


def _loop() -> None:
    while True:
        pass


def test_a_worker_that_was_told_to_stop_goes_on_saying_so() -> None:
    """`cancelled` is asked again while a run is wound up; the message is there only once."""
    ours, theirs = socket.socketpair()
    with ours:
        callbacks = RunCallbacks(Channel(theirs.detach()))
        assert not callbacks.cancelled()
        ours.sendall(encode(Cancel()))
        deadline = time.monotonic() + 10
        while not callbacks.cancelled():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert callbacks.cancelled()  # before it looks at its socket again
        time.sleep(0.1)
        assert callbacks.cancelled()  # and after
