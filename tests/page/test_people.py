"""The page as different people use it: with colours of their own, by keyboard, with pictures of all kinds."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from served import png, served
from test_page import brightened, smooth_photo
from visits import visiting

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser
    from served import Served
    from visits import Visit


def test_switches_and_choices_are_seen_where_colours_are_the_systems(browser: Browser, service: Served) -> None:
    with visiting(browser, service, forced_colors="active") as visit:
        visit.open()
        brightened(visit)
        visit.choose(("other.png", smooth_photo()))
        visit.page.wait_for_function("() => document.querySelectorAll('#film [data-phase=ready]').length === 2")
        switches = ("[data-step=exposure_correction]", "[data-step=clahe]")
        visit.only("exposure_correction")
        on, off = (visit.style(f"{step} .switch i", "backgroundColor") for step in switches)
        assert on != off
        assert visit.style("[data-step=clahe] .switch i", "borderStyle") == "solid"
        assert (
            visit.style("#film [aria-pressed=true]", "outlineStyle") == visit.style("#modes [aria-checked=true]", "outlineStyle") == "solid"
        )
        assert visit.style(".foot", "backgroundColor") == visit.style("body", "backgroundColor")  # what scrolls below it is not seen


def test_what_is_transparent_is_not_counted_as_black(visit: Visit) -> None:
    pixels = np.full((80, 120, 4), 90, np.uint8)
    pixels[..., 3] = 255
    pixels[:, :60] = 0
    visit.open()
    brightened(visit, png(pixels))
    visit.run()
    visit.wait_done()
    visit.page.wait_for_function("() => document.querySelector('#histogram svg').getAttribute('aria-label')?.includes('After')")
    told = str(visit.page.get_attribute("#histogram svg", "aria-label"))
    before, after = ((int(black), int(white)) for black, white in re.findall(r"(\d+) % black, (\d+) % white", told))
    assert before[0] == after[0] == 0
    assert abs(before[1] - 50) <= 2
    assert abs(after[1] - 50) <= 2


def test_of_a_moving_picture_the_frame_that_is_enhanced_is_shown_and_said(visit: Visit) -> None:
    frames = [Image.new("P", (80, 60), colour) for colour in (1, 2)]
    for frame in frames:
        frame.putpalette([0, 0, 0, 200, 80, 80, 20, 20, 160])
    file = io.BytesIO()
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:], duration=100, loop=0)
    visit.open().choose(("moving.gif", file.getvalue()), ("still.png", smooth_photo()))
    visit.page.wait_for_function("() => document.querySelectorAll('#film [data-phase=ready]').length === 2")
    assert "only the first of 2 frames" in visit.text("#record")
    still = "() => document.querySelector('.before img').src === document.querySelector('#film img').src"  # the reduced copy, a JPEG
    visit.page.wait_for_function(still)
    visit.page.click("#film button >> nth=1")
    assert visit.page.is_hidden("#record")
    assert not visit.page.evaluate(still)


def test_an_empty_file_is_not_to_be_saved_anew(visit: Visit) -> None:
    visit.open().choose(("empty.jpg", b""))
    visit.page.wait_for_selector("#problem:visible")
    visit.page.wait_for_load_state("networkidle")
    assert visit.text("#problem") == "the photo is empty; get it again from where it came"


def test_the_question_for_a_key_stays(browser: Browser, tmp_path: Path) -> None:
    with served(tmp_path / "data", {"ACCESS": "keys", "API_KEYS": "a key of some length"}) as run, visiting(browser, run) as visit:
        visit.open()
        visit.page.wait_for_selector("#key:visible")
        for _ in range(3):  # a browser lets a page refuse the first one only
            visit.page.keyboard.press("Escape")
        visit.page.wait_for_timeout(200)
        assert visit.page.is_visible("#key")


def test_a_key_that_is_let_go_elsewhere_is_not_held(visit: Visit) -> None:
    visit.open()
    brightened(visit)
    visit.page.focus("#stage")
    visit.page.keyboard.down("b")
    assert visit.style(".after", "visibility") == "hidden"
    visit.page.focus("#run")
    visit.page.keyboard.up("b")
    assert visit.style(".after", "visibility") == "visible"


def test_the_zoom_is_part_of_its_buttons_name(visit: Visit) -> None:
    visit.open()
    brightened(visit)
    assert visit.page.get_attribute("[data-zoom=one]", "aria-label") == f"Full size, now at {visit.text('#zoom')}"


def test_the_next_button_is_one_tab_away_when_the_pressed_one_goes(visit: Visit) -> None:
    visit.open()
    brightened(visit)
    keys = visit.page.keyboard
    visit.page.focus("#run")
    keys.press("Enter")
    visit.wait_done()
    assert visit.page.evaluate("document.activeElement.id") == "foot"
    keys.press("Tab")
    assert visit.page.evaluate("document.activeElement.id") == "download"
    visit.page.focus("#again")
    keys.press("Enter")
    assert visit.page.evaluate("document.activeElement.id") == "foot"
    keys.press("Tab")
    assert visit.page.evaluate("document.activeElement.id") == "run"


def test_the_api_is_read_beside_the_page(visit: Visit) -> None:
    visit.open()
    brightened(visit)
    with visit.page.expect_popup() as opened:
        visit.page.click("nav a[href=docs]")
    assert opened.value.url.endswith("/docs")
    assert visit.page.is_visible("#run")
