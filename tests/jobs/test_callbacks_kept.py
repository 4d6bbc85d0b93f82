"""Whom to tell of the end of a job: due from the end on, each in turn, until it was told or given up."""

import dataclasses
from pathlib import Path

import pytest

from img_enhance.jobs.callbacks import PAUSES
from img_enhance.jobs.rows import Bounds, Callback, CallbackAddress, Job
from img_enhance.jobs.store import JobStore

WIDE = Bounds(jobs=100, seconds=1e6, per_quota=100)
ADDRESS = CallbackAddress("https://receiver.example/", "signer")


@pytest.fixture
def store(tmp_path: Path) -> JobStore:
    return JobStore(tmp_path / "jobs.sqlite")


def job(id: str, quota: str = "me", *, state: str = "failed", at: float = 100.0) -> Job:
    """A job that failed at once, so that its end is due at this time."""
    ended = None if state == "queued" else at
    return Job(id, quota, quota, None, 0, state, {}, {}, photo_bytes=10, estimated_seconds=1.0, created=at, finished=ended)


def due(store: JobStore, *, now: float = 1e6, busy: tuple[str, ...] = (), most_each: int = 100) -> list[str]:
    return [callback.job for callback in store.callbacks_due(now=now, busy=busy, most_each=most_each)]


def kept(store: JobStore, id: str) -> Callback:
    found = store.callback(id)
    assert found is not None
    return found


def test_an_end_is_due_from_the_end_on(store: JobStore) -> None:
    store.accept([job("a0", state="queued")], WIDE, callback=ADDRESS)
    store.accept([job("b0", state="queued")], WIDE, callback=ADDRESS)
    store.accept([job("c0", state="queued")], WIDE)
    assert due(store) == []
    running = store.lease(short_seconds=1e9, now=200, until=260)
    assert running is not None
    store.requeue(running, now=210)
    assert due(store) == []
    again = store.lease(short_seconds=1e9, now=220, until=260)
    assert again is not None
    assert not store.finish(running, now=225, result={"name": "x"}, result_bytes=1, record={})
    assert due(store) == []
    store.finish(again, now=230, result={"name": "x"}, result_bytes=1, record={})
    store.cancel("b0", now=240)
    store.cancel("c0", now=250)
    assert due(store, now=229) == []
    assert due(store) == ["a0", "b0"]
    assert [kept(store, id).state for id in ("a0", "b0")] == ["done", "cancelled"]
    again_open = JobStore(store.path)  # the first one was never closed
    assert due(again_open) == ["a0", "b0"]


def test_every_quotas_first_comes_before_anybodys_second(store: JobStore) -> None:
    for number in range(5):
        store.accept([job(f"1{number}", "many", at=100 + number)], WIDE, callback=ADDRESS)
    store.accept([job("20", "few", at=150)], WIDE, callback=ADDRESS)
    assert due(store, most_each=2) == ["10", "20", "11"]
    assert due(store, most_each=2, busy=("10", "20")) == ["11", "12"]


def test_new_ends_come_before_those_that_failed(store: JobStore) -> None:
    store.accept([job("10", at=100)], WIDE, callback=ADDRESS)
    assert store.attempted(kept(store, "10"), now=100, answer="503", taken=False, again=True)
    store.accept([job("20", at=900)], WIDE, callback=ADDRESS)
    assert due(store) == ["20", "10"]


def test_what_failed_is_tried_again_until_it_is_taken_or_given_up(store: JobStore) -> None:
    store.accept([job("0000"), job("0001"), job("0002")], WIDE, callback=ADDRESS)
    now = 100.0
    for number, pause in enumerate(PAUSES):
        assert store.attempted(kept(store, "0000"), now=now, answer="503", taken=False, again=True)
        assert "0000" not in due(store, now=now + pause - 1)
        now += pause
        assert "0000" in due(store, now=now)
        assert (kept(store, "0000").attempts, kept(store, "0000").answer) == (number + 1, "503")
    assert not store.attempted(kept(store, "0000"), now=now, answer="503", taken=False, again=True)
    assert not store.attempted(kept(store, "0001"), now=now, answer="410", taken=False, again=False)
    assert not store.attempted(kept(store, "0002"), now=now, answer="204", taken=True, again=False)
    assert due(store, now=1e9) == []
    assert [kept(store, id).taken for id in ("0000", "0001", "0002")] == [None, None, now]


def test_what_is_deleted_is_told_no_more(store: JobStore) -> None:
    store.accept([dataclasses.replace(job("a0"), state="done", result={"name": "x"})], WIDE, callback=ADDRESS)
    store.accept([job("b0")], WIDE, callback=ADDRESS)
    assert store.delete("a0", now=300)
    assert store.forget("b0")
    assert due(store) == []


def test_a_secret_stays_the_same(store: JobStore) -> None:
    first, other = store.secret("one"), store.secret("other")
    assert (len(first), first != other) == (32, True)
    assert JobStore(store.path).secret("one") == first
