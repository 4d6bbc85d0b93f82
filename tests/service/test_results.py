"""Several results in one ZIP."""

import io
import zipfile
from pathlib import Path

from served import Served, is_problem, plain_photo, served

KEYS = ("the key of the first person", "the key of the second person")


def test_holds_the_very_files_in_their_order(service: Served) -> None:
    ids = [service.later(plain_photo((20 * n, 9, 9))) for n in range(3)]
    for id in ids:
        assert service.ended(id)["state"] == "done"
    answer = service.client.get("/api/v1/results", params={"jobs": ",".join(ids)})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/zip")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["01_enhanced.png", "02_enhanced.png", "03_enhanced.png"]
        for id, name in zip(ids, archive.namelist(), strict=True):
            assert archive.read(name) == service.client.get(f"/api/v1/jobs/{id}/result").content


def test_names_count_on_from_the_first_one(service: Served) -> None:
    id = service.later(plain_photo((9, 20, 9)))
    assert service.ended(id)["state"] == "done"
    answer = service.client.get("/api/v1/results", params={"jobs": f"{id},{id}", "first": 100})
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.namelist() == ["100_enhanced.png", "101_enhanced.png"]
    for first in (0, "one", 10**9):
        answer = service.client.get("/api/v1/results", params={"jobs": id, "first": first})
        assert is_problem(answer)
        assert answer.json()["detail"].startswith("first cannot be read")


def test_one_without_a_result_is_said_before_anything_is_sent(service: Served) -> None:
    done = service.later(plain_photo((1, 2, 3)))
    assert service.ended(done)["state"] == "done"
    gone = service.later(plain_photo((3, 2, 1)))
    assert service.ended(gone)["state"] == "done"
    service.client.delete(f"/api/v1/jobs/{gone}")
    for other, code in ((gone, "result_expired"), ("nothing", "not_found"), ("", "not_found")):
        answer = service.client.get("/api/v1/results", params={"jobs": f"{done},{other}"})
        assert is_problem(answer)
        assert answer.json()["code"] == code
    many = service.client.get("/api/v1/results", params={"jobs": ",".join([done] * 21)})
    assert (many.status_code, many.json()["code"]) == (400, "malformed_request")


def test_nobody_gets_anothers(tmp_path: Path) -> None:
    with served(tmp_path / "data", {"ACCESS": "keys", "API_KEYS": ",".join(KEYS)}) as run:
        first, second = ({"X-API-Key": key} for key in KEYS)
        id = run.post(plain_photo((1, 2, 3)), headers=first | {"Accept": "application/json"}).json()["id"]
        answers = [run.client.get("/api/v1/results", params={"jobs": id}, headers=headers).status_code for headers in (first, second, {})]
        assert answers == [200, 404, 401]
