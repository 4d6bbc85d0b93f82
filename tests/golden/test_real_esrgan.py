"""Real-ESRGAN's networks answer what an independent implementation does, photos of odd and of single rows included.

`make_real_esrgan.py` wrote the expected answers.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from golden_answers import check_golden
from real_esrgan_golden import CASES, GOLDEN, picture_of, weights_of
from test_sweep import plan_of, swept

from conftest import device_with
from img_enhance.models.table import BUILT_IN
from img_enhance.passes.sweep import Network
from img_enhance.planning.plan import RuntimeName
from img_enhance.runtimes import runtime_on
from img_enhance.runtimes.reference import run_reference

Picture = npt.NDArray[np.float32]

# Sums in another order: 1e-6 of the largest value were measured (2026-11).
RELATIVE = 1e-5

each_case = pytest.mark.parametrize(("model", "picture"), [(model, picture) for model, _, picture in CASES])


@pytest.fixture(scope="module")
def weights() -> Callable[[str], dict[str, Picture]]:
    """The random weights of a model, drawn once."""
    known: dict[str, dict[str, Picture]] = {}
    return lambda model: known.get(model) or known.setdefault(model, weights_of(model))


@each_case
def test_reference_equals_the_independent_implementation(model: str, picture: str, weights: Callable[[str], dict[str, Picture]]) -> None:
    segments = BUILT_IN.named(model).segments
    check_golden(run_reference(segments, weights(model), picture_of(picture)), GOLDEN, f"{model} {picture}", relative=RELATIVE)


@each_case
def test_a_sweep_equals_the_independent_implementation(
    model: str, picture: str, runtime_name: RuntimeName, weights: Callable[[str], dict[str, Picture]]
) -> None:
    row, pixels = BUILT_IN.named(model), picture_of(picture)
    runtime = runtime_on(device_with(runtime_name), "f32")
    network = Network(row.segments, weights(model), runtime)
    check_golden(swept(network, pixels, plan_of(row, pixels, "f32")), GOLDEN, f"{model} {picture}", relative=RELATIVE)
