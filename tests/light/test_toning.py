"""Whether a photo is toned is told in CIELAB, so CIELAB must be right, dark values too."""

import numpy as np
import pytest

from img_enhance.light.colour import srgb
from img_enhance.light.toning import _lab, toned

# By the published formulas (CIE 15:2004) with the D50 primaries of sRGB's profile; greys have no colour, and L* 903.3 Y below 0.008856.
KNOWN = [
    ((1, 1, 1), (100, 0, 0)),
    ((0.004, 0.004, 0.004), (3.613, 0, 0)),
    ((0, 0, 0), (0, 0, 0)),
    ((1, 0, 0), (54.29, 80.81, 69.89)),
    ((0, 0, 1), (29.57, 68.30, -112.03)),
]


@pytest.mark.parametrize(("light", "lab"), KNOWN)
def test_lab_is_the_published_one(light: tuple[float, ...], lab: tuple[float, ...]) -> None:
    assert np.allclose(_lab(np.array([light], float), srgb())[0], lab, atol=0.05)


@pytest.mark.parametrize("brightest", [1.0, 0.02])
def test_a_sepia_is_toned_and_the_same_light_in_two_colours_is_not(brightest: float) -> None:
    grey = np.random.default_rng(1).uniform(0.05, 1, (64, 96, 1)) * brightest
    sepia = (grey * (1.0, 0.75, 0.45)).astype(np.float32)
    half = sepia.copy()
    half[32:] = half[32:, :, ::-1]
    counts = np.ones(grey.shape[:2], bool)
    assert toned(sepia, counts, srgb()) > 0.5
    assert toned(half, counts, srgb()) == 0
