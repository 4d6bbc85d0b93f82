"""Models that another program runs: planned, swept, probed and kept like any other."""

import dataclasses
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from img_enhance.batch.lanes import PhotoTask
from img_enhance.batch.work import enhance_photo
from img_enhance.cancelling import Tick
from img_enhance.engine import Engine, device_engine, networks, spare_device
from img_enhance.errors import Cancelled, DeviceError, UnsupportedModel
from img_enhance.geometry import Size
from img_enhance.machine.devices import detect_cpu
from img_enhance.machine.settings import model_table
from img_enhance.models.model import Model
from img_enhance.models.networks.dat import DAT
from img_enhance.models.networks.foreign import GRAPH, ForeignNetwork
from img_enhance.models.networks.segment import Precision
from img_enhance.models.networks.srvgg import SRVGGNetCompact
from img_enhance.models.own import Origin, OwnModel, keep, own_model, own_models
from img_enhance.models.weight_sources import FileWeights
from img_enhance.models.weights.cache import WeightStore
from img_enhance.models.weights.own_file import size_and_hash
from img_enhance.models.weights.store import load
from img_enhance.passes.network import NetworkPass, NetworkPlan
from img_enhance.passes.probe import probe
from img_enhance.passes.sweep import Network
from img_enhance.photo import Header, Photo
from img_enhance.planning.plan import Device, PlanRequest, Rates
from img_enhance.planning.planner import choose_precision, make_plan
from img_enhance.request.options import Machine
from img_enhance.request.recipe import Recipe
from img_enhance.request.step_options import RealESRGAN
from img_enhance.runtimes import can_run, foreign, foreign_runtime
from img_enhance.runtimes.foreign import looked_at
from img_enhance.runtimes.measuring import _seeing
from img_enhance.runtimes.runtime import Picture, Runtime
from onnx_files import doubling, doubling_file, node, port, tensor
from waiting import wait_for

CPU = Device(name="Test CPU", cores=2, native_bf16=True, rates=Rates(f32=300, bf16=1500), memory_bytes=16 * 10**9)
CARD = dataclasses.replace(CPU, name="Test card", runtime="torch", place="cuda:0", own_memory=True)
CAT = Path(__file__).parents[2] / "samples" / "cat.png"
PHOTO = Photo(np.random.RandomState(6).randint(0, 256, (50, 71, 3)).astype(np.uint8))
DOUBLED = PHOTO.pixels.repeat(2, 0).repeat(2, 1)
PLAIN = ForeignNetwork("onnx", "ONNX", 2, bytes_per_pixel=200, resident_bytes=30_000_000, flops=1000)
WEIGHTS = FileWeights(Path("x.onnx"), 1000, "0" * 64)
EIGHTS = doubling(before=[node("SpaceToDepth", "in", "d", blocksize=8), node("DepthToSpace", "d", "x", blocksize=8)])


def recipe(model: str | Path) -> Recipe:
    return Recipe(steps=(RealESRGAN(model=str(model), keep_colours=False),))


@pytest.fixture
def store(tmp_path: Path) -> WeightStore:
    return WeightStore(tmp_path / "home", offline=True)


@pytest.fixture
def added(store: WeightStore, tmp_path: Path) -> Callable[..., Model]:
    """A function that adds a file of ONNX which was found to be so."""

    def add(data: bytes, network: ForeignNetwork) -> Model:
        file = doubling_file(tmp_path / "x.onnx", data)
        model = own_model((file,), "mine", network, *size_and_hash((file,)))
        return keep(OwnModel(model, Origin("x.onnx", 1, "0" * 64)), load(model, store), store).model

    return add


CASES = {
    "whole": (doubling(), PLAIN),
    "windows of one size": (doubling(taken=port("in", (1, 3, 24, 24))), dataclasses.replace(PLAIN, height=24, width=24, overlap=2)),
    "eights": (EIGHTS, dataclasses.replace(PLAIN, cell=8, overlap=4)),
    "in 255 and BGR": (doubling(), dataclasses.replace(PLAIN, white=255.0, answer_white=255.0, order="BGR", answer_order="BGR")),
    "small windows": (doubling(), dataclasses.replace(PLAIN, window=40, overlap=8, sees_all=True)),
}


@pytest.mark.parametrize("name", CASES)
def test_an_added_model_enlarges_by_its_name(name: str, added: Callable[..., Model], store: WeightStore) -> None:
    model = added(*CASES[name])
    assert [row.model for row in own_models(store)] == [model]  # what its record says is what was found
    assert list(load(model, store)) == [GRAPH]
    with Engine(Machine(precision="f32"), store, models=model_table(store)) as engine:
        result = engine.enhance(PHOTO, recipe("mine"))
    np.testing.assert_array_equal(result.photo.pixels, DOUBLED)
    (plan,) = result.plan.passes
    assert isinstance(plan, NetworkPlan)
    warned = any("looks at the whole picture, but takes no more than 40 px of it at once" in str(words) for words in result.warnings)
    assert (plan.tiles > 1, warned) == (name in ("windows of one size", "small windows"), name == "small windows")


def test_a_reduced_precision_is_compared_with_the_program_itself(added: Callable[..., Model], store: WeightStore) -> None:
    added(doubling(), PLAIN)
    with Engine(Machine(device="cpu"), store, models=model_table(store), device=CPU) as engine:
        assert engine.prepare(PHOTO, recipe("mine")).plan.precision == "bf16"
        right = engine.enhance(PHOTO, recipe("mine"))
        assert np.abs(right.photo.pixels.astype(int) - DOUBLED).max() <= 2

        class Darker(networks.foreign_runtime(PLAIN, CPU, "bf16").__class__):  # type: ignore[misc]
            def compile(self, segments: object, weights: object) -> object:
                compiled = super().compile(segments, weights)
                run = compiled.run
                if self.precision == "bf16":
                    compiled.run = lambda inputs, tick: run(inputs, tick) * np.float32(0.9)
                return compiled

        engine.close()
        engine._chosen.networks.keep(())
        patched = pytest.MonkeyPatch()
        patched.setattr(networks, "foreign_runtime", lambda network, _device, precision: Darker(network, precision))
        try:
            again = engine.enhance(PHOTO, recipe("mine"))
        finally:
            patched.undo()
    assert again.plan.precision == "f32"
    assert any("dB from the reference" in str(words) for words in again.warnings)
    np.testing.assert_array_equal(again.photo.pixels, DOUBLED)


def test_bf16_is_for_networks_whose_program_takes_it() -> None:
    model = Model("mine", "", PLAIN, WEIGHTS, "", "", "")
    other = dataclasses.replace(model, architecture=dataclasses.replace(PLAIN, bf16=False))
    assert [choose_precision("auto", CPU, models=(each,)) for each in (model, other)] == ["bf16", "f32"]
    assert choose_precision("bf16", CPU, models=(model,)) == "bf16"
    assert choose_precision("f32", CPU, models=(other,)) == "f32"


def test_bf16_that_is_asked_for_is_refused_where_a_program_does_not_take_it(added: Callable[..., Model], store: WeightStore) -> None:
    added(doubling(), dataclasses.replace(PLAIN, bf16=False))
    with (
        Engine(Machine(precision="bf16"), store, models=model_table(store), device=CPU) as engine,
        pytest.raises(DeviceError, match=r"^mine does not run in bf16; use precision auto or f32$") as error,
    ):
        engine.prepare(PHOTO, recipe("mine"))
    assert (error.value.exit_code, error.value.http_status) == (3, 503)


def test_the_cpu_does_what_a_programs_device_does_not(
    added: Callable[..., Model], store: WeightStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    added(doubling(), PLAIN)
    spandrels = dataclasses.replace(PLAIN, program="spandrel")
    on = dataclasses.replace
    cards = [on(CPU, runtime="torch"), CARD, on(CPU, place="GPU"), on(CARD, runtime="vulkan", place="vulkan:0")]
    assert [can_run(PLAIN, device) for device in cards] == [True, False, True, False]
    assert [can_run(spandrels, device) for device in cards] == [True, True, False, False]
    attending = DAT(4, depths=(1,), heads=(2,), window=(2, 2), hidden=8, scale=2)
    assert [can_run(attending, device) for device in cards] == [True, True, True, False]
    assert all(can_run(SRVGGNetCompact(1, 2, 4), device) for device in cards)
    monkeypatch.setattr(spare_device, "find_device", lambda _: CPU)
    monkeypatch.setattr(device_engine, "claim_gpu_memory", lambda *_, **__: 10**9)
    monkeypatch.setattr(device_engine, "unclaim_gpu_memory", lambda _: None)
    with Engine(Machine(), store, models=model_table(store), device=CARD) as engine:
        result = engine.enhance(PHOTO, recipe("mine"))
        assert (result.plan.place, "mine does not run on Test card" in str(result.plan.reason)) == ("cpu", True)
    words = "mine does not run on Test card; use device cpu"
    with (
        Engine(Machine(device="torch"), store, models=model_table(store), device=CARD) as engine,
        pytest.raises(DeviceError, match=words),
    ):
        engine.prepare(PHOTO, recipe("mine"))


def plan_of(network: ForeignNetwork, size: Size, allowed: int) -> NetworkPlan:
    model = Model("mine", "", network, WEIGHTS, "", "", "")
    request = PlanRequest(Header("png", size), (NetworkPass(model, keeps_colours=False),), "png")
    (plan,) = make_plan(request, precision="f32", device=CPU, allowed=allowed).passes
    assert isinstance(plan, NetworkPlan)
    return plan


def test_what_was_measured_is_planned_for() -> None:
    large = dataclasses.replace(PLAIN, bytes_per_pixel=20_000, overlap=16, flops=10**8)
    plan = plan_of(large, Size(1000, 800), 10**9)
    (stage,) = plan.stages
    window = max(window.read.size.pixels for area in plan.areas() for window in plan.windows(area, stage))
    assert 20_000 * window + 30_000_000 < plan.projected_bytes <= 10**9
    assert plan_of(large, Size(1000, 800), 8 * 10**9).tiles < plan.tiles
    small, heavy = (
        plan_of(dataclasses.replace(PLAIN, resident_bytes=resident), Size(60, 40), 8 * 10**9) for resident in (10**7, 5 * 10**8)
    )
    assert heavy.projected_bytes - small.projected_bytes == 49 * 10**7


def test_a_network_whose_memory_grows_faster_than_its_windows_gets_none_larger_than_measured() -> None:
    plan = plan_of(dataclasses.replace(PLAIN, window=96, overlap=16, sees_all=True), Size(300, 200), 8 * 10**9)
    reads = {window.read.size for area in plan.areas() for window in plan.windows(area, plan.stages[0])}
    assert max(max(size.width, size.height) for size in reads) <= 96
    assert len(reads) == 1


@pytest.mark.parametrize(("cell", "widest"), [(64, 64), (64, 128), (48, 144), (32, 128), (12, 72), (8, 128), (1, 24)])
def test_windows_are_nowhere_wider_than_a_network_takes(cell: int, widest: int) -> None:
    class Averaging:
        def run(self, inputs: list[Picture], tick: Tick) -> Picture:
            tick()
            return np.asarray(inputs[0].repeat(2, 0).repeat(2, 1) + inputs[0].mean(), np.float32)

        def release(self) -> None: ...

    network = _seeing(dataclasses.replace(PLAIN, cell=cell, window=widest), Averaging())
    assert network.sees_all
    plan = plan_of(network, Size(500, 400), 8 * 10**9)
    reads = [window.read.size for area in plan.areas() for window in plan.windows(area, plan.stages[0])]
    assert max(max(size.width, size.height) for size in reads) * cell <= widest


def test_a_run_stops_when_asked(added: Callable[..., Model], store: WeightStore) -> None:
    added(*CASES["windows of one size"])
    asked = 0

    def cancelled() -> bool:
        nonlocal asked
        asked += 1
        return asked > 8

    with Engine(Machine(precision="f32"), store, models=model_table(store)) as engine:
        with pytest.raises(Cancelled):
            engine.enhance(PHOTO, recipe("mine"), cancelled=cancelled)
        np.testing.assert_array_equal(engine.enhance(PHOTO, recipe("mine")).photo.pixels, DOUBLED)


def test_a_file_is_looked_at_once(store: WeightStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = doubling_file(tmp_path / "x.onnx")
    runs, real = list[object](), subprocess.Popen

    def counted(*given: Any, **how: Any) -> subprocess.Popen[bytes]:
        runs.append(given)
        return real(*given, **how)

    monkeypatch.setattr("img_enhance.runtimes.foreign.subprocess.Popen", counted)
    with Engine(Machine(precision="f32"), store) as engine:
        for _ in range(2):
            np.testing.assert_array_equal(engine.enhance(PHOTO, recipe(file)).photo.pixels, DOUBLED)
    assert len(runs) == 1


# A network that makes a value of 480 GB of its own.
BOMB = doubling(
    before=[node("ConstantOfShape", "s", "z"), node("ReduceMax", "z", "m", keepdims=1), node("Add", "in m", "x")],
    tensors=[tensor("s", np.array([1, 3, 200_000, 200_000], np.int64))],
)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("import os; os.abort()", "made the program that reads it crash, or needs more than"),
        ("raise SystemExit('gone wrong')", "it said: gone wrong"),
        pytest.param(
            "import os, signal; os.kill(os.getpid(), signal.SIGXCPU)", "was not done with small pictures after", marks=pytest.mark.posix
        ),
        # As the kernel does where the machine has no memory left.
        pytest.param(
            "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
            r"crash, or needs more than .* GB \(it said nothing\)",
            marks=pytest.mark.posix,
        ),
        pytest.param(
            "from img_enhance.runtimes.foreign_child import _limit; _limit(10**10, 1)\nwhile True: pass",
            "was not done with small pictures",
            marks=pytest.mark.posix,
        ),
        ("import time; time.sleep(60)", "was not done with small pictures after"),
    ],
)
def test_what_crashes_or_never_ends_takes_nobody_with_it(command: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foreign, "_COMMAND", [sys.executable, "-c", command])
    if "sleep" in command:  # for the others a busy machine may take its time
        monkeypatch.setattr(foreign, "_MOST_WAITED_SECONDS", 1)
    with pytest.raises(UnsupportedModel, match=words) as error:
        looked_at("onnx", doubling_file(tmp_path / "x.onnx"), command)
    assert error.value.exit_code == 3


# Says in a file of what number it is, and never ends.
STUCK = "import os, pathlib, time; pathlib.Path({!r}).write_text(f'{{os.getpid()}}\\n'); time.sleep(600)"


def test_a_program_that_looks_at_a_file_ends_when_that_is_cancelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = tmp_path / "told"
    monkeypatch.setattr(foreign, "_COMMAND", [sys.executable, "-c", STUCK.format(str(told))])

    def tick() -> None:
        if told.exists() and told.read_text().endswith("\n"):
            raise Cancelled("enough")

    with pytest.raises(Cancelled, match="enough"):
        looked_at("onnx", doubling_file(tmp_path / "x.onnx"), "stuck", tick)
    assert not psutil.pid_exists(int(told.read_text()))


# Ask for such a file, and look at it, for ever.
ASKING = """
import sys
from pathlib import Path
from img_enhance.runtimes import foreign
foreign._COMMAND = [sys.executable, sys.argv[1]]
foreign.looked_at("onnx", Path("x.onnx"), "stuck")
"""
LOOKING = """
from img_enhance.runtimes import foreign_child
foreign_child.looked_at = lambda *_: stuck()
def stuck(): {}
foreign_child.main()
"""


def is_running(number: int) -> bool:
    """Whether there is such a process, and not only its end for a parent to see."""
    try:
        return bool(psutil.Process(number).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
def test_a_program_that_looks_at_a_file_does_not_outlive_who_asked(tmp_path: Path) -> None:
    told, child = tmp_path / "told", tmp_path / "child.py"
    child.write_text(LOOKING.format(STUCK.format(str(told))))
    with subprocess.Popen([sys.executable, "-c", ASKING, str(child)]) as asking:
        try:
            wait_for(lambda: told.exists() and told.read_text().endswith("\n"))
            assert is_running(int(told.read_text()))
        finally:
            asking.kill()
    wait_for(lambda: not is_running(int(told.read_text())), 300)


def test_whoever_cancels_a_run_is_heard_while_a_file_is_looked_at(
    store: WeightStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(foreign, "_COMMAND", [sys.executable, "-c", STUCK.format(str(tmp_path / "told"))])
    file = doubling_file(tmp_path / "x.onnx")
    task = PhotoTask("cat.png", str(CAT), str(tmp_path), "x", recipe(file), "")
    with Engine(Machine(precision="f32"), store) as engine:
        with pytest.raises(Cancelled):
            engine.prepare(PHOTO, recipe(file), cancelled=lambda: True)
        with pytest.raises(Cancelled):
            engine.enhance(PHOTO, recipe(file), cancelled=lambda: True)
        failure = enhance_photo(engine, task, cancelled=lambda: True).failure
    assert failure is not None
    assert failure.code == Cancelled.code


def test_what_fills_the_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foreign, "_MEMORY_SHARE", 2e9 / detect_cpu().memory_bytes)
    with pytest.raises(UnsupportedModel, match=r"^x\.onnx "):
        looked_at("onnx", doubling_file(tmp_path / "x.onnx", BOMB), "bomb")


def test_comparison_on_the_cpu_keeps_to_the_threads_and_gives_its_memory_back(
    added: Callable[..., Model], store: WeightStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Device] = []
    closed: list[Network] = []
    real_close = Network.close

    def runtime(network: ForeignNetwork, device: Device, precision: Precision) -> Runtime:
        made.append(device)
        return foreign_runtime(network, CPU, precision)

    def close(network: Network) -> None:
        closed.append(network)
        real_close(network)

    monkeypatch.setattr(networks, "foreign_runtime", runtime)
    monkeypatch.setattr(Network, "close", close)
    model = added(doubling(), PLAIN)
    network = networks.network_on(dataclasses.replace(CARD, threads=1, cores=1), model, store, "f32")
    assert [(device.place, device.threads) for device in made] == [("cuda:0", 1), ("cpu", 1)]
    request = PlanRequest(Header("png", PHOTO.size), (NetworkPass(model, keeps_colours=False),), "png")
    plan = make_plan(request, precision="f32", device=CPU, allowed=10**10).passes[0]
    assert isinstance(plan, NetworkPlan)
    assert probe(network, plan) > 80
    assert [each.runtime for each in closed] == [network.exact]
