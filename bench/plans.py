"""Plans that the bench compares: the engine's own, and the same sweep forced to run another way."""

import dataclasses

from img_enhance.errors import MemoryBudgetError
from img_enhance.geometry import Size
from img_enhance.machine.devices import detect_cpu
from img_enhance.models.model import Model
from img_enhance.models.networks.segment import Precision
from img_enhance.passes.network import NetworkPass, NetworkPlan
from img_enhance.photo import Header
from img_enhance.planning.plan import Plan, PlanRequest
from img_enhance.planning.planner import allowed_bytes, make_plan
from img_enhance.planning.sweep_plan import Stage

_BUDGET_STEP = 0.95
_SMALLEST_BUDGET = 100_000_000


def plan_of(model: Model, size: Size, *, precision: Precision, max_memory: int | None = None) -> Plan:
    """The engine's own plan for a PNG photo; arithmetic only."""
    device = detect_cpu()
    passes, allowed = (NetworkPass(model),), allowed_bytes(max_memory, device)
    return make_plan(PlanRequest(Header("png", size), passes, "png"), precision=precision, device=device, allowed=allowed)


def network_plan(model: Model, size: Size, *, precision: Precision, max_memory: int | None = None) -> NetworkPlan:
    """The one network pass of `plan_of`."""
    (only,) = plan_of(model, size, precision=precision, max_memory=max_memory).passes
    assert isinstance(only, NetworkPlan)
    return only


def untiled(plan: NetworkPlan, model: Model) -> NetworkPlan:
    """The whole network in one window over the whole photo."""
    last = len(model.segments) - 1
    return dataclasses.replace(plan, area_rows=1, area_columns=1, stages=(_stage(model, 0, last, max(plan.size.width, plan.size.height)),))


def in_segments(plan: NetworkPlan, model: Model, side: int) -> NetworkPlan:
    """One area, every segment on its own over windows of `side` pixels; the head goes with the first block."""
    last = len(model.segments) - 1
    starts = [0, *range(2, last + 1)]
    stops = [*(start - 1 for start in starts[1:]), last]
    stages = tuple(_stage(model, first, stop, side) for first, stop in zip(starts, stops, strict=True))
    return dataclasses.replace(plan, area_rows=1, area_columns=1, stages=stages)


def in_two_areas(plan: NetworkPlan) -> NetworkPlan:
    """The same stages over a left and a right half, with the model's halo."""
    return dataclasses.replace(plan, area_rows=1, area_columns=2)


def budget_that_forces_areas(model: Model, size: Size, *, precision: Precision) -> int:
    """The largest memory, in steps of 5 %, that makes the engine cut the photo into areas; if none does, the smallest that works."""
    budget = plan_of(model, size, precision=precision).projected_bytes
    while budget > _SMALLEST_BUDGET:
        try:
            plan = network_plan(model, size, precision=precision, max_memory=int(budget * _BUDGET_STEP))
        except MemoryBudgetError:
            break
        budget = int(budget * _BUDGET_STEP)
        if plan.area_rows * plan.area_columns > 1:
            break
    return budget


def _stage(model: Model, first: int, last: int, side: int) -> Stage:
    reach = sum(segment.reach for segment in model.segments[first : last + 1])
    return Stage(first, last, reach, side, sum(model.flops_of_segments[first : last + 1]))
