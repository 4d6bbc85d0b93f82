"""The loop that runs what was prepared, on one device."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from img_enhance.cancelling import Tick
from img_enhance.engine.networks import LoadedNetworks
from img_enhance.engine.prepared_run import PreparedRun
from img_enhance.engine.result import Original, PhaseRecord, Result
from img_enhance.errors import MemoryBudgetError
from img_enhance.geometry import Box
from img_enhance.image_io import PhotoFile, read_into, resample
from img_enhance.image_io.bleed import bleed
from img_enhance.machine.canvas import Pixels, check_room, new_canvas, scratch_folder
from img_enhance.machine.devices import claim_gpu_memory, free_bytes, unclaim_gpu_memory
from img_enhance.machine.memory import Peak, anonymous_bytes, give_back
from img_enhance.models.networks.segment import Precision
from img_enhance.models.weights.cache import WeightStore, check_located
from img_enhance.models.weights.pins import known_sha256
from img_enhance.passes import run_pass
from img_enhance.passes.context import OnFraction, PassContext
from img_enhance.passes.elsewhere import Elsewhere
from img_enhance.passes.network import run_area
from img_enhance.photo import Photo, format_named
from img_enhance.planning.area_task import AreaTask
from img_enhance.planning.plan import Device, PassPlan, Plan, PlanRequest
from img_enhance.planning.planner import allowed_bytes, choose_precision, make_plan
from img_enhance.progress import OnProgress, Progress
from img_enhance.request.options import Machine
from img_enhance.units import bytes_text
from img_enhance.words import Setting


class DeviceEngine:
    """Plans for one device, and runs what was planned for it. `gpu_share` is the part of a GPU's free memory that is for this one.

    `elsewhere` may be set to machines that do areas of networks.
    """

    def __init__(self, machine: Machine, device: Device, store: WeightStore, *, gpu_share: float = 1.0) -> None:
        self.machine, self.device, self.store = machine, device, store
        self.elsewhere: Elsewhere | None = None
        self.networks = LoadedNetworks(device, store)
        self._allowed = allowed_bytes(machine.max_memory, device)
        self._gpu_share = gpu_share
        self._gpu_allowed: int | None = None
        choose_precision(machine.precision, device)  # refuses what the device does not have before any photo

    def release(self) -> None:
        """Give the networks' memory back."""
        self.networks.keep(())

    def close(self) -> None:
        """Give all memory back; it can be used again."""
        self.release()
        unclaim_gpu_memory(self.device)
        self._gpu_allowed = None
        give_back()

    def plan(self, request: PlanRequest, *, precision: Precision | None = None) -> Plan:
        """The plan, in this precision or the best one.

        Raises: MemoryBudgetError, GpuMemoryFull.
        """
        header = request.header
        if header.size.pixels == 1:
            # OpenVINO 2026.4 computes the compact network wrong on a single pixel in bf16: 10 dB from the reference.
            precision = "f32"
        if self._gpu_allowed is None:
            self._gpu_allowed = claim_gpu_memory(self.device, self.machine.max_gpu_memory, share=self._gpu_share)
        return make_plan(
            request,
            precision=precision or self._precision(request),
            device=self.device,
            allowed=self._allowed,
            gpu_allowed=self._gpu_allowed,
        )

    def _precision(self, request: PlanRequest) -> Precision:
        models = tuple(model for each in request.passes for model in each.models)
        return choose_precision(self.machine.precision, self.device, request.header.depth, models)

    def run(self, prepared: PreparedRun, progress: OnProgress | None, tick: Tick) -> Result:
        """Do a prepared run that was planned for this device.

        Raises: as `Engine.run`; NotFinite, PrecisionRefused, GpuMemoryFull, after which it may be done otherwise.
        """
        plan = prepared.plan
        _check_free(plan)
        folder = scratch_folder(self.machine.scratch) if plan.disk_bytes else None
        if folder is not None:
            check_room(folder, plan.disk_bytes - (0 if prepared.decoded is None else prepared.decoded.disk_bytes))
        check_located(plan.weight_files, self.store)  # before hours of work on what comes first
        self.networks.keep(plan.models if plan.keeps_networks else ())
        records, warnings = list[PhaseRecord](), list(prepared.warnings)
        with _measured("read", records):
            photo = dataclasses.replace(_read(prepared, folder, tick), wraps=prepared.header.wraps)
        warnings += photo.warnings
        alpha, held = photo.alpha, photo.size.box
        report = _reporter(plan, progress)
        sources: dict[int, Photo] = {}
        for number, pass_plan in enumerate(plan.passes):
            if any(later.awaited == number for later in plan.passes):
                sources[number] = photo
            if not plan.keeps_networks:
                self.networks.keep(pass_plan.models)
            source = None if pass_plan.awaited is None else sources.pop(pass_plan.awaited)
            with _measured(pass_plan.name, records) as facts:
                changed = any(not record.unchanged for record in records[1:])
                context = PassContext(folder, tick, report(pass_plan), facts, warnings, self.networks, source, changed, self.elsewhere)
                photo = run_pass(pass_plan, photo, held, context)
            held = pass_plan.part
            give_back()
        if not plan.keeps_networks:
            self.release()
        crop = plan.crop or plan.result.box
        if alpha is not None and (plan.result, crop) != (plan.size, plan.size.box):
            with _measured("alpha", records):
                alpha = _resampled(alpha, prepared, crop, folder, tick)
        metadata = photo.metadata
        if metadata.gain_map is not None and _tones_changed(plan, records):
            metadata = dataclasses.replace(metadata, gain_map=None)
            if format_named(prepared.output_format).attached and not prepared.recipe.output.strip:
                warnings.append("its gain map, which makes it HDR, was left out: it does not fit tones that were changed")
        place = crop.seen_from(held).slices
        high_range = photo.high_range and dataclasses.replace(photo.high_range, values=photo.high_range.values[place])
        photo = dataclasses.replace(photo, pixels=photo.pixels[place], alpha=alpha, metadata=metadata, high_range=high_range)
        weights = {model.title: known_sha256(model.weights, self.store.home) for model in plan.models}
        weights |= {file.name: file.sha256 for pass_plan in plan.passes for file in pass_plan.files_beside_models}
        result = Result(photo, prepared.recipe, plan, weights, tuple(records), tuple(warnings), prepared.reasons, prepared.losses)
        if isinstance(prepared.source, PhotoFile) and result.is_unchanged:
            return dataclasses.replace(result, original=_original(prepared.source, photo))
        return result

    def run_area(self, task: AreaTask, tick: Tick) -> None:
        """Do an area of somebody else's photo.

        Raises: as `passes.network.run_area`.
        """
        self.networks.keep((task.plan.model,))
        run_area(task, self.networks, tick)
        give_back()


def _tones_changed(plan: Plan, records: list[PhaseRecord]) -> bool:
    passes = zip(plan.passes, records[1:], strict=False)
    return any(pass_plan.changes_tones and not record.unchanged for pass_plan, record in passes)


def _read(prepared: PreparedRun, folder: Path | None, tick: Tick) -> Photo:
    """The photo, with colour under its transparent parts; a Photo that was given is not modified."""
    header, medium = prepared.header, prepared.plan.source_medium
    if isinstance(prepared.source, Photo):
        if prepared.source.alpha is None:
            return prepared.source
        pixels = new_canvas(header.size, medium, folder, depth=header.depth)
        pixels[:] = prepared.source.pixels
        photo = dataclasses.replace(prepared.source, pixels=pixels)
    else:
        photo = prepared.taken() or read_into(prepared.source, medium, folder, tick)
    if photo.alpha is not None and any(pass_plan.mixes_pixels for pass_plan in prepared.plan.passes):
        bleed(photo.pixels, photo.alpha)
    return photo


def _original(file: PhotoFile, photo: Photo) -> Original:
    """The file and its photo, on which nobody can paint any more: where the file is copied, that would be lost without a word."""
    for pixels in (photo.pixels, photo.alpha):
        if pixels is not None:
            pixels.flags.writeable = False
    return Original(file, photo)


def _resampled(alpha: Pixels, prepared: PreparedRun, crop: Box, folder: Path | None, tick: Tick) -> Pixels:
    """The photo's transparency at the size of the result, or the part of it that is asked for; once, whatever the passes were."""
    plan = prepared.plan
    medium = plan.passes[-1].medium if plan.passes else plan.source_medium
    canvas = new_canvas(crop.size, medium, folder, channels=1, depth=prepared.header.depth)
    resample(alpha, canvas, tick, size=plan.result, part=crop, wraps=prepared.header.wraps)
    return canvas


def _check_free(plan: Plan) -> None:
    free = free_bytes() + anonymous_bytes()
    if plan.projected_bytes > free:
        raise MemoryBudgetError(
            f"needs {bytes_text(plan.projected_bytes)} of memory, {bytes_text(free)} are free now",
            *("close other programs, or use ", Setting("max_memory", f"{max(1, free // 10**8) / 10:.1f}G")),
        )


def _reporter(plan: Plan, progress: OnProgress | None) -> Callable[[PassPlan], OnFraction]:
    """For every pass, in order, a function that is told which part of it is done."""
    total = sum(pass_plan.seconds for pass_plan in plan.passes)
    before = 0.0

    def part(pass_plan: PassPlan) -> OnFraction:
        nonlocal before
        start, before = before, before + pass_plan.seconds

        def done(fraction: float) -> None:
            if progress is not None:
                progress(Progress((start + fraction * pass_plan.seconds) / total, plan.size.pixels / 1e6))

        return done

    return part


@contextlib.contextmanager
def _measured(name: str, records: list[PhaseRecord]) -> Iterator[dict[str, Any]]:
    """Adds a record of what the block took, and of the facts that it puts into the mapping it is given."""
    started, facts = time.perf_counter(), dict[str, Any]()
    with Peak() as peak:
        yield facts
    records.append(PhaseRecord(name, time.perf_counter() - started, peak.bytes, facts))
