"""Points at which tests let a process die, as a kill or a power cut would, and other ways in which a worker goes wrong."""

import os
import signal
import time

FAT, SILENT = "worker fat", "worker silent"
_MOST_FAT_BYTES, _MEAL_BYTES, _MEAL_SECONDS = 3_000_000_000, 20_000_000, 0.01


def die_at(point: str, chosen: str) -> None:
    """Die here, if this is the chosen point."""
    if point == chosen:
        os.kill(os.getpid(), signal.SIGKILL)


def misbehave(chosen: str) -> None:
    """Take ever more memory, or say nothing for an hour, if that is chosen."""
    if chosen == FAT:
        eaten: list[bytes] = []
        while len(eaten) * _MEAL_BYTES < _MOST_FAT_BYTES:
            eaten.append(b"x" * _MEAL_BYTES)
            time.sleep(_MEAL_SECONDS)
    elif chosen == SILENT:
        time.sleep(3600)


def chosen(text: str) -> tuple[str, int]:
    """ "saved*2" is the point "saved", twice."""
    point, _, times = text.partition("*")
    return point, int(times) if times.isdecimal() else 1
