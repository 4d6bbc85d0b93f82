"""Models that the operator added: anybody may name them, also those added while the service runs; nobody may name a file."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from served import Served, served

from img_enhance.engine.own_files import opened
from img_enhance.errors import OptionError
from img_enhance.models.own import Origin, OwnModel, keep
from img_enhance.models.weights.cache import WeightStore
from img_enhance.service.requests import recipe_in
from own_networks import carrier_file, carrier_weights

FILES = ("/etc/passwd", "x.pth", "../own/mine", "own/mine", "mine.safetensors", "~/x", "C:\\x", "file:///x", "mine\u2215x", " mine")


def recipe(model: str) -> dict[str, Any]:
    return {"version": 1, "steps": [{"step": "real_esrgan", "model": model}], "output": {"format": "png"}}


@pytest.mark.parametrize("model", FILES)
def test_no_file_is_taken(model: str) -> None:
    with pytest.raises(OptionError, match=r"model must be the name of a model, not .*: no file is taken; GET .* lists them"):
        recipe_in(recipe(model))


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setenv("IMG_ENHANCE_HOME", str(tmp_path / "home"))
    with served(tmp_path / "data") as run:
        yield run


def test_a_model_that_is_added_while_it_runs_can_be_named(service: Served, tmp_path: Path) -> None:
    pixels = np.random.RandomState(4).randint(0, 256, (6, 8, 3)).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    photo, path = file.getvalue(), carrier_file(tmp_path / "mine.safetensors")
    before = service.post(photo, recipe=recipe("mine"))
    assert (before.status_code, before.json()["code"], "no model is called 'mine'" in before.text) == (422, "invalid_option", True)
    keep(OwnModel(opened(path, "mine"), Origin("x", 1, "0" * 64)), carrier_weights(), WeightStore(tmp_path / "home"))
    catalogue = service.client.get("/api/v1/algorithms").json()
    models = {row["name"]: row for row in catalogue["models"]}
    mine = {"name": "mine", "summary": "your own", "scale": 2, "license": "not stated", "present": True}
    assert {key: models["mine"][key] for key in mine} == mine
    assert (models["mine"]["origin"], str(tmp_path) in str(models["mine"])) == ("a file of this machine", False)
    (options,) = (row["options"] for row in catalogue["algorithms"] if row["name"] == "real_esrgan")
    assert options["model"]["enum"][-1] == "mine"
    answer = service.post(photo, recipe=recipe("mine"))
    assert answer.status_code == 200, answer.text
    found = np.asarray(Image.open(io.BytesIO(answer.content)).convert("RGB")).astype(int)
    assert np.abs(found - pixels.repeat(2, 0).repeat(2, 1)).max() <= 2
    refused = service.post(photo, recipe=recipe(str(path)))
    assert (refused.status_code, "no file is taken" in refused.text) == (422, True)
