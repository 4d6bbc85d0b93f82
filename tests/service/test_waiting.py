"""The queue played through: places and seconds as the workers will take the jobs."""

import pytest

from img_enhance.service.waiting import Awaited, Lane, place_and_seconds

ANY, SHORT = Lane(0, only_short=False), Lane(0, only_short=True)


def long(id: str, seconds: float = 60.0) -> Awaited:
    return Awaited(id, seconds, short=False)


def short(id: str, seconds: float = 1.0) -> Awaited:
    return Awaited(id, seconds, short=True)


def test_one_worker_does_one_after_the_other() -> None:
    queue = [long("a", 10), long("b", 20), long("c", 30)]
    assert place_and_seconds(queue, [Lane(5, only_short=False)], "c") == (3, 65)


def test_two_workers_share_what_waits() -> None:
    queue = [long("a", 10), long("b", 20), long("c", 30)]
    assert place_and_seconds(queue, [ANY, ANY], "c") == (3, 40)


def test_the_lane_for_short_work_does_nothing_for_long_work() -> None:
    queue = [long("a"), long("b"), long("c")]
    assert place_and_seconds(queue, [ANY, SHORT], "c") == (3, 180)


def test_short_work_passes_long_work_in_its_lane() -> None:
    queue = [long("a"), long("b"), short("c")]
    assert place_and_seconds(queue, [Lane(100, only_short=False), SHORT], "c") == (1, 1)
    assert place_and_seconds(queue, [Lane(100, only_short=False), SHORT], "b") == (3, 220)


def test_short_work_is_done_by_all_who_are_free() -> None:
    queue = [short("a"), short("b"), short("c"), short("d")]
    assert place_and_seconds(queue, [ANY, SHORT], "d") == (4, 2)


def test_who_waits_no_more_has_no_place() -> None:
    assert place_and_seconds([long("a")], [ANY], "b") is None
    assert place_and_seconds([long("a")], [SHORT], "a") is None


def test_nobody_is_told_of_more_than_there_is() -> None:
    queue = [short(str(n)) if n % 3 else long(str(n)) for n in range(30)]
    told = [place_and_seconds(queue, [ANY, SHORT], each.id) or (0, 0.0) for each in queue]
    assert sorted(place for place, _ in told) == list(range(1, 31))
    assert max(seconds for _, seconds in told) == pytest.approx(10 * 60, abs=20)
