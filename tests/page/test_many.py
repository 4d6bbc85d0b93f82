"""Many photos at once: what is offered for all of them, and what a person does while they are on their way."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zipfile import ZipFile

from served import served
from test_page import smooth_photo
from visits import visiting

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser, Download, Route
    from served import Served
    from visits import Visit

PHASES = "([phase, count]) => document.querySelectorAll(`#film [data-phase=${phase}]`).length === count"


def several(visit: Visit, count: int) -> None:
    """Photos of different sizes that are looked at and need no network, the first one selected."""
    visit.open().choose(*[(f"{number}.png", smooth_photo(60 + number)) for number in range(count)])
    visit.page.wait_for_function(PHASES, arg=["ready", count])
    visit.wait_ready()
    visit.only("exposure_correction")
    visit.page.click("#same")


def test_all_are_offered_together_while_the_first_is_looked_at(visit: Visit) -> None:
    several(visit, 3)
    assert visit.text("#run-all") == "Enhance all 3"
    visit.page.click("#run-all")
    visit.page.wait_for_function(PHASES, arg=["done", 3])
    visit.wait_done()
    assert visit.text("#all") == "Download all 3 as ZIP"


def test_what_is_removed_or_run_while_others_are_sent_is_not_sent_again(visit: Visit) -> None:
    several(visit, 3)
    sent: list[Route] = []

    def hold_the_first(route: Route) -> None:
        sent.append(route)
        if len(sent) > 1:
            route.continue_()

    visit.page.route("**/api/v1/enhance", hold_the_first)
    visit.page.click("#run-all")
    while not sent:
        visit.page.wait_for_timeout(20)
    visit.page.click("#film button >> nth=2")
    visit.page.click("#delete")
    visit.page.wait_for_function("() => document.querySelectorAll('#film button').length === 2")
    visit.page.click("#film button >> nth=1")
    visit.run()
    visit.page.wait_for_function(PHASES, arg=["done", 1])
    sent[0].continue_()
    visit.page.wait_for_function(PHASES, arg=["done", 2])
    visit.page.wait_for_timeout(300)  # what would be sent now is sent at once
    assert len(sent) == 2


def test_jobs_are_found_again_also_where_there_is_no_room_for_pictures(visit: Visit) -> None:
    several(visit, 2)
    visit.page.click("#run-all")
    visit.page.wait_for_function(PHASES, arg=["done", 2])
    filled = """(name) => {
        for (let length = 2 ** 22, kept = ''; length >= 1; length /= 2) {
            try { sessionStorage.setItem(name, kept + 'x'.repeat(length)); kept += 'x'.repeat(length); length *= 2; } catch {}
        }
    }"""
    visit.page.evaluate(filled, next(name for name in visit.page.evaluate("Object.keys(sessionStorage)") if "before" in name))
    visit.choose(("third.png", smooth_photo(80)))
    visit.wait_ready()
    visit.only("exposure_correction")
    visit.run()
    visit.page.wait_for_function(PHASES, arg=["done", 3])
    visit.page.reload()
    visit.page.wait_for_function(PHASES, arg=["done", 3])


def test_pictures_of_several_zips_lie_beside_one_another(browser: Browser, tmp_path: Path) -> None:
    with served(tmp_path / "data", {"MAX_BATCH_FILES": "2"}) as service, visiting(browser, service) as visit:
        several(visit, 5)
        visit.page.click("#run-all")
        visit.page.wait_for_function(PHASES, arg=["done", 5])
        visit.wait_done()
        visit.page.select_option("#formats select", "jpeg")
        saved: list[Download] = []
        visit.page.on("download", lambda download: saved.append(download))
        visit.page.click("#all")
        visit.wait_until(lambda: len(saved) == 3)
        names = [name for each in saved for name in ZipFile(each.path()).namelist()]
        assert sorted(names) == [f"0{number}_enhanced.jpg" for number in range(1, 6)]


def test_many_photos_do_not_make_a_phones_page_wider(browser: Browser, service: Served) -> None:
    with visiting(browser, service, locale="de-DE", viewport={"width": 320, "height": 640}) as visit:
        visit.open().choose(*[(f"{number}.png", smooth_photo()) for number in range(6)])
        visit.wait_ready()
        assert visit.page.evaluate("document.documentElement.scrollWidth") == 320
        tools, stage = visit.page.locator("#tools").bounding_box(), visit.page.locator("#stage").bounding_box()
        assert tools is not None
        assert stage is not None
        assert stage["x"] <= tools["x"]
        assert tools["x"] + tools["width"] <= stage["x"] + stage["width"] == 320
