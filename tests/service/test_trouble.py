"""Full and read-only disks, fat and silent workers, clients that do not read: nothing accepted is lost, and problems say why."""

import contextlib
import errno
import os
import socket
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from served import SHIFT, Served, is_problem, mean_colour, noisy_photo, plain_photo, served

from img_enhance.jobs.refusals import StorageFull
from img_enhance.jobs.spool import Spool
from img_enhance.service.photo_file import Body, PhotoFile

SOAK = bool(os.environ.get("IMG_ENHANCE_SOAK"))
PLAIN = (180, 40, 90)
UNCHANGED = {"version": 1, "steps": [{"step": "white_balance", "enhance_level": 0}], "output": {"format": "png"}}
DISK_MEGABYTES = 24


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a file system of its own, in memory."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MEGABYTES}m", "img-enhance-test", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("this test mounts a file system, which needs root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk_refuses_with_507_and_comes_back(small_disk: Path) -> None:
    with served(small_disk / "data") as run:
        _fill(small_disk)
        answer = run.post(noisy_photo(side=400))
        assert (answer.status_code, answer.json()["code"]) == (507, "storage_full")
        assert is_problem(answer)
        assert list((run.data / "incoming").iterdir()) == []
        (small_disk / "ballast").unlink()
        assert run.post(plain_photo(PLAIN)).status_code == 200


@pytest.mark.skipif(not SOAK, reason="runs with make soak")
def test_a_job_at_work_waits_for_room(small_disk: Path) -> None:
    with served(small_disk / "data") as run:
        first = run.later(noisy_photo(side=500))
        while run.job(first)["state"] == "queued":
            time.sleep(0.02)
        _fill(small_disk)
        time.sleep(20)
        assert run.job(first)["state"] in ("queued", "running")
        (small_disk / "ballast").unlink()
        assert run.ended(first, seconds=120)["state"] == "done"


def test_a_read_only_folder_is_refused_at_the_start(small_disk: Path) -> None:
    _remount(small_disk, "ro")
    run = Served(small_disk.parent / "not there", {"DATA": str(small_disk / "data")})
    try:
        assert run.process.wait(30) == 3
        assert "name another with --data" in run.log.read_text()
        assert "Traceback" not in run.log.read_text()
    finally:
        run.client.close()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS])
@pytest.mark.parametrize("call", ["write", "fsync"])
def test_every_failure_to_write_a_photo_is_said_as_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, call: str) -> None:
    spool = Spool(tmp_path)
    spool.make_root()
    spool.make()
    body = Body()
    file = PhotoFile(body, spool, 1000)

    def fails(*_: Any) -> None:
        raise OSError(number, os.strerror(number))

    if call == "fsync":
        monkeypatch.setattr(os, "fsync", fails)
    else:
        file._file.close()
        file._file = _FullFile(fails)  # type: ignore[assignment]
    with pytest.raises(StorageFull, match="try again later"):
        _write(file)
    monkeypatch.undo()
    body.drop(spool)
    assert list(spool.incoming.iterdir()) == []


def _write(file: PhotoFile) -> None:
    file.write(b"x" * 100)
    file.end()


class _FullFile:
    def __init__(self, write: Callable[..., None]) -> None:
        self.write = write


def test_a_fat_worker_is_replaced_and_its_job_done(tmp_path: Path) -> None:
    with served(tmp_path / "data", {"FAULT": "worker fat", "WORKER_MEMORY": "400M", "METRICS": "open"}) as run:
        found = run.ended(run.later(plain_photo(PLAIN)))
        assert (found["state"], found["attempts"]) == ("done", 2)
        assert mean_colour(run.client.get(found["links"]["result"]).content) == pytest.approx(PLAIN, abs=SHIFT)
        assert 'worker_overweight_total{role="worker"} 1' in run.client.get("/metrics").text


def test_a_silent_worker_is_replaced_and_its_job_done(tmp_path: Path) -> None:
    with served(tmp_path / "data", {"FAULT": "worker silent", "STALL_SECONDS": "3"}) as run:
        found = run.ended(run.later(plain_photo(PLAIN)))
        assert (found["state"], found["attempts"]) == ("done", 2)


def test_a_lease_that_seems_over_is_not_given_to_another(tmp_path: Path) -> None:
    with served(tmp_path / "data", {"WORKERS": "2", "RETENTION_HOURS": "0.005"}) as run:
        id = run.later(noisy_photo(side=300))
        while run.job(id)["state"] == "queued":
            time.sleep(0.02)
        with contextlib.closing(sqlite3.connect(run.data / "jobs.sqlite", timeout=10)) as database, database:
            database.execute("UPDATE jobs SET lease_until = 1 WHERE id = ?", (id,))  # as if the clock had jumped ahead
        found = run.ended(id)
        assert (found["state"], found["attempts"]) == ("done", 1)


def test_results_expire_with_410_and_are_forgotten_with_404(tmp_path: Path) -> None:
    with served(tmp_path / "data", {"RETENTION_HOURS": "0.0006"}) as run:
        id = run.later(plain_photo(PLAIN))
        assert run.ended(id)["state"] == "done"
        assert _until(lambda: run.job(id)["state"] == "expired")
        gone = run.client.get(f"/api/v1/jobs/{id}/result")
        assert (gone.status_code, gone.json()["code"]) == (410, "result_expired")
        assert not (run.data / "jobs" / id).exists()
        with contextlib.closing(sqlite3.connect(run.data / "jobs.sqlite", timeout=10)) as database, database:
            database.execute("UPDATE jobs SET finished = finished - 8 * 86400 WHERE id = ?", (id,))
        assert _until(lambda: run.client.get(f"/api/v1/jobs/{id}").status_code == 404)


def test_what_its_owner_deletes_is_gone_at_once(service: Served) -> None:
    id = service.later(plain_photo(PLAIN))
    assert service.ended(id)["state"] == "done"
    assert service.client.get(f"/api/v1/jobs/{id}/result").status_code == 200
    deleted = service.client.delete(f"/api/v1/jobs/{id}").json()
    assert (deleted["state"], deleted["error"]["code"]) == ("expired", "result_expired")
    assert "result" not in deleted
    assert "record" not in deleted
    assert not (service.data / "jobs" / id).exists()
    gone = service.client.get(f"/api/v1/jobs/{id}/result")
    assert (gone.status_code, gone.json()["code"], "owner" in gone.json()["detail"]) == (410, "result_expired", True)
    assert service.client.delete(f"/api/v1/jobs/{id}").json() == service.job(id)


def test_idle_models_are_given_back_and_come_again(tmp_path: Path) -> None:
    with served(tmp_path / "data", {"IDLE_SECONDS": "1"}) as run:
        assert _until(lambda: _models(run) == [])
        assert run.post(plain_photo(PLAIN)).status_code == 200
        assert _until(lambda: _models(run) == [])


def test_who_does_not_read_is_cut_off(tmp_path: Path) -> None:
    with served(tmp_path / "data", {"SEND_SECONDS": "1"}) as run:
        id = run.later(noisy_photo(side=2200), recipe=UNCHANGED)
        size = run.ended(id)["result"]["bytes"]
        with socket.socket() as slow:
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
            slow.connect(("127.0.0.1", run.port))
            slow.sendall(f"GET /api/v1/jobs/{id}/result HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            time.sleep(4)
            assert _read(slow) < size
        assert len(run.client.get(f"/api/v1/jobs/{id}/result").content) == size


def _read(connection: socket.socket) -> int:
    """How many bytes still come."""
    count = 0
    with contextlib.suppress(ConnectionResetError):
        while part := connection.recv(1 << 20):
            count += len(part)
    return count


def _models(run: Served) -> list[str]:
    processes = run.client.get("/api/v1/status").json()["processes"]
    return [name for process in processes for name in process["models"]]


def _until(true: Callable[[], bool], *, seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if true():
            return True
        time.sleep(0.1)
    return False


def _fill(folder: Path) -> None:
    """Leave no room."""
    with (folder / "ballast").open("wb", buffering=0) as ballast, contextlib.suppress(OSError):
        while ballast.write(bytes(4096)):
            pass


def _remount(folder: Path, how: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{how}", str(folder)], check=True)
