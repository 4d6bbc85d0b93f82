"""Waiting for what other processes do."""

import time
from collections.abc import Callable


def wait_for(true: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until it is so; the test fails where that takes too long."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)
