"""What is shown of a run over many photos: one live line on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Mapping

from img_enhance.batch.lanes import AtWork
from img_enhance.batch.outcome import PhotoOutcome
from img_enhance.batch.time_left import TimeLeft
from img_enhance.cli.screen import say
from img_enhance.units import count_text, seconds_text

# Without a terminal, at most one line in so many seconds.
PLAIN_SECONDS = 10.0
_LIVE_SECONDS = 0.2


class RunScreen:
    """Shows a run of `total` photos, as `run_photos` tells of it; `total` and `left` are None where more may come."""

    def __init__(self, total: int | None, left: TimeLeft | None, *, quiet: bool) -> None:
        self._total, self._left, self._quiet = total, left, quiet
        self._live = not quiet and sys.stderr.isatty()
        self._started = self._shown = time.monotonic()
        self._photos = 0
        self._megapixels = 0.0

    def tell(self, outcome: PhotoOutcome | None, at_work: Mapping[str, AtWork]) -> None:
        """Count an outcome, say a failure, and show how far the run is where it is time to."""
        if outcome is not None:
            self._count(outcome)
        now = time.monotonic()
        if self._left is not None:
            self._left.pass_by(now, len(at_work))
        if not self._quiet and now - self._shown >= (_LIVE_SECONDS if self._live else PLAIN_SECONDS):
            self._shown = now
            self._show(self._text(now, at_work), at_work)

    def end(self) -> None:
        """Take the live line away."""
        if self._live:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)

    def _count(self, outcome: PhotoOutcome) -> None:
        if outcome.status != "skipped":
            self._photos += 1
            self._megapixels += outcome.megapixels
            if self._left is not None:
                self._left.ended(outcome.source, outcome.planned_seconds)
        if outcome.failure is not None:
            self.end()
            say(f"[ERROR] {outcome.source}: {outcome.failure.text}")
        for warning in outcome.warnings if outcome.status == "done" and not self._quiet else ():
            self.end()
            say(f"[WARNING] {outcome.source}: {warning}")

    def _text(self, now: float, at_work: Mapping[str, AtWork]) -> str:
        photos = count_text(self._photos, "photo") if self._total is None else f"{self._photos} of {self._total} photos"
        if self._megapixels:
            photos += f", {self._megapixels:.1f} MP, {self._photos / (now - self._started):.2f} photos/s"
        left = None if self._left is None else self._left.seconds(now, at_work)
        return photos if left is None else f"{photos}, about {seconds_text(left)} left"

    def _show(self, text: str, at_work: Mapping[str, AtWork]) -> None:
        if not self._live:
            say(text)
            return
        line = ", ".join((text, *list(at_work)[:1]))
        print(f"\r{line[: shutil.get_terminal_size().columns - 1]}\x1b[K", end="", file=sys.stderr, flush=True)
