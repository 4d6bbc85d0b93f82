"""EDSR's networks answer what the super-image package's own class does (see make_edsr.py)."""

import numpy as np
import pytest
from edsr_golden import CASES, GOLDEN, network_of, picture_of, weights_of
from golden_answers import check_golden

from img_enhance.runtimes.openvino import OpenVINO
from img_enhance.runtimes.reference import run_reference

# Sums in another order.
RELATIVE = 1e-5

each_case = pytest.mark.parametrize("name", CASES)


@each_case
def test_reference_equals_the_packages_own_network(name: str) -> None:
    check_golden(run_reference(network_of(name).segments, weights_of(name), picture_of()), GOLDEN, name, relative=RELATIVE)


@each_case
def test_openvino_equals_the_packages_own_network(name: str) -> None:
    network = OpenVINO("f32").compile(network_of(name).segments, weights_of(name))
    check_golden(np.asarray(network.run([picture_of()], lambda: None)), GOLDEN, name, relative=RELATIVE)


@each_case
def test_network_is_recognised_by_its_weights(name: str) -> None:
    shapes = {key: values.shape for key, values in weights_of(name).items()}
    assert type(network_of(name)).of_shapes(shapes) == network_of(name)
