"""How long a run over many photos will take yet.

Work is counted in seconds as plans foretell them. Photos that are done or at work have plans; what is still to come is taken to need as
much for each pixel as those do, or for each byte where pixels are not known. The clock then tells how fast planned seconds go by for a
photo at work, which makes up for plans that are wrong all alike, and for photos side by side that hinder each other.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from img_enhance.batch.lanes import AtWork

# At first, plans are believed: so many seconds of one photo's work count as if they had gone as planned.
_BELIEVED_SECONDS = 5.0

# What is told moves towards what is found within this part of itself, so that one photo that surprises does not make it jump.
_SMOOTH, _LEAST_SMOOTH_SECONDS = 0.1, 1.0


@dataclass(frozen=True)
class Sized:
    """What is known of a photo before its turn: pixels, 0 where they are not known, and bytes of its file."""

    pixels: int
    bytes: int


class TimeLeft:
    """Told when photos end and asked how long the rest will take; `photos` are all that there are to do, by their names."""

    def __init__(self, photos: Mapping[str, Sized]) -> None:
        self._coming = dict(photos)
        self._ended = list[tuple[Sized, float]]()
        self._busy_seconds, self._most, self._last = 0.0, 1, (0.0, 0)
        self._shown: tuple[float, float] | None = None

    def pass_by(self, now: float, count: int) -> None:
        """So many photos are at work since the last call; to be called often."""
        before, working = self._last
        self._busy_seconds += (now - before) * working
        self._last, self._most = (now, count), max(self._most, count)

    def ended(self, name: str, planned_seconds: float) -> None:
        """A photo is over; one that never had a plan is only left out."""
        sized = self._coming.pop(name, None)
        if sized is not None and planned_seconds > 0:
            self._ended.append((sized, planned_seconds))

    def seconds(self, now: float, at_work: Mapping[str, AtWork]) -> float | None:
        """The seconds left at `now`, by any clock that only goes forward; None while nothing is known.

        Asked again and again it goes down by what has gone by, and bends slowly to what is found meanwhile.
        """
        found = self._found(at_work)
        if found is None:
            return None
        if self._shown is None:
            self._shown = now, found
        before, shown = self._shown
        expected = max(0.0, shown - (now - before))
        smooth_seconds = max(_LEAST_SMOOTH_SECONDS, _SMOOTH * expected)
        bent = expected + (found - expected) * -math.expm1(-(now - before) / smooth_seconds)
        self._shown = now, bent
        return bent

    def _found(self, at_work: Mapping[str, AtWork]) -> float | None:
        planned = {name: each for name, each in at_work.items() if each.seconds > 0 and name in self._coming}
        known = [*self._ended, *((self._coming[name], each.seconds) for name, each in planned.items())]
        if not known:
            return None
        done = sum(seconds for _, seconds in self._ended) + sum(each.seconds * each.fraction for each in planned.values())
        left = [each.seconds * (1 - each.fraction) for each in planned.values()]
        left += _likely_seconds((sized for name, sized in self._coming.items() if name not in planned), known)
        speed = (done + _BELIEVED_SECONDS) / (self._busy_seconds + _BELIEVED_SECONDS)
        # The longest photo may outlast all others side by side.
        return max(sum(left) / self._most, max(left, default=0.0)) / speed


def _likely_seconds(coming: Iterable[Sized], known: list[tuple[Sized, float]]) -> list[float]:
    """What plans of these will say, by what those of others say for each pixel and each byte."""
    by_pixels = _ratio((sized.pixels, seconds) for sized, seconds in known)
    by_bytes = _ratio((sized.bytes, seconds) for sized, seconds in known)
    return [sized.pixels * by_pixels if sized.pixels and by_pixels else sized.bytes * by_bytes for sized in coming]


def _ratio(pairs: Iterable[tuple[int, float]]) -> float:
    """Seconds for each of what was counted; 0 where nothing was."""
    counted = [(count, seconds) for count, seconds in pairs if count]
    return sum(seconds for _, seconds in counted) / sum(count for count, _ in counted) if counted else 0.0
