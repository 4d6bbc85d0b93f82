"""What a run shows: plain lines now and then, each failure, and one live line on a terminal."""

import sys
import time

import pytest

from img_enhance.batch.lanes import AtWork
from img_enhance.batch.outcome import Failure, PhotoOutcome
from img_enhance.batch.time_left import Sized, TimeLeft
from img_enhance.cli.run_screen import RunScreen

DONE = PhotoOutcome("a.jpg", "/a.jpg", "done", size=(2000, 1000), planned_seconds=10.0, warnings=("it was dark",))
FAILED = PhotoOutcome("b.jpg", "/b.jpg", "failed", failure=Failure("x", "it is broken", "get another", 2))
PHOTOS = {name: Sized(2_000_000, 250) for name in ("a.jpg", "b.jpg", "d.jpg", "e.jpg")}
SKIPPED = PhotoOutcome("c.jpg", "/c.jpg", "skipped", warnings=("said before",))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_plain_lines_are_few_and_failures_are_said_at_once(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    screen = RunScreen(4, TimeLeft(PHOTOS), quiet=False)
    for outcome in (DONE, FAILED, SKIPPED):
        clock[0] += 5
        screen.tell(outcome, {"d.jpg": AtWork(10.0, 0.5)})
    screen.end()
    assert capsys.readouterr().err.splitlines() == [
        "[WARNING] a.jpg: it was dark",
        "[ERROR] b.jpg: it is broken; get another",
        "2 of 4 photos, 2.0 MP, 0.20 photos/s, about 7.5 s left",
    ]


def test_nothing_is_left_to_guess_where_more_may_come(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    screen = RunScreen(None, None, quiet=False)
    clock[0] += 11
    screen.tell(DONE, {})
    assert capsys.readouterr().err.splitlines()[-1] == "1 photo, 2.0 MP, 0.09 photos/s"


def test_quiet_says_failures_only(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    screen = RunScreen(2, TimeLeft(PHOTOS), quiet=True)
    for outcome in (DONE, FAILED):
        clock[0] += 100
        screen.tell(outcome, {})
    assert capsys.readouterr().err.splitlines() == ["[ERROR] b.jpg: it is broken; get another"]


def test_live_line_fits_the_terminal_and_names_the_photo(
    clock: list[float], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "40")
    screen = RunScreen(4, TimeLeft(PHOTOS), quiet=False)
    clock[0] += 1
    screen.tell(None, {"a.jpg": AtWork()})
    screen.tell(DONE, {"x" * 100: AtWork()})
    clock[0] += 1
    screen.tell(None, {"x" * 100: AtWork()})
    lines = capsys.readouterr().err.split("\r")
    assert "0 of 4 photos, a.jpg\x1b[K" in lines
    assert len(lines[-1].removesuffix("\x1b[K")) == 39
