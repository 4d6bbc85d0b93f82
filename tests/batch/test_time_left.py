"""How long a run will take yet, by a clock that is made up."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import pytest

from img_enhance.batch.lanes import AtWork
from img_enhance.batch.time_left import Sized, TimeLeft

SECONDS_PER_PIXEL = 1e-5  # by plans


@dataclass(frozen=True)
class Moment:
    """What a run tells at a time: the seconds that it says are left, and those that are."""

    now: float
    told: float
    true: float


def run(photos: dict[str, Sized], *, lanes: int, slower: float) -> list[Moment]:
    """What is told in a run in which each photo takes `slower` times as long as its plan says, `lanes` of them side by side."""
    told = list(_told(photos, lanes=lanes, slower=slower))
    return [Moment(now, seconds, told[-1][0] - now) for now, seconds in told if seconds is not None]


def _told(photos: dict[str, Sized], *, lanes: int, slower: float, step: float = 0.5) -> Iterator[tuple[float, float | None]]:
    left = TimeLeft(photos)
    waiting = [(name, sized.pixels * SECONDS_PER_PIXEL) for name, sized in photos.items()]
    now, working = 0.0, dict[str, tuple[float, float]]()  # by name: planned, and when it began
    while waiting or working:
        for name, (planned, began) in list(working.items()):
            if now - began >= planned * slower:
                del working[name]
                left.ended(name, planned)
        while waiting and len(working) < lanes:
            name, planned = waiting.pop(0)
            working[name] = planned, now
        at_work = {name: AtWork(planned, min(1.0, (now - began) / (planned * slower))) for name, (planned, began) in working.items()}
        left.pass_by(now, len(working))
        yield now, left.seconds(now, at_work)
        now += step


def sized(*megapixels: float) -> dict[str, Sized]:
    """Photos of so many megapixels; the larger, the better compressed."""
    return {f"{number}.jpg": Sized(int(each * 1e6), int(4e5 * each**0.5)) for number, each in enumerate(megapixels)}


SMALL_FIRST = sized(*[0.2] * 60, *[4.0] * 20)
LARGE_FIRST = sized(*[4.0] * 20, *[0.2] * 60)
MIXED = sized(*(random.Random(3).uniform(0.1, 4) for _ in range(80)))


@pytest.mark.parametrize("photos", [SMALL_FIRST, LARGE_FIRST, MIXED], ids=["small first", "large first", "mixed"])
@pytest.mark.parametrize("slower", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("lanes", [1, 3])
def test_time_left_falls_steadily_and_is_true(photos: dict[str, Sized], slower: float, lanes: int) -> None:
    moments = run(photos, lanes=lanes, slower=slower)
    whole = moments[-1].now
    later = [moment for moment in moments if moment.now > 0.3 * whole]
    for before, after in pairwise(later):
        assert after.told < before.told or after.told == 0, "it rises"
    for moment in later:
        assert moment.told == pytest.approx(moment.true, rel=0.3, abs=0.03 * whole)


def test_a_long_last_photo_is_foreseen() -> None:
    moments = run(sized(*[0.5] * 20, 30.0), lanes=4, slower=1.0)
    in_the_last = [moment for moment in moments if 10 < moment.true < 290]
    assert in_the_last
    assert all(moment.told == pytest.approx(moment.true, rel=0.3) for moment in in_the_last)


def test_photo_whose_pixels_are_not_known_counts_by_its_bytes() -> None:
    left = TimeLeft({"a.jpg": Sized(1_000_000, 500_000), "b.webp": Sized(0, 1_000_000)})
    assert left.seconds(0.0, {}) is None
    assert left.seconds(0.0, {"a.jpg": AtWork()}) is None, "there is no plan yet"
    assert left.seconds(0.0, {"a.jpg": AtWork(10.0)}) == pytest.approx(30.0)


def test_failed_photo_is_left_out() -> None:
    left = TimeLeft(sized(1.0, 1.0, 1.0))
    left.ended("0.jpg", 0.0)
    assert left.seconds(0.0, {"1.jpg": AtWork(10.0)}) == pytest.approx(20.0)
