"""The application: routes, admission before them, problems for everything that goes wrong."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Match, Mount

from img_enhance import __version__
from img_enhance.errors import ImgEnhanceError
from img_enhance.jobs.refusals import MalformedRequest, MethodRefused, NotHere
from img_enhance.jobs.store import JobStore
from img_enhance.service.admission import REQUEST, Admission, takes_head
from img_enhance.service.api import about, callbacks, docs, enhance, faces, home, jobs, page, preview, results, tiles
from img_enhance.service.callbacks import tell_ends
from img_enhance.service.home import Home
from img_enhance.service.own_page import OwnPageOnly
from img_enhance.service.problems import Problem, problem_response
from img_enhance.service.service import Service
from img_enhance.service.settings import Settings
from img_enhance.workers.catalogue import as_data

_log = logging.getLogger(__name__)
_CLOSED_REQUEST = 499

# What scripts of other sites may read of an answer.
_EXPOSED = (
    "Content-Disposition",
    "Content-Range",
    "ETag",
    "Link",
    "Location",
    "Preference-Applied",
    "Retry-After",
    "X-Job-ID",
    "X-Request-ID",
    "X-Summary",
)

_DESCRIPTION = """Makes ordinary photos better: super-resolution, light and colour.

Send a photo to `POST /api/v1/enhance`. Errors are `application/problem+json` with a stable `code`."""


def make_app(settings: Settings, at_home: Home | None = None) -> FastAPI:
    """The application over a service of its own, which starts and stops with it; `at_home` for one person's own page.

    Raises: as `Service`.
    """
    service = Service(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await service.start(tell_ends(service))
        watch = None if at_home is None else asyncio.create_task(_watch(service, at_home))
        yield
        if watch is not None:
            watch.cancel()
        await service.stop()

    app = FastAPI(
        title="img-enhance",
        version=__version__,
        description=_DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.service = service
    for module in (enhance, preview, faces, jobs, results, tiles, callbacks, about, docs, page):
        app.include_router(module.router)
    app.mount("/docs/static", docs.PageFiles(), name="static")
    app.mount("/page", page.PageFiles(directory=page.PAGE), name="page")
    app.add_middleware(Admission, service=service)
    origins = [origin.strip() for origin in settings.cors_origins.split(",") if origin.strip()]
    if origins:
        methods = ["GET", "HEAD", "POST", "DELETE"]
        app.add_middleware(CORSMiddleware, allow_origins=origins, allow_methods=methods, allow_headers=["*"], expose_headers=_EXPOSED)
    if at_home is not None:
        app.state.home = at_home
        app.include_router(home.entrance)
        app.include_router(home.router)
        app.add_middleware(OwnPageOnly)
    _answer_errors(app)
    if settings.access == "keys":
        _describe_keys(app)
    return app


async def _watch(service: Service, at_home: Home) -> None:
    """End the service once its person has gone and its work is done."""

    async def busy() -> bool:
        states = (await service.store.ask(JobStore.load)).states
        return states.get("queued", 0) + states.get("running", 0) > 0

    at_home.keep_only(set(await service.store.ask(JobStore.files)))
    await at_home.watch(busy, lambda: signal.raise_signal(signal.SIGTERM))


def _answer_errors(app: FastAPI) -> None:
    """Answer everything that goes wrong as a problem."""
    handlers: dict[Any, Any] = {
        Problem: _problem,
        ImgEnhanceError: _foreseen,
        HTTPException: _http,
        RequestValidationError: _invalid,
        ClientDisconnect: _gone,
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)


async def _problem(_: Request, error: Problem) -> Response:
    return problem_response(error.failed, members=error.members, headers=error.headers)


async def _foreseen(request: Request, error: ImgEnhanceError) -> Response:
    failed = as_data(error)
    if failed.private:
        _log.error("the service cannot work", extra={"code": failed.code, "detail": failed.private, "request": request.scope.get(REQUEST)})
    return problem_response(failed)


async def _http(request: Request, error: HTTPException) -> Response:
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = allowed = ", ".join(_methods_of(request))
        return problem_response(as_data(MethodRefused(f"{request.method} is not for this address", f"use {allowed}")), headers=headers)
    if error.status_code == HTTPStatus.NOT_FOUND:
        return problem_response(as_data(NotHere(f"there is nothing at {request.url.path}", "see /docs")), headers=headers)
    return problem_response(as_data(MalformedRequest(str(error.detail))), headers=headers)


def _methods_of(request: Request) -> list[str]:
    """The methods that an address has: several routes may share it, of which the framework names the first one's."""
    scope = {**request.scope, "root_path": request.scope.get("app_root_path", "")}  # files that are mounted have put theirs there
    routes = request.app.routes
    # What is mounted takes every method, and then says itself that files are only read.
    able = {
        method
        for method in ("GET", "POST", "DELETE")
        for route in routes
        if route.matches({**scope, "method": method})[0] is Match.FULL and (method == "GET" or not isinstance(route, Mount))
    }
    if "GET" in able and takes_head(scope["path"]):
        able.add("HEAD")
    return sorted(able)


async def _invalid(_: Request, error: RequestValidationError) -> Response:
    first = error.errors()[0]
    name = first["loc"][-1]
    says = f"{name} is missing" if first["type"] == "missing" else f"{name} cannot be read: {first['msg']}"
    return problem_response(as_data(MalformedRequest(says, "see /docs")))


async def _gone(_: Request, __: ClientDisconnect) -> Response:
    return Response(status_code=_CLOSED_REQUEST)


def _describe_keys(app: FastAPI) -> None:
    """Say in the schema that a key is needed."""
    make = app.openapi

    def openapi() -> dict[str, Any]:
        schema = make()
        schemes = {"key": {"type": "apiKey", "in": "header", "name": "X-API-Key"}, "bearer": {"type": "http", "scheme": "bearer"}}
        schema.setdefault("components", {})["securitySchemes"] = schemes
        schema["security"] = [{"key": []}, {"bearer": []}]
        return schema

    app.openapi = openapi  # type: ignore[method-assign]
