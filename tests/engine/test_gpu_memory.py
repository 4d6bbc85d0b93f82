"""A GPU's own memory: planned before, kept to while networks run, and where it fails all the same, smaller windows or the CPU.

No GPU is needed: the plan is arithmetic, and memory that is full is played by networks that refuse windows of more than so many pixels.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_sweep import as_picture, plan_of, swept

from img_enhance.cancelling import Tick
from img_enhance.engine import Engine, device_engine, device_trial, networks, spare_device
from img_enhance.errors import GpuMemoryFull, MemoryBudgetError
from img_enhance.geometry import Size
from img_enhance.machine import devices
from img_enhance.machine.devices import detect_cpu, find_device
from img_enhance.models.model import Model
from img_enhance.models.networks.segment import NamedWeights, Precision, Segment
from img_enhance.models.table import BUILT_IN, MODEL_NAMES
from img_enhance.passes.faces import FacePass, FacePlan
from img_enhance.passes.network import NetworkPass, NetworkPlan
from img_enhance.passes.sweep import Network, sweep
from img_enhance.photo import Header, Photo
from img_enhance.planning.plan import Device, Pass, Plan, PlanRequest, Rates
from img_enhance.planning.planner import make_plan
from img_enhance.request.options import Machine
from img_enhance.request.recipe import Recipe
from img_enhance.request.step_options import GFPGAN, RealESRGAN
from img_enhance.runtimes import runtime_on
from img_enhance.runtimes.openvino import Compiled, OpenVINO
from img_enhance.runtimes.runtime import Runtime
from img_enhance.words import Setting

Pixels = npt.NDArray[np.uint8]
NetworkOf = Callable[[str, Precision], Network]

ANIME, COMPACT, PHOTO = "realesrgan-x4plus-anime", "realesr-animevideov3", "realesrgan-x4plus"

# A GeForce GTX 1650 Ti, which has no native bf16, with what a screen leaves free.
CARD = Device("Test card", 4, native_bf16=False, rates=Rates(3_000, 3_000), memory_bytes=16 * 10**9, runtime="torch", own_memory=True)
CARD_BYTES = 3_300_000_000
PREDECESSORS_SIZES = (Size(1728, 2304), Size(2592, 4608), Size(4608, 2592), Size(9216, 6912))

FULL = ("the GPU's memory is full (CUDA out of memory.)", "use ", Setting("device", "cpu"), ", or close what else uses the GPU")


def planned(
    size: Size, *passes: Pass, allowed: int = 8 * 10**9, gpu_allowed: int | None = CARD_BYTES, precision: Precision = "f32"
) -> Plan:
    """The plan for CARD; without `gpu_allowed` for a device that works in the machine's memory."""
    header, device = Header("jpeg", size), dataclasses.replace(CARD, own_memory=gpu_allowed is not None)
    return make_plan(PlanRequest(header, passes, "png"), precision=precision, device=device, allowed=allowed, gpu_allowed=gpu_allowed)


def enlarge(name: str) -> NetworkPass:
    return NetworkPass(BUILT_IN.named(name))


def network_plan(plan: Plan) -> NetworkPlan:
    (network,) = plan.passes
    assert isinstance(network, NetworkPlan)
    return network


@pytest.mark.parametrize("size", PREDECESSORS_SIZES, ids=str)
def test_the_predecessors_photos_fit_on_a_card_of_4_gb(size: Size) -> None:
    plan = planned(size, enlarge(PHOTO))
    assert (plan.gpu_projected_bytes or 0) <= CARD_BYTES == plan.gpu_allowed_bytes
    assert plan.projected_bytes <= plan.allowed_bytes
    assert network_plan(plan).extra < 0.6


@settings(max_examples=60)
@given(
    st.builds(Size, st.integers(1, 5000), st.integers(1, 5000)),
    st.sampled_from(MODEL_NAMES),
    st.sampled_from(["f32", "bf16"]),
    st.integers(200, 12_000).map(lambda megabytes: megabytes * 10**6),
    st.integers(100, 12_000).map(lambda megabytes: megabytes * 10**6),
)
def test_a_plan_keeps_to_both_budgets(size: Size, name: str, precision: Precision, allowed: int, gpu_allowed: int) -> None:
    try:
        plan = planned(size, enlarge(name), allowed=allowed, gpu_allowed=gpu_allowed, precision=precision)
    except MemoryBudgetError:
        return
    weights = BUILT_IN.named(name).weights.values * (4 if precision == "f32" else 2)
    assert weights < (plan.gpu_projected_bytes or 0) <= gpu_allowed
    assert plan.projected_bytes <= allowed


def test_features_and_scratch_count_where_they_lie() -> None:
    size = Size(1500, 1000)
    own, shared = (planned(size, enlarge(PHOTO), gpu_allowed=gpu_allowed) for gpu_allowed in (CARD_BYTES, None))
    assert shared.gpu_projected_bytes is None
    assert network_plan(shared).gpu_bytes == 0
    assert own.projected_bytes < 0.5 * shared.projected_bytes
    # Two maps of 64 float32 values a pixel, and the weights.
    assert network_plan(own).gpu_bytes > size.pixels * 2 * 64 * 4 + BUILT_IN.named(PHOTO).weights.values * 4


def test_a_fuller_card_gets_smaller_windows_or_areas() -> None:
    plans = [network_plan(planned(Size(1728, 2304), enlarge(PHOTO), gpu_allowed=gigabytes * 10**9)) for gigabytes in (2, 3, 24)]
    work = [plan.flops for plan in plans]
    assert work[0] > work[1] > work[2]


@pytest.mark.parametrize("name", MODEL_NAMES)
def test_a_card_that_is_too_small_is_said_with_numbers_and_a_way_out(name: str) -> None:
    with pytest.raises(
        GpuMemoryFull, match=r"needs at least \d+ MB of the GPU's memory, allowed 1 MB; try a larger max_gpu_memory, device cpu"
    ):
        planned(Size(900, 700), enlarge(name), gpu_allowed=10**6)


def test_the_machines_own_memory_is_still_refused_first() -> None:
    with pytest.raises(MemoryBudgetError, match="of memory, allowed 120 MB") as failure:
        planned(Size(900, 700), enlarge(PHOTO), allowed=120 * 10**6)
    assert not isinstance(failure.value, GpuMemoryFull)


def test_networks_of_two_passes_are_given_back_where_a_card_is_small() -> None:
    size, face = Size(400, 300), FacePass(GFPGAN(), BUILT_IN.faces[0], BUILT_IN.detector)
    roomy = planned(size, enlarge(PHOTO), face)
    assert roomy.keeps_networks
    faces = roomy.passes[-1]
    assert isinstance(faces, FacePlan)
    # Just too little for both networks at a time: that for photos has to go before faces are restored.
    narrow = planned(size, enlarge(PHOTO), face, gpu_allowed=faces.gpu_bytes - 1)
    assert not narrow.keeps_networks
    alone = narrow.passes[-1]
    assert isinstance(alone, FacePlan)
    assert alone.gpu_bytes == faces.gpu_bytes - BUILT_IN.named(PHOTO).weights.values * 4
    with pytest.raises(GpuMemoryFull):
        planned(size, enlarge(PHOTO), face, gpu_allowed=300_000_000)


def test_a_whole_network_is_no_stage_on_a_card() -> None:
    """Its halves would see as much as the whole, so that it could not do with less."""
    small = Size(256, 256)
    assert len(network_plan(planned(small, enlarge(PHOTO), gpu_allowed=None)).stages) == 1
    assert len(network_plan(planned(small, enlarge(PHOTO))).stages) > 1


class Small(Compiled):
    """Has room for windows of at most `most` pixels, or cells of `cell` x `cell`; counts those that it refused, and their pixels if not."""

    most: int
    cell: int
    refused: int
    taken: list[int]

    def run(self, inputs: list[Any], tick: Tick) -> Any:
        height, width, channels = inputs[0].shape
        pixels = height * width // (self.cell**2 if channels == 3 else 1)
        if pixels > self.most:
            self.refused += 1
            raise GpuMemoryFull(*FULL)
        self.taken.append(pixels)
        return super().run(inputs, tick)


def small_runtime(most: int, seen: list[Small], *, cell: int = 1) -> OpenVINO:
    """A runtime in f32 that has room for windows of at most `most` pixels."""

    class SmallRuntime(OpenVINO):
        needs_second_opinions = False  # as on a card

        def compile(self, segments: tuple[Segment, ...], weights: NamedWeights) -> Compiled:
            compiled = super().compile(segments, weights)
            compiled.__class__ = Small
            compiled.most, compiled.cell, compiled.refused, compiled.taken = most, cell, 0, []  # type: ignore[attr-defined]
            seen.append(compiled)  # type: ignore[arg-type]
            return compiled

    return SmallRuntime("f32")


def on_small(network: Network, most: int, *, cell: int = 1) -> tuple[Network, list[Small]]:
    seen: list[Small] = []
    return Network(network.segments, network.weights, small_runtime(most, seen, cell=cell)), seen


@pytest.mark.parametrize(("name", "most"), [(COMPACT, 70 * 60), (COMPACT, 68 * 60), (ANIME, 64 * 70)])
def test_windows_that_do_not_fit_are_halved_and_the_picture_stays(name: str, most: int, network: NetworkOf, cat: Pixels) -> None:
    model, picture = BUILT_IN.named(name), as_picture(cat)
    starts = (0, *range(1, len(model.segments)))
    plan = plan_of(model, picture, "f32", starts=starts, side=10_000)
    expected = swept(network(name, "f32"), picture, plan)
    narrow, seen = on_small(network(name, "f32"), most)
    np.testing.assert_array_equal(swept(narrow, picture, plan), expected)
    assert all(stage.refused >= 1 for stage in seen), "every stage had too large a window"
    assert all(len(stage.taken) >= 2 for stage in seen)
    assert max(pixels for stage in seen for pixels in stage.taken) <= most


def test_what_did_not_fit_once_is_not_tried_again(network: NetworkOf, cat: Pixels) -> None:
    model, picture = BUILT_IN.named(COMPACT), as_picture(cat)
    plan = plan_of(model, picture, "f32")
    narrow, seen = on_small(network(COMPACT, "f32"), 3200)
    assert _cut_up(narrow, picture, plan) == 1
    (stage,) = seen
    # The whole of 90x70, its half and its quarter; then only windows that fit, of which none is twice as small as it might be.
    assert stage.refused == 3
    assert _cut_up(narrow, picture, plan) == 1
    assert stage.refused == 6, "another photo may find the card empty"


def _cut_up(network: Network, picture: npt.NDArray[np.float32], plan: NetworkPlan) -> int:
    return sweep(network, lambda box: picture[box.slices], lambda *_: None, plan, tick=lambda: None, done=lambda _: None)


def test_progress_counts_every_window_once(network: NetworkOf, cat: Pixels) -> None:
    model, picture = BUILT_IN.named(COMPACT), as_picture(cat)
    plan = plan_of(model, picture, "f32")
    narrow, _ = on_small(network(COMPACT, "f32"), 3200)
    told: list[int] = []
    swept(narrow, picture, plan, done=told.append)
    assert sum(told) == plan.flops


def test_halved_cells_at_odd_edges_give_the_same_picture(network: NetworkOf, cat: Pixels) -> None:
    """realesrgan-x2plus reads the photo in cells of 2 x 2, and mirrors a last odd row and column."""
    model, picture = BUILT_IN.named("realesrgan-x2plus"), as_picture(cat)[:69, :89]
    plan = plan_of(model, picture, "f32", starts=tuple(range(len(model.segments))))
    expected = swept(network(model.name, "f32"), picture, plan)
    narrow, seen = on_small(network(model.name, "f32"), 45 * 34, cell=2)
    np.testing.assert_array_equal(swept(narrow, picture, plan), expected)
    assert all(stage.refused >= 1 for stage in seen)


def test_what_would_not_become_smaller_is_not_halved(network: NetworkOf, cat: Pixels) -> None:
    model, picture = BUILT_IN.named(ANIME), as_picture(cat)
    narrow, seen = on_small(network(ANIME, "f32"), 4000)
    with pytest.raises(GpuMemoryFull):
        swept(narrow, picture, plan_of(model, picture, "f32"))
    (stage,) = seen
    assert stage.refused == 1


def test_a_card_without_room_for_the_smallest_window_fails_the_photo(network: NetworkOf, cat: Pixels) -> None:
    picture = as_picture(cat)
    narrow, _ = on_small(network(COMPACT, "f32"), 100)
    with pytest.raises(GpuMemoryFull, match="memory is full"):
        swept(narrow, picture, plan_of(BUILT_IN.named(COMPACT), picture, "f32"))


@pytest.fixture
def with_card(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A function that gives this machine a card with so much memory, whose networks have room for windows of so many pixels."""

    def give(*, allowed: int, most: int = 10**9, native_bf16: bool = False) -> None:
        def find(wanted: str = "auto", *, require_gpu: bool = False, faster: object = None) -> Device:  # noqa: ARG001 - as it is called
            card = dataclasses.replace(detect_cpu(), name="Test card", place="cuda:0", own_memory=True, native_bf16=native_bf16)
            return find_device(wanted, require_gpu=require_gpu) if wanted == "cpu" else card

        def claim(device: Device, _wanted: int | None, *, share: float) -> int | None:
            return int(share * allowed) if device.own_memory else None

        def runtime(device: Device, precision: Precision) -> Runtime:
            return small_runtime(most, []) if device.own_memory else runtime_on(device, precision)

        for module in (device_trial, spare_device):
            monkeypatch.setattr(module, "find_device", find)
        monkeypatch.setattr(device_engine, "claim_gpu_memory", claim)
        monkeypatch.setattr(device_engine, "unclaim_gpu_memory", lambda _device: None)
        monkeypatch.setattr(networks, "runtime_on", runtime)

    return give


RECIPE = Recipe(steps=(RealESRGAN(model=COMPACT),))


@pytest.fixture
def expected(engine: Engine, cat: Pixels) -> npt.NDArray[Any]:
    return engine.enhance(Photo(cat), RECIPE).photo.pixels


def test_a_card_with_room_is_used_and_its_memory_recorded(with_card: Callable[..., None], cat: Pixels, expected: npt.NDArray[Any]) -> None:
    with_card(allowed=10**9)
    with Engine() as engine:
        result = engine.enhance(Photo(cat), RECIPE)
    np.testing.assert_array_equal(result.photo.pixels, expected)
    plan = result.record()["plan"]
    assert plan["place"] == "cuda:0"
    assert 0 < plan["gpu_projected_bytes"] <= plan["gpu_allowed_bytes"] == 10**9
    assert result.warnings == ()


def test_windows_that_were_cut_up_are_said(with_card: Callable[..., None], cat: Pixels, expected: npt.NDArray[Any]) -> None:
    with_card(allowed=10**9, most=5000)
    with Engine() as engine:
        result = engine.enhance(Photo(cat), RECIPE)
    np.testing.assert_array_equal(result.photo.pixels, expected)
    assert result.plan.place == "cuda:0"
    (warning,) = result.warnings
    assert warning == "the GPU's memory was fuller than planned: 1 windows were cut into smaller ones"


def test_a_card_that_is_too_small_leaves_the_photo_to_the_cpu(with_card: Callable[..., None], cat: Pixels) -> None:
    with_card(allowed=10**6)
    with Engine(Machine(precision="f32")) as engine:
        result = engine.enhance(Photo(cat), RECIPE)
        assert engine.loaded == (COMPACT,), "what the CPU's engine has loaded counts too"
    assert result.plan.place == "cpu"
    assert result.plan.reason.startswith("auto: needs at least ")
    assert result.plan.reason.endswith("of the GPU's memory, allowed 1 MB")


def test_a_card_that_is_full_all_the_same_leaves_the_photo_to_the_cpu(
    with_card: Callable[..., None], cat: Pixels, expected: npt.NDArray[Any]
) -> None:
    with_card(allowed=10**9, most=300)  # the trial's picture of 16 x 16 fits
    with Engine(Machine(precision="f32")) as engine:
        result = engine.enhance(Photo(cat), RECIPE)
    np.testing.assert_array_equal(result.photo.pixels, expected)
    assert result.plan.place == "cpu"
    assert result.plan.reason == "auto: the GPU's memory is full (CUDA out of memory.)"
    (warning,) = result.warnings
    assert warning == "the GPU's memory is full (CUDA out of memory.): the photo was done again on the CPU"


def test_an_engine_has_its_share_of_a_card(with_card: Callable[..., None], cat: Pixels) -> None:
    with_card(allowed=10**9)
    with Engine(gpu_share=0.5) as engine:
        assert engine.prepare(Photo(cat), RECIPE).plan.gpu_allowed_bytes == 500_000_000


def test_bf16_that_was_asked_of_a_card_is_not_asked_of_a_cpu_without_it(
    with_card: Callable[..., None], cat: Pixels, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_card(allowed=10**6, native_bf16=True)
    monkeypatch.setattr(devices, "_cpu_flags", lambda: (frozenset(), "Old CPU"))
    with Engine(Machine(precision="bf16")) as engine:
        plan = engine.prepare(Photo(cat), RECIPE).plan
    assert (plan.place, plan.precision) == ("cpu", "f32")


@pytest.mark.parametrize("machine", [Machine(device="cuda"), Machine(require_gpu=True)], ids=["--device cuda", "--require-gpu"])
@pytest.mark.parametrize("most", [300, 10**9])
def test_who_asked_for_a_gpu_gets_an_error_instead(machine: Machine, most: int, with_card: Callable[..., None], cat: Pixels) -> None:
    with_card(allowed=10**9 if most == 300 else 10**6, most=most)
    with Engine(machine) as engine, pytest.raises(GpuMemoryFull):
        engine.enhance(Photo(cat), RECIPE)


def test_every_model_is_planned_for_a_card() -> None:
    for name in MODEL_NAMES:
        model: Model = BUILT_IN.named(name)
        plan = network_plan(planned(Size(333, 222), NetworkPass(model)))
        assert plan.gpu_bytes > 0
