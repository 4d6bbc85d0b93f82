"""GFPGAN's network at full size answers what an independent implementation does (see make_gfpgan.py)."""

import numpy as np
import pytest
from gfpgan_golden import GOLDEN, NETWORK, face, seeded_face_weights, summary
from seeded_weights import Array

from img_enhance.runtimes.openvino import OpenVINO

# Two orders of the same sums, through 45 convolutions: 4e-6 of the root mean square (2026-11).
RELATIVE = 1e-4


@pytest.fixture(scope="module")
def found() -> dict[str, Array]:
    compiled = OpenVINO("f32").compile(NETWORK.segments, seeded_face_weights())
    return summary(compiled.run([face()], lambda: None))


@pytest.mark.parametrize("part", ["blocks", "corner", "eye", "middle", "edge"])
def test_full_network_equals_an_independent_implementation(part: str, found: dict[str, Array]) -> None:
    with np.load(GOLDEN) as golden:
        expected = golden[part]
    assert expected.std() > 1
    assert found[part].shape == expected.shape
    assert np.sqrt(np.square(found[part] - expected).mean()) <= RELATIVE * np.sqrt(np.square(expected).mean())
