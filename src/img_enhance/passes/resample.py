"""Reduces the picture to a size."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from math import ceil
from typing import ClassVar, Literal

from img_enhance.geometry import Box, Size
from img_enhance.image_io import resample
from img_enhance.models.model import Model
from img_enhance.models.weight_files import WeightFile
from img_enhance.passes.context import PassContext
from img_enhance.photo import Photo
from img_enhance.planning.plan import PassResources
from img_enhance.planning.planner import STREAM_BYTES
from img_enhance.planning.speeds import RESAMPLING, seconds_of
from img_enhance.planning.sweep_plan import RECORDED_AS_STORE, Medium

# How many pixels of the larger picture a reduction to half sees at most, on each side and per halving: three lobes, and libvips' rounding.
LANCZOS_REACH = 5


@dataclass(frozen=True)
class ResamplePass:
    """Bring the picture to this size; `wraps` says that its right edge goes on at its left, `dpi` is its resolution in print."""

    size: Size
    wraps: bool = False
    dpi: float | None = None

    models: ClassVar[tuple[Model, ...]] = ()
    resizes: ClassVar[bool] = True
    wants_depth: ClassVar[bool] = False
    wants_source: ClassVar[bool] = False
    wants_file: ClassVar[bool] = False

    def result(self, _: Size) -> Size:
        return self.size

    def parts(self, needed: Box, size: Size) -> tuple[Box, Box]:
        across, down = size.width / self.size.width, size.height / self.size.height
        reach = ceil(LANCZOS_REACH * max(across, down, 1))
        covered = needed.covered(across, down)
        seen = covered.grown(reach, within=size.box)
        if self.wraps and (covered.left < reach or covered.right > size.width - reach):
            seen = Box(0, seen.top, size.width, seen.bottom)
        return needed, seen

    def plan(self, size: Size, part: Box, resources: PassResources) -> ResamplePlan:
        _, seen = self.parts(part, size)
        seconds = seconds_of(RESAMPLING, seen.size.pixels + part.size.pixels, resources.device.speeds)
        return ResamplePlan(
            size, self.size, part, resources.medium, resources.below + STREAM_BYTES, resources.depth, seconds, self.wraps, self.dpi
        )


@dataclass(frozen=True)
class ResamplePlan:
    """How a picture is reduced; the canvas holds `part` of the result."""

    size: Size
    result: Size
    part: Box
    medium: Medium = dataclasses.field(metadata=RECORDED_AS_STORE)
    projected_bytes: int
    depth: int = 8
    seconds: float = 0.0
    wraps: bool = False
    dpi: float | None = None
    kind: Literal["resample"] = "resample"

    gpu_bytes: ClassVar[int] = 0
    models: ClassVar[tuple[Model, ...]] = ()
    files_beside_models: ClassVar[tuple[WeightFile, ...]] = ()
    awaited: ClassVar[int | None] = None
    changes_tones: ClassVar[bool] = False
    mixes_pixels: ClassVar[bool] = True

    @property
    def name(self) -> str:
        return "resample"

    @property
    def planned_text(self) -> str:
        return f"reduced to {self.result}"

    @property
    def done_text(self) -> str:
        return self.planned_text


def run(plan: ResamplePlan, photo: Photo, held: Box, context: PassContext) -> Photo:
    """The photo, or the part that is needed of it, at the plan's size."""
    canvas = context.canvas(plan)
    resample(photo.pixels, canvas, context.tick, whole=plan.size, held=held, size=plan.result, part=plan.part, wraps=plan.wraps)
    context.done(1.0)
    resolution = photo.metadata.resolution if plan.dpi is None else (plan.dpi, plan.dpi)
    metadata = dataclasses.replace(photo.metadata, resolution=resolution)
    return dataclasses.replace(photo, pixels=canvas, alpha=None, metadata=metadata)
