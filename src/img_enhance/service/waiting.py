"""How long a job waits: the queue played through, as the dispatcher will take it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from heapq import heapify, heappop, heappush


@dataclass(frozen=True)
class Awaited:
    """A job that waits; `seconds` is what it is expected to take, `short` whether the short lane may take it."""

    id: str
    seconds: float
    short: bool


@dataclass(frozen=True)
class Lane:
    """A worker: in so many seconds it is free, and then it takes all jobs or only short ones."""

    seconds: float
    only_short: bool


def place_and_seconds(queue: Iterable[Awaited], lanes: Iterable[Lane], id: str) -> tuple[int, float] | None:
    """The place of a job, of which 1 is next to begin, and the seconds until it has ended.

    `queue` is in the order in which its jobs are taken, by whichever lane is free first. None for a job that waits for none of the lanes.
    """
    # Jobs of both kinds with their numbers in the order, so that a lane finds the first that it may take at once.
    lines: tuple[deque[tuple[int, Awaited]], deque[tuple[int, Awaited]]] = (deque(), deque())
    for number, job in enumerate(queue):
        lines[not job.short].append((number, job))
    free = [(lane.seconds, lane.only_short) for lane in lanes]
    heapify(free)
    begun = 0
    while free:
        seconds, only_short = heappop(free)
        line = min((line for line in lines[: 1 if only_short else 2] if line), key=lambda line: line[0][0], default=None)
        if line is None:
            continue  # nothing is left that this lane would take
        _, job = line.popleft()
        begun += 1
        if job.id == id:
            return begun, seconds + job.seconds
        heappush(free, (seconds + job.seconds, only_short))
    return None
