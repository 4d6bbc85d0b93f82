"""Small HTTP servers that keep what they were sent."""

from __future__ import annotations

import contextlib
import ssl
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

LOOPBACK = "127.0.0.0/8, ::1"


class Receiver(ThreadingHTTPServer):
    """Answers as its `answers` say, one after the other, then always as the last one; keeps the headers and bodies in `messages`."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, host: str, answer: Callable[[BaseHTTPRequestHandler, int], None]) -> None:
        self.answer = answer
        self.messages: list[tuple[str, dict[str, str], bytes]] = []
        self.changed = threading.Lock()
        super().__init__((host, 0), _Handler)

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?token=1"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Receiver

    def do_GET(self) -> None:
        self._keep()

    def do_POST(self) -> None:
        self._keep()

    def _keep(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with self.server.changed:
            self.server.messages.append((self.path, dict(self.headers.items()), body))
            number = len(self.server.messages)
        with contextlib.suppress(OSError):
            self.server.answer(self, number)

    def log_message(self, *_: Any) -> None:
        return


def says(*statuses: int, headers: dict[str, str] | None = None, body: bytes = b"") -> Callable[[BaseHTTPRequestHandler, int], None]:
    """An answer with these statuses in turn, the last one for ever."""

    def answer(handler: BaseHTTPRequestHandler, number: int) -> None:
        handler.send_response(statuses[min(number, len(statuses)) - 1])
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


@contextlib.contextmanager
def receiver(
    answer: Callable[[BaseHTTPRequestHandler, int], None], *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
) -> Iterator[Receiver]:
    """One that runs, and is gone afterwards."""
    server = Receiver(host, answer)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
