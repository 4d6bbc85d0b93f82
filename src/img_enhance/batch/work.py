"""The work on one photo of a run, in whatever process has the engine."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from img_enhance import __version__
from img_enhance.batch.lanes import AtWork, OnWork, PhotoTask
from img_enhance.batch.outcome import AlgorithmRun, FileState, Phase, PhotoOutcome, failure_of, lacking_runs
from img_enhance.errors import DeviceError, DownloadError, ImgEnhanceError, MemoryBudgetError, PhotoError, WeightsCorrupt, WeightsMissing
from img_enhance.request.recipe import AUTO, Recipe

if TYPE_CHECKING:
    from img_enhance.cancelling import IsCancelled
    from img_enhance.engine import Engine
    from img_enhance.engine.prepared_run import PreparedRun
    from img_enhance.engine.result import Result
    from img_enhance.image_io import PhotoFile
    from img_enhance.photo import Photo
    from img_enhance.planning.plan import Plan

# What keeps an algorithm from being loaded; whatever else goes wrong, it was there.
_NOT_LOADED = (WeightsMissing, WeightsCorrupt, DownloadError, DeviceError)

_BLOCK_BYTES = 1 << 20


# Which plans an engine takes.
Fits = Callable[["Plan"], bool]


class NeedsMore(Exception):
    """The photo would need more memory than this engine may use, or would have to be cut into areas that a larger budget makes needless."""


def enhance_photo(
    engine: Engine, task: PhotoTask, *, cancelled: IsCancelled | None = None, fits: Fits | None = None, tell: OnWork = lambda _: None
) -> PhotoOutcome:
    """What became of the photo; the result, if there is one, lies synced in the task's folder under the outcome's `staged` name.

    `fits` says which plans are for this engine, where there is another one; `tell` is told how far the photo is.

    Raises: NeedsMore where there is one, and the photo is for it; nothing is done then.
    """
    from img_enhance.machine.memory import Peak

    alone = fits is None
    started = time.perf_counter()
    progress = _Progress(PhotoOutcome(task.source, task.path, "failed", made_by=task.made_by, version=__version__, alone=alone))
    with Peak() as peak:
        try:
            _enhance(engine, task, progress, cancelled, fits, tell)
        except (MemoryBudgetError, MemoryError) as error:
            if not alone:
                raise NeedsMore from None
            progress.fail(error if isinstance(error, MemoryBudgetError) else _refused())
        except ImgEnhanceError as error:
            progress.fail(error)
    return dataclasses.replace(progress.outcome, seconds=time.perf_counter() - started, peak_bytes=peak.bytes, finished=time.time())


class _Progress:
    """What is known of the photo so far: a failure keeps what came before it."""

    def __init__(self, outcome: PhotoOutcome) -> None:
        self.outcome = outcome
        self.steps: tuple[str, ...] = ()

    def know(self, **facts: object) -> None:
        self.outcome = dataclasses.replace(self.outcome, **facts)  # type: ignore[arg-type]

    def fail(self, error: ImgEnhanceError) -> None:
        loaded = not isinstance(error, _NOT_LOADED)
        runs = tuple(AlgorithmRun(step, loaded, executed=False, why_not=error.words) for step in self.steps)
        self.know(failure=failure_of(error), algorithms=(*runs, *lacking_runs(self.outcome.reasons)))


def _enhance(engine: Engine, task: PhotoTask, progress: _Progress, cancelled: IsCancelled | None, fits: Fits | None, tell: OnWork) -> None:
    from img_enhance.image_io.content import content_format

    path = Path(task.path)
    content_format(path)  # says what is wrong with what is no file, or no photo
    before = _state(path)
    progress.know(file=before, sha256=_sha256(path))
    if task.recipe.steps != AUTO:
        progress.steps = tuple(step.name for step in task.recipe.steps)
    prepared = _prepared(engine, path, task.recipe, fits, cancelled)
    header, plan = prepared.header, prepared.plan
    progress.steps = tuple(step.name for step in prepared.recipe.steps if not isinstance(step, str))
    progress.know(
        format=header.format,
        size=(header.size.width, header.size.height),
        result_format=prepared.output_format,
        recipe=prepared.recipe.to_mapping(),
        reasons=prepared.reasons,
        device=f"{plan.device} by {plan.runtime}",
        precision=plan.precision,
        planned_seconds=plan.seconds,
    )
    tell(AtWork(plan.seconds))
    small, small_result = task.thumbnails or ("", "")
    # Before the work, which takes what is decoded, and the memory that decoding it once more would need.
    unseen = _shown(prepared.at_hand, small)
    result = engine.run(prepared, progress=lambda done: tell(AtWork(plan.seconds, done.fraction)), cancelled=cancelled)
    started = time.perf_counter()
    staged = Path(task.folder) / (task.stem + _ending(prepared.output_format))
    result = result.save(staged, format=prepared.output_format, overwrite=True, cancelled=cancelled)
    writing = Phase("write", "", time.perf_counter() - started, 0)
    if _state(path) != before:
        staged.unlink()
        raise PhotoError(f"{path} was written to while it was read", "do it again when it is whole")
    if task.keep_times:
        times = path.stat()
        os.utime(staged, ns=(times.st_atime_ns, times.st_mtime_ns))
    unseen += _shown(result.photo, small_result)
    algorithms, phases = _runs(engine, prepared, result)
    progress.know(
        status="done",
        staged=staged.name,
        result_size=(result.photo.size.width, result.photo.size.height),
        done_text=result.done_text,
        copied=result.copied,
        algorithms=(*algorithms, *lacking_runs(prepared.reasons)),
        phases=(*phases, writing),
        warnings=(*result.warnings, *unseen),
        weights_sha256=result.weights,
        result_file=_state(staged),
    )


def _shown(photo: Photo | PhotoFile, thumbnail: str) -> tuple[str, ...]:
    """Why there is no thumbnail, where one is wanted. The photo's result does without it."""
    from img_enhance.compare.thumbnails import write_thumbnail

    if not thumbnail:
        return ()
    try:
        write_thumbnail(photo, Path(thumbnail))
    except (PhotoError, OSError) as error:
        return (f"the report has no thumbnail of it: {error}",)
    return ()


def _prepared(engine: Engine, path: Path, recipe: Recipe, fits: Fits | None, cancelled: IsCancelled | None) -> PreparedRun:
    try:
        prepared = engine.prepare(path, recipe, cancelled=cancelled)
    except MemoryBudgetError:
        if fits is None:
            raise
        raise NeedsMore from None
    if fits is not None and not fits(prepared.plan):
        prepared.taken()  # and dropped
        raise NeedsMore
    return prepared


def is_uncut(plan: Plan) -> bool:
    """Whether the plan makes the picture neither in areas nor on a disk: a larger budget would make no other one."""
    areas = (getattr(each, "area_rows", 1) * getattr(each, "area_columns", 1) for each in plan.passes)
    return plan.disk_bytes == 0 and all(count <= 1 for count in areas)


def _runs(engine: Engine, prepared: PreparedRun, result: Result) -> tuple[tuple[AlgorithmRun, ...], tuple[Phase, ...]]:
    """The steps that ran, and all phases, each with the step that asked for it."""
    from img_enhance.engine.prepared_run import steps_of_passes

    steps = steps_of_passes(result.recipe, prepared.header, engine.models_for(result.recipe))
    owners = ["", *steps, *[""] * (len(result.phases) - len(steps) - 1)]
    phases = tuple(
        Phase(phase.name, owner, phase.seconds, phase.measured_bytes, phase.unchanged)
        for owner, phase in zip(owners, result.phases, strict=True)
    )
    runs = []
    for step in dict.fromkeys(name for name in owners if name):
        own = [phase for phase in phases if phase.algorithm == step]
        unchanged = own[0].unchanged if all(phase.unchanged for phase in own) else ""
        runs.append(AlgorithmRun(step, loaded=True, executed=True, seconds=sum(phase.seconds for phase in own), unchanged=unchanged))
    return tuple(runs), phases


def _refused() -> MemoryBudgetError:
    return MemoryBudgetError("the system refused memory", "raise the limit that this process has, or close other programs")


def _ending(output_format: str) -> str:
    from img_enhance.photo import format_named

    return format_named(output_format).endings[0]


def _state(path: Path) -> FileState:
    try:
        found = path.stat()
    except OSError as error:
        raise PhotoError(f"{path} cannot be read: {error.strerror}", "check its name and permissions") from None
    return FileState(found.st_size, found.st_mtime_ns)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as data:
            while block := data.read(_BLOCK_BYTES):
                digest.update(block)
    except OSError as error:
        raise PhotoError(f"{path} cannot be read: {error.strerror}", "check its name and permissions") from None
    return digest.hexdigest()
