"""What is told to be left is only what is still to be done."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from img_enhance.engine import Engine
from img_enhance.photo import Photo
from img_enhance.request.recipe import Recipe
from img_enhance.request.step_options import CLAHE

Save = Callable[[str, npt.NDArray[Any]], Path]
CONTRAST = Recipe(steps=(CLAHE(),))


@pytest.fixture
def pixels() -> npt.NDArray[np.uint8]:
    return np.random.default_rng(1).integers(0, 255, (60, 80, 3), np.uint8)


def test_all_of_it_where_nothing_has_begun(engine: Engine, saved: Save, pixels: npt.NDArray[np.uint8]) -> None:
    prepared = engine.prepare(saved("photo.png", pixels), CONTRAST)
    assert prepared.plan.reading_seconds > 0
    assert prepared.plan.writing_seconds > 0
    assert prepared.seconds_left == prepared.plan.seconds


def test_no_reading_where_the_photo_is_at_hand(engine: Engine, pixels: npt.NDArray[np.uint8]) -> None:
    prepared = engine.prepare(Photo(pixels), CONTRAST)
    assert prepared.seconds_left == pytest.approx(prepared.plan.seconds - prepared.plan.reading_seconds)


def test_no_reading_where_the_photo_was_decoded_to_choose_its_steps(engine: Engine, saved: Save, pixels: npt.NDArray[np.uint8]) -> None:
    prepared = engine.prepare(saved("photo.png", pixels // 4))
    assert prepared.decoded is not None
    assert prepared.plan.passes
    assert prepared.seconds_left == pytest.approx(prepared.plan.seconds - prepared.plan.reading_seconds)


def test_nothing_where_the_file_is_copied(engine: Engine, saved: Save, pixels: npt.NDArray[np.uint8]) -> None:
    prepared = engine.prepare(saved("photo.png", pixels), Recipe(steps=()))
    assert prepared.copies
    assert prepared.seconds_left == 0
