"""Jobs and batches: how they are, what came of them, and their events."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Annotated, Any, BinaryIO

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from img_enhance.jobs.async_store import AsyncJobStore
from img_enhance.jobs.refusals import JobCancelled, NotFinished, NotHere, ResultExpired
from img_enhance.jobs.rows import FINAL, Job
from img_enhance.jobs.spool import Spool
from img_enhance.jobs.store import JobStore
from img_enhance.photo import format_named
from img_enhance.request.options import Output
from img_enhance.service.api.access import caller_of, service_of
from img_enhance.service.api.picture import picture_response
from img_enhance.service.conversions import converted_file, output_of
from img_enhance.service.job_views import (
    batch_view,
    job_problem,
    job_view,
    media_type,
    owned_batch,
    owned_job,
    plain,
    problem_of,
    record_view,
    summary,
)
from img_enhance.service.keys import EVERYBODY
from img_enhance.service.live_state import LiveState
from img_enhance.service.openapi import EVENTS_ANSWER, PICTURE_ANSWER, PROBLEMS
from img_enhance.service.views import API, BatchView, JobsView, JobView, RecordView
from img_enhance.workers.catalogue import as_data

router = APIRouter(prefix=API, tags=["jobs"])

# Proxies close connections on which nothing is said.
_KEEP_ALIVE_SECONDS = 10.0
_RETRY_MILLISECONDS = 2000
_BLOCK_BYTES = 1_000_000

Format = Annotated[str | None, Query(description="another format than the result has, as in a recipe's output")]
Quality = Annotated[int | None, Query(description="its quality, as in a recipe's output")]


@router.get("/jobs", response_model=JobsView, response_model_exclude_none=True, responses=PROBLEMS, summary="Your jobs, the latest first")
async def all_jobs(request: Request, limit: Annotated[int, Query(ge=1, le=100)] = 20, before: str | None = None) -> JobsView:
    """The jobs of your key without their records; `next` leads to earlier ones. There is no such list where everybody may come in."""
    service, caller = service_of(request), caller_of(request)
    if caller.owner == EVERYBODY:
        raise NotHere("there are no lists of jobs where everybody may come in", "keep the address of each job")
    earlier = None if before is None else await owned_job(service.store, caller, before)
    found = await service.store.ask(JobStore.jobs_of, caller.owner, before=earlier, most=limit + 1)
    more = f"{API}/jobs?limit={limit}&before={found[limit - 1].id}" if len(found) > limit else None
    return JobsView(jobs=[await job_view(service, each, record=False) for each in found[:limit]], next=more)


@router.get("/jobs/{id}", response_model=JobView, response_model_exclude_none=True, responses=PROBLEMS, summary="How a job is")
async def job(request: Request, id: str) -> JobView:
    """State, progress, place in the queue, and in the end the record or the error."""
    service = service_of(request)
    return await job_view(service, await owned_job(service.store, caller_of(request), id))


@router.get("/jobs/{id}/result", responses={**PICTURE_ANSWER, **PROBLEMS}, summary="The enhanced photo")
async def result(request: Request, id: str, format: Format = None, quality: Quality = None) -> Response:
    """The photo: 409 while it is not done, 410 when it has expired, the job's own error if it failed.

    With `format` or `quality` it is written anew for this answer. Whoever wants the least loss asks for the format with the photo.
    """
    service, caller = service_of(request), caller_of(request)
    found = await owned_job(service.store, caller, id)
    path, stored = result_file(service.spool, found, retention_hours=service.settings.retention_hours)
    output = output_of(format, quality, stored)
    if output is None:
        return result_response(request, service.spool, found, retention_hours=service.settings.retention_hours)
    with service.conversions.held(caller.quota):
        file = await converted_file(service, path, stored, output)
    return _converted_response(found, output, file)


def _converted_response(job: Job, output: Output, file: BinaryIO) -> Response:
    """What was written for this answer only."""
    assert output.format is not None
    headers = {
        **_result_headers(job),
        "Cache-Control": "no-store",
        "Content-Length": str(os.fstat(file.fileno()).st_size),
        "Content-Disposition": f'attachment; filename="enhanced{format_named(output.format).endings[0]}"',
    }
    return StreamingResponse(_blocks(file), media_type=media_type(output.format), headers=headers)


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while block := file.read(_BLOCK_BYTES):
            yield block


@router.get(
    "/jobs/{id}/record", response_model=RecordView, response_model_exclude_none=True, responses=PROBLEMS, summary="What was done to a photo"
)
async def record(request: Request, id: str) -> RecordView:
    """What is kept of a job that has ended, a week longer than its result: 409 while it is not done."""
    service = service_of(request)
    found = await owned_job(service.store, caller_of(request), id)
    if found.state not in FINAL:
        raise job_problem(as_data(NotFinished(f"the job is {found.state}, it has no record yet")), found, {"Retry-After": "2"})
    return record_view(service, found)


@router.delete("/jobs/{id}/record", status_code=204, responses=PROBLEMS, summary="Forget a job")
async def forget(request: Request, id: str) -> Response:
    """Nothing: the job is forgotten with its record, and with its result if there is one. 409 while it is not done."""
    service = service_of(request)
    found = await owned_job(service.store, caller_of(request), id)
    if not await service.store.ask(JobStore.forget, found.id):
        raise job_problem(as_data(NotFinished(f"the job is {found.state}", "cancel it first")), found)
    if found.id not in service.dispatcher.running:  # else its worker still lets go of it, and then its folder goes
        await asyncio.to_thread(service.spool.drop, found.id)
    return Response(status_code=204)


@router.get("/jobs/{id}/events", responses={**EVENTS_ANSWER, **PROBLEMS}, summary="What happens to a job, as it happens")
async def events(request: Request, id: str) -> Response:
    """Server-sent events `state` and `progress`, until the job has ended. `Last-Event-ID` goes on where a connection broke."""
    service = service_of(request)
    found = await owned_job(service.store, caller_of(request), id)
    last = request.headers.get("last-event-id", "").partition(".")[0]
    after = int(last) if last.isdecimal() and len(last) < 10 else 0
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_events(service.store, service.live, found.id, after), media_type="text/event-stream", headers=headers)


@router.delete(
    "/jobs/{id}", response_model=JobView, response_model_exclude_none=True, responses=PROBLEMS, summary="Cancel a job, or delete its result"
)
async def delete(request: Request, id: str) -> JobView:
    """The job, cancelled; of one that is done the result is deleted at once. Its record stays, without hashes and facts."""
    service, caller = service_of(request), caller_of(request)
    found = await owned_job(service.store, caller, id)
    if not await service.dispatcher.cancel(found.id) and await service.store.ask(JobStore.delete, found.id, now=time.time()):
        await service.forget(found.id)
    return await job_view(service, await owned_job(service.store, caller, id))


@router.get("/batches/{id}", response_model=BatchView, response_model_exclude_none=True, responses=PROBLEMS, summary="How a batch is")
async def batch(request: Request, id: str) -> Response:
    """Its jobs, without their records."""
    service = service_of(request)
    jobs = await owned_batch(service.store, caller_of(request), id)
    return JSONResponse(plain(await batch_view(service, id, jobs)))


def result_response(request: Request, spool: Spool, job: Job, *, retention_hours: float) -> Response:
    """The picture of a finished job, or the part of it that is asked for; nothing of one that the client has already.

    Raises: Problem for a job that has none.
    """
    path, stored = result_file(spool, job, retention_hours=retention_hours)
    ending = format_named(stored["format"]).endings[0]
    headers = {"Cache-Control": "private, max-age=3600", **_result_headers(job)}
    return picture_response(request, path, headers, media_type=media_type(stored["format"]), filename=f"enhanced{ending}")


def _result_headers(job: Job) -> dict[str, str]:
    return {
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Link": f'<{API}/jobs/{job.id}>; rel="describedby"',
        "X-Job-ID": job.id,
        "X-Summary": summary(job),
    }


def result_file(spool: Spool, job: Job, *, retention_hours: float) -> tuple[Path, dict[str, Any]]:
    """The file of a job's picture, and its name, format and size.

    Raises: Problem for a job that has none, or has none any more.
    """
    expired = ResultExpired(f"results are kept {retention_hours:g} hours", "send the photo again")
    if job.state == "failed" or job.error is not None:
        raise job_problem(problem_of(job), job)
    if job.state == "expired":
        raise job_problem(as_data(expired), job)
    if job.state == "cancelled":
        raise job_problem(
            as_data(JobCancelled("the job was cancelled, so there is no result", "send the photo again if you still want it")), job
        )
    if job.state != "done" or job.result is None:
        raise job_problem(as_data(NotFinished(f"the job is {job.state}, it has no result")), job, {"Retry-After": "2"})
    path = spool.jobs / job.id / job.result["name"]
    if not path.exists():  # it was deleted since the row was read
        raise job_problem(as_data(expired), job)
    return path, job.result


async def _events(store: AsyncJobStore, live: LiveState, id: str, after: int) -> AsyncIterator[str]:
    """Every change of state after that number, and how far the job is; numbers come from the store, so they outlive a restart."""
    yield f"retry: {_RETRY_MILLISECONDS}\n\n"
    sent = -1.0
    with live.watching(id) as changed:
        while True:
            changed.clear()
            for number, state, at in await store.ask(JobStore.events, id, after=after):
                after = number
                yield _event("state", str(number), {"state": state, "at": at})
                if state in FINAL:
                    return
            row = await store.ask(JobStore.job, id)
            if row is None or row.state in FINAL or live.stopping:
                return
            fraction = live.fractions.get(id)
            if fraction is not None and fraction != sent:
                sent = fraction
                yield _event("progress", f"{after}.{round(fraction * 1000)}", {"progress": fraction})
            try:
                await asyncio.wait_for(changed.wait(), _KEEP_ALIVE_SECONDS)
            except TimeoutError:
                yield ": still here\n\n"


def _event(kind: str, id: str, data: dict[str, Any]) -> str:
    return f"event: {kind}\nid: {id}\ndata: {json.dumps(data)}\n\n"
