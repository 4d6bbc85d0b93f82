"""People's own models, against what spandrel's classes answer with the same weights (`make_own_models.py`)."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from own_models_golden import CASES, GOLDEN, picture_of, shapes_of, weights_of

from img_enhance.models.weights.own_file import files_of, read_own
from img_enhance.models.weights.safetensors import write_safetensors
from img_enhance.runtimes.reference import run_reference


@pytest.fixture(scope="module")
def golden() -> dict[str, Any]:
    with np.load(GOLDEN, allow_pickle=False) as file:
        return dict(file)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("prefix", ["", "params_ema.module."])
def test_a_file_by_spandrels_names_gives_spandrels_answer(case: str, prefix: str, golden: dict[str, Any], tmp_path: Path) -> None:
    weights = weights_of(shapes_of(str(golden[f"{case} shapes"])))
    path = tmp_path / "x.safetensors"
    write_safetensors(path, {prefix + name: values for name, values in weights.items()})
    own = read_own(files_of(path))
    found = run_reference(own.architecture.segments, own.weights, picture_of())
    assert found.shape == golden[case].shape
    np.testing.assert_allclose(found, golden[case], rtol=0, atol=1e-4 * np.abs(golden[case]).max())
