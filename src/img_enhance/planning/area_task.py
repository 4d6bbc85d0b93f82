"""An area of a network's sweep as work that any machine can do. Pixels are in files that every machine sees."""

from __future__ import annotations

from dataclasses import dataclass

from img_enhance.geometry import Box, Size
from img_enhance.planning.sweep_plan import SweepPlan
from img_enhance.planning.windows import Window


@dataclass(frozen=True)
class PixelFile:
    """A file of pixels of 8 or 16 bits, row by row, red, green and blue, and nothing else."""

    path: str
    size: Size
    depth: int


@dataclass(frozen=True)
class AreaTask:
    """An area of a sweep, to be done anywhere.

    `picture` holds the part `held` of the picture, and `result` is the file for the area's answer, which is not there yet.
    """

    plan: SweepPlan
    area: Window
    picture: PixelFile
    held: Box
    grey: bool
    result: PixelFile

    @property
    def part(self) -> Box:
        """The part of the sweep's result that the area answers for."""
        plan = self.plan
        return self.area.core.scaled(plan.cell * plan.result.width // plan.size.width).grown(0, within=plan.result.box)
