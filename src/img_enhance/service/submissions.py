"""What callers submit: checked by readers, then accepted as jobs."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from img_enhance.errors import ImgEnhanceError
from img_enhance.jobs.refusals import DailyQuotaReached, WorkTooLong
from img_enhance.jobs.rows import CallbackAddress, Claim, Job
from img_enhance.jobs.spool import PHOTO
from img_enhance.jobs.store import JobStore
from img_enhance.request.recipe import Recipe
from img_enhance.service.keys import Caller
from img_enhance.service.pace import kind_of_work
from img_enhance.service.photo_file import Upload
from img_enhance.service.quotas import daily_problem
from img_enhance.service.service import Service
from img_enhance.workers.catalogue import as_data
from img_enhance.workers.faults import die_at
from img_enhance.workers.protocol import Checked, CheckPhoto, Failed


@dataclass(frozen=True)
class Submission:
    """A photo and what to do with it, or why that cannot be read; `keep_photo` is to keep it as long as its result."""

    upload: Upload
    recipe: Recipe | ImgEnhanceError
    keep_photo: bool = False


async def checked(service: Service, submission: Submission) -> Checked | Failed:
    """What a reader says of a photo, and whether its work is not too long."""
    if isinstance(submission.recipe, ImgEnhanceError):
        return as_data(submission.recipe)
    photo = service.spool.incoming / submission.upload.id / PHOTO
    answer = await service.readers.check(CheckPhoto(str(photo), submission.recipe.to_mapping()))
    if isinstance(answer, Checked):
        seconds, most = service.pace.expected(kind_of_work(answer.request), answer.seconds), service.settings.max_job_seconds
        if seconds > most:
            return as_data(
                WorkTooLong(f"the work is estimated at {seconds:.0f} s and {most:.0f} s are allowed", "ask for a smaller factor")
            )
    return answer


async def all_checked(service: Service, submissions: Sequence[Submission]) -> list[Checked | Failed]:
    """What readers say of photos, in their order; as many at a time as there are readers, so that others get their turn."""
    turn = asyncio.Semaphore(service.settings.readers)

    async def look(each: Submission) -> Checked | Failed:
        async with turn:
            return await checked(service, each)

    async with asyncio.TaskGroup() as tasks:
        looks = [tasks.create_task(look(each)) for each in submissions]
    return [look.result() for look in looks]


async def accepted(
    service: Service,
    caller: Caller,
    submissions: Sequence[tuple[Submission, Checked | Failed]],
    *,
    batch: str | None = None,
    claim: Claim | None = None,
    callback: CallbackAddress | None = None,
) -> list[Job]:
    """Jobs that from now on are kept: photo first, then its folder's name, then the row.

    Raises: as `JobStore.accept`, but a Problem for the day's quota; then nothing was accepted.
    """
    jobs = [_new_job(caller, each, answer, batch, place) for place, (each, answer) in enumerate(submissions)]
    die_at("received", service.settings.fault)
    kept = [job for job in jobs if job.state == "queued"]
    try:
        for job in kept:
            await asyncio.to_thread(service.spool.take, job.id)
        die_at("renamed", service.settings.fault)
        bounds = service.bounds_of(caller.daily)
        await service.store.ask(JobStore.accept, jobs, bounds, batch=batch, claim=claim, callback=callback)
    except BaseException as error:
        for job in kept:
            service.spool.drop(job.id)
        if isinstance(error, DailyQuotaReached):
            raise await daily_problem(service, caller, error) from None
        raise
    die_at("accepted", service.settings.fault)
    service.dispatcher.wake()
    return jobs


def _new_job(caller: Caller, submission: Submission, answer: Checked | Failed, batch: str | None, place: int) -> Job:
    now = time.time()
    failed = isinstance(answer, Failed)
    return Job(
        id=submission.upload.id,
        owner=caller.owner,
        quota=caller.quota,
        batch=batch,
        place=place,
        state="failed" if failed else "queued",
        request=_request(submission, answer),
        header={} if isinstance(answer, Failed) else _header(answer, submission),
        photo_bytes=0 if failed else submission.upload.bytes,
        estimated_seconds=0.0 if isinstance(answer, Failed) else answer.seconds,
        created=now,
        finished=now if failed else None,
        error=answer.shown() if isinstance(answer, Failed) else None,
        kind="" if isinstance(answer, Failed) else kind_of_work(answer.request),
    )


def _request(submission: Submission, answer: Checked | Failed) -> dict[str, Any]:
    """The recipe as it will run; as it was asked for where it will not."""
    if isinstance(answer, Checked):
        return answer.request
    return submission.recipe.to_mapping() if isinstance(submission.recipe, Recipe) else {}


def _header(answer: Checked, submission: Submission) -> dict[str, Any]:
    header: dict[str, Any] = {"format": answer.format, "width": answer.size[0], "height": answer.size[1]}
    header |= {"bytes": submission.upload.bytes, "sha256": submission.upload.sha256}
    header |= {"kept": True} if submission.keep_photo else {}
    return header | ({"reasons": list(answer.reasons)} if answer.reasons else {})


def fingerprint(
    path: str, recipes: Sequence[Recipe | ImgEnhanceError], photos: Sequence[str], callback: CallbackAddress | None, *, kept: bool
) -> str:
    """A hash of all that a request asks for; `photos` are hashes of files, or URLs."""
    asked = [each.to_mapping() if isinstance(each, Recipe) else str(each) for each in recipes]
    also = [*([callback.url] if callback else []), *(["keep_photo"] if kept else [])]
    whole = json.dumps([path, asked, list(photos), *also], sort_keys=True)
    return hashlib.sha256(whole.encode()).hexdigest()
