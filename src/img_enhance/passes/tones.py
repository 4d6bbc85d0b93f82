"""Measures the whole picture, then changes its tones and colours; its size stays."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol

import numpy as np

from img_enhance.geometry import Box, Size
from img_enhance.light.colour import with_depth
from img_enhance.machine.canvas import Pixels
from img_enhance.models.model import Model
from img_enhance.models.weight_files import WeightFile
from img_enhance.passes import strips
from img_enhance.passes.context import PassContext
from img_enhance.photo import Photo
from img_enhance.planning.plan import UNRECORDED, PassResources
from img_enhance.planning.speeds import seconds_of, step_work
from img_enhance.planning.sweep_plan import RECORDED_AS_STORE, Medium
from img_enhance.request.step_options import StepOptions

# So many rows above and below its own a strip may look at.
MOST_REACH = 7

# Strips are changed by at most so many threads at a time, each in float32 copies.
MOST_THREADS = 8
BYTES_PER_PIXEL = 100

# What measuring a whole photo takes beside its canvas: reduced copies, histograms, tables.
MEASURE_BYTES = 150_000_000


class Facts(Protocol):
    """What a step measured of a whole photo, with all that `apply` needs; small, and it pickles.

    `changes` is false where `apply` would change nothing, and `unchanged` says why then, else ""; `reach` is how many pixels around each
    `apply` looks at, at most MOST_REACH; `warnings` are sentences for the result's warnings.
    """

    @property
    def changes(self) -> bool: ...

    @property
    def unchanged(self) -> str: ...

    @property
    def warnings(self) -> tuple[str, ...]: ...

    @property
    def reach(self) -> int: ...

    def record(self) -> dict[str, Any]:
        """The measured numbers as JSON values."""


@dataclass(frozen=True)
class Tones:
    """How a step on light or colour measures and changes.

    `measure(photo, options) -> facts` looks at the whole photo, once, and does not modify it. `apply(pixels, box, facts, depth) -> pixels`
    is pure: what becomes of the photo's part `box`, in `depth` bits a channel. A pixel's answer depends on its value, its place, the facts
    and what lies within their reach, which must be in `box` too, so that no cut shows. `apply_to` sees to that.
    """

    measure: Callable[[Photo, Any], Any]
    apply: Callable[[Pixels, Box, Any, int], Pixels]

    def apply_to(self, photo: Pixels, box: Box, facts: Facts, depth: int) -> Pixels:
        """What becomes of the part `box` of a whole photo, (H, W, 3)."""
        seen = box.grown(facts.reach, within=Size(photo.shape[1], photo.shape[0]).box)
        return self.apply(photo[seen.slices], seen, facts, depth)[box.seen_from(seen).slices]


@dataclass(frozen=True)
class TonePass:
    """Measure the whole picture, then change its tones and colours."""

    tones: Tones
    options: StepOptions

    models: ClassVar[tuple[Model, ...]] = ()
    resizes: ClassVar[bool] = False
    wants_depth: ClassVar[bool] = True  # tones that are changed again would make bands in 8 bits
    wants_source: ClassVar[bool] = False
    wants_file: ClassVar[bool] = False

    def result(self, size: Size) -> Size:
        return size

    def parts(self, _needed: Box, size: Size) -> tuple[Box, Box]:
        return size.box, size.box

    def plan(self, size: Size, _part: Box, resources: PassResources) -> TonePlan:
        threads = max(1, min(resources.device.cores, MOST_THREADS))
        strip = max(strips.STRIP_PIXELS, size.width) + 2 * MOST_REACH * size.width
        return TonePlan(
            step=self.options.name,
            options=self.options,
            size=size,
            medium=resources.medium,
            depth=resources.depth,
            threads=threads,
            projected_bytes=resources.below + max(MEASURE_BYTES, threads * strip * BYTES_PER_PIXEL),
            tones=self.tones,
            seconds=seconds_of(step_work(self.options.name), size.pixels, resources.device.speeds),
        )


@dataclass(frozen=True)
class TonePlan(strips.SizeStays):
    """How the tones of a picture are changed: in strips of whole rows, on so many threads."""

    step: str
    options: StepOptions
    size: Size
    medium: Medium = dataclasses.field(metadata=RECORDED_AS_STORE)
    depth: int
    threads: int
    projected_bytes: int
    tones: Tones = dataclasses.field(metadata=UNRECORDED)
    seconds: float = 0.0
    kind: Literal["tones"] = "tones"

    gpu_bytes: ClassVar[int] = 0
    models: ClassVar[tuple[Model, ...]] = ()
    files_beside_models: ClassVar[tuple[WeightFile, ...]] = ()
    awaited: ClassVar[int | None] = None
    changes_tones: ClassVar[bool] = True
    mixes_pixels: ClassVar[bool] = False

    @property
    def name(self) -> str:
        return self.step

    @property
    def planned_text(self) -> str:
        return self.step

    @property
    def done_text(self) -> str:
        return self.planned_text


def run(plan: TonePlan, photo: Photo, _held: Box, context: PassContext) -> Photo:
    """The photo with its tones as the step says, or the very same where the step finds nothing to do."""
    context.tick()
    facts: Facts = plan.tones.measure(photo, plan.options)
    context.warnings.extend(facts.warnings)
    changed = False
    if facts.changes or photo.depth > plan.depth:
        canvas = context.canvas(plan)
        changed = _filled(canvas, plan, photo, facts, context)
        photo = dataclasses.replace(photo, pixels=canvas)
    if changed:
        context.record["changed"] = True
    else:
        context.unchanged(facts.unchanged or f"what it does is too little to show in {plan.depth} bits")
    context.record.update(facts.record())
    context.done(1.0)
    return photo


def _filled(canvas: Pixels, plan: TonePlan, photo: Photo, facts: Facts, context: PassContext) -> bool:
    """Whether any value of the photo changed on its way to the canvas, but for its depth."""

    def fill(box: Box) -> bool:
        before = with_depth(photo.pixels[box.slices], plan.depth)
        after = plan.tones.apply_to(photo.pixels, box, facts, plan.depth) if facts.changes else before
        canvas[box.slices] = after
        return facts.changes and not np.array_equal(before, after)

    changed = False
    with ThreadPoolExecutor(plan.threads) as threads:
        futures = []
        try:
            futures = [threads.submit(fill, box) for box in plan.strips()]
            for number, future in enumerate(futures, 1):
                context.tick()
                changed |= future.result()
                context.done(number / len(futures))
        finally:
            for future in futures:
                future.cancel()
    return changed
