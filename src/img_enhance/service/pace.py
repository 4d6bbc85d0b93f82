"""How fast this machine is, compared with estimates: of each kind of work by itself, learned anew by every run of the service."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

# An estimate is believed as if so much work had shown it right, and what was seen counts up to so much work, so nothing counts for ever.
_BELIEVED_SECONDS, _REMEMBERED_SECONDS = 5.0, 200.0
# Most of a smaller job is reading, starting and answering, which says nothing of the speed of the work.
_TINY_SECONDS = 0.5
_MOST_RATIO = 20.0

TONES = "tones"


def kind_of_work(request: Mapping[str, Any]) -> str:
    """What most of a recipe's work is: the model of its first network, else tones."""
    steps = request.get("steps")
    models = [str(step["model"]) for step in steps if "model" in step] if isinstance(steps, list) else []
    return models[0] if models else TONES


class Pace:
    """Turns estimated seconds into those that are expected of so many workers."""

    def __init__(self, workers: int) -> None:
        self._workers = max(1, workers)
        # Of each kind: seconds estimated, seconds measured.
        self._seen: dict[str, tuple[float, float]] = defaultdict(lambda: (_BELIEVED_SECONDS, _BELIEVED_SECONDS))

    def learn(self, kind: str, estimated_seconds: float, measured_seconds: float) -> None:
        """Learn from a job that has ended."""
        if estimated_seconds < _TINY_SECONDS:
            return
        estimated, measured = self._seen[kind]
        kept = max(0.0, 1 - estimated_seconds / _REMEMBERED_SECONDS)
        most = estimated_seconds * _MOST_RATIO
        self._seen[kind] = estimated * kept + estimated_seconds, measured * kept + min(measured_seconds, most)

    def expected(self, kind: str, seconds: float) -> float:
        """How long work of a kind will take that is estimated at so many seconds."""
        estimated, measured = self._seen.get(kind, (1.0, 1.0))
        return seconds * measured / estimated

    def expected_of(self, seconds: Mapping[str, float]) -> float:
        """How long work of several kinds will take one worker."""
        return sum(self.expected(kind, each) for kind, each in seconds.items())

    def shared(self, seconds: float) -> float:
        """How long the workers together take for so many seconds of one."""
        return seconds / self._workers
