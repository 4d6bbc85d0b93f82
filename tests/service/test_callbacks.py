"""The ends of jobs told to whom callers name: signed, again and again until they are taken, and to nobody inside."""

import dataclasses
import http.client
import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest
from receivers import LOOPBACK, receiver, says
from served import RECIPE, Served, noisy_photo, plain_photo, served

from img_enhance.errors import OptionError
from img_enhance.jobs.callbacks import PAUSES, pause_after
from img_enhance.jobs.rows import Callback
from img_enhance.service.callbacks import ATTEMPT_SECONDS, MOST_EACH, callback_in
from img_enhance.service.keys import Caller
from img_enhance.service.photo_file import Body
from img_enhance.service.service import Service
from img_enhance.service.settings import Settings
from img_enhance.workers.catalogue import as_data
from waiting import wait_for

PAGE = Path(__file__).parent.parent.parent / "docs" / "webhooks.md"
KEYS = ("the key of the first person", "the key of the second person")
MINE, THEIRS = ({"X-API-Key": key, "Prefer": "respond-async"} for key in KEYS)
SETTINGS = {"ACCESS": "keys", "API_KEYS": ",".join(KEYS), "PRIVATE_NETWORKS": LOOPBACK, "MAX_BATCH_FILES": "50"}
LIGHT = json.dumps({"version": 1, "steps": [], "output": {"format": "png"}})
LONG = json.dumps({"version": 1, "steps": [{"step": "real_esrgan", "model": "realesrgan-x4plus"}]})
CALLBACK = Callback("ffff", "me", "https://example.org", "signer", "done", 100.0, 0, None)


def send(run: Served, photo: bytes, url: str, headers: dict[str, str], recipe: str = LIGHT) -> Any:
    files = {"file": ("x", photo)}
    return run.client.post("/api/v1/enhance", files=files, data={"recipe": recipe, "callback_url": url}, headers=headers)


def callback(run: Served, id: str, headers: dict[str, str] = MINE) -> dict[str, Any]:
    found: dict[str, Any] = run.client.get(f"/api/v1/jobs/{id}", headers=headers).json()["callback"]
    return found


def documented_check() -> Any:
    """The function that the page shows receivers."""
    code = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[0]
    names: dict[str, Any] = {}
    exec(code, names)
    return names["is_genuine"]


def test_the_end_is_told_signed_and_retried_also_after_a_kill(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with receiver(says(503)) as server:
        with served(data, SETTINGS) as run:
            secret = run.client.get("/api/v1/callbacks/secret", headers=MINE).json()["secret"]
            other = run.client.get("/api/v1/callbacks/secret", headers=THEIRS).json()["secret"]
            id = send(run, plain_photo((1, 2, 3)), server.url, MINE).json()["id"]
            wait_for(lambda: callback(run, id)["attempts"] >= 1)
            told = callback(run, id)
            assert (told["state"], told["answer"], told["url"]) == ("waiting", "503 Service Unavailable", server.url)
            assert run.client.get(f"/api/v1/jobs/{id}", headers=THEIRS).status_code == 404
            run.kill()
        server.answer = says(204)
        with served(data, SETTINGS) as run:
            wait_for(lambda: callback(run, id)["state"] == "taken")
            assert len(server.messages) >= 2
            assert run.client.get("/api/v1/callbacks/secret", headers=MINE).json()["secret"] == secret
            assert "hook" not in run.log.read_text()
    ids = {headers["webhook-id"] for _, headers, _ in server.messages}
    assert ids == {f"msg_{id}"}
    path, headers, body = server.messages[-1]
    message = json.loads(body)
    assert (path, message["type"], message["data"]["id"]) == ("/hook?token=1", "job.done", id)
    assert message["data"]["links"]["result"] == f"/api/v1/jobs/{id}/result"
    genuine = documented_check()
    assert genuine(secret, headers, body)
    assert not genuine(other, headers, body)
    assert not genuine(secret, headers, body + b" ")
    assert not genuine(secret, {**headers, "webhook-timestamp": str(int(headers["webhook-timestamp"]) + 1)}, body)
    old = {**headers, "webhook-timestamp": str(int(headers["webhook-timestamp"]) - 3600)}
    assert not genuine(secret, old, body)


def test_every_kind_of_end_is_told_and_who_is_gone_is_left(tmp_path: Path) -> None:
    with served(tmp_path / "data", SETTINGS) as run, receiver(says(204)) as server, receiver(says(410)) as gone:
        cancelled = send(run, noisy_photo(side=700), server.url, MINE, LONG).json()["id"]
        run.client.delete(f"/api/v1/jobs/{cancelled}", headers=MINE)
        files = [("files", plain_photo((1, 2, 3))), ("files", b"no photo")]
        words = {"recipe": LIGHT, "callback_url": server.url}
        batch = run.client.post("/api/v1/enhance/batch", files=files, data=words, headers=MINE).json()
        wait_for(lambda: len(server.messages) >= 3)
        told = {json.loads(body)["data"]["id"]: json.loads(body) for _, _, body in server.messages}
        expected = {cancelled: "job.cancelled", batch["jobs"][0]["id"]: "job.done", batch["jobs"][1]["id"]: "job.failed"}
        assert {id: message["type"] for id, message in told.items()} == expected
        assert told[batch["jobs"][1]["id"]]["data"]["error"]["code"] == "unsupported_photo"
        wait_for(lambda: callback(run, cancelled)["state"] == "taken")

        server.messages.clear()
        _goes_away_while_it_waits(run, server.url)
        wait_for(lambda: bool(server.messages))
        assert json.loads(server.messages[0][2])["type"] == "job.done"

        left = send(run, plain_photo((1, 2, 3)), gone.url, MINE).json()["id"]
        wait_for(lambda: callback(run, left)["state"] == "given_up")
        assert callback(run, left)["answer"] == "410 Gone"
        assert len(gone.messages) == 1


def _goes_away_while_it_waits(run: Served, url: str) -> None:
    before = run.client.get("/api/v1/jobs", headers=MINE).json()["jobs"][0]["id"]
    words = {"recipe": json.dumps(RECIPE), "callback_url": url}
    asked = httpx.Request("POST", run.url, files={"file": ("x", noisy_photo(side=96))}, data=words, headers={"X-API-Key": KEYS[0]})
    connection = http.client.HTTPConnection("127.0.0.1", run.port, timeout=60)
    connection.request("POST", "/api/v1/enhance", asked.read(), dict(asked.headers))
    wait_for(lambda: run.client.get("/api/v1/jobs", headers=MINE).json()["jobs"][0]["id"] != before)
    connection.close()


def test_fifty_slow_receivers_keep_nobody_elses_waiting(tmp_path: Path) -> None:
    over = threading.Event()

    def never(_: BaseHTTPRequestHandler, __: int) -> None:
        over.wait(60)

    with served(tmp_path / "data", {**SETTINGS, "JOBS_PER_KEY": "100"}) as run, receiver(never) as slow, receiver(says(200)) as quick:
        files = [("files", b"no photo")] * 50  # which fail at once, so all are due
        words = {"recipe": LIGHT, "callback_url": slow.url}
        batch = run.client.post("/api/v1/enhance/batch", files=files, data=words, headers=THEIRS)
        assert batch.status_code == 202
        began = time.monotonic()
        wait_for(lambda: len(slow.messages) >= MOST_EACH)
        for told in range(3):
            send(run, plain_photo((1, 2, 3)), quick.url, MINE)
            wait_for(lambda told=told: len(quick.messages) == told + 1)  # type: ignore[misc]
            # All slow ones, four at a time, take two minutes.
            assert len(slow.messages) <= MOST_EACH * (2 + (time.monotonic() - began) / ATTEMPT_SECONDS)
        assert run.client.get("/healthz").status_code == 200
        over.set()


def test_nobody_inside_is_told(tmp_path: Path) -> None:
    with served(tmp_path / "data", {**SETTINGS, "PRIVATE_NETWORKS": ""}) as run, receiver(says(200)) as inside:
        for host in ("127.0.0.1", "[::ffff:127.0.0.1]", "169.254.169.254", "10.0.0.1"):
            refused = send(run, plain_photo((1, 2, 3)), f"http://{host}:{inside.port}/", MINE)
            assert (refused.status_code, refused.json()["code"]) == (422, "url_refused")
        # A name is looked up when it is used.
        id = send(run, plain_photo((1, 2, 3)), f"http://localhost:{inside.port}/", MINE).json()["id"]
        wait_for(lambda: callback(run, id)["attempts"] >= 1)
        assert callback(run, id)["answer"] == "the URL leads to an address that is not public"
        assert inside.messages == []
        assert "private_networks" not in run.client.get("/api/v1/status", headers=MINE).json()["limits"]


def test_a_callback_needs_a_key_and_the_operators_leave(service: Served) -> None:
    refused = send(service, plain_photo((1, 2, 3)), "https://example.org/", {})
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_option")
    assert "needs an API key" in refused.json()["detail"]
    assert service.client.get("/api/v1/callbacks/secret").status_code == 404
    closed = cast(Service, SimpleNamespace(settings=Settings(callbacks="off")))
    with pytest.raises(OptionError) as raised:
        callback_in(closed, Caller("me", "me", key_hash="hash"), Body({"callback_url": "https://example.org/"}))
    assert "callbacks (ask the operator)" in as_data(raised.value).detail


def test_pauses_grow_for_hours_and_end() -> None:
    pauses = [pause_after(dataclasses.replace(CALLBACK, attempts=number)) for number in range(len(PAUSES) + 1)]
    assert pauses[:-1] == pytest.approx([pause * 1.2 for pause in PAUSES])
    assert pauses[-1] is None
    assert 12 * 3600 < sum(PAUSES) < 24 * 3600
    assert pause_after(dataclasses.replace(CALLBACK, job="0000")) == PAUSES[0]
