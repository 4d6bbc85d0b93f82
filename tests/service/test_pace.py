"""Estimates become what this machine needs, and no one job turns them upside down."""

from pathlib import Path

import pytest
from served import COMPACT, noisy_photo, served

from img_enhance.jobs.rows import Bounds, Job
from img_enhance.jobs.spool import Spool
from img_enhance.jobs.store import JobStore
from img_enhance.service.pace import TONES, Pace, kind_of_work


def test_estimates_are_believed_at_first() -> None:
    assert Pace().expected("x4plus", 3.0) == 3.0


def test_a_machine_of_half_the_speed_is_learned() -> None:
    pace = Pace()
    for _ in range(50):
        pace.learn("x4plus", 10.0, 20.0)
    assert pace.expected("x4plus", 10.0) == pytest.approx(20.0, rel=0.02)


def test_a_machine_that_has_become_slower_is_learned_again() -> None:
    pace = Pace()
    for measured in (10.0,) * 50 + (30.0,) * 60:
        pace.learn("x4plus", 10.0, measured)
    assert pace.expected("x4plus", 10.0) == pytest.approx(30.0, rel=0.1)


def test_one_job_that_took_for_ever_counts_for_little() -> None:
    pace = Pace()
    pace.learn("x4plus", 1.0, 1e9)
    assert pace.expected("x4plus", 1.0) < 5.0


def test_tiny_jobs_do_not_change_what_is_said_of_large_ones() -> None:
    pace = Pace()
    for _ in range(30):
        pace.learn("x4plus", 0.02, 0.3)
    assert pace.expected("x4plus", 5.0) == pytest.approx(5.0 + 0.28, abs=0.02)
    for _ in range(1000):
        pace.learn(TONES, 0.02, 0.001)
    assert pace.expected("x4plus", 5.0) == pytest.approx(5.0, abs=0.01)


def test_what_every_job_takes_beside_its_work_is_learned() -> None:
    pace = Pace()
    for _ in range(30):
        pace.learn(TONES, 0.02, 1.02)
    assert pace.expected(TONES, 0.02) == pytest.approx(1.02, abs=0.05)
    pace.learn(TONES, 0.02, 1e9)
    assert pace.expected(TONES, 0.02) < 2.0
    for _ in range(50):
        pace.learn("x4plus", 10.0, 21.4)
    assert pace.expected("x4plus", 10.0) == pytest.approx(21.4, rel=0.02)


def test_work_is_of_the_kind_of_its_network() -> None:
    steps = [{"step": "clahe"}, {"step": "real_esrgan", "model": "realesrgan-x4plus"}]
    assert kind_of_work({"steps": steps}) == "realesrgan-x4plus"
    assert kind_of_work({"steps": steps[:1]}) == TONES
    assert kind_of_work({"steps": "auto"}) == TONES


def test_a_start_learns_from_what_was_done_before(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "data")
    spool.make()
    store = JobStore(spool.root / "jobs.sqlite")
    for n in range(20):
        job = Job(f"{n}", "a", "a", None, 0, "queued", {}, {}, photo_bytes=1, estimated_seconds=10.0, created=float(n), kind=COMPACT)
        store.accept([job], Bounds(1, 1e9, 1))
        leased = store.lease(short_seconds=1e9, now=1000.0, until=2000.0)
        assert leased is not None
        store.finish(leased, now=1150.0, result={"name": "x"}, result_bytes=1, record={})
    store.close()
    with served(tmp_path / "data", {"RETENTION_HOURS": "1000000"}) as run:
        id = run.later(noisy_photo(side=900))
        told = run.job(id)["estimated_seconds_left"]
    store = JobStore(spool.root / "jobs.sqlite")
    estimated = store.job(id)
    store.close()
    assert estimated is not None
    assert told > 3 * estimated.estimated_seconds
