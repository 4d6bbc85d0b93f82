"""Many photos: one run over a folder, against one `enhance` for each, and against two of them at a time by GNU parallel.

    python bench/folders.py                          200 photos of 0.1 to 4 MP, steps on light, then the compact network: hours
    python bench/folders.py --count 20 --only tones  fewer

Answers 1 when a run fails or results differ.
"""

import argparse
import os
import resource
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import psutil

from img_enhance.machine.devices import detect_cpu
from img_enhance.planning.planner import allowed_bytes
from machine import header, header_text
from measure import RunFailed, our_command, run, say
from photos import jpeg_photo, size_of, sources
from settings import FOLDER
from tables import Cell, Column, Table

COUNT, LEAST_MEGAPIXELS, MOST_MEGAPIXELS = 200, 0.1, 4.0

RECIPES = {"tones": ("--white-balance", "--exposure-correction", "--clahe"), "compact": ("--model", "realesr-animevideov3")}

# Photos of one source begin this many pixels apart, so that no two are the same.
SHIFT = 37


@dataclass(frozen=True)
class Way:
    """How the photos of a folder get into another: the command that does it all."""

    name: str
    command: Callable[[Path, Path, tuple[str, ...]], list[str]]


@dataclass(frozen=True)
class Measured:
    """Wall and processor seconds of all processes together, seconds of the machine's processors that nobody used, and peak anonymous
    bytes."""

    seconds: float
    processor_seconds: float
    idle_seconds: float
    anonymous_bytes: int


def main(given: Sequence[str] | None = None) -> int:
    arguments = _parser().parse_args(given)
    folder: Path = arguments.scratch
    photos = make_photos(folder / f"in{arguments.count}", arguments.count)
    print(header_text(header(None)), flush=True)
    same = True
    for name in [arguments.only] if arguments.only else RECIPES:
        measured = {}
        for way in WAYS:
            say(f"{name}: {way.name}")
            out = folder / f"out-{way.name.split()[0]}"
            shutil.rmtree(out, ignore_errors=True)
            out.mkdir()
            measured[way.name] = measure(way.command(photos, out, RECIPES[name]))
        same = same and _are_same([folder / f"out-{way.name.split()[0]}" for way in WAYS], arguments.count)
        print(_table(name, measured, arguments.count).text(), flush=True)
    print("the results are the same in all ways" if same else "[ERROR] results differ")
    return 0 if same else 1


def make_photos(folder: Path, count: int) -> Path:
    """The folder with so many photos, small and large by turns, each size as much larger than the one before."""
    ratio = MOST_MEGAPIXELS / LEAST_MEGAPIXELS
    for number, source in zip(range(count), cycle(sources()), strict=False):
        place = number * 7 % count  # small and large by turns
        size = size_of(LEAST_MEGAPIXELS * ratio ** (place / max(1, count - 1)))
        made = jpeg_photo(source, size, folder / "made", shift=SHIFT * number)
        target = folder / "photos" / f"{number:04}.jpg"
        if not target.exists():
            target.parent.mkdir(exist_ok=True)
            os.link(made, target)
    return folder / "photos"


def measure(command: list[str]) -> Measured:
    """What a command took.

    Raises: RunFailed.
    """
    before, idle = resource.getrusage(resource.RUSAGE_CHILDREN), psutil.cpu_times().idle
    found = run(command)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Measured(found.seconds, used, psutil.cpu_times().idle - idle, found.anonymous_bytes)


def _one_run(photos: Path, out: Path, flags: tuple[str, ...]) -> list[str]:
    return [*our_command(), "enhance", str(photos), "-o", str(out), *flags, "--quiet"]


def _one_each(photos: Path, out: Path, flags: tuple[str, ...]) -> list[str]:
    return _each(photos, out, flags, at_once=1)


def _two_at_a_time(photos: Path, out: Path, flags: tuple[str, ...]) -> list[str]:
    return _each(photos, out, flags, at_once=2)


def _each(photos: Path, out: Path, flags: tuple[str, ...], *, at_once: int) -> list[str]:
    """One `enhance` for each photo, so many at a time; by GNU parallel where it is installed, else by xargs, which does the same."""
    one = [*our_command(), "enhance", "{}", *flags, "--quiet"]
    line = " ".join([*one, "-o", f"{out}/$(basename {{}})"])
    listing = f"ls {photos}/*.jpg"
    spread = f"parallel -j{at_once}" if shutil.which("parallel") else f"xargs -P{at_once} -I{{}} sh -c"
    return ["sh", "-c", f"{listing} | {spread} '{line}'"]


WAYS = (Way("folder in one run", _one_run), Way("each by itself", _one_each), Way("two at a time", _two_at_a_time))


def _are_same(folders: list[Path], count: int) -> bool:
    results = [{path.name: path.read_bytes() for path in folder.glob("*.jpg")} for folder in folders]
    return all(result == results[0] and len(result) == count for result in results)


def _table(name: str, measured: dict[str, Measured], count: int) -> Table:
    device = detect_cpu()
    whole, budget = measured[WAYS[0].name], allowed_bytes(None, device)

    def row(way: str, one: Measured) -> tuple[Cell, ...]:
        busy, given = one.processor_seconds / one.seconds / device.cores, one.processor_seconds + one.idle_seconds
        return (
            way,
            count / one.seconds,
            one.seconds / whole.seconds,
            busy,
            one.processor_seconds / given,
            one.processor_seconds,
            one.anonymous_bytes / budget,
        )

    return Table(
        title=f"{count} photos of {LEAST_MEGAPIXELS} to {MOST_MEGAPIXELS:g} MP, {name}",
        about="Photos a second, how much longer than the first way, processor seconds over wall seconds times cores, and over those that "
        "others on the machine left, and the peak of all processes' anonymous memory over the budget.",
        columns=(
            Column("way"),
            Column("photos/s", ".2f"),
            Column("times", ".2f"),
            Column("busy", ".0%"),
            Column("of what was left", ".0%"),
            Column("processor s", ".1f"),
            Column("memory", ".0%"),
        ),
        rows=tuple(row(way, one) for way, one in measured.items()),
        notes=() if shutil.which("parallel") else ("two at a time by xargs -P2, as GNU parallel is not installed",),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=COUNT, metavar="N", help=f"how many photos (default {COUNT})")
    parser.add_argument("--only", choices=tuple(RECIPES), help="one of the recipes")
    parser.add_argument("--scratch", type=Path, default=FOLDER / "folders", metavar="FOLDER", help="where photos and results go, on a disk")
    return parser


if __name__ == "__main__":
    try:
        sys.exit(main())
    except RunFailed as failure:
        print(f"[ERROR] {failure}")
        sys.exit(1)
