"""Results that are too large for a browser, or of a kind that it does not know: seen in full, in bounded memory."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil
import pytest
import pyvips
from finished import put_finished
from PIL import Image
from served import Served, png, served
from visits import Visit, visiting

from img_enhance.service.keys import Keys

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Request

KEY = "a key of some length"
WIDTH, HEIGHT = 12_000, 8_000
SMALLER = 4

# What is drawn of it takes far less than the picture decoded would, which is 384 MB, before and after.
MOST_TILES = 160
MOST_GROWN_BYTES = 400_000_000

# Counts the tiles that are alive.
COUNTED = """
window.alive = 0;
window.mostAlive = 0;
const made = window.createImageBitmap.bind(window), close = ImageBitmap.prototype.close;
window.createImageBitmap = async (...of) => {
    const bitmap = await made(...of);
    window.mostAlive = Math.max(window.mostAlive, ++window.alive);
    return bitmap;
};
ImageBitmap.prototype.close = function () { window.alive -= 1; close.call(this); };
"""


def value(x: Any, y: Any) -> Any:
    """(..., 3) values of the pixel at this place: which tile it is of, where in it, and a pattern of single pixels."""
    return np.stack([(x // 16 * 7 + y // 16 * 3) % 256, (x * 5) % 256, (y * 3 + x % 2 * 90) % 256], axis=-1).astype(np.uint8)


@pytest.fixture(scope="module")
def large(service: Served, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A job whose result is a TIFF of 96 megapixels, and whose photo was kept."""
    folder = tmp_path_factory.mktemp("large")
    path, photo = folder / "large.tif", folder / "photo.png"
    small = WIDTH // SMALLER, HEIGHT // SMALLER
    photo.write_bytes(png(value(*np.meshgrid(*map(np.arange, small)))))
    strips = [
        pyvips.Image.new_from_array(value(*np.meshgrid(np.arange(WIDTH), np.arange(top, top + 500)))) for top in range(0, HEIGHT, 500)
    ]
    picture = strips[0]
    for strip in strips[1:]:
        picture = picture.join(strip, "vertical")
    picture.copy(interpretation="srgb").tiffsave(str(path), compression="none")
    return put_finished(service.data, path, size=(WIDTH, HEIGHT), photo=photo, photo_size=small)


def opened_at(visit: Visit, id: str) -> None:
    """Open the page in a tab that remembers this job."""
    row = json.dumps([{"job": id, "name": "large.tif"}])
    visit.page.add_init_script(f"sessionStorage.setItem('img-enhance jobs', {json.dumps(row)});")
    visit.page.goto(visit.service.url + "/")


def wait_covered(visit: Visit) -> None:
    visit.page.wait_for_selector(".after .covered", state="attached")


def wait_sharp(visit: Visit) -> None:
    """Until all tiles are made and those in sight are drawn."""
    visit.page.wait_for_function("() => document.querySelector('#says').textContent.includes('in full')")
    visit.page.wait_for_function(
        "() => [...document.querySelectorAll('.pane canvas')].every((each) => each.hidden || each.dataset.missing === '0')"
    )


def seen(visit: Visit, left: int, top: int, width: int, height: int) -> Any:
    """(height, width, 3) pixels of the screen."""
    data = visit.page.screenshot(clip={"x": left, "y": top, "width": width, "height": height})
    with Image.open(io.BytesIO(data)) as picture:
        return np.asarray(picture.convert("RGB"))


def origin(visit: Visit) -> tuple[float, float]:
    """Where on the screen the result begins."""
    script = "() => { const box = document.querySelector('.after .sheet').getBoundingClientRect(); return [box.left, box.top]; }"
    left, top = visit.page.evaluate(script)
    return float(left), float(top)


def shows_true_values(visit: Visit, zoom: int, *, left: int, top: int) -> None:
    """Each pixel of the file is a square of this many pixels of the screen."""
    wait_sharp(visit)
    x, y = origin(visit)
    across, down = (np.floor((np.arange(begin, begin + 200) - start) / zoom).astype(int) for begin, start in ((left, x), (top, y)))
    assert 0 <= across[0] < across[-1] < WIDTH
    assert np.array_equal(seen(visit, left, top, 200, 200), value(*np.meshgrid(across, down)))


def browser_bytes() -> int:
    """What the processes of the browser have for themselves."""
    total = 0
    for process in psutil.Process().children(recursive=True):
        try:
            if "chrom" in process.name():
                total += process.memory_full_info().uss
        except psutil.Error:
            continue
    return total


def test_a_large_result_is_seen_in_full_in_bounded_memory(browser: Browser, service: Served, large: str) -> None:
    with visiting(browser, service) as visit:
        visit.page.add_init_script(COUNTED)
        visit.open()
        before = browser_bytes()
        opened_at(visit, large)
        wait_covered(visit)
        assert visit.text("#after-tag") == "After"
        wait_sharp(visit)
        stage = visit.page.locator("#stage")
        stage.focus()
        visit.page.keyboard.press("1")
        shows_true_values(visit, 1, left=620, top=200)
        visit.page.keyboard.press("4")
        shows_true_values(visit, 4, left=620, top=200)
        _shows_the_photo_before(visit)
        visit.page.keyboard.press("1")
        for number in range(80):  # from one side to the other and back
            visit.page.keyboard.press("Shift+ArrowRight" if number < 40 else "Shift+ArrowDown")
            visit.page.wait_for_timeout(20)
        shows_true_values(visit, 1, left=620, top=200)
        assert 20 < visit.page.evaluate("window.mostAlive") <= MOST_TILES + 4
        assert browser_bytes() - before < MOST_GROWN_BYTES
        visit.page.keyboard.press("0")
        wait_sharp(visit)


def _shows_the_photo_before(visit: Visit) -> None:
    """Held, the photo is seen in the place of the result, whose pixels are fewer."""
    visit.page.focus("#stage")
    visit.page.keyboard.down("b")
    assert visit.style(".after", "visibility") == "hidden"
    wait_sharp(visit)
    x, y = origin(visit)
    size = 4 * SMALLER
    column, row = int((660 - x) // size), int((300 - y) // size)
    middle = seen(visit, int(x + column * size + size // 2), int(y + row * size + size // 2), 1, 1)[0, 0]
    assert np.abs(middle.astype(int) - value(np.array(column), np.array(row))).max() <= 48  # it is smoothed between pixels
    visit.page.keyboard.up("b")
    assert visit.style(".after", "visibility") == "visible"


def test_what_is_out_of_sight_is_asked_for_no_more(browser: Browser, service: Served, large: str) -> None:
    with visiting(browser, service) as visit:
        opened_at(visit, large)
        wait_covered(visit)
        wait_sharp(visit)
        given_up: list[str] = []
        held: list[Any] = []
        visit.page.on("requestfailed", lambda request: given_up.append(_place(request)))
        visit.page.route("**/tiles/after/0/*", lambda route: held.append(route))
        visit.page.focus("#stage")
        visit.page.keyboard.press("1")
        while not held:
            visit.page.wait_for_timeout(20)
        visit.page.keyboard.press("0")
        while not given_up:
            visit.page.wait_for_timeout(20)
        assert all("/0/" in place for place in given_up)  # of the finest level, after and before
        assert len(held) <= 4  # at once
        visit.page.unroute_all()
        visit.mishaps.clear()


def _place(request: Request) -> str:
    return request.url.partition("/tiles/")[2]


def test_a_kind_that_the_browser_does_not_know_is_seen_all_the_same(visit: Visit) -> None:
    picture = value(*np.meshgrid(np.arange(1100), np.arange(700)))
    visit.open().choose(("photo.png", png(picture)))
    visit.wait_ready()
    visit.only()
    visit.page.select_option("#formats select", "tiff")
    visit.run()
    visit.wait_done()
    wait_covered(visit)
    visit.page.focus("#stage")
    visit.page.keyboard.press("4")
    wait_sharp(visit)
    x, y = origin(visit)
    across, down = (np.floor((np.arange(begin, begin + 100) - start) / 4).astype(int) for begin, start in ((650, x), (200, y)))
    assert np.array_equal(seen(visit, 650, 200, 100, 100), value(*np.meshgrid(across, down)))
    with Image.open(io.BytesIO(visit.download())) as file:
        assert (file.format, file.size) == ("TIFF", (1100, 700))


def test_with_keys_tiles_come_with_the_key_only(browser: Browser, tmp_path: Path) -> None:
    data, result = tmp_path / "data", tmp_path / "result"
    result.write_bytes(png(value(*np.meshgrid(np.arange(1200), np.arange(800)))))
    # It is said to be larger than it is, so that the page takes it for one that no browser shows.
    id = put_finished(data, result, size=(WIDTH, HEIGHT), owner=Keys(KEY, data / "keys").caller({"x-api-key": KEY}).owner)
    with served(data, {"ACCESS": "keys", "API_KEYS": KEY}) as run, visiting(browser, run) as visit:
        opened_at(visit, id)
        visit.page.fill("#key-text", KEY)
        visit.page.click("#key button")
        wait_covered(visit)
        tiles = [address for address in visit.asked if "/tiles/" in address]
        assert tiles
        for address in (*tiles, f"{run.url}/api/v1/jobs/{id}/view"):
            assert run.client.get(address).status_code == 401
        assert len(visit.download()) == result.stat().st_size
        visit.page.click("#delete")
        visit.page.wait_for_selector("#welcome:visible")
        assert list((data / "tiles").iterdir()) == list((data / "jobs").iterdir()) == []
        assert run.client.get(tiles[0], headers={"X-API-Key": KEY}).status_code == 410


def test_where_many_look_at_theirs_it_is_asked_again(browser: Browser, service: Served, large: str) -> None:
    busy = {
        "code": "saturated",
        "type": "/problems/saturated",
        "status": 503,
        "detail": "100 views are under way; try again in a few seconds",
    }
    with visiting(browser, service) as visit:
        refused: list[Any] = []

        def refuse_two(route: Any) -> None:
            refused.append(route)
            if len(refused) < 3:
                route.fulfill(status=503, json=busy, headers={"Retry-After": "1"})
            else:
                route.continue_()

        visit.page.route("**/view", refuse_two)
        opened_at(visit, large)
        wait_covered(visit)
        assert visit.page.is_hidden("#problem")
        visit.mishaps.clear()  # the browser says every 503


def test_a_result_that_cannot_be_cut_is_said_and_can_be_downloaded(browser: Browser, service: Served, tmp_path: Path) -> None:
    (tmp_path / "broken").write_bytes(b"II*\0 and nothing more")
    id = put_finished(service.data, tmp_path / "broken", size=(WIDTH, HEIGHT))
    with visiting(browser, service) as visit:
        opened_at(visit, id)
        visit.page.wait_for_selector("#problem:visible")
        assert "download it to see it" in visit.text("#problem p")
        assert visit.download() == b"II*\0 and nothing more"


def test_two_fingers_move_a_large_result_on_a_phone(browser: Browser, service: Served, large: str) -> None:
    options: dict[str, Any] = {"has_touch": True, "is_mobile": True, "viewport": {"width": 390, "height": 844}, "device_scale_factor": 3}
    with visiting(browser, service, **options) as visit:
        opened_at(visit, large)
        wait_covered(visit)
        wait_sharp(visit)
        level: Callable[[], int] = lambda: int(visit.page.get_attribute(".after canvas", "data-level") or 0)  # noqa: E731
        coarse = level()
        touch = visit.page.context.new_cdp_session(visit.page)
        for apart, kind in ((20, "touchStart"), (60, "touchMove"), (120, "touchMove"), (180, "touchMove")):
            points = [{"x": 195 - apart, "y": 250, "id": 1}, {"x": 195 + apart, "y": 250, "id": 2}]
            touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        visit.page.wait_for_function("(coarse) => document.querySelector('.after canvas').dataset.level < coarse", arg=coarse)
        assert visit.page.evaluate("document.documentElement.scrollWidth") == 390
