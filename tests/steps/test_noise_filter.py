"""Noise is taken out before it is brightened: as much as would be seen, and nothing else."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from tone_pictures import exposed, run

from img_enhance.light.colour import srgb
from img_enhance.light.exposure_curve import exposure_table
from img_enhance.light.noise import coloured_noise_levels, noise_levels
from img_enhance.light.noise_filter import REACH, variances_to_take_out, without_noise
from img_enhance.machine.canvas import Pixels
from img_enhance.passes.tones import MOST_REACH
from img_enhance.photo import Photo
from img_enhance.request.step_options import ExposureCorrection
from img_enhance.steps import exposure_correction
from img_enhance.steps.exposure_correction import ExposureCorrectionFacts

BRIGHTER = ExposureCorrection(ev=2.0, local="off")
NOISIER = ExposureCorrection(ev=2.0, local="off", amplify_noise=True)

Doubles = npt.NDArray[np.float64]


def smooth_scene(*, stops: float = 0) -> Pixels:
    """Coloured waves without an edge, 8 bits, so much darker than they should be."""
    y, x = np.mgrid[:160, :200] / 40
    waves = np.stack([0.5 + 0.3 * np.sin(x + y), 0.5 + 0.3 * np.cos(y), 0.5 + 0.3 * np.sin(x - 2 * y)], axis=-1)
    return exposed(np.rint(255 * waves).astype(np.uint8), stops)


def noisy(pixels: Pixels, sigma: float, *, of_each_channel: bool = True, seed: int = 1) -> Pixels:
    """`pixels` with normal noise, in 8-bit values, of each channel by itself or the same in all."""
    height, width, channels = pixels.shape
    noise = np.random.default_rng(seed).normal(0, sigma, (height, width, channels if of_each_channel else 1))
    return np.clip(np.rint(pixels + noise), 0, 255).astype(np.uint8)


def measured(pixels: Pixels, options: ExposureCorrection = BRIGHTER, **more: Any) -> ExposureCorrectionFacts:
    return exposure_correction.measure(Photo(pixels, **more), options)


def error(found: Pixels, truth: Pixels) -> float:
    """Root of the mean square, in 8-bit values."""
    return float(np.sqrt(np.mean((found.astype(float) - truth) ** 2)))


@pytest.mark.parametrize("sigma", [2.0, 4.0])
def test_most_of_the_noise_is_gone_and_the_photo_is_not(sigma: float) -> None:
    dark = smooth_scene(stops=-2)
    truth = run(dark, NOISIER)
    given = noisy(dark, sigma)
    with_it, without = error(run(given, NOISIER), truth), error(run(given, BRIGHTER), truth)
    assert without < 0.5 * with_it


def test_an_edge_stays_as_sharp() -> None:
    edge = np.full((120, 160, 3), 15, np.uint8)
    edge[:, 80:] = 60
    found = run(noisy(edge, 3), BRIGHTER).astype(float).mean(axis=(0, 2))
    truth = run(edge, NOISIER).astype(float).mean(axis=(0, 2))
    assert np.abs(np.diff(found)[79] / np.diff(truth)[79] - 1) < 0.1


def test_a_photo_without_noise_is_left_as_it_is() -> None:
    dark = smooth_scene(stops=-2)
    # What rounding did to the darkest values may be smoothed.
    assert error(run(dark, BRIGHTER), run(dark, NOISIER)) < 0.3


def test_texture_that_all_channels_have_is_no_noise() -> None:
    textured = noisy(smooth_scene(stops=-2), 6, of_each_channel=False)
    assert noise_levels(Photo(textured), srgb()).at(np.array([0.2]))[0] > 4
    assert coloured_noise_levels(Photo(textured), srgb()).at(np.array([0.2]))[0] < 1
    np.testing.assert_array_equal(run(textured, BRIGHTER), run(textured, NOISIER))


def test_noise_that_stays_invisible_is_left() -> None:
    faint = noisy(np.full((120, 160, 3), 120, np.uint8), 0.5)
    facts = measured(faint, ExposureCorrection(ev=0.3))
    assert facts.variances is None
    assert facts.reach == 0


def test_darkening_and_grey_photos_take_nothing_out() -> None:
    given = noisy(smooth_scene(stops=-2), 4)
    assert measured(given).variances is not None
    assert measured(given).reach == REACH <= MOST_REACH
    assert measured(given, NOISIER).variances is None
    assert measured(given, ExposureCorrection(ev=-1)).variances is None
    assert measured(given, ExposureCorrection(ev=0, local="off")).variances is None
    assert measured(np.repeat(given[..., :1], 3, axis=-1), grey=True).variances is None


def test_the_record_says_so() -> None:
    given = noisy(smooth_scene(stops=-2), 4)
    assert measured(given).record()["noise_reduced"] is True
    assert measured(given, NOISIER).record()["noise_reduced"] is False


@pytest.mark.parametrize("sigma", [2.0, 3.0, 5.0])
@pytest.mark.parametrize("value", [60, 120, 180])
def test_noise_of_each_channel_is_measured_as_that_of_lightness_is(value: int, sigma: float) -> None:
    flat = Photo(noisy(np.full((256, 256, 3), value, np.uint8), sigma))
    place = np.array([value / 255])
    of_lightness, of_colours = noise_levels(flat, srgb()).at(place), coloured_noise_levels(flat, srgb()).at(place)
    assert of_colours == pytest.approx(of_lightness, rel=0.15)


@pytest.mark.parametrize("stops", [0.5, 1.0, 2.0, 4.0])
def test_what_is_taken_out_grows_with_the_noise_and_never_exceeds_it(stops: float) -> None:
    curve = exposure_table(stops, unused_stops=0)
    before: Doubles = np.zeros(65_536)
    for sigma in (0.5, 1.0, 2.0, 4.0):
        flat = noisy(np.full((128, 128, 3), 60, np.uint8), sigma)
        found = variances_to_take_out(coloured_noise_levels(Photo(flat), srgb()), curve, srgb())
        now = np.zeros(65_536) if found is None else found.astype(np.float64)
        assert (now >= before - 1e-3).all()
        assert now[60 * 257] <= (1.3 * sigma * 257) ** 2
        before = now
    assert before[60 * 257] > 0


@pytest.mark.parametrize("depth", [8, 16])
def test_nothing_becomes_black_or_white_that_was_not(depth: int) -> None:
    random = np.random.default_rng(2)
    white = 2**depth - 1
    values = random.choice(np.array([0, 1, white - 1, white]), (60, 70, 3))
    pixels: Pixels = values.astype(np.uint8) if depth == 8 else values.astype(np.uint16)
    found = without_noise(pixels, np.full(65_536, 1e12, np.float32))
    assert found.dtype == np.uint16
    assert not ((found == 0) & (pixels != 0)).any()
    assert not ((found == 65_535) & (pixels != white)).any()


@pytest.mark.parametrize("turned", [False, True])
def test_colours_that_are_smoothed_across_an_edge_stay_in_range(turned: bool) -> None:
    y, x = np.mgrid[:40, :40]
    pixels = np.where((x + y)[..., None] % 2 == 0, np.array([2, 2, 2]), np.array([2, 250, 250])).astype(np.uint8)
    pixels = 255 - pixels if turned else pixels
    # So much that differences of colour are all noise, and brightness is not: the red of the dark pixels would fall below black.
    found = without_noise(pixels, np.full(65_536, (50.0 * 257) ** 2, np.float32))
    assert found.min() > 0
    assert found.max() < 65_535
    assert min(found.min(), 65_535 - found.max()) == 1


def test_equal_channels_stay_equal() -> None:
    grey = np.repeat(noisy(smooth_scene(stops=-2), 4)[..., :1], 3, axis=-1)
    found = without_noise(grey, np.full(65_536, 1e6, np.float32))
    assert not np.array_equal(found, grey.astype(np.uint16) * 257)
    assert (found == found[..., :1]).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (50, 1), (2, 3), (4, 4)])
def test_tiny_photos_pass(shape: tuple[int, int]) -> None:
    pixels = np.random.default_rng(3).integers(0, 256, (*shape, 3), np.uint8)
    assert without_noise(pixels, np.full(65_536, 1e7, np.float32)).shape == pixels.shape
    assert run(pixels, BRIGHTER).shape == pixels.shape
