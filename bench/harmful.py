"""Thousands of foreign and damaged files, sent to a service: every one is a photo or a problem, and nothing is left.

Give folders with the test images of decoders (Pillow, libvips, libheif, image-rs, libavif, sharp, imageio); what is no text in them is sent
as it is, and then changed at random, the same for the same seed, until there are enough. docs/reliability.md states the figures.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import shutil
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from measure import say
from mutations import mutated
from running import Running, left_over
from settings import FOLDER

COUNT, SENDERS, KEY = 12_000, 6, "a key of who means harm"
MOST_GROWN_BYTES = 100_000_000
_MOST_FILE_BYTES = 20_000_000
_LOOKED_AT_BYTES = 8192
_NETPBM = tuple(b"P%d" % number for number in range(1, 8))
_OK, _ACCEPTED, _BUG = 200, 202, 500
_PASSING = (429, 503)
_RECIPE = {"version": 1, "steps": [], "output": {"format": "png"}}
_LIGHT = {"version": 1, "steps": [{"step": "clahe"}]}

# Mostly to readers, which decode everything once; the rest is decoded by workers too. A worker takes long for large photos, and finds
# nothing there that a reader does not. Changed ones are small, so that what is changed matters.
_SMALL_BYTES = 100_000
_WAYS = ("preview", "preview", "preview", "suggest", "enhance", "enhance")
_WAYS_OF_LARGE_ONES = ("preview", "preview", "suggest")


@dataclass
class Found:
    """`ends` counts answers by status and code, `faults` are files with what must not be, by the name of the file."""

    ends: Counter[str] = field(default_factory=Counter)
    faults: dict[str, str] = field(default_factory=dict)
    slowest: tuple[float, str] = (0.0, "")
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass(frozen=True)
class Harmful:
    """A file on its way: `name` says where it is from, and by which seed it was changed."""

    name: str
    data: bytes
    way: str


@dataclass(frozen=True)
class Part:
    """Which of `count` files are sent: from number `first` on, and none any more after so many seconds."""

    count: int
    first: int
    seconds: float


def foreign_files(folders: Sequence[Path]) -> list[Path]:
    """All files in these folders that may be meant as pictures: those that are no text, and Netpbm's, which may be."""
    return [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file() and _is_binary(path)]


def _is_binary(path: Path) -> bool:
    if not 0 < path.stat().st_size <= _MOST_FILE_BYTES:
        return False
    with path.open("rb") as file:
        head = file.read(_LOOKED_AT_BYTES)
    return b"\0" in head or head.startswith(_NETPBM)


def harmful_files(paths: Sequence[Path], count: int, seed: int, *, first: int = 0) -> Iterator[Harmful]:
    """The files as they are, and then changed ones, `count` in all, of which those before number `first` are left out."""
    small = [path for path in paths if path.stat().st_size <= _SMALL_BYTES]
    for number in range(first, count):
        chance = random.Random(f"{seed} {number} chosen")
        path = paths[number] if number < len(paths) else chance.choice(small)
        data, changed = path.read_bytes(), number >= len(paths)
        if changed:
            data = mutated(data, random.Random(f"{seed} {number}"), chance.choice(small).read_bytes()[:_LOOKED_AT_BYTES])
        way = chance.choice(_WAYS if len(data) <= _SMALL_BYTES else _WAYS_OF_LARGE_ONES)
        yield Harmful(f"{path.name}{f' changed {number}' if changed else ''}", data, way)


def send(running: Running, client: httpx.Client, file: Harmful, found: Found, faulty: Path) -> None:
    """Send one file, note the answer, and delete what came of it."""
    recipe = _LIGHT if file.way == "preview" else _RECIPE
    started = time.monotonic()
    answer = _answered(client, file, recipe)
    seconds = time.monotonic() - started
    fault = _fault_of(running, answer)
    id = answer.headers.get("x-job-id") or (answer.json()["id"] if answer.status_code == _ACCEPTED else None)
    if id is not None:
        fault = fault or _end_of(client, id)
        client.delete(f"/api/v1/jobs/{id}")
    code = answer.json().get("code", "") if answer.status_code not in (_OK, _ACCEPTED) else ""
    with found.lock:
        found.ends[f"{file.way} {answer.status_code} {code}".strip()] += 1
        found.slowest = max(found.slowest, (seconds, file.name))
        if code and "too much memory or time" in answer.text:
            found.ends["ended its reader twice"] += 1
            fault = fault or "ended its reader twice"
        if fault:
            found.faults[file.name] = fault
            (faulty / file.name.replace("/", "_")).write_bytes(file.data)
            print(f"[ERROR] {file.name}: {fault}", flush=True)


def _answered(client: httpx.Client, file: Harmful, recipe: dict[str, Any]) -> httpx.Response:
    while True:
        words = {"recipe": json.dumps(recipe)}
        answer = client.post(f"/api/v1/{file.way}", files={"file": (file.name, file.data)}, data=words)
        passing = answer.status_code in _PASSING and answer.json()["code"] in ("quota", "saturated")
        if not passing:
            return answer
        time.sleep(0.2)


def _fault_of(running: Running, answer: httpx.Response) -> str:
    """What must not be about an answer; nothing where it is as it should be."""
    if answer.status_code >= _BUG:
        return f"{answer.status_code}: {answer.text[:300]}"
    if answer.status_code in (_OK, _ACCEPTED):
        return ""
    if answer.headers.get("content-type") != "application/problem+json":
        return f"{answer.status_code} is no problem+json"
    return "the answer names a folder" if str(running.data) in answer.text else ""


def _end_of(client: httpx.Client, id: str) -> str:
    """What must not be about the end of a job."""
    while (job := client.get(f"/api/v1/jobs/{id}").json())["state"] in ("queued", "running"):
        time.sleep(0.1)
    failed = job["state"] == "failed"
    return f"its job failed: {job['error']}" if failed and job["error"]["status"] >= _BUG else ""


def run(folders: Sequence[Path], folder: Path, part: Part, seed: int) -> int:
    """Send them; the exit code."""
    shutil.rmtree(folder, ignore_errors=True)
    faulty = folder / "faulty"
    faulty.mkdir(parents=True)
    paths = foreign_files(folders)
    say(f"  {len(paths)} foreign files, {max(0, part.count - len(paths))} changed ones")
    found, began, sent_upto = Found(), time.monotonic(), part.first
    running = Running(folder / "data", {"ACCESS": "keys", "API_KEYS": KEY, "SYNC_SECONDS": "1000"})
    try:
        running.wait_ready()
        before = running.status(KEY)["memory"]["used_bytes"]["api"]
        # The client outlives the pool, whose last files are on their way when there are no more.
        with httpx.Client(base_url=running.url, headers={"X-API-Key": KEY}, timeout=600) as client, ThreadPoolExecutor(SENDERS) as pool:
            waiting = threading.BoundedSemaphore(SENDERS * 2)

            def sent(file: Harmful) -> None:
                try:
                    send(running, client, file, found, faulty)
                except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to this file
                    found.faults[file.name] = f"no answer: {error!r}"
                    print(f"[ERROR] {file.name}: {found.faults[file.name]}", flush=True)
                finally:
                    waiting.release()

            for file in harmful_files(paths, part.count, seed, first=part.first):
                waiting.acquire()
                if time.monotonic() - began > part.seconds:
                    break
                pool.submit(sent, file)
                sent_upto += 1
                if sent_upto % 500 == 0:
                    say(f"  {sent_upto} files, {time.monotonic() - began:.0f} s, {len(found.faults)} faults")
        grown = running.status(KEY)["memory"]["used_bytes"]["api"] - before
        restarts = [line for line in running.log.read_text(errors="replace").splitlines() if "a child is replaced" in line]
        states = running.status(KEY)["queue"]["jobs"]
        code = running.stop()
    finally:
        if running.process.poll() is None:
            running.kill()
    left = left_over(running.data) + [path.name for path in (running.data / "jobs").iterdir()]
    print(f"files {part.first} to {sent_upto}" + (f"; go on with --first {sent_upto}" if sent_upto < part.count else ""))
    return _report(found, restarts, states, left, code, grown, time.monotonic() - began)


def _report(
    found: Found, restarts: Sequence[str], states: dict[str, int], left: Sequence[str], code: int, grown: int, seconds: float
) -> int:
    for end, count in sorted(found.ends.items()):
        print(f"{count:6} {end}")
    print(f"{seconds:.0f} s, slowest {found.slowest[0]:.1f} s ({found.slowest[1]}); jobs by state {states}; API {grown / 1e6:+.1f} MB")
    for line in restarts:
        print(line)
    bad = [f"{len(found.faults)} files with faults"] * bool(found.faults) + [f"{len(left)} files left: {left[:5]}"] * bool(left)
    bad += [f"{len(restarts)} children replaced"] * bool(restarts) + [f"the service stopped with {code}"] * bool(code)
    bad += [f"the API grew by {grown / 1e6:.0f} MB"] * (grown > MOST_GROWN_BYTES)
    print("\n".join(f"[ERROR] {text}" for text in bad) or "[OK] no crash, no 500, nothing left")
    return 1 if bad else 0


def main(given: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER", help="where foreign files are")
    parser.add_argument("--count", type=int, default=COUNT, metavar="N", help=f"how many files in all (default: {COUNT})")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="by which files are changed (default: 1)")
    parser.add_argument(
        "--first", type=int, default=0, metavar="N", help="leave those before number N out: they were sent by an earlier run"
    )
    parser.add_argument("--seconds", type=float, default=math.inf, metavar="N", help="send no more after so long, and say where to go on")
    parser.add_argument("--scratch", type=Path, default=FOLDER / "harmful", metavar="FOLDER", help="where the service keeps its jobs")
    arguments = parser.parse_args(given)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: the service must not go on alone
    return run(arguments.folders, arguments.scratch.resolve(), Part(arguments.count, arguments.first, arguments.seconds), arguments.seed)


if __name__ == "__main__":
    sys.exit(main())
