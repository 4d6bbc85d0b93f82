"""GET /callbacks/secret: what receivers of callbacks check signatures with."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from img_enhance.jobs.refusals import NotHere
from img_enhance.service.api.access import caller_of, service_of
from img_enhance.service.callbacks import secret_of, shown
from img_enhance.service.openapi import PROBLEMS
from img_enhance.service.views import API, SecretView

router = APIRouter(prefix=API, tags=["callbacks"])


@router.get("/callbacks/secret", response_model=SecretView, responses=PROBLEMS, summary="What signs your callbacks")
async def secret(request: Request) -> Response:
    """The secret of your key, for those who receive callbacks; a new key has a new one."""
    service, caller = service_of(request), caller_of(request)
    if not caller.key_hash:
        raise NotHere("there are no callbacks where everybody may come in", "ask for jobs instead")
    return JSONResponse({"secret": shown(await secret_of(service, caller.key_hash))}, headers={"Cache-Control": "no-store"})
