"""report.html: a run as a page for people. It asks for nothing over the network, and shows thumbnails as they are scrolled into sight."""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from string import Template
from typing import Any

from img_enhance import __version__
from img_enhance.batch.links import link_to, thumbnail_names
from img_enhance.batch.outcome import AlgorithmRun, Failure, Phase, PhotoOutcome, RunSummary
from img_enhance.batch.summary import Algorithm, algorithms_of, labelled, numbers_of, rate_text, reasons_of, shown_text
from img_enhance.request.recipe import Reason
from img_enhance.units import bytes_text, count_text, seconds_text

_STATUS = {"done": "success", "failed": "failed", "skipped": "skipped"}


def page_parts(run: RunSummary, out: Path) -> Iterator[str]:
    """The text of report.html, which will lie in `out`."""
    style, script = _static("report.css"), _static("report.js")
    before_rows, after_rows = _static("report.html").split("$rows")
    yield Template(before_rows).substitute(
        title=_escaped(f"Photos of {out.absolute().name}"),
        about=_escaped(_about(run)),
        numbers="\n".join(f"<div><dt>{label}</dt><dd>{_escaped(text)}</dd></div>" for label, text in labelled(numbers_of(run))),
        algorithms=_table(algorithms_of(run.outcomes)),
        style=style,
        style_source=_source(style),
        script_source=_source(script),
    )
    for number, outcome in enumerate(run.outcomes):
        yield ("," if number else "") + "\n" + _json(_row(outcome, out))
    yield Template(after_rows).substitute(script=script)


def _static(name: str) -> str:
    return (Path(__file__).parent / "static" / name).read_text(encoding="utf-8")


def _source(text: str) -> str:
    """What allows a page to run or apply just this text. Source: Content Security Policy Level 3, section 2.3.1."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _escaped(text: str) -> str:
    return html.escape(shown_text(text))


def _json(value: Any) -> str:
    """JSON that nothing in it can end early in a page: no tag, no comment."""
    return shown_text(json.dumps(value, ensure_ascii=False, separators=(",", ":"))).replace("<", "\\u003c")


def _about(run: RunSummary) -> str:
    finished = max((outcome.finished for outcome in run.outcomes), default=0)
    when = f", {datetime.fromtimestamp(finished, UTC):%Y-%m-%d %H:%M} UTC" if finished else ""
    stopped = f"; stopped early: {run.stopped}" if run.stopped else ""
    left = f"; {count_text(run.left, 'photo')} left to do" if run.left else ""
    return f"img-enhance {__version__}{when}{stopped}{left}"


def _table(algorithms: tuple[Algorithm, ...]) -> str:
    if not algorithms:
        return ""
    heads = "".join(f'<th scope="col">{name}</th>' for name in ("Algorithm", "Load success", "Execution success"))
    rows = "\n".join(map(_table_rows, algorithms))
    return f"<table><thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}\n</tbody></table>"


def _table_rows(each: Algorithm) -> str:
    """A row with the rates, and one with the reasons why not, if there are any."""
    texts = (each.name, rate_text(each.loaded, each.photos), rate_text(each.executed, each.photos))
    rates = f"<tr>{''.join(f'<td>{_escaped(text)}</td>' for text in texts)}</tr>"
    reasons = "<br>".join(map(_escaped, reasons_of(each)))
    return rates + (f'\n<tr class="why"><td colspan="3">{reasons}</td></tr>' if reasons else "")


def _row(outcome: PhotoOutcome, out: Path) -> dict[str, Any]:
    """What the page shows of a photo: texts as they are shown, numbers to sort by."""
    before, after = (name if (out / name).exists() else "" for name in thumbnail_names(outcome.source))
    size, result_size = ("x".join(map(str, pair)) if pair[0] else "" for pair in (outcome.size, outcome.result_size))
    return {
        "name": outcome.source,
        "status": _STATUS[outcome.status],
        "photo": link_to(outcome.path, out),
        "result": link_to(str(out / outcome.result), out) if outcome.result else "",
        "before": before,
        "after": after,
        "sizes": f"{size} to {result_size}" if size and result_size else size,
        "pixels": max(outcome.size[0] * outcome.size[1], outcome.result_size[0] * outcome.result_size[1]),
        "seconds": round(outcome.seconds, 3),
        "took": seconds_text(outcome.seconds) if outcome.seconds else "",
        "bytes": outcome.peak_bytes,
        "memory": bytes_text(outcome.peak_bytes) if outcome.peak_bytes else "",
        "done": outcome.done_text,
        "problem": outcome.failure.text if outcome.failure else outcome.why,
        "steps": [
            *map(_phase_text, outcome.phases),
            *(_missed_text(each, outcome.failure) for each in outcome.algorithms if not each.executed),
        ],
        "reasons": [_reason_text(each) for each in outcome.reasons],
        "warnings": list(outcome.warnings),
    }


def _phase_text(phase: Phase) -> str:
    memory = f", {bytes_text(phase.peak_bytes)}" if phase.peak_bytes else ""
    unchanged = f"; unchanged, because {phase.unchanged}" if phase.unchanged else ""
    return f"{phase.name}: {seconds_text(phase.seconds)}{memory}{unchanged}"


def _missed_text(run: AlgorithmRun, failure: Failure | None) -> str:
    missed = f"{run.name}: {'did not run' if run.loaded else 'could not be loaded'}"
    is_said = failure is not None and failure.text == run.why_not
    return missed if is_said else f"{missed}, because {run.why_not}"


def _reason_text(reason: Reason) -> str:
    return f"{reason.step} {reason.strength if reason.chosen else 'left out'}: {reason.words}"
