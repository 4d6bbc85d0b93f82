"""What there is to say of a pass is said by its plan: for the screen, for the record, and through the record for who asks a service."""

import re

import numpy as np
import pytest

from img_enhance.cli.flags import flagged
from img_enhance.engine.result import PhaseRecord, Result
from img_enhance.geometry import Size
from img_enhance.passes import RUN
from img_enhance.photo import Photo
from img_enhance.planning.plan import Pass
from img_enhance.request.recipe import Recipe
from img_enhance.words import Setting, Words
from small_plan import DONE_TEXT, HIGH_RANGE_TEXT, PASSES, PHOTO_MODEL, SIZES_TEXT, planned

# A pass in the record, on the screen before it is run, and after it.
WORDS = (
    (PHOTO_MODEL, f"{PHOTO_MODEL} in 1 area, 1 tile of at most 40 px", f"{PHOTO_MODEL} 40x30 to 160x120"),
    ("resample", "reduced to 80x60", "reduced to 80x60"),
    ("columns", "joined at its left and right edges", "joined at its left and right edges"),
    ("columns", "cut to 80x60", "cut to 80x60"),
    ("clahe", "clahe", "clahe"),
    ("gfpgan", "faces by gfpgan-1.4", "faces by gfpgan-1.4"),
    ("high dynamic range", HIGH_RANGE_TEXT.replace("saw", "see"), HIGH_RANGE_TEXT),
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
    assert result_of(*passes).record()["done"] == words


def test_a_pass_that_changed_nothing_says_why() -> None:
    why = Words("its level is ", Setting("clahe_enhance_level", "0"))
    result = result_of(*PASSES[4:6], clahe=why, gfpgan="no face was found")
    assert result.done_text == "clahe: unchanged, because its level is clahe_enhance_level 0; gfpgan: unchanged, because no face was found"
    assert "because its level is --clahe-enhance-level 0; " in flagged(result.done_text)
    changed = f"{SIZES_TEXT} and clahe"
    assert result_of(*PASSES[:6], gfpgan="no face was found").done_text == f"{changed}; gfpgan: unchanged, because no face was found"


def result_of(*passes: Pass, **unchanged: str) -> Result:
    """The result of passes of which those named left the photo unchanged, and why."""
    plan = planned(*passes)
    facts = [{"unchanged": unchanged[step.name]} if step.name in unchanged else {} for step in plan.passes]
    records = [PhaseRecord(step.name, 0.1, 10**8, fact) for step, fact in zip(plan.passes, facts, strict=True)]
    return Result(Photo(np.zeros((60, 80, 3), np.uint8)), Recipe(), plan, {}, (PhaseRecord("read", 0.1, 10**8), *records), ())
