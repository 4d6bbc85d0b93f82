"""The loop that runs a planned job, on one device."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from img_enhance.cancelling import Tick
from img_enhance.engine.job import Job
from img_enhance.engine.networks import LoadedNetworks
from img_enhance.engine.result import Original, Result, StepRecord
from img_enhance.errors import MemoryBudgetError
from img_enhance.geometry import Box
from img_enhance.image_io import PhotoFile, read_into, resample
from img_enhance.image_io.bleed import bleed
from img_enhance.machine.canvas import Pixels, check_room, new_canvas, scratch_folder
from img_enhance.machine.devices import claim_gpu_memory, free_bytes, unclaim_gpu_memory
from img_enhance.machine.memory import Peak, anonymous_bytes, give_back
from img_enhance.models.networks.segment import Precision
from img_enhance.models.weights.cache import WeightStore, check_located
from img_enhance.passes import run_pass
from img_enhance.passes.running import Done, Running
from img_enhance.photo import Photo
from img_enhance.planning.plan import Device, PassPlan, Plan, Question
from img_enhance.planning.planner import allowed_bytes, choose_precision, make_plan
from img_enhance.progress import OnProgress, Progress
from img_enhance.request.options import Machine
from img_enhance.units import bytes_text
from img_enhance.words import Setting


class DeviceEngine:
    """Plans for one device, and runs what was planned for it. `gpu_share` is the part of a GPU's free memory that is for this one."""

    def __init__(self, machine: Machine, device: Device, store: WeightStore, *, gpu_share: float = 1.0) -> None:
        self.machine, self.device, self.store = machine, device, store
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

    def plan(self, question: Question, *, precision: Precision | None = None) -> Plan:
        """The plan, in this precision or the best one.

        Raises: MemoryBudgetError, GpuMemoryFull.
        """
        header = question.header
        if header.size.pixels == 1:
            # OpenVINO 2026.4 computes the compact network wrong on a single pixel in bf16: 10 dB from the reference.
            precision = "f32"
        if self._gpu_allowed is None:
            self._gpu_allowed = claim_gpu_memory(self.device, self.machine.max_gpu_memory, share=self._gpu_share)
        return make_plan(
            question,
            precision=precision or choose_precision(self.machine.precision, self.device, header.depth),
            device=self.device,
            allowed=self._allowed,
            gpu_allowed=self._gpu_allowed,
        )

    def run(self, job: Job, progress: OnProgress | None, tick: Tick) -> Result:
        """Do a job that was planned for this device.

        Raises: as `Engine.run`; NotFinite, PrecisionRefused, GpuMemoryFull, after which it may be done otherwise.
        """
        plan = job.plan
        _check_free(plan)
        folder = scratch_folder(self.machine.scratch) if plan.disk_bytes else None
        if folder is not None:
            check_room(folder, plan.disk_bytes - (0 if job.decoded is None else job.decoded.disk_bytes))
        check_located(plan.weight_files, self.store)  # before hours of work on what comes first
        self.networks.keep(plan.models if plan.keeps_networks else ())
        records, warnings = list[StepRecord](), list(job.warnings)
        with _measured("read", records):
            photo = _read(job, folder, tick)
        alpha, held = photo.alpha, photo.size.box
        report = _reporter(plan, progress)
        sources: dict[int, Photo] = {}
        for number, step in enumerate(plan.passes):
            if any(later.awaited == number for later in plan.passes):
                sources[number] = photo
            if not plan.keeps_networks:
                self.networks.keep(step.models)
            source = None if step.awaited is None else sources.pop(step.awaited)
            with _measured(step.name, records) as facts:
                running = Running(folder, tick, report(step), facts, warnings, self.networks, source)
                photo = run_pass(step, photo, held, running)
            held = step.part
            give_back()
        if not plan.keeps_networks:
            self.release()
        crop = plan.crop or plan.result.box
        if alpha is not None and (plan.result, crop) != (plan.size, plan.size.box):
            with _measured("alpha", records):
                alpha = _resampled(alpha, job, crop, folder, tick)
        photo = dataclasses.replace(photo, pixels=photo.pixels[crop.seen_from(held).slices], alpha=alpha)
        weights = {model.title: model.weights.sha256 for model in plan.models}
        weights |= {file.name: file.sha256 for step in plan.passes for file in step.files_beside_models}
        result = Result(photo, job.recipe, plan, weights, tuple(records), tuple(warnings), job.reasons, job.losses)
        if isinstance(job.source, PhotoFile) and result.is_unchanged:
            return dataclasses.replace(result, original=_original(job.source, photo))
        return result


def _read(job: Job, folder: Path | None, tick: Tick) -> Photo:
    """The photo, with colour under its transparent parts; a Photo that was given is not modified."""
    header, store = job.header, job.plan.source_store
    if isinstance(job.source, Photo):
        if job.source.alpha is None:
            return job.source
        pixels = new_canvas(header.size, store, folder, depth=header.depth)
        pixels[:] = job.source.pixels
        photo = dataclasses.replace(job.source, pixels=pixels)
    else:
        photo = job.taken() or read_into(job.source, store, folder, tick)
    if photo.alpha is not None and any(step.mixes_pixels for step in job.plan.passes):
        bleed(photo.pixels, photo.alpha)
    return photo


def _original(file: PhotoFile, photo: Photo) -> Original:
    """The file and its photo, on which nobody can paint any more: where the file is copied, that would be lost without a word."""
    for pixels in (photo.pixels, photo.alpha):
        if pixels is not None:
            pixels.flags.writeable = False
    return Original(file, photo)


def _resampled(alpha: Pixels, job: Job, crop: Box, folder: Path | None, tick: Tick) -> Pixels:
    """The photo's transparency at the size of the result, or the part of it that is asked for; once, whatever the passes were."""
    plan = job.plan
    store = plan.passes[-1].store if plan.passes else plan.source_store
    canvas = new_canvas(crop.size, store, folder, channels=1, depth=job.header.depth)
    resample(alpha, canvas, tick, size=plan.result, part=crop)
    return canvas


def _check_free(plan: Plan) -> None:
    free = free_bytes() + anonymous_bytes()
    if plan.projected_bytes > free:
        raise MemoryBudgetError(
            f"needs {bytes_text(plan.projected_bytes)} of memory, {bytes_text(free)} are free now",
            *("close other programs, or use ", Setting("max_memory", f"{max(1, free // 10**8) / 10:.1f}G")),
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
