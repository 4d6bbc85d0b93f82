"""Weights that are not on the machine: refused before a job is taken, and the operator is told what brings them."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from served import COMPACT, Served, is_problem, noisy_photo, served

from img_enhance.errors import DiskError, WeightsMissing
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


def test_auto_leaves_faces_out_and_says_why(service: Served) -> None:
    words = {"algorithms": "auto"}
    answer = service.client.post("/api/v1/suggest", files={"file": noisy_photo(side=48)}, data=words)
    assert answer.status_code == 200, answer.text
    assert "gfpgan" not in [step["step"] for step in answer.json()["recipe"]["steps"]]
    why = next(reason for reason in answer.json()["reasons"] if reason["step"] == "gfpgan")
    assert not why["chosen"]
    assert why["lacking"]
    assert "img-enhance models pull" in why["words"]


def test_the_log_has_what_strangers_are_not_told(service: Served) -> None:
    service.post(noisy_photo(side=24), recipe=FACES)
    assert "the weights yunet-2026may and gfpgan-1.4 are not on this machine" in service.log.read_text()


def test_a_folder_is_not_named_beside_the_command() -> None:
    failed = as_data(WeightsMissing("the copy /srv/weights/gfpgan.pth is damaged", Pull(("gfpgan-1.4",))))
    assert failed.detail == f"A model's weights are not on this machine; take another model, or {PULL} gfpgan-1.4"
    assert "models pull" not in as_data(DiskError("/srv is full", "make room")).detail


def test_what_is_installed_is_done(service: Served) -> None:
    steps = [{"step": "real_esrgan", "model": COMPACT, "upscale": 2}]
    assert service.post(noisy_photo(side=24), recipe={**FACES, "steps": steps}).status_code == 200
