"""The page of a run in a browser: opened as a file, with ten thousand photos, by mouse and keyboard, with names that could break it."""

import dataclasses
import os
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote

import pytest
from browser import Tab, browser
from made_runs import done, failed, run_of, skipped
from PIL import Image

from img_enhance.batch.links import thumbnail_names
from img_enhance.batch.outcome import PhotoOutcome
from img_enhance.batch.page import page_parts
from img_enhance.batch.report import HTML, write_reports

MANY = 10_000
# What people are promised; it took 0.3 s and 29 MB in 2026-11.
MOST_SECONDS, MOST_HEAP_BYTES = 2.0, 100e6
# Nine of ten screens of new rows are there within so many seconds: 0.03 to 0.04 with twenty other programs on two cores (2026-11).
MOST_SCROLL_SECONDS = 0.1

NASTY = (
    "<img src=x onerror=alert(1)>.jpg",
    "</script><script>alert(2)</script>.jpg",
    "<!--<script>.jpg",
    "a\"b'c & d.jpg",
    os.fsdecode(b"caf\xe9.jpg"),
    "line\nbreak \u2028 \u5199.jpg",
    "a#b?c%41.jpg",
    "x" * 200 + ".jpg",
)


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    with browser(tmp_path_factory.mktemp("browser")) as opened:
        yield opened


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of ten thousand photos: every twentieth failed, the slowest is the last; the first thousand have thumbnails."""
    out = tmp_path_factory.mktemp("many")
    run = run_of(*(_made(out, number) for number in range(MANY)))
    (out / HTML).write_text("".join(page_parts(run, out)), "utf-8")
    return out / HTML


def _made(out: Path, number: int) -> PhotoOutcome:
    name = f"holiday {number // 500}/{number:05}.jpg"
    outcome = failed(name) if number % 20 == 7 else done(name, 1 + number / 100)
    if number < 1000:
        _with_thumbnails(out, outcome)
    return outcome


def _with_thumbnails(out: Path, outcome: PhotoOutcome) -> None:
    """Red before, green after; of all photos one file each."""
    names = thumbnail_names(outcome.source)[: 1 if outcome.status == "failed" else 2]
    for name, colour in zip(names, ("red", "green"), strict=False):
        path, first = out / name, out / f"{colour}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        if not first.exists():
            Image.new("RGB", (320, 240), colour).save(first)
        path.hardlink_to(first)


def _open(tab: Tab, page: Path, width: int = 1200, height: int = 900, *, phone: bool = False) -> float:
    tab.resize(width, height, phone=phone)
    tab.requests.clear()
    tab.messages.clear()
    return tab.open(page.as_uri())


def _names(tab: Tab) -> list[str]:
    """The names that are drawn, from top to bottom."""
    rows: list[tuple[int, str]] = tab.value("[...drawn].map(([place, row]) => [place, row.querySelector('.name').textContent])")
    return [name for _, name in sorted(rows)]


def test_ten_thousand_photos_open_within_two_seconds(tab: Tab, many: Path) -> None:
    seconds = min(_open(tab, many) for _ in range(3))  # others may be at work on this machine
    print(f"opened in {seconds:.2f} s, {tab.value('performance.memory.usedJSHeapSize') / 1e6:.0f} MB of objects")
    assert seconds < MOST_SECONDS
    assert tab.value("document.querySelectorAll('.row').length") < 50
    assert tab.value("performance.memory.usedJSHeapSize") < MOST_HEAP_BYTES
    assert tab.messages == []


def test_ten_thousand_photos_scroll_smoothly(tab: Tab, many: Path) -> None:
    _open(tab, many)
    steps = """(async () => {
        const times = [];
        for (let step = 0; step < 60; step += 1) {
            scrollTo(0, step * 17000);
            onscroll();
            const started = performance.now();
            draw();
            document.body.offsetHeight;
            times.push(performance.now() - started);
            await new Promise(requestAnimationFrame);
        }
        return times.sort((a, b) => a - b)[54];
    })()"""
    seconds = tab.value(steps) / 1000
    print(f"a screen of new rows in {1000 * seconds:.1f} ms")
    assert seconds < MOST_SCROLL_SECONDS
    assert tab.value("document.querySelectorAll('.row').length") < 50


def test_nothing_is_asked_of_the_network_and_thumbnails_only_where_they_are_seen(tab: Tab, many: Path) -> None:
    _open(tab, many)
    tab.wait_for("[...document.images].filter(i => i.src).every(i => i.complete)")
    first = set(tab.requests)
    assert all(url.startswith(many.parent.as_uri()) for url in first)
    assert len(first) < 50
    tab.value("scrollTo(0, 500 * 104)")
    tab.wait_for("[...document.querySelectorAll('.after')].some(i => i.getBoundingClientRect().top > 0 && i.naturalWidth === 320)")
    assert set(tab.requests) > first
    assert all(url.startswith(many.parent.as_uri()) for url in tab.requests)


def test_photos_are_chosen_sorted_and_found(tab: Tab, many: Path) -> None:
    _open(tab, many)
    tab.value("[...document.querySelectorAll('#statuses button')].find(b => b.textContent === 'failed 500').click()")
    assert _names(tab)[0] == "holiday 0/00007.jpg"
    assert tab.value("document.querySelector('#count').textContent") == "500 photos"
    tab.value("document.querySelector('#statuses button').click()")
    tab.value("order.value = 'slowest'; order.onchange()")
    assert _names(tab)[0] == "holiday 19/09999.jpg"
    tab.value("search.value = '/00042'; search.oninput()")
    assert _names(tab) == ["holiday 0/00042.jpg"]
    tab.value("search.value = 'TRUNCATED'; search.oninput()")
    assert tab.value("document.querySelector('#count').textContent") == "500 photos"
    tab.value("search.value = 'no such photo'; search.oninput()")
    assert (_names(tab), tab.value("document.querySelector('#count').textContent")) == ([], "0 photos")


def test_keys_do_everything(tab: Tab, many: Path) -> None:
    _open(tab, many)
    tab.value("document.querySelector('#list').focus()")
    for key in ("ArrowDown", "ArrowDown", "Enter"):
        tab.press(key)
    assert tab.value("[dialog.open, document.querySelector('#photo-name').textContent]") == [True, "holiday 0/00002.jpg"]
    before = float(tab.value("slider.value"))
    tab.press("ArrowRight")
    assert float(tab.value("slider.value")) > before
    assert tab.value("document.querySelector('dialog .pair').style.getPropertyValue('--at')") == f"{tab.value('slider.value')}%"
    tab.press("PageDown")
    assert tab.value("document.querySelector('#photo-name').textContent") == "holiday 0/00003.jpg"
    tab.press("Escape")
    assert tab.value("[dialog.open, document.activeElement.id]") == [False, "list"]
    tab.press("End")
    assert _names(tab)[-1] == "holiday 19/09999.jpg"
    active = "document.getElementById(list.getAttribute('aria-activedescendant'))"
    assert tab.value(f"{active}.getAttribute('aria-posinset')") == str(MANY)
    assert tab.value(f"{active}.getBoundingClientRect().bottom - innerHeight") <= 0


def test_hovering_shows_the_photo_before(tab: Tab, many: Path) -> None:
    _open(tab, many)
    left, top, width, height = tab.value(
        "(({x, y, width, height}) => [x, y, width, height])(document.querySelector('.row .pair').getBoundingClientRect())"
    )
    tab.point(left + width / 4, top + height / 2)
    shown = "document.querySelector('.row .pair').style.getPropertyValue('--at')"
    tab.wait_for(f"{shown} === '25%'")
    tab.point(left + width * 3, top + height / 2)
    tab.wait_for(f"{shown} === '0%'")


def test_nasty_names_are_texts_and_their_links_lead_to_the_files(tab: Tab, tmp_path: Path) -> None:
    photos = []
    for name in NASTY:
        (tmp_path / "photos").mkdir(exist_ok=True)
        outcome = dataclasses.replace(done(name), path=str(tmp_path / "photos" / Path(name).name), result=Path(name).name)
        photos.append(outcome)
    for place in ("photos", "out"):
        (tmp_path / place).mkdir(exist_ok=True)
        for outcome in photos:
            file = tmp_path / place / outcome.result
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (64, 48), "blue").save(file, "JPEG")
    for outcome in photos:
        _with_thumbnails(tmp_path / "out", outcome)
    write_reports(run_of(*photos), tmp_path / "out")
    _open(tab, tmp_path / "out" / HTML, height=1600)
    assert _names(tab) == [name.encode("utf-8", "surrogateescape").decode("utf-8", "replace") for name in NASTY]
    assert tab.value("document.querySelectorAll('.row *:not(div, span, b, img)').length") == 0
    for number, outcome in enumerate(photos):
        tab.value(f"open({number})")
        links = tab.value("[...document.querySelectorAll('#links a')].map(a => a.href)")
        assert links == [f"file://{quote(os.fsencode(tmp_path / where / outcome.result))}" for where in ("photos", "out")]
        tab.wait_for("[...document.querySelectorAll('dialog img')].every(i => i.naturalWidth === 64)")
    assert tab.messages == []


def test_a_page_whose_files_are_gone_still_tells_what_became_of_them(tab: Tab, tmp_path: Path) -> None:
    write_reports(run_of(done("a.jpg"), failed("b.jpg"), skipped("c.jpg")), tmp_path)
    _open(tab, tmp_path / HTML)
    assert tab.value("[...document.querySelectorAll('.status')].map(s => s.textContent)") == ["success", "failed", "skipped"]
    tab.value("open(1)")
    text = tab.value("document.querySelector('#details').innerText")
    assert "the file is truncated; get it again" in text
    assert "real_esrgan: did not run, because the file is truncated" in text
    tab.value("open(0)")
    text = tab.value("document.querySelector('#details').innerText")
    for said in (
        "white_balance: 0.1 s, 1.0 GB",
        "white_balance 0.6: a cast of 4.1 towards yellow",
        "clahe left out:",
        "its XMP is damaged",
    ):
        assert said in text


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_can_be_read_by_day_and_by_night(tab: Tab, many: Path, scheme: str) -> None:
    tab.prefer(scheme)
    _open(tab, many)
    assert _contrast(tab, ".name") > 7
    for selector in (".figures", ".status.success", ".status.failed", "#numbers dt"):
        assert _contrast(tab, selector) > 4.5, selector  # WCAG 2.2, 1.4.3
    tab.prefer("light")


def test_a_phone_shows_it_without_scrolling_sideways(tab: Tab, many: Path) -> None:
    _open(tab, many, 360, 740, phone=True)
    tab.value("document.querySelector('#list').scrollIntoView()")
    tab.value("open(0)")
    assert tab.value("document.documentElement.scrollWidth") == 360
    assert tab.value("dialog.getBoundingClientRect().right") <= 360
    assert tab.value("dialog.scrollWidth - dialog.clientWidth") == 0


def test_without_scripts_the_numbers_are_there(tmp_path: Path) -> None:
    write_reports(run_of(done("a.jpg"), failed("b.jpg", why="<b>"), stopped="the disk is <full>", left=1), tmp_path)
    texts: list[str] = []
    parser = HTMLParser()
    parser.handle_data = lambda data: texts.append(data)  # type: ignore[method-assign]
    parser.feed((tmp_path / HTML).read_text("utf-8"))
    said = "\n".join(texts)
    for line in ("Success rate\n50.0% (1/2)", "real_esrgan\n100% (2/2)\n50.0% (1/2)", "1 photo: <b>", "stopped early: the disk is <full>"):
        assert line in said


def _contrast(tab: Tab, selector: str) -> float:
    """The ratio of the lightness of words and of what lies behind them. Source: WCAG 2.2, relative luminance and contrast ratio."""
    ink, paper = tab.value(f"""(() => {{
        const found = document.querySelector({selector!r});
        let behind = found;
        while (getComputedStyle(behind).backgroundColor === "rgba(0, 0, 0, 0)") behind = behind.parentElement;
        const colours = [getComputedStyle(found).color, getComputedStyle(behind).backgroundColor];
        return colours.map(colour => colour.match(/[0-9]+/g).slice(0, 3).map(Number));
    }})()""")
    first, second = sorted(map(_luminance, (ink, paper)), reverse=True)
    return (first + 0.05) / (second + 0.05)


def _luminance(colour: list[int]) -> float:
    linear = [value / 255 / 12.92 if value / 255 <= 0.04045 else ((value / 255 + 0.055) / 1.055) ** 2.4 for value in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
