"""What counts to a day: in the transaction that accepts, and nothing that was not done."""

import dataclasses
from pathlib import Path

import pytest

from img_enhance.jobs.refusals import DailyQuotaReached, Saturated
from img_enhance.jobs.rows import Bounds, Daily, Job, Used
from img_enhance.jobs.store import JobStore

WIDE = Bounds(jobs=100, seconds=1e6, per_quota=100)
JOB = Job("a", "me", "me", None, 0, "queued", {}, {}, photo_bytes=10, estimated_seconds=1.0, created=100.0)


@pytest.fixture
def store(tmp_path: Path) -> JobStore:
    return JobStore(tmp_path / "jobs.sqlite")


def lease(store: JobStore) -> Job:
    found = store.lease(short_seconds=1e9, now=200.0, until=260.0)
    assert found is not None
    return found


DAY = 86_400.0


def sized(id: str, *, created: float = 100.0, quota: str = "me", width: int = 1000) -> Job:
    """A job of so many thousand pixels."""
    return dataclasses.replace(JOB, id=id, created=created, quota=quota, header={"width": width, "height": 1000})


def bounds(daily: Daily) -> Bounds:
    return dataclasses.replace(WIDE, daily=daily)


def test_a_day_has_so_many_jobs_and_megapixels(store: JobStore) -> None:
    three, two_and_a_half = bounds(Daily(jobs=3)), bounds(Daily(megapixels=2.5))
    store.accept([sized("1"), sized("2")], three)
    with pytest.raises(DailyQuotaReached, match=r"2 of its 3 jobs a day.*here are 2"):
        store.accept([sized("3"), sized("4")], three)
    with pytest.raises(DailyQuotaReached, match=r"2 of its 2\.5 megapixels a day.*here are 1"):
        store.accept([sized("3")], two_and_a_half)
    store.accept([sized("3", width=500)], two_and_a_half)
    store.accept([sized("all that are left", quota="they"), sized("of three", quota="they"), sized("a day", quota="they")], three)
    for full in (three, two_and_a_half):
        with pytest.raises(DailyQuotaReached):
            store.accept([sized("4")], full)
        store.accept([sized(f"others {full}", quota="you")], full)
    assert store.used("me", day=0) == Used(3, 2_500_000)
    store.accept([sized("4", created=DAY)], three)
    assert store.used("me", day=1) == Used(1, 1_000_000)


def test_what_is_refused_fails_at_once_or_never_began_is_not_counted(store: JobStore) -> None:
    failed = dataclasses.replace(JOB, id="failed", state="failed", finished=100.0)
    store.accept([failed, sized("1"), sized("2")], WIDE, batch="some")
    store.accept([sized("another's", quota="you"), sized("another day's", created=DAY)], WIDE)
    with pytest.raises(Saturated):
        store.accept([sized("3")], Bounds(1, 1e6, 100))
    assert store.used("me", day=0) == Used(2, 2_000_000)
    began = lease(store)
    assert began.id == "1"
    assert store.cancel("1", now=DAY + 5)
    assert store.used("me", day=0) == Used(2, 2_000_000)
    assert store.cancel("2", now=DAY + 5)
    assert store.used("me", day=0) == Used(1, 1_000_000)
    assert store.used("you", day=0) == store.used("me", day=1) == Used(1, 1_000_000)


@pytest.mark.parametrize(("status", "counted"), [(500, 0), (503, 0), (422, 1)])
def test_only_what_failed_by_the_photo_is_counted(store: JobStore, status: int, counted: int) -> None:
    store.accept([sized("1")], WIDE)
    assert store.fail(lease(store), now=DAY + 5, error={"code": "x", "status": status, "detail": "x"})
    assert store.used("me", day=0).jobs == counted
    assert store.used("me", day=1).jobs == 0


def test_what_was_used_outlives_a_kill_and_is_forgotten_in_the_end(store: JobStore) -> None:
    store.accept([sized("1")], WIDE)
    again = JobStore(store.path)  # the first one was never closed
    with pytest.raises(DailyQuotaReached):
        again.accept([sized("2")], bounds(Daily(jobs=1)))
    again.expire(finished_before=9 * DAY, forget_before=DAY)
    assert again.used("me", day=0) == Used(0, 0)
