"""Turns: nobody has more than a share of what everybody waits for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from img_enhance.jobs.refusals import QuotaReached


class Turns:
    """Counts what every quota has under way."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._under_way: Counter[str] = Counter()

    @contextmanager
    def taken(self, quota: str) -> Iterator[None]:
        """One turn, until the end of the block.

        Raises: QuotaReached when this quota has all of its turns.
        """
        if self._under_way[quota] >= self._most:
            raise QuotaReached(f"{self._most} of your previews are being made", "wait for them before you ask for the next one")
        self._under_way[quota] += 1
        try:
            yield
        finally:
            self._under_way[quota] -= 1
            if not self._under_way[quota]:
                del self._under_way[quota]
