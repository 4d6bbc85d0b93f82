"""Kills a run over a folder again and again at random moments, and looks at what is left each time.

    python bench/kills.py              100 kills
    python bench/kills.py --kills 5    fewer

After every kill each result that is there must be whole, byte for byte what an undisturbed run makes, and one that was there before must
not have been written again. At the end all must be there, each made once. Answers 1 where that is not so.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyvips

from measure import our_command, say
from settings import FOLDER

PHOTOS, STEPS = 60, ("--clahe", "--white-balance")
# The longest that a run goes on after the photo that was waited for.
_MOST_SECONDS = 0.5
_SIZES = ((640, 480), (1200, 900), (320, 240))


class Lost(Exception):
    """A result that is half, differs, was made twice, or is missing."""


@dataclass(frozen=True)
class Figures:
    """How many runs were killed, how many of them had finished a photo by then, and how many ended by themselves before."""

    kills: int
    useful: int
    ended: int


def make_photos(folder: Path, count: int) -> None:
    """Photos of smooth noise, of a few sizes, each different."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        width, height = _SIZES[number % len(_SIZES)]
        noise = np.random.default_rng(number).integers(0, 256, (height // 16, width // 16, 3), np.uint8)
        image = pyvips.Image.new_from_array(noise).copy(interpretation="srgb").resize(16)
        image.jpegsave(str(folder / f"{number:03}.jpg"), Q=90)


def kill_again_and_again(scratch: Path, *, kills: int, photos: int = PHOTOS, seed: int = 1) -> Figures:
    """Figures of a run over `photos` photos that was killed so often and has then ended.

    Raises: Lost.
    """
    make_photos(scratch / "in", photos)
    whole = _whole_run(scratch / "in", scratch / "reference")
    chance, seen, useful, ended = random.Random(seed), dict[str, int](), 0, 0
    for number in range(1, kills + 1):
        before = len(seen)
        # Every fourth at any moment after its start; the others while photos are being finished.
        awaited = 0 if number % 4 == 0 else before + 1
        ended += not _killed(scratch / "in", scratch / "out", awaited, chance.uniform(0, whole if awaited == 0 else _MOST_SECONDS))
        seen = _looked_at(scratch, seen)
        useful += len(seen) > before
        if len(seen) == photos:  # all is done: begin anew, so that every kill hits a run at work
            _check_once(scratch)
            _remove(scratch / "out")
            seen = {}
        say(f"  kill {number} of {kills}: {len(seen)} of {photos} photos are done")
    _whole_run(scratch / "in", scratch / "out")
    seen = _looked_at(scratch, seen)
    if len(seen) != photos:
        raise Lost(f"{photos - len(seen)} results are missing")
    _check_once(scratch)
    return Figures(kills, useful, ended)


def _whole_run(source: Path, out: Path) -> float:
    """The seconds until the first result of a run, which has ended."""
    started, first = time.monotonic(), 0.0
    process = _started(source, out)
    while process.poll() is None:
        if not first and any(out.glob("*.jpg")):
            first = time.monotonic() - started
        time.sleep(0.02)
    if process.returncode:
        raise Lost(f"the run answered {process.returncode}")
    return first


def _started(source: Path, out: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([*our_command(), "enhance", source, "-o", out, *STEPS, "--quiet"], stdin=subprocess.DEVNULL)


def _killed(source: Path, out: Path, awaited: int, seconds: float) -> bool:
    """Whether a run was killed so long after there were `awaited` results, and had not ended by itself."""
    process = _started(source, out)
    while process.poll() is None and sum(1 for _ in out.glob("*.jpg")) < awaited:
        time.sleep(0.005)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        return True
    if process.returncode:
        raise Lost(f"a run answered {process.returncode}")
    return False


def _looked_at(scratch: Path, seen: dict[str, int]) -> dict[str, int]:
    """The number of each result's file, which one that is written later has not, after comparing all with those of the undisturbed run."""
    found = {}
    for path in (scratch / "out").glob("*.jpg"):
        if path.read_bytes() != (scratch / "reference" / path.name).read_bytes():
            raise Lost(f"{path.name} is not the result of an undisturbed run")
        found[path.name] = path.stat().st_ino
    for name, number in seen.items():
        if found.get(name) != number:
            raise Lost(f"{name} was made twice, or is gone")
    return found


def _check_once(scratch: Path) -> None:
    lines = (scratch / "out/.img-enhance/manifest.jsonl").read_text().splitlines()
    twice = [source for source, count in Counter(json.loads(line)["source"] for line in lines).items() if count > 1]
    if twice:
        raise Lost(f"{len(twice)} photos were done twice, {twice[0]} for example")


def _remove(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()


def main(given: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100, metavar="N")
    parser.add_argument("--scratch", type=Path, default=FOLDER / "kills", metavar="FOLDER", help="where photos and results go")
    arguments = parser.parse_args(given)
    _remove(arguments.scratch)
    try:
        figures = kill_again_and_again(arguments.scratch, kills=arguments.kills)
    except Lost as error:
        print(f"[ERROR] {error}")
        return 1
    late = f"{figures.useful} after it had finished a photo; {figures.ended} runs ended before"
    print(f"[OK] {figures.kills} kills, {late}: nothing lost, nothing twice")
    return 0


if __name__ == "__main__":
    sys.exit(main())
