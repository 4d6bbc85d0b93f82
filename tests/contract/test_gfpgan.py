"""GFPGAN's network, small: what it reads, what steers it, and that the runtime computes what the reference does."""

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt
import pytest
from test_runtime import check_close

from conftest import TORCH
from img_enhance.models.networks.gfpgan import GFPGANClean
from img_enhance.models.networks.ops import Weights
from img_enhance.models.networks.segment import Precision
from img_enhance.passes.probe import psnr
from img_enhance.runtimes.openvino import OpenVINO
from img_enhance.runtimes.reference import run_reference

Array = npt.NDArray[np.float32]

# 128 is the first side at which the width is halved.
SMALL = GFPGANClean(side=128, channels=32, style=24)
# bf16 through 25 layers of random weights (measured at full size: 43 dB of the root mean square); broken arithmetic is below 20 dB.
BF16_DECIBELS = 30.0


class Watched(Mapping[str, Weights]):
    """Weights that remember which of them were read."""

    def __init__(self, weights: Mapping[str, Weights]) -> None:
        self.weights = weights
        self.read: set[str] = set()

    def __getitem__(self, name: str) -> Weights:
        self.read.add(name)
        return self.weights[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.weights)

    def __len__(self) -> int:
        return len(self.weights)


@pytest.fixture(scope="module")
def weights() -> dict[str, Array]:
    draw = np.random.RandomState(3)
    made = {}
    for name, shape in SMALL.shapes.items():
        summed = int(np.prod(shape[-3:])) if len(shape) > 2 else shape[-1]
        made[name] = (draw.standard_normal(shape) / np.sqrt(summed)).astype(np.float32)
        if name.endswith("modulation.bias") or shape == (1,):
            made[name] = (0.5 + draw.random_sample(shape)).astype(np.float32)
    return made


@pytest.fixture(scope="module")
def face() -> Array:
    return np.random.RandomState(4).uniform(-1, 1, (128, 128, 3)).astype(np.float32)


def test_small_network_equals_the_reference(precision: Precision, weights: dict[str, Array], face: Array) -> None:
    found = OpenVINO(precision).compile(SMALL.segments, weights).run([face], lambda: None)
    expected = run_reference(SMALL.segments, weights, face)
    assert expected.shape == (128, 128, 3)
    if precision == "f32":
        check_close(found, expected, precision)
    else:
        assert psnr(found / expected.std(), expected / expected.std()) >= BF16_DECIBELS


@TORCH[0]
@TORCH[1]
def test_small_network_on_pytorch_equals_the_reference(weights: dict[str, Array], face: Array) -> None:
    from img_enhance.runtimes.torch import Torch

    runtime = Torch("f32")
    found = runtime.picture(runtime.compile(SMALL.segments, weights).run([face], lambda: None))
    check_close(found, run_reference(SMALL.segments, weights, face), "f32")


def test_every_published_weight_is_read_but_those_of_training(weights: dict[str, Array], face: Array) -> None:
    watched = Watched(weights)
    run_reference(SMALL.segments, watched, face)
    unread = set(weights) - watched.read
    assert {name.removeprefix("stylegan_decoder.").split(".")[0] for name in unread} == {"toRGB", "style_mlp"}


def test_network_of_published_size_has_the_published_names() -> None:
    shapes = GFPGANClean().shapes
    # Counted in the published code: 285 tensors, 87,143,276 values with 699,024 of noise.
    assert len(shapes) == 285
    assert sum(int(np.prod(shape)) for shape in shapes.values()) == 87_143_276
    assert shapes["conv_body_first.weight"] == (32, 3, 1, 1)
    assert shapes["conv_body_down.6.conv2.weight"] == (256, 256, 3, 3)
    assert shapes["conv_body_up.6.skip.weight"] == (32, 64, 1, 1)
    assert shapes["final_linear.weight"] == (8192, 4096)
    assert shapes["stylegan_decoder.style_convs.12.modulated_conv.weight"] == (1, 64, 128, 3, 3)
    assert shapes["stylegan_decoder.to_rgbs.6.modulated_conv.weight"] == (1, 3, 64, 1, 1)
    assert shapes["stylegan_decoder.noises.noise14"] == (1, 1, 512, 512)
    assert shapes["condition_shift.6.2.bias"] == (32,)


def test_same_face_gives_the_same_bytes(weights: dict[str, Array], face: Array) -> None:
    first = OpenVINO("f32").compile(SMALL.segments, weights).run([face], lambda: None).copy()
    again = OpenVINO("f32").compile(SMALL.segments, weights).run([face], lambda: None)
    assert np.array_equal(first, again)


def test_stored_noise_is_in_the_picture(weights: dict[str, Array], face: Array) -> None:
    quiet = {name: np.zeros_like(values) if "noises" in name else values for name, values in weights.items()}
    loud = run_reference(SMALL.segments, weights, face)
    assert np.abs(run_reference(SMALL.segments, quiet, face) - loud).mean() > 0.01 * loud.std()
