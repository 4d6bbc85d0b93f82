"""How smoothly a result of a gigapixel is looked at: its tiles cut, seen coarsely and in full, asked for as by somebody who moves."""

from __future__ import annotations

import random
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import psutil
import pyvips

from img_enhance.jobs.rows import Bounds, Job
from img_enhance.jobs.spool import Spool
from img_enhance.jobs.store import JobStore
from img_enhance.service.keys import EVERYBODY
from photos import main_source
from tables import Column, Table, verdict

if TYPE_CHECKING:
    from playwright.sync_api import Page

MOST_SECONDS, MOST_TILE_SECONDS = 60, 0.1
TILES, AT_ONCE = 1000, 4
MOVES = 10
QUALITY = 90


@dataclass(frozen=True)
class LargeResult:
    """A job that is done, and its result's size in pixels and bytes."""

    job: str
    width: int
    height: int
    bytes: int

    @property
    def megapixels(self) -> float:
        return self.width * self.height / 1e6


def large_result(folder: Path, megapixels: float) -> LargeResult:
    """A JPEG of so many megapixels with the detail and the grain of a photo, put into the data of a service before it starts."""
    tile = pyvips.Image.new_from_file(str(main_source())).colourspace("srgb")
    tile = tile.resize(4096 / tile.width)
    tile = (
        (tile + pyvips.Image.gaussnoise(tile.width, tile.height, sigma=3, mean=0)).cast("uchar").copy(interpretation="srgb").copy_memory()
    )
    width, height = round((megapixels * 1e6 * 4 / 3) ** 0.5), round((megapixels * 1e6 * 3 / 4) ** 0.5)
    spool = Spool(folder / "data")
    spool.make()
    id, incoming = spool.new()
    path = incoming / "result.jpg"
    tile.replicate(-(-width // tile.width), -(-height // tile.height)).crop(0, 0, width, height).jpegsave(str(path), Q=QUALITY)
    size = path.stat().st_size
    spool.take(id)
    now = time.time()
    found = {"name": path.name, "format": "jpeg", "width": width, "height": height}
    job = Job(
        id, EVERYBODY, EVERYBODY, None, 0, "done", {"version": 1, "steps": []}, {"format": "jpeg", "width": width, "height": height},
        photo_bytes=0, estimated_seconds=1, created=now, finished=now, result=found, result_bytes=size, record={"steps": []},
    )  # fmt: skip
    store = JobStore(spool.root / "jobs.sqlite")
    store.accept([job], Bounds(1, 1, 1))
    store.close()
    return LargeResult(id, width, height, size)


def large_table(page: Page, address: str, large: LargeResult) -> Table:
    """What it takes to look at the result, through the page and by its tiles alone."""
    started = time.perf_counter()
    _open(page, address, large)
    page.wait_for_selector(".after .covered", state="attached")
    coarse = time.perf_counter() - started
    cut, processor, memory = _until_cut(address, large)
    seconds, each = _tiles(address, large)
    p95 = statistics.quantiles(seconds, n=20)[-1]
    moves = _moves(page)
    stored = httpx.get(f"{address}api/v1/status").json()["storage"]["used_bytes"] - large.bytes
    rows: list[tuple[Any, ...]] = [
        ("seen coarsely, from an empty tab", coarse, "s", ""),
        ("all tiles cut, from the first look", cut, "s", verdict(cut <= MOST_SECONDS, "60 s on two idle cores")),
        ("processors used for that", processor, "s", ""),
        ("most memory of the cutter (anonymous)", memory / 1e6, "MB", ""),
        ("tiles on the disk", stored / 1e6, "MB", ""),
        (f"a tile, 95 of 100, {AT_ONCE} at a time", p95 * 1000, "ms", verdict(p95 <= MOST_TILE_SECONDS, "100 ms")),
        ("tiles a second", each, "", ""),
        ("in the browser: from a jump at 100 % until it is sharp, median", moves * 1000, "ms", ""),
    ]
    size = f"{large.width} x {large.height} pixels ({large.megapixels:.0f} megapixels, {large.bytes / 1e6:.0f} MB)"
    about = f"A JPEG of {size}; {TILES} random tiles."
    return Table("A large result", about, (Column("what"), Column("measured", ".1f"), Column("unit"), Column("goal")), tuple(rows))


def _open(page: Page, address: str, large: LargeResult) -> None:
    row = f'[{{"job": "{large.job}", "name": "large.jpg"}}]'
    page.add_init_script(f"sessionStorage.setItem('img-enhance jobs', '{row}')")
    page.goto(address)


def _until_cut(address: str, large: LargeResult) -> tuple[float, float, int]:
    """Seconds from the first look until all tiles are there, those of processors, and the cutter's most bytes of anonymous memory."""
    cutter = _cutter()
    processor, memory = 0.0, 0
    started = time.time() if cutter is None else cutter.create_time()
    while httpx.get(f"{address}api/v1/jobs/{large.job}/view").raise_for_status().json()["state"] != "ready":
        if cutter is not None and cutter.is_running():
            try:
                with cutter.oneshot():
                    times, used = cutter.cpu_times(), cutter.memory_info()
            except psutil.Error:
                continue
            processor, memory = times.user + times.system, max(memory, used.rss - used.shared)
        time.sleep(0.1)
    return time.time() - started, processor, memory


def _cutter() -> psutil.Process | None:
    children = psutil.Process().children(recursive=True)
    return next((child for child in children if "cutter" in child.cmdline()), None)


def _tiles(address: str, large: LargeResult) -> tuple[list[float], float]:
    """Seconds of each of many random tiles of all levels, asked for as a browser does, and how many came in a second."""
    chance = random.Random(7)
    levels = httpx.get(f"{address}api/v1/jobs/{large.job}/view").json()["pictures"]["after"]["levels"]
    places = []
    for _ in range(TILES):
        level = min(chance.randrange(len(levels)), chance.randrange(len(levels)))
        places.append(f"{level}/{chance.randrange(levels[level]['columns'])}_{chance.randrange(levels[level]['rows'])}")
    with httpx.Client(base_url=f"{address}api/v1/jobs/{large.job}/tiles/after/") as client, ThreadPoolExecutor(AT_ONCE) as pool:

        def ask(place: str) -> float:
            started = time.perf_counter()
            client.get(place).raise_for_status()
            return time.perf_counter() - started

        started = time.perf_counter()
        seconds = list(pool.map(ask, places))
        return seconds, TILES / (time.perf_counter() - started)


def _moves(page: Page) -> float:
    """Median seconds from a jump by a screen at 100 % until every tile in sight is drawn in full."""
    page.focus("#stage")
    page.keyboard.press("1")
    page.wait_for_load_state("networkidle")
    seconds = []
    for _ in range(MOVES):
        started = time.perf_counter()
        for _ in range(5):
            page.keyboard.press("Shift+ArrowRight")
        page.wait_for_function("() => document.querySelector('.after canvas').dataset.missing === '0'")
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)
