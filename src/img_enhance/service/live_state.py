"""What the service knows only while it runs: who waits for which job, and how far each is. After a restart all is read from the store."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager


class LiveState:
    """Fractions done by job, a way to wait until something about a job changes, and whether the service takes nothing more."""

    def __init__(self) -> None:
        self.stopping = False
        self.fractions: dict[str, float] = {}
        self._waiting: dict[str, set[asyncio.Event]] = defaultdict(set)

    def changed(self, id: str) -> None:
        """Wake everybody who watches this job."""
        for event in self._waiting.get(id, ()):
            event.set()

    def watchers(self, id: str) -> int:
        """How many watch this job."""
        return len(self._waiting.get(id, ()))

    def stop(self) -> None:
        """Say that the service takes nothing more, and wake everybody."""
        self.stopping = True
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
