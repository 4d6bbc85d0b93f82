"""What only the page of `img-enhance open` asks for: its key, the photos it was opened with, saving beside them, and that it is there."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from img_enhance.jobs.rows import Job
from img_enhance.jobs.store import JobStore
from img_enhance.service.api.access import caller_of, service_of
from img_enhance.service.api.jobs import result_file
from img_enhance.service.home import Home
from img_enhance.service.job_views import owned_job
from img_enhance.service.views import API

# Results that are kept, and work that is not done: more than these few nobody looks through.
_MOST_JOBS = 100
_SHOWN = ("queued", "running", "done")

entrance = APIRouter(include_in_schema=False)
router = APIRouter(prefix=f"{API}/home", include_in_schema=False)


def home_of(request: Request) -> Home:
    """The home that a request came to."""
    home: Home = request.app.state.home
    return home


@entrance.post("/home/key")
async def key(request: Request) -> dict[str, str]:
    """The key of this run for the one-time key, which then is worth nothing."""
    server, client = request.scope["server"], request.scope["client"]
    given = request.headers.get("x-one-time-key", "")
    return {"key": await asyncio.to_thread(home_of(request).enter, given, (client[0], client[1]), (server[0], server[1]))}


@router.get("")
async def inside(request: Request) -> dict[str, Any]:
    """The photos to look at, and the jobs of before that are kept."""
    home, service = home_of(request), service_of(request)
    jobs = await service.store.ask(JobStore.jobs_of, caller_of(request).owner, before=None, most=_MOST_JOBS)
    photos = [{"number": number, "name": home.photos[number].name} for number in home.left()]
    return {"photos": photos, "jobs": [_row(home, job) for job in reversed(jobs) if _is_shown(job)]}


def _is_shown(job: Job) -> bool:
    """Whether a job is of a whole photo, and has a result or may yet have one."""
    return job.state in _SHOWN and "crop" not in job.request.get("output", {})


def _row(home: Home, job: Job) -> dict[str, Any]:
    origin = home.origin(job.id)
    names = {what: Path(path).name for what, path in origin.items()}
    return {"id": job.id, "name": names.get("photo", ""), "beside": bool(origin), "saved": names.get("saved", "")}


@router.get("/photos/{number}")
async def photo(request: Request, number: int) -> Response:
    """A photo's file as it is."""
    headers = {"Cache-Control": "no-store", "Content-Security-Policy": "default-src 'none'; sandbox"}
    return FileResponse(home_of(request).photo(number), headers=headers, media_type="application/octet-stream")


@router.put("/jobs/{id}", status_code=204)
async def belongs(request: Request, id: str, photo: Annotated[int, Query(ge=0)]) -> None:
    """Note of which photo a job is."""
    job = await owned_job(service_of(request).store, caller_of(request), id)
    await asyncio.to_thread(home_of(request).belongs, job.id, photo)


@router.put("/jobs/{id}/saved")
async def saved(request: Request, id: str) -> dict[str, str]:
    """Save a result beside its photo; what is saved already stays."""
    service = service_of(request)
    job = await owned_job(service.store, caller_of(request), id)
    path, result = result_file(service.spool, job, retention_hours=service.settings.retention_hours)
    return {"name": (await asyncio.to_thread(home_of(request).saved, job.id, path, result["format"])).name}


@router.put("/tabs/{tab}", status_code=204)
async def beats(request: Request, tab: str) -> None:
    """A tab is there."""
    home_of(request).beats(tab[:64])


@router.delete("/tabs/{tab}", status_code=204)
async def leaves(request: Request, tab: str) -> None:
    """A tab is closed."""
    home_of(request).leaves(tab[:64])
