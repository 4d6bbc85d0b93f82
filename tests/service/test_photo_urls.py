"""Photos that the service fetches from the URL that a request names: off by default, guarded, and bounded."""

import json
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import httpx
import pytest
from receivers import LOOPBACK, receiver, says
from served import SHIFT, Served, is_problem, mean_colour, plain_photo, served

from waiting import wait_for

SETTINGS = {"PHOTO_URLS": "true", "PRIVATE_NETWORKS": LOOPBACK, "MAX_IMAGE_SIZE_MB": "1", "BODY_SECONDS": "5", "UPLOADS_PER_KEY": "1"}


def enhance(run: Served, url: str, headers: dict[str, str] | None = None, path: str = "/enhance") -> httpx.Response:
    words = {"recipe": {"version": 1, "steps": [], "output": {"format": "png"}}}
    return run.client.post(f"/api/v1{path}", json={"photo_url": url, **words}, headers=headers)


def test_photos_come_from_where_the_url_leads_within_bounds(tmp_path: Path) -> None:
    with served(tmp_path / "data", SETTINGS) as run:
        _takes_them_in_json_and_forms(run)
        _fetches_once_for_one_key(run)
        _says_why_not(run)
        _keeps_to_time_bytes_and_share(run)
        wait_for(lambda: list((run.data / "incoming").iterdir()) == [])


def _takes_them_in_json_and_forms(run: Served) -> None:
    with receiver(says(200, body=plain_photo((10, 200, 60)))) as server:
        answer = enhance(run, server.url)
        assert answer.status_code == 200, answer.text
        assert mean_colour(answer.content) == pytest.approx((10, 200, 60), abs=SHIFT)
        form = {"photo_url": (None, server.url), "recipe": (None, json.dumps({"version": 1, "steps": []}))}
        assert run.client.post("/api/v1/enhance", files=form).status_code == 200
        assert enhance(run, server.url, path="/suggest").json()["photo"]["width"] == 24
        assert [path for path, _, _ in server.messages] == ["/hook?token=1"] * 3
        both: Any = {"photo_url": (None, server.url), "file": ("x", plain_photo((1, 2, 3)))}
        refused = run.client.post("/api/v1/enhance", files=both)
        assert (refused.status_code, refused.json()["code"]) == (400, "malformed_request")
        batch: Any = [("files", ("x", plain_photo((1, 2, 3)))), ("photo_url", (None, server.url))]
        assert run.client.post("/api/v1/enhance/batch", files=batch).status_code == 422
        assert len(server.messages) == 3
    assert run.client.post("/api/v1/enhance", json={"photo_url": 7}).status_code == 422


def _fetches_once_for_one_key(run: Served) -> None:
    with receiver(says(200, body=plain_photo((9, 9, 9)))) as server:
        headers = {"Idempotency-Key": "once", "Prefer": "respond-async"}
        first, again = (enhance(run, server.url, headers) for _ in range(2))
        assert (first.status_code, again.status_code) == (202, 202)
        assert first.json()["id"] == again.json()["id"]
        assert len(server.messages) == 1
        assert enhance(run, server.url + "&other", headers).json()["code"] == "idempotency_reused"


def _says_why_not(run: Served) -> None:
    with receiver(says(200, body=plain_photo((1, 1, 1)))) as inside:
        cases = {404: "404 Not Found", 302: "302 Found"}
        for status, words in cases.items():
            with receiver(says(status, headers={"Location": inside.url})) as server:
                refused = enhance(run, server.url)
                assert (refused.status_code, refused.json()["code"]) == (422, "url_failed")
                assert words in refused.json()["detail"]
        assert inside.messages == []
    with receiver(says(200, body=b"<html>")) as server:
        assert enhance(run, server.url).json()["code"] == "unsupported_photo"
    for url in ("ftp://127.0.0.1/x", "http://10.0.0.1/", "http://169.254.169.254/latest/meta-data/"):
        refused = enhance(run, url)
        assert (refused.status_code, refused.json()["code"]) == (422, "url_refused")
        assert is_problem(refused)


def _keeps_to_time_bytes_and_share(run: Served) -> None:
    over = threading.Event()

    def endless(handler: BaseHTTPRequestHandler, _: int) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            handler.wfile.write(b"y" * 100_000)

    def silent(_: BaseHTTPRequestHandler, __: int) -> None:
        over.wait(60)

    with receiver(endless) as server:
        refused = enhance(run, server.url)
        assert (refused.status_code, refused.json()["code"]) == (413, "file_too_large")
    with receiver(silent) as server:
        answers: list[Any] = []
        waiting = threading.Thread(target=lambda: answers.append(enhance(run, server.url)))
        waiting.start()
        wait_for(lambda: len(server.messages) == 1)
        second = enhance(run, server.url)
        assert (second.status_code, second.json()["code"]) == (429, "quota")
        waiting.join(60)
        assert answers[0].json()["code"] == "url_failed"
        assert "within 5 s" in answers[0].json()["detail"]
        over.set()


def test_urls_are_not_taken_unless_the_operator_says_so(service: Served) -> None:
    with receiver(says(200, body=plain_photo((1, 2, 3)))) as server:
        refused = enhance(service, server.url)
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid_option")
        assert "ask the operator" in refused.json()["detail"]
        assert server.messages == []
