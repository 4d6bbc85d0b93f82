"""What is kept of a job when its picture is gone, and how to be forgotten."""

import hashlib
import json
from pathlib import Path

from served import RECIPE, Served, noisy_photo, plain_photo, served

from waiting import wait_for

KEYS = ("the key of the first person", "the key of the second person")
LONG = {"version": 1, "steps": [{"step": "real_esrgan", "model": "realesrgan-x4plus"}]}


def test_the_record_says_what_was_done(service: Served) -> None:
    photo = plain_photo((3, 40, 90))
    id = service.later(photo)
    job = service.ended(id)
    result = service.client.get(job["links"]["result"]).content
    record = service.client.get(job["links"]["record"]).json()
    assert record["photo"]["sha256"] == hashlib.sha256(photo).hexdigest()
    assert record["result"] == {
        "format": "png",
        "width": 48,
        "height": 48,
        "bytes": len(result),
        "sha256": hashlib.sha256(result).hexdigest(),
    }
    steps = [{name: step[name] for name in ("step", "model", "upscale")} for step in record["recipe"]["steps"]]
    assert (record["state"], steps, record["attempts"]) == ("done", RECIPE["steps"], 1)
    assert all(step["seconds"] > 0 for step in record["record"]["steps"])
    assert record["record"]["warnings"] == []
    assert record["kept_until"] > record["finished"] + 7 * 86_400
    assert str(service.data) not in json.dumps(record)


def test_a_deleted_picture_leaves_a_record_that_knows_nothing_of_it(service: Served) -> None:
    photo = noisy_photo(side=24, seed=9, most=20)
    id = service.later(photo, recipe={"version": 1, "steps": [{"step": "exposure_correction"}]})
    path = service.ended(id)["links"]["record"]
    before = service.client.get(path).json()
    assert any(step["facts"] for step in before["record"]["steps"])
    service.client.delete(f"/api/v1/jobs/{id}")
    after = service.client.get(path).json()
    assert (after["state"], after["error"]["code"]) == ("expired", "result_expired")
    assert not any("facts" in step for step in after["record"]["steps"])
    for known in (before["photo"]["sha256"], before["result"]["sha256"]):
        assert known not in json.dumps(after)
        assert known not in service.client.get(f"/api/v1/jobs/{id}").text
    assert after["record"]["plan"] == before["record"]["plan"]


def test_a_record_can_be_deleted_too(service: Served) -> None:
    headers = {"Prefer": "respond-async", "Idempotency-Key": "to-be-forgotten"}
    id = service.post(plain_photo((3, 3, 3)), headers=headers).json()["id"]
    service.ended(id)
    forgotten = service.client.delete(f"/api/v1/jobs/{id}/record")
    assert (forgotten.status_code, forgotten.content) == (204, b"")
    for path in ("", "/record", "/result", "/events"):
        assert service.client.get(f"/api/v1/jobs/{id}{path}").status_code == 404
    assert not (service.data / "jobs" / id).exists()
    assert service.post(plain_photo((3, 3, 3)), headers=headers).json()["id"] != id


def test_there_is_no_record_of_a_job_that_is_not_done(service: Served) -> None:
    id = service.later(noisy_photo(side=700), recipe=LONG)
    for method in ("GET", "DELETE"):
        answer = service.client.request(method, f"/api/v1/jobs/{id}/record")
        assert (answer.status_code, answer.json()["code"], answer.json()["job"]) == (409, "not_finished", id)
    service.client.delete(f"/api/v1/jobs/{id}")
    assert service.client.get(f"/api/v1/jobs/{id}/record").json()["state"] == "cancelled"
    # Its worker may still be about to let go of it.
    assert service.client.delete(f"/api/v1/jobs/{id}/record").status_code == 204
    wait_for(lambda: not (service.data / "jobs" / id).exists())


def test_the_record_outlives_the_result_and_is_its_owners_only(tmp_path: Path) -> None:
    mine, theirs = ({"X-API-Key": key, "Prefer": "respond-async"} for key in KEYS)
    with served(tmp_path / "data", {"ACCESS": "keys", "API_KEYS": ",".join(KEYS), "RETENTION_HOURS": "0.0005"}) as run:
        id = run.post(plain_photo((1, 2, 3)), headers=mine).json()["id"]
        path = f"/api/v1/jobs/{id}/record"
        wait_for(lambda: run.client.get(f"/api/v1/jobs/{id}", headers=mine).json()["state"] == "expired")
        assert run.client.get(f"/api/v1/jobs/{id}/result", headers=mine).status_code == 410
        record = run.client.get(path, headers=mine).json()
        assert (record["state"], record["record"]["done"] != "", record["result"]["bytes"] > 0) == ("expired", True, True)
        assert record["photo"]["sha256"]
        for method in ("GET", "DELETE"):
            assert run.client.request(method, path, headers=theirs).status_code == 404
        listed = run.client.get("/api/v1/jobs", headers=mine).json()["jobs"]
        assert [job["links"]["record"] for job in listed] == [path]
