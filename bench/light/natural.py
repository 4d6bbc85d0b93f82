"""Photos as they are taken, with what a person would want done to each: nothing, little, or light."""

import csv
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from light.measurements import Way, in_turns
from light.metrics import difference, lab_of
from light.scenes import read_rgb
from quality.collection import TEST_DATA

FOLDER, LISTED = "natural", "wishes.csv"

# What is right as it is may change by a mean CIEDE2000 that nobody sees; what is dark, bright or coloured by nature by a little;
# what is too dark must gain so much mean L*.
WISHES = LEAVE, GENTLE, LIFT = ("leave", "gentle", "lift")
_MOST_CHANGE = {LEAVE: 0.5, GENTLE: 4.0}
_LEAST_LIFT = 10.0


@dataclass(frozen=True)
class Wish:
    """A photo, one of WISHES for it, and what is on it."""

    path: Path
    wish: str
    what: str


@dataclass(frozen=True)
class Judgement:
    """What a way did to a photo: mean CIEDE2000 from before, and how much mean L* was gained."""

    photo: str
    what: str
    wish: str
    way: str
    changed: float
    lifted: float

    @property
    def granted(self) -> bool:
        return self.lifted >= _LEAST_LIFT if self.wish == LIFT else self.changed <= _MOST_CHANGE[self.wish]


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
