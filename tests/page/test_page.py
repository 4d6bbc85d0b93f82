"""The page in a real browser: from a photo to its result, by mouse, keyboard and touch, and what goes wrong on the way."""

from __future__ import annotations

import io
import json
import re
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image
from served import COMPACT, Served, mean_colour, noisy_photo, png, served
from visits import Visit, visiting

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PAGE = Path(__file__).parent.parent.parent / "src" / "img_enhance" / "service" / "page"
MOST_BYTES = 150_000
KEY = "a key of some length"
SLOW = noisy_photo(side=1200)


def smooth_photo(width: int = 240, height: int = 160) -> bytes:
    across, down = np.meshgrid(np.linspace(20, 120, width), np.linspace(0, 60, height))
    return png(np.stack([across, across + down, down + 30], axis=2).astype(np.uint8))


def brightened(visit: Visit, photo: bytes | None = None, name: str = "dunes.png") -> None:
    """A photo at hand, of which only the exposure is changed, by one stop."""
    visit.choose((name, photo or smooth_photo()))
    visit.wait_ready()
    visit.only("exposure_correction")
    visit.set_range("exposure_correction", "Stops", 1)


def with_compact_model(visit: Visit) -> None:
    visit.page.locator("[data-step=real_esrgan] details:not(.absences) > summary").click()
    visit.page.locator("[data-step=real_esrgan] select").first.select_option(COMPACT)


# The first view


def test_the_page_is_small_and_asks_no_other_host(visit: Visit) -> None:
    visit.open()
    assert visit.text("h2[data-t=welcome]") == "Make a photo better"
    visit.page.wait_for_function("() => document.querySelector('#kept').textContent.includes('24 hours')")
    assert {address.split("/")[2] for address in visit.asked} == {visit.service.url.split("/")[2]}
    assert sum(file.stat().st_size for file in PAGE.iterdir() if file.is_file()) < MOST_BYTES


def test_nothing_of_other_hosts_may_be_loaded_or_run(visit: Visit) -> None:
    answer = visit.service.client.get("/")
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert "set-cookie" not in answer.headers
    visit.open()
    visit.page.evaluate(
        "() => { const code = document.createElement('script'); code.text = 'window.injected = 1'; document.head.append(code); }"
    )
    assert visit.page.evaluate("window.injected") is None
    visit.mishaps.clear()  # the browser says that it was kept from running it


def test_no_name_leads_out_of_the_folder_of_the_page(service: Served) -> None:
    assert service.client.get("/page/main.js").headers["content-type"].startswith("text/javascript")
    for name in ("", "../app.py", "%2e%2e/app.py", "..%2fapp.py"):
        assert service.client.get(f"/page/{name}").status_code == 404


def test_both_languages_say_the_same_things(browser: Browser, service: Served) -> None:
    with visiting(browser, service, locale="de-DE") as visit:
        visit.open()
        assert visit.text("h2[data-t=welcome]") == "Ein Foto besser machen"
        assert visit.page.get_attribute("html", "lang") == "de"
        keys = visit.page.evaluate("import('/page/strings.js').then(({ languages }) => Object.values(languages).map(Object.keys))")
        assert keys[0] == keys[1]
        used = {key for file in PAGE.glob("*.js") for key in re.findall(r"\bt\(\"(\w+)\"", file.read_text(encoding="utf-8"))}
        used |= set(re.findall(r'data-(?:t|label)="(\w+)"', (PAGE / "index.html").read_text(encoding="utf-8")))
        assert used <= set(keys[0])


# From a photo to its result


def test_a_sample_is_one_click_away_and_says_what_it_needs(visit: Visit) -> None:
    visit.open().page.click("#samples button")
    visit.wait_ready()
    assert "Exposure" in visit.text("#headline")
    assert "too dark" in visit.text("[data-step=exposure_correction] .why")
    visit.page.evaluate("document.querySelectorAll('details').forEach((each) => (each.open = true))")
    assert visit.page.evaluate("document.documentElement.scrollHeight <= innerHeight")  # only the panel scrolls
    assert re.search(r"About \d+ .*2044", visit.text("#estimate"))


def test_a_slider_is_seen_live_and_the_result_is_the_apis(visit: Visit) -> None:
    visit.open()
    brightened(visit)
    shown = visit.after()
    visit.set_range("exposure_correction", "Stops", 2)
    visit.wait_brighter(shown + 15)
    visit.set_range("exposure_correction", "Stops", 1)
    visit.run()
    visit.wait_done()
    assert "exposure" in visit.text("#record").lower()
    data = visit.download()
    with Image.open(io.BytesIO(data)) as picture:
        assert (picture.format, picture.size) == ("PNG", (240, 160))
    recipe = visit.service.job(visit.job())["recipe"]
    assert [(step["step"], step["ev"]) for step in recipe["steps"]] == [("exposure_correction", 1)]
    expected = visit.service.post(smooth_photo(), recipe=recipe).content
    with Image.open(io.BytesIO(data)) as ours, Image.open(io.BytesIO(expected)) as theirs:
        assert np.array_equal(np.asarray(ours), np.asarray(theirs))
    assert not any("key" in address for address in visit.asked)


def test_another_format_can_be_chosen_before_and_at_the_download(visit: Visit) -> None:
    visit.open()
    brightened(visit)
    visit.page.select_option("#formats select", "webp")
    visit.run()
    visit.wait_done()
    assert visit.page.get_attribute("#download", "download") == "dunes_enhanced.webp"
    kept = visit.download()
    with Image.open(io.BytesIO(kept)) as picture:
        assert picture.format == "WEBP"
    visit.page.select_option("#formats select", "jpeg")
    range_of = "(range, value) => { range.value = value; range.dispatchEvent(new Event('input', { bubbles: true })); }"
    visit.page.locator("#formats input[type=range]").evaluate(range_of, 20)
    assert visit.page.get_attribute("#download", "download") == "dunes_enhanced.jpg"
    small = visit.download()
    visit.page.locator("#formats input[type=range]").evaluate(range_of, 95)
    large = visit.download()
    assert len(small) < len(large)
    visit.page.select_option("#formats select", "tiff")
    assert visit.page.is_hidden("#formats input[type=range]")  # it loses nothing
    for data, format in ((small, "JPEG"), (large, "JPEG"), (visit.download(), "TIFF")):
        with Image.open(io.BytesIO(data)) as picture:
            assert (picture.format, picture.size) == (format, (240, 160))
    visit.page.select_option("#formats select", "")
    assert visit.download() == kept


def test_a_histogram_of_before_and_after_follows_the_sliders(visit: Visit) -> None:
    def brightness() -> dict[str, int]:
        label = str(visit.page.get_attribute("#histogram svg", "aria-label"))
        return {name.lower(): int(share) for name, share in re.findall(r"(Before|After): (\d+) % bright", label)}

    visit.open()
    brightened(visit)
    visit.page.wait_for_function("() => document.querySelector('#histogram svg').getAttribute('aria-label')?.includes('After')")
    shown = brightness()
    expected = round(100 * float(np.dot(mean_colour(visit.picture(".before img")), (0.2126, 0.7152, 0.0722))) / 255)
    assert abs(shown["before"] - expected) <= 1
    assert shown["after"] > shown["before"]
    visit.set_range("exposure_correction", "Stops", 3)
    visit.page.wait_for_function(
        "(than) => Number(document.querySelector('#histogram svg').getAttribute('aria-label').match(/After: (\\d+)/)?.[1]) > than",
        arg=shown["after"],
    )
    assert brightness()["before"] == shown["before"]
    assert visit.text("#facts").startswith("240 \u00d7 160, 2 kB")


def test_photos_can_be_dropped_and_pasted(visit: Visit) -> None:
    visit.open()
    script = """([kind, bytes]) => {
        const data = new DataTransfer();
        data.items.add(new File([new Uint8Array(bytes)], `${kind}.png`, { type: 'image/png' }));
        const event = kind === 'paste' ? new ClipboardEvent(kind, { clipboardData: data }) : new DragEvent(kind, { dataTransfer: data });
        window.dispatchEvent(event);
    }"""
    for kind in ("drop", "paste"):
        visit.page.evaluate(script, [kind, list(smooth_photo())])
        visit.wait_ready()
        visit.page.wait_for_function("(name) => document.querySelector('#name').textContent === name", arg=f"{kind}.png")


def test_several_photos_have_states_of_their_own_and_one_choice(visit: Visit) -> None:
    visit.open()
    visit.choose(("one.png", smooth_photo()), ("two.png", smooth_photo(60, 40)), ("three.png", b"no photo"))
    visit.page.wait_for_function("() => document.querySelectorAll('#film [data-phase=ready]').length === 2")
    visit.page.wait_for_selector("#film [data-phase=refused]")
    visit.wait_ready()
    visit.only("white_balance")
    visit.page.click("#same")
    visit.page.click("#run-all")
    visit.page.wait_for_function("() => document.querySelectorAll('#film [data-phase=done]').length === 2")
    visit.page.click("#film button >> nth=1")
    visit.wait_done()
    with Image.open(io.BytesIO(visit.download())) as picture:
        assert picture.size == (60, 40)
    with zipfile.ZipFile(io.BytesIO(visit.download("#all"))) as archive:
        sizes = [Image.open(archive.open(name)).size for name in archive.namelist()]
    assert sizes == [(240, 160), (60, 40)]


def test_a_part_is_computed_first_with_the_bits_of_the_whole(visit: Visit) -> None:
    photo = noisy_photo(side=64, most=120)
    visit.open().choose(("part.png", photo))
    visit.wait_ready()
    visit.only("real_esrgan")
    with_compact_model(visit)
    visit.set_range("real_esrgan", "Times", 2)
    visit.page.wait_for_function("() => document.querySelector('#estimate').textContent.includes('128')")
    visit.page.click("#region")
    visit.page.keyboard.press("Enter")
    visit.page.wait_for_selector(".region:visible")
    left, top, width, height = (int(each) for each in str(visit.page.get_attribute("#region", "data-box")).split(","))
    recipe = {"version": 1, "steps": [{"step": "real_esrgan", "model": COMPACT, "upscale": 2}], "output": {"format": "png"}}
    whole = visit.service.post(photo, recipe=recipe).content
    with Image.open(io.BytesIO(whole)) as expected, Image.open(io.BytesIO(visit.picture(".region"))) as part:
        assert part.size == (width, height)
        assert np.array_equal(np.asarray(part.convert("RGB")), np.asarray(expected.crop((left, top, left + width, top + height))))
    visit.set_range("real_esrgan", "Times", 3)
    visit.page.wait_for_selector(".region", state="hidden")  # it is a part of another result


# The viewer


def zoom(visit: Visit) -> int:
    return int(visit.text("#zoom").rstrip("%").replace(",", ""))


def test_the_viewer_slides_zooms_and_locks_both_sides(visit: Visit) -> None:
    visit.open()
    brightened(visit)
    visit.run()
    visit.wait_done()
    visit.page.focus("#divider")
    visit.page.keyboard.press("End")
    assert visit.page.get_attribute("#divider", "aria-valuenow") == "100"
    visit.page.keyboard.press("Home")
    visit.page.keyboard.press("PageUp")
    assert visit.page.get_attribute("#divider", "aria-valuenow") == "10"
    visit.page.focus("#stage")
    visit.page.keyboard.press("1")
    assert zoom(visit) == 100
    assert visit.style(".before img", "imageRendering") == visit.style(".after img", "imageRendering") == "pixelated"
    visit.page.keyboard.press("4")
    for _ in range(5):
        visit.page.keyboard.press("+")
    assert zoom(visit) == 400
    visit.page.keyboard.press("ArrowRight")
    assert visit.style(".before .sheet", "transform") == visit.style(".after .sheet", "transform")
    before = visit.style(".after .sheet", "transform")
    visit.page.mouse.move(400, 400)
    visit.page.mouse.wheel(0, 600)
    visit.page.wait_for_function("() => parseInt(document.querySelector('#zoom').textContent) < 400")
    assert visit.style(".before .sheet", "transform") == visit.style(".after .sheet", "transform") != before
    visit.page.keyboard.press("0")
    visit.page.click("[data-mode=side]")
    assert visit.style(".before .sheet", "transform") == visit.style(".after .sheet", "transform")
    visit.page.click("[data-mode=hold]")
    visit.page.mouse.move(500, 300)
    visit.page.mouse.down()
    assert visit.style(".after", "visibility") == "hidden"
    visit.page.mouse.up()
    assert visit.style(".after", "visibility") == "visible"


def test_two_fingers_zoom(browser: Browser, service: Served) -> None:
    with visiting(browser, service, has_touch=True, is_mobile=True, viewport={"width": 390, "height": 844}) as visit:
        visit.open()
        brightened(visit)
        started = zoom(visit)
        touch = visit.page.context.new_cdp_session(visit.page)
        for apart, kind in ((20, "touchStart"), (40, "touchMove"), (60, "touchMove"), (90, "touchMove")):
            points = [{"x": 195 - apart, "y": 250, "id": 1}, {"x": 195 + apart, "y": 250, "id": 2}]
            touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        visit.page.wait_for_function("(zoom) => parseInt(document.querySelector('#zoom').textContent) > 1.5 * zoom", arg=started)


# What goes otherwise


def test_work_can_be_cancelled(visit: Visit) -> None:
    visit.open().choose(("slow.png", SLOW))
    visit.wait_ready()
    visit.only("real_esrgan")
    with_compact_model(visit)
    visit.run()
    visit.page.wait_for_selector("#cancel:visible")
    visit.page.wait_for_function("() => document.querySelector('#progress progress').value > 0")
    id = visit.job()
    visit.page.click("#cancel")
    visit.page.wait_for_function("() => document.querySelector('#headline').textContent === 'Cancelled'")
    assert visit.service.job(id)["state"] == "cancelled"
    visit.page.click("#again")
    visit.page.wait_for_selector("#run:visible")


def test_comes_back_to_its_jobs_after_a_reload(visit: Visit) -> None:
    visit.open()
    brightened(visit)
    visit.run()
    visit.page.wait_for_function("() => sessionStorage.getItem('img-enhance jobs')?.includes('dunes')")
    visit.page.reload()
    visit.wait_done()
    assert visit.text("#name") == "dunes.png"
    assert visit.page.evaluate("document.querySelector('.before img').naturalWidth") == 240
    assert len(visit.download()) > 100


def test_a_bad_file_is_refused_in_the_words_of_the_api(visit: Visit) -> None:
    visit.open().choose(("letter.png", b"this is no photo"))
    visit.page.wait_for_selector("#problem:visible")
    expected = visit.service.client.post("/api/v1/suggest", files={"file": ("x", b"this is no photo")}).json()["detail"]
    assert visit.text("#problem p") == expected
    assert "jpeg" in expected  # its own advice
    assert visit.page.is_hidden("#problem .fix")
    assert visit.page.is_hidden("#run")


def test_what_is_deleted_is_gone_from_page_and_disk(visit: Visit) -> None:
    visit.open()
    brightened(visit)
    visit.run()
    visit.wait_done()
    id = visit.job()
    assert (visit.service.data / "jobs" / id).exists()
    visit.page.click("#delete")
    visit.page.wait_for_selector("#welcome:visible")
    assert visit.service.job(id)["state"] == "expired"
    assert not (visit.service.data / "jobs" / id).exists()
    assert visit.page.evaluate("sessionStorage.getItem('img-enhance jobs')") == "[]"
    assert visit.page.evaluate("Object.keys(sessionStorage).filter((name) => name.includes('before'))") == []


def test_two_people_see_their_own_photos_only(browser: Browser, service: Served) -> None:
    with visiting(browser, service) as one, visiting(browser, service) as other:
        for visit, name, side in ((one, "one.png", 30), (other, "other.png", 50)):
            visit.open()
            brightened(visit, smooth_photo(side, side), name)
            visit.run()
        for visit, side in ((one, 30), (other, 50)):
            visit.wait_done()
            with Image.open(io.BytesIO(visit.download())) as picture:
                assert picture.size == (side, side)
        assert one.job() != other.job()


def test_a_key_is_asked_for_and_an_address_alone_opens_nothing(browser: Browser, tmp_path: Path) -> None:
    with served(tmp_path / "data", {"ACCESS": "keys", "API_KEYS": KEY}) as run, visiting(browser, run) as visit:
        visit.open()
        visit.page.wait_for_selector("#key:visible")
        for text in ("a key of no use here", KEY):
            visit.page.fill("#key-text", text)
            visit.page.click("#key button")
            if text != KEY:
                visit.page.wait_for_selector("#key-problem:visible")
                assert "not known" in visit.text("#key-problem")
        visit.page.wait_for_selector("#key", state="hidden")
        brightened(visit)
        visit.run()
        visit.wait_done()
        assert len(visit.download()) > 100
        assert not any(KEY.replace(" ", separator) in address for address in visit.asked for separator in ("+", "%20", " "))
        assert run.client.get(f"/api/v1/jobs/{visit.job()}/result").status_code == 401
        visit.page.click("#forget")
        visit.page.wait_for_selector("#key:visible")


def test_works_where_a_browser_keeps_nothing(browser: Browser, service: Served) -> None:
    with visiting(browser, service) as visit:
        visit.page.add_init_script(
            "for (const name of ['sessionStorage', 'localStorage', 'indexedDB'])"
            " Object.defineProperty(window, name, { get() { throw new DOMException('no', 'SecurityError'); } });"
        )
        # The same service by another name is another site.
        visit.page.goto(f"http://localhost:{service.port}/healthz")
        visit.page.set_content(f"<iframe src='{service.url}/' style='width:1200px;height:760px'></iframe>")
        inside = visit.page.frame_locator("iframe")
        inside.locator("#samples button").first.click()
        inside.locator("#run").wait_for()
        assert "Exposure" in inside.locator("#headline").inner_text()


# For everybody


def test_works_by_keyboard_alone(visit: Visit) -> None:
    visit.open()
    keys = visit.page.keyboard

    def tab_to(selector: str) -> None:
        for _ in range(80):
            if visit.page.evaluate("(selector) => document.activeElement.matches(selector)", selector):
                return
            keys.press("Tab")
        raise AssertionError(f"no Tab leads to {selector}")

    tab_to("#samples button")
    keys.press("Enter")
    visit.wait_ready()
    for step in ("real_esrgan", "clahe"):  # the one off, the other on
        tab_to(f"[data-step={step}] [role=switch]")
        keys.press("Space")
    tab_to("[data-step=clahe] input[type=range]")
    keys.press("ArrowLeft")
    assert visit.text("[data-step=clahe] output") == "99 %"
    tab_to("#run")
    keys.press("Enter")
    visit.wait_done()
    tab_to("#divider")
    keys.press("ArrowRight")
    assert visit.page.get_attribute("#divider", "aria-valuenow") == "52"
    tab_to("#modes [aria-checked=true]")
    keys.press("ArrowRight")
    assert visit.page.get_attribute("#stage", "data-mode") == "side"
    tab_to("#download")


def test_fits_a_phone(browser: Browser, service: Served) -> None:
    with visiting(browser, service, has_touch=True, is_mobile=True, viewport={"width": 360, "height": 740}) as visit:
        visit.open()
        assert visit.page.is_visible("#shoot")
        assert visit.page.evaluate("document.documentElement.scrollWidth") == 360
        brightened(visit)
        for _ in range(2):
            assert visit.page.evaluate("document.documentElement.scrollWidth") == 360
            for selector in ("#tools", "#panel", "#stage"):
                box = visit.page.locator(selector).bounding_box()
                assert box is not None
                assert box["x"] >= 0
                assert box["x"] + box["width"] <= 360
            if visit.page.is_visible("#run"):
                visit.page.tap("#run")
                visit.wait_done()


def test_nothing_moves_for_those_who_do_not_want_it(browser: Browser, service: Served) -> None:
    with visiting(browser, service, reduced_motion="reduce") as still, visiting(browser, service) as moving:
        names = [visit.open().style("#busy i", "animationName") for visit in (still, moving)]
        assert names == ["none", "sweep"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(browser: Browser, service: Served, scheme: str) -> None:
    with visiting(browser, service, color_scheme=scheme) as visit:
        visit.open()
        found = {"welcome": _axe(visit)}
        brightened(visit)
        visit.choose(("bad.png", b"no photo"))
        visit.page.wait_for_selector("#film [data-phase=refused]")
        found["refused"] = _axe(visit)
        visit.page.click("#film button >> nth=0")
        visit.page.evaluate("document.querySelectorAll('details').forEach((each) => (each.open = true))")
        found["ready"] = _axe(visit)
        visit.run()
        visit.wait_done()
        found["done"] = _axe(visit)
        visit.page.evaluate("document.querySelector('#key').showModal()")
        found["key"] = _axe(visit)
        assert {state: findings for state, findings in found.items() if findings} == {}


def _axe(visit: Visit) -> list[str]:
    """What axe-core finds that is serious or critical, each with its place."""
    from axe_playwright_python.sync_playwright import Axe

    violations: list[dict[str, Any]] = Axe().run(visit.page).response["violations"]
    bad = [found for found in violations if found["impact"] in ("serious", "critical")]
    return [f"{found['id']}: {json.dumps([node['target'] for node in found['nodes']])}" for found in bad]
