"""A lock between processes that a dead holder does not keep."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

POLL_SECONDS = 0.2


@contextmanager
def locked(path: Path, *, tick: Callable[[], None], sleep: Callable[[float], None]) -> Iterator[None]:
    """Alone among all processes while it lasts. `tick` is called while waiting and may raise.

    Raises: OSError when the lock's file cannot be made.
    """
    # The system holds the lock (flock, LockFileEx) and lets go when the holder dies; the file may stay. Where a file system knows no
    # flock, as some network ones, filelock says so and writes the holder's process and machine into the file instead. A dead holder is
    # then noticed on its own machine only: what it left by dying on another has to be deleted by hand.
    lock = FileLock(path)
    while not _taken(lock):
        tick()
        sleep(POLL_SECONDS)
    try:
        yield
    finally:
        lock.release()


def _taken(lock: FileLock) -> bool:
    # Not filelock's own waiting, which can be told to stop but not to say why.
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return False
    return True
