"""The server: uvicorn, with the deadlines that it lacks."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import Callable
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI
from prometheus_client import disable_created_metrics
from uvicorn.protocols.http.h11_impl import H11Protocol

from img_enhance.service.app import make_app
from img_enhance.service.home import Home
from img_enhance.service.live_state import LiveState
from img_enhance.service.logs import log_as_json
from img_enhance.service.settings import Settings

_MOST_HEADER_BYTES = 32_000
# So many connections more than requests may be at work, for those that are refused in words and for health checks.
_SPARE_CONNECTIONS = 50
_KEEP_ALIVE_SECONDS = 30
# All of it, with the drain and the workers' end after it, stays below the 20 s after which others kill.
_GRACE_SECONDS = 2


def serve(settings: Settings, listening: Callable[[str], None], at_home: Home | None = None) -> int:
    """Serve until SIGTERM or SIGINT; the exit code. `listening` is called once, with the address of the page.

    `at_home` makes it the page of one person, who reads no log of requests, and ends it when they have gone.

    Raises: as `make_app`.
    """
    log_as_json(logging.INFO if at_home is None else logging.WARNING)
    # Else there is a second series beside each of ours, of when it began.
    disable_created_metrics()  # type: ignore[no-untyped-call]
    app = make_app(settings, at_home)
    server = _Server(_configured(app, settings), app.state.service.live, settings.drain_seconds, listening)
    # uvicorn raises the signal again at its end; by then it has done what was asked.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    server.run()
    return 0 if server.started else 3


def _configured(app: FastAPI, settings: Settings) -> uvicorn.Config:
    class Protocol(Deadlines):
        header_seconds = settings.header_seconds
        send_seconds = settings.send_seconds
        most_connections = settings.connections + _SPARE_CONNECTIONS

    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=Protocol,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="on",
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=int(settings.drain_seconds) + _GRACE_SECONDS,
        h11_max_incomplete_event_size=_MOST_HEADER_BYTES,
    )


class _Server(uvicorn.Server):
    """Says where it listens, and notes in the live state at the first signal that nothing more is taken, from when on one deadline holds
    for all.
    """

    def __init__(self, config: uvicorn.Config, live: LiveState, drain_seconds: float, listening: Callable[[str], None]) -> None:
        super().__init__(config)
        self._live, self._drain_seconds, self._listening = live, drain_seconds, listening

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().serve(sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            host, port = self.servers[0].sockets[0].getsockname()[:2]
            self._listening(f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/")

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        # A signal comes between any two instructions, also while the loop sleeps.
        self._loop.call_soon_threadsafe(self._live.stop, self._drain_seconds)
        super().handle_exit(sig, frame)


class Deadlines(H11Protocol):
    """Closes connections whose request does not begin in time, or whose client does not take the answer: uvicorn waits for ever.

    When there are too many connections, that which has been without a request for longest makes way for a new one.
    """

    header_seconds = 10.0
    send_seconds = 60.0
    most_connections = 550
    _quiet_since = 0.0
    _deadline: asyncio.TimerHandle | None = None
    _taking: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._arm()
        if len(self.connections) > self.most_connections:
            self._make_room()

    @property
    def quiet(self) -> bool:
        """Whether no request is at work on this connection."""
        return self.cycle is None or self.cycle.response_complete

    def _make_room(self) -> None:
        others = [each for each in self.connections if each is not self and isinstance(each, Deadlines) and each.quiet]
        longest = min(others, key=lambda each: each._quiet_since, default=self)
        longest.transport.close()

    def data_received(self, data: bytes) -> None:
        if self.cycle is not None and self.cycle.response_complete and self._deadline is None:
            self._arm()
        before = self.cycle
        super().data_received(data)
        if self.cycle is not before:
            self._disarm()

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        self._taken()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The system's buffers are full: the client must make room in time."""
        super().pause_writing()
        self._taken()
        self._taking = self.loop.call_later(self.send_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        self._taken()
        super().resume_writing()

    def _arm(self) -> None:
        self._quiet_since = self.loop.time()
        self._deadline = self.loop.call_later(self.header_seconds, self._close)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _taken(self) -> None:
        if self._taking is not None:
            self._taking.cancel()
            self._taking = None

    def _close(self) -> None:
        self.transport.close()
