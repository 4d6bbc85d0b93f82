"""Weights that are not on the machine: refused before a job is taken, and the operator is told what brings them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from served import COMPACT, Served, is_problem, noisy_photo, served

from img_enhance.errors import DiskError, WeightsMissing
from img_enhance.models.table import BUILT_IN
from img_enhance.words import Pull
from img_enhance.workers.catalogue import as_data

PULL = "ask the operator to run: img-enhance models pull"
FACES: dict[str, Any] = {"version": 1, "steps": [{"step": "gfpgan"}], "output": {"format": "png"}}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A service in whose folder of weights there are none."""
    folder = tmp_path_factory.mktemp("weights")
    with served(folder / "data", {"HOME": str(folder / "home"), "WEIGHTS_PATH": ""}) as run:
        yield run


@pytest.mark.parametrize("headers", [{}, {"Prefer": "respond-async"}], ids=["waits", "async"])
def test_a_photo_is_refused_before_there_is_a_job(service: Served, headers: dict[str, str]) -> None:
    answer = service.post(noisy_photo(side=24), recipe=FACES, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (503, "weights_missing")
    assert is_problem(answer)
    assert PULL in answer.json()["detail"]
    assert "gfpgan-1.4" in answer.json()["detail"]
    assert "job" not in answer.json()
    assert "retry-after" not in answer.headers


def test_mixed_weights_are_looked_for_too(service: Served) -> None:
    steps = [{"step": "real_esrgan", "model": "realesr-general-x4v3", "denoise": 0.5}]
    answer = service.post(noisy_photo(side=24), recipe={**FACES, "steps": steps})
    assert (answer.status_code, answer.json()["code"]) == (503, "weights_missing")
    assert "realesr-general-x4v3" in answer.json()["detail"]
    assert "realesr-general-wdn-x4v3" in answer.json()["detail"]


def test_a_batch_says_so_at_once_for_the_photo_that_needs_them(service: Served) -> None:
    plain = {**FACES, "steps": [{"step": "clahe"}]}
    files = [("files", (f"{number}.png", noisy_photo(side=24, seed=number))) for number in range(2)]
    answer = service.client.post("/api/v1/enhance/batch", files=files, data={"recipe": [json.dumps(FACES), json.dumps(plain)]})
    assert answer.status_code == 202
    refused, taken = answer.json()["jobs"]
    assert (refused["state"], refused["error"]["code"], refused["attempts"]) == ("failed", "weights_missing", 0)
    assert service.ended(taken["id"])["state"] == "done"


def test_a_suggestion_is_not_made_of_what_cannot_be_done(service: Served) -> None:
    answer = service.client.post("/api/v1/suggest", files={"file": noisy_photo(side=24)}, data={"recipe": json.dumps(FACES)})
    assert (answer.status_code, answer.json()["code"]) == (503, "weights_missing")


def test_a_preview_shows_no_such_step(service: Served) -> None:
    answer = service.client.post("/api/v1/preview", files={"file": noisy_photo(side=24)}, data={"recipe": json.dumps(FACES)})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_option")


def test_auto_has_no_word_of_weights_where_no_face_is_likely(service: Served) -> None:
    words = {"algorithms": "auto"}
    answer = service.client.post("/api/v1/suggest", files={"file": noisy_photo(side=48)}, data=words)
    assert answer.status_code == 200, answer.text
    assert "gfpgan" not in [step["step"] for step in answer.json()["recipe"]["steps"]]
    why = next(reason for reason in answer.json()["reasons"] if reason["step"] == "gfpgan")
    assert not why["chosen"]
    assert why["words"] == "no face was noticed"
    assert not why["lacking"]


def test_auto_names_the_detector_where_there_may_be_a_face(service: Served, data: Path) -> None:
    photo = (data / "photos" / "group_of_faces.png").read_bytes()
    answer = service.client.post("/api/v1/suggest", files={"file": photo}, data={"algorithms": "auto"})
    assert answer.status_code == 200, answer.text
    assert "gfpgan" not in [step["step"] for step in answer.json()["recipe"]["steps"]]
    why = next(reason for reason in answer.json()["reasons"] if reason["step"] == "gfpgan")
    assert why["words"].endswith(f"{PULL.removeprefix('ask the operator to run: ')} yunet-2026may gfpgan-1.4 (ask the operator)")
    assert not answer.json()["warnings"]


def test_the_log_has_what_strangers_are_not_told(service: Served) -> None:
    service.post(noisy_photo(side=24), recipe=FACES)
    assert "the weights yunet-2026may and gfpgan-1.4 are not on this machine" in service.log.read_text()


def test_a_folder_is_not_named_beside_the_command() -> None:
    failed = as_data(WeightsMissing("the copy /srv/weights/gfpgan.pth is damaged", Pull(("gfpgan-1.4",))))
    assert failed.detail == f"A model's weights are not on this machine; take another model, or {PULL} gfpgan-1.4"
    assert "models pull" not in as_data(DiskError("/srv is full", "make room")).detail


def test_models_are_listed_with_terms_size_and_origin_and_how_what_lacks_is_got(service: Served) -> None:
    rows = {row["name"]: row for row in service.client.get("/api/v1/algorithms").json()["models"]}
    assert set(rows) == {model.name for model in BUILT_IN.models}
    for model in BUILT_IN.models:
        row = rows[model.name]
        assert (row["license"], row["bytes"], row["source"]) == (model.license, model.weights.bytes, model.source)
        assert row["origin"] == model.weights.origin
        files = (*model.weights.files, *((BUILT_IN.detector,) if model in BUILT_IN.faces else ()))
        assert row["present"] == (not files)
        assert row["command"] == (f"img-enhance models pull {' '.join(file.name for file in files)}" if files else "")
        for told, file in zip(row["lacking"], files, strict=True):
            assert told == {key: getattr(file, key) for key in ("name", "bytes", "license", "license_note", "url")}
    assert [file["name"] for file in rows["gfpgan-1.4"]["lacking"]] == ["gfpgan-1.4", "yunet-2026may"]


def test_what_is_installed_is_done(service: Served) -> None:
    steps = [{"step": "real_esrgan", "model": COMPACT, "upscale": 2}]
    assert service.post(noisy_photo(side=24), recipe={**FACES, "steps": steps}).status_code == 200
