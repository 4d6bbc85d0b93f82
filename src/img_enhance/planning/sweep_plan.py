"""How a network sweeps a picture: areas, stages and windows. Pure geometry."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import ceil
from typing import Literal

from img_enhance.geometry import Box, Size
from img_enhance.models.model import Model
from img_enhance.models.networks.segment import Precision
from img_enhance.planning.windows import Range, Window, grid, overlapping, read_along, windows

# Where a picture lies. Records of results call it "store".
Medium = Literal["memory", "disk"]
RECORDED_AS_STORE = {"recorded": "store"}

CHANNELS = 3


@dataclass(frozen=True)
class Stage:
    """Segments `first` to `last` (included) as one network, run over windows that read at most `side` pixels and a halo each way, and
    begin at a `multiple` of pixels."""

    first: int
    last: int
    reach: int
    side: int
    flops: int
    multiple: int = 1

    @property
    def halo(self) -> int:
        """By how much a window reads more than it answers for, each way."""
        return ceil(self.reach / self.multiple) * self.multiple


@dataclass(frozen=True)
class SweepPlan:
    """How a network sweeps a picture, or its part `core`: areas x stages x windows, all in cells of `cell` x `cell` pixels.

    `gpu_bytes` is the peak in a device's own memory, 0 where it has none.
    """

    model: Model
    precision: Precision
    size: Size
    result: Size
    core: Box
    medium: Medium = field(metadata=RECORDED_AS_STORE)
    area_rows: int
    area_columns: int
    halo: int
    stages: tuple[Stage, ...]
    projected_bytes: int
    depth: int = 8
    seconds: float = 0.0
    cell: int = 1
    gpu_bytes: int = 0
    kind: Literal["network"] = "network"

    @property
    def cells(self) -> Size:
        """The picture's size in cells."""
        return self.size.cells(self.cell)

    @property
    def part(self) -> Box:
        """The part of the result that the canvas holds."""
        return self.core.scaled(self.cell * self.result.width // self.size.width).grown(0, within=self.result.box)

    def areas(self) -> Iterator[Window]:
        """The parts of the picture whose features are in memory at one time."""
        return grid(self.core, rows=self.area_rows, columns=self.area_columns, halo=self.halo, within=self.cells.box)

    def answered(self, area: Window, stage: Stage) -> Box:
        """What a stage must answer for in an area: the area's core, and around it what the stages after it see."""
        return area.core.grown(self._following(stage), within=area.read)

    def _following(self, stage: Stage) -> int:
        return sum(later.reach for later in self.stages if later.first > stage.last)

    def windows(self, area: Window, stage: Stage) -> Iterator[Window]:
        """The windows of one stage over an area."""
        return windows(self.answered(area, stage), side=stage.side, halo=stage.reach, within=area.read, multiple=stage.multiple)

    @property
    def flops(self) -> int:
        """Operations that the sweep will do, overlaps included."""
        return sum(stage.flops * self.pixels_read(stage) for stage in self.stages)

    def pixels_read(self, stage: Stage) -> int:
        """Pixels that all windows of a stage read, overlaps counted again."""
        # Areas and windows are rows times columns, so that the sum over them is a product.
        box, size = self.core, self.cells
        high = self._read_along((box.top, box.bottom), stage, self.area_rows, size.height)
        return high * self._read_along((box.left, box.right), stage, self.area_columns, size.width)

    def _read_along(self, core: Range, stage: Stage, areas: int, end: int) -> int:
        """Pixels that the windows of a stage read along one side of the picture, from 0 to `end`, overlaps counted again."""
        following, read = self._following(stage), 0
        for (start, stop), (low, high) in overlapping(core, areas, halo=self.halo, within=(0, end)):
            answered = (max(low, start - following), min(high, stop + following))
            read += read_along(answered, side=stage.side, halo=stage.reach, within=(low, high), multiple=stage.multiple)
        return read

    @property
    def extra(self) -> float:
        """Pixels computed more than once, as a part of the photo: 0.25 is a quarter more work than an untiled run."""
        return self.flops / (self.core.size.pixels * sum(stage.flops for stage in self.stages)) - 1
