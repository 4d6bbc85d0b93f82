"""A web server on 127.0.0.1 that misbehaves as it is told."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TAG = '"version-1"'

# What a server does with one request.
Act = Callable[["Handler"], None]


@dataclass
class Server:
    """`acts` are done one after the other, the last one again and again; `seen` are the requests."""

    acts: list[Act]
    port: int = 0
    seen: list["Handler"] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ranges(self) -> list[str | None]:
        return [handler.headers.get("Range") for handler in self.seen]


class Handler(BaseHTTPRequestHandler):
    """One request, handed to the act whose turn it is."""

    protocol_version = "HTTP/1.1"
    served: Server

    def do_GET(self) -> None:
        self.served.seen.append(self)
        acts = self.served.acts
        act = acts.pop(0) if len(acts) > 1 else acts[0]
        self.close_connection = True
        act(self)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""

    def head(self, status: int, **headers: object) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()


@contextmanager
def serving(*acts: Act) -> Iterator[Server]:
    """A server that does these acts."""
    server = Server(list(acts))
    handler = type("Bound", (Handler,), {"served": server})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as listening:
        listening.daemon_threads = True
        server.port = listening.server_address[1]
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.released.set()
            listening.shutdown()
            thread.join()


def whole(body: bytes, *, tag: str | None = TAG, sent: int | None = None) -> Act:
    """The file, or the part that is asked for; the connection closes after `sent` bytes of the answer."""

    def act(handler: Handler) -> None:
        begun = 0
        asked = handler.headers.get("Range")
        if asked and handler.headers.get("If-Range") == tag:
            begun = int(asked.removeprefix("bytes=").rstrip("-"))
        rest = body[begun:]
        more = {"Content_Range": f"bytes {begun}-{len(body) - 1}/{len(body)}"} if begun else {}
        if tag is not None:
            more["ETag"] = tag
        handler.head(206 if begun else 200, Content_Length=len(rest), **more)
        handler.wfile.write(rest if sent is None else rest[:sent])

    return act


def stalling(body: bytes, sent: int) -> Act:
    """So many bytes, and then silence."""

    def act(handler: Handler) -> None:
        handler.head(200, Content_Length=len(body), ETag=TAG)
        handler.wfile.write(body[:sent])
        handler.wfile.flush()
        handler.served.released.wait(10)

    return act


def vanishing(body: bytes, sent: int) -> Act:
    """So many bytes, and then a reset of the connection, as when a server is killed."""

    def act(handler: Handler) -> None:
        handler.head(200, Content_Length=len(body), ETag=TAG)
        handler.wfile.write(body[:sent])
        handler.wfile.flush()
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        handler.connection.close()

    return act


def endless(body: bytes) -> Act:
    """The file and more, without saying how much."""

    def act(handler: Handler) -> None:
        handler.head(200)
        handler.wfile.write(body)

    return act


def answer(status: int, **headers: object) -> Act:
    """A status and nothing else."""

    def act(handler: Handler) -> None:
        handler.head(status, Content_Length=0, **headers)

    return act
