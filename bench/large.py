"""Very large photos on little memory: a 64 MP photo under 2 GB, and the same picture from a small and a large budget.

    python bench/large.py               a 9216 x 6912 photo, then a 6 MP one twice with the large model (most of the time)
    python bench/large.py --skip-6mp    the first only
    python bench/large.py --skip-64mp   the second only
    python bench/large.py --shrink 32   sides divided by 32: shows that it runs, its figures mean nothing

Answers 1 when a goal is missed.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import pyvips

from img_enhance.geometry import Size
from img_enhance.units import bytes_text, seconds_text
from machine import header, header_text
from measure import Run, RunFailed, our_command, run, say
from photos import jpeg_photo, main_source, png_photo
from pictures import file_difference
from settings import FOLDER
from tables import Cell, Column, Table, verdict

LARGE, LARGE_MODEL, LARGE_BUDGET = Size(9216, 6912), "realesr-animevideov3", 2_000_000_000
MIDDLE, MIDDLE_MODEL, MIDDLE_BUDGETS = Size(3000, 2000), "realesrgan-x4plus", (1_500_000_000, 8_000_000_000)
SCALE = 4

# Between pictures of different areas: 60 dB in f32; in bf16 the noise of the arithmetic itself bounds it.
LEAST_DECIBELS = {"f32": 60, "bf16": 48}


@dataclass(frozen=True)
class Enhanced:
    """A finished run: its figures, its file, and what its report says of the plan."""

    run: Run
    result: Path
    areas: int
    precision: str


def main(given: Sequence[str] | None = None) -> int:
    arguments = _parser().parse_args(given)
    folder: Path = arguments.scratch
    folder.mkdir(parents=True, exist_ok=True)
    print(header_text(header(None)), flush=True)
    try:
        met = arguments.skip_64mp or _large(folder, shrunk(LARGE, arguments.shrink))
        if not arguments.skip_6mp:
            met &= _two_budgets(folder, shrunk(MIDDLE, arguments.shrink))
    except RunFailed as error:
        print(f"[ERROR] {error}")
        return 1
    return 0 if met else 1


def shrunk(size: Size, divisor: int) -> Size:
    return Size(ceil(size.width / divisor), ceil(size.height / divisor))


def _large(folder: Path, size: Size) -> bool:
    say(f"making a {size} photo")
    photo = jpeg_photo(main_source(), size, folder)
    found = _enhance(photo, folder / "large_out.jpg", model=LARGE_MODEL, budget=LARGE_BUDGET)
    written, wanted = _size_of(found.result), size.scaled(SCALE)
    fits, complete = found.run.anonymous_bytes <= LARGE_BUDGET, written == wanted
    note = f"the result's header says {written}: {verdict(complete, str(wanted))}"
    print(_table(f"A large photo, {LARGE_MODEL}", (_row(found, size, LARGE_BUDGET),), (note,)).text(), flush=True)
    found.result.unlink()
    return fits and complete


def _two_budgets(folder: Path, size: Size) -> bool:
    photo = png_photo(main_source(), size, folder)
    found = [_enhance(photo, folder / f"budget_{budget}.png", model=MIDDLE_MODEL, budget=budget) for budget in MIDDLE_BUDGETS]
    apart = file_difference(found[0].result, found[1].result)
    least = LEAST_DECIBELS[found[0].precision]
    close = apart.decibels >= least
    note = f"{apart.decibels:.1f} dB, worst difference {apart.worst}/255 between the two pictures, {found[0].precision}"
    rows = tuple(_row(one, size, budget) for one, budget in zip(found, MIDDLE_BUDGETS, strict=True))
    notes = (f"{note}: {verdict(close, f'>= {least} dB')}",)
    print(_table(f"One photo under two budgets, {MIDDLE_MODEL}", rows, notes).text(), flush=True)
    for one in found:
        one.result.unlink()
    return close and all(one.run.anonymous_bytes <= budget for one, budget in zip(found, MIDDLE_BUDGETS, strict=True))


def _enhance(photo: Path, result: Path, *, model: str, budget: int) -> Enhanced:
    say(f"{photo.name}, {model}, {bytes_text(budget)}")
    record = result.with_suffix(".json")
    files: list[str | Path] = [photo, "-o", result, "--report", record, "--overwrite"]
    found = run([*our_command(), "enhance", *files, "--model", model, "--max-memory", str(budget)])
    plan = json.loads(record.read_text(encoding="utf-8"))["plan"]
    network = plan["passes"][0]
    return Enhanced(found, result, network["area_rows"] * network["area_columns"], plan["precision"])


def _row(found: Enhanced, size: Size, budget: int) -> tuple[Cell, ...]:
    peak = found.run.anonymous_bytes
    return (
        peak / budget,
        verdict(peak <= budget, "<= 1"),
        str(size),
        peak / 1e6,
        budget / 1e6,
        found.run.seconds,
        seconds_text(found.run.seconds),
        found.areas,
    )


def _table(title: str, rows: tuple[tuple[Cell, ...], ...], notes: tuple[str, ...]) -> Table:
    return Table(
        title=title,
        about="Peak anonymous memory of the whole process tree, sampled every 50 ms, against what was allowed; ratio first.",
        columns=(
            Column("peak/allowed", ".2f"),
            Column("goal"),
            Column("photo"),
            Column("peak MB", ".0f"),
            Column("allowed MB", ".0f"),
            Column("seconds", ".1f"),
            Column("time"),
            Column("areas"),
        ),
        rows=rows,
        notes=(f"photo: {main_source().name}", *notes),
    )


def _size_of(path: Path) -> Size:
    image = pyvips.Image.new_from_file(str(path), access="sequential")
    return Size(image.width, image.height)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--skip-6mp", action="store_true", help="leave out the 6 MP photo")
    parser.add_argument("--skip-64mp", action="store_true", help="leave out the 64 MP photo")
    parser.add_argument("--shrink", type=int, default=1, metavar="N", help="divide the photos' sides by N")
    parser.add_argument("--scratch", type=Path, default=FOLDER / "large", metavar="FOLDER", help="where photos and results go, on a disk")
    return parser


if __name__ == "__main__":
    sys.exit(main())
