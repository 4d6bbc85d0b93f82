"""What the service knows only while it runs: who waits for which job, and how far each is. After a restart all is read from the store."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager


class LiveState:
    """Fractions done by job, a way to wait until something about a job changes, and whether the service takes nothing more.

    `stop_by` is when running work must have ended then, by the monotonic clock.
    """

    def __init__(self) -> None:
        self.stopping = False
        self.stop_by = float("inf")
        self.fractions: dict[str, float] = {}
        self._waiting: dict[str, set[asyncio.Event]] = defaultdict(set)

    def changed(self, id: str) -> None:
        """Wake everybody who watches this job."""
        for event in self._waiting.get(id, ()):
            event.set()

    def watchers(self, id: str) -> int:
        """How many watch this job."""
        return len(self._waiting.get(id, ()))

    def stop(self, seconds: float) -> None:
        """Take nothing more, let what runs end within so many seconds, and wake everybody. Said again it changes nothing."""
        if not self.stopping:
            self.stopping = True
            self.stop_by = time.monotonic() + seconds
        for id in list(self._waiting):
            self.changed(id)

    @contextmanager
    def watching(self, id: str) -> Iterator[asyncio.Event]:
        """An event that is set at every change; whoever waits clears it."""
        event = asyncio.Event()
        self._waiting[id].add(event)
        try:
            yield event
        finally:
            self._waiting[id].discard(event)
            if not self._waiting[id]:
                del self._waiting[id]
