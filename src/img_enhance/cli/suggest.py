"""The words of `img-enhance suggest`: a table of steps, how strong, and why."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING

from img_enhance.cli.flags import flagged
from img_enhance.request.recipe import Reason

if TYPE_CHECKING:
    from img_enhance.suggest.suggest import Suggestion

_HEADER = ("do", "step", "strength", "why")
_WIDTH = 140
_GAP = "  "


def table(suggestion: Suggestion) -> str:
    """The steps in the order they run, those left out marked "no"; lines of at most 140 characters."""
    rows = [("yes" if reason.chosen else "no", reason.step, reason.strength or "-", flagged(reason.words)) for reason in suggestion.reasons]
    widths = [max(len(row[column]) for row in (_HEADER, *rows)) for column in range(len(_HEADER) - 1)]
    return "".join(line + "\n" for row in (_HEADER, *rows) for line in _lines(row, widths))


def auto_lines(reasons: tuple[Reason, ...]) -> list[str]:
    """What was chosen automatically, a line a step; none where nothing was to be chosen."""
    lines = [f"Auto: {reason.step} {reason.strength}: {flagged(reason.words)}" for reason in reasons if reason.chosen]
    return lines or ["Auto: nothing to do, the photo is good as it is"] * bool(reasons)


def _lines(row: tuple[str, ...], widths: list[int]) -> Iterator[str]:
    left = _GAP.join(text.ljust(width) for text, width in zip(row, widths, strict=False))
    words = textwrap.wrap(row[-1], _WIDTH - len(left) - len(_GAP))
    for number, part in enumerate(words):
        yield (left if number == 0 else " " * len(left)) + _GAP + part
