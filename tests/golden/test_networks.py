"""Networks that people bring files of answer what spandrel's own classes do (see make_networks.py)."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from golden_answers import check_golden
from networks_golden import CASES, GOLDEN, picture_of, weights_of

from conftest import needs_torch
from img_enhance.errors import UnsupportedModel
from img_enhance.models.architecture import recognised
from img_enhance.models.weights.own_file import files_of, read_own
from img_enhance.models.weights.safetensors import write_safetensors
from img_enhance.runtimes.openvino import OpenVINO
from img_enhance.runtimes.reference import run_reference

# Sums in another order: up to 3e-5 where values span 0 to 255 inside (2026-11).
RELATIVE = 1e-4

each_case = pytest.mark.parametrize("name", CASES)


@each_case
def test_reference_equals_spandrels_own_network(name: str) -> None:
    check_golden(run_reference(CASES[name].segments, weights_of(name), picture_of()), GOLDEN, name, relative=RELATIVE)


@each_case
def test_openvino_equals_spandrels_own_network(name: str) -> None:
    network = OpenVINO("f32").compile(CASES[name].segments, weights_of(name))
    check_golden(np.asarray(network.run([picture_of()], lambda: None)), GOLDEN, name, relative=RELATIVE)


@needs_torch
@each_case
def test_torch_equals_spandrels_own_network(name: str) -> None:
    from img_enhance.runtimes.torch import Torch

    runtime = Torch("f32")
    network = runtime.compile(CASES[name].segments, weights_of(name))
    check_golden(runtime.picture(network.run([picture_of()], lambda: None)), GOLDEN, name, relative=RELATIVE)


@each_case
def test_network_is_recognised_by_its_weights(name: str) -> None:
    shapes = CASES[name].shapes
    assert recognised(shapes) == CASES[name]
    assert recognised(dict(list(shapes.items())[:-1])) is None


def dat_file(path: Path, name: str) -> Path:
    """A DAT as the authors' code writes it: with lists where grids are here, and tensors that nobody runs."""
    weights = weights_of(name)
    for key, values in list(weights.items()):
        if key.endswith(".rpe_biases"):
            weights[key] = values.reshape(-1, 2)
    weights["layers.0.blocks.2.attn.attn_mask_0"] = weights["layers.0.blocks.2.attn.attn_mask_1"] = np.zeros((16, 4, 4), np.float32)
    write_safetensors(path, weights)
    return path


@pytest.mark.parametrize("name", [name for name in CASES if name.startswith("dat")])
def test_a_dat_is_read_from_a_file_of_its_authors_code(name: str, tmp_path: Path) -> None:
    own = read_own(files_of(dat_file(tmp_path / "x.safetensors", name)))
    assert own.architecture == CASES[name]
    check_golden(run_reference(own.architecture.segments, own.weights, picture_of()), GOLDEN, name, relative=RELATIVE)


@pytest.mark.parametrize("last", [(np.nan, 3), (-1, 3), (1e30, 1e30), (6, 3)])
def test_a_dat_whose_window_cannot_be_told_is_refused(last: tuple[float, float], tmp_path: Path) -> None:
    weights, path = weights_of("dat-3x"), tmp_path / "x.safetensors"
    key = "layers.0.blocks.0.attn.attns.0.rpe_biases"
    weights[key] = weights[key].reshape(-1, 2)
    weights[key][-1] = last
    write_safetensors(path, weights)
    with pytest.raises(UnsupportedModel, match="is of no network that is known here"):
        read_own(files_of(path))


@pytest.mark.parametrize(
    ("field", "value"),
    [("window", (8, 12)), ("window", (16, 128)), ("heads", (2, 5)), ("heads", (2, 8)), ("channels", 30), ("hidden", 145)],
    ids=["windows that do not fit", "too many places", "half a head", "heads of no whole channels", "too narrow", "no two halves"],
)
def test_a_dat_that_cannot_run_is_not_recognised(field: str, value: object) -> None:
    assert recognised(dataclasses.replace(CASES["dat-3x"], **{field: value}).shapes) is None  # type: ignore[type-var]


@pytest.mark.parametrize(
    ("field", "value"), [("kernel", 4), ("partial_channels", 99), ("channels", 10)], ids=["even kernel", "more than all", "no whole groups"]
)
def test_a_structure_that_cannot_run_is_not_recognised(field: str, value: int) -> None:
    network = dataclasses.replace(CASES["realplksr-3x"], **{field: value})  # type: ignore[type-var]
    assert recognised(network.shapes) is None


@pytest.mark.parametrize("shape", [(), (5,), (5, 5)])
@each_case
def test_shapes_that_are_none_of_a_convolution_are_no_network(name: str, shape: tuple[int, ...]) -> None:
    assert recognised(dict.fromkeys(CASES[name].shapes, shape)) is None
