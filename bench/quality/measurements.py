"""Every photo, degraded in every way, through every method, scored against the truth."""

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from measure import say
from photos import Pixels
from quality import ours
from quality.collection import RealPhoto, pixels_of
from quality.degradations import DEGRADATIONS, UNDEGRADED, Degradation, degraded
from quality.findings import Choice, Findings, Measurement
from quality.metrics import Judge
from quality.peers import PEERS


def measure(photos: Sequence[RealPhoto], families: Sequence[str], *, jobs: int) -> list[Findings]:
    """What was found, in the order of the photos; `jobs` processes share the work."""
    found = []
    # Fresh processes: forked ones inherit the locks of OpenCV's and OpenVINO's threads, not the threads.
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        for photo, findings in zip(photos, pool.map(partial(measure_photo, families=tuple(families)), photos), strict=True):
            say(f"  {photo.name}")
            found.append(findings)
    return found


def measure_photo(photo: RealPhoto, families: Sequence[str]) -> Findings:
    """Everything about one photo."""
    pixels = pixels_of(photo)
    measurements: list[Measurement] = []
    choices: list[Choice] = []
    for degradation in DEGRADATIONS:
        if degradation.family not in families:
            continue
        given = degraded(pixels, degradation, photo=photo.name)
        judge = Judge(truth_of(pixels, given, degradation))
        for method, made in _tried(given, degradation.family):
            scores = judge.scores(made, given=given)
            measurements.append(Measurement(photo.name, degradation.name, degradation.family, method, scores))
        choices.append(Choice(photo.name, degradation.name, degradation.family, ours.chosen(given)))
    return Findings(tuple(measurements), tuple(choices))


def truth_of(pixels: Pixels, given: Pixels, degradation: Degradation) -> Pixels:
    """What a method should have answered: an undegraded photo is right as it was given, be it half a stop from the original."""
    return given if degradation.family == UNDEGRADED else pixels


def _tried(given: Pixels, family: str) -> Iterator[tuple[str, Pixels]]:
    methods: dict[str, Callable[[Pixels], Pixels]] = {**PEERS, **ours.methods(family)}
    for name, method in methods.items():
        yield name, method(given)
