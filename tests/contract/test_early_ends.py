"""A run that ends early leaves nothing behind: on every runtime, and in the engine, the next photo comes out as if it were the first."""

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
import pytest

from conftest import RUNTIMES
from img_enhance.engine import Engine
from img_enhance.errors import Cancelled, IntegrityError, MemoryBudgetError
from img_enhance.models.networks.segment import Precision
from img_enhance.passes.sweep import Network
from img_enhance.photo import Photo
from img_enhance.planning.plan import RuntimeName
from img_enhance.request.options import Machine
from img_enhance.request.recipe import Recipe
from img_enhance.request.step_options import ExposureCorrection, RealESRGAN
from img_enhance.runtimes.openvino import OpenVINO
from img_enhance.runtimes.runtime import Array, Compiled

Picture = npt.NDArray[np.float32]
NetworksOf = Callable[[str, Precision, RuntimeName], Network]

COMPACT, ANIME = "realesr-animevideov3", "realesrgan-x4plus-anime"

SMALL, OTHER = (20, 24), (33, 17)
# 0.2 TFLOP: half a second on a fast machine, so that the runtime must ask while it works. In software Vulkan does a hundredth of that.
LARGE, LARGE_FOR_VULKAN = (400, 400), (40, 40)
# Its features take 370 MB in f32 and 185 MB in bf16.
HUGE, HUGE_FOR_VULKAN, SPARE_BYTES = (1200, 1200), (400, 400), 100_000_000


class Stop(Exception):
    """What a tick raises."""


def nothing() -> None:
    """A tick that never stops."""


def noise(size: tuple[int, int], seed: int) -> Picture:
    return np.random.RandomState(seed).rand(*size, 3).astype(np.float32)


def is_of_vulkan(compiled: Compiled) -> bool:
    return type(compiled).__module__.endswith(".vulkan")


def ask(compiled: Compiled, tick: Callable[[], None]) -> None:
    compiled.run([noise(LARGE_FOR_VULKAN if is_of_vulkan(compiled) else LARGE, 1)], tick)


def stopped_at(number: int) -> Callable[[Compiled], None]:
    """A run whose tick raises when it is called for the time with this number."""

    def end(compiled: Compiled) -> None:
        calls = iter(range(number))

        def tick() -> None:
            if next(calls) == number - 1:
                raise Stop

        ask(compiled, tick)

    return end


def interrupted(compiled: Compiled) -> None:
    """A run during which Ctrl-C is pressed, in a program that has not asked for anything else than KeyboardInterrupt."""
    with _pressing_after(0.02):
        ask(compiled, nothing)


@contextlib.contextmanager
def _pressing_after(seconds: float) -> Iterator[None]:
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def refused_memory(compiled: Compiled) -> None:
    """A run for which the system has no memory."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_AS)
    now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + SPARE_BYTES, before[1]))
    try:
        compiled.run([noise(HUGE_FOR_VULKAN if is_of_vulkan(compiled) else HUGE, 1)], nothing)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


POSIX = pytest.mark.skipif(os.name != "posix", reason="needs POSIX timers")
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="needs limits of memory that are kept")
WAYS = [
    pytest.param(stopped_at(1), Stop, id="at the first tick"),
    pytest.param(stopped_at(3), Stop, id="at the third tick"),
    pytest.param(interrupted, KeyboardInterrupt, id="Ctrl-C", marks=POSIX),
    pytest.param(refused_memory, (MemoryBudgetError, RuntimeError, MemoryError), id="memory refused", marks=LINUX),
]


def test_every_runtime_is_tried() -> None:
    assert [getattr(name, "values", (name,))[0] for name in RUNTIMES] == list(get_args(RuntimeName))


@pytest.mark.parametrize(("end", "error"), WAYS)
def test_a_run_after_one_that_ended_early_answers_as_the_first_did(
    end: Callable[[Compiled], None],
    error: type[BaseException] | tuple[type[BaseException], ...],
    precision: Precision,
    runtime_name: RuntimeName,
    networks: NetworksOf,
) -> None:
    network = networks(COMPACT, precision, runtime_name)
    compiled, fresh = (network.runtime.compile(network.segments, network.weights) for _ in range(2))

    def answer(of: Compiled, size: tuple[int, int]) -> Picture:
        return network.runtime.picture(of.run([noise(size, 2)], nothing)).copy()

    before = answer(compiled, SMALL)
    for size in (SMALL, OTHER):
        # The error is kept, as a caller that reports it would: with it lives all that the run held.
        with pytest.raises(error) as kept:
            end(compiled)
        found = answer(compiled, size)
        assert kept.value is not None
        assert np.array_equal(found, answer(fresh, size))
    assert np.array_equal(answer(compiled, SMALL), before)


@pytest.mark.parametrize(("model", "side"), [(COMPACT, 400), (ANIME, 200)])
def test_the_photo_after_a_cancelled_one_is_its_own(model: str, side: int, precision: Precision) -> None:
    red = Photo(np.full((24, 24, 3), (200, 40, 90), np.uint8))
    other = Photo(np.random.RandomState(3).randint(0, 256, (side, side, 3)).astype(np.uint8))
    recipe = Recipe(steps=(ExposureCorrection(ev=0.5), RealESRGAN(model=model)))
    with Engine(Machine(precision=precision)) as engine:
        right = engine.enhance(red, recipe).photo.pixels
        for patience in (1, 4, 9):
            calls = iter(range(10**9))
            with pytest.raises(Cancelled) as kept:
                engine.enhance(other, recipe, cancelled=lambda calls=calls, most=patience: next(calls) >= most)  # type: ignore[misc]
            assert np.array_equal(engine.enhance(red, recipe).photo.pixels, right)
            assert kept.value is not None


class OfAnotherWindow(OpenVINO):
    """A runtime whose answers are those to a window twice as high, as OpenVINO's were."""

    def compile(self, *arguments: Any) -> Any:
        compiled = super().compile(*arguments)
        run = compiled.run
        compiled.run = lambda inputs, tick: run([np.concatenate([window, window]) for window in inputs], tick)  # type: ignore[method-assign]
        return compiled


@pytest.mark.parametrize("side", [16, 300])
def test_an_answer_of_another_size_is_never_cut_to_fit(side: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("img_enhance.engine.networks.runtime_on", lambda _device, precision: OfAnotherWindow(precision))
    if side > 16:  # past the probe, in the sweep
        monkeypatch.setattr("img_enhance.engine.networks.probe", lambda *_: None)
    photo = Photo(np.zeros((side, side, 3), np.uint8))
    with Engine(Machine(precision="f32")) as engine:
        with pytest.raises(IntegrityError, match=r"answered \(\d+, \d+, 3\) where \(\d+, \d+, 3\) was asked for") as failure:
            engine.enhance(photo, Recipe(steps=(RealESRGAN(model=COMPACT),)))
        assert engine.loaded == ()
    assert (failure.value.code, failure.value.http_status, failure.value.exit_code) == ("integrity", 500, 4)


@pytest.mark.parametrize("model", [COMPACT, ANIME])
def test_nothing_that_lay_in_memory_before_shows(model: str, cat: npt.NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch) -> None:
    rgba = Photo(np.array(cat), alpha=np.ascontiguousarray(cat[:, :, 0]))
    recipe = Recipe(steps=(ExposureCorrection(ev=0.5), RealESRGAN(model=model, upscale=3)))

    def filled(with_value: int) -> Photo:
        empty = np.empty

        def allocate(shape: Any, dtype: Any = float, **options: Any) -> Array:
            array = empty(shape, dtype, **options)
            if not array.dtype.hasobject:
                array.view(np.uint8)[...] = with_value
            return array

        with monkeypatch.context() as patch, Engine(Machine(precision="f32")) as engine:
            patch.setattr(np, "empty", allocate)
            return engine.enhance(rgba, recipe).photo

    first, second = filled(0), filled(255)
    assert np.array_equal(first.pixels, second.pixels)
    assert first.alpha is not None
    assert second.alpha is not None
    assert np.array_equal(first.alpha, second.alpha)
