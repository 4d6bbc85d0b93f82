"""Estimates become what this machine needs, and no one job turns them upside down."""

import pytest

from img_enhance.service.pace import TONES, Pace, kind_of_work


def test_estimates_are_believed_at_first() -> None:
    assert Pace().expected("x4plus", 3.0) == 3.0


def test_a_machine_of_half_the_speed_is_learned() -> None:
    pace = Pace()
    for _ in range(50):
        pace.learn("x4plus", 10.0, 20.0)
    assert pace.expected("x4plus", 10.0) == pytest.approx(20.0, rel=0.02)


def test_a_machine_that_has_become_slower_is_learned_again() -> None:
    pace = Pace()
    for measured in (10.0,) * 50 + (30.0,) * 60:
        pace.learn("x4plus", 10.0, measured)
    assert pace.expected("x4plus", 10.0) == pytest.approx(30.0, rel=0.1)


def test_one_job_that_took_for_ever_counts_for_little() -> None:
    pace = Pace()
    pace.learn("x4plus", 1.0, 1e9)
    assert pace.expected("x4plus", 1.0) < 5.0


def test_tiny_jobs_do_not_change_what_is_said_of_large_ones() -> None:
    pace = Pace()
    for _ in range(30):
        pace.learn("x4plus", 0.02, 0.3)
    assert pace.expected("x4plus", 5.0) == pytest.approx(5.0 + 0.28, abs=0.02)
    for _ in range(1000):
        pace.learn(TONES, 0.02, 0.001)
    assert pace.expected("x4plus", 5.0) == pytest.approx(5.0, abs=0.01)


def test_what_every_job_takes_beside_its_work_is_learned() -> None:
    pace = Pace()
    for _ in range(30):
        pace.learn(TONES, 0.02, 1.02)
    assert pace.expected(TONES, 0.02) == pytest.approx(1.02, abs=0.05)
    pace.learn(TONES, 0.02, 1e9)
    assert pace.expected(TONES, 0.02) < 2.0
    for _ in range(50):
        pace.learn("x4plus", 10.0, 21.4)
    assert pace.expected("x4plus", 10.0) == pytest.approx(21.4, rel=0.02)


def test_work_is_of_the_kind_of_its_network() -> None:
    steps = [{"step": "clahe"}, {"step": "real_esrgan", "model": "realesrgan-x4plus"}]
    assert kind_of_work({"steps": steps}) == "realesrgan-x4plus"
    assert kind_of_work({"steps": steps[:1]}) == TONES
    assert kind_of_work({"steps": "auto"}) == TONES
