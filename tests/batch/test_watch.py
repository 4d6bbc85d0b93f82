"""New photos are taken once, when they are whole."""

import os
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from img_enhance.batch.photos import Found, find_photos
from img_enhance.batch.watch import is_being_written, new_photos

Look = Callable[[], list[str]]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, which tests move on."""
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def look(tmp_path: Path, clock: list[float]) -> Look:
    """A function that looks again, a second later, and answers with the names of what is new."""
    coming = new_photos(lambda: find_photos([tmp_path], tmp_path / "out"))

    def again() -> list[str]:
        clock[0] += 1.0
        return [photo.name for photo in next(coming).photos]

    return again


def write(path: Path, text: str, *, old: bool = False) -> None:
    path.write_text(text)
    if old:
        os.utime(path, (1, 1))


def test_photo_is_taken_when_it_has_been_left_alone_for_a_while(tmp_path: Path, look: Look) -> None:
    write(tmp_path / "a.jpg", "half")
    assert [look(), look()] == [[], []]
    write(tmp_path / "a.jpg", "half and more")
    assert [look(), look()] == [[], []]
    assert look() == ["a.jpg"]
    assert [look() for _ in range(5)] == [[]] * 5, "and only once"


def test_photo_that_is_written_anew_comes_again(tmp_path: Path, look: Look) -> None:
    write(tmp_path / "a.jpg", "one", old=True)
    assert look() == ["a.jpg"]
    write(tmp_path / "a.jpg", "another")
    assert "a.jpg" in [name for _ in range(4) for name in look()]


@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells whether a file is open for writing")
def test_photo_that_somebody_has_open_for_writing_is_left_alone(tmp_path: Path, look: Look) -> None:
    write(tmp_path / "a.jpg", "whole", old=True)
    with (tmp_path / "a.jpg").open("r+") as file:
        os.utime(file.fileno(), (1, 1))
        assert [look() for _ in range(5)] == [[]] * 5
        assert is_being_written(tmp_path / "a.jpg")
    assert look() == ["a.jpg"]
    assert not is_being_written(tmp_path / "a.jpg")
    assert not is_being_written(tmp_path / "gone.jpg")


def test_looks_are_rarer_where_each_takes_long(clock: list[float]) -> None:
    looks: list[float] = []

    def slow() -> Found:
        looks.append(clock[0])
        clock[0] += 3.0
        return Found(())

    coming = new_photos(slow)
    for _ in range(60):
        next(coming)
        clock[0] += 1.0
    assert [later - earlier for earlier, later in pairwise(looks)] == [33.0]
