"""A network that reads the photo in cells of 2 x 2 pixels: any size works, and no way of cutting shows."""

import dataclasses

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_sweep import as_picture, plan_of, swept

from img_enhance.geometry import Box, Size
from img_enhance.models.model import Model
from img_enhance.models.networks.rrdbnet import RRDBNet
from img_enhance.models.table import BUILT_IN
from img_enhance.passes.network import NetworkPass, NetworkPlan
from img_enhance.passes.probe import LEAST_DECIBELS, probe, psnr
from img_enhance.passes.sweep import Network
from img_enhance.photo import Header
from img_enhance.planning.plan import Device, PlanRequest, Rates
from img_enhance.planning.planner import make_plan
from img_enhance.planning.sweep_plan import CHANNELS
from img_enhance.runtimes.openvino import OpenVINO
from img_enhance.runtimes.reference import run_reference
from random_weights import picture_like_weights

Pixels = npt.NDArray[np.uint8]

X2PLUS = BUILT_IN.named("realesrgan-x2plus")
# The same network with 2 blocks for 23: all kinds of segments, in a tenth of the time.
SHORT = dataclasses.replace(
    X2PLUS,
    name="short",
    architecture=RRDBNet(blocks=2, cell=2),
)
DEVICE = Device("Test CPU", 2, native_bf16=True, rates=Rates(300, 1500), memory_bytes=16 * 10**9)


@pytest.fixture(scope="module")
def short() -> Network:
    return Network(SHORT.segments, picture_like_weights(SHORT.architecture), OpenVINO("f32"))


def planned(size: Size, megabytes: int) -> NetworkPlan:
    passes = (NetworkPass(X2PLUS),)
    plan = make_plan(PlanRequest(Header("png", size), passes, "png"), precision="f32", device=DEVICE, allowed=megabytes * 10**6)
    (only,) = plan.passes
    assert isinstance(only, NetworkPlan)
    return only


@pytest.mark.parametrize(("width", "height"), [(1, 1), (2, 2), (1, 2), (3, 1), (1, 40), (5, 4), (4, 5), (31, 37)])
def test_any_size_is_what_the_reference_computes(width: int, height: int, short: Network, cat: Pixels) -> None:
    picture = as_picture(cat)[:height, :width]
    found = swept(short, picture, plan_of(SHORT, picture, "f32"))
    assert found.shape == (2 * height, 2 * width, 3)
    assert psnr(found, run_reference(short.segments, short.weights, picture)) >= 100


def test_a_single_pixel_is_repeated_to_fill_its_cell(short: Network, cat: Pixels) -> None:
    pixel = as_picture(cat)[:1, :1]
    one = swept(short, pixel, plan_of(SHORT, pixel, "f32"))
    four = np.repeat(np.repeat(pixel, 2, axis=0), 2, axis=1)
    assert np.array_equal(one, swept(short, four, plan_of(SHORT, four, "f32"))[:2, :2])


def test_an_odd_photo_is_mirrored_at_its_end(short: Network, cat: Pixels) -> None:
    odd = as_picture(cat)[:21, :23]
    whole = np.concatenate([odd, odd[:, -2:-1]], axis=1)
    whole = np.concatenate([whole, whole[-2:-1]], axis=0)
    expected = swept(short, whole, plan_of(SHORT, whole, "f32"))[:42, :46]
    assert np.array_equal(swept(short, odd, plan_of(SHORT, odd, "f32")), expected)


@pytest.mark.parametrize("starts", [(0, 2, 3), (0, 1, 2, 3), (0, 3)])
@pytest.mark.parametrize("side", [2, 3, 5])
def test_cuts_give_the_same_bits(starts: tuple[int, ...], side: int, short: Network, cat: Pixels) -> None:
    picture = as_picture(cat)[:65, :71]
    whole = swept(short, picture, plan_of(SHORT, picture, "f32"))
    found = swept(short, picture, plan_of(SHORT, picture, "f32", starts=starts, side=side))
    assert np.array_equal(found, whole)


def test_areas_with_their_halo_give_the_same_picture_where_the_reach_is_covered(short: Network, cat: Pixels) -> None:
    picture = np.tile(as_picture(cat)[:9], (1, 2, 1))[:, :159]
    plan = plan_of(SHORT, picture, "f32", columns=2)
    areas = list(dataclasses.replace(plan, halo=34).areas())
    assert [area.read for area in areas] == [Box(0, 0, 74, 5), Box(6, 0, 80, 5)]
    one = swept(short, picture, plan_of(SHORT, picture, "f32"))
    assert np.array_equal(swept(short, picture, dataclasses.replace(plan, halo=34)), one)
    assert not np.array_equal(swept(short, picture, dataclasses.replace(plan, halo=4)), one)


def test_progress_adds_up_to_the_plans_operations(short: Network, cat: Pixels) -> None:
    picture = as_picture(cat)[:33, :41]
    plan = plan_of(SHORT, picture, "f32", starts=(0, 2, 3), side=16)
    told: list[int] = []
    swept(short, picture, plan, done=told.append)
    assert sum(told) == plan.flops


def test_the_trial_passes(short: Network, cat: Pixels) -> None:
    picture = as_picture(cat)[:33, :41]
    assert probe(short, plan_of(SHORT, picture, "f32", starts=(0, 2, 3), side=16)) >= LEAST_DECIBELS["f32"]


@given(st.integers(1, 4000), st.integers(1, 4000), st.integers(600, 8000))
def test_areas_cover_all_cells_once(width: int, height: int, megabytes: int) -> None:
    plan = planned(Size(width, height), megabytes)
    assert plan.result == Size(2 * width, 2 * height)
    assert plan.cells == Size((width + 1) // 2, (height + 1) // 2)
    assert sum(area.core.size.pixels for area in plan.areas()) == plan.cells.pixels
    assert plan.extra >= 0


def test_half_the_size_is_planned_like_a_photo_of_a_quarter_of_the_pixels() -> None:
    large: Model = BUILT_IN.named("realesrgan-x4plus")
    passes = (NetworkPass(large),)
    plan = make_plan(PlanRequest(Header("png", Size(500, 400)), passes, "png"), precision="f32", device=DEVICE, allowed=4 * 10**9)
    (other,) = plan.passes
    assert isinstance(other, NetworkPlan)
    found = planned(Size(1000, 800), 4000)
    assert [(stage.first, stage.last, stage.side) for stage in found.stages] == [(s.first, s.last, s.side) for s in other.stages]
    assert found.flops == pytest.approx(other.flops, rel=0.01)
    assert CHANNELS * X2PLUS.cell**2 == 12
