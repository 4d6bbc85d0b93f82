"""Attention is what its definition says, place by place, and every runtime that has it computes the same."""

from typing import Any, get_args

import numpy as np
import numpy.typing as npt
import pytest

from conftest import TORCH, device_with
from img_enhance.errors import DeviceError
from img_enhance.models.networks.ops import Curve
from img_enhance.models.networks.segment import Segment
from img_enhance.planning.plan import RuntimeName
from img_enhance.runtimes import runtime_on
from img_enhance.runtimes.ncnn_ops import GraphOps
from img_enhance.runtimes.reference import NumpyOps

Array = npt.NDArray[np.float32]

# Sums in another order.
RELATIVE = 1e-5

CHANNELS, HEADS = 12, 2

# Rows and columns of the picture; window; shift; multiple. Pictures smaller than a window, and longer than a multiple, are among them.
CASES: dict[str, tuple[tuple[int, int], tuple[int, int], tuple[int, int], int]] = {
    "whole windows": ((8, 8), (4, 4), (0, 0), 4),
    "cut by the edge": ((7, 9), (4, 2), (0, 0), 4),
    "shifted": ((8, 8), (4, 2), (2, 1), 4),
    "shifted and made longer": ((9, 5), (2, 8), (1, 4), 8),
    "shifted by less than half": ((6, 7), (4, 4), (1, 3), 4),
    "smaller than a window": ((1, 3), (8, 4), (4, 2), 8),
    "one place a window": ((3, 2), (1, 1), (0, 0), 1),
}

each_runtime = pytest.mark.parametrize("runtime", ["openvino", pytest.param("torch", marks=TORCH)])


def maps(size: tuple[int, int]) -> list[Array]:
    """Queries, keys and values."""
    return list(np.random.RandomState(1).standard_normal((3, CHANNELS, *size)).astype(np.float32))


def bias_of(window: tuple[int, int]) -> Array:
    places = window[0] * window[1]
    return np.random.RandomState(2).standard_normal((HEADS, places, places)).astype(np.float32)


def softmax(x: Array) -> Array:
    return np.asarray(np.exp(x) / np.exp(x).sum(), np.float32)


def attended_by_definition(case: str) -> Array:
    """Each place by itself: whoever lies in the same window is looked at, zeros beyond the picture as well."""
    (height, width), (h, w), (down, right), multiple = CASES[case]
    longer = (-(-height // multiple) * multiple, -(-width // multiple) * multiple)
    q, k, v = (np.pad(x, ((0, 0), (0, longer[0] - height), (0, longer[1] - width))) for x in maps((height, width)))
    bias, each = bias_of((h, w)), CHANNELS // HEADS
    answer = np.empty((CHANNELS, height, width), np.float32)
    places = [(y, x) for y in range(longer[0]) for x in range(longer[1])]

    def window_of(place: tuple[int, int]) -> tuple[int, int]:
        return (place[0] - down) // h, (place[1] - right) // w

    def number_of(place: tuple[int, int]) -> int:
        """Where in its window it lies."""
        return (place[0] - down) % h * w + (place[1] - right) % w

    for y in range(height):
        for x in range(width):
            seen = [place for place in places if window_of(place) == window_of((y, x))]
            rows, columns, numbers = [p[0] for p in seen], [p[1] for p in seen], [number_of(p) for p in seen]
            for head in range(HEADS):
                own = slice(head * each, (head + 1) * each)
                weights = softmax(q[own, y, x] @ k[own, rows, columns] + bias[head, number_of((y, x)), numbers])
                answer[own, y, x] = v[own, rows, columns] @ weights
    return answer


def places_attended(ops: Any, case: str, q: Any, k: Any, v: Any) -> Any:
    _, window, shift, multiple = CASES[case]
    return ops.window_attention(q, k, v, bias_of(window), window=window, shift=shift, multiple=multiple)


def check(found: Array, expected: Array) -> None:
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= RELATIVE * np.abs(expected).max()


def answer_of(runtime: RuntimeName, function: Any, x: Array) -> Array:
    """A runtime's answer to (C, H, W) features, as one."""
    segment = Segment("one", lambda ops, _, x: function(ops, x), ("features",), reach=0, channels_out=0, features_in=len(x))
    chosen = runtime_on(device_with(runtime), "f32")
    found = chosen.compile((segment,), {}).run([np.ascontiguousarray(x.transpose(1, 2, 0))], lambda: None)
    return np.asarray(chosen.picture(found)).transpose(2, 0, 1)


@pytest.mark.parametrize("case", CASES)
def test_places_attend_to_those_of_their_window(case: str) -> None:
    check(places_attended(NumpyOps(), case, *maps(CASES[case][0])), attended_by_definition(case))


@pytest.mark.parametrize("case", CASES)
@each_runtime
def test_places_attend_alike_on_every_runtime(runtime: RuntimeName, case: str) -> None:
    def function(ops: Any, x: Any) -> Any:
        return places_attended(ops, case, *(ops.channels(x, first, first + CHANNELS) for first in range(0, 3 * CHANNELS, CHANNELS)))

    check(answer_of(runtime, function, np.concatenate(maps(CASES[case][0]))), attended_by_definition(case))


TEMPERATURES = np.array([0.5, 3], np.float32).reshape(HEADS, 1, 1)


def channels_attended_by_definition(q: Array, k: Array, v: Array) -> Array:
    each, answer = CHANNELS // HEADS, np.empty_like(v)
    for channel in range(CHANNELS):
        head = channel // each
        seen = range(head * each, (head + 1) * each)
        lengths = [np.linalg.norm(q[channel]) * np.linalg.norm(k[other]) for other in seen]
        cosines = np.array([(q[channel] * k[other]).sum() for other in seen]) / lengths
        weights = softmax(np.asarray(cosines * TEMPERATURES[head, 0, 0], np.float32))
        answer[channel] = sum(weight * v[other] for weight, other in zip(weights, seen, strict=True))
    return answer


def test_channels_attend_to_those_of_their_head() -> None:
    given = maps((5, 7))
    queries, keys, values = given
    check(NumpyOps().channel_attention(queries, keys, values, TEMPERATURES), channels_attended_by_definition(*given))


@each_runtime
def test_channels_attend_alike_on_every_runtime(runtime: RuntimeName) -> None:
    def function(ops: Any, x: Any) -> Any:
        return ops.channel_attention(
            *(ops.channels(x, first, first + CHANNELS) for first in range(0, 3 * CHANNELS, CHANNELS)), TEMPERATURES
        )

    given = maps((5, 7))
    check(answer_of(runtime, function, np.concatenate(given)), channels_attended_by_definition(*given))


@each_runtime
def test_a_channel_of_zeros_attends_to_all_alike(runtime: RuntimeName) -> None:
    def function(ops: Any, x: Any) -> Any:
        return ops.channel_attention(x, x, x, TEMPERATURES)

    found = answer_of(runtime, function, np.zeros((CHANNELS, 3, 4), np.float32))
    assert not found.any()


W3 = np.random.RandomState(3).standard_normal((CHANNELS, 1, 3, 3)).astype(np.float32)
B3 = np.random.RandomState(4).standard_normal(CHANNELS).astype(np.float32)

OTHERS: dict[str, Any] = {
    "depthwise": lambda ops, x: ops.depthwise(x, W3, B3),
    "mean": lambda ops, x: ops.add(ops.mean(x), x),
} | {f"curve {kind}": lambda ops, x, kind=kind: ops.curve(x, kind) for kind in get_args(Curve)}


@pytest.mark.parametrize("name", OTHERS)
@each_runtime
def test_what_goes_with_attention_is_alike_on_every_runtime(runtime: RuntimeName, name: str) -> None:
    x = 3 * maps((5, 7))[0]
    check(answer_of(runtime, OTHERS[name], x), OTHERS[name](NumpyOps(), x))


def test_a_convolution_of_each_channel_is_one_that_mixes_none() -> None:
    x, whole = maps((4, 6))[0], np.zeros((CHANNELS, CHANNELS, 3, 3), np.float32)
    for channel in range(CHANNELS):
        whole[channel, channel] = W3[channel, 0]
    check(NumpyOps().depthwise(x, W3, B3), NumpyOps().conv(x, whole, B3))


def test_gelu_has_the_published_values() -> None:
    # x times the normal distribution's share below x.
    x = np.array([-2, -1, 0, 0.5, 1, 3], np.float32)
    assert np.allclose(NumpyOps().curve(x, "gelu"), [-0.0455003, -0.1586553, 0, 0.3457312, 0.8413447, 2.9959503], atol=1e-6)


def test_vulkan_says_that_it_has_no_attention() -> None:
    graph = GraphOps()
    given = [graph.input() for _ in range(3)]
    with pytest.raises(DeviceError, match="use the operation 'window_attention' cannot run on Vulkan yet"):
        places_attended(graph, "shifted", *given)
