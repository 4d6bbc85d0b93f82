"""What holds for every step on luminance: cuts do not show, greys stay grey, nothing is clipped, odd photos pass."""

import dataclasses
import itertools
import pickle
from typing import Any

import numpy as np
import pytest
from tone_pictures import at_ends, cut, run, run_in_parts, scene

from img_enhance.machine.canvas import Pixels
from img_enhance.photo import Photo
from img_enhance.request.step_options import CLAHE, ExposureCorrection
from img_enhance.steps import tones_of
from img_enhance.words import spoken

# Each way through the code: brighter, darker, by itself, by place, with and without the noise limit.
OPTIONS = (
    ExposureCorrection(ev=1.5, local="off"),
    ExposureCorrection(ev=-1.5),
    ExposureCorrection(ev=3.0, local="on"),
    ExposureCorrection(local="on"),
    ExposureCorrection(ev=2.5, amplify_noise=True),
    CLAHE(),
    CLAHE(clip_limit=10, grid=5, amplify_noise=True),
)
STEPS = (ExposureCorrection, CLAHE)
each_option = pytest.mark.parametrize("options", OPTIONS, ids=repr)
each_step = pytest.mark.parametrize("step", STEPS)
each_depth = pytest.mark.parametrize("depth", [8, 16])


@each_option
@each_depth
def test_no_cut_shows(options: Any, depth: int) -> None:
    pixels = scene(depth=depth, contrast=True)
    whole = run(pixels, options)
    assert not np.array_equal(whole, pixels)
    random = np.random.default_rng(3)
    for _ in range(6):
        np.testing.assert_array_equal(run_in_parts(pixels, options, cut(pixels.shape[0], pixels.shape[1], random)), whole)


@each_option
@each_depth
def test_grey_stays_grey(options: Any, depth: int) -> None:
    grey = np.repeat(scene(depth=depth)[..., :1], 3, axis=-1)
    marked = run(grey, options, grey=True)
    assert (marked == marked[..., :1]).all()
    coloured = run(grey, options)
    assert (coloured == coloured[..., :1]).all()
    # The weights of luminance add up to 1 but for a rounding, which may move a pixel over the edge of a table.
    assert np.abs(marked.astype(int) - coloured).max() <= (1 if depth == 8 else 12)


@each_option
@each_depth
def test_no_clipping_is_added(options: Any, depth: int) -> None:
    pixels = scene(depth=depth, contrast=True)
    black, white = at_ends(pixels)
    assert black
    assert white
    new_black, new_white = at_ends(run(pixels, options))
    assert new_black <= black
    assert new_white <= white


@each_step
@each_depth
def test_level_zero_changes_nothing(step: Any, depth: int) -> None:
    pixels = scene(depth=depth, contrast=True)
    options = step(enhance_level=0)
    facts = tones_of(options).measure(Photo(pixels), options)
    assert not facts.changes
    assert spoken(facts.unchanged, lambda setting: f"[{setting}]") == f"[{step.name}_enhance_level 0] asks for no change"
    np.testing.assert_array_equal(run(pixels, options), pixels)


@pytest.mark.parametrize(
    "make",
    [
        lambda level: ExposureCorrection(enhance_level=level, ev=2.0),
        lambda level: ExposureCorrection(enhance_level=level, ev=-2.0),
        lambda level: ExposureCorrection(enhance_level=level, local="on"),
        lambda level: CLAHE(enhance_level=level),
    ],
    ids=["brighter", "darker", "local", "clahe"],
)
def test_more_of_a_level_changes_more(make: Any) -> None:
    pixels = scene(contrast=True)
    changes = [np.abs(run(pixels, make(level)).astype(float) - pixels).mean() for level in (0.0, 0.25, 0.5, 0.75, 1.0)]
    assert all(more > less + 0.1 for less, more in itertools.pairwise(changes))


def odd_pictures() -> dict[str, Pixels]:
    two_valued = np.zeros((40, 60, 3), np.uint8)
    two_valued[:, 30:] = 255
    return {
        "black": np.zeros((40, 60, 3), np.uint8),
        "white": np.full((40, 60, 3), 255, np.uint8),
        "one colour": np.full((40, 60, 3), (200, 30, 90), np.uint8),
        "blue": np.full((40, 60, 3), (0, 0, 255), np.uint8),
        "two values": two_valued,
        "one pixel": np.full((1, 1, 3), 40, np.uint8),
        "one row": np.tile(np.arange(3000, dtype=np.uint16)[None, :, None] * 20, (1, 1, 3)),
        "one column": np.tile(np.arange(3000, dtype=np.uint16)[:, None, None] * 20, (1, 1, 3)),
    }


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", odd_pictures())
@pytest.mark.parametrize("options", [*OPTIONS[:5], CLAHE(), ExposureCorrection(), CLAHE(amplify_noise=True)], ids=repr)
def test_odd_pictures_pass(name: str, options: Any) -> None:
    pixels = odd_pictures()[name]
    result = run(pixels, options)
    assert result.shape == pixels.shape
    record = tones_of(options).measure(Photo(pixels), options).record()
    assert np.isfinite(np.hstack([np.ravel(value) for value in record.values()])).all()
    assert (np.ptp(result.reshape(-1, 3), axis=0) == 0).all() == (name in ("black", "white", "one colour", "blue", "one pixel"))


@each_option
def test_transparent_pixels_do_not_count(options: Any) -> None:
    if isinstance(options, CLAHE):
        options = CLAHE(clip_limit=options.clip_limit, grid=1, amplify_noise=options.amplify_noise)
    pixels, alpha = scene(), np.full((120, 170), 255, np.uint8)
    alpha[:, 80:] = 0
    other = pixels.copy()
    other[:, 80:] = np.random.default_rng(5).integers(0, 256, other[:, 80:].shape)
    step = tones_of(options)
    facts = [step.measure(Photo(p, alpha=alpha), options) for p in (pixels, other)]
    assert facts[0].record() == facts[1].record()
    left = Photo(pixels[:, :80]).size.box
    first, second = (step.apply(pixels[:, :80], left, f, 8) for f in facts)
    np.testing.assert_array_equal(first, second)


@pytest.mark.filterwarnings("error")
@each_option
def test_what_a_wholly_transparent_photo_hides_does_not_count(options: Any) -> None:
    pixels, alpha = scene(), np.zeros((120, 170), np.uint8)
    other = np.random.default_rng(5).integers(0, 256, pixels.shape, np.uint8)
    step, box = tones_of(options), Photo(pixels).size.box
    facts = [step.measure(Photo(p, alpha=alpha), options) for p in (pixels, other)]
    assert facts[0].record() == facts[1].record()
    assert np.isfinite(np.hstack([np.ravel(value) for value in facts[0].record().values()])).all()
    first, second = (step.apply(pixels, box, f, 8) for f in facts)
    np.testing.assert_array_equal(first, second)


@each_option
def test_smooth_gradient_keeps_16_bits(options: Any) -> None:
    # With teeth, because CLAHE leaves alone what is smooth.
    ramp = np.tile((np.linspace(2000, 40_000, 3000) + np.arange(3000) % 50 * 200).astype(np.uint16)[None, :, None], (40, 1, 3))
    assert np.unique(run(ramp, options)[20, :, 0]).size > 1500
    # From 8 bits to 16, what is made lies between the 8-bit values.
    deep = run((ramp // 257).astype(np.uint8), options, depth=16)
    assert (deep % 257 != 0).mean() > 0.8


@each_option
def test_depths_agree(options: Any) -> None:
    pixels = scene()
    deep = run(pixels.astype(np.uint16) * 257, options)
    # Half a value of rounding, and another next to white, from which both keep away by one of their own values.
    assert np.abs(deep / 257 - run(pixels, options)).max() <= 1


@each_option
def test_facts_are_small_and_pickle(options: Any) -> None:
    pixels = scene(contrast=True)
    step = tones_of(options)
    facts = step.measure(Photo(pixels), options)
    stored = pickle.dumps(facts)
    assert len(stored) < 2_000_000
    np.testing.assert_array_equal(step.apply(pixels, Photo(pixels).size.box, pickle.loads(stored), 8), run(pixels, options))


@each_option
def test_mapped_and_flipped_photos_are_measured_alike(options: Any) -> None:
    pixels = scene()
    flipped = np.ascontiguousarray(pixels[::-1, ::-1])[::-1, ::-1]
    assert tones_of(options).measure(Photo(flipped), options).record() == tones_of(options).measure(Photo(pixels), options).record()


@each_option
def test_hue_is_kept(options: Any) -> None:
    pixels = scene()
    if isinstance(options, ExposureCorrection):  # noise has hues of its own
        options = dataclasses.replace(options, amplify_noise=True)
    result = run(pixels, options).astype(int)
    order = np.argsort(pixels.astype(int), axis=-1)
    sorted_as_before = np.take_along_axis(result, order, axis=-1)
    # Rounding may swap neighbours by one.
    assert (np.diff(sorted_as_before, axis=-1) >= -1).all()
