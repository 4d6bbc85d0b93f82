"""How long work takes: by what was measured, and by what is usual where nothing was; and never anything else in a plan."""

import dataclasses

import pytest

from img_enhance.geometry import Box, Size
from img_enhance.models.table import BUILT_IN
from img_enhance.passes.network import NetworkPass, NetworkPlan
from img_enhance.passes.resample import ResamplePass
from img_enhance.passes.tones import TonePass
from img_enhance.photo import FORMATS, Format, Header
from img_enhance.planning.plan import Device, Pass, Plan, PlanRequest, Rates
from img_enhance.planning.planner import make_plan
from img_enhance.planning.speeds import (
    RESAMPLING,
    Cut,
    Speed,
    Speeds,
    fitted,
    network_work,
    reading_work,
    seconds_of,
    step_work,
    usual,
    writing_work,
)
from img_enhance.request.step_options import CLAHE
from img_enhance.steps import STEPS, ToneStep, tones_of

CUTS: tuple[Cut, ...] = ("whole", "stages")
MODEL = BUILT_IN.named("realesrgan-x4plus")
CPU = Device(name="Test CPU", cores=2, native_bf16=False, rates=Rates(f32=300, bf16=300), memory_bytes=16 * 10**9)


def planned(*passes: Pass, speeds: Speeds, size: Size | None = None, crop: Box | None = None, **header: object) -> Plan:
    photo = Header("jpeg", size or Size(1000, 500), **header)  # type: ignore[arg-type]
    device = dataclasses.replace(CPU, speeds=speeds)
    return make_plan(PlanRequest(photo, passes, "png", crop), precision="f32", device=device, allowed=4 * 10**9)


def test_two_amounts_tell_the_start_from_the_rate() -> None:
    speed = fitted((100, 2.0), (1100, 4.0))
    assert speed is not None
    assert speed == Speed(1.8, 500)
    assert speed.seconds(600) == pytest.approx(3.0)


@pytest.mark.parametrize("later", [0.5, 1.0, 1.1])
def test_amounts_that_take_alike_tell_nothing(later: float) -> None:
    assert fitted((100, 1.0), (1000, later)) is None


def test_a_start_is_never_negative() -> None:
    speed = fitted((100, 0.1), (200, 10.0))
    assert speed is not None
    assert speed.start_seconds == 0


@pytest.mark.parametrize("entry", FORMATS, ids=lambda entry: entry.name)
def test_every_format_has_a_usual_speed(entry: Format) -> None:
    assert usual(reading_work(entry.name)).seconds(1e6) < 5
    if not entry.written_as:
        assert usual(writing_work(entry.name)).seconds(1e6) < 5


@pytest.mark.parametrize("step", [step for step in STEPS if isinstance(step, ToneStep)], ids=lambda step: step.options.name)
def test_every_step_on_light_has_a_usual_speed(step: ToneStep) -> None:
    assert 0 < seconds_of(step_work(step.options.name), 1e6, {}) < 1


def test_the_estimate_counts_reading_every_pass_and_writing() -> None:
    speeds = {
        reading_work("jpeg"): Speed(1, 1e6),
        step_work("clahe"): Speed(10, 1e6),
        RESAMPLING: Speed(100, 1e6),
        writing_work("png"): Speed(1000, 1e6),
    }
    plan = planned(TonePass(tones_of(CLAHE()), CLAHE()), ResamplePass(Size(500, 250)), speeds=speeds)
    assert plan.reading_seconds == pytest.approx(1.5)
    assert plan.writing_seconds == pytest.approx(1000.125)
    assert plan.seconds == pytest.approx(1.5 + 10.5 + 100.625 + 1000.125)


def test_what_is_written_counts_by_its_values() -> None:
    speeds = {writing_work("png"): Speed(0, 1e6)}
    colour = planned(speeds=speeds).writing_seconds
    assert colour == pytest.approx(0.5)
    assert planned(speeds=speeds, grey=True).writing_seconds == pytest.approx(colour / 3)
    assert planned(speeds=speeds, alpha=True).writing_seconds == pytest.approx(colour * 4 / 3)
    assert planned(speeds=speeds, depth=16).writing_seconds == pytest.approx(colour * 2)
    assert planned(speeds=speeds, crop=Box(0, 0, 100, 100)).writing_seconds == pytest.approx(0.01)


@pytest.mark.parametrize(("size", "cut"), [(Size(100, 80), "whole"), (Size(1000, 500), "stages")], ids=CUTS)
def test_a_network_takes_what_was_measured_of_it_in_the_way_it_is_cut(size: Size, cut: Cut) -> None:
    def plan(cut: Cut) -> NetworkPlan:
        speeds = {network_work(MODEL.title, "f32", cut): Speed(7, 1e12)}
        (network,) = planned(NetworkPass(MODEL, keeps_colours=False), speeds=speeds, size=size).passes
        assert isinstance(network, NetworkPlan)
        return network

    other = CUTS[cut == "whole"]
    assert plan(cut).seconds == pytest.approx(7 + plan(cut).flops / 1e12)
    assert plan(other).seconds == pytest.approx(1 + plan(other).flops / 300e9)


def test_speeds_change_nothing_of_a_plan_but_its_seconds() -> None:
    """Areas show in the picture, so nothing that was measured on one day and not on another may choose them."""
    fast = {network_work(MODEL.title, "f32", cut): Speed(0, 1e15) for cut in CUTS}
    slow = {work: Speed(99, 1e6) for work in fast}
    plans = [planned(NetworkPass(MODEL), speeds=speeds, size=Size(3000, 2000)) for speeds in ({}, fast, slow)]
    assert len({plan.seconds for plan in plans}) == 3
    assert len({dataclasses.replace(plan, seconds=0, passes=(without_seconds(plan),)) for plan in plans}) == 1


def without_seconds(plan: Plan) -> NetworkPlan:
    (network,) = plan.passes
    assert isinstance(network, NetworkPlan)
    return dataclasses.replace(network, seconds=0)
