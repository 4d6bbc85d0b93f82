"""Models in the page: those that are here with their terms, of the others how they are got, before anything is fetched."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from served import Served, noisy_photo, served
from visits import Visit, visiting

if TYPE_CHECKING:
    from playwright.sync_api import Browser

STEP = "[data-step=real_esrgan]"


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A service without any downloaded weights."""
    folder = tmp_path_factory.mktemp("weights")
    with served(folder / "data", {"HOME": str(folder / "home"), "WEIGHTS_PATH": ""}) as run:
        yield run


def chosen(visit: Visit) -> None:
    visit.open().choose(("x.png", noisy_photo(side=48)))
    visit.wait_ready()
    visit.switch("real_esrgan", True)
    visit.page.locator(f"{STEP} .options > details > summary").click()
    visit.page.locator(f"{STEP} .absences > summary").click()


def test_what_is_here_is_offered_with_its_terms(browser: Browser, bare: Served) -> None:
    with visiting(browser, bare) as visit:
        chosen(visit)
        models = visit.page.locator(f"{STEP} select").first
        offered = models.locator("option:not(:disabled)").evaluate_all("(all) => all.map((each) => each.value)")
        assert offered == ["realesrgan-x4plus", "realesrgan-x4plus-anime", "realesr-animevideov3"]
        for name, terms in (
            ("realesrgan-x4plus-anime", "License BSD-3-Clause, 8.9 MB"),
            ("realesr-animevideov3", "License BSD-3-Clause, 1.2 MB"),
        ):
            models.select_option(name)
            assert visit.page.locator(f"{STEP} .terms").inner_text() == terms


def test_of_what_is_not_here_it_says_terms_origin_and_how_it_is_got(browser: Browser, bare: Served) -> None:
    with visiting(browser, bare) as visit:
        chosen(visit)
        disabled = visit.page.locator(f"{STEP} option:disabled").all_inner_texts()
        assert disabled == ["realesrgan-x2plus: not on the server", "realesr-general-x4v3: not on the server"]
        told = visit.page.locator(f"{STEP} .absent").all_inner_texts()
        assert told[0] == (
            "realesrgan-x2plus is not here (realesrgan-x2plus: 67.1 MB, license BSD-3-Clause, from github.com). The operator gets it by: "
            "img-enhance models pull realesrgan-x2plus"
        )
        # A step of which no model is here cannot be opened, and says so outside of it.
        visit.page.locator("[data-step=gfpgan] > .absences > summary").click()
        faces = visit.page.locator("[data-step=gfpgan] .absent").first
        assert faces.is_visible()
        words = faces.inner_text()
        assert "348.6 MB, license Apache-2.0, parts non-commercial, from github.com; yunet-2026may: 230 kB, license MIT" in words
        assert "img-enhance models pull gfpgan-1.4 yunet-2026may" in words
        assert "Read its LICENSE before you use these weights" in words
        assert not visit.mishaps


def test_a_german_reads_it_in_german(browser: Browser, bare: Served) -> None:
    with visiting(browser, bare, locale="de-DE") as visit:
        chosen(visit)
        words = visit.page.locator(f"{STEP} .absent").first.inner_text()
        assert words.startswith("realesrgan-x2plus fehlt hier (realesrgan-x2plus: 67,1 MB, Lizenz BSD-3-Clause, von github.com).")
        assert visit.page.locator(f"{STEP} .terms").inner_text().startswith("Lizenz BSD-3-Clause, ")
