"""GET /results: several pictures in one ZIP, which is made while it is sent and lies nowhere."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, BinaryIO, cast
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from img_enhance.jobs.refusals import MalformedRequest, QuotaReached, Saturated
from img_enhance.photo import format_named
from img_enhance.request.options import Output
from img_enhance.service.api.access import caller_of, service_of
from img_enhance.service.api.jobs import Format, Quality, result_file
from img_enhance.service.conversions import converted_file, output_of
from img_enhance.service.job_views import owned_job
from img_enhance.service.keys import Caller
from img_enhance.service.openapi import PROBLEMS, ZIP_ANSWER
from img_enhance.service.service import Service
from img_enhance.service.views import API

router = APIRouter(prefix=API, tags=["jobs"])

_BLOCK_BYTES = 1_000_000
_TURN_SECONDS = 0.2
_MOST_NUMBER = 1_000_000


@router.get("/results", responses={**ZIP_ANSWER, **PROBLEMS}, response_class=Response, summary="Several enhanced photos in a ZIP")
async def results(
    request: Request,
    jobs: Annotated[str, Query(description="ids with commas between, as many as a batch may have")],
    first: Annotated[int, Query(ge=1, le=_MOST_NUMBER, description="the number in the first one's name; the others count on")] = 1,
    format: Format = None,
    quality: Quality = None,
) -> Response:
    """The results of these jobs, in their order and uncompressed, as pictures are already: 404, 409 or 410 if one of them has none.

    Whoever asks in several requests gives `first`, so that no two pictures have one name.

    With `format` or `quality` each is written anew. One that cannot be ends the answer, whose ZIP then is not whole.
    """
    service, caller, ids = service_of(request), caller_of(request), jobs.split(",")
    most = service.settings.max_batch_files
    if len(ids) > most:
        raise MalformedRequest(f"{len(ids)} jobs are named and {most} may be", "ask for them in several requests")
    with ExitStack() as opened:  # what is open now can be sent, even if it is deleted meanwhile
        entries = []
        for number, id in enumerate(ids, first):
            job = await owned_job(service.store, caller, id)
            path, stored = result_file(service.spool, job, retention_hours=service.settings.retention_hours)
            output = output_of(format, quality, stored)
            ending = format_named(stored["format"] if output is None else str(output.format)).endings[0]
            file = opened.enter_context(path.open("rb"))
            entries.append(_Entry(f"{number:02}_enhanced{ending}", file, path, stored, output))
        kept = opened.pop_all()
    headers = {"Cache-Control": "no-store", "Content-Disposition": 'attachment; filename="enhanced.zip"'}
    return StreamingResponse(_zipped(service, caller, entries, kept), media_type="application/zip", headers=headers)


@dataclass(frozen=True)
class _Entry:
    """A result on its way into the ZIP, and how it is to be written anew, if it is."""

    name: str
    file: BinaryIO
    path: Path
    stored: dict[str, Any]
    output: Output | None


class _Sink:
    """What a ZIP is written into, and taken from piece by piece."""

    def __init__(self) -> None:
        self._data = bytearray()

    def write(self, data: bytes) -> int:
        self._data += data
        return len(data)

    def flush(self) -> None:
        return

    def taken(self) -> bytes:
        data, self._data = bytes(self._data), bytearray()
        return data


async def _zipped(service: Service, caller: Caller, entries: Sequence[_Entry], kept: ExitStack) -> AsyncIterator[bytes]:
    sink = _Sink()
    with kept:
        with ZipFile(cast(BinaryIO, sink), "w", ZIP_STORED) as archive:
            for each in entries:
                with await _file_of(service, caller, each) as file, archive.open(ZipInfo(each.name), "w", force_zip64=True) as entry:
                    while block := await asyncio.to_thread(file.read, _BLOCK_BYTES):
                        entry.write(block)
                        yield sink.taken()
        yield sink.taken()


async def _file_of(service: Service, caller: Caller, each: _Entry) -> BinaryIO:
    """What goes into the ZIP; each conversion waits for its turn."""
    if each.output is None:
        return each.file
    while True:
        try:
            with service.conversions.held(caller.quota):
                return await converted_file(service, each.path, each.stored, each.output)
        except (QuotaReached, Saturated):
            await asyncio.sleep(_TURN_SECONDS)
