"""How fast the web page is: its first view, its bytes, a live change, from a 12 MP photo to its suggestion, and a gigapixel result.

In a real browser. Run it on an idle machine: python bench/page.py
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import psutil

from large_result import large_result, large_table
from machine import header, header_text
from photos import ROOT, jpeg_photo, main_source, size_of
from tables import Column, Table, verdict

if TYPE_CHECKING:
    from playwright.sync_api import Page

PAGE = ROOT / "src" / "img_enhance" / "service" / "page"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
MOST_LIVE_SECONDS = 0.3
MOST_BYTES = 150_000
PATIENCE_MILLISECONDS = 120_000
CHANGES, WARM = 15, 2

# Steps on light as sliders change them.
LIVE: dict[str, list[dict[str, Any]]] = {
    "white balance": [{"step": "white_balance", "temperature": 4000}],
    "exposure": [{"step": "exposure_correction", "ev": 1}],
    "local contrast": [{"step": "clahe", "clip_limit": 3}],
}
LIVE["all three"] = [LIVE[name][0] for name in ("white balance", "exposure", "local contrast")]

# From a change to its picture, through the page's own client of the API; the first ones warm the readers up.
CHANGE = """async ([address, steps, count, warm]) => {
    const { preview } = await import(new URL('page/api.js', document.baseURI));
    const small = new Blob([Uint8Array.from(atob(address), (letter) => letter.charCodeAt(0))]);
    const seconds = [];
    for (let number = 0; number < warm + count; number++) {
        const from = performance.now();
        const image = new Image();
        image.src = URL.createObjectURL(await preview(small, steps));
        await image.decode();
        seconds.push((performance.now() - from) / 1000);
    }
    return seconds.slice(warm);
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="save the table to this file")
    parser.add_argument("--megapixels", type=float, default=1000, help="size of the large result (default: %(default)s)")
    parser.add_argument("--only-large", action="store_true", help="measure the large result alone")
    arguments = parser.parse_args()
    facts = header(None, also=("playwright",)) | {"load at the start": f"{os.getloadavg()[0]:.1f}"}
    print(header_text(facts))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        large = large_result(folder, arguments.megapixels)
        with _service(folder, large.megapixels) as address, _page() as page:
            tables = [] if arguments.only_large else [_measured(page, address, jpeg_photo(main_source(), size_of(12), folder))]
            tables.append(large_table(page, address, large))
    for table in tables:
        print(table.text())
    if arguments.json:
        arguments.json.write_text(json.dumps({"machine": facts, "tables": [table.record() for table in tables]}, indent=2))


def _measured(page: Page, address: str, photo: Path) -> Table:
    own = sum(file.stat().st_size for file in PAGE.iterdir() if file.is_file())
    first, sent = _first_view(page, address)
    rows: list[tuple[Any, ...]] = [
        ("the page's own files", own / 1000, "KB", verdict(own < MOST_BYTES, "below 150 KB")),
        ("sent for the first view, with three thumbnails", sent / 1000, "KB", ""),
        ("first contentful view", first, "ms", ""),
        ("from a 12 MP JPEG to its suggestion", _until_suggested(page, photo), "ms", ""),
    ]
    small = _small(address, photo)
    for name, steps in LIVE.items():
        busy = _reader_seconds(address)
        seconds = statistics.median(page.evaluate(CHANGE, [small, steps, CHANGES, WARM]))
        processor = (_reader_seconds(address) - busy) / (CHANGES + WARM)
        goal = verdict(seconds <= MOST_LIVE_SECONDS, "300 ms on two idle cores")
        rows.append((f"live: {name}", seconds * 1000, "ms", f"{goal}; {processor * 1000:.0f} ms of processors"))
    about = f"In a real browser beside the service. Live: from a change to its picture of 1 MP, decoded; medians of {CHANGES}."
    return Table("The page", about, (Column("what"), Column("measured", ".0f"), Column("unit"), Column("goal")), tuple(rows))


def _reader_seconds(address: str) -> float:
    """Processor seconds that the readers have used so far: on a busy machine they tell more than a clock."""
    processes = httpx.get(f"{address}api/v1/status").json()["processes"]
    readers = [psutil.Process(each["pid"]).cpu_times() for each in processes if each["role"] == "reader"]
    return float(sum(times.user + times.system for times in readers))


def _first_view(page: Page, address: str) -> tuple[float, int]:
    """Milliseconds until something is seen, and the bytes of all answers."""
    page.goto(address)
    page.wait_for_load_state("networkidle")
    paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    sent = page.evaluate("performance.getEntries().reduce((sum, each) => sum + (each.transferSize ?? 0), 0)")
    return float(paint), int(sent)


def _until_suggested(page: Page, photo: Path) -> float:
    """Milliseconds from a photo at hand to the words about it."""
    started = time.perf_counter()
    page.set_input_files("#files", photo)
    page.wait_for_selector("#run:visible")
    return (time.perf_counter() - started) * 1000


def _small(address: str, photo: Path) -> str:
    """The reduced copy that previews are made of, in base64."""
    words = {"recipe": json.dumps({"version": 1, "steps": []})}
    answer = httpx.post(f"{address}api/v1/preview", files={"file": ("photo", photo.read_bytes())}, data=words, timeout=60)
    return base64.b64encode(answer.raise_for_status().content).decode()


@contextmanager
def _service(folder: Path, result_megapixels: float) -> Iterator[str]:
    """The address of a service that is ready and may make such a result, with the settings that it has by default besides."""
    command = [sys.executable, "-m", "img_enhance", "serve", "--access", "open", "--port", "0", "--data", str(folder / "data")]
    command += ["--max-result-megapixels", str(result_megapixels)]
    with (folder / "log").open("wb") as log, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True) as service:
        assert service.stdout is not None
        said = re.search(r"http://\S+", service.stdout.readline())
        assert said is not None, (folder / "log").read_text()
        while httpx.get(f"{said[0]}readyz").status_code != httpx.codes.OK:
            time.sleep(0.1)
        yield said[0]
        service.terminate()


@contextmanager
def _page() -> Iterator[Page]:
    """A tab of a browser."""
    from playwright.sync_api import sync_playwright

    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        raise SystemExit(f"no browser is installed ({', '.join(BROWSERS)})")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-dev-shm-usage"])
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.set_default_timeout(PATIENCE_MILLISECONDS)
        yield page
        browser.close()


if __name__ == "__main__":
    main()
