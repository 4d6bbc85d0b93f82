"""A service that is killed and keeps its data: what the page waits for is done, once, and each photo gets its own result."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image
from served import png, served
from test_lost import standing_still
from test_many import PHASES
from visits import visiting

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser
    from visits import Visit

SIDES = (40, 50, 60)


def own_photo(side: int) -> bytes:
    """A photo whose size and colour are its own."""
    return png(np.full((side, side, 3), (2 * side, 100, 60), np.uint8))


def is_own(data: bytes, side: int) -> bool:
    with Image.open(io.BytesIO(data)) as picture:
        red = float(np.asarray(picture.convert("RGB"))[..., 0].mean())
        return picture.size == (side, side) and abs(red - 2 * side) < 5


def send_all(visit: Visit) -> None:
    """Photos that are to become what they are."""
    visit.open().choose(*[(f"{side}.png", own_photo(side)) for side in SIDES])
    visit.page.wait_for_function(PHASES, arg=["ready", len(SIDES)])
    visit.wait_ready()
    visit.only("clahe")
    visit.set_range("clahe", "Strength", 0.0)
    visit.page.click("#same")
    visit.page.click("#run-all")


def all_done(visit: Visit) -> None:
    visit.page.wait_for_function(PHASES, arg=["done", len(SIDES)])


def test_all_is_done_once_after_a_kill_and_each_has_its_own(browser: Browser, tmp_path: Path) -> None:
    with served(tmp_path / "data") as first, visiting(browser, first) as visit:
        with standing_still(first):
            send_all(visit)
            visit.wait_until(lambda: str(visit.page.evaluate("sessionStorage.getItem('img-enhance jobs')")).count('"job"') == len(SIDES))
            first.kill()
        visit.page.wait_for_function("() => document.querySelector('#progress p').textContent.includes('Trying again')")
        with served(tmp_path / "data", port=first.port) as second:
            all_done(visit)
            assert second.client.get("/api/v1/status").json()["queue"]["jobs"] == {"done": len(SIDES)}
            for number, side in enumerate(SIDES):
                visit.page.click(f"#film button >> nth={number}")
                visit.wait_done()
                assert is_own(visit.download(), side)
        visit.page.click("#all")
        visit.page.wait_for_selector("#problem:visible")
        assert visit.text("#problem p").endswith("Try again in a moment.")
        with served(tmp_path / "data", port=first.port) as third:
            with zipfile.ZipFile(io.BytesIO(visit.download("#all"))) as archive:
                assert all(is_own(archive.read(name), side) for name, side in zip(archive.namelist(), SIDES, strict=True))
            visit.page.wait_for_selector("#problem", state="hidden")
            visit.page.goto(third.url)
            all_done(visit)
        visit.mishaps.clear()  # the browser's own words about connections that were refused


@pytest.mark.parametrize("fault", ["received", "accepted"])
def test_a_kill_before_the_answer_has_the_photo_done_once(browser: Browser, tmp_path: Path, fault: str) -> None:
    with served(tmp_path / "data", {"FAULT": fault}) as first, visiting(browser, first) as visit:
        visit.open().choose(("40.png", own_photo(40)))
        visit.wait_ready()
        visit.only()
        visit.run()
        first.process.wait(60)
        with served(tmp_path / "data", port=first.port) as second:
            visit.wait_done()
            assert second.client.get("/api/v1/status").json()["queue"]["jobs"] == {"done": 1}
            assert is_own(visit.download(), 40)
        visit.mishaps.clear()
