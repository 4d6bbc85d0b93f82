"""Points at which tests let a process die, as a kill or a power cut would."""

import os
import signal


def reach(point: str, chosen: str) -> None:
    """Die here, if this is the chosen point."""
    if point == chosen:
        os.kill(os.getpid(), signal.SIGKILL)


def chosen(text: str) -> tuple[str, int]:
    """ "saved*2" is the point "saved", twice."""
    point, _, times = text.partition("*")
    return point, int(times) if times.isdecimal() else 1
