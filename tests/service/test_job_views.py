"""Jobs as they are shown while the workers take them."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from img_enhance.jobs.async_store import AsyncJobStore
from img_enhance.jobs.rows import Bounds, Job
from img_enhance.jobs.store import JobStore
from img_enhance.service.job_views import job_view
from img_enhance.service.live_state import LiveState
from img_enhance.service.pace import Pace
from img_enhance.service.settings import Settings
from img_enhance.service.views import JobView

LANES = [SimpleNamespace(lane="any"), SimpleNamespace(lane="short")]


def queued(store: JobStore, *, seconds: float) -> Job:
    job = Job("0", "a", "a", None, 0, "queued", {}, {}, photo_bytes=1, estimated_seconds=seconds, created=1.0)
    store.accept([job], Bounds(1, 1e9, 1))
    return job


def shown(store: JobStore, job: Job) -> JobView:
    async def view() -> JobView:
        dispatcher = SimpleNamespace(running={}, slots=LANES)
        service: Any = SimpleNamespace(
            store=AsyncJobStore(store), pace=Pace(), settings=Settings(), live=LiveState(), dispatcher=dispatcher
        )
        try:
            return await job_view(service, job)
        finally:
            await service.store.close()

    return asyncio.run(view())


@pytest.fixture
def store(tmp_path: Path) -> JobStore:
    return JobStore(tmp_path / "jobs.sqlite")


def test_a_job_that_waits_has_a_place_and_its_seconds(store: JobStore) -> None:
    view = shown(store, queued(store, seconds=40.0))
    assert (view.state, view.queue_position, view.estimated_seconds_left) == ("queued", 1, 40.0)


def test_a_job_that_was_taken_since_it_was_read_is_not_called_done_in_no_time(store: JobStore) -> None:
    read = queued(store, seconds=40.0)
    assert store.lease(short_seconds=1e9, now=2.0, until=1e12) is not None
    view = shown(store, read)
    assert (view.state, view.queue_position) == ("running", None)
    assert view.estimated_seconds_left is not None
    assert view.estimated_seconds_left >= 4.0  # a tenth, as it began long ago


def test_a_job_that_has_ended_since_it_was_read_has_nothing_left(store: JobStore) -> None:
    read = queued(store, seconds=40.0)
    assert store.cancel(read.id, now=2.0)
    view = shown(store, read)
    assert (view.state, view.queue_position, view.estimated_seconds_left) == ("cancelled", None, None)


def test_what_has_not_ended_takes_some_time(store: JobStore) -> None:
    assert shown(store, queued(store, seconds=0.01)).estimated_seconds_left == 0.1
