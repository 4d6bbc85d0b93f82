"""A web service on 127.0.0.1 that answers as it is told, well or badly."""

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Act = Callable[["Handler"], None]

ID = "0123456789abcdef0123456789abcdef"
JOB: dict[str, Any] = {
    "id": ID,
    "state": "queued",
    "progress": 0.0,
    "photo": {"format": "png", "width": 20, "height": 10},
    "recipe": {"version": 1, "steps": [], "output": {}},
}
PICTURE = b"\x89PNG" + bytes(range(256)) * 400
DONE = JOB | {"state": "done", "progress": 1.0, "result": {"format": "png", "width": 20, "height": 10, "bytes": len(PICTURE)}, "record": {}}


@dataclass
class Fake:
    """`acts` of an address are done one after the other, the last one again and again; `seen` are the requests by address."""

    acts: dict[str, list[Act]]
    port: int = 0
    seen: dict[str, list[Mapping[str, str]]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class Handler(BaseHTTPRequestHandler):
    """One request, handed to the act whose turn it is."""

    protocol_version = "HTTP/1.1"
    fake: Fake

    def do_GET(self) -> None:
        address = f"{self.command} {self.path.removeprefix('/api/v1/').replace(ID, 'ID')}"
        self.fake.seen.setdefault(address, []).append({name.lower(): value for name, value in self.headers.items()})
        acts = self.fake.acts[address]
        self.close_connection = True
        (acts.pop(0) if len(acts) > 1 else acts[0])(self)

    def do_POST(self) -> None:
        self.do_GET()

    def do_DELETE(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def answer(self, status: int, kind: str, data: bytes, headers: Mapping[str, str] | None = None, *, length: int | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data) if length is None else length))
        for name, value in (headers or {}).items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data)

    def reset(self) -> None:
        self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()


@contextmanager
def fake_service(acts: Mapping[str, list[Act]]) -> Iterator[Fake]:
    """A service whose addresses do these acts: jobs are done and have a result unless told otherwise."""
    usual = {"POST enhance": [accepting()], "GET jobs/ID": [saying(DONE)], "GET jobs/ID/result": [picture()]}
    fake = Fake({**usual, "GET jobs/ID/events": [events("done")], "DELETE jobs/ID": [saying(JOB | {"state": "cancelled"})], **acts})
    with ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"fake": fake})) as listening:
        listening.daemon_threads = True
        fake.port = listening.server_address[1]
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield fake
        finally:
            listening.shutdown()
            thread.join()


def saying(values: Mapping[str, Any], status: int = 200) -> Act:
    def act(handler: Handler) -> None:
        handler.answer(status, "application/json", json.dumps(values).encode())

    return act


def accepting(job: Mapping[str, Any] = JOB) -> Act:
    """Reads the photo and answers 202 with this job."""

    def act(handler: Handler) -> None:
        assert b'filename="photo"' in handler.body()
        saying(job, 202)(handler)

    return act


def problem(status: int, code: str, detail: str = "a sentence", **headers: str) -> Act:
    """A refusal that comes before the body is read."""

    def act(handler: Handler) -> None:
        data = json.dumps({"status": status, "code": code, "detail": detail}).encode()
        handler.answer(status, "application/problem+json", data, headers)

    return act


def page(status: int, **headers: str) -> Act:
    """A page of a proxy."""
    return lambda handler: handler.answer(status, "text/html", b"<html>no</html>", headers)


def picture(*, sent: int | None = None, data: bytes = PICTURE) -> Act:
    """A result; of which only so many bytes come before the connection closes."""
    return lambda handler: handler.answer(200, "image/png", data[:sent], length=len(data))


def cutting(read: int | None) -> Act:
    """Resets the connection after so many bytes of the body, or after all of it."""

    def act(handler: Handler) -> None:
        handler.body() if read is None else handler.rfile.read(read)
        handler.reset()

    return act


def events(*states: str, cut: bool = False) -> Act:
    """These states as events, numbered from 1; then the stream ends, or breaks within an event."""

    def act(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.end_headers()
        for number, state in enumerate(states, 1):
            handler.wfile.write(f'event: state\nid: {number}\ndata: {{"state": "{state}"}}\n\n'.encode())
        if cut:
            handler.wfile.write(b"event: progress\nid: 9.9\nda")
            handler.reset()

    return act
