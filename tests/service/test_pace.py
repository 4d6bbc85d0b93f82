"""Estimates become what this machine needs, and no one job turns them upside down."""

import pytest

from img_enhance.service.pace import Pace


def test_estimates_are_believed_at_first() -> None:
    assert Pace(1).expected(3.0) == 3.0


def test_a_machine_of_half_the_speed_is_learned() -> None:
    pace = Pace(1)
    for _ in range(50):
        pace.learn(10.0, 20.0)
    assert pace.expected(10.0) == pytest.approx(20.0, rel=1e-3)


def test_one_job_that_took_for_ever_counts_for_little() -> None:
    pace = Pace(1)
    pace.learn(1.0, 1e9)
    assert pace.expected(1.0) < 5.0


def test_what_waits_before_is_shared_by_the_workers() -> None:
    assert Pace(2).expected_after(8.0, 3.0) == 7.0
