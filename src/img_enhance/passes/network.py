"""Runs a network over the whole picture, or the part that is needed of it, and keeps its answer true to the picture."""

from __future__ import annotations

import dataclasses
import sys
from dataclasses import dataclass
from functools import partial
from math import ceil
from typing import ClassVar, Literal

import numpy as np

from img_enhance.cancelling import Tick
from img_enhance.geometry import Box, Size
from img_enhance.light.low_band import REACH
from img_enhance.machine.canvas import Pixels
from img_enhance.models.model import Model
from img_enhance.models.weight_files import WeightFile
from img_enhance.passes.context import Networks, PassContext
from img_enhance.passes.elsewhere import made, mapped
from img_enhance.passes.own_colours import MOST_THREADS, Enlarged, blend, keep_colours, looks_grey, own_colours_bytes
from img_enhance.passes.sweep import AreaSweep, Read, Write, sweep
from img_enhance.photo import Photo
from img_enhance.planning.area_task import AreaTask
from img_enhance.planning.plan import PassResources
from img_enhance.planning.sweep_plan import SweepPlan
from img_enhance.planning.sweep_planner import copied_bytes, core_of, features_bytes, likely_seconds, plan_network, reach_of
from img_enhance.runtimes.runtime import Picture

# A rate that only serves to estimate how long it takes to keep colours, or to blend.
_PIXELS_PER_SECOND = 40e6


@dataclass(frozen=True)
class NetworkPass:
    """Run a network over the whole picture. `level` is the part of its change that is wanted, 0 to 1, the rest being the picture enlarged
    without it; `keeps_colours` says that the result has the picture's colours in all that is no detail."""

    model: Model
    level: float = 1.0
    keeps_colours: bool = True

    resizes: ClassVar[bool] = True
    wants_depth: ClassVar[bool] = False
    wants_source: ClassVar[bool] = False
    wants_file: ClassVar[bool] = False

    @property
    def models(self) -> tuple[Model, ...]:
        return (self.model,)

    def result(self, size: Size) -> Size:
        return size.scaled(self.model.scale)

    def parts(self, needed: Box, size: Size) -> tuple[Box, Box]:
        model, cells = self.model, size.cells(self.model.cell)
        if model.sees_all:  # no pixel of its answer comes of a part alone
            return size.scaled(model.scale).box, size.box
        core = core_of(model, needed)
        if self.keeps_colours:
            core = core.grown(ceil(REACH / model.cell), within=cells.box)
        part = core.scaled(model.cell * model.scale).grown(0, within=size.scaled(model.scale).box)
        return part, core.grown(reach_of(model), within=cells.box).scaled(model.cell).grown(0, within=size.box)

    def plan(self, size: Size, part: Box, resources: PassResources) -> NetworkPlan:
        sweeping = self._sweep(size, part, resources)
        fields = {field.name: getattr(sweeping, field.name) for field in dataclasses.fields(sweeping)}
        finishing = self.keeps_colours + (self.level < 1)
        source = part.covered(1 / self.model.scale, 1 / self.model.scale).size
        threads, finishing_bytes = max(1, min(resources.device.cores, MOST_THREADS)), 0
        if finishing:
            finishing_bytes_of = partial(own_colours_bytes, source, self.model.scale, blends=self.level < 1)
            while threads > 1 and resources.below + finishing_bytes_of(threads=threads) > resources.allowed:
                threads -= 1
            finishing_bytes = finishing_bytes_of(threads=threads)
        fields |= {
            "depth": resources.depth,
            "seconds": likely_seconds(sweeping, resources.device) + finishing * part.size.pixels / _PIXELS_PER_SECOND,
            "projected_bytes": max(sweeping.projected_bytes, resources.below + finishing_bytes),
        }
        return NetworkPlan(**fields, level=self.level, keeps_colours=self.keeps_colours, threads=threads)

    def _sweep(self, size: Size, part: Box, resources: PassResources) -> SweepPlan:
        """How the network sweeps a picture, in the machine's memory or in a device's own."""
        below, allowed = (
            (resources.below, resources.allowed) if resources.gpu_allowed is None else (resources.gpu_below, resources.gpu_allowed)
        )
        core, device = core_of(self.model, part), resources.device
        # An integrated GPU's scratch leaves so much less for features; how much is not known yet, and half is for each.
        room = (resources.allowed - resources.below) // (2 if device.shares_memory else 1)
        plan = plan_network(
            self.model,
            size,
            core,
            resources.medium,
            precision=resources.precision,
            device=device,
            below=below,
            allowed=min(allowed, below + room) if device.shares_memory else allowed,
            features_room=room if device.features_on_host else None,
        )
        if resources.gpu_allowed is None:
            return plan
        # Of the machine's memory only windows on their way there and back, unless more lies there.
        device, taken = resources.device, copied_bytes(self.model, plan.stages, plan.cells, plan.precision, resources.device)
        taken += (plan.projected_bytes if device.shares_memory else 0) + (features_bytes(plan) if device.features_on_host else 0)
        return dataclasses.replace(plan, gpu_bytes=plan.projected_bytes, projected_bytes=resources.below + taken)


@dataclass(frozen=True)
class NetworkPlan(SweepPlan):
    """How a network sweeps a picture, as a pass; `threads` are those that make its answer true to the picture."""

    level: float = 1.0
    keeps_colours: bool = True
    threads: int = 1
    kind: Literal["network"] = "network"

    files_beside_models: ClassVar[tuple[WeightFile, ...]] = ()
    awaited: ClassVar[int | None] = None
    changes_tones: ClassVar[bool] = False
    mixes_pixels: ClassVar[bool] = True

    @property
    def models(self) -> tuple[Model, ...]:
        return (self.model,)

    @property
    def name(self) -> str:
        return self.model.title

    @property
    def tiles(self) -> int:
        """In how many windows the last stage makes the picture."""
        return sum(1 for area in self.areas() for _ in self.windows(area, self.stages[-1]))

    @property
    def planned_text(self) -> str:
        areas, tiles = self.area_rows * self.area_columns, self.tiles
        side = min(self.cell * max(stage.side for stage in self.stages), max(self.size.width, self.size.height))
        return f"{self.model.title} in {areas} area{'s' * (areas > 1)}, {tiles} tile{'s' * (tiles > 1)} of at most {side} px"

    @property
    def done_text(self) -> str:
        level = "" if self.level == 1 else f", {self.level:.0%} of its change"
        return f"{self.model.title} {self.size} to {self.result}{level}"


def run(plan: NetworkPlan, photo: Photo, held: Box, context: PassContext) -> Photo:
    """The network's answer to the photo, or the part that is needed of it."""
    total, finished = plan.flops, 0
    grey = photo.grey or (plan.keeps_colours and looks_grey(photo.pixels))

    def count(flops: int) -> None:
        nonlocal finished
        finished += flops
        context.done(finished / total)

    if context.elsewhere is not None and context.elsewhere.areas(plan):
        canvas = context.canvas(plan)
        context.elsewhere.sweep(plan, dataclasses.replace(photo, grey=grey), held, canvas, tick=context.tick, done=count)
        _finish(plan, photo, held, canvas, context)
        return dataclasses.replace(photo, pixels=canvas, alpha=None)
    network = context.networks.probed(plan)
    canvas = context.canvas(plan)
    read, write = _reader(photo.pixels, held), _writer(canvas, plan.part, grey=grey)
    try:
        cut_up = sweep(network, read, write, plan, tick=context.tick, done=count)
    finally:
        if len(plan.stages) > 1:
            # Stages keep buffers as large as their windows, which the plan of the next photo does not know of.
            network.close()
    if cut_up:
        context.warnings.append(f"the GPU's memory was fuller than planned: {cut_up} windows were cut into smaller ones")
    if plan.model.sees_all and plan.tiles > 1:
        context.warnings.append(_made_in_tiles(plan))
    _finish(plan, photo, held, canvas, context)
    return dataclasses.replace(photo, pixels=canvas, alpha=None)


def _made_in_tiles(plan: NetworkPlan) -> str:
    """What is said of a picture in several tiles, made by a network that looks at all of what it gets."""
    widest = plan.model.widest * plan.cell
    why = f"but takes no more than {widest} px of it at once" if widest else "for which there was no room"
    more = "" if widest else "; more memory makes it with fewer"
    return (
        f"{plan.model.title} looks at the whole picture, {why}: it was made in {plan.tiles} tiles, and differs a little from one made as a "
        f"whole (docs/models.md says by how much){more}"
    )


def _finish(plan: NetworkPlan, photo: Photo, held: Box, canvas: Pixels, context: PassContext) -> None:
    """Make the network's answer true to the picture, as far as that is asked for."""
    part = plan.part.covered(1 / plan.model.scale, 1 / plan.model.scale)
    enlarged = Enlarged(canvas, part, photo.pixels, held, plan.size, plan.model.scale)
    if plan.keeps_colours:
        keep_colours(enlarged, context.tick, threads=plan.threads)
    if plan.level < 1:
        blend(enlarged, plan.level, context.tick)


def run_area(task: AreaTask, networks: Networks, tick: Tick) -> None:
    """Write the network's answer to an area to its file, synced.

    Raises: as `sweep`; OSError where files cannot be read or written.
    """
    network = networks.probed(task.plan)
    canvas = made(task.result)
    read, write = _reader(mapped(task.picture), task.held), _writer(canvas, task.part, grey=task.grey)
    too_large = dict.fromkeys(task.plan.stages, sys.maxsize)
    try:
        AreaSweep(network, task.plan, task.area, read, write, tick, lambda _: None, too_large).run()
    finally:
        if len(task.plan.stages) > 1:
            network.close()
    canvas.flush()


def _reader(pixels: Pixels, held: Box) -> Read:
    """What gives boxes of a picture, of which `pixels` are the part `held`, as networks read them."""
    white = np.float32(np.iinfo(pixels.dtype).max)

    def read(box: Box) -> Picture:
        return np.multiply(pixels[box.seen_from(held).slices], 1 / white, dtype=np.float32)

    return read


def _writer(canvas: Pixels, part: Box, *, grey: bool) -> Write:
    """What puts boxes of a network's answer into a canvas, which is the `part` of it."""
    white = np.float32(np.iinfo(canvas.dtype).max)

    def write(box: Box, answer: Picture) -> None:
        if grey:  # networks answer with a little colour
            answer[:] = answer.mean(axis=2, keepdims=True)
        np.multiply(answer, white, out=answer)
        np.clip(answer, 0, white, out=answer)
        canvas[box.seen_from(part).slices] = np.rint(answer, out=answer)

    return write
