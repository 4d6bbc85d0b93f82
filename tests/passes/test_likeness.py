"""An answer that looks like no answer to its window is asked for again, and only what is said twice is used."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from test_sweep import as_picture, plan_of, swept

from img_enhance.cancelling import Tick
from img_enhance.errors import IntegrityError
from img_enhance.models.networks.segment import NamedWeights, Precision, Segment
from img_enhance.models.table import BUILT_IN
from img_enhance.passes.likeness import resembles
from img_enhance.passes.sweep import MOST_DOUBTS, Network
from img_enhance.runtimes.openvino import Compiled, OpenVINO

Pixels = npt.NDArray[np.uint8]
Picture = npt.NDArray[np.float32]
NetworkOf = Callable[[str, Precision], Network]

COMPACT, ANIME = "realesr-animevideov3", "realesrgan-x4plus-anime"


@pytest.fixture
def answer(network: NetworkOf) -> Callable[[Picture], Picture]:
    """The compact network's answer to a picture."""
    net = network(COMPACT, "f32")

    def answered(picture: Picture) -> Picture:
        return np.array(net.whole().run([picture], lambda: None))

    return answered


def test_what_is_bright_and_smooth_has_no_contrast_to_be_forgiven() -> None:
    window = np.full((32, 32, 3), 0.7, np.float32)
    window[::2] += 0.01
    for change in (-0.12, 0.12):
        assert not resembles(np.repeat(np.repeat(window + np.float32(change), 2, 0), 2, 1), window)
    assert resembles(np.repeat(np.repeat(window + np.float32(0.05), 2, 0), 2, 1), window)


def test_right_answers_resemble_their_windows(answer: Callable[[Picture], Picture], cat: Pixels) -> None:
    picture = as_picture(cat)
    for window in (picture, picture[:3, :5], picture[:1, :1], picture[20:, 9:41], np.zeros_like(picture), np.ones_like(picture)):
        assert resembles(answer(window), np.ascontiguousarray(window))


def test_wrong_answers_do_not(answer: Callable[[Picture], Picture], cat: Pixels) -> None:
    picture = as_picture(cat)
    right = answer(picture)
    other = answer(np.ascontiguousarray(picture[::-1, ::-1]))
    assert not resembles(other, picture)
    assert not resembles(np.zeros_like(right), picture)
    assert not resembles(np.full_like(right, picture.mean()), picture)
    stale = right.copy()
    stale[len(stale) // 2 :] = other[len(stale) // 2 :]
    assert not resembles(stale, picture)


def test_a_window_of_one_colour_may_have_an_answer_of_one_colour() -> None:
    assert resembles(np.zeros((16, 16, 3), np.float32), np.full((4, 4, 3), 1 / 255, np.float32))


class Black(Compiled):
    """Answers black, the first so many times."""

    times: int

    def run(self, inputs: list[Any], tick: Tick) -> Any:
        answer = super().run(inputs, tick)
        self.times -= 1
        return np.zeros_like(answer) if self.times >= 0 else answer


class BlackRuntime(OpenVINO):
    """A runtime whose first network answers black, the first so many times; `compiled` counts all."""

    def __init__(self, times: int) -> None:
        super().__init__("f32")
        self.times, self.compiled = times, 0

    def compile(self, segments: tuple[Segment, ...], weights: NamedWeights) -> Compiled:
        compiled = super().compile(segments, weights)
        compiled.__class__ = Black
        compiled.times = self.times if not self.compiled else 0  # type: ignore[attr-defined]
        self.compiled += 1
        return compiled


def run_on(runtime: OpenVINO, network: Network, picture: Picture, name: str = COMPACT) -> Picture:
    model = BUILT_IN.named(name)
    starts = (0,) if len(model.segments) == 1 else (0, len(model.segments) - 1)
    return swept(Network(network.segments, network.weights, runtime), picture, plan_of(model, picture, "f32", starts=starts, side=32))


def test_an_answer_that_is_not_said_twice_fails_the_photo(network: NetworkOf, cat: Pixels) -> None:
    with pytest.raises(IntegrityError, match="answered twice the same question in two ways"):
        run_on(BlackRuntime(times=1), network(COMPACT, "f32"), as_picture(cat))


def test_a_photo_that_looks_like_none_keeps_its_bits_and_is_not_asked_about_for_ever(network: NetworkOf) -> None:
    noise = np.random.RandomState(1).randint(0, 2, (110, 110, 1)).repeat(3, axis=2).astype(np.float32)
    runtime = BlackRuntime(times=0)
    net = network(ANIME, "f32")
    found = run_on(runtime, net, noise, ANIME)
    assert runtime.compiled == 2 + MOST_DOUBTS, "the noise raises an alarm in every window"
    runtime.needs_second_opinions = False
    np.testing.assert_array_equal(found, run_on(runtime, net, noise, ANIME))


def test_nobody_is_asked_about_a_photo(network: NetworkOf, cat: Pixels) -> None:
    runtime = BlackRuntime(times=0)
    run_on(runtime, network(COMPACT, "f32"), as_picture(cat))
    assert runtime.compiled == 1
