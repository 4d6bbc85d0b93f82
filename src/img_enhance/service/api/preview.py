"""POST /preview: what steps on light would do to a photo, seen on a reduced copy."""

from __future__ import annotations

import asyncio
import base64

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from img_enhance.errors import OptionError
from img_enhance.jobs.refusals import MalformedRequest
from img_enhance.jobs.spool import PHOTO
from img_enhance.request.recipe import AUTO, Recipe
from img_enhance.request.step_options import LIGHT_STEPS
from img_enhance.service.api.access import caller_of, service_of
from img_enhance.service.openapi import PREVIEW_ANSWER, PREVIEW_REQUEST, PROBLEMS
from img_enhance.service.photo_file import Body
from img_enhance.service.problems import Problem
from img_enhance.service.requests import recipe_of
from img_enhance.service.uploads import receive_body
from img_enhance.service.views import API
from img_enhance.workers.protocol import Failed, PreviewPhoto

router = APIRouter(prefix=API, tags=["enhance"])


@router.post(
    "/preview",
    responses={**PREVIEW_ANSWER, **PROBLEMS},
    response_class=Response,
    openapi_extra=PREVIEW_REQUEST,
    summary="What changes of light would look like",
)
async def preview(request: Request) -> Response:
    """A JPEG of at most `preview_megapixels`: the photo reduced, then the steps of the recipe, which are on light only. Nothing is kept.

    Whoever moves a slider sends the reduced copy that an empty list of steps is answered with.
    """
    service, body = service_of(request), Body()
    settings = service.settings
    with service.previews.held(caller_of(request).quota):
        try:
            await receive_body(request, body, service.spool, most_files=1, most_bytes=settings.max_file_bytes)
            if not body.uploads:
                raise MalformedRequest("no photo came", "send it in the field 'file'")
            recipe = recipe_of(body.form_fields)
            _check_light(recipe)
            photo = service.spool.incoming / body.uploads[0].id / PHOTO
            asked = PreviewPhoto(str(photo), recipe.to_mapping(), int(settings.preview_megapixels * 1e6))
            answer = await service.readers.preview(asked)
        finally:
            await asyncio.to_thread(body.drop, service.spool)
    if isinstance(answer, Failed):
        raise Problem(answer)
    headers = {"Cache-Control": "no-store", "Content-Security-Policy": "default-src 'none'; sandbox"}
    return Response(base64.b64decode(answer.jpeg), headers=headers, media_type="image/jpeg")


def _check_light(recipe: Recipe) -> None:
    """Pass if a preview can show the recipe.

    Raises: OptionError.
    """
    known = ", ".join(kind.name for kind in LIGHT_STEPS)
    if recipe.steps == AUTO:
        raise OptionError(
            f"a preview shows the steps that it is told, not {AUTO}", f"name some of {known}; POST /suggest says what a photo needs"
        )
    other = [step.name for step in recipe.steps if not isinstance(step, LIGHT_STEPS)]
    if other:
        raise OptionError(
            f"a preview shows no {other[0]}, only {known}", 'see a part of it in full with POST /enhance and "crop" in the recipe\'s output'
        )
    if recipe.output.box is not None:
        raise OptionError("a preview shows the whole photo, not a part of it", "leave crop out")
