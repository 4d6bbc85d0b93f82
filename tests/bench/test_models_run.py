"""The bench of models: degradations that repeat, metrics that tell, levels as the engine mixes them, tables that count a lost decibel."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

pytest.importorskip("skimage", reason="the extra [bench-quality] is not installed")

from enlarging.degradations import AS_FOUND, CLEAN, degraded
from enlarging.measurements import BARE, Measurement, known, measure
from enlarging.metrics import Scores, gmsd, scores
from enlarging.report import colours_table, nearness_table
from enlarging.truths import Truth, truths_of
from enlarging.ways import BICUBIC, LANCZOS, LEVELS, Enlarged, bicubic, enlarged
from img_enhance.engine import Engine
from img_enhance.models.table import BUILT_IN
from img_enhance.photo import Photo
from img_enhance.request.recipe import Recipe
from img_enhance.request.step_options import RealESRGAN

Pixels = npt.NDArray[np.uint8]
COMPACT = BUILT_IN.named("realesr-animevideov3")


@pytest.fixture
def truth(cat: Pixels) -> Truth:
    return Truth("cat", np.ascontiguousarray(cat[:48, :60]))


def test_what_is_given_is_smaller_and_always_the_same(truth: Truth) -> None:
    clean, found = (degraded(truth.pixels, 4, degradation, name="cat") for degradation in (CLEAN, AS_FOUND))
    assert clean.shape == found.shape == (12, 15, 3)
    assert np.array_equal(clean, np.rint(truth.pixels.reshape(12, 4, 15, 4, 3).mean((1, 3), dtype=np.float32)))
    assert np.array_equal(found, degraded(truth.pixels, 4, AS_FOUND, name="cat"))
    assert not np.array_equal(found, degraded(truth.pixels, 4, AS_FOUND, name="dog"))
    assert np.abs(found.astype(int) - clean).mean() > 1


def test_metrics_are_best_for_the_truth_and_worse_for_a_blur(truth: Truth) -> None:
    same = scores(truth.pixels, truth.pixels, 4, None)
    assert same.ssim == pytest.approx(1)
    assert (same.gmsd, same.colour) == (0, 0)
    blurred = scores(truth.pixels, bicubic(degraded(truth.pixels, 4, CLEAN, name="cat"), 4), 4, None)
    assert blurred.psnr < same.psnr
    assert blurred.ssim < 1
    assert blurred.gmsd > 0.01
    assert gmsd(truth.pixels, np.ascontiguousarray(truth.pixels[::-1])) > blurred.gmsd


def test_levels_are_those_of_the_engine(truth: Truth) -> None:
    given = degraded(truth.pixels, 4, CLEAN, name="cat")
    with Engine() as engine:
        made = enlarged(engine, COMPACT, given)
        for level in LEVELS:
            recipe = Recipe(steps=(RealESRGAN(model=COMPACT.name, enhance_level=level),))
            expected = engine.enhance(Photo(given), recipe).photo.pixels
            assert np.array_equal(made.at(level, bicubic(given, 4)), expected)
    assert not np.array_equal(made.kept, made.bare)


def test_every_way_is_measured_and_can_be_saved(truth: Truth) -> None:
    with Engine() as engine:
        found = measure(engine, [COMPACT], [truth], None)
    ways = {(m.model, m.level) for m in found}
    assert ways == {(BICUBIC, ""), (LANCZOS, ""), *((COMPACT.name, level) for level in (BARE, "0.25", "0.5", "1"))}
    assert len(found) == 2 * len(ways)
    assert [known(json.loads(json.dumps(dataclasses.asdict(m)))) for m in found] == found
    assert len(nearness_table("Photos", 4, CLEAN, found).rows) == len(ways)


@pytest.mark.parametrize(("lost", "word"), [(0.04, "[OK]"), (0.06, "[MISSED]")])
def test_one_picture_that_loses_by_its_colours_misses_the_goal(lost: float, word: str) -> None:
    def measured(picture: str, level: str, psnr: float) -> Measurement:
        return Measurement(picture, CLEAN, 4, "network", level, Scores(psnr, 0.5, 0.1, 1.0))

    rows = [("a", BARE, 20.0), ("a", "1", 21.0), ("b", BARE, 20.0), ("b", "1", 20.0 - lost)]
    found = [measured(*row) for row in rows]
    found += [dataclasses.replace(m, degradation=AS_FOUND) for m in found]
    table = colours_table("Photos", found)
    assert [str(row[-1]).startswith(word) for row in table.rows] == [True, True]
    assert [row[4] for row in table.rows] == ["b", "b"]


def test_pictures_are_spread_over_a_folder_and_small_ones_left_out(tmp_path: Path) -> None:
    for number in range(6):
        Image.new("RGB", (200, 210), (number, 0, 0)).save(tmp_path / f"{number}.png")
    Image.new("RGB", (100, 400)).save(tmp_path / "narrow.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    found = truths_of(tmp_path, 3)
    assert [truth.name for truth in found] == ["0", "2", "4"]
    assert {truth.pixels.shape for truth in found} == {(192, 192, 3)}


def test_transparent_pixels_are_white(tmp_path: Path) -> None:
    Image.new("RGBA", (192, 192), (10, 20, 30, 0)).save(tmp_path / "drawing.png")
    (truth,) = truths_of(tmp_path, 1)
    assert truth.pixels.min() == 255


def test_all_of_a_network_is_not_mixed() -> None:
    kept = np.full((2, 2, 3), 7, np.uint8)
    assert Enlarged(kept, kept).at(1, np.zeros_like(kept)) is kept
