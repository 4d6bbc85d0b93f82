"""POST /enhance and POST /enhance/batch."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from img_enhance.errors import ImgEnhanceError
from img_enhance.jobs.async_store import AsyncJobStore
from img_enhance.jobs.refusals import KeyReused, MalformedRequest, StillRunning, Stopping, WaitedTooLong
from img_enhance.jobs.rows import FINAL, CallbackAddress, Claim, Job
from img_enhance.jobs.store import JobStore
from img_enhance.request.recipe import Recipe
from img_enhance.service.admission import REQUEST
from img_enhance.service.api.access import caller_of, service_of
from img_enhance.service.api.jobs import result_response
from img_enhance.service.callbacks import callback_in
from img_enhance.service.job_views import batch_view, job_problem, job_view, owned_batch, owned_job, plain, problem_of
from img_enhance.service.keys import Caller
from img_enhance.service.openapi import BATCH_REQUEST, ENHANCE_ANSWERS, ENHANCE_REQUEST, PROBLEMS, SUGGEST_REQUEST
from img_enhance.service.pace import kind_of_work
from img_enhance.service.photo_file import Body
from img_enhance.service.photo_urls import fetched, photo_url_in
from img_enhance.service.problems import Problem
from img_enhance.service.requests import is_idempotency_key, json_mapping, keeps_photo, recipe_in, recipe_of
from img_enhance.service.submissions import Submission, accepted, all_checked, checked, fingerprint
from img_enhance.service.uploads import receive_body
from img_enhance.service.views import API, BatchView, JobView
from img_enhance.workers.catalogue import as_data
from img_enhance.workers.protocol import Failed

router = APIRouter(prefix=API, tags=["enhance"])

# Work that was expected to end in time is waited for so many times longer than that, before the answer is the job's address.
_PATIENCE = 2.0
_LEAST_PATIENCE_SECONDS = 5.0
_LOOK_SECONDS = 1.0
_CLOSED_REQUEST = 499


@router.post("/enhance", responses={**ENHANCE_ANSWERS, **PROBLEMS}, openapi_extra=ENHANCE_REQUEST, summary="Enhance a photo")
async def enhance(request: Request) -> Response:
    """The enhanced photo, or with `Accept: application/json` the job with its record; 202 and the job where that takes long."""
    service, caller, body = service_of(request), caller_of(request), Body()
    try:
        await receive_body(request, body, service.spool, most_files=1, most_bytes=service.settings.max_file_bytes)
        url, callback = photo_url_in(service, body), callback_in(service, caller, body)
        keep_photo, recipe = keeps_photo(body.form_fields), recipe_of(body.form_fields)
        claim = _claim(request, [recipe], [url or body.uploads[0].sha256], callback, kept=keep_photo)
        if claim is not None:
            earlier = await service.store.ask(JobStore.claimed, caller.quota, claim)
            if earlier is not None:
                return await _replayed(request, await owned_job(service.store, caller, earlier))
        submission = Submission(await fetched(service, caller, body, url) if url else body.uploads[0], recipe, keep_photo)
        answer = await checked(service, submission)
        if isinstance(answer, Failed):
            raise Problem(answer)
        try:
            jobs = await accepted(service, caller, [(submission, answer)], claim=claim, callback=callback)
        except KeyReused:
            return await _replayed(request, await owned_job(service.store, caller, await _first_with(service.store, caller, claim)))
    finally:
        await asyncio.to_thread(body.drop, service.spool)
    job = jobs[0]
    request.scope[REQUEST + ".job"] = job.id
    view = await job_view(service, job, record=False)
    if _prefers_async(request) or (view.estimated_seconds_left or 0.0) > service.settings.sync_seconds:
        return _accepted_response(view)
    return await _waited_for(request, job, kept=claim is not None or callback is not None)


@router.post(
    "/enhance/batch",
    status_code=202,
    response_model=BatchView,
    responses=PROBLEMS,
    openapi_extra=BATCH_REQUEST,
    summary="Enhance several photos",
)
async def enhance_batch(request: Request) -> Response:
    """202 with the batch. A photo that cannot be done fails alone; its job says why."""
    service, caller, body = service_of(request), caller_of(request), Body()
    settings = service.settings
    try:
        await receive_body(request, body, service.spool, most_files=settings.max_batch_files, most_bytes=settings.max_file_bytes)
        callback = callback_in(service, caller, body)
        submissions = _submissions(body)
        kept = any(each.keep_photo for each in submissions)
        claim = _claim(request, [each.recipe for each in submissions], [each.upload.sha256 for each in submissions], callback, kept=kept)
        if claim is not None:
            earlier = await service.store.ask(JobStore.claimed, caller.quota, claim)
            if earlier is not None:
                return _batch_response(await batch_view(service, earlier, await owned_batch(service.store, caller, earlier)))
        answers = await all_checked(service, submissions)
        id = secrets.token_hex(16)
        try:
            pairs = list(zip(submissions, answers, strict=True))
            jobs = await accepted(service, caller, pairs, batch=id, claim=claim, callback=callback)
        except KeyReused:
            earlier = await _first_with(service.store, caller, claim)
            return _batch_response(await batch_view(service, earlier, await owned_batch(service.store, caller, earlier)))
    finally:
        await asyncio.to_thread(body.drop, service.spool)
    return _batch_response(await batch_view(service, id, jobs))


@router.post("/suggest", responses=PROBLEMS, openapi_extra=SUGGEST_REQUEST, summary="What a photo needs")
async def suggest(request: Request) -> dict[str, Any]:
    """The recipe that `auto` would run, the reason for every step chosen or not, and how long it would take. Nothing is kept."""
    service, caller, body = service_of(request), caller_of(request), Body()
    try:
        await receive_body(request, body, service.spool, most_files=1, most_bytes=service.settings.max_file_bytes)
        url, recipe = photo_url_in(service, body), recipe_of(body.form_fields)
        upload = await fetched(service, caller, body, url) if url else body.uploads[0]
        answer = await checked(service, Submission(upload, recipe))
    finally:
        await asyncio.to_thread(body.drop, service.spool)
    if isinstance(answer, Failed):
        raise Problem(answer)
    return {
        "recipe": answer.request,
        "reasons": list(answer.reasons),
        "warnings": list(answer.warnings),
        "photo": {"format": answer.format, "width": answer.size[0], "height": answer.size[1]},
        "result": {"format": answer.result_format, "width": answer.result_size[0], "height": answer.result_size[1]},
        "estimated_seconds": round(service.pace.expected(kind_of_work(answer.request), answer.seconds), 1),
    }


def _submissions(body: Body) -> list[Submission]:
    """Every photo with its recipe: one for all, or as many as photos in their order."""
    if not body.uploads:
        raise MalformedRequest("no photo came", "send them in the field 'files'")
    keep_photo, recipes = keeps_photo(body.form_fields), body.repeated_fields.get("recipe", [])
    if len(recipes) in (0, 1):
        one = recipe_of(body.form_fields)
        return [Submission(upload, one, keep_photo) for upload in body.uploads]
    if len(recipes) != len(body.uploads):
        raise MalformedRequest(f"{len(recipes)} recipes came with {len(body.uploads)} photos", "send one for all, or one each")
    return [Submission(upload, _recipe_or_error(text), keep_photo) for upload, text in zip(body.uploads, recipes, strict=True)]


def _recipe_or_error(text: str) -> Recipe | ImgEnhanceError:
    try:
        return recipe_in(json_mapping(text, "the recipe"))
    except ImgEnhanceError as error:
        return error


def _claim(
    request: Request, recipes: Sequence[Recipe | ImgEnhanceError], photos: Sequence[str], callback: CallbackAddress | None, *, kept: bool
) -> Claim | None:
    key = request.headers.get("idempotency-key")
    if key is None:
        return None
    if not is_idempotency_key(key):
        raise MalformedRequest("an Idempotency-Key has up to 200 visible ASCII characters")
    return Claim(key, fingerprint(request.url.path, recipes, photos, callback, kept=kept))


async def _first_with(store: AsyncJobStore, caller: Caller, claim: Claim | None) -> str:
    """The job or batch of the same request that was sent twice at the same time, of which the other was accepted first.

    Raises: KeyReused when it was another request.
    """
    assert claim is not None
    earlier = await store.ask(JobStore.claimed, caller.quota, claim)
    assert earlier is not None
    return earlier


def _prefers_async(request: Request) -> bool:
    return "respond-async" in request.headers.get("prefer", "").lower()


def _accepted_response(view: JobView) -> Response:
    headers = {
        "Location": view.links["self"],
        "Preference-Applied": "respond-async",
        "Retry-After": str(max(1, round(view.estimated_seconds_left or 0.0))),
    }
    return JSONResponse(plain(view), 202, headers)


def _batch_response(view: BatchView) -> Response:
    return JSONResponse(plain(view), 202, {"Location": f"{API}/batches/{view.id}"})


async def _replayed(request: Request, job: Job) -> Response:
    """What the first request with the same key led to."""
    if _prefers_async(request):
        return _accepted_response(await job_view(service_of(request), job, record=False))
    if job.state in FINAL:
        return await _final_response(request, job)
    raise job_problem(
        as_data(StillRunning("the first request with this Idempotency-Key is still being worked on")), job, {"Retry-After": "2"}
    )


async def _waited_for(request: Request, job: Job, *, kept: bool) -> Response:
    """The answer once the job has ended. If the client goes away, nobody wants the work, unless its key lets it be asked for again, or its
    end is told elsewhere.
    """
    service = service_of(request)
    patience = max(service.settings.sync_seconds * _PATIENCE, _LEAST_PATIENCE_SECONDS)
    deadline = time.monotonic() + patience
    gone = asyncio.create_task(_disconnected(request))
    try:
        with service.live.watching(job.id) as changed:
            while True:
                changed.clear()
                row = await service.store.ask(JobStore.job, job.id)
                assert row is not None
                if row.state in FINAL:
                    return await _final_response(request, row)
                if gone.done():
                    if not kept and service.live.watchers(job.id) == 1:
                        await service.dispatcher.cancel(job.id)
                    return Response(status_code=_CLOSED_REQUEST)
                if time.monotonic() > deadline:
                    raise job_problem(as_data(WaitedTooLong(f"not done after {patience:.0f} s; the job goes on, ask for it")), job)
                if service.live.stopping and (row.state == "queued" or time.monotonic() > service.live.stop_by):
                    raise job_problem(as_data(Stopping("the service stops; the job is kept and goes on afterwards")), job)
                waiting = asyncio.create_task(changed.wait())
                await asyncio.wait({waiting, gone}, timeout=_LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
                waiting.cancel()
    finally:
        gone.cancel()


async def _disconnected(request: Request) -> None:
    message: Any = {}
    while message.get("type") != "http.disconnect":
        message = await request.receive()


async def _final_response(request: Request, job: Job) -> Response:
    service = service_of(request)
    if job.state == "done" and "application/json" in request.headers.get("accept", ""):
        return JSONResponse(plain(await job_view(service, job)))
    if job.state == "failed":
        raise job_problem(problem_of(job), job)
    return result_response(request, service.spool, job, retention_hours=service.settings.retention_hours)
