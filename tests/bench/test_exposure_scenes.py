"""Photos made of other photos look as such photos do."""

import numpy as np
from tone_pictures import scene

from exposure_scenes import against_sun, in_flash
from img_enhance.light.colour import srgb

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
