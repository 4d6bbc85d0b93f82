"""Networks that people bring files of answer what spandrel's own classes do (see make_networks.py)."""

import dataclasses

import numpy as np
import pytest
from golden_answers import check_golden
from networks_golden import CASES, GOLDEN, picture_of, weights_of

from conftest import needs_torch
from img_enhance.models.architecture import recognised
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
