"""One caller cannot keep the others out, nor fill the memory."""

import contextlib
import select
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from served import Served, is_problem, noisy_photo, plain_photo, served

from img_enhance.jobs.refusals import QuotaReached, Saturated
from img_enhance.service.shares import Shares
from waiting import wait_for

_ROOM = 100_000_000


def test_a_share_is_counted_and_given_back_once() -> None:
    shares = Shares("uploads", most=3, most_each=2)
    with shares.held("a") as first, shares.held("a"):
        with pytest.raises(QuotaReached), shares.held("a"):
            pass
        with shares.held("b"), pytest.raises(Saturated), shares.held("c"):
            pass
        first.give_back()
        first.give_back()
        with shares.held("a"):
            pass
        with shares.held("b"), shares.held("c"):
            pass


def _slow_body(run: Served, address: str) -> socket.socket:
    """A connection on which a body has begun, and does not go on."""
    opened = socket.create_connection(("127.0.0.1", run.port))
    head = f"POST /api/v1/enhance HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: {address}\r\nContent-Length: 9000\r\n"
    opened.sendall(head.encode() + b"Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\n")
    return opened


def test_slow_bodies_of_one_address_leave_room_for_others(tmp_path: Path) -> None:
    with served(tmp_path / "data", {"UPLOADS": "8", "UPLOADS_PER_KEY": "4"}) as run, contextlib.ExitStack() as opened:
        bodies = [opened.enter_context(_slow_body(run, "192.0.2.1")) for _ in range(20)]
        # All have been judged: a photo of theirs that came earlier would hold one of the four places while the others are refused.
        wait_for(lambda: len(select.select(bodies, [], [], 0)[0]) == 16)
        assert run.post(plain_photo((1, 2, 3)), headers={"X-Forwarded-For": "192.0.2.1"}).status_code == 429
        assert run.post(plain_photo((1, 2, 3)), headers={"X-Forwarded-For": "192.0.2.2"}).status_code == 200


def test_who_waits_for_a_result_keeps_no_place_for_a_body(tmp_path: Path) -> None:
    settings = {"UPLOADS": "1", "UPLOADS_PER_KEY": "1", "SYNC_SECONDS": "3600"}
    with served(tmp_path / "data", settings) as run, contextlib.ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(_waiting(run, noisy_photo(side=400)))
        wait_for(lambda: _unfinished(run) == 3)
        answer = run.post(plain_photo((1, 2, 3)), headers={"Prefer": "respond-async"})
        assert answer.status_code == 202, answer.text


def _unfinished(run: Served) -> int:
    jobs = run.client.get("/api/v1/status").json()["queue"]["jobs"]
    return sum(jobs.get(state, 0) for state in ("queued", "running"))


@contextlib.contextmanager
def _waiting(run: Served, photo: bytes) -> Iterator[None]:
    """Somebody who waits for an answer, until the end of the block; refused at first where others are being received."""
    client = httpx.Client(base_url=run.url, timeout=60)

    def ask() -> None:
        with contextlib.suppress(httpx.HTTPError):
            while client.post("/api/v1/enhance", files={"file": photo}, data={"algorithms": "real_esrgan"}).status_code == 429:
                time.sleep(0.05)

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    try:
        yield
    finally:
        client.close()
        asking.join(5)


def test_event_streams_of_one_leave_the_service_to_others(tmp_path: Path) -> None:
    settings = {"CONNECTIONS": "30", "REQUESTS_PER_KEY": "10", "SYNC_SECONDS": "0"}
    with served(tmp_path / "data", settings) as run, contextlib.ExitStack() as stack:
        first = run.later(noisy_photo(side=500), recipe={"version": 1, "steps": [{"step": "real_esrgan"}]})
        statuses = []
        for _ in range(40):
            stream = stack.enter_context(socket.create_connection(("127.0.0.1", run.port)))
            stream.sendall(f"GET /api/v1/jobs/{first}/events HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n".encode())
            statuses.append(stream.recv(12))
        assert statuses.count(b"HTTP/1.1 200") == 10
        assert statuses.count(b"HTTP/1.1 429") == 30
        assert run.client.get("/healthz").status_code == 200
        assert run.client.get("/api/v1/status").status_code == 200


def test_connections_that_say_nothing_make_way(tmp_path: Path) -> None:
    with served(tmp_path / "data", {"CONNECTIONS": "10", "HEADER_SECONDS": "60"}) as run, contextlib.ExitStack() as stack:
        for _ in range(200):
            stack.enter_context(socket.create_connection(("127.0.0.1", run.port)))
        with httpx.Client(base_url=run.url, timeout=10) as client:
            assert client.get("/healthz").status_code == 200


def _endless(first: bytes, piece: bytes, most: int) -> Iterator[bytes]:
    yield first
    for _ in range(most // len(piece)):
        yield piece


@pytest.mark.skipif(sys.platform != "linux", reason="memory is measured by /proc")
@pytest.mark.parametrize(
    ("kind", "first", "piece"),
    [
        ("application/JSON", b'{"image": "', b"QUFB" * 16_000),
        ("application/json; charset=utf-8", b'{"image": "QUFB", "words": [', b"[]," * 20_000),
        ("application/json", b'{"image": "QUFB", "words": "', b"x" * 60_000),
        ("multipart/form-data; boundary=b", b"", b'--b\r\nContent-Disposition: form-data; name="recipe"\r\n\r\n' + b"x" * 60_000 + b"\r\n"),
        ("Multipart/Form-Data; boundary=b", b'--b\r\nContent-Disposition: form-data; name="file"\r\nX-Long: ', b"x" * 60_000),
    ],
)
def test_the_service_does_not_grow_whatever_arrives(service: Served, kind: str, first: bytes, piece: bytes) -> None:
    process = psutil.Process(service.process.pid)
    before, most, over = process.memory_info().rss, 0, threading.Event()

    def watch() -> None:
        nonlocal most
        while not over.wait(0.02):
            most = max(most, process.memory_info().rss)

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        # The connection may be closed while more comes.
        with contextlib.suppress(httpx.TransportError):
            answer = service.client.post("/api/v1/enhance", content=_endless(first, piece, 300_000_000), headers={"Content-Type": kind})
            assert is_problem(answer), answer.text
    finally:
        over.set()
        watching.join()
    assert most - before < _ROOM
    assert service.client.get("/healthz").status_code == 200
    assert list((service.data / "incoming").iterdir()) == []
