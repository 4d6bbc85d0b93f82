"""New photos, as they come: looked for again and again, and left alone until they are whole."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from img_enhance.batch.manifest import state_at
from img_enhance.batch.outcome import FileState
from img_enhance.batch.photos import Found

# A photo that has kept its length and its time of writing for so long is taken to be whole.
STEADY_SECONDS = 2.0

# One that was written so long ago is whole when it is first seen.
_OLD_SECONDS = 60.0

# Between two looks there pass at least so many seconds, and so many times what a look takes: a large tree on a network is left in peace.
_LOOK_SECONDS = 0.5
_REST = 10.0


def new_photos(look: Callable[[], Found]) -> Iterator[Found]:
    """What `look` finds and was not here before, or was written to since, as soon as it is whole; nothing at most times it is asked.

    Whoever works on the photos writes down what was done with them: they come again when this begins again.
    """
    seen: dict[Path, FileState | None] = {}
    steady: dict[Path, tuple[FileState | None, float]] = {}
    said: set[str] = set()
    next_look = 0.0
    while True:
        now = time.monotonic()
        if now < next_look:
            yield Found(())
            continue
        found = look()
        whole = []
        for photo in found.photos:
            state = state_at(photo.path)
            if photo.path in seen and seen[photo.path] == state:
                continue
            before, since = steady.setdefault(photo.path, (state, now))
            if before != state:
                steady[photo.path] = (state, now)
            elif (now - since >= STEADY_SECONDS or _is_old(state)) and not is_being_written(photo.path):
                seen[photo.path] = state
                del steady[photo.path]
                whole.append(photo)
        failures = tuple(each for each in found.failures if each.source not in said)
        said |= {each.source for each in failures}
        next_look = time.monotonic() + max(_LOOK_SECONDS, _REST * (time.monotonic() - now))
        yield Found(tuple(whole), failures=failures)


def _is_old(state: FileState | None) -> bool:
    return state is not None and time.time() - state.mtime_ns / 1e9 >= _OLD_SECONDS


def is_being_written(path: Path) -> bool:
    """Whether a process has the file open for writing, as far as the system tells: Linux does, of one's own files."""
    if sys.platform != "linux":
        return False
    import fcntl

    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        # A lease for reading is given only where nobody has the file open for writing.
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return False
