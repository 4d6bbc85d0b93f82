"""The note of a result names its steps, and they can be read back."""

import pytest

from img_enhance.errors import RecipeError
from img_enhance.request.note import note_of, steps_in
from img_enhance.request.step_options import CLAHE, GFPGAN, STEP_OPTIONS, ExposureCorrection, RealESRGAN, StepOptions, WhiteBalance

CASES: tuple[tuple[StepOptions, ...], ...] = (
    (),
    *((kind(),) for kind in STEP_OPTIONS),
    (WhiteBalance(temperature=3000), ExposureCorrection(), CLAHE(enhance_level=0.25)),
    (RealESRGAN(print="30x40cm@300dpi"), GFPGAN(leave_sharp=True)),
    (RealESRGAN(model="realesr-general-x4v3", width=300, denoise=0.5),),
)


@pytest.mark.parametrize("steps", CASES, ids=str)
def test_steps_come_back(steps: tuple[StepOptions, ...]) -> None:
    assert steps_in("; ".join(filter(None, (note_of(steps), "4x3 to 8x6, part 0,0,2,2")))) == steps


@pytest.mark.parametrize("note", ["sharpen(amount=3)", "clahe(wonder=1)"])
def test_step_of_another_version_is_refused(note: str) -> None:
    with pytest.raises(RecipeError, match="not known"):
        steps_in(note)
