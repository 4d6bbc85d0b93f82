"""What the automatic mode learned from, and that learning still runs."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from conftest import SAMPLE, needs_torch
from img_enhance.light import learned
from img_enhance.light.illuminant_estimate import CHANNELS, GRID, GRID_CORNER, GRID_STEP, Evidence, IlluminantWeights, log_odds
from img_enhance.light.learned import Perceptron
from img_enhance.light.light_shares import SHARES
from quality.degradations import CAST, EXPOSURE, UNDEGRADED
from quality.lessons import MOST_LESSONS, Lesson, drawn, kept, lessons_of
from quality.light import BRADFORD, DAYLIGHT_KELVIN, white_of

# The second is kept for reporting.
NAMES = ("learned_0.png", "kept_3.png")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("photos")
    with Image.open(SAMPLE) as image:
        small = image.convert("RGB").resize((90, 60))
    for name in NAMES:
        small.save(made / name)
    small.convert("L").convert("RGB").save(made / "grey.png")
    (made / "notes.txt").write_text("no photo")
    return made


@pytest.fixture(scope="module")
def lessons(folder: Path) -> list[Lesson]:
    return lessons_of([folder], photos=None, jobs=1)


def test_what_is_drawn_for_a_photo_is_always_the_same_and_differs_between_photos() -> None:
    photo = np.random.default_rng(1).integers(0, 256, (60, 90, 3), np.uint8)
    once, again, other = (list(drawn(name, photo)) for name in ("a.jpg", "a.jpg", "b.jpg"))
    for (pixels, given), (same_pixels, same_given) in zip(once, again, strict=True):
        assert given == same_given
        np.testing.assert_array_equal(pixels, same_pixels)
    assert [given for _, given in once] != [given for _, given in other]


def test_lessons_are_of_all_kinds_and_casts_of_both() -> None:
    photo = np.random.default_rng(1).integers(0, 256, (60, 90, 3), np.uint8)
    given = [given for number in range(12) for _, given in drawn(f"{number}.jpg", photo)]
    assert len(given) == 12 * MOST_LESSONS
    casts = [one for one in given if one.name in ("cast", "tint")]
    assert {one.name for one in given} == {"near", "cast", "tint"}
    assert 0.3 < np.mean([one.contrast > 0 for one in casts]) < 0.7
    assert min(one.sharpness for one in casts) < 0.1 < 0.7 < max(one.sharpness for one in casts)
    assert {one.family for one in given} == {UNDEGRADED, EXPOSURE, CAST}


def test_lessons_are_colours_and_shares_of_every_photo_but_grey_ones(lessons: list[Lesson]) -> None:
    assert [kept(name) for name in NAMES] == [False, True]
    assert {lesson.photo for lesson in lessons} == set(NAMES)
    assert {lesson.colours.shape for lesson in lessons} == {(CHANNELS, GRID, GRID)}
    assert {lesson.shares.shape for lesson in lessons} == {(SHARES,)}


def test_a_light_moves_all_colours_by_its_ratios(lessons: list[Lesson]) -> None:
    given = {lesson.given.name: lesson for lesson in lessons if lesson.kept}
    white = given["untouched"]
    assert white.given.family == UNDEGRADED
    assert np.abs(white.light).max() < 1e-6
    known = np.log((BRADFORD @ white_of(3200)) / (BRADFORD @ white_of(DAYLIGHT_KELVIN)))
    np.testing.assert_allclose(given["3200 K"].light, known[[0, 2]] - known[1], atol=0.03)
    steps = np.arange(GRID) + 0.5
    for cast in (given[name] for name in ("4300 K", "12000 K", "green")):
        assert cast.given.family == CAST
        for axis in (0, 1):
            mean = [np.average(steps, weights=lesson.colours.sum(axis=(0, 2 - axis))) for lesson in (white, cast)]
            assert (mean[1] - mean[0]) * GRID_STEP[axis] == pytest.approx(cast.light[axis], abs=0.05)
    assert GRID_CORNER[0] < white.light[0] < GRID_CORNER[0] + GRID * GRID_STEP[0]


def network(arrays: dict[str, Any], name: str) -> Perceptron:
    return Perceptron(*(arrays[f"{name}.{part}"] for part in ("hidden", "hidden_bias", "out", "out_bias")))


@needs_torch
def test_the_library_answers_as_what_was_learned_does(lessons: list[Lesson]) -> None:
    import quality_fit

    arrays, casts = quality_fit.learn_lights(lessons, epochs=2)
    weights = IlluminantWeights(arrays["illuminant.filters"], arrays["illuminant.prior"], network(arrays, "illuminant"))
    answers = [log_odds(Evidence(lesson.colours.astype(np.float32), lesson.shares), weights) for lesson in lessons]
    odds = [np.logaddexp.reduce(lights.ravel()) - white for white, lights in answers]
    np.testing.assert_allclose(odds, casts(lessons), atol=1e-3)


@needs_torch
def test_learning_writes_weights_that_the_library_reads(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import quality_fit

    assert quality_fit.main([str(folder), "--epochs", "1", "--jobs", "1", "-o", str(tmp_path / "learned.npz")]) == 0
    with np.load(tmp_path / "learned.npz") as made:
        assert {name: made[name].shape for name in made.files} == {name: array.shape for name, array in learned.arrays().items()}
    assert "Casts found" in capsys.readouterr().out


@needs_torch
def test_going_on_stays_near(folder: Path, tmp_path: Path) -> None:
    import quality_fit

    start = tmp_path / "start.npz"
    shutil.copy(quality_fit.WEIGHTS, start)
    given = ["--start", str(start), "--epochs", "1", "--jobs", "1", "-o", str(tmp_path / "learned.npz")]
    assert quality_fit.main([str(folder), *given]) == 0
    with np.load(tmp_path / "learned.npz") as made:
        moved = {name: np.abs(made[name].astype(np.float32) - array).max() for name, array in learned.arrays().items()}
    # One step of a fifth of the rate, halved.
    for name in ("illuminant.filters", "illuminant.prior", "illuminant.out"):
        assert 0 < moved[name] < 0.01, name
