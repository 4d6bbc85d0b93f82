"""Errors as answers: RFC 9457 problem+json with the stable code of the error tree."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from starlette.responses import JSONResponse

from img_enhance.jobs.refusals import PASSING
from img_enhance.workers.catalogue import kind_of
from img_enhance.workers.protocol import Failed

MEDIA_TYPE = "application/problem+json"

# What to send with refusals that pass by themselves.
_RETRY_SECONDS = 10

_CLOSED_REQUEST = 499


class Problem(Exception):
    """An error on its way to the answer, with members and headers beside it."""

    def __init__(self, failed: Failed, members: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(failed.detail)
        self.failed = failed
        self.members = dict(members or {})
        self.headers = dict(headers or {})


def problem_body(failed: Failed, members: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The body of RFC 9457; `type` is the address at which the code is explained."""
    title = "Client Closed Request" if failed.status == _CLOSED_REQUEST else HTTPStatus(failed.status).phrase
    body = {"type": kind_of(failed.code).address, "title": title, "status": failed.status, "detail": failed.detail, "code": failed.code}
    return body | dict(members or {})


def problem_response(failed: Failed, *, members: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """The answer; those that pass by themselves say when to try again."""
    sent = dict(headers or {})
    if kind_of(failed.code).error in PASSING:
        sent.setdefault("Retry-After", str(_RETRY_SECONDS))
    if failed.status == HTTPStatus.UNAUTHORIZED:
        sent.setdefault("WWW-Authenticate", 'Bearer realm="img-enhance"')
    return JSONResponse(problem_body(failed, members), failed.status, sent, media_type=MEDIA_TYPE)
