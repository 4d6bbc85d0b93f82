"""Requests to URLs of strangers: to the address that was checked and nowhere else, and never for long."""

import asyncio
import shutil
import socket
import ssl
import subprocess
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from receivers import LOOPBACK, receiver, says

from img_enhance.jobs.refusals import FileTooLarge, UrlFailed, UrlRefused
from img_enhance.service.addresses import AddressGuard, target_of
from img_enhance.service.outgoing import Outgoing

LONG = 20.0


def ask(url: str, *, seconds: float = LONG, allowed: str = LOOPBACK, take: Any = None, body: bytes = b"") -> int:
    outgoing = Outgoing(AddressGuard(allowed))
    return asyncio.run(
        outgoing.ask("POST" if body else "GET", target_of(url), seconds=seconds, headers={"Accept": "x/y"}, body=body, take=take)
    )


def taker(most: int = 10**9) -> tuple[list[bytes], Any]:
    """What was taken, and what takes it."""
    pieces: list[bytes] = []

    async def take(data: bytes) -> None:
        pieces.append(data)
        if sum(map(len, pieces)) > most:
            raise FileTooLarge("too much")

    return pieces, take


def test_sends_what_it_should_and_answers_the_status() -> None:
    with receiver(says(204)) as server:
        assert ask(server.url, body=b"words") == 204
    path, headers, body = server.messages[0]
    assert (path, body) == ("/hook?token=1", b"words")
    assert (headers["Host"], headers["Accept"], headers["Accept-Encoding"]) == (f"127.0.0.1:{server.port}", "x/y", "identity")
    assert headers["User-Agent"].startswith("img-enhance/")


def test_a_body_is_taken_where_it_is_wanted_and_the_status_is_200() -> None:
    photo = bytes(range(256)) * 1000
    for statuses, expected in (((200,), photo), ((206,), b""), ((404,), b"")):
        pieces, take = taker()
        with receiver(says(*statuses, body=photo)) as server:
            assert ask(server.url, take=take) == statuses[0]
        assert b"".join(pieces) == expected


def test_a_name_that_changes_its_mind_leads_to_the_address_that_was_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = []

    def turning(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        looked.append(host)
        address = "127.0.0.1" if len(looked) == 1 else "127.0.0.2"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    with receiver(says(200), host="127.0.0.2") as inside, receiver(says(204)) as outside:
        monkeypatch.setattr(socket, "getaddrinfo", turning)
        assert ask(f"http://turning.example:{outside.port}/", allowed="127.0.0.1") == 204
        assert looked == ["turning.example"]
        with pytest.raises(UrlRefused):
            ask(f"http://turning.example:{inside.port}/", allowed="127.0.0.1")
    assert (len(outside.messages), inside.messages) == (1, [])


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f.1", "0177.0.0.1", "localhost", "[::ffff:127.0.0.1]", "[::1]", "0"])
def test_no_way_to_write_loopback_leads_there(host: str) -> None:
    with receiver(says(200)) as server:
        with pytest.raises((UrlRefused, UrlFailed)) as refused:
            ask(f"http://{host}:{server.port}/", allowed="")
        if host not in ("0177.0.0.1", "0x7f.1"):  # which not every system can read
            assert isinstance(refused.value, UrlRefused)
    assert server.messages == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(status: int) -> None:
    with receiver(says(200)) as inside, receiver(says(status, headers={"Location": inside.url})) as outside:
        assert ask(outside.url, take=taker()[1]) == status
    assert inside.messages == []


def test_proxies_of_the_environment_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiver(says(502)) as proxy, receiver(says(204)) as server:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert ask(server.url) == 204
    assert proxy.messages == []


def drip(handler: BaseHTTPRequestHandler, _: int) -> None:
    """Headers without an end, slowly."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        handler.wfile.write(b"X: y\r\n")
        handler.wfile.flush()
        handler.connection.settimeout(0.05)
        try:
            if not handler.connection.recv(1):
                return
        except TimeoutError:
            continue


def flood(handler: BaseHTTPRequestHandler, _: int) -> None:
    """Headers without an end, fast."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        handler.wfile.write(b"X: " + b"y" * 10_000 + b"\r\n")


def endless(handler: BaseHTTPRequestHandler, _: int) -> None:
    """A body without an end."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        handler.wfile.write(b"y" * 100_000)


def other(handler: BaseHTTPRequestHandler, _: int) -> None:
    """Not HTTP."""
    handler.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n")
    handler.close_connection = True


def cut(handler: BaseHTTPRequestHandler, _: int) -> None:
    """Half of a body."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
    handler.close_connection = True


def test_who_is_slow_is_left() -> None:
    with receiver(drip) as server, pytest.raises(UrlFailed, match=r"127\.0\.0\.1 did not answer within 0\.3 s"):
        ask(server.url, seconds=0.3)


@pytest.mark.parametrize("answer", [flood, other, cut])
def test_who_does_not_speak_http_is_left(answer: Any) -> None:
    with receiver(answer) as server, pytest.raises(UrlFailed, match="does not answer in HTTP"):
        ask(server.url, take=taker()[1])


def test_of_an_endless_body_no_more_is_read_than_is_taken() -> None:
    with receiver(endless) as server:
        assert ask(server.url) == 200
        pieces, take = taker(most=1_000_000)
        with pytest.raises(FileTooLarge):
            ask(server.url, take=take)
        assert sum(map(len, pieces)) < 1_200_000


def test_who_is_not_there_is_told_by_name() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(UrlFailed, match=r"127\.0\.0\.1 cannot be reached"):
        ask(f"http://127.0.0.1:{port}/")
    for host in ("nobody.invalid", "a..b", "x" * 64 + ".example"):
        with pytest.raises(UrlFailed, match="cannot be found"):
            ask(f"http://{host}/")


def test_the_certificate_must_be_for_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("makes a certificate with the openssl command, which is not installed")
    key, made = tmp_path / "key.pem", tmp_path / "certificate.pem"
    asked = "req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=right.example -addext subjectAltName=DNS:right.example"
    subprocess.run([program, *asked.split(), "-keyout", key, "-out", made], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made, key)
    monkeypatch.setattr(socket, "getaddrinfo", lambda _, port, **__: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))])
    with receiver(says(204), tls=context) as server:
        with pytest.raises(UrlFailed, match="certificate verify failed"):
            ask(f"https://right.example:{server.port}/")
        monkeypatch.setenv("SSL_CERT_FILE", str(made))
        assert ask(f"https://right.example:{server.port}/") == 204
        with pytest.raises(UrlFailed, match="Hostname mismatch"):
            ask(f"https://wrong.example:{server.port}/")
    assert len(server.messages) == 1
