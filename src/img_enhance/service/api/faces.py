"""POST /faces: which faces a photo has, so that a person can choose among them before the work."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request

from img_enhance.errors import OptionError
from img_enhance.jobs.refusals import MalformedRequest
from img_enhance.jobs.spool import PHOTO
from img_enhance.request.form import to_mapping
from img_enhance.request.recipe import AUTO, Recipe
from img_enhance.request.step_options import GFPGAN
from img_enhance.service.api.access import caller_of, service_of
from img_enhance.service.openapi import PROBLEMS, SUGGEST_REQUEST
from img_enhance.service.photo_file import Body
from img_enhance.service.problems import Problem
from img_enhance.service.requests import recipe_of
from img_enhance.service.uploads import receive_body
from img_enhance.service.views import API
from img_enhance.workers.protocol import Failed, FindFaces

router = APIRouter(prefix=API, tags=["enhance"])


@router.post("/faces", responses=PROBLEMS, openapi_extra=SUGGEST_REQUEST, summary="Which faces a photo has")
async def faces(request: Request) -> dict[str, Any]:
    """The faces that the recipe's step on faces would find in the photo, the largest first, and why it would leave some alone.

    A `box` in the step's option `skip` leaves that face alone. Nothing is kept.
    """
    service, body = service_of(request), Body()
    with service.previews.held(caller_of(request).quota):
        try:
            await receive_body(request, body, service.spool, most_files=1, most_bytes=service.settings.max_file_bytes)
            if not body.uploads:
                raise MalformedRequest("no photo came", "send it in the field 'file'")
            photo = service.spool.incoming / body.uploads[0].id / PHOTO
            answer = await service.readers.find(FindFaces(str(photo), to_mapping(_step(recipe_of(body.form_fields)))))
        finally:
            await asyncio.to_thread(body.drop, service.spool)
    if isinstance(answer, Failed):
        raise Problem(answer)
    return {"photo": {"width": answer.size[0], "height": answer.size[1]}, "faces": list(answer.faces)}


def _step(recipe: Recipe) -> GFPGAN:
    """The step on faces, as it is by default where no steps are named.

    Raises: OptionError for a recipe without one.
    """
    if recipe.steps == AUTO:
        return GFPGAN()
    found = next((step for step in recipe.steps if isinstance(step, GFPGAN)), None)
    if found is None:
        raise OptionError(f"the recipe has no step {GFPGAN.name}, so no faces are looked for", "add it, or leave the recipe out")
    return found
