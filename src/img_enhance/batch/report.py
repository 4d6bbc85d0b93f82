"""The reports of a run, beside its results: report.json and report.csv for programs, report.html for people."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from img_enhance import __version__
from img_enhance.batch.links import link_to
from img_enhance.batch.manifest import Manifest
from img_enhance.batch.outcome import PhotoOutcome, RunSummary
from img_enhance.batch.page import page_parts
from img_enhance.batch.summary import algorithms_of, numbers_of, shown_text
from img_enhance.files import replacing

JSON, CSV, HTML = "report.json", "report.csv", "report.html"

# What spreadsheets take for a formula, which would run: names are given by strangers. What follows an apostrophe is a text to them.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def of_whole_folder(run: RunSummary, manifest: Manifest, asked: Collection[str]) -> RunSummary:
    """The run with photos that it was not `asked` for, but whose results, of earlier runs, lie beside its own: as skipped."""
    asked = {*asked, *(outcome.source for outcome in run.outcomes)}
    earlier = (row for source, row in sorted(manifest.rows.items()) if source not in asked and manifest.is_ours(row))
    skipped = (dataclasses.replace(row, status="skipped", why="done by an earlier run") for row in earlier)
    return dataclasses.replace(run, outcomes=(*run.outcomes, *skipped))


def write_reports(run: RunSummary, out: Path) -> tuple[Path, ...]:
    """Write the three reports of a run to `out`, in place of those of earlier runs, and say where. Each appears complete or not at all.

    Raises: OutputError, DiskError when one cannot be written.
    """
    reports = {JSON: json_parts(run, out), CSV: csv_parts(run), HTML: page_parts(run, out)}
    for name, parts in reports.items():
        with replacing(out / name, overwrite=True) as partial, partial.open("w", encoding="utf-8", newline="") as file:
            file.writelines(parts)
    return tuple(out / name for name in reports)


def json_parts(run: RunSummary, out: Path) -> Iterator[str]:
    """The text of report.json: numbers, algorithms, and a line for each photo, from which `PhotoOutcome.from_mapping` makes it again."""
    numbers, algorithms = numbers_of(run), algorithms_of(run.outcomes)
    head = {
        "version": __version__,
        "summary": {
            "total_images": numbers.total,
            "success": numbers.success,
            "failed": numbers.failed,
            "skipped": numbers.skipped,
            "success_rate": numbers.success_rate,
            "average_seconds": numbers.average_seconds,
            "fastest": _timed(numbers.fastest),
            "slowest": _timed(numbers.slowest),
            "total_seconds": numbers.total_seconds,
            "left": run.left,
            "stopped": run.stopped,
        },
        "algorithms": [
            {**dataclasses.asdict(each), "why_not": [{"why": why, "photos": photos} for why, photos in each.why_not]} for each in algorithms
        ],
    }
    yield _json(head, indent=2)[: -len("\n}")] + ',\n  "photos": ['
    for number, outcome in enumerate(run.outcomes):
        yield (",\n    " if number else "\n    ") + _json(_photo(outcome, out))
    yield "\n  ]\n}\n"


def _timed(outcome: PhotoOutcome | None) -> dict[str, Any] | None:
    return None if outcome is None else {"source": outcome.source, "seconds": outcome.seconds}


def _photo(outcome: PhotoOutcome, out: Path) -> dict[str, Any]:
    """The outcome as JSON values, without what only the run needs; the links have the very bytes of names that are no text."""
    values = outcome.to_mapping()
    del values["staged"]
    links = {"photo_link": link_to(outcome.path, out), "result_link": link_to(str(out / outcome.result), out) if outcome.result else ""}
    return values | links


def _json(value: Any, **layout: Any) -> str:
    return shown_text(json.dumps(value, ensure_ascii=False, **layout))


def csv_parts(run: RunSummary) -> Iterator[str]:
    """The text of report.csv: a line of names, and one for each photo."""
    names = list(_cells(PhotoOutcome("", "", "done")))
    yield _csv_line(names)
    for outcome in run.outcomes:
        yield _csv_line([_cell(value) for value in _cells(outcome).values()])


def _cells(outcome: PhotoOutcome) -> dict[str, object]:
    failure = outcome.failure
    return {
        "source": outcome.source,
        "status": outcome.status,
        "result": outcome.result,
        "why": outcome.why,
        "failure_code": failure.code if failure else "",
        "failure": failure.text if failure else "",
        "seconds": round(outcome.seconds, 3),
        "peak_bytes": outcome.peak_bytes,
        "format": outcome.format,
        "width": outcome.size[0],
        "height": outcome.size[1],
        "result_format": outcome.result_format,
        "result_width": outcome.result_size[0],
        "result_height": outcome.result_size[1],
        "steps": "; ".join(each.name for each in outcome.algorithms if each.executed),
        "reasons": "; ".join(f"{each.step}: {each.words}" for each in outcome.reasons),
        "warnings": "; ".join(outcome.warnings),
        "done": outcome.done_text,
        "device": outcome.device,
        "precision": outcome.precision,
        "sha256": outcome.sha256,
        "finished": datetime.fromtimestamp(outcome.finished, UTC).isoformat(timespec="seconds") if outcome.finished else "",
    }


def _cell(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _csv_line(cells: list[Any]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return shown_text(line.getvalue())
