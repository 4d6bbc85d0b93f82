"""The list of jobs by itself: leases, tokens, bounds."""

import dataclasses
import sqlite3
from pathlib import Path

import pytest

from img_enhance.jobs.refusals import KeyReused, QuotaReached, Saturated, StoreBroken
from img_enhance.jobs.rows import Bounds, Claim, Job
from img_enhance.jobs.store import MOST_RETURNS, JobStore

WIDE = Bounds(jobs=100, seconds=1e6, per_quota=100)
JOB = Job("a", "me", "me", None, 0, "queued", {}, {}, photo_bytes=10, estimated_seconds=1.0, created=100.0)


@pytest.fixture
def store(tmp_path: Path) -> JobStore:
    return JobStore(tmp_path / "jobs.sqlite")


def job(id: str, *, seconds: float = 1.0, created: float = 100.0) -> Job:
    return dataclasses.replace(JOB, id=id, estimated_seconds=seconds, created=created)


def lease(store: JobStore, *, short: float = 1e9) -> Job:
    found = store.lease(short_seconds=short, now=200.0, until=260.0)
    assert found is not None
    return found


def test_an_old_token_publishes_nothing(store: JobStore) -> None:
    store.accept([JOB], WIDE)
    first = lease(store)
    assert store.requeue(first, now=201)
    second = lease(store)
    assert not store.finish(first, now=202, result={"name": "first"}, result_bytes=1, record={})
    assert not store.renew(first, until=300)
    assert store.finish(second, now=203, result={"name": "second"}, result_bytes=1, record={})
    assert not store.finish(second, now=204, result={"name": "again"}, result_bytes=1, record={})
    found = store.job("a")
    assert found is not None
    assert (found.state, found.result, found.token) == ("done", {"name": "second"}, 2)
    assert [state for _, state, _ in store.events("a", after=0)] == ["queued", "running", "queued", "running", "done"]


def test_a_cancelled_job_publishes_nothing(store: JobStore) -> None:
    store.accept([JOB], WIDE)
    running = lease(store)
    assert store.cancel("a", now=201)
    assert not store.finish(running, now=202, result={"name": "x"}, result_bytes=1, record={})


def test_short_work_comes_first_and_long_work_in_the_end(store: JobStore) -> None:
    store.accept([job("long", seconds=50, created=100), job("early", seconds=1, created=120), job("late", seconds=1, created=160)], WIDE)
    assert [lease(store).id for _ in range(3)] == ["early", "long", "late"]


def test_the_short_lane_takes_short_work_only(store: JobStore) -> None:
    store.accept([job("long", seconds=50)], WIDE)
    assert store.lease(short_seconds=20, now=200, until=260) is None


def test_what_waits_for_better_times_is_not_leased(store: JobStore) -> None:
    store.accept([JOB], WIDE)
    store.requeue(lease(store), now=490, not_before=500)
    assert store.lease(short_seconds=1e9, now=499, until=560) is None
    assert store.lease(short_seconds=1e9, now=500, until=560) is not None


def test_a_clock_that_is_set_back_keeps_no_job_waiting(store: JobStore) -> None:
    store.accept([JOB], WIDE)
    store.requeue(lease(store), now=90_000, not_before=90_010)
    assert store.lease(short_seconds=1e9, now=200, until=260) is not None


def test_a_clock_that_jumps_ahead_takes_nothing_from_who_holds_the_lease(store: JobStore) -> None:
    store.accept([JOB], WIDE)
    running = lease(store)
    assert [job.id for job in store.lapsed(now=1e9)] == ["a"]
    assert store.renew(running, until=1e9 + 60)
    assert store.finish(running, now=1e9, result={"name": "x"}, result_bytes=1, record={})


@pytest.mark.parametrize(
    ("bounds", "error"),
    [(Bounds(1, 1e6, 100), Saturated), (Bounds(100, 1.5, 100), Saturated), (Bounds(100, 1e6, 1), QuotaReached)],
)
def test_takes_all_of_a_batch_or_nothing(store: JobStore, bounds: Bounds, error: type[Exception]) -> None:
    store.accept([job("first")], bounds)
    with pytest.raises(error):
        store.accept([job("second"), job("third")], bounds)
    assert store.load().states == {"queued": 1}


def test_a_key_is_claimed_once(store: JobStore) -> None:
    store.accept([JOB], WIDE, claim=Claim("key", "photo"))
    assert store.claimed("me", Claim("key", "photo")) == "a"
    assert store.claimed("you", Claim("key", "photo")) is None
    with pytest.raises(KeyReused):
        store.claimed("me", Claim("key", "other photo"))
    with pytest.raises(KeyReused):
        store.accept([job("b")], WIDE, claim=Claim("key", "photo"))


def test_what_ran_goes_on_after_a_restart_but_not_for_ever(store: JobStore) -> None:
    store.accept([JOB], WIDE)
    for number in range(MOST_RETURNS - 1):
        lease(store)
        store.recover(now=300.0 + number)
    assert store.load().states == {"queued": 1}
    lease(store)
    assert [failed.id for failed in store.recover(now=400)] == ["a"]


def test_results_expire(store: JobStore) -> None:
    store.accept([JOB], WIDE)
    store.finish(lease(store), now=300, result={"name": "x"}, result_bytes=7, record={})
    assert store.expire(finished_before=300, forget_before=0) == ()
    assert store.expire(finished_before=301, forget_before=0) == ("a",)
    assert (store.load().states, store.load().stored_bytes, store.files()) == ({"expired": 1}, 0, {})
    store.expire(finished_before=301, forget_before=301)
    assert store.load().states == {}


def test_an_unknown_version_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "jobs.sqlite") as database:
        database.execute("CREATE TABLE other (x)")
        database.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreBroken, match="version 99"):
        JobStore(tmp_path / "jobs.sqlite")
