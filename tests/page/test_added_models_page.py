"""A model that the operator added is among those that the page offers."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from served import png, served
from visits import visiting

from img_enhance.engine.own_files import opened
from img_enhance.models.own import Origin, OwnModel, keep
from img_enhance.models.weights.cache import WeightStore
from own_networks import carrier_file, carrier_weights

if TYPE_CHECKING:
    from playwright.sync_api import Browser


def test_an_added_model_is_offered_and_used(browser: "Browser", tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = carrier_file(tmp_path / "x.safetensors")
    keep(OwnModel(opened(path, "mine"), Origin("x", 1, "0" * 64)), carrier_weights(), WeightStore(tmp_path / "home"))
    monkeypatch.setenv("IMG_ENHANCE_HOME", str(tmp_path / "home"))
    with served(tmp_path / "data") as service, visiting(browser, service) as visit:
        visit.open()
        visit.choose(("x.png", png(np.full((20, 30, 3), 90, np.uint8))))
        visit.wait_ready()
        visit.only("real_esrgan")
        visit.page.locator("[data-step=real_esrgan] details:not(.absences) > summary").click()
        models = visit.page.locator("[data-step=real_esrgan] select").first
        assert models.locator("option").last.text_content() == "mine: your own"
        models.select_option("mine")
        visit.run()
        visit.wait_done()
        (job,) = {re.split("[/?]", address.split("/jobs/")[1])[0] for address in visit.asked if "/jobs/" in address}
        assert service.job(job)["recipe"]["steps"][0]["model"] == "mine"
        assert visit.mishaps == []
