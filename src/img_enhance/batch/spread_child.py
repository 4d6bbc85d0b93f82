"""The end of a spread photo that plans, reads and writes: areas of its networks go out to nodes, and come back as files."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

from img_enhance.batch.area import AreaDone
from img_enhance.batch.inbox import Inbox
from img_enhance.cancelling import Tick
from img_enhance.errors import DiskError
from img_enhance.geometry import Box, Size
from img_enhance.machine.canvas import Pixels
from img_enhance.passes.elsewhere import copy_pixels, write_pixels
from img_enhance.photo import Photo
from img_enhance.planning.area_task import AreaTask, PixelFile
from img_enhance.planning.plan import Plan
from img_enhance.planning.spread_planner import AREAS_EACH, Spreading, area_flops, spread_areas
from img_enhance.planning.sweep_plan import SweepPlan
from img_enhance.planning.windows import Window

_LOOK_SECONDS = 0.05


class AreasElsewhere:
    """As `Elsewhere`, by asking the process at the other end of `inbox`. Files lie in `folder`, which every node has at the same place."""

    def __init__(self, inbox: Inbox, spreading: Spreading) -> None:
        self._inbox, self._spreading = inbox, spreading
        self.folder, self.stem = Path(), ""
        self._passes = 0

    def takes(self, plan: Plan) -> bool:
        """Whether any pass of a plan is worth it."""
        return any(isinstance(each, SweepPlan) and self.areas(each) for each in plan.passes)

    def areas(self, plan: SweepPlan) -> tuple[Window, ...]:
        return spread_areas(plan, self._spreading)

    def sweep(self, plan: SweepPlan, photo: Photo, held: Box, canvas: Pixels, *, tick: Tick, done: Callable[[int], None]) -> int:
        self._passes += 1
        stem = f"{self.stem}-{self._passes}"
        height, width = photo.pixels.shape[:2]
        picture = PixelFile(str(self.folder / f"{stem}.picture"), Size(width, height), photo.depth)
        try:
            write_pixels(photo.pixels, picture, tick)
            waiting = deque(self._tasks(plan, photo, held, canvas, picture, stem))
            total, whole = sum(area_flops(plan, task.area) for task in waiting), plan.flops
            for task in self._ended(waiting, tick):
                place = task.part.seen_from(plan.part)
                copy_pixels(task.result, canvas[place.slices], tick)
                done(whole * area_flops(plan, task.area) // total)
        except OSError as error:
            raise DiskError(f"areas of a photo cannot be kept in {self.folder}: {error.strerror}", "free some of that disk") from None
        finally:
            for path in self.folder.glob(f"{stem}.*"):
                with contextlib.suppress(OSError):
                    path.unlink()
        return 0

    def _tasks(self, plan: SweepPlan, photo: Photo, held: Box, canvas: Pixels, picture: PixelFile, stem: str) -> Iterator[AreaTask]:
        scale, depth = plan.cell * plan.result.width // plan.size.width, 8 * canvas.dtype.itemsize
        for number, area in enumerate(self.areas(plan)):
            part = area.core.scaled(scale).grown(0, within=plan.result.box)
            result = PixelFile(str(self.folder / f"{stem}.area{number}"), part.size, depth)
            yield AreaTask(plan, area, picture, held, photo.grey, result)

    def _ended(self, waiting: deque[AreaTask], tick: Tick) -> Iterator[AreaTask]:
        """The tasks as they are done, with the files that their results are in; never more under way than nodes have use for.

        Raises: what went wrong with one.
        """
        under_way = 0
        while waiting or under_way:
            while waiting and under_way < AREAS_EACH * self._spreading.nodes:
                self._inbox.send(waiting.popleft())
                under_way += 1
            tick()
            answer = self._inbox.next(_LOOK_SECONDS)
            if isinstance(answer, AreaDone):
                under_way -= 1
                if answer.error is not None:
                    raise answer.error
                yield answer.task
