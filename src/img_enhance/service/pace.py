"""How fast this machine is, compared with estimates; learned anew by every run of the service."""

from __future__ import annotations

# The latest job counts so much in what is learned, and no job for more than these.
_WEIGHT = 0.2
_LEAST_RATIO, _MOST_RATIO = 0.05, 20.0
_LEAST_SECONDS = 0.05


class Pace:
    """Turns estimated seconds into those that are expected of so many workers."""

    def __init__(self, workers: int) -> None:
        self._workers = max(1, workers)
        self._ratio = 1.0

    def learn(self, estimated_seconds: float, measured_seconds: float) -> None:
        """Learn from a job that has ended."""
        ratio = measured_seconds / max(estimated_seconds, _LEAST_SECONDS)
        self._ratio += _WEIGHT * (min(max(ratio, _LEAST_RATIO), _MOST_RATIO) - self._ratio)

    def expected(self, seconds: float) -> float:
        """How long work will take that is estimated at so many seconds."""
        return seconds * self._ratio

    def expected_after(self, before_seconds: float, own_seconds: float) -> float:
        """When work will have ended before which other work waits, that the workers share."""
        return self.expected(before_seconds / self._workers + own_seconds)
