"""Tables of what the methods did and of what the auto mode chose."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from quality.degradations import CAST, LOW_LIGHT, UNDEGRADED
from quality.findings import Choice, Measurement, Scores
from quality.ours import AUTO, OURS, STEPS
from tables import Cell, Column, Table, verdict

# Goals: what auto mode may do to a photo that is right as it is, and how often it must choose rightly.
MOST_HARM = 1.5
LEAST_RIGHT_PERCENT = 90

NOTHING = "nothing"

# Where there is little light, lifting it and spreading it are both right.
RIGHT_STEPS = {**{family: (step,) for family, step in STEPS.items()}, LOW_LIGHT: ("clahe", "exposure_correction")}


@dataclass(frozen=True)
class Metric:
    """`better` picks the best of several figures."""

    name: str
    format: str
    of: Callable[[Scores], float | None]
    better: Callable[[Iterable[float]], float]


PSNR = Metric("PSNR", ".2f", lambda scores: scores.psnr, max)
SSIM = Metric("SSIM", ".4f", lambda scores: scores.ssim, max)
CIEDE2000 = Metric("CIEDE2000", ".2f", lambda scores: scores.ciede2000, min)
ANGLE = Metric("angle", ".2f", lambda scores: scores.angle, min)


def metrics_of(family: str) -> tuple[Metric, ...]:
    return (PSNR, SSIM, CIEDE2000, ANGLE) if family == CAST else (PSNR, SSIM, CIEDE2000)


def family_table(family: str, measurements: Sequence[Measurement]) -> Table:
    """One row a method: means over all photos and degradations of the family."""
    metrics = metrics_of(family)
    means = {method: tuple(_mean(m, metric) for metric in metrics) for method, m in _by_method(measurements).items()}
    peers = {method: row for method, row in means.items() if method not in (OURS, AUTO)}
    best = tuple(_best(metric, (row[i] for row in peers.values())) for i, metric in enumerate(metrics))

    def judged(method: str, row: tuple[float | None, ...]) -> Cell:
        if method in peers:
            return None
        return _harm_verdict(row[metrics.index(CIEDE2000)]) if family == UNDEGRADED else _best_verdict(metrics, row, best)

    return Table(
        f"Quality: {family}",
        _about(family, measurements),
        (Column("method"), *(Column(metric.name, metric.format) for metric in metrics), Column("goal")),
        tuple((method, *row, judged(method, row)) for method, row in means.items()),
    )


def photo_table(family: str, measurements: Sequence[Measurement]) -> Table:
    """One row for each photo, degradation and method."""
    metrics = metrics_of(family)
    return Table(
        f"Quality: {family}, photo by photo",
        "The figures behind the means.",
        (Column("photo"), Column("degradation"), Column("method"), *(Column(metric.name, metric.format) for metric in metrics)),
        tuple((m.photo, m.degradation, m.method, *(metric.of(m.scores) for metric in metrics)) for m in measurements),
    )


def choice_table(choices: Sequence[Choice]) -> Table:
    """What auto mode should have chosen, down, against what it chose, across; a photo with two steps counts in both columns."""
    families = list(dict.fromkeys(choice.family for choice in choices))
    columns = (*dict.fromkeys(step for steps in RIGHT_STEPS.values() for step in steps), NOTHING)
    rows: list[tuple[Cell, ...]] = []
    for family in families:
        of_family = [choice for choice in choices if choice.family == family]
        counts = [sum(column in (choice.steps or (NOTHING,)) for choice in of_family) for column in columns]
        rows.append((family, len(of_family), *counts, _percent_right(of_family)))
    return Table(
        "Auto mode: which step should be chosen, and which was",
        f"Photos of each family by the steps that auto mode chose; right: {_right_text()}.",
        (Column("family"), Column("photos"), *map(Column, columns), Column("right %", ".1f")),
        tuple(rows),
        _choice_verdicts(choices),
    )


def wrong_choices(choices: Sequence[Choice]) -> Table:
    """One row for each photo that auto mode chose wrongly for."""
    return Table(
        "Auto mode: wrong choices",
        "Each photo that auto mode chose wrongly for.",
        (Column("photo"), Column("degradation"), Column("chosen")),
        tuple((choice.photo, choice.degradation, ", ".join(choice.steps) or NOTHING) for choice in choices if not _right(choice)),
    )


def _right(choice: Choice) -> bool:
    right = RIGHT_STEPS.get(choice.family)
    return not choice.steps if right is None else any(step in right for step in choice.steps)


def _percent_right(choices: Sequence[Choice]) -> float | None:
    return 100 * fmean(map(_right, choices)) if choices else None


def _choice_verdicts(choices: Sequence[Choice]) -> tuple[str, ...]:
    groups = (
        ("the right step in {}% of degraded photos", [choice for choice in choices if choice.family != UNDEGRADED]),
        ("no step in {}% of undegraded photos", [choice for choice in choices if choice.family == UNDEGRADED]),
    )
    said = []
    for goal, group in groups:
        percent = _percent_right(group)
        if percent is not None:
            said.append(
                verdict(percent >= LEAST_RIGHT_PERCENT, f"{goal.format(f'{percent:.1f} ')}; goal: at least {LEAST_RIGHT_PERCENT} %")
            )
    return tuple(said)


def _right_text() -> str:
    return "; ".join(f"{family}: {' or '.join(steps)}" for family, steps in RIGHT_STEPS.items()) + f"; {UNDEGRADED}: {NOTHING}"


def _harm_verdict(ciede2000: float | None) -> str:
    assert ciede2000 is not None
    return verdict(ciede2000 < MOST_HARM, f"CIEDE2000 under {MOST_HARM}")


def _best_verdict(metrics: Sequence[Metric], row: Sequence[float | None], best: Sequence[float | None]) -> str:
    lost = [
        metric.name
        for metric, own, other in zip(metrics, row, best, strict=True)
        if own is not None and other is not None and metric.better((own, other)) != own
    ]
    return verdict(not lost, f"not best in {', '.join(lost)}" if lost else "best of all")


def _about(family: str, measurements: Sequence[Measurement]) -> str:
    photos = len({m.photo for m in measurements})
    ways = ", ".join(dict.fromkeys(m.degradation for m in measurements))
    against = "the photo as it was given" if family == UNDEGRADED else "the photo before it was degraded"
    return f"Means over {photos} photos, each with {ways}; against {against}."


def _by_method(measurements: Iterable[Measurement]) -> dict[str, list[Measurement]]:
    found: dict[str, list[Measurement]] = {}
    for measurement in measurements:
        found.setdefault(measurement.method, []).append(measurement)
    return found


def _mean(measurements: Iterable[Measurement], metric: Metric) -> float | None:
    known = [value for m in measurements if (value := metric.of(m.scores)) is not None]
    return fmean(known) if known else None


def _best(metric: Metric, values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return metric.better(known) if known else None
