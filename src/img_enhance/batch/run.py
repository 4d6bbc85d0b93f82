"""The loop of a run: photos in, rows of the manifest and results out, however it ends."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from pathlib import Path

from img_enhance import __version__
from img_enhance.batch.lanes import AtWork, Lanes, PhotoTask
from img_enhance.batch.links import thumbnail_files
from img_enhance.batch.manifest import Manifest, state_at
from img_enhance.batch.names import Names, NameTemplate, scale_text
from img_enhance.batch.outcome import PhotoOutcome, RunSummary, Say, failure_of, spoken_outcome
from img_enhance.batch.photos import Source, check_apart
from img_enhance.batch.time_left import Sized
from img_enhance.cancelling import IsCancelled
from img_enhance.errors import Cancelled, DiskError, ImgEnhanceError, OutputError, PhotoError
from img_enhance.files import check_output, name_taken
from img_enhance.models.model import Model
from img_enhance.models.table import ModelTable
from img_enhance.models.weights.cache import sha256_of
from img_enhance.photo import format_named
from img_enhance.request.recipe import AUTO, Recipe
from img_enhance.request.step_options import GFPGAN, RealESRGAN, StepOptions, SuperImage
from img_enhance.words import Setting, Words

_LOOK_SECONDS = 0.2

# What would come again with every photo: the run stops. The disk is full, a device or weights are not there, a service does not answer us.
_STOPPING = frozenset(
    ("disk", "device", "download", "weights_missing", "weights_corrupt", "service_unreachable", "key_missing", "key_unknown")
)


# Told the outcome of a photo that was finished just now, or None, and how far those at work are, by their names.
OnOutcome = Callable[[PhotoOutcome | None, Mapping[str, AtWork]], None]


@dataclass(frozen=True)
class Order:
    """What a run does with every photo."""

    recipe: Recipe
    template: NameTemplate
    made_by: str
    overwrite: bool = False
    fail_fast: bool = False
    keep_times: bool = True


@dataclass(frozen=True)
class Pending:
    """A photo with the name that its result will have; SCALE stands in it for the scale."""

    source: Source
    result: str
    sized: Sized


@dataclass(frozen=True)
class Planned:
    """What there is to do, and what is known already: photos that were done before, and those that cannot be."""

    pending: tuple[Pending, ...]
    known: tuple[PhotoOutcome, ...]

    @property
    def bytes(self) -> int:
        """Of the files of all photos to do."""
        return sum(pending.sized.bytes for pending in self.pending)


def models_of(recipe: Recipe, table: ModelTable) -> tuple[Model, ...]:
    """The models whose weights decide the results: those that the steps name, all where steps are chosen for each photo."""
    if recipe.steps == AUTO:
        return tuple(model for model in table.models if model not in table.own)  # those are taken where they are named only
    return tuple(model for step in recipe.steps for model in _models_of(step, table))


def _models_of(step: StepOptions, table: ModelTable) -> tuple[Model, ...]:
    if isinstance(step, RealESRGAN):
        return (table.enlarger(step.model),)
    if isinstance(step, SuperImage) and step.model is None:
        return table.faithful  # one of them, by the size of each photo
    return (table.named(step.model),) if isinstance(step, SuperImage | GFPGAN) and step.model is not None else ()


def made_by(recipe: Recipe, template: NameTemplate, table: ModelTable) -> str:
    """A hash of all that decides a result but its photo: recipe, weights, version, and how it is named."""
    weights = {model.title: model.weights.sha256 for model in models_of(recipe, table)}
    facts = {"version": __version__, "recipe": recipe.to_mapping(), "weights": weights, "name": template.text}
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def plan_run(photos: Iterable[Source], order: Order, manifest: Manifest, names: Names) -> Planned:
    """What there is to do for these photos, with the names of their results. Nothing is written.

    Raises: OutputError where results of another recipe are in their places, or results would replace photos.
    """
    photos, known, formats = tuple(photos), list[PhotoOutcome](), dict[Source, str]()
    others = 0
    for photo in photos:
        row = manifest.done(photo.name)
        if row is not None:
            names.keep(row.result, photo.name)
            if row.made_by != order.made_by:
                others += 1
            elif _is_same(photo, row):
                known.append(dataclasses.replace(row, status="skipped", path=str(photo.path), why="done before"))
                continue
        try:
            formats[photo] = _result_format(photo, order.recipe)
        except PhotoError as error:
            known.append(_failed(photo, error))
    if others and not order.overwrite:
        raise OutputError(
            Words(f"{manifest.out} has {others} results that were made with another recipe, ", Setting("name"), " or version"),
            *("use ", Setting("overwrite"), " to make them anew, or another folder with ", Setting("output")),
        )
    # Who has the ending of the result already comes first: of a.png and a.jpg as JPEG, the second is a.jpg.
    ranked = sorted(formats, key=lambda photo: not names.is_plain(photo.name, formats[photo]))
    results = {photo: names.name_for(photo.name, formats[photo]) for photo in ranked}
    check_apart(photos, (manifest.out / name for name in results.values()), manifest.out)
    pending = []
    for photo in formats:
        target = manifest.out / results[photo]
        if os.path.lexists(target) and not _may_replace(photo.name, results[photo], order, manifest):
            known.append(_failed(photo, name_taken(target)))
        else:
            pending.append(Pending(photo, results[photo], _sized(photo)))
    return Planned(tuple(pending), tuple(known))


def run_photos(
    coming: Iterable[Pending | PhotoOutcome | None],
    order: Order,
    lanes: Lanes,
    manifest: Manifest,
    names: Names,
    *,
    total: int | None,
    say: Say,
    tell: OnOutcome,
    cancelled: IsCancelled,
) -> RunSummary:
    """Do the photos until there are no more, one stops the run, or it is cancelled; every result that was made is in its place then.

    There are `total` of them, None where nobody knows. Among `coming` may be outcomes that are known already, and None for "nothing yet".
    `tell` is told the outcome of every photo, and what is at work.
    """
    run = _Run(order, manifest, names, lanes, tell, say, started=time.monotonic())
    source = iter(coming)
    while True:
        while not run.stopped and not run.ended and len(run.at_work) < lanes.most_in_flight:
            pending = next(source, _END)
            if pending is None:
                break
            run.begin(pending)
        if not run.at_work and (run.ended or run.stopped):
            break
        if not run.stopped and cancelled():
            run.stop("cancelled")
        if not run.at_work:
            time.sleep(_LOOK_SECONDS)
        else:
            for future in wait(run.at_work, _LOOK_SECONDS, FIRST_COMPLETED).done:
                run.end(future)
        tell(None, run.progress)
    left = run.left if total is None else total - len(run.outcomes)
    return RunSummary(tuple(run.outcomes), time.monotonic() - run.started, left, run.stopped)


@dataclass
class _Run:
    """A run in progress."""

    order: Order
    manifest: Manifest
    names: Names
    lanes: Lanes
    tell: OnOutcome
    say: Say
    started: float
    at_work: dict[Future[PhotoOutcome], Pending] = field(default_factory=dict)
    stems: dict[str, str] = field(default_factory=dict)
    outcomes: list[PhotoOutcome] = field(default_factory=list)
    token: str = field(default_factory=lambda: secrets.token_hex(4))
    begun: int = 0
    left: int = 0
    stopped: str = ""
    ended: bool = False

    @property
    def progress(self) -> Mapping[str, AtWork]:
        """How far the photos at work are, by their names."""
        return {self.stems[stem]: at_work for stem, at_work in self.lanes.at_work.items() if stem in self.stems}

    def begin(self, pending: Pending | PhotoOutcome | object) -> None:
        """Take what comes next."""
        if isinstance(pending, PhotoOutcome):
            self._note(spoken_outcome(pending, self.say))
        elif isinstance(pending, Pending):
            self.begun += 1
            task = _task(pending, self.order, self.manifest, f"{self.token}-{self.begun}")
            self.stems[task.stem] = pending.source.name
            self.at_work[self.lanes.submit(task)] = pending
        else:
            self.ended = True

    def end(self, future: Future[PhotoOutcome]) -> None:
        """Put the result of a photo in its place."""
        pending = self.at_work.pop(future)
        outcome = _placed(spoken_outcome(future.result(), self.say), pending, self.order, self.manifest, self.names, self.say)
        if outcome.failure is not None and outcome.failure.code == Cancelled.code:
            self.left += 1
        else:
            self._note(outcome)

    def stop(self, why: str) -> None:
        """Begin nothing more, and let what is at work end."""
        self.stopped = self.say(why)
        self.lanes.cancel()

    def _note(self, outcome: PhotoOutcome) -> None:
        self.outcomes.append(outcome)
        self.tell(outcome, self.progress)
        why = _why_stop(outcome, self.order)
        if why and not self.stopped:
            self.stop(why)


_END = object()


def _task(pending: Pending, order: Order, manifest: Manifest, stem: str) -> PhotoTask:
    return PhotoTask(
        source=pending.source.name,
        path=str(pending.source.path),
        folder=str(manifest.staging),
        stem=stem,
        recipe=order.recipe,
        made_by=order.made_by,
        keep_times=order.keep_times,
        thumbnails=thumbnail_files(pending.source.name, manifest.out),
    )


def _placed(outcome: PhotoOutcome, pending: Pending, order: Order, manifest: Manifest, names: Names, say: Say) -> PhotoOutcome:
    """The outcome with the result in its place, and in the manifest; failed where it cannot be put there."""
    if outcome.status != "done":
        return outcome
    target = manifest.out
    try:
        name = names.scaled(pending.result, outcome.source, scale_text(outcome.size, outcome.result_size))
        target = manifest.out / name
        target.parent.mkdir(parents=True, exist_ok=True)
        replaces = os.path.lexists(target)
        if replaces and not _may_replace(outcome.source, name, order, manifest):
            raise name_taken(target)
        _check_place(target)
        placed = dataclasses.replace(outcome, result=name, replaces=replaces)
        manifest.add(placed)
        manifest.publish(placed)
        return placed
    except ImgEnhanceError as error:
        failure = failure_of(error)
    except OSError as error:
        failure = failure_of(OutputError(f"cannot write {target}: {error.strerror}"))
    with contextlib.suppress(OSError):
        (manifest.staging / outcome.staged).unlink()
    return spoken_outcome(dataclasses.replace(outcome, status="failed", failure=failure), say)


def _check_place(target: Path) -> None:
    """Pass if a file can be put there. What keeps only this one out must not look like a disk that keeps out all."""
    try:
        check_output(target, overwrite=True)
    except DiskError as error:
        raise OutputError(error.says, *error.advice) from None


def _why_stop(outcome: PhotoOutcome, order: Order) -> str:
    """Why the run must not go on after this outcome, "" where it may."""
    if outcome.failure is None:
        return ""
    if outcome.failure.code in _STOPPING:
        return outcome.failure.text
    return Words("a photo failed, and ", Setting("fail_fast"), " was asked for") if order.fail_fast else ""


def _sized(photo: Source) -> Sized:
    from img_enhance.image_io.glance import glanced_pixels

    state = state_at(photo.path)  # None if it has gone since: its lane will say so
    return Sized(glanced_pixels(photo.path), 0 if state is None else state.bytes)


def _is_same(photo: Source, row: PhotoOutcome) -> bool:
    """Whether the photo's file is the one that was enhanced: it has not been written to since, or has the same bytes."""
    state = state_at(photo.path)
    if state is None or row.file is None or state == row.file:
        return state is not None
    try:
        return state.bytes == row.file.bytes and sha256_of(photo.path) == row.sha256
    except OSError:
        return False


def _may_replace(source: str, result: str, order: Order, manifest: Manifest) -> bool:
    """Whether what lies at the result's name may be replaced: it is an older result of the same photo, or that was asked for."""
    row = manifest.done(source)
    return order.overwrite or (row is not None and row.result == result)


def _result_format(photo: Source, recipe: Recipe) -> str:
    from img_enhance.image_io.content import content_format

    content = content_format(photo.path)
    return recipe.output.format or format_named(content).written_as or content


def _failed(photo: Source, error: ImgEnhanceError) -> PhotoOutcome:
    return PhotoOutcome(photo.name, str(photo.path), "failed", failure=failure_of(error), version=__version__)
