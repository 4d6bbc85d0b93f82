"""`img-enhance enhance` for many photos: into a folder, and so that it can go on where it was cut off."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from img_enhance.batch.lanes import Lanes
from img_enhance.batch.local_lanes import LocalLanes
from img_enhance.batch.manifest import Manifest
from img_enhance.batch.names import Names
from img_enhance.batch.outcome import PhotoOutcome, RunSummary, spoken_outcome
from img_enhance.batch.photos import Found, check_out, check_some, find_photos, names_in
from img_enhance.batch.report import of_whole_folder, write_reports
from img_enhance.batch.run import Order, Pending, Planned, made_by, models_of, plan_run, run_photos
from img_enhance.batch.server_lanes import ServerLanes, made_by_server
from img_enhance.batch.summary import summary_lines
from img_enhance.batch.time_left import TimeLeft
from img_enhance.batch.watch import new_photos
from img_enhance.cancelling import IsCancelled, ticking
from img_enhance.cli.enhance_request import FolderRequest
from img_enhance.cli.files import PIPE, make_folder
from img_enhance.cli.flags import flagged
from img_enhance.cli.models import offer, store_of
from img_enhance.cli.run_screen import RunScreen
from img_enhance.cli.screen import Tell, interruptible, say, silent
from img_enhance.cli.server import client_of
from img_enhance.client import Client
from img_enhance.errors import Cancelled, ImgEnhanceError, OptionError
from img_enhance.machine.settings import model_table
from img_enhance.models.table import ModelTable
from img_enhance.models.weights.cache import WeightStore
from img_enhance.request.recipe import AUTO, files_named
from img_enhance.units import count_text, file_bytes_text


def enhance_many(request: FolderRequest) -> int:
    """The exit code of `enhance` for many photos: the highest among the failures.

    Raises: what keeps the run from beginning: PhotoError, OutputError, DiskError, DeviceError.
    """
    with interruptible() as cancelled:
        return _enhance(request, cancelled)


def _enhance(request: FolderRequest, cancelled: IsCancelled) -> int:
    store, tell = store_of(offline=request.offline), silent if request.quiet else say
    named = (*request.named, *(name for path in request.lists for name in _listed(path)))
    check_out(named, request.out)
    client = None if request.server.server is None else client_of(request.server.server, request.server.server_key, tell=tell)
    models = _models(request, store, cancelled)
    order = _order(request, client, models)
    found = Found(()) if request.watch else _found(named, request.out, tell)
    manifest, names = Manifest(request.out), Names(request.template)
    if request.dry_run:
        _say_plan(plan_run(found.photos, order, manifest, names), tell)
        return 0
    _offer(request, store, models, cancelled)
    make_folder(request.out)
    with manifest:
        begin = _watch if request.watch else _go_through
        return begin(_Run(request, named, found, order, manifest, names, store, client, cancelled), tell)


@dataclass(frozen=True)
class _Run:
    """A run that can begin."""

    request: FolderRequest
    named: tuple[Path, ...]
    found: Found
    order: Order
    manifest: Manifest
    names: Names
    store: WeightStore
    client: Client | None
    cancelled: IsCancelled

    def photos(
        self, coming: Iterable[Pending | PhotoOutcome | None], total: int | None, screen: RunScreen, *, pending: int | None
    ) -> RunSummary:
        """Do the photos, of which so many are `pending`, in lanes of this machine, of a cluster or of a service."""
        with self._lanes(pending) as lanes:
            return run_photos(
                coming,
                self.order,
                lanes,
                self.manifest,
                self.names,
                total=total,
                say=flagged,
                tell=screen.tell,
                cancelled=self.cancelled,
            )

    def _lanes(self, pending: int | None) -> Lanes:
        if self.client is not None:
            return ServerLanes(self.client)
        if self.request.ray is None:
            return LocalLanes(self.request.machine, self.store)
        from img_enhance.batch.ray_lanes import RayLanes

        return RayLanes(self.request.ray, self.request.machine, offline=self.request.offline, photos=pending)


def _go_through(run: _Run, tell: Tell) -> int:
    """Do the photos that are there, and answer with the exit code."""
    planned = plan_run(run.found.photos, run.order, run.manifest, run.names)
    _say_plan(planned, tell)
    known = (*run.found.failures, *planned.known)
    skipped = sum(1 for outcome in known if outcome.status == "skipped")
    photos = {pending.source.name: pending.sized for pending in planned.pending}
    screen = RunScreen(len(known) - skipped + len(photos), TimeLeft(photos), quiet=run.request.quiet)
    if planned.pending:
        summary = run.photos((*known, *planned.pending), len(known) + len(planned.pending), screen, pending=len(planned.pending))
    else:  # no lane is started
        summary = RunSummary(tuple(spoken_outcome(outcome, flagged) for outcome in known), 0.0)
        for outcome in summary.outcomes:
            screen.tell(outcome, {})
    screen.end()
    return _ended(_in_order(summary, run.found), run)


def _watch(run: _Run, tell: Tell) -> int:
    """Do photos as they come, until Ctrl-C, and answer with the exit code."""
    tell(f"Looking for photos in {', '.join(map(str, run.named))} until Ctrl-C")
    screen = RunScreen(None, None, quiet=run.request.quiet)
    summary = run.photos(_coming(run), None, screen, pending=None)
    screen.end()
    return _ended(summary, run)


def _models(request: FolderRequest, store: WeightStore, cancelled: IsCancelled) -> ModelTable:
    """The models there are on this machine, with those in files that the recipe names.

    Raises: as `with_files`.
    """
    models = model_table(store)
    if not files_named(request.recipe):
        return models
    from img_enhance.engine.own_files import with_files

    return with_files(models, request.recipe, ticking(cancelled))


def _order(request: FolderRequest, client: Client | None, models: ModelTable) -> Order:
    if client is None:
        hashed = made_by(request.recipe, request.template, models)
    else:
        hashed = made_by_server(client, {"recipe": request.recipe.to_mapping(), "name": request.template.text})
    return Order(
        recipe=request.recipe,
        template=request.template,
        made_by=hashed,
        overwrite=request.overwrite,
        fail_fast=request.fail_fast,
        keep_times=request.keep_times,
    )


def _listed(path: Path) -> list[Path]:
    """The names in a list, or on standard input.

    Raises: OptionError when it cannot be read, or is empty.
    """
    try:
        data = sys.stdin.buffer.read() if path == PIPE else path.read_bytes()
    except OSError as error:
        raise OptionError(f"the list {path} cannot be read: {error.strerror}") from None
    names = names_in(data)
    if not names:
        raise OptionError(f"the list {'on standard input' if path == PIPE else path} names no photo")
    return names


def _found(named: Sequence[Path], out: Path, tell: Tell) -> Found:
    found = find_photos(named, out)
    for note in found.notes:
        tell(f"[WARNING] {note}")
    check_some(found, named)
    return found


def _offer(request: FolderRequest, store: WeightStore, models: ModelTable, cancelled: IsCancelled) -> None:
    """Pass if the weights that the steps name are here, or the person at the terminal agrees to download them."""
    if request.recipe.steps != AUTO and request.server.server is None:
        files = (file for model in models_of(request.recipe, models) for file in model.weights.files)
        offer(tuple(files), store, ask=not request.quiet, tick=ticking(cancelled))


def _coming(run: _Run) -> Iterator[Pending | PhotoOutcome | None]:
    """Photos to do, as they come, and None while there are none."""
    for found in new_photos(lambda: find_photos(run.named, run.manifest.out)):
        planned = plan_run(found.photos, run.order, run.manifest, run.names)
        yield from (*found.failures, *planned.known, *planned.pending, None)


def _say_plan(planned: Planned, tell: Tell) -> None:
    parts = [f"{count_text(len(planned.pending), 'photo')}, {file_bytes_text(planned.bytes)}"]
    skipped = sum(1 for outcome in planned.known if outcome.status == "skipped")
    if skipped:
        parts.append(f"{skipped} done before")
    if len(planned.known) > skipped:
        parts.append(f"{len(planned.known) - skipped} cannot be done")
    tell("Plan: " + "; ".join(parts))


def _in_order(summary: RunSummary, found: Found) -> RunSummary:
    """The summary with outcomes in the order in which the photos were found; those that came later stay behind."""
    places = {photo.name: number for number, photo in enumerate(found.photos)}
    ordered = sorted(summary.outcomes, key=lambda outcome: places.get(outcome.source, len(places)))
    return dataclasses.replace(summary, outcomes=tuple(ordered))


def _ended(summary: RunSummary, run: _Run) -> int:
    """Report how the run ended, and answer with its exit code."""
    request = run.request
    cancelled = summary.stopped == "cancelled"
    if summary.left:
        why = "cancelled" if cancelled else f"stopped: {summary.stopped}"
        say(f"[ERROR] {why}; {count_text(summary.left, 'photo')} left, the same command goes on there")
    if not request.quiet:
        print("\n".join(summary_lines(summary)))
    asked = [photo.name for photo in run.found.photos]
    code = max(summary.exit_code, _write_reports(of_whole_folder(summary, run.manifest, asked), request))
    return Cancelled.exit_code if cancelled and not request.watch else code


def _write_reports(summary: RunSummary, request: FolderRequest) -> int:
    """Write the reports, or say why they cannot be written: 0, or the exit code of that."""
    try:
        *_, page = write_reports(summary, request.out)
    except ImgEnhanceError as error:
        say(f"[ERROR] {flagged(error.words)}")
        return error.exit_code
    if not request.quiet:
        print(f"Report: {page}")
    return 0
