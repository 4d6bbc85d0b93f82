"""A picture as an answer: whole, a part, or nothing where the client has it already (RFC 9110)."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response

from img_enhance.jobs.refusals import RangeRefused
from img_enhance.service.problems import Problem
from img_enhance.workers.catalogue import as_data

_RANGES = re.compile(r"bytes=\s*(\d+-\d*|-\d+)(\s*,\s*(\d+-\d*|-\d+))*\s*")
_NOT_MODIFIED = 304


def picture_response(request: Request, path: Path, headers: Mapping[str, str], *, media_type: str, filename: str) -> Response:
    """The file, or what of it the request asks for.

    Raises: Problem for a part behind the end.
    """
    status = os.stat(path)
    whole = FileResponse(path, headers=headers, media_type=media_type, filename=filename, stat_result=status)
    if is_known(request, whole.headers["etag"]):
        kept = ("etag", "cache-control", "last-modified", "link", "x-job-id", "x-summary")
        return Response(status_code=_NOT_MODIFIED, headers={name: whole.headers[name] for name in kept})
    asked = request.headers.get("range")
    if asked is not None:
        if _RANGES.fullmatch(asked) is None:  # to be passed over
            _forget(request, b"range")
        elif not any(_reaches(part, status.st_size) for part in asked.partition("=")[2].split(",")):
            refused = RangeRefused(f"the result has {status.st_size} bytes")
            raise Problem(as_data(refused), headers={"Content-Range": f"bytes */{status.st_size}"})
    return whole


def is_known(request: Request, tag: str) -> bool:
    """Whether the client says that it has what this tag is of (If-None-Match)."""
    known = request.headers.get("if-none-match", "")
    return known.strip() == "*" or tag in (each.strip().removeprefix("W/") for each in known.split(","))


def _reaches(part: str, size: int) -> bool:
    """Whether some of a range lies in a file of so many bytes."""
    first, _, last = part.strip().partition("-")
    if not first:
        return int(last) > 0 and size > 0
    return int(first) < size and (not last or int(first) <= int(last))


def _forget(request: Request, name: bytes) -> None:
    request.scope["headers"] = [header for header in request.scope["headers"] if header[0] != name]
