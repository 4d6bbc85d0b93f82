"""What is seen of a photo before anything is decided: colours, counted apart by where they are and how smooth."""

from typing import Any

import numpy as np
import numpy.typing as npt

from img_enhance.light.colour import srgb
from img_enhance.light.illuminant_estimate import CHANNELS, evidence_of
from img_enhance.photo import Photo

Array = npt.NDArray[Any]

UPPER_SMOOTH, UPPER_ROUGH, LOWER_SMOOTH, LOWER_ROUGH = range(CHANNELS - 4, CHANNELS)


def sky_over_leaves() -> Array:
    """A blue slope above, green and brown leaves below."""
    random = np.random.default_rng(1)
    slope = np.linspace(120, 160, 100)[:, None, None]
    sky = slope * np.array([0.8, 1.1, 1.5]) * np.ones((1, 150, 1))
    leaves = random.uniform(20, 220, (100, 150, 1)) * np.array([0.8, 1, 0.3]) * random.uniform(0.7, 1, (100, 150, 3))
    return np.concatenate([sky, leaves]).round().clip(0, 255).astype(np.uint8)


def colours_of(pixels: Array) -> Array:
    evidence = evidence_of(Photo(np.ascontiguousarray(pixels)), srgb())
    assert evidence is not None
    return evidence.colours


def test_smooth_and_rough_are_counted_apart_above_and_below() -> None:
    colours = colours_of(sky_over_leaves()).sum(axis=(1, 2))
    assert colours[UPPER_SMOOTH] > 1 > colours[UPPER_ROUGH]
    assert colours[LOWER_ROUGH] > 50 > colours[LOWER_SMOOTH]


def test_a_photo_on_its_head_has_them_the_other_way_round() -> None:
    above, below = colours_of(sky_over_leaves()), colours_of(sky_over_leaves()[::-1])
    np.testing.assert_allclose(below[[LOWER_SMOOTH, UPPER_ROUGH]].sum((1, 2)), above[[UPPER_SMOOTH, LOWER_ROUGH]].sum((1, 2)), rtol=0.1)


def test_places_hold_every_colour_once() -> None:
    colours = colours_of(sky_over_leaves()).astype(np.float64)
    shares = colours / (1 - colours)  # in units of the share that counts for a half
    # Apart by brightness and apart by place they are the same cells.
    np.testing.assert_allclose(shares[-4:].sum(axis=0), shares[:5].sum(axis=0), rtol=1e-4)
