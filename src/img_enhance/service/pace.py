"""How fast this machine is, compared with estimates: of each kind of work by itself, learned from the jobs that it has done."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

# An estimate is believed as if so much work had shown it right, and what was seen counts up to so much work, so nothing counts for ever.
_BELIEVED_SECONDS, _REMEMBERED_SECONDS = 5.0, 200.0
# Most of a smaller job is reading, starting and answering, which says nothing of the speed of the work, but all of what comes beside it.
_TINY_SECONDS = 0.5
_MOST_RATIO = 20.0
_BESIDE_SHARE, _BESIDE_GROWTH, _BESIDE_STEP_SECONDS = 0.2, 3.0, 0.2

TONES = "tones"


def kind_of_work(request: Mapping[str, Any]) -> str:
    """What most of a recipe's work is: the model of its first network, else tones."""
    steps = request.get("steps")
    models = [str(step["model"]) for step in steps if "model" in step] if isinstance(steps, list) else []
    return models[0] if models else TONES


class Pace:
    """Turns estimated seconds into those that are expected here, with what every job takes beside its work."""

    def __init__(self) -> None:
        # Of each kind: seconds estimated, seconds measured.
        self._seen: dict[str, tuple[float, float]] = defaultdict(lambda: (_BELIEVED_SECONDS, _BELIEVED_SECONDS))
        self._beside_seconds = 0.0

    def learn(self, kind: str, estimated_seconds: float, measured_seconds: float) -> None:
        """Learn from a job that has ended, and in which time its worker could do nothing else."""
        if estimated_seconds < _TINY_SECONDS:
            self._learn_beside(measured_seconds - self._work(kind, estimated_seconds))
            return
        estimated, measured = self._seen[kind]
        kept = max(0.0, 1 - estimated_seconds / _REMEMBERED_SECONDS)
        work = min(max(measured_seconds - self._beside_seconds, 0.0), estimated_seconds * _MOST_RATIO)
        self._seen[kind] = estimated * kept + estimated_seconds, measured * kept + work

    def expected(self, kind: str, seconds: float) -> float:
        """How long a job of a kind will take that is estimated at so many seconds."""
        return self._work(kind, seconds) + self._beside_seconds

    def expected_of(self, seconds: Mapping[str, float]) -> float:
        """How long work of several kinds will take one worker."""
        return sum(self._work(kind, each) for kind, each in seconds.items())

    def _work(self, kind: str, seconds: float) -> float:
        estimated, measured = self._seen.get(kind, (1.0, 1.0))
        return seconds * measured / estimated

    def _learn_beside(self, seconds: float) -> None:
        """Learn from the latest jobs, none of which counts for much more than those before it."""
        believed = min(max(seconds, 0.0), _BESIDE_GROWTH * self._beside_seconds + _BESIDE_STEP_SECONDS)
        self._beside_seconds += _BESIDE_SHARE * (believed - self._beside_seconds)
