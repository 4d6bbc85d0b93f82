"""Every photo, degraded in every way, through every method, scored against the truth."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

from measure import say
from photos import Pixels
from quality import ours
from quality.collection import RealPhoto, pixels_of
from quality.degradations import DEGRADATIONS, UNDEGRADED, Degradation, degraded
from quality.metrics import Judge, Scores
from quality.peers import PEERS


@dataclass(frozen=True)
class Measurement:
    """What one method made of one degraded photo."""

    photo: str
    degradation: str
    family: str
    method: str
    scores: Scores


@dataclass(frozen=True)
class Choice:
    """The steps, enlarging left out, that the auto mode chose for one degraded photo."""

    photo: str
    degradation: str
    family: str
    steps: tuple[str, ...]


@dataclass(frozen=True)
class Findings:
    """All of one photo; `missing` says what of ours is not there to be measured."""

    measurements: tuple[Measurement, ...]
    choices: tuple[Choice, ...]
    missing: frozenset[str]


def measure(photos: Sequence[RealPhoto], families: Sequence[str], *, jobs: int) -> list[Findings]:
    """What was found, in the order of the photos; `jobs` processes share the work."""
    found = []
    with ProcessPoolExecutor(jobs) as pool:
        for photo, findings in zip(photos, pool.map(partial(measure_photo, families=tuple(families)), photos), strict=True):
            say(f"  {photo.name}")
            found.append(findings)
    return found


def measure_photo(photo: RealPhoto, families: Sequence[str]) -> Findings:
    """Everything about one photo."""
    pixels = pixels_of(photo)
    measurements: list[Measurement] = []
    choices: list[Choice] = []
    missing: set[str] = set()
    for degradation in DEGRADATIONS:
        if degradation.family not in families:
            continue
        given = degraded(pixels, degradation, photo=photo.name)
        judge = Judge(truth_of(pixels, given, degradation))
        for method, made in _tried(given, degradation.family, missing):
            scores = judge.scores(made, given=given)
            measurements.append(Measurement(photo.name, degradation.name, degradation.family, method, scores))
        try:
            choices.append(Choice(photo.name, degradation.name, degradation.family, ours.chosen(given)))
        except ours.NotThere as error:
            missing.add(str(error))
    return Findings(tuple(measurements), tuple(choices), frozenset(missing))


def truth_of(pixels: Pixels, given: Pixels, degradation: Degradation) -> Pixels:
    """What a method should have answered: an undegraded photo is right as it was given, be it half a stop from the original."""
    return given if degradation.family == UNDEGRADED else pixels


def _tried(given: Pixels, family: str, missing: set[str]) -> Iterator[tuple[str, Pixels]]:
    methods: dict[str, Callable[[Pixels], Pixels]] = {**PEERS, **ours.methods(family)}
    for name, method in methods.items():
        try:
            yield name, method(given)
        except ours.NotThere as error:
            missing.add(str(error))
