"""Whether a network's sweep over a huge photo is worth sharing out, and in which areas. Pure arithmetic."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil

from img_enhance.planning.plan import Device
from img_enhance.planning.sweep_plan import Stage, SweepPlan
from img_enhance.planning.sweep_planner import reach_of
from img_enhance.planning.windows import Window, fewest, grid, length

# Work that one node would do sooner than this is not shared out: starting takes seconds, and files go back and forth.
LEAST_SECONDS = 60.0

# It must take less than this part of the time of one node. Areas overlap, which is work done twice.
MOST_OF_ONE = 0.75

# At most so many areas for each node.
_MOST_EACH = 4

# Areas that a node has at a time: one that is done and one that waits. More would only fill the storage.
AREAS_EACH = 2


@dataclass(frozen=True)
class Spreading:
    """Over how many nodes, each with this device, photos are spread that one node would take at least so many seconds for."""

    nodes: int
    device: Device
    least_seconds: float = LEAST_SECONDS


def spread_areas(plan: SweepPlan, spreading: Spreading) -> tuple[Window, ...]:
    """The areas in which nodes sweep the picture soonest, none where one is as good. The pixels are those of the plan's own sweep.

    A network that sees all of its window would make another picture of every cut, and stays on one node. The plan's areas are cut further.
    Each part reads as far as the network can see, or up to where its area ends, so that no cut shows.
    """
    nodes = spreading.nodes
    if nodes < 2 or plan.model.sees_all or plan.seconds < spreading.least_seconds:
        return ()
    ways = {areas: _flops_in_turn(plan, areas, nodes) for areas in _ways(plan, nodes)}
    if not ways:
        return ()
    best = min(ways, key=lambda areas: ways[areas])
    return best if ways[best] < MOST_OF_ONE * plan.flops else ()


def area_flops(plan: SweepPlan, area: Window) -> int:
    """The operations of one area, overlaps included."""
    total = 0
    for stage in plan.stages:
        # Windows are rows times columns of one size, so that they need not be gone through.
        seen = plan.answered(area, stage).grown(stage.reach, within=area.read).size
        high, wide = (_read_along(pixels, stage) for pixels in (seen.height, seen.width))
        total += stage.flops * high * wide
    return total


def _read_along(pixels: int, stage: Stage) -> int:
    """Pixels that the windows of a stage read along a side of so many, overlaps counted again."""
    parts = fewest(pixels, side=stage.side, halo=stage.reach)
    return parts * length(pixels, parts, halo=stage.reach)


def _ways(plan: SweepPlan, nodes: int) -> Iterator[tuple[Window, ...]]:
    """The plan's areas, and finer ones, as long as there are not too many for so many nodes."""
    own, halo = tuple(plan.areas()), reach_of(plan.model)
    most = ceil(_MOST_EACH * nodes / len(own))
    for rows in range(1, most + 1):
        for columns in range(1, most // rows + 1):
            parts = tuple(part for area in own for part in grid(area.core, rows=rows, columns=columns, halo=halo, within=area.read))
            if len(parts) > 1:
                yield parts


def _flops_in_turn(plan: SweepPlan, areas: tuple[Window, ...], nodes: int) -> int:
    """The operations that the busiest of the nodes does, each taking the next area when it has done one."""
    busy = [0] * nodes
    for area in areas:
        busy[busy.index(min(busy))] += area_flops(plan, area)
    return max(busy)
