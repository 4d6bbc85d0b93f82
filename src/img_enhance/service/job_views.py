"""Jobs and batches as the API shows them, each to its owner only."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from img_enhance.jobs.async_store import AsyncJobStore
from img_enhance.jobs.refusals import NotHere
from img_enhance.jobs.rows import FINAL, Job
from img_enhance.jobs.store import JobStore
from img_enhance.photo import format_named
from img_enhance.request.recipe import Reason, left_out
from img_enhance.service.keys import Caller
from img_enhance.service.problems import Problem, problem_body
from img_enhance.service.service import FORGET_SECONDS, Service
from img_enhance.service.views import API, BatchView, CallbackView, JobView, ProblemView, RecordView, ResultView
from img_enhance.service.waiting import Awaited, Lane, place_and_seconds
from img_enhance.workers.protocol import Failed

# What is left of a job that takes longer than expected and does not say how far it is.
_LEAST_LEFT = 0.1
# Only what has ended takes no time.
_LEAST_TOLD_SECONDS = 0.1


async def owned_job(store: AsyncJobStore, caller: Caller, id: str) -> Job:
    """The caller's job.

    Raises: NotHere for one that does not exist, or is somebody else's: nobody learns which.
    """
    job = await store.ask(JobStore.job, id)
    if job is None or job.owner != caller.owner:
        raise NotHere("there is no such job of yours; ids are forgotten a week after their results")
    return job


async def owned_batch(store: AsyncJobStore, caller: Caller, id: str) -> tuple[Job, ...]:
    """The jobs of the caller's batch.

    Raises: NotHere.
    """
    jobs = await store.ask(JobStore.batch, id)
    if not jobs or jobs[0].owner != caller.owner:
        raise NotHere("there is no such batch of yours; ids are forgotten a week after their results")
    return jobs


async def job_view(service: Service, job: Job, *, record: bool = True) -> JobView:
    """A job as the API shows it."""
    position, left = None, None
    fraction = 1.0 if job.state == "done" else service.live.fractions.get(job.id, 0.0)
    if job.state == "queued":
        wait = await _wait_of(service, job)
        if wait is None:  # taken since its row was read
            later = await service.store.ask(JobStore.job, job.id)
            if later is not None and later.state != "queued":
                return await job_view(service, later, record=record)
        else:
            position, left = wait
    elif job.state == "running":
        left = _seconds_left(service, job)
    url = f"{API}/jobs/{job.id}"
    return JobView(
        id=job.id,
        state=job.state,
        batch=job.batch,
        progress=fraction,
        queue_position=position,
        estimated_seconds_left=None if left is None else max(round(left, 1), _LEAST_TOLD_SECONDS),
        created=job.created,
        started=job.started,
        finished=job.finished,
        expires=None if job.finished is None or job.state == "expired" else job.finished + service.settings.retention_hours * 3600,
        attempts=job.token,
        photo=job.header,
        recipe=job.request,
        result=_result_view(job, url),
        record=job.record if record and job.error is None else None,  # of what was deleted it is only at its own address
        error=None if job.error is None else ProblemView(**problem_body(problem_of(job))),
        callback=await _callback_view(service, job) if record else None,
        links=_links(job, url),
    )


async def _callback_view(service: Service, job: Job) -> CallbackView | None:
    callback = await service.store.ask(JobStore.callback, job.id)
    if callback is None:
        return None
    waits = callback.state is None or callback.due is not None
    state = "waiting" if waits else "given_up" if callback.taken is None else "taken"
    return CallbackView(url=callback.url, state=state, attempts=callback.attempts, answer=callback.answer, next=callback.due)


async def _wait_of(service: Service, job: Job) -> tuple[int, float] | None:
    """The place of a queued job, of which 1 is next, and the seconds until it has ended; None where it waits no more."""
    queue, pace, short_seconds = await service.store.ask(JobStore.queue), service.pace, service.settings.short_seconds
    left = {each.id: _seconds_left(service, each) for each in queue.running}
    by_slot = {id(slot): left.get(running, 0.0) for running, slot in service.dispatcher.running.items()}
    lanes = [Lane(by_slot.get(id(slot), 0.0), slot.lane == "short") for slot in service.dispatcher.slots]
    waiting = [
        Awaited(each.id, pace.expected(each.kind, each.estimated_seconds), each.estimated_seconds < short_seconds) for each in queue.waiting
    ]
    return place_and_seconds(waiting, lanes, job.id)


def _seconds_left(service: Service, job: Job) -> float:
    """What is expected of a running job from now: the further it is, the more counts how fast it was itself."""
    expected, fraction = service.pace.expected(job.kind, job.estimated_seconds), service.live.fractions.get(job.id, 0.0)
    gone = 0.0 if job.started is None else max(0.0, time.time() - job.started)
    if not fraction:
        return max(expected - gone, expected * _LEAST_LEFT)
    return (1 - fraction) * (expected * (1 - fraction) + gone)


def _links(job: Job, url: str) -> dict[str, str]:
    links = {"self": url, "events": f"{url}/events"}
    if job.state == "done":
        links["result"] = f"{url}/result"
    if job.state in FINAL:
        links["record"] = f"{url}/record"
    if job.batch:
        links["batch"] = f"{API}/batches/{job.batch}"
    return links


async def batch_view(service: Service, id: str, jobs: Sequence[Job]) -> BatchView:
    """A batch as the API shows it, without the records."""
    views = [await job_view(service, job, record=False) for job in jobs]
    states = {state: sum(job.state == state for job in jobs) for state in sorted({job.state for job in jobs})}
    return BatchView(id=id, states=states, finished=all(job.state in FINAL for job in jobs), jobs=views)


def problem_of(job: Job) -> Failed:
    """Why a job failed."""
    error = job.error or {"code": "error", "status": 500, "detail": "the job failed"}
    return Failed(error["code"], error["status"], error["detail"])


def job_problem(failed: Failed, job: Job, headers: dict[str, str] | None = None) -> Problem:
    """A problem that names its job."""
    url = f"{API}/jobs/{job.id}"
    return Problem(failed, {"job": job.id, "job_url": url}, {**(headers or {}), "Link": f'<{url}>; rel="describedby"'})


def record_view(service: Service, job: Job) -> RecordView:
    """What is kept of a finished job."""
    assert job.finished is not None
    result = None if job.result is None else {name: value for name, value in job.result.items() if name != "name"}
    return RecordView(
        id=job.id,
        state=job.state,
        batch=job.batch,
        created=job.created,
        started=job.started,
        finished=job.finished,
        kept_until=job.finished + service.settings.retention_hours * 3600 + FORGET_SECONDS,
        attempts=job.token,
        photo=job.header,
        recipe=job.request,
        result=result,
        record=job.record,
        error=None if job.error is None else ProblemView(**problem_body(problem_of(job))),
    )


def _result_view(job: Job, url: str) -> ResultView | None:
    if job.result is None or job.state != "done":
        return None
    return ResultView(
        url=f"{url}/result", format=job.result["format"], width=job.result["width"], height=job.result["height"], bytes=job.result_bytes
    )


def media_type(format: str) -> str:
    """The media type of a format we write."""
    return f"image/{format_named(format).name}"


def summary(job: Job) -> str:
    """What was done, and what was noticed and left, in one line of ASCII."""
    assert job.result is not None
    record = job.record or {}
    # Records of older services do not say it.
    done = record.get("done") or ", ".join(step["step"] for step in job.request["steps"]) or "nothing to do"
    seconds = sum(step["seconds"] for step in record.get("steps", ()))
    sizes = f"{job.header['width']}x{job.header['height']} to {job.result['width']}x{job.result['height']}"
    return "; ".join([f"{done}: {sizes} in {seconds:.1f} s", *left_out(map(Reason.from_mapping, job.header.get("reasons", ())))])


def plain(view: Any) -> dict[str, Any]:
    """A view as JSON values without what is not there."""
    values: dict[str, Any] = view.model_dump(exclude_none=True)
    return values
