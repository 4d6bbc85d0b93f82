"""A result and the photo before it, looked at piece by piece: by their owner only, as long as they are there."""

from __future__ import annotations

import io
import json
import time
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
from finished import put_finished
from PIL import Image
from served import Served, is_problem, noisy_photo, plain_photo, png, served

from img_enhance.service.keys import Keys
from waiting import wait_for

KEYS = ("a key of some length", "another key of some length")


def pixels(height: int, width: int, seed: int = 1) -> Any:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def saved(path: Path, picture: Any) -> Path:
    path.write_bytes(png(picture))
    return path


def view(run: Served, id: str) -> dict[str, Any]:
    """What there is once all is there."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        answer = run.client.get(f"/api/v1/jobs/{id}/view")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        if found["state"] == "ready":
            return found
        time.sleep(0.05)
    raise AssertionError(f"not ready: {found}; {run.log.read_text()[-3000:]}")


def tile(run: Served, id: str, place: str, **headers: str) -> httpx.Response:
    return run.client.get(f"/api/v1/jobs/{id}/tiles/{place}", headers=headers)


def shown(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    with Image.open(io.BytesIO(answer.content)) as picture:
        return np.asarray(picture)


def tiles_of(run: Served, id: str) -> list[Path]:
    """The folders of a job's tiles."""
    return list((run.data / "tiles").glob(f"{id}*"))


def cutters(run: Served) -> list[psutil.Process]:
    """The processes that cut, at this moment."""
    found = []
    for child in psutil.Process(run.process.pid).children():
        try:
            if "cutter" in child.cmdline():
                found.append(child)
        except psutil.NoSuchProcess:
            continue
    return found


def test_a_result_and_its_photo_are_looked_at_by_tiles(service: Served, tmp_path: Path) -> None:
    result, photo = pixels(700, 1100), pixels(350, 550, seed=2)
    id = put_finished(
        service.data, saved(tmp_path / "r", result), size=(1100, 700), photo=saved(tmp_path / "p", photo), photo_size=(550, 350)
    )
    found = view(service, id)
    assert found["tile"] == 512
    assert {name: (each["width"], each["height"]) for name, each in found["pictures"].items()} == {
        "after": (1100, 700),
        "before": (550, 350),
    }
    levels = found["pictures"]["after"]["levels"]
    assert [(level["columns"], level["rows"], level["rows_ready"]) for level in levels] == [(3, 2, 2), (2, 1, 1), (1, 1, 1)]
    assert np.array_equal(shown(tile(service, id, "after/0/2_1")), result[512:, 1024:])
    assert np.array_equal(shown(tile(service, id, "before/0/0_0")), photo[:350, :512])
    coarse = tile(service, id, "after/2/0_0")
    assert (coarse.headers["content-type"], shown(coarse).shape) == ("image/jpeg", (175, 275, 3))
    _is_kept_by_browsers(service, id)
    for place, status in (("after/0/3_0", 404), ("after/0/0_2", 404), ("after/3/0_0", 404), ("other/0/0_0", 404)):
        answer = tile(service, id, place)
        assert (answer.status_code, answer.json()["code"]) == (status, "not_found")
    for place in ("after/0/x", "after/0/1", "after/x/0_0", f"after/0/{'9' * 5000}_0", "after/99/0_0", "after/0/-1_0"):
        answer = tile(service, id, place)
        assert (answer.status_code, is_problem(answer)) == (400, True)
    _is_gone_when_deleted(service, id)


def _is_kept_by_browsers(run: Served, id: str) -> None:
    answer = tile(run, id, "after/0/0_0")
    assert answer.headers["cache-control"] == "private, max-age=31536000, immutable"
    assert "X-API-Key" in answer.headers["vary"]
    again = tile(run, id, "after/0/0_0", **{"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", answer.headers["etag"])
    assert tile(run, id, "after/0/1_0", **{"If-None-Match": answer.headers["etag"]}).status_code == 200


def _is_gone_when_deleted(run: Served, id: str) -> None:
    before = run.client.get("/api/v1/status").json()["storage"]["used_bytes"]
    assert len(tiles_of(run, id)) == 1
    assert run.client.delete(f"/api/v1/jobs/{id}").json()["state"] == "expired"
    assert tiles_of(run, id) == []
    assert not (run.data / "jobs" / id).exists()
    assert run.client.get("/api/v1/status").json()["storage"]["used_bytes"] < before - 1_000_000  # of noise
    for answer in (tile(run, id, "after/0/0_0"), run.client.get(f"/api/v1/jobs/{id}/view")):
        assert (answer.status_code, answer.json()["code"]) == (410, "result_expired")


def test_where_there_is_no_result_it_is_said_why(service: Served) -> None:
    running = service.later(noisy_photo(side=1200))
    cancelled = service.later(plain_photo((1, 2, 3)))
    service.client.delete(f"/api/v1/jobs/{cancelled}")
    expected = {running: (409, "not_finished"), cancelled: (410, "job_cancelled"), "0" * 32: (404, "not_found")}
    for id, words in expected.items():
        for path in ("view", "tiles/after/0/0_0"):
            answer = service.client.get(f"/api/v1/jobs/{id}/{path}")
            assert ((answer.status_code, answer.json()["code"]), is_problem(answer)) == (words, True)
    service.client.delete(f"/api/v1/jobs/{running}")


def test_the_photo_is_kept_only_where_that_was_asked_for(service: Served) -> None:
    recipe = {"version": 1, "steps": [{"step": "exposure_correction", "ev": 1}]}
    for word, kept in (("true", True), ("false", False), (None, False)):
        words = {"recipe": json.dumps(recipe), **({"keep_photo": word} if word else {})}
        answer = service.client.post(
            "/api/v1/enhance", files={"file": ("x", plain_photo((9, 9, 9)))}, data=words, headers={"Accept": "application/json"}
        )
        id = answer.json()["id"]
        assert service.ended(id)["photo"].get("kept", False) is kept
        wait_for(partial(_has_files, service, id, 1 + kept))
        assert set(view(service, id)["pictures"]) == ({"before", "after"} if kept else {"after"})
        if not kept:
            assert tile(service, id, "before/0/0_0").status_code == 404
    refused = service.client.post("/api/v1/enhance", files={"file": ("x", plain_photo((9, 9, 9)))}, data={"keep_photo": "perhaps"})
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_option")


def _has_files(service: Served, id: str, count: int) -> bool:
    return len(list((service.data / "jobs" / id).iterdir())) == count


def test_nobody_else_sees_it(tmp_path: Path) -> None:
    data = tmp_path / "data"
    id = put_finished(
        data, saved(tmp_path / "r", pixels(20, 30)), size=(30, 20), owner=Keys(KEYS[0], data / "keys").caller({"x-api-key": KEYS[0]}).owner
    )
    with served(data, {"ACCESS": "keys", "API_KEYS": ",".join(KEYS)}) as run:
        for path in ("view", "tiles/after/0/0_0"):
            address = f"/api/v1/jobs/{id}/{path}"
            assert run.client.get(address).status_code == 401
            assert run.client.get(address, headers={"X-API-Key": KEYS[1]}).status_code == 404
            assert list((data / "tiles").iterdir()) == []
        run.client.headers["X-API-Key"] = KEYS[0]
        view(run, id)
        assert tile(run, id, "after/0/0_0").status_code == 200
        assert tile(run, id, "after/0/0_0", **{"X-API-Key": KEYS[1]}).status_code == 404


def test_a_killed_cutter_is_started_again_and_leaves_nothing_half_done(tmp_path: Path) -> None:
    picture = pixels(700, 1100)
    ids = [put_finished(tmp_path / "data", saved(tmp_path / "r", picture), size=(1100, 700)) for _ in range(2)]
    with served(tmp_path / "data", {"FAULT": "cutter half done*3"}) as run:
        wait_for(lambda: run.client.get(f"/api/v1/jobs/{ids[1]}/view").status_code != 200)
        answer = run.client.get(f"/api/v1/jobs/{ids[1]}/view")
        assert (answer.status_code, answer.json()["code"], is_problem(answer)) == (422, "not_viewable", True)
        view(run, ids[0])  # this one loses its cutter once
        assert np.array_equal(shown(tile(run, ids[0], "after/0/1_1")), picture[512:, 512:1024])
        assert [path.name.partition("-")[0] for path in (run.data / "tiles").iterdir()] == [ids[0]]
        assert tile(run, ids[1], "after/0/0_0").status_code == 422
        assert cutters(run) == []
        assert run.client.get(f"/api/v1/jobs/{ids[1]}/result").status_code == 200
        run.kill()
    with served(tmp_path / "data") as run:  # nothing of it outlives the service, and all of it can be made again
        assert list((run.data / "tiles").iterdir()) == []
        assert tile(run, ids[1], "after/0/0_0").status_code == 409
        view(run, ids[1])
        assert tile(run, ids[1], "after/0/0_0").status_code == 200


def test_a_result_deleted_while_it_is_cut_ends_its_cutter(service: Served, tmp_path: Path) -> None:
    id = put_finished(service.data, saved(tmp_path / "r", pixels(1500, 2000)), size=(2000, 1500))
    early = tile(service, id, "after/0/0_0")
    assert (early.status_code, early.json()["code"], early.headers["retry-after"]) == (409, "not_finished", "1")
    wait_for(lambda: bool(cutters(service)))
    (cutter,) = cutters(service)
    for _ in range(5):
        service.client.get(f"/api/v1/jobs/{id}/view")
    assert len(cutters(service)) <= 1
    service.client.delete(f"/api/v1/jobs/{id}")
    assert not cutter.is_running()
    assert tiles_of(service, id) == []


def test_tiles_make_room_for_other_tiles_and_for_photos(tmp_path: Path) -> None:
    data = tmp_path / "data"
    flat = [saved(tmp_path / f"r{number}", pixels(1000, 1400, seed=number)) for number in range(2)]
    ids = [put_finished(data, path, size=(1400, 1000)) for path in flat]
    large = put_finished(data, saved(tmp_path / "large", np.zeros((2500, 2000, 3), np.uint8)), size=(2000, 2500))
    stored = sum(path.stat().st_size for path in flat)
    with served(data, {"STORAGE_GB": str((stored + 9e6) / 1e9)}) as run:
        view(run, ids[0])
        view(run, ids[1])
        assert [path.name.partition("-")[0] for path in (data / "tiles").iterdir()] == [ids[1]]
        answer = run.client.get(f"/api/v1/jobs/{large}/view")
        assert answer.status_code in (200, 507)
        wait_for(lambda: run.client.get(f"/api/v1/jobs/{large}/view").status_code == 507)
        view(run, ids[0])
        noisy = noisy_photo(side=1500)  # 6.8 MB: with the tiles, which take 5 MB, more than there is room for
        assert run.client.post("/api/v1/suggest", files={"file": ("x", noisy)}).status_code == 200
        assert list((data / "tiles").iterdir()) == []
