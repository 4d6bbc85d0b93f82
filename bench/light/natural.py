"""Photos as they are taken, with what a person would want done to each: nothing, little, or light."""

import csv
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from light.findings import Judgement, Way
from light.measurements import in_turns
from light.metrics import difference, lab_of
from light.scenes import read_rgb
from quality.collection import TEST_DATA

FOLDER, LISTED = "natural", "wishes.csv"


@dataclass(frozen=True)
class Wish:
    """A photo, one of WISHES for it, and what is on it."""

    path: Path
    wish: str
    what: str


def wishes() -> list[Wish]:
    """By the table beside the photos, with columns `file`, `wish` and `what`; none where there is no table."""
    folder = Path(os.environ.get(TEST_DATA, "")) / FOLDER
    if not (folder / LISTED).exists():
        return []
    with (folder / LISTED).open(encoding="utf-8", newline="") as table:
        return [Wish(folder / row["file"], row["wish"], row["what"]) for row in csv.DictReader(table)]


def judged(wished: list[Wish], ways: Mapping[str, Way], *, jobs: int) -> list[Judgement]:
    """Every way on every photo."""
    return [one for found in in_turns(partial(judge, ways=dict(ways)), wished, jobs=jobs) for one in found]


def judge(wish: Wish, ways: Mapping[str, Way]) -> list[Judgement]:
    """Every way on one photo."""
    pixels = read_rgb(wish.path)
    before = lab_of(pixels)
    found = []
    for name, way in ways.items():
        after = lab_of(way(pixels))
        lifted = float((after - before)[..., 0].mean())
        found.append(Judgement(wish.path.name, wish.what, wish.wish, name, difference(before, after), lifted))
    return found
