"""Jobs of three keys, short and long, waiting together: the time that each was told, against the time that it took; and its place.

docs/reliability.md states the figures. Told is `estimated_seconds_left` at every look while a job waits or has just begun.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import signal
import statistics
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pyvips

from measure import say
from running import COMPACT, Running
from settings import FOLDER

KEYS = tuple(f"a key of the {number}. of three" for number in (1, 2, 3))
# So many jobs of each key at once, of sides that take from a fraction of a second to some.
JOBS_EACH, SIDES = 8, (200, 400, 800, 1200)
# A wait that is told in whole tenths of seconds, and looked at every so often, is not judged below this.
LEAST_SECONDS, LOOK_SECONDS = 3.0, 1.0
MOST_OFF = 0.3
_PARTS = (0.5, 0.9)


@dataclass
class Waiting:
    """A job, what it was told and when, and when it began and ended, in seconds since 1970."""

    id: str
    key: str
    told: list[tuple[float, float, int]] = field(default_factory=list)
    started: float = 0.0
    finished: float = 0.0


def submit(running: Running, rounds: int, seed: int) -> list[Waiting]:
    """All jobs of a run, key by key, so that whoever comes first has all its jobs in the queue before the others."""
    chance, jobs = random.Random(seed), []
    for number, key in enumerate(KEYS):
        for _ in range(JOBS_EACH * rounds):
            side = chance.choice(SIDES)
            steps: list[dict[str, Any]] = [{"step": "real_esrgan", "model": COMPACT, "upscale": 2}]
            recipe = {"version": 1, "steps": steps if chance.random() < 0.7 else [{"step": "clahe"}], "output": {"format": "jpeg"}}
            headers = {"X-API-Key": key, "Prefer": "respond-async"}
            files = {"file": _photo(side, seed=number)}
            answer = httpx.post(
                f"{running.url}/api/v1/enhance", headers=headers, files=files, data={"recipe": json.dumps(recipe)}, timeout=600
            )
            jobs.append(Waiting(answer.raise_for_status().json()["id"], key))
    return jobs


def _photo(side: int, *, seed: int) -> bytes:
    noise = np.random.default_rng(seed).integers(0, 256, (side // 8, side // 8, 3), np.uint8)
    data: bytes = pyvips.Image.new_from_array(noise).copy(interpretation="srgb").resize(8).jpegsave_buffer(Q=90)
    return data


def watch(running: Running, jobs: Sequence[Waiting]) -> None:
    """Look at all jobs until the last has ended."""
    with httpx.Client(base_url=running.url, timeout=600) as client:
        rest = list(jobs)
        while rest:
            for each in list(rest):
                job = client.get(f"/api/v1/jobs/{each.id}", headers={"X-API-Key": each.key}).raise_for_status().json()
                if job["state"] == "queued":
                    each.told.append((time.time(), job["estimated_seconds_left"], job["queue_position"]))
                elif job["state"] not in ("queued", "running"):
                    each.started, each.finished = job["started"], job["finished"]
                    rest.remove(each)
            time.sleep(LOOK_SECONDS)


def ratios(jobs: Sequence[Waiting]) -> list[float]:
    """Told by waited, of every look that is long enough before the end."""
    looks = ((told, each.finished - at) for each in jobs for at, told, _ in each.told)
    return [told / waited for told, waited in looks if waited >= LEAST_SECONDS]


def first_ratios(jobs: Sequence[Waiting]) -> list[float]:
    """The same of each job's first look."""
    firsts = ((each.told[0][1], each.finished - each.told[0][0]) for each in jobs if each.told)
    return [told / waited for told, waited in firsts if waited >= LEAST_SECONDS]


def misplaced(jobs: Sequence[Waiting]) -> list[int]:
    """How far the first told place of each job is from the number of those that began before it from then on."""
    far = []
    for each in jobs:
        if each.told:
            at, _, place = each.told[0]
            before = sum(at < other.started < each.started for other in jobs)
            far.append(abs(before + 1 - place))
    return far


def _off(values: Sequence[float]) -> str:
    ordered = sorted(abs(value - 1) for value in values)
    middle, late = (ordered[min(len(ordered) - 1, int(len(ordered) * part))] for part in _PARTS)
    return f"median of told by waited {statistics.median(values):.2f}, off by {middle:.0%} (median) and {late:.0%} (90th percentile)"


def _spread(jobs: Sequence[Waiting]) -> str:
    """How many jobs of each key are among the first half that began: nobody waits for all of another's."""
    order = sorted(jobs, key=lambda each: each.started)
    counts = Counter(KEYS.index(each.key) for each in order[: len(order) // 2])
    return (
        f"of the first {len(order) // 2} to begin, {', '.join(str(counts[number]) for number in range(len(KEYS)))} were of the three keys"
    )


def main(given: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="rounds of 24 jobs, one after the other (default: 3)")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="workers beside the one for short work (default: 1)")
    parser.add_argument("--scratch", type=Path, default=FOLDER / "waiting", metavar="FOLDER", help="where the service keeps its jobs")
    arguments = parser.parse_args(given)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: the service must not go on alone
    folder = arguments.scratch.resolve()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    settings = {"ACCESS": "keys", "API_KEYS": ",".join(KEYS), "WORKERS": str(arguments.workers), "SHORT_SECONDS": "2"}
    running, missed = Running(folder / "data", settings), 0
    try:
        running.wait_ready()
        for number in range(arguments.rounds):
            jobs = submit(running, 1, number)
            watch(running, jobs)
            missed = sum(abs(value - 1) > MOST_OFF for value in ratios(jobs))
            say(f"  round {number + 1}: {_off(ratios(jobs))}; {missed} of {len(ratios(jobs))} looks off by more than {MOST_OFF:.0%}")
            say(f"    first looks: {_off(first_ratios(jobs))}; places off by {statistics.median(misplaced(jobs))} (median)")
            say(f"    {_spread(jobs)}")
        running.stop()
    finally:
        if running.process.poll() is None:
            running.kill()
    return 0


if __name__ == "__main__":
    sys.exit(main())
