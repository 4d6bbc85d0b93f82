"""The engine: the photo asked for, the record of how it was made, within the plan's memory, or an error."""

import contextlib
import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from conftest import SAMPLE
from img_enhance.cancelling import Tick
from img_enhance.engine import Engine, device_engine, enhance, networks
from img_enhance.engine import engine as engine_module
from img_enhance.errors import (
    Cancelled,
    DeviceError,
    DiskError,
    MemoryBudgetError,
    NotFinite,
    OptionError,
    OutputError,
    PhotoError,
    PhotoTooLarge,
    WeightsMissing,
)
from img_enhance.geometry import Size
from img_enhance.machine import canvas
from img_enhance.machine.devices import detect_cpu
from img_enhance.models.networks.segment import NamedWeights, Precision, Segment
from img_enhance.models.table import BUILT_IN
from img_enhance.models.weights.store import load
from img_enhance.passes.network import NetworkPass, NetworkPlan
from img_enhance.passes.probe import PrecisionRefused, psnr
from img_enhance.photo import Header, Photo
from img_enhance.planning import planner as planning
from img_enhance.planning.plan import Device, PlanRequest
from img_enhance.planning.planner import make_plan
from img_enhance.progress import Progress
from img_enhance.request.options import Machine, Output
from img_enhance.request.recipe import Recipe
from img_enhance.request.step_options import RealESRGAN
from img_enhance.runtimes.openvino import Compiled, OpenVINO
from img_enhance.runtimes.reference import run_reference

Pixels = npt.NDArray[np.uint8]
Save = Callable[[str, npt.NDArray[Any]], Path]

COMPACT, ANIME = "realesr-animevideov3", "realesrgan-x4plus-anime"

# f32 strays 1e-5 from the reference, so that hardly a value rounds to another level.
F32_DECIBELS = 70.0
# How far, of 255, a network takes flat black and white from themselves, 32 pixels from their border: 1 and 3 were measured (2026-11).
MOST_FROM_FLAT = 6
# bf16 against f32 is 50 dB or more on photos.
BF16_DECIBELS = 40.0


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine() as ready:
        yield ready


@pytest.fixture(scope="module")
def small(cat: Pixels) -> Pixels:
    return cat[:24, :30]


def compact(**options: Any) -> Recipe:
    """What the network computes, and nothing else, which is what the reference knows."""
    return Recipe(steps=(RealESRGAN(model=COMPACT, keep_colours=False, **options),))


def reference(pixels: Pixels, name: str = COMPACT) -> npt.NDArray[np.float32]:
    """What the numpy reference makes of a photo, in [0, 1]."""
    model = BUILT_IN.named(name)
    picture = as_picture(pixels)
    return run_reference(model.segments, load(model), picture).clip(0, 1)


def as_picture(pixels: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    return np.asarray(pixels / 255, np.float32)


def test_result_is_what_the_reference_computes(small: Pixels) -> None:
    result = enhance(Photo(small), compact(), machine=Machine(precision="f32"))
    assert result.photo.size == Size(120, 96)
    assert result.photo.pixels.dtype == np.uint8
    assert psnr(as_picture(result.photo.pixels), as_picture(np.rint(reference(small) * 255))) >= F32_DECIBELS


@pytest.mark.parametrize("size", [(1, 1), (1, 2), (2, 1), (3, 3), (1, 40), (40, 1)])
def test_smallest_photos_are_what_the_reference_computes(engine: Engine, cat: Pixels, size: tuple[int, int]) -> None:
    width, height = size
    pixels = cat[30 : 30 + height, 40 : 40 + width]
    result = engine.enhance(Photo(pixels), compact())
    assert psnr(as_picture(result.photo.pixels), reference(pixels)) >= BF16_DECIBELS


def test_a_photo_is_not_changed(engine: Engine, small: Pixels) -> None:
    pixels = small.copy()
    engine.enhance(Photo(pixels), compact())
    assert np.array_equal(pixels, small)


def test_same_recipe_twice_gives_the_same_bytes(engine: Engine, small: Pixels) -> None:
    first = engine.enhance(Photo(small), compact(upscale=3)).photo.pixels
    assert np.array_equal(engine.enhance(Photo(small), compact(upscale=3)).photo.pixels, first)
    with Engine() as other:
        assert np.array_equal(other.enhance(Photo(small), compact(upscale=3)).photo.pixels, first)


def test_a_file_and_its_pixels_give_the_same_result(engine: Engine, small: Pixels, saved: Save) -> None:
    of_file = engine.enhance(saved("cat.png", small), compact()).photo.pixels
    assert np.array_equal(of_file, engine.enhance(Photo(small), compact()).photo.pixels)


def test_other_photos_in_between_do_not_matter(engine: Engine, cat: Pixels) -> None:
    first = engine.enhance(Photo(cat[:20, :20]), compact()).photo.pixels
    engine.enhance(Photo(cat[30:60, 10:80]), compact(upscale=2))
    engine.enhance(Photo(cat[:20, :20]), Recipe(steps=(RealESRGAN(model=ANIME),)))
    assert np.array_equal(engine.enhance(Photo(cat[:20, :20]), compact()).photo.pixels, first)


def test_black_and_white_stay_black_and_white(engine: Engine) -> None:
    halves = np.zeros((24, 24, 3), np.uint8)
    halves[:, 12:] = 255
    found = engine.enhance(Photo(halves), compact()).photo.pixels
    # The network answers on both sides of black and of white: what is beyond must be clipped and not wrap around.
    assert found[:, :32].max() <= MOST_FROM_FLAT
    assert found[:, -32:].min() >= 255 - MOST_FROM_FLAT


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ({"upscale": 1}, (30, 24)),
        ({"upscale": 2}, (60, 48)),
        ({"upscale": 3.3}, (99, 79)),
        ({"upscale": 4}, (120, 96)),
        ({"upscale": 5}, (150, 120)),
        ({"upscale": 16}, (480, 384)),
        ({"width": 30}, (30, 24)),
        ({"width": 77}, (77, 62)),
        ({"height": 101}, (126, 101)),
        ({"width": 480}, (480, 384)),
        ({"megapixels": 0.01}, (112, 89)),
        ({"megapixels": 0.1}, (354, 283)),
        ({}, (120, 96)),
    ],
)
def test_size_is_exactly_what_was_asked_for(engine: Engine, small: Pixels, options: dict[str, Any], size: tuple[int, int]) -> None:
    result = engine.enhance(Photo(small), compact(**options))
    assert result.photo.size == Size(*size) == result.plan.result


@pytest.mark.parametrize("options", [{"upscale": 2}, {"upscale": 5}, {"width": 55}])
def test_a_reduction_shows_the_same_picture(engine: Engine, small: Pixels, options: dict[str, Any]) -> None:
    result = engine.enhance(Photo(small), compact(**options)).photo
    # Against a plain enlargement: a shift of two pixels, swapped channels or another part of the photo are below 20 dB.
    plain = np.asarray(Image.fromarray(small).resize((result.size.width, result.size.height), Image.Resampling.BICUBIC))
    assert psnr(as_picture(result.pixels), as_picture(plain)) >= 20


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"width": 481}, "width 481 would make 30x24 into 481x385; ask for a size of at most 480x384"),
        ({"height": 385}, "height 385 would make 30x24 into 481x385; ask for a size of at most 480x384"),
        ({"megapixels": 1}, "megapixels 1 would make 30x24 into 1118x894; ask for a size of at most 480x384"),
    ],
)
def test_refuses_sizes_beyond_sixteen_times(engine: Engine, small: Pixels, options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError) as failure:
        engine.prepare(Photo(small), compact(**options))
    assert str(failure.value) == message


def test_sixteen_times_is_two_passes(engine: Engine, cat: Pixels) -> None:
    pixels = cat[:16, :20]
    result = engine.enhance(Photo(pixels), compact(upscale=16))
    assert [(step.kind, str(step.size), str(step.result)) for step in result.plan.passes] == [
        ("network", "20x16", "80x64"),
        ("network", "80x64", "320x256"),
    ]
    once = engine.enhance(Photo(pixels), compact())
    twice = engine.enhance(once.photo, compact())
    assert np.array_equal(result.photo.pixels, twice.photo.pixels)


def test_steps_run_one_after_the_other(engine: Engine, cat: Pixels) -> None:
    recipe = Recipe(steps=(RealESRGAN(model=COMPACT, upscale=2), RealESRGAN(model=COMPACT, upscale=1)))
    result = engine.enhance(Photo(cat[:16, :20]), recipe)
    assert result.photo.size == Size(40, 32)
    assert [step.kind for step in result.plan.passes] == ["network", "resample", "network", "resample"]


def test_result_records_how_it_was_made(engine: Engine, small: Pixels) -> None:
    recipe = compact(upscale=3)
    result = engine.enhance(Photo(small), recipe)
    assert result.recipe == recipe
    assert result.warnings == ()
    assert result.weights == {COMPACT: BUILT_IN.named(COMPACT).weights.sha256}
    assert [step.name for step in result.phases] == ["read", COMPACT, "resample"]
    assert all(step.seconds >= 0 and step.measured_bytes > 0 for step in result.phases)


def test_report_is_complete_json(engine: Engine, small: Pixels) -> None:
    result = engine.enhance(Photo(small), compact(upscale=3))
    record = json.loads(result.report())
    assert record.keys() == {"version", "recipe", "plan", "done", "copied", "weights_sha256", "steps", "warnings", "reasons"}
    assert Recipe.from_mapping(record["recipe"]) == result.recipe
    plan = record["plan"]
    # Reports call a medium a store, as they always did.
    assert plan.keys() == {field.name for field in dataclasses.fields(result.plan)} - {"source_medium"} | {"source_store"}
    assert [(each["store"], "medium" in each) for each in plan["passes"]] == [("memory", False)] * 2
    assert plan["size"] == {"width": 30, "height": 24}
    assert [step["kind"] for step in plan["passes"]] == ["network", "resample"]
    assert plan["projected_bytes"] <= plan["allowed_bytes"]
    assert result.report().isascii()


def test_prepare_decides_the_format(engine: Engine, small: Pixels, saved: Save) -> None:
    photo = saved("cat.jpg", small)
    assert engine.prepare(photo, compact()).output_format == "jpeg"
    assert engine.prepare(photo, compact(), output=Path("x.TIFF")).output_format == "tiff"
    recipe = dataclasses.replace(compact(), output=Output(format="webp"))
    assert engine.prepare(photo, recipe, output=Path("x.png")).output_format == "webp"
    with pytest.raises(OutputError, match=r"cannot tell the output format from the ending '\.xyz'"):
        engine.prepare(photo, compact(), output=Path("x.xyz"))


def test_prepare_decodes_and_loads_nothing(engine: Engine, saved: Save, small: Pixels, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("nothing may be read, loaded or made yet")

    for module, name in ((device_engine, "read_into"), (networks, "load"), (device_engine, "new_canvas"), (networks, "runtime_on")):
        monkeypatch.setattr(module, name, refuse)
    assert engine.prepare(saved("cat.png", small), compact()).plan.result == Size(120, 96)


def test_refuses_a_result_that_the_format_cannot_hold_before_the_work(engine: Engine, saved: Save) -> None:
    photo = saved("long.png", np.zeros((1, 5000, 3), np.uint8))
    with pytest.raises(OutputError, match=r"the result is 20000x4 and webp holds at most 16383 pixels a side; use format with one of"):
        engine.prepare(photo, dataclasses.replace(compact(), output=Output(format="webp")))


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.zeros((4, 4, 3), bool),
        np.zeros((0, 4, 3), np.uint8),
        [[[1, 2, 3]]],
    ],
)
def test_refuses_pixels_that_are_no_photo(engine: Engine, pixels: Any) -> None:
    with pytest.raises(PhotoError):
        engine.prepare(Photo(pixels), compact())


def test_refuses_more_pixels_than_allowed(saved: Save, small: Pixels) -> None:
    photo = saved("cat.png", small)
    with Engine(Machine(max_pixels=719)) as narrow, pytest.raises(PhotoTooLarge, match="max_pixels"):
        narrow.prepare(photo, compact())
    with Engine(Machine(max_pixels=720)) as exact:
        exact.prepare(photo, compact())


def test_progress_rises_to_one(engine: Engine, small: Pixels) -> None:
    told: list[Progress] = []
    engine.enhance(Photo(small), compact(upscale=16), progress=told.append)
    fractions = [progress.fraction for progress in told]
    assert fractions == sorted(fractions)
    assert 0 < fractions[0] <= fractions[-1] == 1
    assert {progress.megapixels for progress in told} == {0.00072}


def test_cancelling_stops_at_once_and_the_engine_goes_on(engine: Engine, small: Pixels) -> None:
    with pytest.raises(Cancelled, match="nothing was written"):
        engine.enhance(Photo(small), compact(), cancelled=lambda: True)
    answers = iter([False])
    with pytest.raises(Cancelled):
        engine.enhance(Photo(small), compact(upscale=16), cancelled=lambda: next(answers, True))
    assert engine.enhance(Photo(small), compact(), cancelled=lambda: False).photo.size == Size(120, 96)


def test_cancelling_a_save_leaves_nothing(engine: Engine, small: Pixels, tmp_path: Path) -> None:
    result = engine.enhance(Photo(small), compact())
    with pytest.raises(Cancelled):
        result.save(tmp_path / "x.png", cancelled=lambda: True)
    assert list(tmp_path.iterdir()) == []


def test_canvases_on_disk_give_the_same_bytes(small: Pixels, saved: Save, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photo = saved("cat.png", small)
    recipe = compact(upscale=5)
    with Engine() as fresh:
        in_memory = fresh.enhance(photo, recipe)
    monkeypatch.setattr(planning, "CANVAS_SHARE", 0)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(canvas, "_kept_in_memory", lambda _folder: False)
    with Engine(Machine(scratch=str(scratch))) as other:
        on_disk = other.enhance(photo, recipe)
    assert in_memory.plan.disk_bytes == 0
    assert on_disk.plan.disk_bytes > 0
    assert isinstance(on_disk.photo.pixels, np.memmap)
    assert np.array_equal(on_disk.photo.pixels, in_memory.photo.pixels)
    assert list(scratch.iterdir()) == []


def test_refuses_a_scratch_folder_that_does_not_do(small: Pixels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "CANVAS_SHARE", 0)
    with Engine(Machine(scratch=str(tmp_path / "missing"))) as lost, pytest.raises(DiskError, match="does not exist"):
        lost.enhance(Photo(small), compact())
    if Path("/dev/shm").is_dir():
        with Engine(Machine(scratch="/dev/shm")) as in_memory, pytest.raises(DiskError, match="kept in memory"):
            in_memory.enhance(Photo(small), compact())


def test_refuses_scratch_beyond_the_disk(small: Pixels, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "CANVAS_SHARE", 0)
    monkeypatch.setattr(device_engine, "check_room", lambda folder, needed: canvas.check_room(folder, needed + 10**15))
    with Engine() as engine, pytest.raises(DiskError, match="of scratch disk"):
        engine.enhance(Photo(small), compact())


def test_refuses_to_start_when_less_is_free_than_projected(engine: Engine, small: Pixels, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_engine, "free_bytes", lambda: 120_000_000)
    monkeypatch.setattr(device_engine, "anonymous_bytes", lambda: 30_000_000)
    with pytest.raises(MemoryBudgetError, match=r"needs \d+ MB of memory, 150 MB are free now; .* max_memory 0\.1G"):
        engine.enhance(Photo(small), compact())


def test_refuses_a_budget_that_cannot_do(small: Pixels) -> None:
    with Engine(Machine(max_memory=100_000_000)) as engine, pytest.raises(MemoryBudgetError, match="allowed 100 MB"):
        engine.prepare(Photo(small), compact())


def test_refuses_bf16_on_a_processor_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "chosen_device", lambda *_, **__: dataclasses.replace(detect_cpu(), native_bf16=False))
    with pytest.raises(DeviceError, match="precision auto or f32"):
        Engine(Machine(precision="bf16"))
    with Engine() as engine:
        assert engine.prepare(Photo(np.zeros((4, 4, 3), np.uint8)), compact()).plan.precision == "f32"


def test_missing_weights_are_said(small: Pixels, monkeypatch: pytest.MonkeyPatch) -> None:
    with Engine() as engine:
        monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
        with pytest.raises(WeightsMissing, match="pip install"):
            engine.enhance(Photo(small), compact())


class Spoiled(Compiled):
    """Answers plus `error`, on windows wider than `from_width`."""

    error: float
    from_width: int

    def run(self, inputs: list[Any], tick: Tick) -> Any:
        answer = super().run(inputs, tick)
        return answer + np.float32(self.error) if inputs[0].shape[1] >= self.from_width else answer


def broken(precisions: tuple[Precision, ...], error: float, from_width: int) -> type[OpenVINO]:
    """A runtime that computes in f32 whatever is asked for, and is off in these precisions."""

    class Broken(OpenVINO):
        def __init__(self, precision: Precision) -> None:
            super().__init__("f32")
            self.is_off = precision in precisions

        def compile(self, segments: tuple[Segment, ...], weights: NamedWeights) -> Compiled:
            compiled = super().compile(segments, weights)
            if self.is_off:
                compiled.__class__ = Spoiled
                compiled.error, compiled.from_width = error, from_width  # type: ignore[attr-defined]
            return compiled

    return Broken


@pytest.fixture
def pretending(monkeypatch: pytest.MonkeyPatch) -> Callable[[type[OpenVINO]], None]:
    """A function that puts this runtime in the place of the real one, on a processor said to have bf16."""

    def pretend(runtime: type[OpenVINO]) -> None:
        monkeypatch.setattr(networks, "runtime_on", lambda _device, precision: runtime(precision))
        monkeypatch.setattr(engine_module, "chosen_device", lambda *_, **__: dataclasses.replace(detect_cpu(), native_bf16=True))

    return pretend


# The trial's picture is 16 pixels wide: an error on wider windows is one that only the photo meets.
TRIAL_AND_PHOTO, PHOTO_ONLY = 1, 17


@pytest.mark.parametrize(
    ("error", "from_width", "reason"),
    [
        (0.1, TRIAL_AND_PHOTO, "is 20 dB from the reference on this device"),
        (float("nan"), TRIAL_AND_PHOTO, "answered NaN or infinity"),
        (float("nan"), PHOTO_ONLY, "answered NaN or infinity"),
        (float("inf"), PHOTO_ONLY, "answered NaN or infinity"),
    ],
)
def test_bf16_that_misbehaves_is_done_again_in_f32_with_a_warning(
    error: float, from_width: int, reason: str, small: Pixels, pretending: Callable[[type[OpenVINO]], None]
) -> None:
    expected = enhance(Photo(small), compact(), machine=Machine(precision="f32"))
    pretending(broken(("bf16",), error, from_width))
    with Engine() as engine:
        prepared = engine.prepare(Photo(small), compact())
        assert prepared.plan.precision == "bf16"
        result = engine.run(prepared)
    assert result.plan.precision == "f32"
    (warning,) = result.warnings
    assert reason in warning
    assert warning.endswith("; the photo was done again in f32")
    assert json.loads(result.report())["warnings"] == [warning]
    assert np.array_equal(result.photo.pixels, expected.photo.pixels)


def test_f32_that_misbehaves_is_an_error(small: Pixels, pretending: Callable[[type[OpenVINO]], None]) -> None:
    pretending(broken(("f32", "bf16"), float("nan"), PHOTO_ONLY))
    with Engine() as engine, pytest.raises(NotFinite):
        engine.enhance(Photo(small), compact())
    pretending(broken(("f32", "bf16"), 0.1, TRIAL_AND_PHOTO))
    with Engine() as engine, pytest.raises(PrecisionRefused):
        engine.enhance(Photo(small), compact())


def test_engine_can_be_used_again_after_close(small: Pixels) -> None:
    engine = Engine()
    first = engine.enhance(Photo(small), compact()).photo.pixels
    engine.close()
    assert np.array_equal(engine.enhance(Photo(small), compact()).photo.pixels, first)
    engine.close()


MEASURE = """
import json, sys
from img_enhance.machine.memory import Peak
with Peak(seconds=0.002) as peak:
    from img_enhance.engine import Engine
    from img_enhance.request.options import Machine
    from img_enhance.request.step_options import RealESRGAN
    from img_enhance.request.recipe import Recipe
    photo, output, model, precision, max_memory = sys.argv[1:]
    with Engine(Machine(precision=precision, max_memory=int(max_memory) or None)) as engine:
        result = engine.enhance(photo, Recipe(steps=(RealESRGAN(model=model),)))
        result.save(output)
plan = result.plan
(network,) = plan.passes
print(json.dumps({"measured": peak.bytes, "projected": plan.projected_bytes, "stages": len(network.stages),
                  "areas": network.area_rows * network.area_columns, "side": network.stages[-1].side}))
"""


def measured(tmp_path: Path, size: tuple[int, int], model: str, precision: Precision, max_memory: int) -> dict[str, int]:
    """What a process of its own took for a photo, from its first import to the file written."""
    photo = tmp_path / "photo.png"
    with Image.open(SAMPLE) as whole:
        whole.resize(size).save(photo)
    arguments = [str(photo), str(tmp_path / "result.png"), model, precision, str(max_memory)]
    told = subprocess.run([sys.executable, "-c", MEASURE, *arguments], capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr
    numbers: dict[str, int] = json.loads(told.stdout)
    print(f"{model} {size[0]}x{size[1]} {precision}:", *(f"{name} {value:,}" for name, value in numbers.items()))
    return numbers


def test_measured_memory_is_below_projected_for_the_compact_network(tmp_path: Path, precision: Precision) -> None:
    numbers = measured(tmp_path, (400, 300), COMPACT, precision, 0)
    assert numbers["measured"] <= numbers["projected"]


def test_measured_memory_is_below_projected_for_a_whole_network(tmp_path: Path, precision: Precision) -> None:
    numbers = measured(tmp_path, (200, 150), ANIME, precision, 0)
    assert numbers["stages"] == 1
    assert numbers["measured"] <= numbers["projected"]


def test_measured_memory_is_below_projected_for_stages_in_windows(tmp_path: Path, precision: Precision) -> None:
    numbers = measured(tmp_path, (400, 300), ANIME, precision, 500_000_000)
    assert numbers["stages"] > 1
    assert numbers["measured"] <= numbers["projected"] <= 500_000_000


def test_measured_memory_is_below_projected_for_several_areas(tmp_path: Path, cpu: Device) -> None:
    precision: Precision = "bf16" if cpu.native_bf16 else "f32"
    size = Size(700, 240)
    allowed = 0
    for budget in range(200_000_000, 800_000_000, 4_000_000):
        with contextlib.suppress(MemoryBudgetError):
            passes = (NetworkPass(BUILT_IN.named(ANIME)),)
            plan = make_plan(PlanRequest(Header("png", size), passes, "png"), precision=precision, device=cpu, allowed=budget)
            (network,) = plan.passes
            assert isinstance(network, NetworkPlan)
            if network.area_columns > 1:
                allowed = budget
    numbers = measured(tmp_path, (size.width, size.height), ANIME, precision, allowed)
    assert numbers["areas"] > 1
    assert numbers["measured"] <= numbers["projected"] <= allowed
