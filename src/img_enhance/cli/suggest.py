"""The command `img-enhance suggest`, and its words: a table of steps, how strong, and why."""

from __future__ import annotations

import argparse
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from img_enhance.cancelling import ticking
from img_enhance.cli.files import piped
from img_enhance.cli.flags import add_flags, flagged, read, set_run
from img_enhance.cli.models import store_of
from img_enhance.cli.screen import interruptible, say
from img_enhance.machine.settings import model_table
from img_enhance.request.options import Input, Limits, Machine
from img_enhance.request.recipe import Reason, left_out

if TYPE_CHECKING:
    from img_enhance.suggest.suggest import Suggestion

_HEADER = ("do", "step", "strength", "why")
_WIDTH = 140
_GAP = "  "


@dataclass(frozen=True)
class SuggestRequest:
    """What the command was asked for; `photo` may be a pipe."""

    photo: Path
    limits: Limits
    reading: Input
    machine: Machine
    json: bool


def add_suggest(commands: Any) -> None:
    """Add the command to the parser's `commands`."""
    command = commands.add_parser(
        "suggest",
        usage="%(prog)s [options] PHOTO",
        help="say what would make a photo better",
        description="Measures a photo and says which steps would make it better, how strong, and why. Nothing is written.",
    )
    command.add_argument("photo", metavar="PHOTO", type=Path, help="as for enhance")
    command.add_argument("--json", action="store_true", help="print recipe, reasons and facts as JSON, which enhance --recipe reads")
    add_flags(command, "suggestion", Limits)
    add_flags(command, "photo", Input)
    add_flags(command, "machine", Machine)
    set_run(command, _suggest, _request)


def _request(arguments: argparse.Namespace) -> SuggestRequest:
    return SuggestRequest(
        photo=arguments.photo,
        limits=read(arguments, Limits),
        machine=read(arguments, Machine),
        reading=read(arguments, Input),
        json=arguments.json,
    )


def _suggest(request: SuggestRequest) -> int:
    with interruptible() as cancelled, piped(request.photo, None) as (photo, _):
        suggestion = _suggestion(request, photo, cancelled)
    for warning in suggestion.warnings:
        say(f"[WARNING] {flagged(warning)}")
    sys.stdout.write(suggestion.to_json() if request.json else table(suggestion))
    return 0


def _suggestion(request: SuggestRequest, photo: Path, cancelled: Callable[[], bool]) -> Suggestion:
    from img_enhance.suggest.suggest import suggest_file

    store = store_of(offline=False)
    return suggest_file(
        photo,
        request.limits,
        machine=request.machine,
        reading=request.reading,
        store=store,
        models=model_table(store),
        tick=ticking(cancelled),
    )


def table(suggestion: Suggestion) -> str:
    """The steps in the order they run, those left out marked "no"; lines of at most 140 characters."""
    rows = [("yes" if reason.chosen else "no", reason.step, reason.strength or "-", flagged(reason.words)) for reason in suggestion.reasons]
    widths = [max(len(row[column]) for row in (_HEADER, *rows)) for column in range(len(_HEADER) - 1)]
    return "".join(line + "\n" for row in (_HEADER, *rows) for line in _lines(row, widths))


def auto_lines(reasons: tuple[Reason, ...]) -> list[str]:
    """What was chosen automatically, a line a step, and what was noticed and left; none where nothing was to be chosen."""
    chosen = [f"Auto: {reason.step} {reason.strength}: {flagged(reason.words)}" for reason in reasons if reason.chosen]
    left = [f"Auto: {flagged(words)}" for words in left_out(reasons)]
    if chosen or not reasons:
        return [*chosen, *left]
    return ["Auto: no step is chosen", *left] if left else ["Auto: nothing to do, the photo is good as it is"]


def _lines(row: tuple[str, ...], widths: list[int]) -> Iterator[str]:
    left = _GAP.join(text.ljust(width) for text, width in zip(row, widths, strict=False))
    words = textwrap.wrap(row[-1], _WIDTH - len(left) - len(_GAP))
    for number, part in enumerate(words):
        yield (left if number == 0 else " " * len(left)) + _GAP + part
