"""Carries what the passes before did back to the high dynamic range of the photo's file, which they saw in the standard one."""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import ceil
from typing import ClassVar, Literal

import numpy as np

from img_enhance.errors import PhotoError
from img_enhance.files import state_of
from img_enhance.geometry import Box, Size
from img_enhance.image_io import PhotoFile, read_into, read_values
from img_enhance.image_io.bleed import bleed
from img_enhance.light.carry_back import Carrying, carried_back, carrying, lights, result_colours
from img_enhance.light.colour import Floats
from img_enhance.light.hdr import brightest, range_of
from img_enhance.light.triangle import Taps, mixed, taps
from img_enhance.machine.canvas import Pixels
from img_enhance.metadata.colours import Colours, code_points
from img_enhance.models.model import Model
from img_enhance.models.weight_files import WeightFile
from img_enhance.passes.context import PassContext
from img_enhance.passes.tones import MOST_THREADS
from img_enhance.photo import HighRange, Photo
from img_enhance.planning.plan import UNRECORDED, PassResources
from img_enhance.planning.planner import decoding_bytes
from img_enhance.planning.sweep_plan import RECORDED_AS_STORE, Medium

# So many pixels are made at a time, or read: each takes much for a while.
_STRIP_PIXELS = 64 * 1024

# Float32 copies of a pixel's light and of its light as shown, and those with which they are computed (measured 2026-11: 101).
BYTES_PER_PIXEL = 120

# A rate that only serves to estimate, of a thread.
PIXELS_PER_SECOND = 1.5e6


@dataclass(frozen=True)
class HighRangePass:
    """Give the photo a picture in high dynamic range, as `file` has it and the passes before changed it; its pixels stay."""

    file: PhotoFile

    models: ClassVar[tuple[Model, ...]] = ()
    resizes: ClassVar[bool] = False
    wants_depth: ClassVar[bool] = False
    wants_source: ClassVar[bool] = False
    wants_file: ClassVar[bool] = True

    def result(self, size: Size) -> Size:
        return size

    def parts(self, needed: Box, _size: Size) -> tuple[Box, Box]:
        return needed, needed

    def plan(self, size: Size, part: Box, resources: PassResources) -> HighRangePlan:
        header = self.file.header
        threads = max(1, min(resources.device.cores, MOST_THREADS))
        plan = HighRangePlan(
            size=size,
            part=part,
            source=header.size,
            medium=resources.medium,
            source_medium=resources.file_medium,
            threads=threads,
            projected_bytes=0,
            file=self.file,
            seconds=(part.size.pixels + header.size.pixels) / PIXELS_PER_SECOND / threads,
        )
        working = max(decoding_bytes(header), threads * plan.strip_bytes)
        return dataclasses.replace(plan, projected_bytes=resources.below + working)


@dataclass(frozen=True)
class HighRangePlan:
    """How a picture in high dynamic range is made: in strips of whole rows, on so many threads. The canvas holds `part` of it.

    The file's own, of the size `source`, lies in `source_medium` meanwhile.
    """

    size: Size
    part: Box
    source: Size
    medium: Medium = dataclasses.field(metadata=RECORDED_AS_STORE)
    source_medium: Medium = dataclasses.field(metadata={"recorded": "source_store"})
    threads: int
    projected_bytes: int
    file: PhotoFile = dataclasses.field(metadata=UNRECORDED)
    seconds: float = 0.0
    kind: Literal["high_range"] = "high_range"

    depth: ClassVar[int] = 16
    gpu_bytes: ClassVar[int] = 0
    models: ClassVar[tuple[Model, ...]] = ()
    files_beside_models: ClassVar[tuple[WeightFile, ...]] = ()
    awaited: ClassVar[int | None] = None
    mixes_pixels: ClassVar[bool] = False
    changes_tones: ClassVar[bool] = False

    @property
    def result(self) -> Size:
        return self.size

    @property
    def name(self) -> str:
        return "high dynamic range"

    @property
    def planned_text(self) -> str:
        assert self.file.high_range is not None
        return f"high dynamic range kept in {self.file.high_range.name} (steps see it tone-mapped by BT.2390)"

    @property
    def done_text(self) -> str:
        return self.planned_text.replace("see it", "saw it")

    @property
    def strip_rows(self) -> int:
        """How many rows of the result are made at a time: few where many of the file's go into one."""
        rows = _STRIP_PIXELS // max(self.part.size.width, ceil(self.source.width * max(1.0, self._scale)))
        return max(1, min(rows, self.part.size.height))

    @property
    def strip_bytes(self) -> int:
        """What a strip takes while it is made, beside the canvases."""
        read = ceil((self.strip_rows + 2) * self._scale) + 2 * ceil(max(1.0, self._scale))
        return BYTES_PER_PIXEL * (self.strip_rows * self.part.size.width + read * max(self.source.width, self.part.size.width))

    @property
    def _scale(self) -> float:
        """How many of the file's rows there are for one of the result."""
        return self.source.height / self.size.height

    def boxes(self) -> list[Box]:
        """The part from top to bottom."""
        left, right, end = self.part.left, self.part.right, self.part.bottom
        return [Box(left, top, right, min(top + self.strip_rows, end)) for top in range(self.part.top, end, self.strip_rows)]


def run(plan: HighRangePlan, photo: Photo, held: Box, context: PassContext) -> Photo:
    """The photo, cut to the part, with a picture in high dynamic range beside it.

    Raises: PhotoError when its file was written to meanwhile, DiskError when the disk has no room.
    """
    high = plan.file.high_range
    assert high is not None
    if state_of(plan.file.path) != plan.file.state:
        raise PhotoError(f"{plan.file.path} was written to while its photo was enhanced", "do it again when it is whole")
    source = read_into(plan.file, plan.source_medium, context.folder, context.tick, read=read_values)
    made = result_colours(high.colours)
    photo = dataclasses.replace(photo, pixels=photo.pixels[plan.part.seen_from(held).slices])
    canvas = context.canvas(plan)
    if not context.changed:
        context.unchanged("nothing before it changed the picture")
    if context.changed or made.primaries != high.colours.primaries:
        _carry_back(canvas, plan, photo, source, high.colours, context)
    else:
        canvas[:] = source.pixels[plan.part.slices]
    context.done(1.0)
    primaries, transfer = code_points(made)
    return dataclasses.replace(photo, high_range=HighRange(canvas, primaries, transfer, high.bits))


def _carry_back(canvas: Pixels, plan: HighRangePlan, photo: Photo, source: Photo, colours: Colours, context: PassContext) -> None:
    both = carrying(colours, brightest(source.pixels, range_of(colours, grey=source.grey), context.tick), grey=source.grey)
    if source.alpha is not None and plan.size != plan.source:
        bleed(source.pixels, source.alpha)
    part, wraps = plan.part, plan.file.header.wraps
    columns = taps(plan.source.width, plan.size.width, part.left, part.right, wraps=wraps)

    def fill(box: Box) -> None:
        rows = taps(plan.source.height, plan.size.height, box.top, box.bottom)
        canvas[box.seen_from(part).slices] = carried_back(
            photo.pixels[box.seen_from(part).slices], _lights_at(source.pixels, rows, columns, both), both
        )

    with ThreadPoolExecutor(plan.threads) as threads:
        futures = []
        try:
            futures = [threads.submit(fill, box) for box in plan.boxes()]
            for number, future in enumerate(futures, 1):
                context.tick()
                future.result()
                context.done(number / len(futures))
        finally:
            for future in futures:
                future.cancel()


def _lights_at(source: Pixels, rows: Taps, columns: Taps, both: Carrying) -> Floats:
    """The light of the file's picture, and as it was shown, where the taps of rows and columns cross."""
    (top, left), (bottom, right) = ((int(find(rows[0])), int(find(columns[0]))) for find in (np.min, np.max))
    found = lights(source[top : bottom + 1, left : right + 1], both)
    return mixed(mixed(found, (columns[0] - left, columns[1]), axis=1), (rows[0] - top, rows[1]), axis=0)
