"""The plan is arithmetic: it fits, or says with numbers that it does not, before anything runs."""

import contextlib
import dataclasses
import itertools
import re

import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from img_enhance.errors import DeviceError, MemoryBudgetError
from img_enhance.geometry import Box, Size
from img_enhance.models.networks.segment import Precision
from img_enhance.models.table import BUILT_IN, MODEL_NAMES
from img_enhance.passes.high_range import HighRangePass
from img_enhance.passes.network import NetworkPass, NetworkPlan
from img_enhance.passes.resample import ResamplePass, ResamplePlan
from img_enhance.passes.tones import BYTES_PER_PIXEL, MOST_REACH, TonePass, TonePlan
from img_enhance.photo import Header
from img_enhance.planning import planner as planning
from img_enhance.planning.plan import Device, Pass, Plan, PlanRequest, Rates
from img_enhance.planning.planner import allowed_bytes, choose_precision, make_plan
from img_enhance.planning.windows import length
from img_enhance.request.step_options import ExposureCorrection
from img_enhance.steps import tones_of
from small_plan import FILE

COMPACT, ANIME, PHOTO = "realesr-animevideov3", "realesrgan-x4plus-anime", "realesrgan-x4plus"

DEVICE = Device(name="Test CPU", cores=2, native_bf16=True, rates=Rates(f32=300, bf16=1500), memory_bytes=16 * 10**9)

# On 4 megapixels with 8 GB an overlap of half again as much work would make windows slower than what they replace.
MOST_EXTRA = 0.45

# Planning precedes any word to the user. 602,000 lengths of windows and areas are worked out for the worst of these photos (2026-11), in a
# second; if areas of single pixels were tried as well, they would be thirty times as many.
MOST_LENGTHS = 1_200_000

SIZES = st.builds(Size, st.integers(1, 6000), st.integers(1, 6000))
SMALL_SIZES = st.builds(Size, st.integers(1, 700), st.integers(1, 700))
BUDGETS = st.integers(150, 16_000).map(lambda megabytes: megabytes * 10**6)
# Less than the interpreter, its libraries and what a decoder reads through take together.
SMALL_BUDGETS = st.integers(1, 180).map(lambda megabytes: megabytes * 10**6)
FORMATS = st.sampled_from(["png", "webp", "jpeg"])
MODELS = st.sampled_from(MODEL_NAMES)
PRECISIONS = st.sampled_from(["f32", "bf16"])


def planned(
    size: Size,
    *passes: Pass,
    allowed: int,
    precision: Precision = "bf16",
    output_format: str = "png",
    interlaced: bool = False,
) -> Plan:
    header = Header("jpeg", size, interlaced)
    return make_plan(PlanRequest(header, passes, output_format), precision=precision, device=DEVICE, allowed=allowed)


def accepted(size: Size, *passes: Pass, allowed: int, precision: Precision, interlaced: bool = False, output_format: str = "png") -> Plan:
    """The plan of an example. One that is refused does not count: Hypothesis takes another, and fails if it finds fewer than 10 of 60."""
    try:
        return planned(size, *passes, allowed=allowed, precision=precision, interlaced=interlaced, output_format=output_format)
    except MemoryBudgetError:
        reject()


def network_plan(plan: Plan) -> NetworkPlan:
    (first, *_) = plan.passes
    assert isinstance(first, NetworkPlan)
    return first


def enlarge(name: str) -> NetworkPass:
    return NetworkPass(BUILT_IN.named(name))


def holds(outer: Box, inner: Box) -> bool:
    return inner == inner.grown(0, within=outer)


@settings(max_examples=150)
@given(SIZES, MODELS, PRECISIONS, BUDGETS, st.booleans(), FORMATS)
def test_a_plan_is_within_the_budget(
    size: Size, model: str, precision: Precision, allowed: int, interlaced: bool, output_format: str
) -> None:
    plan = accepted(size, enlarge(model), allowed=allowed, precision=precision, interlaced=interlaced, output_format=output_format)
    assert plan.projected_bytes <= allowed == plan.allowed_bytes
    assert plan.reserved_bytes < plan.projected_bytes
    assert all(step.projected_bytes <= plan.projected_bytes for step in plan.passes)
    assert plan.result == size.scaled(BUILT_IN.named(model).scale)


@settings(max_examples=60)
@given(SIZES, MODELS, PRECISIONS, SMALL_BUDGETS, st.booleans(), FORMATS)
def test_a_refusal_asks_for_more_than_is_allowed(
    size: Size, model: str, precision: Precision, allowed: int, interlaced: bool, output_format: str
) -> None:
    with pytest.raises(MemoryBudgetError) as failure:
        planned(size, enlarge(model), allowed=allowed, precision=precision, interlaced=interlaced, output_format=output_format)
    numbers = re.search(r"needs (?:at least )?([\d.]+) (MB|GB) of memory, allowed ([\d.]+) MB; ", str(failure.value))
    assert numbers is not None
    assert float(numbers[1]) * {"MB": 1, "GB": 1000}[numbers[2]] > float(numbers[3]) == allowed / 10**6


@settings(max_examples=60)
@given(SIZES, MODELS, PRECISIONS, BUDGETS)
def test_stages_are_the_networks_segments_in_order(size: Size, name: str, precision: Precision, allowed: int) -> None:
    model = BUILT_IN.named(name)
    stages = network_plan(accepted(size, enlarge(name), allowed=allowed, precision=precision)).stages
    assert [n for stage in stages for n in range(stage.first, stage.last + 1)] == list(range(len(model.segments)))
    for stage in stages:
        part = model.segments[stage.first : stage.last + 1]
        assert stage.reach == sum(segment.reach for segment in part)
        assert stage.flops == sum(model.flops_of_segments[stage.first : stage.last + 1])


@settings(max_examples=60)
@given(SIZES, MODELS, PRECISIONS, BUDGETS)
def test_areas_cover_the_photo_once(size: Size, name: str, precision: Precision, allowed: int) -> None:
    plan = network_plan(accepted(size, enlarge(name), allowed=allowed, precision=precision))
    areas = list(plan.areas())
    assert len(areas) == plan.area_rows * plan.area_columns
    assert sum(area.core.size.pixels for area in areas) == plan.cells.pixels
    rows = {(area.core.top, area.core.bottom) for area in areas}
    columns = {(area.core.left, area.core.right) for area in areas}
    assert {(area.core.top, area.core.left) for area in areas} == {(top, left) for top, _ in rows for left, _ in columns}
    assert sum(bottom - top for top, bottom in rows) == plan.cells.height
    assert len({area.read.size for area in areas}) == 1
    for area in areas:
        assert holds(area.read, area.core.grown(BUILT_IN.named(name).halo, within=plan.cells.box))


@settings(max_examples=40)
@given(SMALL_SIZES, st.sampled_from([ANIME, COMPACT]), PRECISIONS, st.integers(240, 700))
def test_windows_of_every_stage_cover_what_the_next_stage_reads(size: Size, name: str, precision: Precision, megabytes: int) -> None:
    plan = network_plan(accepted(size, enlarge(name), allowed=megabytes * 10**6, precision=precision))
    for area in plan.areas():
        for stage in plan.stages:
            box = plan.answered(area, stage)
            count = np.zeros((plan.cells.height, plan.cells.width), np.int8)
            for window in plan.windows(area, stage):
                count[window.core.slices] += 1
                assert holds(area.read, window.read)
                assert holds(window.read, window.core.grown(stage.reach, within=area.read))
            assert (count[box.slices] == 1).all()
            assert count.sum() == box.size.pixels


@settings(max_examples=60)
@given(SMALL_SIZES, st.sampled_from([ANIME, PHOTO]), PRECISIONS, st.integers(240, 700))
def test_windows_of_a_stage_have_few_sizes(size: Size, name: str, precision: Precision, megabytes: int) -> None:
    plan = network_plan(accepted(size, enlarge(name), allowed=megabytes * 10**6, precision=precision))
    for stage in plan.stages:
        sizes = {window.read.size for area in plan.areas() for window in plan.windows(area, stage)}
        # For each direction: areas at one border, at the other and between, and rounding.
        assert len(sizes) <= 16
        first = next(plan.areas())
        if plan.answered(first, stage) == first.read:
            assert len(sizes) == 1


@settings(max_examples=60)
@given(SMALL_SIZES, MODELS, PRECISIONS, st.integers(240, 1500))
def test_operations_are_those_of_the_actual_windows(size: Size, name: str, precision: Precision, megabytes: int) -> None:
    plan = network_plan(accepted(size, enlarge(name), allowed=megabytes * 10**6, precision=precision))
    windows = ((stage, window) for area in plan.areas() for stage in plan.stages for window in plan.windows(area, stage))
    assert plan.flops == sum(stage.flops * window.read.size.pixels for stage, window in windows)
    assert plan.extra >= 0
    assert plan.extra == pytest.approx(plan.flops / (plan.cells.pixels * BUILT_IN.named(name).flops) - 1)


@settings(max_examples=80)
@given(SIZES, MODELS, PRECISIONS, BUDGETS, st.integers(0, 300))
def test_a_larger_budget_is_never_refused_where_a_smaller_one_is_taken(
    size: Size, name: str, precision: Precision, allowed: int, more: int
) -> None:
    accepted(size, enlarge(name), allowed=allowed, precision=precision)
    planned(size, enlarge(name), allowed=allowed + more * 10**6, precision=precision)


def test_a_larger_budget_is_not_refused_because_the_canvas_moves_into_memory() -> None:
    taken = []
    for megabytes in range(150, 800, 5):
        try:
            planned(Size(1000, 1000), enlarge(COMPACT), allowed=megabytes * 10**6, precision="f32")
        except MemoryBudgetError:
            taken.append(False)
        else:
            taken.append(True)
    assert taken == sorted(taken)
    assert not taken[0]
    assert taken[-1]


@pytest.mark.parametrize("name", [ANIME, PHOTO])
@pytest.mark.parametrize("precision", ["f32", "bf16"])
def test_twice_the_budget_never_means_more_overlap(name: str, precision: Precision) -> None:
    # Canvases that move from disk into memory take from what windows may use: half the budget again is room enough for them.
    for size in (Size(700, 300), Size(1500, 1000), Size(4000, 3000)):
        extras = []
        for megabytes in (500, 1000, 2000, 4000, 8000):
            try:
                extras.append(network_plan(planned(size, enlarge(name), allowed=megabytes * 10**6, precision=precision)).extra)
            except MemoryBudgetError:
                assert not extras
        assert extras == sorted(extras, reverse=True)


@pytest.mark.parametrize("name", MODEL_NAMES)
@pytest.mark.parametrize("precision", ["f32", "bf16"])
@pytest.mark.parametrize("size", [Size(2309, 1732), Size(2000, 2000), Size(4000, 1000)])
def test_four_megapixels_with_8_gb_cost_little_extra(name: str, precision: Precision, size: Size) -> None:
    plan = network_plan(planned(size, enlarge(name), allowed=8 * 10**9, precision=precision))
    assert (plan.area_rows, plan.area_columns) == (1, 1)
    assert plan.extra <= MOST_EXTRA


@pytest.mark.parametrize("precision", ["f32", "bf16"])
@pytest.mark.parametrize("name", MODEL_NAMES)
def test_a_small_photo_runs_whole(name: str, precision: Precision) -> None:
    plan = network_plan(planned(Size(200, 150), enlarge(name), allowed=8 * 10**9, precision=precision))
    assert len(plan.stages) == 1
    assert plan.extra == 0


def test_64_megapixels_fit_2_gb_with_the_result_on_disk() -> None:
    plan = planned(Size(9216, 6912), enlarge(COMPACT), allowed=2 * 10**9)
    assert plan.result == Size(36864, 27648)
    assert plan.source_medium == "memory"
    assert network_plan(plan).medium == "disk"
    assert plan.disk_bytes == 36864 * 27648 * 3
    assert plan.projected_bytes <= 2 * 10**9


def test_half_a_gigapixel_fits_2_gb() -> None:
    plan = planned(Size(22360, 22360), enlarge(PHOTO), allowed=2 * 10**9)
    assert plan.source_medium == "disk"
    assert plan.disk_bytes == 22360**2 * 3 * 17
    assert plan.projected_bytes <= 2 * 10**9


@pytest.mark.parametrize("name", MODEL_NAMES)
def test_refuses_what_cannot_fit_with_numbers_and_a_way_out(name: str) -> None:
    with pytest.raises(MemoryBudgetError) as failure:
        planned(Size(3000, 2000), enlarge(name), allowed=150 * 10**6)
    found = re.fullmatch(r"needs at least (\d+) MB of memory, allowed 150 MB; try a larger max_memory.*", str(failure.value))
    assert found is not None
    assert int(found[1]) > 150


@pytest.mark.parametrize("name", MODEL_NAMES)
@pytest.mark.parametrize("precision", ["f32", "bf16"])
@pytest.mark.parametrize("size", [Size(90, 70), Size(700, 300), Size(3000, 2000)])
def test_the_least_it_asks_for_is_enough(name: str, precision: Precision, size: Size) -> None:
    with pytest.raises(MemoryBudgetError) as failure:
        planned(size, enlarge(name), allowed=100 * 10**6, precision=precision)
    found = re.search(r"needs at least (\d+) MB", str(failure.value))
    assert found is not None
    # The text is rounded to a million, and a canvas may move into memory with a larger budget.
    planned(size, enlarge(name), allowed=int(1.3 * int(found[1]) + 1) * 10**6, precision=precision)


def test_reading_an_interlaced_photo_is_counted() -> None:
    size = Size(5000, 5000)
    plain = planned(size, enlarge(COMPACT), allowed=700 * 10**6)
    interlaced = planned(size, enlarge(COMPACT), allowed=700 * 10**6, interlaced=True)
    assert interlaced.projected_bytes >= size.pixels * planning.WHOLE_DECODER_BYTES_PER_PIXEL
    assert plain.projected_bytes < interlaced.projected_bytes
    with pytest.raises(MemoryBudgetError, match=r"reading this interlaced jpeg needs \d+ MB of memory, allowed 400 MB; save it as"):
        planned(size, enlarge(COMPACT), allowed=400 * 10**6, interlaced=True)


def test_an_encoder_that_holds_the_whole_picture_is_counted() -> None:
    size = Size(1000, 1000)
    png = planned(size, enlarge(COMPACT), allowed=4 * 10**9)
    webp = planned(size, enlarge(COMPACT), allowed=4 * 10**9, output_format="webp")
    assert webp.projected_bytes >= 16 * size.pixels * planning.WHOLE_ENCODER_BYTES_PER_PIXEL["webp"]
    assert png.projected_bytes < webp.projected_bytes
    with pytest.raises(MemoryBudgetError, match=r"writing webp needs \d+ MB of memory, allowed 300 MB; try format png"):
        planned(size, enlarge(COMPACT), allowed=300 * 10**6, output_format="webp")


def test_two_passes_of_one_network_load_it_once() -> None:
    size = Size(60, 40)
    one = planned(size.scaled(4), enlarge(COMPACT), allowed=10**9)
    two = planned(size, enlarge(COMPACT), enlarge(COMPACT), allowed=10**9)
    assert two.projected_bytes == one.projected_bytes
    assert two.result == size.scaled(16)


def test_a_reduction_counts_both_canvases() -> None:
    size, target = Size(300, 200), Size(900, 600)
    plan = planned(size, enlarge(COMPACT), ResamplePass(target), allowed=10**9)
    last = plan.passes[-1]
    assert isinstance(last, ResamplePlan)
    assert (last.size, last.result, plan.result) == (size.scaled(4), target, target)
    assert last.projected_bytes >= planning.RESERVED_BYTES + 3 * (last.size.pixels + target.pixels)


def test_disk_holds_two_canvases_of_a_pass_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "CANVAS_SHARE", 0)
    size = Size(30, 20)
    plan = planned(size, enlarge(COMPACT), enlarge(COMPACT), allowed=10**9)
    assert plan.source_medium == "disk"
    assert plan.disk_bytes == 3 * (size.scaled(4).pixels + size.scaled(16).pixels)


@pytest.mark.parametrize("share", [0.0, 0.9])
def test_a_high_range_counts_its_file_again_and_both_pictures(share: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "CANVAS_SHARE", share)
    size = Size(900, 700)
    header = Header("png", size, depth=16)
    passes = (ResamplePass(size.scaled(2)), HighRangePass(dataclasses.replace(FILE, header=header)))
    plan = make_plan(PlanRequest(header, passes, "png"), precision="f32", device=DEVICE, allowed=10**9)
    canvases = 6 * (size.pixels + 2 * size.scaled(2).pixels)
    assert plan.disk_bytes == (0 if share else canvases)
    assert plan.passes[-1].projected_bytes - planning.RESERVED_BYTES - (canvases if share else 0) > planning.STREAM_BYTES - 1
    # While it is written, the picture that steps saw lies there too.
    avif = make_plan(PlanRequest(header, passes, "avif"), precision="f32", device=DEVICE, allowed=10**9)
    encoder = planning.STREAM_BYTES + size.scaled(2).pixels * planning.WHOLE_ENCODER_BYTES_PER_PIXEL["avif"] * 2
    assert avif.projected_bytes == planning.RESERVED_BYTES + encoder + (12 * size.scaled(2).pixels if share else 0)


@pytest.mark.parametrize(
    ("wanted", "native", "precision"), [("auto", True, "bf16"), ("auto", False, "f32"), ("f32", True, "f32"), ("bf16", True, "bf16")]
)
def test_precision_is_bf16_only_where_it_is_native(wanted: str, native: bool, precision: Precision) -> None:
    assert choose_precision(wanted, dataclasses.replace(DEVICE, native_bf16=native)) == precision


def test_refuses_bf16_where_it_would_be_imitated() -> None:
    with pytest.raises(DeviceError, match=r"Test CPU has no native bf16; use precision auto or f32"):
        choose_precision("bf16", dataclasses.replace(DEVICE, native_bf16=False))


def test_half_of_the_memory_is_allowed_unless_told_otherwise() -> None:
    assert allowed_bytes(None, DEVICE) == 8 * 10**9
    assert allowed_bytes(2 * 10**9, DEVICE) == 2 * 10**9


@pytest.mark.parametrize(("name", "size", "megabytes", "areas"), [(PHOTO, Size(900, 700), 8000, 1), (ANIME, Size(2400, 1800), 700, 4)])
def test_windows_are_no_larger_than_their_fresh_memory_is_worth(name: str, size: Size, megabytes: int, areas: int) -> None:
    plan = network_plan(planned(size, enlarge(name), allowed=megabytes * 10**6))
    # Larger ones fit and overlap less, but every stage touches their memory for the first time, and does so again in every area.
    assert plan.stages[1].side < BUILT_IN.named(name).segments[1].window
    assert plan.area_rows * plan.area_columns <= areas


def test_seconds_grow_with_the_work() -> None:
    seconds = [planned(Size(side, side), enlarge(ANIME), allowed=8 * 10**9).seconds for side in (100, 400, 1600)]
    assert seconds == sorted(seconds)
    assert planned(Size(400, 400), enlarge(ANIME), allowed=8 * 10**9, precision="f32").seconds > seconds[1]


@pytest.mark.parametrize("size", [Size(200_000, 1), Size(1, 200_000), Size(22_360, 22_360)])
@pytest.mark.parametrize("megabytes", [300, 450, 1000])
def test_no_photo_is_planned_by_trying_everything(size: Size, megabytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    lengths = itertools.count()

    def counted(seen: int, parts: int, *, halo: int) -> int:
        if next(lengths) >= MOST_LENGTHS:
            pytest.fail(f"more than {MOST_LENGTHS} lengths of windows and areas are worked out")
        return length(seen, parts, halo=halo)

    for module in ("sweep_planner", "windows"):
        monkeypatch.setattr(f"img_enhance.planning.{module}.length", counted)
    with contextlib.suppress(MemoryBudgetError):
        planned(size, enlarge(PHOTO), allowed=megabytes * 10**6)
    assert next(lengths) > 0, "nothing was counted"


def test_pytorch_itself_is_counted() -> None:
    header = Header("png", Size(300, 200))

    def needed(device: Device) -> Plan:
        return make_plan(PlanRequest(header, (enlarge(COMPACT),), "png"), precision="f32", device=device, allowed=4 * 10**9)

    openvino, torch = needed(DEVICE), needed(dataclasses.replace(DEVICE, runtime="torch", place="cuda:0", reason="because"))
    assert torch.projected_bytes - openvino.projected_bytes == planning.TORCH_BYTES
    assert torch.reserved_bytes - openvino.reserved_bytes == planning.TORCH_BYTES
    assert (torch.runtime, torch.place, torch.reason, torch.channels_last) == ("torch", "cuda:0", "because", True)


def test_rows_that_a_strip_looks_at_are_counted() -> None:
    size, cores = Size(60_000, 100), 8
    device = dataclasses.replace(DEVICE, cores=cores)
    steps = (TonePass(tones_of(ExposureCorrection()), ExposureCorrection()),)
    plan = make_plan(PlanRequest(Header("png", size), steps, "png"), precision="f32", device=device, allowed=4 * 10**9)
    (only,) = plan.passes
    assert isinstance(only, TonePlan)
    most = max(strip.grown(MOST_REACH, within=size.box).size.pixels for strip in only.strips())
    assert plan.projected_bytes - plan.reserved_bytes >= cores * most * BYTES_PER_PIXEL
