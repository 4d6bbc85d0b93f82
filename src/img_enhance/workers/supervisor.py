"""Children kept alive: started, watched, replaced with growing pauses."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from img_enhance.errors import PhotoError
from img_enhance.machine.memory import anonymous_bytes
from img_enhance.workers.catalogue import as_data
from img_enhance.workers.child import Child, start_child
from img_enhance.workers.protocol import Checked, CheckPhoto, FacesFound, Failed, FindFaces, Previewed, PreviewPhoto, Question, Setup

_log = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.2, 30.0
STEADY_SECONDS = 60.0
WATCH_SECONDS = 0.2

# OpenVINO keeps some 0.35 MB of every size of photo it has seen, for as long as its process lives (measured 2026-11).
MOST_GROWN_BYTES = 250_000_000

# A file that ends its reader twice is refused; once may have been somebody else's doing.
_TRIES = 2
_READER_GRACE_SECONDS = 30.0

# What a reader answers with, by what it was asked.
_Answer = TypeVar("_Answer", Checked, Previewed, FacesFound)


class ChildCounters(Protocol):
    """Whoever counts what becomes of children."""

    def restarted(self, role: str) -> None:
        """A child was replaced."""

    def overweight(self, role: str) -> None:
        """A child was ended because of its memory."""


@dataclass
class Slot:
    """A place for one child, with what is needed to fill it again."""

    role: str
    lane: str
    setup: Setup
    scratch: Path
    most_bytes: int
    counters: ChildCounters
    child: Child | None = None
    failures: int = 0
    started: float = 0.0
    overweight: bool = False

    async def filled(self) -> Child:
        """The child of this slot, a new one if the last is dead, after a pause that doubles with every early death."""
        while self.child is None or not self.child.alive:
            if self.started:
                await self._pause()
            self.started, self.overweight = time.monotonic(), False
            self.child = await start_child(self.role, self.setup, self.scratch)
        return self.child

    async def empty(self) -> None:
        """End the child."""
        if self.child is not None:
            await self.child.kill()
            self.child = None

    async def refresh(self) -> None:
        """End a child, between two jobs, that holds much more memory than after its start; `filled` starts another."""
        if self.child is not None and self.child.alive:
            grown = anonymous_bytes(self.child.process.pid) - self.child.bytes_at_start
            if grown > MOST_GROWN_BYTES:
                _log.info("a child has grown and is replaced", extra={"role": self.role, "grown_bytes": grown})
                await self.empty()

    async def _pause(self) -> None:
        self.counters.restarted(self.role)
        self.failures = 0 if time.monotonic() - self.started > STEADY_SECONDS else self.failures + 1
        pause = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2**self.failures)
        _log.warning("a child is replaced", extra={"role": self.role, "pause_seconds": pause, "overweight": self.overweight})
        await asyncio.sleep(pause)


async def watch_memory(slots: Sequence[Slot]) -> None:
    """End children above their memory, before the system ends everything."""
    while True:
        for slot in slots:
            child = slot.child
            if child is not None and child.alive:
                used = anonymous_bytes(child.process.pid)
                if used > slot.most_bytes:
                    slot.overweight = True
                    slot.counters.overweight(slot.role)
                    _log.error("a child took too much memory", extra={"role": slot.role, "used_bytes": used, "most_bytes": slot.most_bytes})
                    child.process.kill()
        await asyncio.sleep(WATCH_SECONDS)


class Readers:
    """A queue of slots that look at photos."""

    def __init__(self, slots: list[Slot]) -> None:
        self.slots = slots
        self._free: asyncio.Queue[Slot] = asyncio.Queue()
        for slot in slots:
            self._free.put_nowait(slot)

    async def check(self, message: CheckPhoto) -> Checked | Failed:
        """What a reader says of a photo, or why it is refused."""
        return await self._answer(message, Checked)

    async def preview(self, message: PreviewPhoto) -> Previewed | Failed:
        """What a photo would look like, or why it is refused."""
        return await self._answer(message, Previewed)

    async def find(self, message: FindFaces) -> FacesFound | Failed:
        """Which faces a photo has, or why it is refused."""
        return await self._answer(message, FacesFound)

    async def _answer(self, message: Question, kind: type[_Answer]) -> _Answer | Failed:
        slot = await self._free.get()
        try:
            for _ in range(_TRIES):
                answer = await self._ask(slot, message, kind)
                if answer is None:
                    continue
                if isinstance(answer, Failed) and answer.private:
                    _log.error("a reader cannot work", extra={"code": answer.code, "detail": answer.private})
                return answer
        finally:
            self._free.put_nowait(slot)
        return as_data(PhotoError("the photo took too much memory or time to decode", "save it anew, without interlacing"))

    async def _ask(self, slot: Slot, message: Question, kind: type[_Answer]) -> _Answer | Failed | None:
        child = await slot.filled()
        answered = False
        try:
            await child.send(message)
            answer = await asyncio.wait_for(child.receive(), slot.setup.reader_seconds * 2 + _READER_GRACE_SECONDS)
            answered = isinstance(answer, kind | Failed)
            return answer if isinstance(answer, kind | Failed) else None
        except TimeoutError:
            return None
        finally:
            if not answered:  # dead, too slow, or the asker has gone: its answer must not reach the next one
                await slot.empty()
