"""GET /jobs/ID/view and its tiles: a result of any size and format, and the photo before it, looked at piece by piece."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter
from fastapi import Path as InPath
from starlette.requests import Request
from starlette.responses import Response

from img_enhance.jobs.refusals import NotFinished, NotHere
from img_enhance.jobs.rows import Job
from img_enhance.jobs.spool import PHOTO
from img_enhance.pyramid import TILE
from img_enhance.service.api.access import caller_of, service_of
from img_enhance.service.api.jobs import result_file
from img_enhance.service.api.picture import is_known
from img_enhance.service.job_views import job_problem, owned_job
from img_enhance.service.openapi import PROBLEMS, TILE_ANSWER
from img_enhance.service.pyramids import AFTER, BEFORE, Picture, Pyramid
from img_enhance.service.views import API, LevelView, LookView, PictureView
from img_enhance.workers.catalogue import as_data

router = APIRouter(prefix=API, tags=["jobs"])

_PNG = b"\x89PNG"
_MOST_LEVEL = 30
_NOT_MODIFIED = 304

# A result never changes, and its address is never another's; but the browser of several people must not show one's to the other.
_KEPT = {"Cache-Control": "private, max-age=31536000, immutable", "Vary": "X-API-Key, Authorization"}

_Level = Annotated[int, InPath(ge=0, le=_MOST_LEVEL, description="0 has all pixels, each next one half as many across and down")]
_Name = Annotated[str, InPath(pattern=r"^[0-9]{1,7}_[0-9]{1,7}$", description="column_row, from the upper left", examples=["3_5"])]


@router.get("/jobs/{id}/view", response_model=LookView, responses=PROBLEMS, summary="What a result can be looked at by")
async def view(request: Request, id: str) -> LookView:
    """Sizes, levels, and which tiles are there. With the first request tiles begin to be made, coarse ones first; later ones say how far.

    They are forgotten when nobody has asked for an hour, and made again when somebody does.
    """
    _, pyramid = await _looked(request, id)
    return LookView(
        state=pyramid.state,
        tile=TILE,
        pictures={name: _picture_view(picture) for name, picture in pyramid.pictures.items()},
        tiles=f"{API}/jobs/{id}/tiles/{{picture}}/{{level}}/{{column}}_{{row}}",
    )


@router.get("/jobs/{id}/tiles/{picture}/{level}/{tile}", responses={**TILE_ANSWER, **PROBLEMS}, summary="A tile of a result")
async def tile(request: Request, id: str, picture: str, level: _Level, tile: _Name) -> Response:
    """Of level 0 a PNG with the true values, of the others a JPEG. 409 while it is not made, 404 where there will be none."""
    job, pyramid = await _looked(request, id)
    column, row = map(int, tile.split("_"))
    try:
        path = service_of(request).pyramids.tile(pyramid, picture, level=level, column=column, row=row)
        data = None if path is None else await asyncio.to_thread(path.read_bytes)
    except KeyError:
        raise NotHere(f"there is no tile {level}/{tile} of {picture}", f"GET {API}/jobs/{id}/view says which there are") from None
    except FileNotFoundError:  # forgotten since it was looked for
        data = None
    if data is None:
        raise job_problem(as_data(NotFinished("this tile is not made yet", "ask again in a moment")), job, {"Retry-After": "1"})
    tag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
    headers = {**_KEPT, "ETag": tag}
    if is_known(request, tag):
        return Response(status_code=_NOT_MODIFIED, headers=headers)
    headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return Response(data, headers=headers, media_type="image/png" if data.startswith(_PNG) else "image/jpeg")


async def _looked(request: Request, id: str) -> tuple[Job, Pyramid]:
    """The caller's job and its pyramid, which is begun if there is none.

    Raises: NotHere; Problem where there is no result, or none that can be looked at; QuotaReached, Saturated.
    """
    service, caller = service_of(request), caller_of(request)
    job = await owned_job(service.store, caller, id)
    path, _ = result_file(service.spool, job, retention_hours=service.settings.retention_hours)
    files: dict[str, Path] = {AFTER: path}
    if PHOTO in job.files:
        files[BEFORE] = path.with_name(PHOTO)
    pyramid = service.pyramids.seen(job.id, caller.quota, files)
    if pyramid.problem is not None:
        raise job_problem(pyramid.problem, job)
    return job, pyramid


def _picture_view(picture: Picture) -> PictureView:
    levels = [
        LevelView(width=level.size.width, height=level.size.height, columns=level.tiles.width, rows=level.tiles.height, rows_ready=rows)
        for level, rows in zip(picture.levels, picture.rows, strict=True)
    ]
    return PictureView(width=picture.size.width, height=picture.size.height, levels=levels)
