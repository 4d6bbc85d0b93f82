"""Photos made of other photos look as such photos do."""

import numpy as np
from tone_pictures import scene

from img_enhance.light.colour import srgb
from scenes.lamps import at_night, in_flash, on_stage
from scenes.sun import against_sun, in_afterglow

_SEEDS = range(8)


def test_against_the_sun_a_little_is_white_and_much_is_nearly_black() -> None:
    light = srgb().decode(scene())
    for seed in _SEEDS:
        made = against_sun(light, np.random.default_rng(seed))
        largest = made.max(axis=-1)
        assert made.shape == light.shape
        assert (made.min() >= 0, made.max() <= 1) == (True, True)
        assert 0.001 < np.mean(largest > 0.85) < 0.1
        assert np.mean(largest < 0.1) > 0.2


def test_suns_are_red_rather_than_blue() -> None:
    light = srgb().decode(scene())
    made = np.array([against_sun(light, np.random.default_rng(seed)) for seed in _SEEDS])
    bright = made[(made.max(axis=-1) > 0.5) & (made.max(axis=-1) < 1)]
    assert bright[..., 0].mean() > 1.1 * bright[..., 2].mean()


def test_a_flash_that_is_too_weak_lights_the_middle_and_nothing_behind() -> None:
    light = np.full((90, 120, 3), 0.5, np.float32)
    for seed in _SEEDS:
        made = in_flash(light, np.random.default_rng(seed))
        assert made[0, 0].max() < 0.05 < 0.12 < made.max()
        assert made[:, 36:84].mean() > 2 * made[:, :10].mean()


def test_an_afterglow_is_warmer_below_than_on_top() -> None:
    light = srgb().decode(scene())
    made = np.array([in_afterglow(light, np.random.default_rng(seed)) for seed in _SEEDS])
    sky = np.where((made.max(axis=-1) > 0.2)[..., None], made, np.nan)
    height = made.shape[1]
    top, low = (np.nanmean(part, axis=(0, 1, 2)) for part in (sky[:, : height // 5], sky[:, 2 * height // 5 : 3 * height // 5]))
    assert low[0] / low[2] > 1.2 * top[0] / top[2]


def test_stages_and_nights_are_dark_between_lights_that_have_colours() -> None:
    light = np.full((90, 120, 3), 0.5, np.float32)
    for way in (on_stage, at_night):
        made = np.array([way(light, np.random.default_rng(seed)) for seed in range(16)])
        assert (made.min() >= 0, made.max() <= 1, made.shape[1:]) == (True, True, light.shape)
        largest = made.max(axis=-1)
        assert np.median(largest) < 0.35
        assert np.mean(largest > 0.9) > 0.001
        lit = made[(largest > 0.1) & (largest < 0.9)]
        assert np.median(lit.min(axis=-1) / lit.max(axis=-1)) < 0.75


def test_scenes_are_the_same_each_time() -> None:
    light = srgb().decode(scene())
    for way in (against_sun, in_afterglow, in_flash, on_stage, at_night):
        first, second = (way(light, np.random.default_rng(3)) for _ in range(2))
        assert np.array_equal(first, second)
