"""What the service is and how it is: algorithms, status, health, metrics."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import Any

import psutil
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from img_enhance import __version__
from img_enhance.jobs.refusals import NotHere
from img_enhance.jobs.store import JobStore
from img_enhance.machine.memory import anonymous_bytes
from img_enhance.machine.settings import model_table, weight_store
from img_enhance.models.model import Model
from img_enhance.models.table import ModelTable
from img_enhance.models.weight_files import WeightFile
from img_enhance.models.weights.cache import WeightStore, copies
from img_enhance.request.form import Field, fields
from img_enhance.request.options import Output
from img_enhance.request.step_options import LIGHT_STEPS, STEP_OPTIONS
from img_enhance.service.api.access import caller_of, service_of
from img_enhance.service.keys import EVERYBODY
from img_enhance.service.metrics import MEDIA_TYPE
from img_enhance.service.openapi import PROBLEMS, field_schema
from img_enhance.service.quotas import today_of
from img_enhance.service.settings import Settings
from img_enhance.service.views import API, ProblemKindView
from img_enhance.words import Pull
from img_enhance.workers.catalogue import KINDS, Kind, is_code, kind_of
from img_enhance.workers.supervisor import Slot

router = APIRouter()

_NOT_SHOWN = (*Settings.secret, "host", "port", "data", "private_networks", "fault")


@router.get(f"{API}/algorithms", tags=["about"], summary="What can be done to a photo")
async def algorithms() -> dict[str, Any]:
    """Every algorithm with its options and their bounds, in the order they run, and the models: license, size, origin, present or not. Of
    one that is not: which files are `lacking`, with their terms, and the `command` by which the operator gets them.

    Those on `light` can be seen in a preview.
    """
    store = weight_store(os.environ)
    table = model_table(store)

    def known(field: Field) -> tuple[str, ...]:
        return (*field.choices, *(model.name for model in table.own)) if field.extensible else ()

    return {
        "algorithms": [
            {
                "name": kind.name,
                "summary": (kind.__doc__ or "").splitlines()[0],
                "light": kind in LIGHT_STEPS,
                "options": {field.name: field_schema(field, known(field)) for field in fields(kind)},
            }
            for kind in STEP_OPTIONS
        ],
        "output": {field.name: field_schema(field) for field in fields(Output)},
        "models": [_model_row(model, table, store) for model in table.models],
    }


def _model_row(model: Model, table: ModelTable, store: WeightStore) -> dict[str, Any]:
    """Terms, size and origin of a model, and of what it lacks here, how that is got; faces also need the network that finds them."""
    files = (*model.weights.files, *((table.detector,) if model in table.faces else ()))
    lacking = [file for file in files if next(copies(file, store), None) is None]
    names = tuple(file.name for file in lacking)
    return {
        "name": model.name,
        "summary": model.summary,
        "scale": model.scale,
        "license": model.license,
        "bytes": model.weights.bytes,
        "origin": model.weights.origin,
        "source": model.source,
        "present": not lacking,
        "why": f"not on the server: {', '.join(names)}" if lacking else "",
        "lacking": [_download_row(file) for file in lacking],
        "command": Pull(names).command if lacking else "",
    }


def _download_row(file: WeightFile) -> dict[str, Any]:
    return {
        "name": file.name,
        "bytes": file.bytes,
        "license": file.license,
        "license_note": file.license_note,
        "url": file.url,
    }


@router.get(f"{API}/status", tags=["about"], responses=PROBLEMS, summary="How the service is")
async def status(request: Request) -> dict[str, Any]:
    """Version, processes, memory, queue, limits, and what is promised; `today` is what your key has used, if it needs one."""
    service, caller = service_of(request), caller_of(request)
    load = await service.store.ask(JobStore.load)
    return {
        "version": __version__,
        "uptime_seconds": round(time.time() - service.started, 1),
        "ready": service.ready,
        "stopping": service.live.stopping,
        **service.processors(),
        "processes": service.processes(),
        "memory": {"free_bytes": int(psutil.virtual_memory().available), "used_bytes": _memory(service.slots)},
        "queue": {
            "jobs": load.states,
            "estimated_seconds": round(service.pace.expected_of(load.queued), 1),
            "running": len(service.dispatcher.running),
        },
        "storage": {"used_bytes": await service.stored_bytes(), "free_disk_bytes": service.spool.free_bytes()},
        "limits": {field.name: getattr(service.settings, field.name) for field in fields(Settings) if field.name not in _NOT_SHOWN},
        **({} if caller.owner == EVERYBODY else {"today": await today_of(service, caller)}),
        "durability": "a job is accepted only when its photo and its row are on the disk; it survives a kill of any process",
    }


@router.get("/problems", tags=["about"], summary="Every problem that can be met")
async def problems() -> list[ProblemKindView]:
    """Code, status, meaning and fix of each."""
    return [_kind_view(kind) for kind in KINDS]


@router.get("/problems/{code}", tags=["about"], responses=PROBLEMS, summary="What a code means")
async def problem(code: str) -> ProblemKindView:
    """What a problem's `type` leads to."""
    if not is_code(code):
        raise NotHere("there is no problem with this code", "see /problems")
    return _kind_view(kind_of(code))


@router.get("/healthz", tags=["about"], summary="Whether the process answers")
async def healthz() -> dict[str, str]:
    """Always well."""
    return {"status": "ok"}


@router.get("/readyz", tags=["about"], responses={503: {"description": "Not yet, or no more"}}, summary="Whether it takes work")
async def readyz(request: Request) -> Response:
    """200 once a model is compiled and the store can be written, else 503. `trouble` says what an operator should look at."""
    service = service_of(request)
    if not service.ready:
        return JSONResponse({"status": "starting" if not service.live.stopping else "stopping"}, 503, {"Retry-After": "2"})
    await service.store.ask(JobStore.check_writable)
    service.keys.refresh()
    trouble = service.keys.trouble
    return JSONResponse({"status": "ready", **({"trouble": trouble} if trouble else {})})


@router.get("/metrics", tags=["about"], response_class=PlainTextResponse, responses=PROBLEMS, summary="Figures for Prometheus")
async def metrics(request: Request) -> Response:
    """Requests, jobs, waits, seconds per step, restarts, memory."""
    service = service_of(request)
    if service.settings.metrics == "off" or (service.settings.metrics == "keyed" and service.settings.access == "open"):
        raise NotHere("there are no metrics here", "ask the operator to show them")
    load = await service.store.ask(JobStore.load)
    for state in ("queued", "running", "done", "failed", "cancelled", "expired"):
        service.metrics.jobs.labels(state=state).set(load.states.get(state, 0))
    service.metrics.queued_seconds.set(load.queued_seconds)
    service.metrics.stored_bytes.set(await service.stored_bytes())
    service.metrics.uptime_seconds.set(time.time() - service.started)
    for name, used in _memory(service.slots).items():
        service.metrics.memory_bytes.labels(process=name).set(used)
    return Response(service.metrics.text(), media_type=MEDIA_TYPE)


def _kind_view(kind: Kind) -> ProblemKindView:
    return ProblemKindView(type=kind.address, code=kind.code, status=kind.status, meaning=kind.meaning, fix=kind.fix)


def _memory(slots: Sequence[Slot]) -> dict[str, int]:
    used = {"api": anonymous_bytes()}
    for number, slot in enumerate(slots):
        used[f"{slot.role} {number}"] = anonymous_bytes(slot.child.process.pid) if slot.child and slot.child.alive else 0
    return used
