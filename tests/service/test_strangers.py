"""What strangers send: harmful files, too much, too slow, without a key."""

import hashlib
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from served import Served, is_problem, noisy_photo, plain_photo, served

sys.path.insert(0, str(Path(__file__).parent.parent / "hostile"))
import files

HARMFUL: dict[str, Callable[[], bytes] | bytes] = {
    **{f"bomb {name}": data for name, data in files.bombs().items()},
    **files.polyglots(),
    **{f"cut {name}": data[: len(data) // 2] for name, data in files.valid().items()},
    **files.COSTLY,
    "empty": b"",
}
MAY_BE_FINE = ("png then zip", "jpeg then html", *files.COSTLY)


@pytest.mark.parametrize("name", HARMFUL)
def test_a_harmful_file_is_a_photo_or_a_problem_and_leaves_nothing(service: Served, name: str) -> None:
    recipe = {"version": 1, "steps": [{"step": "white_balance", "enhance_level": 0}], "output": {"format": "png"}}
    made = HARMFUL[name]
    answer = service.post(made if isinstance(made, bytes) else made(), recipe=recipe)
    if answer.status_code == 200:
        assert name in MAY_BE_FINE
    else:
        assert is_problem(answer), answer.text
        assert str(service.data) not in answer.text
    assert list((service.data / "incoming").iterdir()) == []
    assert list((service.data / "scratch").iterdir()) == []


def test_keys_decide(tmp_path: Path) -> None:
    key, other = "a key of some length", "another key of length"
    keys = f"{key},sha256:{hashlib.sha256(other.encode()).hexdigest()}"
    with served(tmp_path / "data", {"ACCESS": "keys", "API_KEYS": keys}) as run:
        assert run.client.get("/api/v1/status").status_code == 401
        assert run.client.get("/api/v1/status", headers={"X-API-Key": "a key of no use here"}).status_code == 403
        assert run.client.get("/metrics").status_code == 401
        assert run.client.get("/api/v1/algorithms").status_code == 200
        job = run.post(plain_photo((9, 9, 9)), headers={"X-API-Key": key, "Accept": "application/json"}).json()
        mine = run.client.get(job["links"]["self"], headers={"Authorization": f"Bearer {key}"})
        theirs = run.client.get(job["links"]["self"], headers={"X-API-Key": other})
        assert (mine.status_code, theirs.status_code) == (200, 404)
        assert "a key" not in run.log.read_text()


def test_limits_are_kept_and_what_was_accepted_is_done(tmp_path: Path) -> None:
    limits = {"QUEUE_JOBS": "3", "MAX_MEGAPIXELS": "0.04", "BODY_SECONDS": "1", "HEADER_SECONDS": "1"}
    with served(tmp_path / "data", {**limits, "RETENTION_HOURS": "0.01"}) as run:
        _refuses_too_much(run)
        _cuts_off_who_is_slow(run)
        answers = [run.post(noisy_photo(side=60, seed=n), headers={"Prefer": "respond-async"}) for n in range(12)]
        refused = [answer for answer in answers if answer.status_code != 202]
        assert refused
        for answer in refused:
            assert (answer.status_code, answer.json()["code"]) == (503, "saturated")
            assert int(answer.headers["retry-after"]) > 0
        for answer in answers:
            if answer.status_code == 202:
                assert run.ended(answer.json()["id"])["state"] == "done"


def test_behind_a_proxy_everybody_has_an_own_quota(tmp_path: Path) -> None:
    with served(tmp_path / "data", {"JOBS_PER_KEY": "1"}) as run:
        photo = noisy_photo(side=500)
        headers = [{"Prefer": "respond-async", "X-Forwarded-For": address} for address in ("192.0.2.1", "192.0.2.1", "192.0.2.2")]
        answers = [run.post(photo, headers=each) for each in headers]
        assert [answer.status_code for answer in answers] == [202, 429, 202]
        assert is_problem(answers[1])
        assert int(answers[1].headers["retry-after"]) > 0


def _refuses_too_much(run: Served) -> None:
    pixels = run.post(plain_photo((0, 0, 0), side=300))
    assert (pixels.status_code, pixels.json()["code"]) == (413, "photo_too_large")
    with socket.create_connection(("127.0.0.1", run.port)) as announcing:
        announcing.sendall(b"POST /api/v1/enhance HTTP/1.1\r\nHost: x\r\nContent-Length: 60000000\r\nExpect: 100-continue\r\n\r\n")
        assert announcing.recv(100).startswith(b"HTTP/1.1 413")


def _cuts_off_who_is_slow(run: Served) -> None:
    with socket.create_connection(("127.0.0.1", run.port)) as slow:
        started = time.monotonic()
        slow.sendall(b"POST /api/v1/enhance HTTP/1.1\r\nHost: x\r\n")
        slow.settimeout(10)
        assert slow.recv(100) == b""
        assert time.monotonic() - started < 5
    with socket.create_connection(("127.0.0.1", run.port)) as slow:
        head = b"POST /api/v1/enhance HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n"
        slow.sendall(head + b"Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\n")
        slow.settimeout(10)
        assert slow.recv(100).startswith(b"HTTP/1.1 408")
    assert list((run.data / "incoming").iterdir()) == []


def test_work_is_cancelled_when_its_client_goes(tmp_path: Path) -> None:
    with served(tmp_path / "data", {"SYNC_SECONDS": "3600"}) as run:
        with pytest.raises(httpx.ReadTimeout), httpx.Client(base_url=run.url, timeout=2) as client:
            client.post("/api/v1/enhance", files={"file": noisy_photo(side=500)}, data={"algorithms": "real_esrgan"})
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            jobs = run.client.get("/api/v1/status").json()["queue"]["jobs"]
            if jobs == {"cancelled": 1} or jobs == {}:
                break
        assert jobs == {"cancelled": 1}, jobs
