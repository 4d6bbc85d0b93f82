"""`img-enhance enhance --server URL`: the same flags, screen and files, and the work done elsewhere."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from img_enhance.cli.compare import check_sheet_of
from img_enhance.cli.files import PIPE, beside, check_report, piped, pour, write_report
from img_enhance.cli.screen import bar, bytes_bar, raising, say, silent
from img_enhance.cli.suggest import auto_lines
from img_enhance.client import Client, Job, Patience
from img_enhance.errors import Cancelled, DiskError, OptionError, OutputError
from img_enhance.files import check_output
from img_enhance.geometry import Size
from img_enhance.photo import FORMATS, format_of_ending
from img_enhance.request.options import KEY_VARIABLE, Server
from img_enhance.request.recipe import Reason, Recipe
from img_enhance.units import bytes_text, seconds_text

# Smaller photos are sent before anybody would read a bar.
_LEAST_BAR_BYTES = 2_000_000

Tell = Callable[[str], None]


def enhance_by_server(arguments: argparse.Namespace, recipe: Recipe, server: Server, *, local_flags: Sequence[str]) -> int:
    """The exit code of `enhance`, whose work a service did. `local_flags` were given and say how this machine would work.

    Raises: OptionError for flags that mean nothing there; what `Client` raises; OutputError, DiskError; Cancelled.
    """
    if local_flags:
        raise OptionError(f"{local_flags[0]} says how this machine works, but the server does the work; leave it out, or --server")
    if arguments.compare is not None and recipe.output.crop is not None:
        raise OptionError("--compare with --crop needs the whole result, which the server does not send; leave one of them out")
    tell = silent if arguments.quiet else say
    client = client_of(server.server or "", server.server_key, tell=tell)
    with raising(), piped(arguments.photo, arguments.output) as (photo, pipe):
        try:
            return _enhance(arguments, recipe, client, photo, pipe, tell)
        except KeyboardInterrupt:
            raise Cancelled("cancelled; nothing was written") from None


def client_of(url: str, key: str | None, *, tell: Tell, patience: Patience | None = None) -> Client:
    """A client that says why it tries again; the key comes from the environment where none is given."""
    return Client(url, key or os.environ.get(KEY_VARIABLE) or None, patience=patience, warn=lambda text: tell(f"[WARNING] {text}"))


def _enhance(arguments: argparse.Namespace, recipe: Recipe, client: Client, photo: Path, pipe: Path | None, tell: Tell) -> int:
    started = time.perf_counter()
    asked = None if arguments.output == PIPE else arguments.output
    if asked is not None and recipe.output.format is None:
        recipe = dataclasses.replace(recipe, output=dataclasses.replace(recipe.output, format=format_of_ending(asked.suffix).name))
    _check_files(arguments, photo, pipe or asked or _likely_output(photo, recipe))
    if arguments.dry_run:
        return _dry_run(client, photo, recipe, tell)
    job = _submitted(client, photo, recipe, quiet=arguments.quiet)
    try:
        output = pipe or asked or beside(photo, job.output_format)
        _check_files(arguments, photo, output)
        for line in auto_lines(job.reasons):
            tell(line)
        tell(_plan_line(client, job))
        with bar(job.megapixels, quiet=arguments.quiet) as progress:
            job = client.wait(job.id, progress=progress)
        client.save_result(job, output, overwrite=arguments.overwrite)
    except (KeyboardInterrupt, OutputError, DiskError):
        client.abandon(job.id)
        raise
    assert job.record is not None
    if arguments.report is not None:
        write_report(json.dumps(job.record, indent=2) + "\n", arguments.report)
    if arguments.compare is not None:
        from img_enhance.compare import compare_files

        compare_files(photo, output, arguments.compare, overwrite=arguments.overwrite)
    if pipe is not None:
        pour(pipe)
    for warning in job.record["warnings"]:
        tell(f"[WARNING] {warning}")
    done = _done_line(job, client, PIPE if pipe is not None else output, time.perf_counter() - started)
    if pipe is not None:
        tell(done)
    elif not arguments.quiet:
        print(done)
    return 0


def _likely_output(photo: Path, recipe: Recipe) -> Path | None:
    """Where the result will go if the photo's name tells the truth; the service looks at its content."""
    own = next((entry.written_as or entry.name for entry in FORMATS if photo.suffix.lower() in entry.endings), None)
    name = recipe.output.format or own
    return None if name is None else beside(photo, name)


def _check_files(arguments: argparse.Namespace, photo: Path, output: Path | None) -> None:
    if output is not None:
        check_output(output, overwrite=arguments.overwrite)
        check_report(arguments.report, photo, output)
        if arguments.compare is not None:
            check_sheet_of(arguments.compare, photo, output, overwrite=arguments.overwrite)
    if arguments.report is not None:
        check_output(arguments.report, overwrite=arguments.overwrite)


def _submitted(client: Client, photo: Path, recipe: Recipe, *, quiet: bool) -> Job:
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


def _plan_line(client: Client, job: Job) -> str:
    parts = [f"{client.url}, job {job.id}", f"{job.photo['width']}x{job.photo['height']}"]
    parts += _names(job.recipe)
    if job.queue_position is not None and job.queue_position > 1:
        parts.append(f"{job.queue_position - 1} before it")
    if job.seconds_left is not None:
        parts.append(f"about {seconds_text(job.seconds_left)}")
    return "Plan: " + "; ".join(parts)


def _done_line(job: Job, client: Client, output: Path, seconds: float) -> str:
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
