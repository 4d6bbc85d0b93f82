"""Bodies to files: photos go to their jobs' folders as they arrive, whatever kind of body they come in."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from python_multipart.multipart import parse_options_header
from starlette.requests import Request

from img_enhance.jobs.refusals import KindRefused
from img_enhance.jobs.spool import Spool
from img_enhance.service.form_body import FormBody
from img_enhance.service.json_body import JsonBody
from img_enhance.service.photo_file import Body

JSON = "application/json"


def media_type(headers: Mapping[str, str]) -> str:
    """The media type of a body in lower case, without its parameters."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


async def receive_body(request: Request, body: Body, spool: Spool, *, most_files: int, most_bytes: int) -> None:
    """Fill `body`, to whose files the caller sees whatever happens.

    Raises: MalformedRequest, KindRefused, FileTooLarge, StorageFull; Problem of the limits on the body; ClientDisconnect.
    """
    parts = _parts(request, body, spool, most_files, most_bytes)
    try:
        async for chunk in request.stream():
            await asyncio.to_thread(parts.write, chunk)
        await asyncio.to_thread(parts.end)
    finally:
        parts.close()


def _parts(request: Request, body: Body, spool: Spool, most_files: int, most_bytes: int) -> FormBody | JsonBody:
    kind = media_type(request.headers)
    if kind == JSON:
        return JsonBody(body, spool, most_bytes)
    boundary = parse_options_header(request.headers.get("content-type", ""))[1].get(b"boundary")
    if kind == "multipart/form-data" and boundary:
        return FormBody(boundary, body, spool, most_files, most_bytes)
    if kind == "multipart/form-data":
        raise KindRefused("the Content-Type multipart/form-data names no boundary", "leave this header to what makes the form")
    raise KindRefused("send the photo as multipart/form-data in the field 'file', or as application/json with 'image' in base64")
