"""Quantities as a person reads them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from img_enhance.units import bytes_text, file_bytes_text, seconds_text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 MB"),
        (1, "1 MB"),
        (1_499_999, "1 MB"),
        (994_000_000, "994 MB"),
        (995_000_000, "1.0 GB"),
        (1_234_000_000, "1.2 GB"),
        (25_498_000_000, "25.5 GB"),
    ],
)
def test_bytes_read_as_mb_or_gb(count: int, text: str) -> None:
    assert bytes_text(count) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1 KB"),
        (240_512, "241 KB"),
        (999_499, "999 KB"),
        (999_500, "1.0 MB"),
        (2_345_678, "2.3 MB"),
        (9_960_000, "10 MB"),
        (999_400_000, "999 MB"),
        (1_234_000_000, "1.2 GB"),
        (25_498_000_000, "25 GB"),
    ],
)
def test_sizes_of_files_read_to_two_or_three_digits(count: int, text: str) -> None:
    assert file_bytes_text(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (10, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min 0 s"),
        (95, "1 min 35 s"),
        (119.6, "2 min"),
        (7_140, "119 min"),
        (7_200, "2 h 0 min"),
        (15_607, "4 h 20 min"),
    ],
)
def test_seconds_read_as_seconds_minutes_or_hours(seconds: float, text: str) -> None:
    assert seconds_text(seconds) == text


@given(st.integers(0, 10**15))
def test_bytes_are_within_a_twentieth_of_what_they_read_as(count: int) -> None:
    number, unit = bytes_text(count).split()
    read = float(number) * {"MB": 1e6, "GB": 1e9}[unit]
    assert abs(read - count) <= max(1e6, 0.051 * count)
