"""A lock between processes that a dead holder does not keep."""

import contextlib
import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

POLL_SECONDS = 0.2
# The holder touches its file at every block it receives, and gives a server up after 30 s without one.
STALE_SECONDS = 120.0

Beat = Callable[[], None]


@contextmanager
def locked(path: Path, *, tick: Callable[[], None], sleep: Callable[[float], None]) -> Iterator[Beat]:
    """Alone among all processes while it lasts; what it yields must be called now and then to show that the holder lives.

    `tick` is called while waiting and may raise.

    Raises: OSError when the lock's file cannot be made.
    """
    taken = _by_file(path, tick, sleep) if fcntl is None else _by_system(path, tick, sleep)
    with taken as beat:
        yield beat


@contextmanager
def _by_system(path: Path, tick: Callable[[], None], sleep: Callable[[float], None]) -> Iterator[Beat]:
    # The file stays: whoever deleted it would take it from under those who wait. The system lets go when the holder dies.
    with path.open("ab") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                tick()
                sleep(POLL_SECONDS)
        yield _nothing


@contextmanager
def _by_file(path: Path, tick: Callable[[], None], sleep: Callable[[float], None]) -> Iterator[Beat]:
    token = secrets.token_hex(16)
    while not _create(path, token):
        if _age_seconds(path) > STALE_SECONDS:
            path.unlink(missing_ok=True)
            continue
        tick()
        sleep(POLL_SECONDS)
    try:
        yield lambda: _touch(path)
    finally:
        with contextlib.suppress(OSError):  # whoever thought this holder dead has taken it over
            if path.read_text() == token:
                path.unlink()


def _create(path: Path, token: str) -> bool:
    try:
        with path.open("x") as file:
            file.write(token)
    except FileExistsError:
        return False
    return True


def _age_seconds(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _touch(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.utime(path)


def _nothing() -> None:
    """The system knows that the holder lives."""
