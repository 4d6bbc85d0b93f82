"""Prints what becomes of real photos in real light: pairs with a truth, and photos that were meant as they are.

python bench/quality_real.py FOLDER              FOLDER holds checkouts of the repositories of quality/real.py, as owner+name
python bench/quality_real.py FOLDER --sheet F    also a picture of all that changes: before, after, and the truth where there is one
"""

import argparse
import multiprocessing
import os
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import numpy as np
from PIL import Image

from photos import Pixels
from quality.collection import HELD_OUT, TUNE
from quality.metrics import difference
from quality.ours import balanced_by_auto, corrected
from quality.real import MEANT, ORIGINS, PAIRS, MeantPhotos, RealPair, meant_photos, pictures_of, root_of
from tables import Cell, Column, Table, verdict

STEP = "white_balance"

# Goals: CIEDE2000 of the automatic mode on held-out pairs, and how many photos that were meant as they are may change by more than so much.
MOST_LEFT = 7.5
SEEN, MOST_SEEN_PERCENT = 3.0, 3.0

_SHEET_SIDE = 240


@dataclass(frozen=True, eq=False)
class Outcome:
    """CIEDE2000 of a pair's photo to the truth: as it was given, by the automatic mode's white balance alone, by the step asked for."""

    name: str
    set: str
    given: float
    auto: float
    by_hand: float
    pictures: tuple[Pixels, ...]


@dataclass(frozen=True, eq=False)
class Change:
    """By how much, in CIEDE2000, the automatic mode's white balance alone changes a photo that was meant as it is."""

    name: str
    repository: str
    changed: float
    pictures: tuple[Pixels, ...]


def main(given: Sequence[str] | None = None) -> int:
    """Measure what is there and print it."""
    arguments = _parser().parse_args(given)
    missing = [origin for origin in ORIGINS if not root_of(arguments.folder, origin.repository).is_dir()]
    for origin in missing:
        print(f"[WARNING] left out: {origin.repository} at {origin.commit} is not in {arguments.folder}")
    absent = {origin.repository for origin in missing}
    pairs = [(pair, arguments.folder) for pair in PAIRS if pair.repository not in absent]
    meant = [(photos, arguments.folder) for photos in MEANT if photos.repository not in absent]
    with ProcessPoolExecutor(arguments.jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        outcomes = list(pool.map(_outcome, pairs))
        changes = [change for found in pool.map(_changes, meant) for change in found]
    for table in (*_pair_tables(outcomes), _meant_table(changes)):
        print(table.text(), flush=True)
    if arguments.sheet is not None:
        _save_sheet([*(o.pictures for o in outcomes), *(c.pictures for c in changes if c.changed > 1)], arguments.sheet)
    return 0


def _outcome(task: tuple[RealPair, Path]) -> Outcome:
    pair, folder = task
    photo, truth = pictures_of(pair, folder)
    auto, by_hand = balanced_by_auto(photo), corrected(photo, STEP)
    given_left, auto_left, by_hand_left = (difference(picture, truth) for picture in (photo, auto, by_hand))
    return Outcome(pair.name, pair.set, given_left, auto_left, by_hand_left, (photo, auto, truth))


def _changes(task: tuple[MeantPhotos, Path]) -> list[Change]:
    photos, folder = task
    found = []
    for name, pixels in meant_photos(photos, folder):
        auto = balanced_by_auto(pixels)
        found.append(Change(name, photos.repository, difference(auto, pixels), (pixels, auto)))
    return found


def _pair_tables(outcomes: Sequence[Outcome]) -> Iterable[Table]:
    for name in (TUNE, HELD_OUT):
        of_set = [outcome for outcome in outcomes if outcome.set == name]
        if not of_set:
            continue
        rows: list[tuple[Cell, ...]] = [(o.name, o.given, o.auto, o.by_hand) for o in of_set]
        means = tuple(fmean(values) for values in zip(*((o.given, o.auto, o.by_hand) for o in of_set), strict=True))
        said = (verdict(means[1] <= MOST_LEFT, f"auto leaves {means[1]:.1f}; goal: at most {MOST_LEFT}"),) if name == HELD_OUT else ()
        columns = (Column("photo"), *(Column(way, ".1f") for way in ("unchanged", "auto", "by hand")))
        yield Table(f"Pairs with a truth: {name}", "CIEDE2000 to the truth.", columns, (*rows, ("mean", *means)), said)


def _meant_table(changes: Sequence[Change]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for photos in MEANT:
        changed = [change.changed for change in changes if change.repository == photos.repository]
        if changed:
            rows.append((photos.repository, len(changed), fmean(changed), 100 * fmean(value > SEEN for value in changed)))
    percent = 100 * fmean(change.changed > SEEN for change in changes) if changes else 0.0
    return Table(
        "Photos that were meant as they are",
        f"What white balance alone changes in the automatic mode: mean CIEDE2000, and how many per cent it changes by more than {SEEN:g}.",
        (Column("repository"), Column("photos"), Column("changed", ".2f"), Column(f"> {SEEN:g} %", ".1f")),
        tuple(rows),
        (verdict(percent <= MOST_SEEN_PERCENT, f"{percent:.1f} % change by more than {SEEN:g}; goal: at most {MOST_SEEN_PERCENT:g} %"),),
    )


def _save_sheet(rows: Sequence[tuple[Pixels, ...]], path: Path) -> None:
    sheet = Image.new("RGB", (3 * _SHEET_SIDE, max(1, len(rows)) * _SHEET_SIDE), "white")
    for top, pictures in enumerate(rows):
        for left, pixels in enumerate(pictures):
            small = Image.fromarray(np.ascontiguousarray(pixels))
            small.thumbnail((_SHEET_SIDE, _SHEET_SIDE))
            sheet.paste(small, (left * _SHEET_SIDE, top * _SHEET_SIDE))
    sheet.save(path)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="where the checkouts are")
    parser.add_argument("--sheet", type=Path, metavar="FILE", help="save a PNG of pairs, and of photos that change")
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="processes that share the work (default: one a core)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
