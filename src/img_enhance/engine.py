"""The engine: one loop that runs a recipe on a photo as the plan says. It knows no algorithm."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

from img_enhance.bleed import bleed
from img_enhance.cancelling import IsCancelled, Tick, ticking
from img_enhance.canvas import check_room, new_canvas, scratch_folder
from img_enhance.devices import claim_gpu_memory, find_device, free_bytes, unclaim_gpu_memory
from img_enhance.errors import GpuMemoryFull, IntegrityError, MemoryBudgetError, NotFinite
from img_enhance.geometry import Box
from img_enhance.image_io import PhotoFile, open_photo, read_photo, resample
from img_enhance.job import Job, all_passes, check_photo, losses, output_format_of
from img_enhance.memory import Peak, anonymous_bytes, give_back
from img_enhance.models.model import Model
from img_enhance.models.networks.segment import Precision
from img_enhance.models.table import ModelTable
from img_enhance.models.weights.cache import WeightStore, check_located, located
from img_enhance.models.weights.store import load
from img_enhance.options import Machine
from img_enhance.passes import Done, Running, change_tones, paste_faces, reduce_size, run_network
from img_enhance.photo import Header, Photo, check_holds, format_named, metadata_losses
from img_enhance.plan import FacePlan, NetworkPlan, Pass, PassPlan, Plan, ResamplePlan, TonePlan
from img_enhance.planner import allowed_bytes, choose_precision, make_plan
from img_enhance.probe import PrecisionRefused, probe
from img_enhance.progress import OnProgress, Progress
from img_enhance.recipe import AUTO, Reason, Recipe
from img_enhance.result import Result, StepRecord
from img_enhance.runtimes import runtime_on
from img_enhance.settings import model_table, weight_store
from img_enhance.suggest import Suggestion, suggest, suggest_file
from img_enhance.sweep import Network
from img_enhance.units import bytes_text

# The device of what a GPU has no room for, as Machine and plans name it.
CPU = "cpu"


class Engine:
    """Owns compiled networks; use it as a context manager, from one thread at a time.

    `store` is where downloaded weights are, `models` the models there are; without them they are what the environment says, for this is the
    door for Python. `gpu_share` is the part of a GPU's free memory that is for this engine, where `machine` names no bytes: others may
    work beside it.
    """

    def __init__(
        self,
        machine: Machine | None = None,
        store: WeightStore | None = None,
        *,
        models: ModelTable | None = None,
        gpu_share: float = 1.0,
    ) -> None:
        self.machine = machine or Machine()
        self.store = store or weight_store(os.environ)
        self.models = models or model_table()
        self.device = find_device(self.machine.device, require_gpu=bool(self.machine.require_gpu))
        self._allowed = allowed_bytes(self.machine.max_memory, self.device)
        self._gpu_share = gpu_share
        self._gpu_allowed: int | None = None
        choose_precision(self.machine.precision, self.device)  # refuses what the device does not have before any photo
        self._spare: Engine | None = None
        self._networks: dict[tuple[Model, Precision], Network] = {}
        self._probed: set[tuple[Model, Precision, tuple[tuple[int, int], ...]]] = set()

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    @property
    def loaded(self) -> tuple[str, ...]:
        """The models whose networks are in memory."""
        spare = self._spare.loaded if self._spare is not None else ()
        return tuple(sorted({model.title for model, _ in self._networks} | set(spare)))

    def close(self) -> None:
        """Give the networks' memory back; the engine can be used again."""
        self._release_others(())
        if self._spare is not None:
            self._spare.close()
        unclaim_gpu_memory(self.device)
        self._gpu_allowed = None
        give_back()

    def prepare(self, photo: Photo | str | Path, recipe: Recipe | None = None, *, output: Path | None = None) -> Job:
        """Check and plan everything that can be known before the work: nothing is loaded or written, nor decoded unless the recipe is
        "auto" and the photo must be measured.

        `output` is where the result will go, if that is known: its ending decides the format unless the recipe does.

        Raises: every UserError and MachineError that can be foreseen.
        """
        recipe = recipe or Recipe()
        if recipe.steps != AUTO:
            return self._job(photo, recipe, (), output)
        suggestion = self._suggestion(photo, recipe)
        try:
            return self._job(photo, dataclasses.replace(recipe, steps=suggestion.steps), suggestion.reasons, output)
        except MemoryBudgetError as error:
            less = suggestion.without_faces(str(error))
            if less is suggestion:
                raise
            return self._job(photo, dataclasses.replace(recipe, steps=less.steps), less.reasons, output)

    def _job(self, photo: Photo | str | Path, recipe: Recipe, reasons: tuple[Reason, ...], output: Path | None) -> Job:
        source: Photo | PhotoFile
        warnings: tuple[str, ...] = ()
        if isinstance(photo, Photo):
            check_photo(photo)
            source = photo
            header = Header("png", photo.size, depth=photo.depth, alpha=photo.alpha is not None, grey=photo.grey)
        else:
            first_frame = recipe.input.animation == "first"
            source = open_photo(Path(photo), max_pixels=self.machine.max_pixels, first_frame=first_frame)
            header, warnings = source.header, source.warnings
        output_format = output_format_of(header, recipe, output)
        passes, size = all_passes(recipe, header.size, self.models)
        crop = recipe.output.box
        check_holds(format_named(output_format), size if crop is None else crop.size)
        plan = self._plan(header, passes, output_format, crop)
        return Job(
            source=source,
            header=header,
            recipe=recipe,
            reasons=reasons,
            passes=passes,
            output_format=output_format,
            plan=plan,
            warnings=(
                *warnings,
                *(f"{reason.step}: {reason.words}" for reason in reasons if reason.lacking),
                *losses(header, format_named(output_format), plan.precision),
                *(() if recipe.output.strip else metadata_losses(source.metadata, format_named(output_format))),
            ),
        )

    def _suggestion(self, photo: Photo | str | Path, recipe: Recipe) -> Suggestion:
        """The steps that the photo needs, and why."""
        if isinstance(photo, Photo):
            check_photo(photo)
            return suggest(photo, recipe.limits, store=self.store, models=self.models)
        return suggest_file(Path(photo), recipe.limits, machine=self.machine, reading=recipe.input, store=self.store, models=self.models)

    def enhance(
        self,
        photo: Photo | str | Path,
        recipe: Recipe | None = None,
        *,
        progress: OnProgress | None = None,
        cancelled: IsCancelled | None = None,
    ) -> Result:
        """`photo` as `recipe` says, with the record of how it was done.

        `progress` is called after every window, `cancelled` many times a second.

        Raises: UserError, MachineError, IntegrityError; Cancelled when `cancelled` answers yes.
        """
        return self.run(self.prepare(photo, recipe), progress=progress, cancelled=cancelled)

    def run(self, job: Job, *, progress: OnProgress | None = None, cancelled: IsCancelled | None = None) -> Result:
        """Do a prepared job. A reduced precision that misbehaves is done again in f32, what a GPU's memory turns out to have no room for
        on the CPU unless a GPU was asked for, and the result says so.

        Raises: as `enhance`.
        """
        if job.plan.place == CPU and self.device.place != CPU:
            self._release_others(())
            return self._on_cpu().run(job, progress=progress, cancelled=cancelled)
        if self._spare is not None:
            self._spare.close()  # its networks are in no plan for the GPU
        try:
            return self._run(job, progress, ticking(cancelled))
        except (NotFinite, PrecisionRefused) as error:
            if job.plan.precision == "f32":
                self._release_others(())
                raise
            plan = self._plan(job.header, job.passes, job.output_format, job.plan.crop, precision="f32")
            warning = f"{error}; the photo was done again in f32"
        except GpuMemoryFull as error:
            if not self._may_use_cpu:
                raise
            plan = self._plan_on_cpu(error, job.header, job.passes, job.output_format, job.plan.crop, precision=None)
            warning = f"{_first_words(error)}: the photo was done again on the CPU"
        except IntegrityError:
            self._release_others(())  # what answered wrong once is not asked again
            raise
        self._release_others(())
        give_back()
        again = dataclasses.replace(job, plan=plan, warnings=(*job.warnings, warning))
        return self.run(again, progress=progress, cancelled=cancelled)

    @property
    def _may_use_cpu(self) -> bool:
        return self.device.place != CPU and self.machine.device == "auto" and not self.machine.require_gpu

    def _on_cpu(self) -> Engine:
        """An engine on the CPU, for what the GPU's memory has no room for."""
        if self._spare is None:
            precision = "f32" if self.machine.precision == "f32" else "auto"  # the CPU may not have what was asked of the GPU
            self._spare = Engine(dataclasses.replace(self.machine, device=CPU, precision=precision), self.store, models=self.models)
        return self._spare

    def _plan_on_cpu(
        self,
        error: GpuMemoryFull,
        header: Header,
        passes: tuple[Pass, ...],
        output_format: str,
        crop: Box | None,
        *,
        precision: Precision | None,
    ) -> Plan:
        """The plan for the CPU, because of `error`."""
        plan = self._on_cpu()._plan(header, passes, output_format, crop, precision=precision)
        return dataclasses.replace(plan, reason=f"auto: {_first_words(error)}")

    def _plan(
        self, header: Header, passes: tuple[Pass, ...], output_format: str, crop: Box | None, *, precision: Precision | None = None
    ) -> Plan:
        """The plan, in this precision or the best one; on the CPU where the GPU's memory is too small and the CPU may be used."""
        if header.size.pixels == 1:
            # OpenVINO 2026.4 computes the compact network wrong on a single pixel in bf16: 10 dB from the reference.
            precision = "f32"
        if self._gpu_allowed is None:
            self._gpu_allowed = claim_gpu_memory(self.device, self.machine.max_gpu_memory, share=self._gpu_share)
        try:
            return make_plan(
                header,
                passes,
                output_format=output_format,
                precision=precision or choose_precision(self.machine.precision, self.device, header.depth),
                device=self.device,
                allowed=self._allowed,
                gpu_allowed=self._gpu_allowed,
                crop=crop,
            )
        except GpuMemoryFull as error:
            if not self._may_use_cpu:
                raise
            return self._plan_on_cpu(error, header, passes, output_format, crop, precision=precision)

    def _run(self, job: Job, progress: OnProgress | None, tick: Tick) -> Result:
        plan = job.plan
        _check_free(plan)
        folder = scratch_folder(self.machine.scratch) if plan.disk_bytes else None
        if folder is not None:
            check_room(folder, plan.disk_bytes)
        check_located(plan.weight_files, self.store)  # before hours of work on what comes first
        self._release_others(plan.models if plan.keeps_networks else ())
        records: list[StepRecord] = []
        warnings = list(job.warnings)
        with _measured("read", records):
            photo = self._read(job, folder, tick)
        alpha, held = photo.alpha, photo.size.box
        report = _reporter(plan, progress)
        sources: dict[int, Photo] = {}
        for number, step in enumerate(plan.passes):
            if any(isinstance(later, FacePlan) and later.source == number for later in plan.passes):
                sources[number] = photo
            if not plan.keeps_networks:
                self._release_others((step.model,) if isinstance(step, (NetworkPlan, FacePlan)) else ())
            with _measured(step.name, records) as facts:
                photo = self._pass(step, photo, held, sources, Running(folder, tick, report(step), facts, warnings))
            held = step.part
            give_back()
        if not plan.keeps_networks:
            self._release_others(())
        crop = plan.crop or plan.result.box
        if alpha is not None and (plan.result, crop) != (plan.size, plan.size.box):
            store = plan.passes[-1].store if plan.passes else plan.source_store
            enlarged = new_canvas(crop.size, store, folder, channels=1, depth=job.header.depth)
            with _measured("alpha", records):
                resample(alpha, enlarged, tick, size=plan.result, part=crop)
            alpha = enlarged
        photo = dataclasses.replace(photo, pixels=photo.pixels[crop.seen_from(held).slices], alpha=alpha)
        weights = {model.title: model.weights.sha256 for model in plan.models}
        weights |= {step.detector.name: step.detector.sha256 for step in plan.passes if isinstance(step, FacePlan)}
        return Result(photo, job.recipe, plan, weights, tuple(records), tuple(warnings), job.reasons)

    def _pass(self, step: PassPlan, photo: Photo, held: Box, sources: dict[int, Photo], running: Running) -> Photo:
        """The photo after one pass; its pixels are those of `held` before and of `step.part` after it."""
        if isinstance(step, TonePlan):
            return change_tones(step, photo, running)
        if isinstance(step, ResamplePlan):
            return reduce_size(step, photo, held, running)
        if isinstance(step, FacePlan):
            network = partial(self._network, step.model, step.precision)
            return paste_faces(step, photo, sources.pop(step.source), located(step.detector, self.store), network, running)
        return run_network(step, photo, held, self._probed_network(step), running)

    def _release_others(self, models: tuple[Model, ...]) -> None:
        """Give back the networks that are not of these models."""
        for key in [key for key in self._networks if key[0] not in models]:
            self._networks.pop(key).close()
            self._probed = {cut for cut in self._probed if cut[:2] != key}

    def _read(self, job: Job, folder: Path | None, tick: Tick) -> Photo:
        """The photo, with colour under its transparent parts; a Photo that was given is not modified."""
        header, store = job.header, job.plan.source_store
        if isinstance(job.source, Photo) and job.source.alpha is None:
            return job.source
        pixels = new_canvas(header.size, store, folder, depth=header.depth)
        if isinstance(job.source, Photo):
            pixels[:] = job.source.pixels
            photo = dataclasses.replace(job.source, pixels=pixels)
        else:
            alpha = new_canvas(header.size, store, folder, channels=1, depth=header.depth) if header.alpha else None
            photo = read_photo(job.source, pixels, alpha, tick)
        if photo.alpha is not None and any(isinstance(step, (NetworkPlan, ResamplePlan)) for step in job.plan.passes):
            bleed(photo.pixels, photo.alpha)
        return photo

    def _network(self, model: Model, precision: Precision) -> Network:
        """The network; its stages are compiled when they are asked for."""
        key = (model, precision)
        if key not in self._networks:
            self._networks[key] = Network(model.segments, load(model, self.store), runtime_on(self.device, precision))
        return self._networks[key]

    def _probed_network(self, plan: NetworkPlan) -> Network:
        """The network, probed in the plan's stages the first time."""
        network = self._network(plan.model, plan.precision)
        cut = (plan.model, plan.precision, tuple((stage.first, stage.last) for stage in plan.stages))
        if cut not in self._probed:
            probe(network, plan)
            self._probed.add(cut)
        return network


def _first_words(error: Exception) -> str:
    """What an error says, without what it advises."""
    return str(error).partition(";")[0]


def _check_free(plan: Plan) -> None:
    free = free_bytes() + anonymous_bytes()
    if plan.projected_bytes > free:
        raise MemoryBudgetError(
            f"needs {bytes_text(plan.projected_bytes)} of memory, {bytes_text(free)} are free now; "
            f"close other programs, or use --max-memory {max(1, free // 10**8) / 10:.1f}G"
        )


def _reporter(plan: Plan, progress: OnProgress | None) -> Callable[[PassPlan], Done]:
    """For every pass, in order, a function that is told which part of it is done."""
    total = sum(step.seconds for step in plan.passes)
    before = 0.0

    def part(step: PassPlan) -> Done:
        nonlocal before
        start, before = before, before + step.seconds

        def done(fraction: float) -> None:
            if progress is not None:
                progress(Progress((start + fraction * step.seconds) / total, plan.size.pixels / 1e6))

        return done

    return part


@contextlib.contextmanager
def _measured(name: str, records: list[StepRecord]) -> Iterator[dict[str, Any]]:
    """Adds a record of what the block took, and of the facts that it puts into the mapping it is given."""
    started, facts = time.perf_counter(), dict[str, Any]()
    with Peak() as peak:
        yield facts
    records.append(StepRecord(name, time.perf_counter() - started, peak.bytes, facts))


def enhance(photo: Photo | str | Path, recipe: Recipe | None = None, *, machine: Machine | None = None) -> Result:
    """`photo`, an array or a file, as `recipe` says; without one, with the steps that it needs.

    Raises: UserError, MachineError, IntegrityError.
    """
    with Engine(machine) as engine:
        return engine.enhance(photo, recipe)
