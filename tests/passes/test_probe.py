"""The trial passes on arithmetic that works and refuses arithmetic that does not."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from img_enhance.cancelling import Tick
from img_enhance.errors import NotFinite
from img_enhance.geometry import Size
from img_enhance.models.model import Model
from img_enhance.models.networks.segment import NamedWeights, Precision, Segment
from img_enhance.models.table import BUILT_IN, MODELS
from img_enhance.passes.network import NetworkPass, NetworkPlan
from img_enhance.passes.probe import LEAST_DECIBELS, PrecisionRefused, probe, probe_picture, psnr
from img_enhance.passes.sweep import Network
from img_enhance.photo import Header
from img_enhance.planning.plan import Device, PlanRequest, Rates
from img_enhance.planning.planner import make_plan
from img_enhance.runtimes.openvino import Compiled, OpenVINO

NetworkOf = Callable[[str, Precision], Network]

COMPACT, ANIME = "realesr-animevideov3", "realesrgan-x4plus-anime"
DEVICE = Device("Test CPU", 2, native_bf16=True, rates=Rates(300, 1500), memory_bytes=16 * 10**9)

# Large enough that an RRDBNet runs in stages.
LARGE, SMALL = Size(700, 500), Size(60, 40)


def plan_of(model: Model, precision: Precision, size: Size) -> NetworkPlan:
    plan = make_plan(PlanRequest(Header("png", size), (NetworkPass(model),), "png"), precision=precision, device=DEVICE, allowed=4 * 10**9)
    (only,) = plan.passes
    assert isinstance(only, NetworkPlan)
    return only


class Off(Compiled):
    """Answers with an error of this size."""

    error: float = 0.0

    def run(self, inputs: list[Any], tick: Tick) -> Any:
        return super().run(inputs, tick) + np.float32(self.error)


class OffBy(OpenVINO):
    """A runtime whose arithmetic is off."""

    def __init__(self, precision: Precision, error: float) -> None:
        super().__init__(precision)
        self.error = error

    def compile(self, segments: tuple[Segment, ...], weights: NamedWeights) -> Compiled:
        compiled = super().compile(segments, weights)
        compiled.__class__ = Off
        compiled.error = self.error  # type: ignore[attr-defined]
        return compiled


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_every_model_passes(model: Model, precision: Precision, network: NetworkOf) -> None:
    assert probe(network(model.name, precision), plan_of(model, precision, SMALL)) >= LEAST_DECIBELS[precision]


def test_a_network_in_stages_passes(precision: Precision, network: NetworkOf) -> None:
    plan = plan_of(BUILT_IN.named(ANIME), precision, LARGE)
    assert len(plan.stages) > 1
    assert probe(network(ANIME, precision), plan) >= LEAST_DECIBELS[precision]


def test_refuses_arithmetic_that_is_off(network: NetworkOf) -> None:
    good = network(COMPACT, "f32")
    bad = Network(good.segments, good.weights, OffBy("f32", 0.03))
    with pytest.raises(PrecisionRefused, match=r"realesr-animevideov3 in f32 is 30 dB from the reference on this device, at least 80 dB"):
        probe(bad, plan_of(BUILT_IN.named(COMPACT), "f32", SMALL))


def test_takes_an_error_that_nobody_can_see(network: NetworkOf) -> None:
    good = network(COMPACT, "f32")
    almost = Network(good.segments, good.weights, OffBy("f32", 0.00005))
    assert 80 <= probe(almost, plan_of(BUILT_IN.named(COMPACT), "f32", SMALL)) < 90


def test_refuses_an_answer_that_is_not_finite(network: NetworkOf) -> None:
    good = network(COMPACT, "f32")
    with pytest.raises(NotFinite):
        probe(Network(good.segments, good.weights, OffBy("f32", float("nan"))), plan_of(BUILT_IN.named(COMPACT), "f32", SMALL))


def test_picture_is_the_same_every_time_and_within_range() -> None:
    picture = probe_picture()
    assert np.array_equal(picture, probe_picture())
    assert picture.dtype == np.float32
    assert 0 <= picture.min() < picture.max() <= 1


def test_psnr_of_known_errors() -> None:
    picture = probe_picture()
    assert psnr(picture, picture) == float("inf")
    assert psnr(picture + np.float32(0.1), picture) == pytest.approx(20, abs=1e-3)
    assert psnr(picture + np.float32(0.01), picture) == pytest.approx(40, abs=1e-3)
