"""What commands show while they work, and how they are stopped."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from img_enhance.progress import OnProgress, Progress
from img_enhance.units import bytes_text, seconds_text

# Work that is over sooner needs no lines of progress.
_QUIET_SECONDS = 5.0

OnBytes = Callable[[int, int], None]
Tell = Callable[[str], None]


def open_streams() -> None:
    """Put nothing in the place of standard streams that are closed: else the next file that is opened would be taken for one of them."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            nothing = os.open(os.devnull, os.O_RDWR)
            if nothing != number:  # the lowest number that is free, which is this one
                os.close(nothing)
            setattr(sys, name, open(os.devnull, "r" if name == "stdin" else "w"))  # noqa: SIM115 - for as long as the program runs


def give_up(name: str) -> None:
    """Write nothing any more to a standard stream that takes nothing, not even when the program ends."""
    with suppress(OSError):
        getattr(sys, name).close()
    setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115 - for as long as the program runs


def say(text: str) -> None:
    """Print a line to standard error."""
    # Whoever reads the progress may stop reading, or its disk be full; the work goes on.
    try:
        print(text, file=sys.stderr, flush=True)
    except OSError:
        give_up("stderr")


def silent(*_: object) -> None:
    """Nothing."""


@contextmanager
def interruptible() -> Iterator[Callable[[], bool]]:
    """Ctrl-C and SIGTERM become an answer that the engine asks for; a second one stops at once."""
    stopped = False

    def stop(_number: int, _frame: object) -> None:
        nonlocal stopped
        if stopped:
            raise KeyboardInterrupt
        stopped = True

    with _handling(stop):
        yield lambda: stopped


@contextmanager
def raising() -> Iterator[None]:
    """Ctrl-C and SIGTERM raise KeyboardInterrupt: for work that waits for something."""
    with _handling(signal.default_int_handler):
        yield


@contextmanager
def _handling(handler: Callable[[int, Any], Any]) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


@contextmanager
def bar(megapixels: float, *, quiet: bool) -> Iterator[OnProgress | None]:
    """Progress of work: a live bar on a terminal, a plain line every tenth elsewhere."""
    if quiet:
        yield None
    elif sys.stderr.isatty():
        from tqdm import tqdm

        shape = "{percentage:3.0f}% |{bar}| {n:.2f}/{total:.2f} MP, {rate_fmt}, {remaining} left"
        with tqdm(total=megapixels, unit="MP", ascii=True, bar_format=shape, smoothing=0.1, miniters=0) as shown:
            yield lambda progress: shown.update(progress.fraction * megapixels - shown.n) and None
    else:
        yield _plain_lines()


def _plain_lines() -> OnProgress:
    started, tenths = time.perf_counter(), 0

    def line(progress: Progress) -> None:
        nonlocal tenths
        seconds = time.perf_counter() - started
        if int(progress.fraction * 10) <= tenths or seconds < _QUIET_SECONDS:
            return
        tenths = int(progress.fraction * 10)
        left = "" if tenths == 10 else f", {seconds_text(seconds * (1 - progress.fraction) / progress.fraction)} left"
        say(f"{10 * tenths:3}% of {progress.megapixels:.2f} MP in {seconds_text(seconds)}{left}")

    return line


@contextmanager
def bytes_bar(name: str, total: int, *, quiet: bool) -> Iterator[OnBytes]:
    """Progress of bytes on their way: a live bar on a terminal, a plain line every tenth elsewhere."""
    if quiet:
        yield silent
    elif sys.stderr.isatty():
        from tqdm import tqdm

        with tqdm(total=total, unit="B", unit_scale=True, ascii=True, desc=name, miniters=0, delay=0.1) as shown:
            yield lambda done, _total: shown.update(done - shown.n) and None
    else:
        yield _plain_byte_lines(name)


def _plain_byte_lines(name: str) -> OnBytes:
    tenths = 0

    def line(done: int, total: int) -> None:
        nonlocal tenths
        if done * 10 // total > tenths:
            tenths = done * 10 // total
            say(f"{name}: {done / total:4.0%} of {bytes_text(total)}")

    return line
