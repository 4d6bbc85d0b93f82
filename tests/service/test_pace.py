"""Estimates become what this machine needs, and no one job turns them upside down."""

import pytest

from img_enhance.service.pace import TONES, Pace, kind_of_work


def test_estimates_are_believed_at_first() -> None:
    assert Pace(1).expected("x4plus", 3.0) == 3.0


def test_a_machine_of_half_the_speed_is_learned() -> None:
    pace = Pace(1)
    for _ in range(50):
        pace.learn("x4plus", 10.0, 20.0)
    assert pace.expected("x4plus", 10.0) == pytest.approx(20.0, rel=0.02)


def test_a_machine_that_has_become_slower_is_learned_again() -> None:
    pace = Pace(1)
    for measured in (10.0,) * 50 + (30.0,) * 60:
        pace.learn("x4plus", 10.0, measured)
    assert pace.expected("x4plus", 10.0) == pytest.approx(30.0, rel=0.1)


def test_one_job_that_took_for_ever_counts_for_little() -> None:
    pace = Pace(1)
    pace.learn("x4plus", 1.0, 1e9)
    assert pace.expected("x4plus", 1.0) < 5.0


def test_tiny_jobs_do_not_change_what_is_said_of_large_ones() -> None:
    pace = Pace(1)
    for _ in range(30):
        pace.learn("x4plus", 0.02, 0.3)
    for _ in range(1000):
        pace.learn(TONES, 0.02, 0.001)
    assert pace.expected("x4plus", 5.0) == 5.0
    assert pace.expected_of({"x4plus": 5.0, TONES: 0.0}) == pace.expected("x4plus", 5.0)


def test_work_is_of_the_kind_of_its_network() -> None:
    steps = [{"step": "clahe"}, {"step": "real_esrgan", "model": "realesrgan-x4plus"}]
    assert kind_of_work({"steps": steps}) == "realesrgan-x4plus"
    assert kind_of_work({"steps": steps[:1]}) == TONES
    assert kind_of_work({"steps": "auto"}) == TONES


def test_what_waits_before_is_shared_by_the_workers() -> None:
    assert Pace(2).shared(8.0) == 4.0
