"""`img-enhance enhance` where this machine does the work."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from img_enhance.batch.names import scale_text
from img_enhance.cancelling import ticking
from img_enhance.cli.compare import check_sheet_of, write_sheet_of
from img_enhance.cli.enhance_request import EnhanceRequest, asked_file, default_output, say_done, shown_output, teller
from img_enhance.cli.files import check_report, is_pipe, piped, pour, times_kept, write_report
from img_enhance.cli.flags import flagged
from img_enhance.cli.models import offer, store_of
from img_enhance.cli.screen import bar, interruptible
from img_enhance.cli.suggest import auto_lines
from img_enhance.files import check_output
from img_enhance.units import bytes_text, seconds_text

if TYPE_CHECKING:  # numpy and the runtime load only when there is work
    from img_enhance.engine import Engine
    from img_enhance.engine.prepared_run import PreparedRun
    from img_enhance.engine.result import Result


def enhance_here(request: EnhanceRequest) -> int:
    """The exit code of `enhance`, whose work this machine did.

    Raises: what `Engine` raises; OutputError, DiskError; Cancelled.
    """
    with interruptible() as cancelled:
        return _enhance(request, cancelled)


def _enhance(request: EnhanceRequest, cancelled: Callable[[], bool]) -> int:
    from img_enhance.engine import Engine
    from img_enhance.machine.memory import Peak

    started, store = time.perf_counter(), store_of(offline=request.offline)
    with piped(request.photo, request.output) as (photo, pipe), Engine(request.machine, store) as engine:
        asked = asked_file(request)
        prepared = engine.prepare(photo, request.recipe, output=asked, cancelled=cancelled)
        output = pipe or asked or default_output(request, photo, prepared.output_format, _scale(prepared))
        _check_files(request, photo, output)
        _say_plan(request, prepared, time.perf_counter() - started)
        if request.dry_run:
            return 0
        offer(prepared.plan.weight_files, store, ask=not request.quiet, tick=ticking(cancelled))
        with Peak() as peak:
            result = _saved(request, engine, prepared, photo, output, cancelled)
        _write_others(request, result, photo, output)
        if pipe is not None:
            pour(pipe, request.output)
    done = _done_line(result, shown_output(request, output, pipe), time.perf_counter() - started, peak.bytes)
    say_done(request, done, warnings=result.warnings, pipe=pipe)
    return 0


def _scale(prepared: PreparedRun) -> str:
    plan = prepared.plan
    return scale_text((plan.size.width, plan.size.height), (plan.result.width, plan.result.height))


def _check_files(request: EnhanceRequest, photo: Path, output: Path) -> None:
    check_report(request.report, photo, output)
    for path in (output, request.report):
        if path is not None and not is_pipe(path):
            check_output(path, overwrite=request.overwrite)
    if request.compare is not None:
        check_sheet_of(request.compare, photo, output, overwrite=request.overwrite)


def _say_plan(request: EnhanceRequest, prepared: PreparedRun, elapsed_seconds: float) -> None:
    tell = teller(request)
    for line in auto_lines(prepared.reasons):
        tell(line)
    tell(_plan_line(prepared, elapsed_seconds))


def _saved(
    request: EnhanceRequest, engine: Engine, prepared: PreparedRun, photo: Path, output: Path, cancelled: Callable[[], bool]
) -> Result:
    with bar(prepared.plan.size.pixels / 1e6, quiet=request.quiet) as progress:
        result = engine.run(prepared, progress=progress, cancelled=cancelled)
    with times_kept(photo, output) if request.keep_times else nullcontext():
        return result.save(output, format=prepared.output_format, overwrite=request.overwrite, cancelled=cancelled)


def _write_others(request: EnhanceRequest, result: Result, photo: Path, output: Path) -> None:
    if request.report is not None:
        write_report(result.report(), request.report)
    if request.compare is not None:
        write_sheet_of(result, request.compare, photo, output, overwrite=request.overwrite)


def _plan_line(prepared: PreparedRun, elapsed_seconds: float) -> str:
    # What is told is what will be said to have been taken: all of it, with what has gone by.
    plan = prepared.plan
    parts = [f"{plan.device} by {plan.runtime} ({flagged(plan.reason)}), {plan.precision}", f"{plan.size} to {plan.result}"]
    parts += [pass_plan.planned_text for pass_plan in plan.passes] + ["the file is copied as it is"] * prepared.copies
    parts.append(f"at most {bytes_text(plan.projected_bytes)} of {bytes_text(plan.allowed_bytes)} memory")
    if plan.gpu_allowed_bytes is not None:
        parts.append(f"{bytes_text(plan.gpu_projected_bytes or 0)} of {bytes_text(plan.gpu_allowed_bytes)} GPU memory")
    if plan.disk_bytes:
        parts.append(f"{bytes_text(plan.disk_bytes)} of scratch disk")
    parts.append(f"about {seconds_text(elapsed_seconds + prepared.seconds_left)}")
    return "Plan: " + "; ".join(parts)


def _done_line(result: Result, output: Path, seconds: float, peak_bytes: int) -> str:
    took = f"{seconds_text(seconds)}, {bytes_text(peak_bytes)} of memory"
    return f"[OK] {output}: {result.photo.size}, {took}; {flagged(result.done_text)}"
