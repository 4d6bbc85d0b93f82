"""What there is to say of a pass is said by its plan: for the screen, for the record, and through the record for who asks a service."""

import re

import numpy as np
import pytest

from img_enhance.engine.result import Result
from img_enhance.geometry import Size
from img_enhance.passes import RUN
from img_enhance.photo import Photo
from img_enhance.planning.plan import Pass
from img_enhance.request.recipe import Recipe
from small_plan import DONE_TEXT, PASSES, PHOTO_MODEL, planned

# A pass in the record, on the screen before it is run, and after it.
WORDS = (
    (PHOTO_MODEL, f"{PHOTO_MODEL} in 1 area, 1 tile of at most 40 px", f"{PHOTO_MODEL} 40x30 to 160x120"),
    ("resample", "reduced to 80x60", "reduced to 80x60"),
    ("clahe", "clahe", "clahe"),
    ("gfpgan", "faces by gfpgan-1.4", "faces by gfpgan-1.4"),
)


def test_every_kind_of_pass_has_its_words() -> None:
    plans = planned(*PASSES).passes
    assert tuple((step.name, step.planned_text, step.done_text) for step in plans) == WORDS
    assert {type(step) for step in plans} == set(RUN), "a kind of pass is missing in PASSES and WORDS"


def test_several_areas_and_tiles_are_said_so() -> None:
    (network,) = planned(PASSES[0], size=Size(3000, 2000), allowed=10**9).passes
    assert re.fullmatch(rf"{PHOTO_MODEL} in \d\d areas, \d{{4}} tiles of at most \d{{3}} px", network.planned_text)


@pytest.mark.parametrize(("passes", "words"), [(PASSES, DONE_TEXT), ((), "nothing to do")])
def test_the_record_carries_the_words_of_the_screen(passes: tuple[Pass, ...], words: str) -> None:
    plan = planned(*passes)
    record = Result(Photo(np.zeros((60, 80, 3), np.uint8)), Recipe(), plan, {}, (), ()).record()
    assert record["done"] == plan.done_text == words
