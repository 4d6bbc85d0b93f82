"""Options of the faces step."""

import pytest

from img_enhance.errors import OptionError
from img_enhance.geometry import Box
from img_enhance.models.table import BUILT_IN, FACE_MODEL_NAMES
from img_enhance.request.form import from_mapping, to_mapping
from img_enhance.request.step_options import GFPGAN


def test_every_face_model_has_a_weight_file() -> None:
    assert set(FACE_MODEL_NAMES) == {row.name for row in BUILT_IN.files if row.name.startswith("gfpgan")}


def test_options_go_through_json() -> None:
    options = GFPGAN(
        model="gfpgan-1.3", enhance_level=0.5, which="largest", at_most=3, min_face=40, score_threshold=0.8, skip="1,2,30,40 5,6,70,80"
    )
    assert options.skipped == (Box(1, 2, 31, 42), Box(5, 6, 75, 86))
    assert from_mapping(GFPGAN, to_mapping(options)) == options
    assert from_mapping(GFPGAN, {}) == GFPGAN()


@pytest.mark.parametrize(
    "values",
    [
        {"model": "gfpgan-1.2"},
        {"enhance_level": 1.1},
        {"enhance_level": -0.1},
        {"which": "smallest"},
        {"at_most": 0},
        {"min_face": 5},
        {"score_threshold": 0.1},
        {"skip": "1,2,30"},
        {"skip": "1,2,0,40"},
        {"skip": "1,2,30,40;5,6,70,80"},
        {"skip": "1,2,30,40 " * 201},
    ],
)
def test_values_out_of_bounds_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(OptionError, match=next(iter(values))):
        from_mapping(GFPGAN, values)
