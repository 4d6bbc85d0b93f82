"""The lock of systems without flock: a file that only one can create, and that a dead holder does not keep."""

import os
import threading
import time
from pathlib import Path

import pytest

from img_enhance.errors import Cancelled
from img_enhance.models.weights import lock
from img_enhance.models.weights.lock import STALE_SECONDS, locked


@pytest.fixture(params=["flock", "file"])
def path(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    if request.param == "file":
        monkeypatch.setattr(lock, "fcntl", None)
    else:
        pytest.importorskip("fcntl", reason="a system without flock")
    return tmp_path / ".x.lock"


def nothing() -> None:
    """Nothing."""


def test_only_one_is_inside(path: Path) -> None:
    inside, most, entered = 0, 0, 0

    def enter() -> None:
        nonlocal inside, most, entered
        with locked(path, tick=nothing, sleep=lambda _: time.sleep(0.002)) as beat:
            inside += 1
            most = max(most, inside)
            beat()
            time.sleep(0.01)
            entered += 1
            inside -= 1

    threads = [threading.Thread(target=enter) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (most, entered) == (1, 8)


def test_waiting_can_be_stopped(path: Path) -> None:
    def stop() -> None:
        raise Cancelled("cancelled")

    with locked(path, tick=nothing, sleep=time.sleep), pytest.raises(Cancelled), locked(path, tick=stop, sleep=time.sleep):
        pytest.fail("two at once")
    with locked(path, tick=stop, sleep=time.sleep):
        pass


def test_an_error_inside_lets_go(path: Path) -> None:
    with pytest.raises(ZeroDivisionError), locked(path, tick=nothing, sleep=time.sleep):
        raise ZeroDivisionError
    with locked(path, tick=lambda: pytest.fail("still held"), sleep=time.sleep):
        pass


def test_a_dead_holder_is_taken_over_and_a_living_one_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "fcntl", None)
    path = tmp_path / ".x.lock"
    path.write_text("someone")

    class Waited(Exception):
        pass

    def wait() -> None:
        raise Waited

    os.utime(path, (0, time.time() - STALE_SECONDS + 20))
    with pytest.raises(Waited), locked(path, tick=wait, sleep=time.sleep):
        pytest.fail("taken from a living holder")
    os.utime(path, (0, time.time() - STALE_SECONDS - 20))
    with locked(path, tick=wait, sleep=time.sleep) as beat:
        os.utime(path, (0, 0))
        beat()
        assert time.time() - path.stat().st_mtime < 20
    assert not path.exists()


def test_a_lock_that_was_taken_over_is_left_to_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "fcntl", None)
    path = tmp_path / ".x.lock"
    with locked(path, tick=nothing, sleep=time.sleep) as beat:
        path.write_text("another")
        beat()
    assert path.read_text() == "another"
