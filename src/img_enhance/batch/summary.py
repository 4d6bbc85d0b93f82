"""A run in numbers: how many photos came out well, how long they took, and how often each algorithm could be loaded and ran."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from img_enhance.batch.outcome import AlgorithmRun, PhotoOutcome, RunSummary
from img_enhance.units import count_text, seconds_text

# How many reasons are told of what went wrong with an algorithm; every photo has its own.
MOST_REASONS = 3

NONE = "-"

_SURROGATES = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Numbers:
    """What a run comes to. Times are of the photos that this run did, not of those that were done before; None where there are none."""

    total: int
    success: int
    failed: int
    skipped: int
    total_seconds: float
    average_seconds: float | None
    fastest: PhotoOutcome | None
    slowest: PhotoOutcome | None

    @property
    def success_rate(self) -> float | None:
        """The share of successes among the photos that were tried; None where none was."""
        tried = self.success + self.failed
        return self.success / tried if tried else None


@dataclass(frozen=True)
class Algorithm:
    """How an algorithm fared: of `photos` that it was meant for, with how many it was `loaded` and `executed`, and why not with others.

    `why_not` are the reasons with how many photos each holds for, the most frequent first.
    """

    name: str
    photos: int
    loaded: int
    executed: int
    why_not: tuple[tuple[str, int], ...] = ()


def numbers_of(run: RunSummary) -> Numbers:
    """The numbers of a run."""
    done = run.of("done")
    by_time = sorted(done, key=lambda outcome: outcome.seconds)
    return Numbers(
        total=len(run.outcomes) + run.left,
        success=len(done),
        failed=len(run.of("failed")),
        skipped=len(run.of("skipped")),
        total_seconds=run.seconds,
        average_seconds=sum(outcome.seconds for outcome in done) / len(done) if done else None,
        fastest=by_time[0] if by_time else None,
        slowest=by_time[-1] if by_time else None,
    )


def algorithms_of(outcomes: Iterable[PhotoOutcome]) -> tuple[Algorithm, ...]:
    """Each algorithm that a photo was meant to go through, in the order in which they are met. What earlier runs did is counted too."""
    found: dict[str, list[AlgorithmRun]] = {}
    for outcome in outcomes:
        for run in outcome.algorithms:
            # What befell several photos is one reason, though each error names its photo.
            alike = dataclasses.replace(run, why_not=run.why_not.replace(outcome.path, "the photo"))
            found.setdefault(run.name, []).append(alike)
    return tuple(_algorithm(name, runs) for name, runs in found.items())


def _algorithm(name: str, runs: list[AlgorithmRun]) -> Algorithm:
    reasons = Counter(str(run.why_not) for run in runs if not run.executed)
    return Algorithm(name, len(runs), sum(run.loaded for run in runs), sum(run.executed for run in runs), tuple(reasons.most_common()))


def labelled(numbers: Numbers) -> tuple[tuple[str, str], ...]:
    """The numbers as a person reads them, each with its label."""
    tried = numbers.success + numbers.failed
    return (
        ("Total images", str(numbers.total)),
        ("Success", str(numbers.success)),
        ("Failed", str(numbers.failed)),
        ("Skipped", str(numbers.skipped)),
        ("Success rate", rate_text(numbers.success, tried)),
        ("Average time per image", NONE if numbers.average_seconds is None else seconds_text(numbers.average_seconds)),
        ("Fastest image", _timed(numbers.fastest)),
        ("Slowest image", _timed(numbers.slowest)),
        ("Total processing time", seconds_text(numbers.total_seconds)),
    )


def rate_text(count: int, of: int) -> str:
    """14 of 15 is "93.3% (14/15)". Rounded down, so that only all of them are "100%"."""
    if of == 0:
        return NONE
    return f"{100 if count == of else int(1000 * count / of) / 10}% ({count}/{of})"


def summary_lines(run: RunSummary) -> tuple[str, ...]:
    """The lines for the end of a run, plain ASCII: numbers, and a table of algorithms where there were any."""
    lines = [f"{label}: {text}" for label, text in labelled(numbers_of(run))]
    if algorithms := algorithms_of(run.outcomes):
        lines += ["", *_table(algorithms)]
    return tuple(ascii_text(line) for line in lines)


def _table(algorithms: tuple[Algorithm, ...]) -> list[str]:
    rows = [("Algorithm", "Load success", "Execution success")]
    rows += [(each.name, rate_text(each.loaded, each.photos), rate_text(each.executed, each.photos)) for each in algorithms]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return [lines[0]] + [line for row, each in zip(lines[1:], algorithms, strict=True) for line in (row, *_indented(each))]


def _indented(algorithm: Algorithm) -> list[str]:
    return [f"  {line}" for line in reasons_of(algorithm)]


def reasons_of(algorithm: Algorithm) -> tuple[str, ...]:
    """Why an algorithm was not loaded or did not run, a line for each reason: the most frequent ones, and how many there are more."""
    told, rest = algorithm.why_not[:MOST_REASONS], algorithm.why_not[MOST_REASONS:]
    lines = [f"{count_text(count, 'photo')}: {why}" for why, count in told]
    if rest:
        lines.append(count_text(sum(count for _, count in rest), "photo") + " for other reasons")
    return tuple(lines)


def _timed(outcome: PhotoOutcome | None) -> str:
    return NONE if outcome is None else f"{seconds_text(outcome.seconds)} ({outcome.source})"


def shown_text(text: str) -> str:
    """The text as every program can read it: bytes of names that are no Unicode, which Python keeps as surrogates, become U+FFFD."""
    return _SURROGATES.sub("\ufffd", text)


def ascii_text(text: str) -> str:
    """The text in one line of plain ASCII: whatever else stands in a name is escaped as in Python."""
    return "".join(letter if " " <= letter <= "~" else ascii(letter)[1:-1] for letter in text)
