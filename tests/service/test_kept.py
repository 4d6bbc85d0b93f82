"""A job accepted is a job kept: whoever is killed, and wherever."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from served import SHIFT, Served, mean_colour, noisy_photo, plain_photo, served

SOAK = bool(os.environ.get("IMG_ENHANCE_SOAK"))
# A round kills the API, a reader, and every other time a worker: 80 rounds are 200 kills.
ROUNDS = int(os.environ.get("IMG_ENHANCE_SOAK_ROUNDS", "80")) if SOAK else 1
# What a start finds undone it does at once, and would die of its fault again: so one that kills at work follows one that leaves no work.
API_FAULTS = ("leased", "received", "before publishing", "renamed", "published", "accepted")
BEFORE_THE_ROW = ("received", "renamed")
WORKER_FAULTS = ("worker started", "worker computed", "worker saved")

Colour = tuple[int, int, int]


def test_a_killed_api_loses_nothing_that_it_accepted(tmp_path: Path) -> None:
    data = tmp_path / "data"
    told: dict[str, Colour] = {}
    rows = 0
    for number, fault in enumerate((*API_FAULTS, "")):
        with served(data, {"FAULT": fault}) as run:
            _has_done(run, rows)
            for id, colour in told.items():
                _is_right(run, id, colour)
            if fault:
                colour = (180, 30, 40 * number)
                with contextlib.suppress(httpx.TransportError):
                    told[run.later(plain_photo(colour))] = colour
                assert run.process.wait(30) == -signal.SIGKILL, fault
        rows += fault not in BEFORE_THE_ROW


def _has_done(run: Served, rows: int) -> None:
    """Whether or not a client was told: what has a row is done within half a minute, and what has none has no files."""
    expected = {"done": rows} if rows else {}
    deadline = time.monotonic() + 30
    while (jobs := run.client.get("/api/v1/status").json()["queue"]["jobs"]) != expected and time.monotonic() < deadline:
        time.sleep(0.05)
    assert jobs == expected
    assert len(list((run.data / "jobs").iterdir())) == rows
    assert list((run.data / "incoming").iterdir()) == []


@pytest.mark.parametrize("fault", WORKER_FAULTS)
def test_a_killed_worker_is_replaced_and_its_job_done_again(fault: str, tmp_path: Path) -> None:
    with served(tmp_path / "data", {"FAULT": fault}) as run:
        id = run.later(plain_photo((20, 120, 220)))
        assert _is_right(run, id, (20, 120, 220))["attempts"] == 2


def test_a_job_that_kills_its_worker_twice_is_failed(tmp_path: Path) -> None:
    with served(tmp_path / "data", {"FAULT": "worker computed*2"}) as run:
        found = run.ended(run.later(plain_photo((1, 1, 1))))
        assert (found["state"], found["error"]["code"]) == ("failed", "worker_died")
        assert run.ended(run.later(plain_photo((2, 2, 2))))["state"] == "done"


def test_kills_at_random_times_lose_nothing(tmp_path: Path) -> None:
    chance = random.Random(7)
    data = tmp_path / "data"
    colours: dict[str, Colour] = {}
    kills = 0
    for number in range(ROUNDS):
        with served(data) as run:
            if number % 2:  # a job may lose one worker and no more: let older ones end before the next is killed
                for id in colours:
                    run.ended(id)
            kills += _kill(run.pids("reader"))
            for _ in range(4):
                colour = (chance.randrange(256), chance.randrange(256), chance.randrange(256))
                colours[run.later(plain_photo(colour, side=48))] = colour
            time.sleep(chance.random())
            if number % 2:
                kills += _kill(run.pids("worker"))
                time.sleep(chance.random())
            run.kill()
            kills += 1
    with served(data) as run:
        for id, colour in colours.items():
            _is_right(run, id, colour)
    print(f"[soak] {kills} kills in {ROUNDS} rounds, {len(colours)} jobs accepted, all done and right")


def _kill(pids: list[int]) -> int:
    """Kill the first of these, if there is one; how many were killed."""
    for pid in pids[:1]:
        os.kill(pid, signal.SIGKILL)
    return len(pids[:1])


def test_a_killed_reader_refuses_nobody(service: Served) -> None:
    readers = service.pids("reader")
    for pid in readers:
        os.kill(pid, signal.SIGKILL)
    assert service.post(plain_photo((6, 6, 6))).status_code == 200
    assert not set(readers) & set(service.pids("reader"))


def test_stops_soon_under_load_and_goes_on_afterwards(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with served(data, {"DRAIN_SECONDS": "1"}) as run:
        ids = [run.later(noisy_photo(side=500)), run.later(plain_photo((90, 10, 10)))]
        started = time.monotonic()
        assert run.stop() == 0
        assert time.monotonic() - started < 20
    with served(data) as run:
        run.client.delete(f"/api/v1/jobs/{ids[0]}")
        _is_right(run, ids[1], (90, 10, 10))


def test_a_damaged_store_is_refused_at_the_start(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "jobs.sqlite").write_bytes(b"not a database" * 1000)
    environment = {**os.environ, "IMG_ENHANCE_DATA": str(data), "IMG_ENHANCE_ACCESS": "open", "IMG_ENHANCE_PORT": "0"}
    run = subprocess.run(
        [sys.executable, "-m", "img_enhance", "serve"], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert run.returncode == 3
    assert "[ERROR]" in run.stderr
    assert "Traceback" not in run.stderr


def test_two_services_do_not_share_a_folder(service: Served) -> None:
    second = Served(service.data, {})
    try:
        assert second.process.wait(60) == 3
    finally:
        second.kill()
    assert "another service uses the folder" in second.log.read_text()
    assert service.post(plain_photo((5, 5, 5))).status_code == 200


def _is_right(run: Served, id: str, colour: Colour) -> dict[str, object]:
    found = run.ended(id)
    assert found["state"] == "done", found
    answer = run.client.get(f"/api/v1/jobs/{id}/result")
    assert mean_colour(answer.content) == pytest.approx(colour, abs=SHIFT)
    names = [path.name for path in (run.data / "jobs" / id).iterdir()]
    assert len(names) == 1
    return found
