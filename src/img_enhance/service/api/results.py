"""GET /results: several pictures in one ZIP, which is made while it is sent and lies nowhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Annotated, BinaryIO, cast
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from img_enhance.jobs.refusals import MalformedRequest
from img_enhance.photo import format_named
from img_enhance.service.api.access import caller_of, service_of
from img_enhance.service.api.jobs import result_file
from img_enhance.service.job_views import owned_job
from img_enhance.service.openapi import PROBLEMS, ZIP_ANSWER
from img_enhance.service.views import API

router = APIRouter(prefix=API, tags=["jobs"])

_BLOCK_BYTES = 1_000_000


@router.get("/results", responses={**ZIP_ANSWER, **PROBLEMS}, response_class=Response, summary="Several enhanced photos in a ZIP")
async def results(
    request: Request, jobs: Annotated[str, Query(description="ids with commas between, as many as a batch may have")]
) -> Response:
    """The results of these jobs, in their order and uncompressed, as pictures are already: 404, 409 or 410 if one of them has none."""
    service, ids = service_of(request), jobs.split(",")
    most = service.settings.max_batch_files
    if len(ids) > most:
        raise MalformedRequest(f"{len(ids)} jobs are named and {most} may be", "ask for them in several requests")
    with ExitStack() as opened:  # what is open now can be sent, even if it is deleted meanwhile
        files = []
        for number, id in enumerate(ids, 1):
            job = await owned_job(service.store, caller_of(request), id)
            path, result = result_file(service.spool, job, retention_hours=service.settings.retention_hours)
            file = opened.enter_context(path.open("rb"))
            files.append((f"{number:02}_enhanced{format_named(result['format']).endings[0]}", file))
        kept = opened.pop_all()
    headers = {"Cache-Control": "no-store", "Content-Disposition": 'attachment; filename="enhanced.zip"'}
    return StreamingResponse(_zipped(files, kept), media_type="application/zip", headers=headers)


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


def _zipped(files: Sequence[tuple[str, BinaryIO]], kept: ExitStack) -> Iterator[bytes]:
    sink = _Sink()
    with kept:
        with ZipFile(cast(BinaryIO, sink), "w", ZIP_STORED) as archive:
            for name, file in files:
                with archive.open(ZipInfo(name), "w", force_zip64=True) as entry:
                    while block := file.read(_BLOCK_BYTES):
                        entry.write(block)
                        yield sink.taken()
        yield sink.taken()
