"""Vulkan's pictures are the reference's, in f32 and with values stored as f16; nothing is lost, kept or computed elsewhere in silence."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from golden_answers import check_golden
from networks_golden import CASES, GOLDEN, picture_of, weights_of
from PIL import Image
from test_runtime import check_close, part
from test_sweep import as_picture, plan_of, swept

from conftest import VULKAN, device_with
from img_enhance.engine import Engine
from img_enhance.errors import DeviceError, DeviceLost, GpuMemoryFull, NotFinite
from img_enhance.models.networks.gfpgan import GFPGANClean
from img_enhance.models.networks.segment import NamedWeights, Precision, Segment
from img_enhance.models.table import BUILT_IN
from img_enhance.passes.probe import LEAST_DECIBELS, PrecisionRefused, probe, probe_picture, psnr
from img_enhance.passes.sweep import Network
from img_enhance.photo import Photo
from img_enhance.planning.plan import RuntimeName
from img_enhance.request.options import Machine
from img_enhance.request.recipe import Recipe
from img_enhance.request.step_options import RealESRGAN
from img_enhance.runtimes import runtime_on
from img_enhance.runtimes.reference import NumpyOps, run_reference
from img_enhance.runtimes.runtime import Runtime
from random_weights import random_weights

pytestmark = [*VULKAN, pytest.mark.usefixtures("vulkan")]

RuntimeIn = Callable[[Precision], Runtime]
NetworksOf = Callable[[str, Precision, RuntimeName], Network]
Pixels = npt.NDArray[np.uint8]

ANIME, COMPACT = "realesrgan-x4plus-anime", "realesr-animevideov3"
RECIPE = Recipe(steps=(RealESRGAN(model=COMPACT),))
# Of white, against one window over all in f32; another size of window may be computed in another order (measured 2026-11: 3e-6).
CUTS_WORST = 2e-5
# Sums in another order (measured 2026-11: at most 1e-6), but for a SPAN of random weights whose values span 0 to 255 inside: it makes a
# thousand times as much of the last bit as others (1.1e-4; OpenVINO 8e-5; published SPAN models by Vulkan 2.5e-6).
RELATIVE = 1e-4
RELATIVE_OF_LARGE_VALUES = {"span-4x": 4e-4}


@pytest.fixture
def runtime_in() -> RuntimeIn:
    """A runtime on the first device in this precision."""
    return lambda precision: runtime_on(device_with("vulkan"), precision)


def reading(*, factor: int, groups: int) -> Segment:
    """A network that reads its first input between its pixels, at places that its second says."""

    def function(ops: Any, weights: NamedWeights, *inputs: Any) -> Any:  # noqa: ARG001 - as segments are called
        x, shifts = inputs
        return ops.sampled(x, shifts, factor=factor, groups=groups)

    return Segment("reading", function, ("features", "picture"), reach=0, channels_out=0)


def whole(network: Network) -> Any:
    return network.runtime.compile(network.segments, network.weights)


@pytest.mark.parametrize("name", [ANIME, COMPACT])
def test_values_stored_as_f16_are_near_enough(name: str, networks: NetworksOf) -> None:
    network, picture = networks(name, "f16", "vulkan"), probe_picture()
    found = whole(network).run([picture], lambda: None)
    assert LEAST_DECIBELS["f16"] <= psnr(found, run_reference(network.segments, network.weights, picture)) < 90, "or they were not f16"


def test_values_that_f16_cannot_hold_are_refused_by_the_probe(networks: NetworksOf) -> None:
    network, model = networks(COMPACT, "f16", "vulkan"), BUILT_IN.named(COMPACT)
    grown, shrunk = network.weights["body.0.weight"] * np.float32(1e4), network.weights["body.2.weight"] * np.float32(1e-4)
    weights = {**network.weights, "body.0.weight": grown, "body.2.weight": shrunk}
    weights["body.0.bias"] = network.weights["body.0.bias"] * np.float32(1e4)
    plan = plan_of(model, probe_picture(), "f16")
    with pytest.raises((PrecisionRefused, NotFinite), match=r"in f16 (is|answered)"):
        probe(Network(network.segments, weights, network.runtime), plan)


@pytest.mark.parametrize("starts", [(0, 2, 4, 7), (0, 1, 3, 5, 7)])
def test_cuts_give_nearly_the_same_picture(starts: tuple[int, ...], networks: NetworksOf, cat: Pixels) -> None:
    network, model = networks(ANIME, "f32", "vulkan"), BUILT_IN.named(ANIME)
    picture = as_picture(cat)[:20, :34]
    expected = run_reference(network.segments, network.weights, picture)
    found = swept(network, picture, plan_of(model, picture, "f32", starts=starts, side=12))
    assert np.abs(found - expected).max() <= CUTS_WORST


def test_gfpgans_network_equals_the_reference(networks: NetworksOf) -> None:
    small = GFPGANClean(side=64, channels=32, style=24)
    weights, face = random_weights(small.shapes), np.random.RandomState(4).uniform(-1, 1, (64, 64, 3)).astype(np.float32)
    runtime = networks(COMPACT, "f32", "vulkan").runtime
    found = runtime.compile(small.segments, weights).run([face], lambda: None)
    check_close(found, run_reference(small.segments, weights, face), "f32")


@pytest.mark.parametrize("name", [ANIME, COMPACT])
def test_every_layer_is_computed_on_the_device(name: str, networks: NetworksOf) -> None:
    compiled = whole(networks(name, "f32", "vulkan"))
    assert [layer.type for layer in compiled._net.layers() if not layer.support_vulkan] == []


def test_every_layer_of_gfpgan_is_computed_on_the_device(networks: NetworksOf) -> None:
    small = GFPGANClean(side=16, channels=16, style=8)
    compiled: Any = networks(COMPACT, "f32", "vulkan").runtime.compile(small.segments, random_weights(small.shapes))
    assert [layer.type for layer in compiled._net.layers() if not layer.support_vulkan] == []


@pytest.mark.parametrize("name", [name for name in CASES if not name.startswith("dat")])  # attention is not written yet
def test_networks_that_people_bring_equal_spandrels_own(name: str, runtime_in: RuntimeIn) -> None:
    found = runtime_in("f32").compile(CASES[name].segments, weights_of(name)).run([picture_of()], lambda: None)
    check_golden(found, GOLDEN, name, relative=RELATIVE_OF_LARGE_VALUES.get(name, RELATIVE))


@pytest.mark.parametrize("name", ["span-2x-no-norm", "realplksr-2x-layer-norm", "realplksr-2x-dysample"])
def test_networks_that_people_bring_are_near_enough_in_f16(name: str, runtime_in: RuntimeIn) -> None:
    network, picture = Network(CASES[name].segments, weights_of(name), runtime_in("f16")), probe_picture()
    expected = run_reference(network.segments, network.weights, picture)
    assert LEAST_DECIBELS["f16"] <= psnr(whole(network).run([picture], lambda: None), expected) < 90, "or they were not f16"


def test_only_reading_between_pixels_is_left_to_the_processor(runtime_in: RuntimeIn) -> None:
    def elsewhere(name: str) -> set[str]:
        compiled: Any = runtime_in("f32").compile(CASES[name].segments, weights_of(name))
        return {layer.type for layer in compiled._net.layers() if not layer.support_vulkan}

    assert elsewhere("span-1x") == elsewhere("realplksr-2x-layer-norm") == set()
    alone = elsewhere("realplksr-2x-dysample")
    assert "GridSample" in alone
    assert not alone & {"Convolution", "Mish", "Sigmoid", "GroupNorm"}


def test_places_in_a_wide_photo_are_not_rounded_to_f16(runtime_in: RuntimeIn) -> None:
    draw, wide = np.random.RandomState(2), 5000
    pixels, shifts = draw.rand(1, wide, 2).astype(np.float32), (draw.randint(-8, 9, (1, wide, 4)) / 8).astype(np.float32)
    found = runtime_in("f16").compile((reading(factor=1, groups=2),), {}).run([pixels, shifts], lambda: None)
    expected = NumpyOps().sampled(pixels.transpose(2, 0, 1), shifts.transpose(2, 0, 1), factor=1, groups=2)
    assert np.abs(found - expected.transpose(1, 2, 0)).max() < 2e-3  # values as f16, and places in f32


TAKEN = """
import numpy as np
from img_enhance.machine.memory import Peak, anonymous_bytes
from img_enhance.runtimes.vulkan import Vulkan
from test_vulkan import reading
compiled = Vulkan("f32", place={place!r}).compile((reading(factor=2, groups=4),), {{}})
draw, side = np.random.RandomState(1), {side}
pixels, shifts = draw.rand(side, side, 12).astype(np.float32), draw.rand(2 * side, 2 * side, 8).astype(np.float32)
compiled.run([pixels[:8, :8], shifts[:16, :16]], lambda: None)
compiled.release()
before = anonymous_bytes()
with Peak(seconds=0.002) as peak:
    compiled.run([pixels, shifts], lambda: None)
compiled.release()
print(peak.bytes - before, anonymous_bytes() - before)
"""


def test_memory_that_the_processors_layers_take_is_planned_and_given_back(vulkan: str) -> None:
    # In a process of its own, whose memory has no holes that others left.
    code, paths = TAKEN.format(place=vulkan, side=256), ":".join(path for path in sys.path if path)
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": paths})
    taken, left = map(int, said.stdout.split())
    planned = CASES["realplksr-2x-dysample"].whole.host * 256**2
    assert 0.5 * planned < taken < 1.1 * planned
    assert left < 0.1 * planned


def test_an_operation_that_is_not_written_yet_is_said(networks: NetworksOf) -> None:
    from img_enhance.runtimes.ncnn_ops import GraphOps

    assert GraphOps.__mro__ == (GraphOps, object), "what Ops alone has would answer None"
    unknown = Segment("unknown", lambda ops, _, x: ops.swap_windows(x), ("picture",), reach=0, channels_out=3)
    with pytest.raises(DeviceError, match="networks that use the operation 'swap_windows' cannot run on Vulkan yet; use device cpu"):
        networks(COMPACT, "f32", "vulkan").runtime.compile((unknown,), {})
    curved = Segment("curved", lambda ops, _, x: ops.curve(x, "gelu"), ("picture",), reach=0, channels_out=3)
    with pytest.raises(DeviceError, match="the operation 'gelu' cannot run on Vulkan yet"):
        networks(COMPACT, "f32", "vulkan").runtime.compile((curved,), {})


def test_hundreds_of_windows_leave_nothing_behind(networks: NetworksOf, cat: Pixels) -> None:
    from img_enhance.machine.memory import anonymous_bytes, give_back

    compiled, window = whole(networks(COMPACT, "f32", "vulkan")), part(cat, 8, 6)

    def bytes_after(runs: int) -> int:
        for _ in range(runs):
            compiled.run([window], lambda: None)
        give_back()
        return anonymous_bytes()

    before = bytes_after(30)
    assert bytes_after(500) - before < 3_000_000  # 6 kB a window; its answer alone has 9


class Extractor:
    """What ncnn gives, until it answers with a code."""

    def __init__(self, code: int) -> None:
        self.code = code

    def __enter__(self) -> "Extractor":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def input(self, _name: str, _mat: object) -> int:
        return 0

    def extract(self, _name: str) -> tuple[int, None]:
        return self.code, None


@pytest.mark.parametrize(("code", "error"), [(-100, GpuMemoryFull), (-1, DeviceLost)])
def test_what_ncnn_answers_is_told_apart(
    code: int, error: type[Exception], networks: NetworksOf, cat: Pixels, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled = whole(networks(COMPACT, "f32", "vulkan"))

    class Net:
        def create_extractor(self) -> Extractor:
            return Extractor(code)

    monkeypatch.setattr(compiled, "_net", Net())
    with pytest.raises(error):
        compiled.run([part(cat, 8, 6)], lambda: None)


def failing_at(monkeypatch: pytest.MonkeyPatch, number: int, error: Exception) -> None:
    """Have the run of a window with this number fail, and those after it too."""
    from img_enhance.runtimes.vulkan import Compiled

    run, calls = Compiled.run, iter(range(10**6))

    def failing(self: Compiled, *arguments: object) -> object:
        if next(calls) >= number:
            raise error
        return run(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Compiled, "run", failing)


def test_a_device_lost_in_the_middle_leaves_the_rest_to_the_cpu(cat: Pixels, monkeypatch: pytest.MonkeyPatch) -> None:
    photo = Photo(np.array(cat[:20, :24]))
    with Engine(Machine(device="cpu", precision="f32")) as engine:
        expected = engine.enhance(photo, RECIPE).photo.pixels.astype(int)
    failing_at(monkeypatch, 1, DeviceLost("the GPU no longer answers"))
    with Engine(Machine(device="vulkan", precision="f32")) as engine:
        for is_told in (True, False):
            result = engine.enhance(photo, RECIPE)
            assert result.plan.place == "cpu"
            assert ("those after it will be" in " ".join(map(str, result.warnings))) is is_told
            assert np.abs(result.photo.pixels - expected).max() <= 1


def test_a_device_lost_where_a_gpu_is_required_is_an_error(cat: Pixels, monkeypatch: pytest.MonkeyPatch) -> None:
    failing_at(monkeypatch, 1, DeviceLost("the GPU no longer answers"))
    with Engine(Machine(device="vulkan", precision="f32", require_gpu=True)) as engine, pytest.raises(DeviceLost):
        engine.enhance(Photo(np.array(cat[:20, :24])), RECIPE)


def test_a_photo_is_enhanced_in_f16_by_itself_and_16_bits_in_f32(cat: Pixels) -> None:
    photo = Photo(np.array(cat[:20, :24]))
    with Engine(Machine(device="vulkan")) as engine:
        result = engine.enhance(photo, RECIPE)
        deep = engine.prepare(Photo(photo.pixels.astype(np.uint16) * 257), RECIPE)
    assert (result.plan.runtime, result.plan.precision, deep.plan.precision) == ("vulkan", "f16", "f32")
    with Engine(Machine(device="cpu", precision="f32")) as engine:
        expected = engine.enhance(photo, RECIPE).photo.pixels.astype(int)
    assert np.abs(result.photo.pixels - expected).max() <= 3


QUIETLY = """
from img_enhance.cli.main import main
raise SystemExit(main(["enhance", {photo!r}, "-o", {result!r}, "--device", "vulkan", "--model", "realesr-animevideov3", "--quiet"]))
"""


def test_a_program_of_its_own_ends_well_and_says_nothing_that_is_not_ours(tmp_path: Path, cat: Pixels) -> None:

    Image.fromarray(cat[:16, :16]).save(tmp_path / "small.png")
    code = QUIETLY.format(photo=str(tmp_path / "small.png"), result=str(tmp_path / "large.png"))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
