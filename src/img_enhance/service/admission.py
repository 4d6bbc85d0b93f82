"""What is judged before a body is read: keys, room, quota, bytes, time. Plain ASGI, because frameworks read the body first."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from contextlib import ExitStack
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from img_enhance.errors import ImgEnhanceError
from img_enhance.jobs.refusals import Bug, FileTooLarge, KindRefused, MalformedRequest, QuotaReached, Saturated, Stopping, UploadTooSlow
from img_enhance.jobs.store import JobStore
from img_enhance.service.keys import EVERYBODY, Caller
from img_enhance.service.problems import Problem, problem_response
from img_enhance.service.quotas import check_today
from img_enhance.service.room import check_disk
from img_enhance.service.service import Service
from img_enhance.service.shares import Held, Shares
from img_enhance.service.uploads import JSON, media_type
from img_enhance.workers.catalogue import as_data

_log = logging.getLogger(__name__)

API = "/api/v1"
_HEALTH_PATHS = ("/healthz", "/readyz")
OPEN_PATHS = (f"{API}/algorithms",)
_PLAIN = "identity"
CALLER = "img_enhance.caller"
REQUEST = "img_enhance.request"

# What a form adds to its files: borders, names, words.
FORM_BYTES = 1_000_000

# A refused body is read so far, so that the answer is not lost in a connection that breaks.
_SWALLOW_BYTES, _SWALLOW_SECONDS = 2_000_000, 1.0

# How often somebody who waits for a body looks whether the service stops.
_LOOK_SECONDS = 1.0


class Admission:
    """Wraps the application: every request gets an id, a caller, limits on its body, a line in the log, and is counted."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self.app = app
        self.service = service
        settings = service.settings
        self._requests = Shares("requests", most=settings.connections, most_each=settings.requests_per_key)
        self._bodies = Shares("uploads", most=settings.uploads, most_each=settings.uploads_per_key)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        scope[REQUEST] = secrets.token_hex(8)
        started, status = time.monotonic(), 0

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = scope[REQUEST]
                headers["X-Content-Type-Options"] = "nosniff"
            await send(message)

        try:
            await self._admit(scope, receive, watched)
        except (Exception, asyncio.CancelledError) as error:
            if status or (isinstance(error, asyncio.CancelledError) and not self.service.live.stopping):
                raise
            await _problem_of(error, scope)(scope, receive, watched)
        finally:
            seconds = time.monotonic() - started
            self.service.metrics.requests.labels(method=_method(scope), status=str(status)).inc()
            self.service.metrics.request_seconds.labels(method=_method(scope)).inc(seconds)
            extra = {
                "request": scope[REQUEST],
                "method": _method(scope),
                "path": scope["path"],
                "status": status,
                "seconds": round(seconds, 4),
            }
            _log.info("request", extra=extra)

    async def _admit(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        with ExitStack() as held:
            try:
                receive = await self._taken(scope, headers, receive, held)
            except (ImgEnhanceError, Problem) as error:
                problem = error if isinstance(error, Problem) else Problem(as_data(error))
                await _swallow(headers, receive)
                close = {**problem.headers, "Connection": "close"}
                await problem_response(problem.failed, members=problem.members, headers=close)(scope, receive, send)
                return
            if scope["method"] == "HEAD" and takes_head(scope["path"]):
                scope = {**scope, "method": "GET"}  # the server, which has the first one, leaves the body out
            await self.app(scope, receive, send)

    async def _taken(self, scope: Scope, headers: Headers, receive: Receive, held: ExitStack) -> Receive:
        """What the application reads the body by; what the request holds meanwhile is in `held`.

        Raises: what refuses a request before its body is read.
        """
        if "content-length" in headers and "transfer-encoding" in headers:
            raise MalformedRequest("Content-Length and Transfer-Encoding cannot come together", "send one of them")
        self._identify(scope, headers)
        who = scope[CALLER].quota if CALLER in scope else _address(scope)
        if scope["path"] not in _HEALTH_PATHS:
            held.enter_context(self._requests.held(who))
        if scope["method"] != "POST" or not scope["path"].startswith(API):
            return receive
        _check_plain(headers)
        most = self._most_bytes(scope["path"], headers)
        await self._check_room(scope, headers, most)
        return self._limited(receive, most, held.enter_context(self._bodies.held(who)))

    def _identify(self, scope: Scope, headers: Headers) -> None:
        settings, path = self.service.settings, scope["path"]
        if settings.access == "open":
            scope[CALLER] = Caller(EVERYBODY, _address(scope))
        elif (path.startswith(API) and path not in OPEN_PATHS) or (path == "/metrics" and settings.metrics == "keyed"):
            if scope["method"] == "OPTIONS":
                return
            scope[CALLER] = self.service.keys.caller(headers)

    def _most_bytes(self, path: str, headers: Headers) -> int:
        settings = self.service.settings
        if media_type(headers) == JSON:
            return int(settings.max_json_mb * 1e6)
        files = settings.max_batch_files if path.endswith("/batch") else 1
        return settings.max_file_bytes * files + FORM_BYTES

    async def _check_room(self, scope: Scope, headers: Headers, most: int) -> None:
        if self.service.live.stopping:
            raise Stopping("the service is about to stop", "try again in a minute")
        text = headers.get("content-length")
        if text is not None and not text.isdecimal():
            raise MalformedRequest("Content-Length must be a number")
        announced = int(text or 0)
        if announced > most:
            raise FileTooLarge(f"the body has {announced / 1e6:.1f} MB and {most / 1e6:.1f} MB are allowed", "send a smaller file")
        caller: Caller = scope[CALLER]
        key = headers.get("idempotency-key")
        if key is None or not await self.service.store.ask(JobStore.knows, caller.quota, key):
            await self._check_queue(caller)
            if scope["path"].startswith(f"{API}/enhance"):  # previews and suggestions count for nothing
                await check_today(self.service, caller)
        await check_disk(self.service, announced)

    async def _check_queue(self, caller: Caller) -> None:
        """Pass if another job could be taken. What was taken before is not refused when it is asked for again.

        Raises: Saturated, QuotaReached.
        """
        service, settings = self.service, self.service.settings
        load = await service.store.ask(JobStore.load)
        if load.states.get("queued", 0) >= settings.queue_jobs or load.queued_seconds >= settings.queue_seconds:
            raise Saturated(f"{load.states.get('queued', 0)} jobs wait, estimated at {load.queued_seconds:.0f} s", "try again later")
        unfinished = await service.store.ask(JobStore.unfinished, caller.quota)
        if unfinished >= settings.jobs_per_key:
            raise QuotaReached(
                f"{unfinished} of your jobs are unfinished and {settings.jobs_per_key} may be", "wait for some or cancel them"
            )

    def _limited(self, receive: Receive, most: int, body: Held) -> Receive:
        """`receive` that counts bytes and keeps a deadline until the body is whole, and makes room for the next one then."""
        deadline = time.monotonic() + self.service.settings.body_seconds
        count, whole = 0, False

        async def limited() -> Message:
            nonlocal count, whole
            if whole:
                return await receive()
            message = await self._next(receive, deadline)
            count += len(message.get("body", b""))
            whole = not message.get("more_body", False)
            if whole:
                body.give_back()
            if count > most:
                raise _refused(FileTooLarge(f"the body is larger than the {most / 1e6:.1f} MB that are allowed", "send a smaller file"))
            return message

        return limited

    async def _next(self, receive: Receive, deadline: float) -> Message:
        """The next piece of a body.

        Raises: Problem when it does not come in time, or not before the service stops.
        """
        while True:
            try:
                return await asyncio.wait_for(receive(), max(0.0, min(_LOOK_SECONDS, deadline - time.monotonic())))
            except TimeoutError:
                if self.service.live.stopping:
                    raise _refused(Stopping("the service is about to stop", "send the photo again in a minute")) from None
                if time.monotonic() >= deadline:
                    seconds = self.service.settings.body_seconds
                    advice = "use a faster connection or a smaller file"
                    raise _refused(UploadTooSlow(f"the body did not arrive within {seconds:g} s", advice)) from None


def takes_head(path: str) -> bool:
    """Whether an address that takes GET takes HEAD, too: what has no end has no head."""
    return not path.endswith("/events")


def _check_plain(headers: Headers) -> None:
    """Pass if a body is sent as it is: unpacked it may have any size.

    Raises: Problem.
    """
    codings = {coding.strip().lower() for line in headers.getlist("content-encoding") for coding in line.split(",")} - {"", _PLAIN}
    if codings:
        refused = KindRefused(f"the body is packed (Content-Encoding: {', '.join(sorted(codings))[:100]})", "send it unpacked")
        raise Problem(as_data(refused), headers={"Accept-Encoding": _PLAIN})  # RFC 9110, 12.5.3


def _address(scope: Scope) -> str:
    return f"address {scope['client'][0] if scope.get('client') else ''}"


def _problem_of(error: BaseException, scope: Scope) -> Response:
    """The answer where there is none yet: the server has no patience left when it stops, or we made a mistake."""
    if isinstance(error, asyncio.CancelledError):
        return problem_response(as_data(Stopping("the service stops", "try again in a minute")), headers={"Connection": "close"})
    _log.error("a mistake of ours", exc_info=error, extra={"request": scope[REQUEST]})
    return problem_response(as_data(Bug(f"a mistake of ours; it is in the log as {scope[REQUEST]}")))


def _refused(error: ImgEnhanceError) -> Problem:
    return Problem(as_data(error), headers={"Connection": "close"})


async def _swallow(headers: Headers, receive: Receive) -> None:
    if ("content-length" not in headers and "transfer-encoding" not in headers) or "expect" in headers:
        return
    count, deadline = 0, time.monotonic() + _SWALLOW_SECONDS
    while count < _SWALLOW_BYTES:
        try:
            message: Any = await asyncio.wait_for(receive(), max(0.0, deadline - time.monotonic()))
        except TimeoutError:
            return
        count += len(message.get("body", b""))
        if not message.get("more_body", False):
            return


def _method(scope: Scope) -> str:
    known = ("GET", "HEAD", "POST", "DELETE", "OPTIONS", "PUT", "PATCH")
    return scope["method"] if scope["method"] in known else "other"
