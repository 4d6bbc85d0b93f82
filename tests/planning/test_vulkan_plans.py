"""By Vulkan scratch lies on the device and features in the machine's memory; both budgets are kept, and copies are counted."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from img_enhance.errors import DeviceError, GpuMemoryFull, MemoryBudgetError
from img_enhance.geometry import Size
from img_enhance.models.networks.realplksr import RealPLKSR
from img_enhance.models.table import BUILT_IN
from img_enhance.passes.faces import FacePass
from img_enhance.passes.network import NetworkPass, NetworkPlan
from img_enhance.photo import Header
from img_enhance.planning import sweep_planner
from img_enhance.planning.plan import Device, Pass, Plan, PlanRequest, Rates
from img_enhance.planning.planner import choose_precision, make_plan
from img_enhance.planning.sweep_planner import features_bytes
from img_enhance.request.step_options import GFPGAN

CARD = Device(
    name="Card",
    cores=4,
    native_bf16=False,
    rates=Rates(f32=3_000, bf16=3_000),
    memory_bytes=16 * 10**9,
    runtime="vulkan",
    place="vulkan:0",
    own_memory=True,
    features_on_host=True,
    stores_f16=True,
)
INTEGRATED = dataclasses.replace(CARD, shares_memory=True)

PHOTO, COMPACT = "realesrgan-x4plus", "realesr-animevideov3"
# What is left of 4 GB beside a desktop, and the predecessor's photos.
FOUR_GB = 3_300_000_000
PHOTOS = (Size(1728, 2304), Size(2592, 4608), Size(4608, 2592), Size(9216, 6912))


def planned(
    size: Size, *, device: Device = CARD, allowed: int = 8 * 10**9, gpu_allowed: int = FOUR_GB, model: str = PHOTO, step: Pass | None = None
) -> Plan:
    request = PlanRequest(Header("jpeg", size), (step or NetworkPass(BUILT_IN.named(model)),), "png")
    return make_plan(request, precision="f32" if step else "f16", device=device, allowed=allowed, gpu_allowed=gpu_allowed)


def sweep_of(plan: Plan) -> NetworkPlan:
    (network,) = plan.passes
    assert isinstance(network, NetworkPlan)
    return network


@pytest.mark.parametrize("size", PHOTOS, ids=str)
def test_the_predecessors_photos_fit_a_card_of_4_gb(size: Size) -> None:
    plan = planned(size)
    assert (plan.gpu_projected_bytes or 0) <= FOUR_GB
    assert plan.projected_bytes <= 8 * 10**9


@given(st.integers(1, 3000), st.integers(1, 3000), st.integers(300, 9000), st.integers(400, 9000), st.sampled_from([PHOTO, COMPACT]))
def test_both_budgets_are_kept_or_refused(width: int, height: int, megabytes: int, gpu_megabytes: int, model: str) -> None:
    allowed, gpu_allowed = megabytes * 10**6, gpu_megabytes * 10**6
    for device in (CARD, INTEGRATED):
        try:
            plan = planned(Size(width, height), device=device, allowed=allowed, gpu_allowed=gpu_allowed, model=model)
        except MemoryBudgetError:
            continue
        assert plan.projected_bytes <= allowed
        assert (plan.gpu_projected_bytes or 0) <= gpu_allowed


def test_features_lie_in_the_machines_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep_planner, "COPY_BYTES_PER_SECOND", 1e15)  # stages are the fastest way
    in_stages = planned(Size(2000, 1500))
    features = features_bytes(sweep_of(in_stages))
    assert len(sweep_of(in_stages).stages) > 1
    assert features >= 2000 * 1500 * 64 * 4 * 2
    assert in_stages.projected_bytes > features
    assert features not in range((in_stages.gpu_projected_bytes or 0) // 2)


def test_copies_between_stages_count_in_the_time_that_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep_planner, "COPY_BYTES_PER_SECOND", 1e15)
    network = sweep_of(planned(Size(2000, 1500)))
    assert len(network.stages) > 1
    quick = sweep_planner.likely_seconds(network, CARD)
    monkeypatch.setattr(sweep_planner, "COPY_BYTES_PER_SECOND", 1e9)
    assert sweep_planner.likely_seconds(network, CARD) > quick + 1


def test_where_copies_are_slow_the_network_runs_as_a_whole_over_windows_that_overlap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep_planner, "COPY_BYTES_PER_SECOND", 1e6)
    network = sweep_of(planned(Size(2000, 1500)))
    (stage,) = network.stages
    assert stage.reach == BUILT_IN.named(PHOTO).halo
    assert len(list(network.windows(next(network.areas()), stage))) > 1
    assert features_bytes(network) == 0


def test_less_memory_on_the_card_makes_smaller_windows() -> None:
    def widest(gpu_allowed: int) -> int:
        network = sweep_of(planned(Size(2000, 1500), gpu_allowed=gpu_allowed))
        area = next(network.areas())
        return max(window.read.size.pixels for stage in network.stages for window in network.windows(area, stage))

    assert widest(800_000_000) < widest(3_300_000_000) < widest(12_000_000_000)


def test_what_an_integrated_gpu_takes_counts_in_both_budgets() -> None:
    size = Size(1200, 900)
    card, integrated = planned(size), planned(size, device=INTEGRATED)
    assert integrated.projected_bytes >= card.projected_bytes
    assert integrated.projected_bytes > (integrated.gpu_projected_bytes or 0)
    with pytest.raises(MemoryBudgetError):
        planned(size, device=INTEGRATED, allowed=700_000_000)


def test_what_the_processor_does_for_a_gpu_counts_in_the_machines_memory() -> None:
    def projected(*, dysample: bool) -> int:
        network = RealPLKSR(blocks=1, channels=16, scale=2, dysample=dysample)
        return planned(size, step=NetworkPass(dataclasses.replace(BUILT_IN.named(COMPACT), architecture=network))).projected_bytes

    size = Size(600, 400)
    assert projected(dysample=True) - projected(dysample=False) >= 0.9 * 600 * 400 * 2**2 * 480  # without it something else is the most


def test_a_card_that_is_too_small_is_said_before_any_work() -> None:
    with pytest.raises(GpuMemoryFull, match=r"needs at least .* of the GPU's memory, allowed 100 MB"):
        planned(Size(600, 400), gpu_allowed=100_000_000)


def test_a_face_fits_a_card_of_4_gb_and_not_one_of_1() -> None:
    step = FacePass(GFPGAN(), BUILT_IN.faces[0], BUILT_IN.detector)
    assert (planned(Size(600, 400), step=step).gpu_projected_bytes or 0) <= FOUR_GB
    with pytest.raises(GpuMemoryFull):
        planned(Size(600, 400), step=step, gpu_allowed=10**9)


def test_f16_is_for_networks_whose_values_it_can_hold() -> None:
    enlarging, face = BUILT_IN.named(PHOTO), BUILT_IN.faces[0]
    assert choose_precision("auto", CARD, 8, (enlarging,)) == "f16"
    assert choose_precision("auto", CARD, 16, (enlarging,)) == "f32"
    assert choose_precision("auto", CARD, 8, (enlarging, face)) == "f32"
    assert choose_precision("f16", CARD, 8, (face,)) == "f16"
    with pytest.raises(DeviceError, match="does not store f16; use precision auto or f32"):
        choose_precision("f16", dataclasses.replace(CARD, runtime="openvino", stores_f16=False))
