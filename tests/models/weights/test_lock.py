"""The lock of downloads, where the system holds it and on file systems that know no flock: only one is inside, and nobody dead."""

import errno
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from img_enhance.errors import Cancelled
from img_enhance.models.weights.lock import locked

HOLDER = """
import sys, time
from pathlib import Path
from img_enhance.models.weights.lock import locked
with locked(Path(sys.argv[1]), tick=lambda: sys.exit("it is held"), sleep=time.sleep):
    print("inside", flush=True)
    time.sleep(60)
"""
WITHOUT_FLOCK = """
import errno, fcntl
def missing(*_):
    raise OSError(errno.ENOSYS, "Function not implemented")
fcntl.flock = missing
"""

pytestmark = pytest.mark.filterwarnings("ignore:flock not supported on this filesystem")


@pytest.fixture(params=["system", "file"])
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "file":
        fcntl = pytest.importorskip("fcntl", reason="a system that always holds locks itself")

        def missing(*_: object) -> None:
            raise OSError(errno.ENOSYS, "Function not implemented")

        monkeypatch.setattr(fcntl, "flock", missing)
    return str(request.param)


@pytest.fixture
def path(kind: str, tmp_path: Path) -> Path:
    assert kind
    return tmp_path / ".x.lock"


def nothing() -> None:
    """Nothing."""


def assert_not_all(waits: Iterator[int]) -> None:
    assert next(waits, None) is not None, "a dead holder keeps the lock"


def test_only_one_is_inside(path: Path) -> None:
    inside, most, entered = 0, 0, 0

    def enter() -> None:
        nonlocal inside, most, entered
        with locked(path, tick=nothing, sleep=lambda _: time.sleep(0.002)):
            inside += 1
            most = max(most, inside)
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


def test_a_dead_holder_is_taken_over_and_a_living_one_is_not(path: Path, kind: str) -> None:
    class Waited(Exception):
        pass

    def wait() -> None:
        raise Waited

    code = (WITHOUT_FLOCK if kind == "file" else "") + HOLDER
    holder = subprocess.Popen([sys.executable, "-W", "ignore", "-c", code, path], stdout=subprocess.PIPE, text=True)
    with holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "inside\n"
            # Holding still for long makes nobody dead, whatever the clock says.
            os.utime(path, (0, 0))
            with pytest.raises(Waited), locked(path, tick=wait, sleep=time.sleep):
                pytest.fail("taken from a living holder")
        finally:
            holder.kill()
    waits = iter(range(10))
    with locked(path, tick=lambda: assert_not_all(waits), sleep=lambda _: None):
        pass


def test_a_lock_that_was_taken_over_is_left_to_the_other(path: Path, tmp_path: Path) -> None:
    with locked(path, tick=nothing, sleep=time.sleep):
        another = tmp_path / "another"
        another.write_text("another")
        try:
            another.replace(path)
        except PermissionError:
            pytest.skip("a system that keeps a lock's file from being replaced")
    assert path.read_text() == "another"


@pytest.mark.parametrize("reason", ["read-only", "no folder"])
def test_a_file_that_cannot_be_made_is_told_at_once(path: Path, reason: str) -> None:
    if reason == "no folder":
        path.parent.joinpath("file").write_text("a file")
        path = path.parent / "file" / path.name
    elif os.name != "posix" or os.geteuid() == 0:
        pytest.skip("nothing is read-only to root, and to Windows not in this way")
    else:
        path.parent.chmod(0o500)
    with pytest.raises(OSError, match=path.parent.name), locked(path, tick=lambda: pytest.fail("waited for nobody"), sleep=time.sleep):
        pytest.fail("a lock without a file")
