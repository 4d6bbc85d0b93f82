"""The pictures of the page in README and docs, made anew: IMG_ENHANCE_SCREENSHOTS=docs pytest tests/page/test_screenshots.py"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image
from served import Served
from visits import visiting

if TYPE_CHECKING:
    from playwright.sync_api import Browser

FOLDER = "IMG_ENHANCE_SCREENSHOTS"
LAPTOP: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}}
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True, "color_scheme": "dark"}


@pytest.mark.parametrize(("name", "options"), [("page.jpg", LAPTOP), ("page-phone.jpg", PHONE)], ids=["laptop", "phone"])
def test_shows_a_photo_and_what_it_needs(browser: Browser, service: Served, tmp_path: Path, name: str, options: dict[str, Any]) -> None:
    path = Path(os.environ.get(FOLDER, tmp_path)) / name
    with visiting(browser, service, **options) as visit:
        visit.open()
        for number, sample in enumerate(("falcon", "curies", "forest"), 1):
            photo = visit.service.client.get(f"/page/samples/{sample}.jpg").content
            visit.choose((f"{sample}.jpg", photo))
            visit.page.wait_for_function(
                "(n) => document.querySelectorAll('#film [data-phase=ready]').length >= (n > 1 ? n : 0)", arg=number
            )
        visit.wait_ready()
        # Before and after are two pictures, and both are in the histogram.
        visit.page.wait_for_selector("#stage:not(.single)")
        visit.page.wait_for_function("() => document.querySelector('#histogram svg').getAttribute('aria-label').includes('After')")
        visit.page.wait_for_timeout(500)
        visit.page.screenshot(path=path, type="jpeg", quality=88)
    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert("L"), np.float64)
        assert picture.size == (options["viewport"]["width"], options["viewport"]["height"])
    # The photo is in the picture: its greys are many, those of an empty stage few.
    assert np.unique(pixels[: pixels.shape[0] // 2]).size > 200
