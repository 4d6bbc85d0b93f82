"""What callers hold at the same time - requests, bodies on their way - with a share for each, so that one cannot keep the others out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from img_enhance.jobs.refusals import QuotaReached, Saturated


class Held:
    """One thing that is held until it is given back, once."""

    def __init__(self, shares: Shares, who: str) -> None:
        self._shares, self._who, self._over = shares, who, False

    def give_back(self) -> None:
        """It is over; later calls change nothing."""
        if not self._over:
            self._over = True
            self._shares.give_back(self._who)


class Shares:
    """At most `most` things at a time, and `most_each` of one caller; `what` they are called.

    Taken and counted in one step, without an await between, so that nobody slips through.
    """

    def __init__(self, what: str, *, most: int, most_each: int) -> None:
        self._what, self._most, self._most_each = what, most, most_each
        self._held: Counter[str] = Counter()

    @contextmanager
    def held(self, who: str) -> Iterator[Held]:
        """One for this caller, until the end of the block at the latest.

        Raises: QuotaReached when the caller has its share, Saturated when all are taken.
        """
        if self._held[who] >= self._most_each:
            raise QuotaReached(f"{self._held[who]} of your {self._what} are under way", "try again when one of them has ended")
        if self._held.total() >= self._most:
            raise Saturated(f"{self._held.total()} {self._what} are under way", "try again in a few seconds")
        self._held[who] += 1
        held = Held(self, who)
        try:
            yield held
        finally:
            held.give_back()

    def give_back(self, who: str) -> None:
        """One of this caller's is over."""
        self._held[who] -= 1
        if not self._held[who]:
            del self._held[who]
