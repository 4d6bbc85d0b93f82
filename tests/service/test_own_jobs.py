"""Whoever has another's ids gets nothing by them, at no address of the API, and changes nothing."""

from __future__ import annotations

import json
from pathlib import Path

from served import RECIPE, is_problem, plain_photo, served

KEYS = ("a key of some length", "another key of some length")
# What else than the id of a job stands in an address.
PARTS = {"picture": "after", "level": "0", "tile": "0_0"}


def test_another_gets_nothing_by_an_id_at_any_address(tmp_path: Path) -> None:
    with served(tmp_path / "data", {"ACCESS": "keys", "API_KEYS": ",".join(KEYS)}) as run:
        mine, others = ({"X-API-Key": key} for key in KEYS)
        files = [("files", ("a.png", plain_photo((1, 2, 3)))), ("files", ("b.png", plain_photo((3, 2, 1))))]
        batch = run.client.post("/api/v1/enhance/batch", files=files, data={"recipe": json.dumps(RECIPE)}, headers=mine).json()
        id, second = (job["id"] for job in batch["jobs"])
        for each in (id, second):
            assert run.client.get(f"/api/v1/jobs/{each}/events", headers=mine).status_code == 200  # which ends with the job
        paths = run.client.get("/openapi.json").json()["paths"]
        routes = [(method, path) for path, methods in paths.items() for method in methods if "{id}" in path]
        assert {path.split("{")[0] for _, path in routes} == {"/api/v1/jobs/", "/api/v1/batches/"}
        for method, path in routes:
            address = path.format(id=batch["id"] if "/batches/" in path else id, **PARTS)
            answer = run.client.request(method, address, headers=others)
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), (method, path)
            assert is_problem(answer)
            unknown = run.client.request(method, path.format(id="0" * len(id), **PARTS), headers=others)
            assert answer.json()["detail"] == unknown.json()["detail"], "nobody learns whether there is one"
            assert run.client.request(method, address).status_code == 401, (method, path)
        assert run.client.get("/api/v1/jobs", headers=others).json()["jobs"] == []
        assert run.client.get("/api/v1/jobs", params={"before": id}, headers=others).status_code == 404
        assert run.client.get("/api/v1/results", params={"jobs": f"{id},{second}"}, headers=others).status_code == 404
        for method, path in routes:
            if method == "get":
                answer = run.client.get(path.format(id=batch["id"] if "/batches/" in path else id, **PARTS), headers=mine)
                assert answer.status_code in (200, 409), f"{path} is gone for its owner"
