"""`img-enhance enhance --server URL`: the same flags, screen and files, and the work done elsewhere."""

from __future__ import annotations

import dataclasses
import json
import os
import time
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from img_enhance.cli.compare import check_sheet_of
from img_enhance.cli.enhance_request import EnhanceRequest, asked_file, default_output, say_done, shown_output, teller
from img_enhance.cli.files import beside, check_report, is_pipe, piped, pour, times_kept, write_report
from img_enhance.cli.screen import Tell, bar, bytes_bar, raising
from img_enhance.cli.suggest import auto_lines
from img_enhance.client import Client, JobStatus, Patience
from img_enhance.errors import Cancelled, DiskError, OptionError, OutputError
from img_enhance.files import check_output
from img_enhance.geometry import Size
from img_enhance.photo import FORMATS, format_of_ending
from img_enhance.request.options import KEY_VARIABLE, TOKEN_VARIABLE
from img_enhance.request.recipe import Reason, Recipe
from img_enhance.units import bytes_text, seconds_text

# Smaller photos are sent before anybody would read a bar.
_LEAST_BAR_BYTES = 2_000_000


def enhance_by_server(request: EnhanceRequest) -> int:
    """The exit code of `enhance`, whose work a service did.

    Raises: OptionError for flags that mean nothing there; what `Client` raises; OutputError, DiskError; Cancelled.
    """
    if request.compare is not None and request.recipe.output.crop is not None:
        raise OptionError("--compare with --crop needs the whole result, which the server does not send", "leave one of them out")
    client = client_of(request.server.server or "", request.server.server_key, tell=teller(request))
    with raising(), piped(request.photo, request.output) as (photo, pipe):
        try:
            return _enhance(request, client, photo, pipe)
        except KeyboardInterrupt:
            raise Cancelled("cancelled; nothing was written") from None


def client_of(url: str, key: str | None, *, tell: Tell, patience: Patience | None = None) -> Client:
    """A client that says why it tries again; the key comes from the environment where none is given, the token always."""
    key, token = key or os.environ.get(KEY_VARIABLE) or None, os.environ.get(TOKEN_VARIABLE) or None
    return Client(url, key, patience=patience, warn=lambda text: tell(f"[WARNING] {text}"), token=token)


def _enhance(request: EnhanceRequest, client: Client, photo: Path, pipe: Path | None) -> int:
    started = time.perf_counter()
    asked = asked_file(request)
    recipe = _written_as(request.recipe, asked)
    _check_files(request, photo, pipe or asked or _likely_output(photo, recipe))
    if request.dry_run:
        return _dry_run(client, photo, recipe, teller(request))
    job = _submitted(client, photo, recipe, quiet=request.quiet)
    try:
        output = pipe or asked or default_output(request, photo, job.output_format, "1")
        job = _saved(request, client, job, photo, output)
    except (KeyboardInterrupt, OutputError, DiskError):
        client.abandon(job.id)
        raise
    assert job.record is not None
    _write_others(request, job.record, photo, output)
    if pipe is not None:
        pour(pipe, request.output)
    done = _done_line(job, client, shown_output(request, output, pipe), time.perf_counter() - started)
    say_done(request, done, warnings=job.record["warnings"], pipe=pipe)
    return 0


def _written_as(recipe: Recipe, asked: Path | None) -> Recipe:
    """The recipe with the format of the file's ending, unless it names one itself."""
    if asked is None or recipe.output.format is not None:
        return recipe
    return dataclasses.replace(recipe, output=dataclasses.replace(recipe.output, format=format_of_ending(asked.suffix).name))


def _saved(request: EnhanceRequest, client: Client, job: JobStatus, photo: Path, output: Path) -> JobStatus:
    """The job when it is done and its result lies in `output`."""
    _check_files(request, photo, output)
    tell = teller(request)
    for line in auto_lines(job.reasons):
        tell(line)
    tell(_plan_line(client, job))
    with bar(job.megapixels, quiet=request.quiet) as progress:
        job = client.wait(job.id, progress=progress)
    with times_kept(photo, output) if request.keep_times else nullcontext():
        client.save_result(job, output, overwrite=request.overwrite)
    return job


def _write_others(request: EnhanceRequest, record: Mapping[str, Any], photo: Path, output: Path) -> None:
    if request.report is not None:
        write_report(json.dumps(record, indent=2) + "\n", request.report)
    if request.compare is not None:
        from img_enhance.compare import compare_files

        compare_files(photo, output, request.compare, overwrite=request.overwrite)


def _likely_output(photo: Path, recipe: Recipe) -> Path | None:
    """Where the result will go if the photo's name tells the truth; the service looks at its content."""
    own = next((entry.written_as or entry.name for entry in FORMATS if photo.suffix.lower() in entry.endings), None)
    name = recipe.output.format or own
    return None if name is None else beside(photo, name)


def _check_files(request: EnhanceRequest, photo: Path, output: Path | None) -> None:
    if output is not None:
        check_output(output, overwrite=request.overwrite)
        check_report(request.report, photo, output)
        if request.compare is not None:
            check_sheet_of(request.compare, photo, output, overwrite=request.overwrite)
    if request.report is not None and not is_pipe(request.report):
        check_output(request.report, overwrite=request.overwrite)


def _submitted(client: Client, photo: Path, recipe: Recipe, *, quiet: bool) -> JobStatus:
    small = not photo.is_file() or photo.stat().st_size < _LEAST_BAR_BYTES
    with bytes_bar("sending", 1 if small else photo.stat().st_size, quiet=quiet or small) as sending:
        return client.submit(photo, recipe, sending=sending)


def _dry_run(client: Client, photo: Path, recipe: Recipe, tell: Tell) -> int:
    plan = client.suggest(photo, recipe)
    for line in auto_lines(tuple(Reason.from_mapping(reason) for reason in plan["reasons"])):
        tell(line)
    size = f"to {plan['result']['width']}x{plan['result']['height']}"
    tell("Plan: " + "; ".join([client.url, size, *_names(plan["recipe"]), f"about {seconds_text(plan['estimated_seconds'])}"]))
    return 0


def _plan_line(client: Client, job: JobStatus) -> str:
    parts = [f"{client.url}, job {job.id}", f"{job.photo['width']}x{job.photo['height']}"]
    parts += _names(job.recipe)
    if job.queue_position is not None and job.queue_position > 1:
        parts.append(f"{job.queue_position - 1} before it")
    if job.seconds_left is not None:
        parts.append(f"about {seconds_text(job.seconds_left)}")
    return "Plan: " + "; ".join(parts)


def _done_line(job: JobStatus, client: Client, output: Path, seconds: float) -> str:
    assert job.result is not None
    assert job.record is not None
    # Older services do not say it; the steps are in every job.
    done = job.record.get("done") or " and ".join(_names(job.recipe)) or "nothing to do"
    peak = max((step["measured_bytes"] for step in job.record["steps"]), default=0)
    size = Size(job.result["width"], job.result["height"])
    return f"[OK] {output}: {size}, {seconds_text(seconds)}, {bytes_text(peak)} of memory at {client.url}; {done}"


def _names(recipe: Mapping[str, Any]) -> list[str]:
    """The steps of a recipe in JSON."""
    return [step["step"] for step in recipe["steps"]]
