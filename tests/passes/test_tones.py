"""Steps on light and colour in the engine: measured on the whole photo, in 16 bits between passes, without a trace of the strips."""

import json

import numpy as np
import numpy.typing as npt
import pytest

from img_enhance.engine import Engine
from img_enhance.errors import Cancelled
from img_enhance.light.colour import with_depth
from img_enhance.passes import strips
from img_enhance.passes.tones import TonePlan
from img_enhance.photo import Photo
from img_enhance.request.recipe import Recipe
from img_enhance.request.step_options import CLAHE, ExposureCorrection, RealESRGAN, StepOptions, WhiteBalance
from img_enhance.steps import STEPS, ToneStep

Pixels = npt.NDArray[np.uint8]

# Every step on light, set so that it does something to any photo.
STRONG: tuple[StepOptions, ...] = (WhiteBalance(temperature=3500), ExposureCorrection(ev=1), CLAHE(clip_limit=4, grid=3))
ALL = Recipe(steps=STRONG)

# A test below relies on every such step being here.
assert {type(options) for options in STRONG} == {step.options for step in STEPS if isinstance(step, ToneStep)}


@pytest.fixture(params=STRONG, ids=lambda options: options.name)
def options(request: pytest.FixtureRequest) -> StepOptions:
    chosen: StepOptions = request.param
    return chosen


def test_strips_do_not_show(engine: Engine, cat: Pixels, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = engine.enhance(Photo(cat), ALL).photo.pixels
    monkeypatch.setattr(strips, "STRIP_PIXELS", 3 * cat.shape[1])
    np.testing.assert_array_equal(engine.enhance(Photo(cat), ALL).photo.pixels, whole)
    assert not np.array_equal(whole, cat)


def test_tones_lie_in_16_bits_between_passes(engine: Engine, cat: Pixels) -> None:
    recipe = Recipe(steps=(*STRONG, RealESRGAN(model="realesr-animevideov3")))
    assert [step.depth for step in engine.prepare(Photo(cat), ALL).plan.passes] == [*[16] * (len(STRONG) - 1), 8]
    assert [step.depth for step in engine.prepare(Photo(cat), recipe).plan.passes] == [*[16] * len(STRONG), 8]


def test_darkening_and_brightening_again_makes_no_bands(engine: Engine) -> None:
    ramp = np.repeat(np.arange(60, 180, dtype=np.uint8), 4)
    photo = Photo(np.broadcast_to(ramp[None, :, None], (40, len(ramp), 3)).copy())
    recipe = Recipe(steps=(ExposureCorrection(ev=-3, local="off"), ExposureCorrection(ev=3, local="off")))
    found = engine.enhance(photo, recipe).photo.pixels[0, :, 0].astype(int)
    # In 8 bits, three stops down leave about 40 of the 120 levels.
    assert len(np.unique(found)) >= 115
    assert np.diff(found).max() <= 2


@pytest.mark.parametrize("depth", [8, 16])
def test_a_photo_keeps_its_depth(engine: Engine, cat: Pixels, depth: int) -> None:
    assert engine.enhance(Photo(with_depth(cat, depth)), ALL).photo.depth == depth


def test_a_step_at_level_zero_changes_no_bit(engine: Engine, cat: Pixels, options: StepOptions) -> None:
    off = type(options)(enhance_level=0.0)
    alpha = np.zeros(cat.shape[:2], np.uint8)
    alpha[:, 20:] = 255
    result = engine.enhance(Photo(cat, alpha=alpha), Recipe(steps=(off,)))
    np.testing.assert_array_equal(result.photo.pixels, cat)
    np.testing.assert_array_equal(result.photo.alpha, alpha)


def test_level_zero_after_a_change_still_ends_in_the_photos_depth(engine: Engine, cat: Pixels) -> None:
    changed = engine.enhance(Photo(cat), Recipe(steps=(STRONG[0],))).photo.pixels
    result = engine.enhance(Photo(cat), Recipe(steps=(STRONG[0], CLAHE(enhance_level=0))))
    assert result.photo.depth == 8
    np.testing.assert_array_equal(result.photo.pixels, changed)


def test_transparency_and_what_it_hides_come_back_untouched(engine: Engine, cat: Pixels, options: StepOptions) -> None:
    alpha = np.zeros(cat.shape[:2], np.uint8)
    alpha[:, 20:] = 200
    np.testing.assert_array_equal(engine.enhance(Photo(cat, alpha=alpha), Recipe(steps=(options,))).photo.alpha, alpha)


def test_a_grey_photo_stays_grey(engine: Engine, cat: Pixels, options: StepOptions) -> None:
    grey = np.repeat(cat[..., :1], 3, axis=2)
    found = engine.enhance(Photo(grey, grey=True), Recipe(steps=(options,))).photo
    assert found.grey
    assert (found.pixels == found.pixels[..., :1]).all()


def test_the_record_says_what_was_measured(engine: Engine, cat: Pixels) -> None:
    record = json.loads(engine.enhance(Photo(cat), ALL).report())
    (_, *steps) = record["steps"]
    assert [step["name"] for step in steps] == [options.name for options in STRONG]
    assert all(step["facts"]["changed"] is True and len(step["facts"]) > 1 for step in steps)
    assert record["plan"]["passes"][0]["options"]["temperature"] == 3500


def test_what_changes_no_value_is_recorded_as_no_change(engine: Engine, cat: Pixels) -> None:
    result = engine.enhance(Photo(cat), Recipe(steps=(ExposureCorrection(ev=0.0001, local="off"),)))
    np.testing.assert_array_equal(result.photo.pixels, cat)
    assert result.phases[-1].facts["changed"] is False
    assert result.done_text == "exposure_correction: unchanged, because what it does is too little to show in 8 bits"


def test_one_value_changed_is_a_change(engine: Engine, cat: Pixels, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strips, "STRIP_PIXELS", cat.shape[1])  # a strip a row, most of them black
    pixels = np.zeros_like(cat)
    pixels[1, 2] = 100
    result = engine.enhance(Photo(pixels), Recipe(steps=(ExposureCorrection(ev=-1, local="off"),)))
    assert result.phases[-1].facts["changed"] is True
    assert "unchanged" not in result.phases[-1].facts
    assert np.count_nonzero((result.photo.pixels != pixels).any(axis=2)) == 1


def test_a_photo_is_not_modified(engine: Engine, cat: Pixels, options: StepOptions) -> None:
    before = cat.copy()
    engine.enhance(Photo(cat), Recipe(steps=(options,)))
    np.testing.assert_array_equal(cat, before)


@pytest.mark.parametrize("value", [0, 1, 128, 254, 255])
@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (17, 13)])
def test_photos_of_one_colour_come_back_in_one_colour(engine: Engine, options: StepOptions, value: int, size: tuple[int, int]) -> None:
    found = engine.enhance(Photo(np.full((*size, 3), value, np.uint8)), Recipe(steps=(type(options)(),))).photo.pixels
    assert found.shape == (*size, 3)
    assert (found == found[0, 0]).all()


def test_progress_ends_at_all_of_it(engine: Engine, cat: Pixels) -> None:
    told = list[float]()
    recipe = Recipe(steps=(*STRONG, RealESRGAN(model="realesr-animevideov3")))
    engine.enhance(Photo(cat), recipe, progress=lambda progress: told.append(progress.fraction))
    assert told == sorted(told)
    assert told[-1] == pytest.approx(1)
    assert len(told) >= 4


def test_work_on_tones_can_be_cancelled(engine: Engine, cat: Pixels, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strips, "STRIP_PIXELS", cat.shape[1])
    asked = 0

    def cancelled() -> bool:
        nonlocal asked
        asked += 1
        return asked > 20

    with pytest.raises(Cancelled):
        engine.enhance(Photo(cat), ALL, cancelled=cancelled)
    assert asked == 21


def test_projected_memory_counts_the_deeper_canvases(engine: Engine) -> None:
    photo = Photo(np.zeros((1000, 1000, 3), np.uint8))
    one, two = (engine.prepare(photo, Recipe(steps=STRONG[:count])).plan for count in (1, 2))
    assert two.projected_bytes - one.projected_bytes == 3 * 1000 * 1000
    assert all(isinstance(step, TonePlan) for step in two.passes)


def test_depth_there_and_back_is_exact() -> None:
    every = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(with_depth(with_depth(every, 16), 8), every)
    deep = np.arange(65_536, dtype=np.uint16)
    np.testing.assert_array_equal(with_depth(deep, 8), np.rint(deep / 257))
