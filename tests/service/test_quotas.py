"""Daily quotas of keys: told before the limit is met, kept across kills, and nobody else's business."""

import threading
import time
from pathlib import Path
from typing import Any

import httpx
from served import Served, is_problem, noisy_photo, plain_photo, served

from img_enhance.service.keys import add_key

SETTINGS = {"ACCESS": "keys"}


def keys_of(data: Path, **quotas: str) -> dict[str, dict[str, str]]:
    """Headers by the name of a new key, with what it may send a day."""
    data.mkdir()
    headers = {}
    for name, words in quotas.items():
        headers[name] = {"X-API-Key": add_key(data / "keys", name), "Prefer": "respond-async"}
        lines = (data / "keys").read_text().splitlines()
        (data / "keys").write_text("\n".join([*lines[:-1], f"{lines[-1]} {words}".strip()]) + "\n")
    return headers


def today(run: Served, headers: dict[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = run.client.get("/api/v1/status", headers=headers).json()["today"]
    return found


def test_a_key_has_its_day_and_outlives_a_kill(tmp_path: Path) -> None:
    data = tmp_path / "data"
    keys = keys_of(data, few="jobs_a_day=2", small="megapixels_a_day=0.0015", free="")
    with served(data, SETTINGS) as run:
        assert run.post(plain_photo((1, 2, 3)), headers=keys["few"]).status_code == 202
        assert run.post(b"no photo", headers=keys["few"]).status_code == 415
        assert today(run, keys["few"])["jobs"] == {"used": 1, "limit": 2}
        assert run.post(plain_photo((4, 5, 6)), headers=keys["few"]).status_code == 202
        run.kill()
    with served(data, SETTINGS) as run:
        refused = run.post(plain_photo((7, 8, 9)), headers=keys["few"])
        assert (refused.status_code, refused.json()["code"]) == (429, "daily_quota")
        assert is_problem(refused)
        assert "2 of its 2 jobs a day" in refused.json()["detail"]
        assert run.client.post("/api/v1/suggest", files={"file": plain_photo((7, 8, 9))}, headers=keys["few"]).status_code == 200
        left = refused.json()["today"]["resets"] - time.time()
        assert abs(int(refused.headers["retry-after"]) - left) < 60
        assert 0 < left <= 86_400
        assert run.post(plain_photo((1, 2, 3), side=30), headers=keys["small"]).status_code == 202
        # The body is known to be too much only when it has been read.
        refused = run.post(plain_photo((1, 2, 3), side=30), headers=keys["small"])
        assert (refused.status_code, refused.json()["today"]["megapixels"]) == (429, {"used": 0.001, "limit": 0.0015})
        assert "here are 0.0009" in refused.json()["detail"]
        assert int(refused.headers["retry-after"]) > 0
        assert run.post(plain_photo((1, 2, 3), side=24), headers=keys["small"]).status_code == 202
        assert run.post(plain_photo((1, 2, 3)), headers=keys["free"]).status_code == 202
        mine = today(run, keys["free"])
        assert (mine["jobs"], mine["megapixels"]["limit"]) == ({"used": 1, "limit": None}, None)


def test_many_at_once_get_no_more_than_the_day_has(tmp_path: Path) -> None:
    data = tmp_path / "data"
    keys = keys_of(data, few="jobs_a_day=5")
    with served(data, SETTINGS) as run:
        statuses: list[int] = []

        def send(number: int) -> None:
            with httpx.Client(base_url=run.url, timeout=60) as client:
                files = {"file": plain_photo((number, number, number))}
                statuses.append(client.post("/api/v1/enhance", files=files, headers=keys["few"]).status_code)

        threads = [threading.Thread(target=send, args=(number,)) for number in range(14)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert (statuses.count(202), statuses.count(429)) == (5, 9)
        assert today(run, keys["few"])["jobs"]["used"] == 5


def test_a_job_cancelled_before_it_began_is_given_back(tmp_path: Path) -> None:
    data = tmp_path / "data"
    keys = keys_of(data, few="jobs_a_day=2")
    long = {"version": 1, "steps": [{"step": "real_esrgan", "model": "realesrgan-x4plus"}]}
    with served(data, SETTINGS) as run:
        ids = [run.post(noisy_photo(side=900, seed=seed), recipe=long, headers=keys["few"]).json()["id"] for seed in (1, 2)]
        assert run.post(plain_photo((1, 2, 3)), headers=keys["few"]).status_code == 429
        assert run.client.delete(f"/api/v1/jobs/{ids[1]}", headers=keys["few"]).json()["state"] == "cancelled"
        assert run.post(plain_photo((1, 2, 3)), headers=keys["few"]).status_code == 202


def test_where_everybody_may_come_in_nobody_has_a_day(service: Served) -> None:
    assert "today" not in service.client.get("/api/v1/status").json()
