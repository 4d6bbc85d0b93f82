"""Takes columns of a picture whose right edge goes on at its left: more than it has on both sides, so that a network sees what lies there,
and only its own again."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from img_enhance.geometry import Box, Size
from img_enhance.light.colour import with_depth
from img_enhance.models.model import Model
from img_enhance.models.weight_files import WeightFile
from img_enhance.passes import strips
from img_enhance.passes.context import PassContext
from img_enhance.photo import Photo
from img_enhance.planning.plan import PassResources
from img_enhance.planning.planner import STREAM_BYTES
from img_enhance.planning.sweep_plan import RECORDED_AS_STORE, Medium

# A rate that only serves to estimate.
PIXELS_PER_SECOND = 200e6


@dataclass(frozen=True)
class ColumnsPass:
    """Take `width` columns from `start` on, which may lie left of the first one; after the last column comes the first."""

    start: int
    width: int

    models: ClassVar[tuple[Model, ...]] = ()
    resizes: ClassVar[bool] = True
    wants_depth: ClassVar[bool] = False
    wants_source: ClassVar[bool] = False
    wants_file: ClassVar[bool] = False

    def result(self, size: Size) -> Size:
        return Size(self.width, size.height)

    def parts(self, needed: Box, size: Size) -> tuple[Box, Box]:
        before = needed.shifted(self.start)
        if before.left < 0 or before.right > size.width:
            before = Box(0, needed.top, size.width, needed.bottom)
        return needed, before

    def plan(self, size: Size, part: Box, resources: PassResources) -> ColumnsPlan:
        return ColumnsPlan(
            size=size,
            result=self.result(size),
            part=part,
            start=self.start,
            medium=resources.medium,
            projected_bytes=resources.below + STREAM_BYTES,
            depth=resources.depth,
            seconds=part.size.pixels / PIXELS_PER_SECOND,
        )


@dataclass(frozen=True)
class ColumnsPlan:
    """How columns are taken; the canvas holds `part` of the result."""

    size: Size
    result: Size
    part: Box
    start: int
    medium: Medium = dataclasses.field(metadata=RECORDED_AS_STORE)
    projected_bytes: int
    depth: int = 8
    seconds: float = 0.0
    kind: Literal["columns"] = "columns"

    gpu_bytes: ClassVar[int] = 0
    models: ClassVar[tuple[Model, ...]] = ()
    files_beside_models: ClassVar[tuple[WeightFile, ...]] = ()
    awaited: ClassVar[int | None] = None
    changes_tones: ClassVar[bool] = False
    mixes_pixels: ClassVar[bool] = False

    @property
    def name(self) -> str:
        return "columns"

    @property
    def planned_text(self) -> str:
        return "joined at its left and right edges" if self.start < 0 else f"cut to {self.result}"

    @property
    def done_text(self) -> str:
        return self.planned_text


def run(plan: ColumnsPlan, photo: Photo, held: Box, context: PassContext) -> Photo:
    """The photo, or the part that is needed of it, with the plan's columns."""
    canvas, part = context.canvas(plan), plan.part
    columns = (np.arange(part.left, part.right) + plan.start) % plan.size.width - held.left
    rows = max(1, strips.STRIP_PIXELS // part.size.width)
    for top in range(0, part.size.height, rows):
        context.tick()
        above = part.top - held.top + top
        canvas[top : top + rows] = with_depth(photo.pixels[above : above + rows][: part.size.height - top, columns], plan.depth)
    context.done(1.0)
    return dataclasses.replace(photo, pixels=canvas, alpha=None)
