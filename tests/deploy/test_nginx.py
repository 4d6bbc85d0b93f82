"""The service behind nginx, by the configuration that is deployed: only addresses, ports and one deadline are others here."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image
from served import Served, free_port, is_problem, noisy_photo, served

from img_enhance.client import Client, Patience
from img_enhance.jobs.refusals import FileTooLarge
from img_enhance.service.settings import Settings
from space_folders import ROOT

CONFIGURATION = (ROOT / "deploy" / "docker" / "nginx.conf").read_text(encoding="utf-8")
PLACES = ["client_body_temp_path", "proxy_temp_path", "fastcgi_temp_path", "uwsgi_temp_path", "scgi_temp_path"]
ADDRESSES = "resolver 127.0.0.11 valid=5s;", "set $service http://img-enhance:7860;", "listen 8080;", "pid /run/nginx.pid;"
SLOW = "client_body_timeout 30s;"
LIGHT = {"version": 1, "steps": [{"step": "clahe"}], "output": {"format": "tiff"}}


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A service to which every photo of a visitor comes through nginx."""
    with served(tmp_path_factory.mktemp("behind") / "data", {"JOBS_PER_KEY": "100"}) as run:
        yield run


@pytest.fixture(scope="module")
def nginx(behind: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an nginx before the service."""
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.skip("nginx is not installed; on Debian: apt-get install nginx-light")
    folder, port = tmp_path_factory.mktemp("nginx"), free_port()
    file = folder / "nginx.conf"
    file.write_text(_here(folder, port, behind), encoding="utf-8")
    user = "user root; " if os.geteuid() == 0 else ""
    with subprocess.Popen([program, "-p", folder, "-c", file, "-g", f"{user}daemon off;"], stderr=subprocess.DEVNULL) as process:
        try:
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline and process.poll() is None:
                with suppress(httpx.TransportError):
                    httpx.get(f"http://127.0.0.1:{port}/healthz").raise_for_status()
                    break
                time.sleep(0.05)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def _here(folder: Path, port: int, behind: Served) -> str:
    own = ["", f"set $service {behind.url};", f"listen 127.0.0.1:{port};", f"pid {folder}/nginx.pid;"]
    text = CONFIGURATION
    for there, here in zip((*ADDRESSES, SLOW), (*own, "client_body_timeout 1s;"), strict=True):
        assert text.count(there) == 1
        text = text.replace(there, here)
    return text.replace("http {", "http {\n" + "".join(f"{name} {folder}/{name};\n" for name in PLACES), 1)


def test_its_limits_go_with_those_of_the_service() -> None:
    settings = Settings()
    megabytes = [int(text) * 2**20 for text in re.findall(r"client_max_body_size (\d+)m;", CONFIGURATION)]
    form = 1_000_000
    least = [settings.max_file_bytes + form, settings.max_file_bytes * settings.max_batch_files + form]
    for found, needed in zip(megabytes, least, strict=True):
        assert needed <= found <= needed * 1.07  # the service itself refuses first, in its own words
    reading = re.search(r"proxy_read_timeout (\d+)s;", CONFIGURATION)
    assert reading is not None
    assert int(reading[1]) > 2 * settings.sync_seconds


def test_a_body_that_is_too_large_is_refused_in_the_words_of_the_api(nginx: str) -> None:
    # It is refused by its announced length: nothing of it has to come.
    said = _answer_to(nginx, b"POST /api/v1/enhance HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 60000000\r\n\r\n")
    head, _, body = said.partition(b"\r\n\r\n")
    assert b" 413 " in head.splitlines()[0]
    assert b"application/problem+json" in head
    assert json.loads(body)["code"] == "file_too_large"
    with pytest.raises(FileTooLarge, match="larger than this server takes"):
        Client(nginx).submit(bytes(60_000_000))


def _answer_to(nginx: str, sent: bytes) -> bytes:
    """All that comes until the server closes the connection."""
    with socket.create_connection(("127.0.0.1", int(nginx.rsplit(":", 1)[1])), timeout=60) as connection:
        connection.sendall(sent)
        return b"".join(iter(lambda: connection.recv(65_536), b""))


def test_a_slow_body_is_given_up(nginx: str) -> None:
    head = b"POST /api/v1/enhance HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 1000\r\n\r\n"
    said = _answer_to(nginx, head + b"--b")
    assert said == b"" or b" 408 " in said.splitlines()[0]
    assert httpx.get(f"{nginx}/healthz").status_code == 200


def test_events_come_through_as_they_happen(nginx: str, behind: Served) -> None:
    pids = behind.pids("worker")
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        id = behind.later(noisy_photo(side=24))
        with httpx.stream("GET", f"{nginx}/api/v1/jobs/{id}/events", timeout=60) as events:
            # The job cannot end, and so the stream does not: what comes was not held back until its end.
            first = next(line for line in events.iter_lines() if line.startswith("data:"))
        assert json.loads(first[5:])["state"] in ("queued", "running")
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
    assert behind.ended(id)["state"] == "done"


def test_a_large_result_comes_through_whole(nginx: str, behind: Served) -> None:
    pixels = np.random.default_rng(3).integers(0, 256, (1500, 1800, 3), np.uint8)
    photo = io.BytesIO()
    Image.fromarray(pixels).save(photo, "TIFF")
    files, words = {"file": ("x", photo.getvalue())}, {"recipe": json.dumps(LIGHT)}
    id = httpx.post(f"{nginx}/api/v1/enhance", files=files, data=words, headers={"Prefer": "respond-async"}, timeout=120).json()["id"]
    assert behind.ended(id, seconds=120)["state"] == "done"
    straight, through = (httpx.get(f"{url}/api/v1/jobs/{id}/result", timeout=120).content for url in (behind.url, nginx))
    assert len(through) > 5_000_000
    assert hashlib.sha256(through).digest() == hashlib.sha256(straight).digest()


def test_visitors_have_addresses_of_their_own_and_cannot_choose_them(nginx: str, behind: Served) -> None:
    for claimed in ("198.51.100.7", "203.0.113.9"):
        httpx.post(f"{nginx}/api/v1/suggest", files={"file": ("x", noisy_photo(side=16))}, headers={"X-Forwarded-For": claimed}, timeout=60)
    answer = httpx.post(
        f"{nginx}/api/v1/enhance",
        files={"file": ("x", noisy_photo(side=16))},
        headers={"X-Forwarded-For": "198.51.100.7", "Idempotency-Key": "one-of-many", "Prefer": "respond-async"},
        timeout=60,
    )
    # A key is known to its address only: to the service this visitor is 127.0.0.1, whatever was claimed.
    again = behind.client.post(
        "/api/v1/enhance",
        files={"file": ("x", noisy_photo(side=16))},
        headers={"Idempotency-Key": "one-of-many", "Prefer": "respond-async"},
    )
    assert (again.status_code, answer.status_code) == (202, 202), again.text + answer.text
    assert again.json()["id"] == answer.json()["id"]


def test_the_service_may_restart_behind_it(nginx: str, behind: Served) -> None:
    id = behind.later(noisy_photo(side=24))
    behind.ended(id)
    behind.process.send_signal(signal.SIGTERM)
    behind.process.wait(60)
    answer = httpx.get(f"{nginx}/api/v1/jobs/{id}", timeout=60)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "5"
    assert is_problem(answer)
    with served(behind.data, {"JOBS_PER_KEY": "100"}, port=behind.port):
        client = Client(nginx, patience=Patience(least_pause=0.1, most_pause=0.5, most_asked=0.5))
        assert client.job(id).state == "done"
        assert client.result(client.job(id)).startswith(b"\x89PNG")
