"""What every route needs of a request."""

from __future__ import annotations

from starlette.requests import Request

from img_enhance.service.admission import CALLER
from img_enhance.service.keys import Caller
from img_enhance.service.service import Service


def service_of(request: Request) -> Service:
    """The service that a request came to."""
    service: Service = request.app.state.service
    return service


def caller_of(request: Request) -> Caller:
    """Who asks."""
    caller: Caller = request.scope[CALLER]
    return caller
