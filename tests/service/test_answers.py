"""Answers as HTTP means them: parts, tags, HEAD, lists, what is over, and what a stopping service says."""

import http.client
import json
import os
import signal
import stat
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from served import RECIPE, Served, is_problem, noisy_photo, plain_photo, served

from waiting import wait_for

KEYS = ("the key of the first person", "the key of the second person")
LONG = {"version": 1, "steps": [{"step": "real_esrgan", "model": "realesrgan-x4plus"}]}


@pytest.fixture(scope="module")
def result(service: Served) -> str:
    """The address of a result."""
    id = service.later(plain_photo((10, 20, 30)))
    assert service.ended(id)["state"] == "done"
    return f"/api/v1/jobs/{id}/result"


def test_head_says_what_get_would_without_the_body(service: Served, result: str) -> None:
    for path in (result, "/healthz", "/api/v1/status"):
        head, get = service.client.head(path), service.client.get(path)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-type"] == get.headers["content-type"]
    assert service.client.head(result.replace("/result", "/events")).status_code == 405


def test_a_picture_that_is_there_is_not_sent_again(service: Served, result: str) -> None:
    first = service.client.get(result)
    for known in (first.headers["etag"], f'"other", W/{first.headers["etag"]}', "*"):
        again = service.client.get(result, headers={"If-None-Match": known})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == first.headers["etag"]
    assert service.client.get(result, headers={"If-None-Match": '"other"'}).content == first.content


def test_parts_of_a_picture(service: Served, result: str) -> None:
    whole = service.client.get(result).content
    part = service.client.get(result, headers={"Range": "bytes=2-9"})
    assert (part.status_code, part.content) == (206, whole[2:10])
    for behind in (f"bytes={len(whole)}-", "bytes=99999999-100000000", "bytes=-0"):
        refused = service.client.get(result, headers={"Range": behind})
        assert (refused.status_code, refused.json()["code"]) == (416, "range_not_satisfiable")
        assert is_problem(refused)
        assert refused.headers["content-range"] == f"bytes */{len(whole)}"
    for meaningless in ("bytes=a-b", "pages=1-2", "bytes="):
        assert service.client.get(result, headers={"Range": meaningless}).content == whole


@pytest.mark.parametrize("path", ["/", "/page/main.js", "/docs/static/start.js"])
@pytest.mark.parametrize("asked", ["bytes=0-9", "bytes=99999999-", "bytes=5-1", "bytes=a-b", "pages=1-2"])
def test_our_own_files_come_whole_whatever_part_is_asked_for(service: Served, path: str, asked: str) -> None:
    whole, answer = service.client.get(path), service.client.get(path, headers={"Range": asked})
    assert (answer.status_code, answer.content) == (200, whole.content)
    assert answer.headers["accept-ranges"] == "none"


def test_a_file_that_went_after_its_row_was_read_has_expired(service: Served) -> None:
    id = service.later(plain_photo((4, 5, 6)))
    service.ended(id)
    for path in (service.data / "jobs" / id).iterdir():
        path.unlink()
    for path_of_results in (f"/api/v1/jobs/{id}/result", f"/api/v1/results?jobs={id}"):
        answer = service.client.get(path_of_results)
        assert (answer.status_code, answer.json()["code"]) == (410, "result_expired")


def test_no_address_leads_elsewhere(service: Served) -> None:
    for path in ("/docs/", "/api/v1/status/", "/healthz/", "//stranger.example/docs/"):
        answer = service.client.get(path, headers={"Host": "stranger.example"})
        assert answer.status_code == 404
        assert "stranger" not in answer.headers.get("location", "")


def test_two_lengths_are_refused(service: Served) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=10)
    connection.putrequest("POST", "/api/v1/enhance")
    for name, value in (("Content-Length", "5"), ("Transfer-Encoding", "chunked")):
        connection.putheader(name, value)
    connection.endheaders(b"0\r\n\r\n")
    answer = connection.getresponse()
    assert (answer.status, answer.getheader("Connection")) == (400, "close")


def test_the_data_is_private_whatever_it_was(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o777)
    data.chmod(0o777)
    (data / "jobs.sqlite").touch(mode=0o666)
    before = os.umask(0)
    try:
        with served(data) as run:
            run.later(plain_photo((1, 2, 3)))
            modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in [data, *data.iterdir()]}
            assert {name: oct(mode) for name, mode in modes.items() if mode & 0o077} == {}
    finally:
        os.umask(before)


def test_each_sees_the_own_jobs_page_by_page(tmp_path: Path) -> None:
    mine, theirs = ({"X-API-Key": key, "Prefer": "respond-async"} for key in KEYS)
    with served(tmp_path / "data", {"ACCESS": "keys", "API_KEYS": ",".join(KEYS)}) as run:
        ids = [run.post(plain_photo((n, 2, 3)), headers=mine).json()["id"] for n in range(5)]
        other = run.post(plain_photo((1, 2, 3)), headers=theirs).json()["id"]
        found: list[str] = []
        path = "/api/v1/jobs?limit=2"
        while path:
            page = run.client.get(path, headers=mine).json()
            assert len(page["jobs"]) <= 2
            found += [job["id"] for job in page["jobs"]]
            path = page.get("next", "")
        assert found == ids[::-1]
        assert [job["id"] for job in run.client.get("/api/v1/jobs", headers=theirs).json()["jobs"]] == [other]
        assert run.client.get(f"/api/v1/jobs?before={other}", headers=mine).status_code == 404
        assert run.client.get("/api/v1/jobs?limit=0", headers=mine).status_code in (400, 422)
        assert run.client.get("/api/v1/jobs").status_code == 401


def test_there_is_no_list_where_everybody_may_come_in(service: Served) -> None:
    assert service.client.get("/api/v1/jobs").status_code == 404


def test_a_cancelled_job_says_so_to_all(tmp_path: Path) -> None:
    with served(tmp_path / "data", {"SYNC_SECONDS": "3600"}) as run:
        waiting = _asking(run, noisy_photo(side=700), LONG, {"Idempotency-Key": "mine"})
        wait_for(lambda: bool(_unfinished(run)))
        replayed = run.post(noisy_photo(side=700), recipe=LONG, headers={"Idempotency-Key": "mine"})
        id = replayed.json()["job"]
        run.client.delete(f"/api/v1/jobs/{id}")
        answers = [
            waiting(),
            run.client.get(f"/api/v1/jobs/{id}/result"),
            run.post(noisy_photo(side=700), recipe=LONG, headers={"Idempotency-Key": "mine"}),
        ]
        for answer in answers:
            assert (answer.status_code, answer.json()["code"]) == (410, "job_cancelled"), answer.text
            assert "retry-after" not in answer.headers


def test_a_key_that_is_known_is_answered_at_the_quota(tmp_path: Path) -> None:
    with served(tmp_path / "data", {"JOBS_PER_KEY": "1"}) as run:
        headers = {"Prefer": "respond-async", "Idempotency-Key": "mine"}
        first = run.post(noisy_photo(side=700), recipe=LONG, headers=headers)
        again = run.post(noisy_photo(side=700), recipe=LONG, headers=headers)
        assert (first.status_code, again.status_code) == (202, 202)
        assert first.json()["id"] == again.json()["id"]
        assert run.post(noisy_photo(side=700), headers={**headers, "Idempotency-Key": "new"}).status_code == 429
        # Where everybody may come in, a key is its address's own.
        elsewhere = run.post(plain_photo((1, 2, 3)), headers={**headers, "X-Forwarded-For": "192.0.2.9"})
        assert elsewhere.status_code == 202
        assert elsewhere.json()["id"] != first.json()["id"]


def test_a_replay_that_prefers_the_job_is_answered_with_it_when_it_is_done(service: Served) -> None:
    headers = {"Prefer": "respond-async", "Idempotency-Key": "twice"}
    first = service.post(plain_photo((9, 8, 7)), headers=headers).json()
    service.ended(first["id"])
    again = service.post(plain_photo((9, 8, 7)), headers=headers)
    assert again.status_code == 202
    assert (again.json()["id"], again.json()["state"]) == (first["id"], "done")
    assert again.json()["links"]["result"].endswith("/result")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_who_waits_while_the_service_stops_learns_where_the_job_is(tmp_path: Path, number: int) -> None:
    with served(tmp_path / "data", {"SYNC_SECONDS": "3600", "DRAIN_SECONDS": "1"}) as run:
        waiting = _asking(run, noisy_photo(side=900), LONG, {"Idempotency-Key": "mine"})
        wait_for(lambda: "running" in _unfinished(run))
        uploading = _asking(run, b"", RECIPE, {}, content=_never_ends())
        wait_for(lambda: any((run.data / "incoming").iterdir()))
        started = time.monotonic()
        run.process.send_signal(number)
        answer, refused = waiting(), uploading()
        assert (answer.status_code, answer.json()["code"]) == (503, "stopping"), answer.text
        assert answer.json()["job_url"].startswith("/api/v1/jobs/")
        assert (refused.status_code, refused.json()["code"]) == (503, "stopping"), refused.text
        assert run.process.wait(20) == 0
        assert time.monotonic() - started < 15
        assert "Traceback" not in run.log.read_text()
    with served(tmp_path / "data") as run:
        assert run.job(answer.json()["job"])["state"] in ("queued", "running")


def _never_ends() -> Any:
    yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'
    while True:
        time.sleep(0.2)
        yield b"x"


def _asking(run: Served, photo: bytes, recipe: Any, headers: dict[str, str], content: Any = None) -> Any:
    """A request in a thread; call what it returns for the answer."""
    found: list[httpx.Response] = []

    def ask() -> None:
        with httpx.Client(base_url=run.url, timeout=120) as client:
            if content is None:
                body: dict[str, Any] = {"files": {"file": ("x", photo)}, "data": {"recipe": json.dumps(recipe)}, "headers": headers}
            else:
                body = {"content": content, "headers": {"Content-Type": "multipart/form-data; boundary=b"}}
            found.append(client.post("/api/v1/enhance", **body))

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()

    def answer() -> httpx.Response:
        thread.join(60)
        return found[0]

    return answer


def _unfinished(run: Served) -> dict[str, int]:
    jobs = run.client.get("/api/v1/status").json()["queue"]["jobs"]
    return {state: jobs[state] for state in ("queued", "running") if jobs.get(state)}
