"""Files of EDSR that names and shapes do not tell apart: the network is the one that was trained (`make_edsr_ways.py`)."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from edsr_ways_golden import BLOCKS, FEATURES, GOLDEN, MEAN, SCALE, WAYS, picture_of, stated
from golden_answers import check_golden

from img_enhance.models.networks.edsr import EDSR
from img_enhance.models.recognition import title_of
from img_enhance.models.weights.own_file import OwnFile, files_of, read_own
from img_enhance.models.weights.safetensors import write_safetensors
from img_enhance.runtimes.openvino import OpenVINO
from img_enhance.runtimes.reference import run_reference

RELATIVE = 1e-5

Weights = dict[str, Any]

# What BasicSR calls the layers of one block.
BASICSR = {
    "head.0": "conv_first",
    "body.0.body.0": "body.0.conv1",
    "body.0.body.2": "body.0.conv2",
    "body.1": "conv_after_body",
    "tail.0.0": "upsample.0",
    "tail.1": "conv_last",
}

each_way = pytest.mark.parametrize("way", WAYS)


def trained(way: str) -> Weights:
    with np.load(GOLDEN, allow_pickle=False) as file:
        return {name.removeprefix(f"{way}/"): file[name].astype(np.float32) for name in file.files if name.startswith(f"{way}/")}


def read(folder: Path, weights: Weights) -> OwnFile:
    write_safetensors(folder / "x.safetensors", weights)
    return read_own(files_of(folder / "x.safetensors"))


def network_of(way: str) -> EDSR:
    values = WAYS[way]
    plain = EDSR(BLOCKS, SCALE, FEATURES)
    return plain if values is None else dataclasses.replace(plain, mean=MEAN, values=values)


@each_way
@pytest.mark.parametrize("prefix", ["", "model."])
def test_the_network_is_the_one_that_was_trained(way: str, prefix: str, tmp_path: Path) -> None:
    # super-image states values up to 255, and takes no mean out.
    found = read(tmp_path, {prefix + name: values for name, values in (trained(way) | stated(WAYS[way] or 255)).items()})
    assert found.architecture == network_of(way)
    assert list(found.weights) == list(network_of(way).shapes)
    check_golden(run_reference(found.architecture.segments, found.weights, picture_of()), GOLDEN, way, relative=RELATIVE)


@each_way
def test_openvino_answers_as_the_network_that_was_trained(way: str) -> None:
    network = OpenVINO("f32").compile(network_of(way).segments, trained(way))
    check_golden(np.asarray(network.run([picture_of()], lambda: None)), GOLDEN, way, relative=RELATIVE)


@pytest.mark.parametrize("way", ["edsr-pytorch", "super-image"])
def test_the_way_is_found_where_no_mean_colour_is_stated(way: str, tmp_path: Path) -> None:
    assert read(tmp_path, trained(way)).architecture == network_of(way)


def test_values_up_to_1_are_believed_where_they_are_stated(tmp_path: Path) -> None:
    # Whatever greys say: super-image states no such values.
    found = read(tmp_path, trained("super-image") | stated(1))
    assert found.architecture == network_of("edsr-pytorch of range 1")


@pytest.mark.parametrize("way", ["edsr-pytorch", "super-image"])
def test_basicsrs_names_are_known(way: str, tmp_path: Path) -> None:
    weights = {f"{BASICSR[layer]}.{kind}": v for name, v in trained(way).items() for layer, kind in [name.rsplit(".", 1)]}
    found = read(tmp_path, {f"params.{name}": values for name, values in weights.items()})
    assert found.architecture == network_of(way)
    check_golden(run_reference(found.architecture.segments, found.weights, picture_of()), GOLDEN, way, relative=RELATIVE)


NO_MEAN: dict[str, Weights] = {
    "another shape": {"sub_mean.weight": np.ones((3, 1), np.float32), "sub_mean.bias": np.ones(1, np.float32)},
    "half of it": {"sub_mean.bias": np.ones(3, np.float32)},
    "zeros": {"sub_mean.weight": np.zeros((3, 3, 1, 1), np.float32), "sub_mean.bias": np.zeros(3, np.float32)},
    "no numbers": {name: values * np.float32(np.nan) for name, values in stated(255).items()},
    "beyond white": stated(1000),
    "the wrong sign": stated(-255),
}


@pytest.mark.parametrize("name", NO_MEAN)
def test_a_mean_colour_that_is_none_is_taken_for_the_usual(name: str, tmp_path: Path) -> None:
    assert read(tmp_path, trained("edsr-pytorch") | NO_MEAN[name]).architecture == network_of("edsr-pytorch")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_give_no_numbers_leave_values_as_they_are(value: float, tmp_path: Path) -> None:
    weights = {name: np.full_like(values, value) for name, values in trained("edsr-pytorch").items()}
    assert read(tmp_path, weights).architecture == network_of("super-image")


def test_the_way_is_said() -> None:
    assert title_of(network_of("edsr-pytorch")) == "EDSR (blocks 1, scale 2, features 8, mean 0.4488 0.4371 0.404, values 255)"
    assert title_of(network_of("super-image")) == "EDSR (blocks 1, scale 2, features 8, mean none, values 1)"
