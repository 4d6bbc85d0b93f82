"""Where a steep curve pulls codes of 8 bits apart, smooth places get the values between them; nothing moves by more than was rounding."""

import numpy as np
import pytest
from tone_pictures import exposed, run

from img_enhance.light.colour import srgb
from img_enhance.light.dequantisation import REACH, dequantised, steps_show
from img_enhance.light.exposure_curve import exposure_table
from img_enhance.machine.canvas import Pixels
from img_enhance.passes.tones import MOST_REACH
from img_enhance.photo import Photo
from img_enhance.request.step_options import ExposureCorrection
from img_enhance.steps import exposure_correction

BRIGHTER, DARKER = ExposureCorrection(ev=3.0, local="off"), ExposureCorrection(ev=-3.0)


def sky(*, low: float, high: float) -> Pixels:
    """A smooth gradient without noise, so slow that each code is several pixels wide."""
    y, x = np.mgrid[:240, :200] / 240
    grey = low + (high - low) * (0.8 * y + 0.2 * x)
    return np.asarray(np.rint(np.stack([grey, 0.98 * grey, 0.95 * grey], axis=-1)), np.uint8)


def left_out(pixels: Pixels) -> float:
    """The share of codes between the least and the most that no pixel has."""
    counts = np.bincount(pixels[..., 0].ravel())[pixels[..., 0].min() :]
    return float((counts == 0).mean())


@pytest.mark.parametrize(
    ("options", "given"), [(BRIGHTER, sky(low=6, high=30)), (DARKER, sky(low=225, high=254))], ids=["brighter", "darker"]
)
def test_a_smooth_sky_gets_no_bands(options: ExposureCorrection, given: Pixels) -> None:
    assert left_out(given) == 0
    # The 16 bits of the same codes go through the same curve without being smoothed.
    banded = run(given.astype(np.uint16) * 257, options) // 257
    assert left_out(banded) > 0.4
    assert left_out(run(given, options)) < 0.05


def test_no_value_moves_by_more_than_was_rounded() -> None:
    given = np.random.default_rng(2).integers(0, 256, (90, 120, 3), np.uint8)
    given[:40] = sky(low=0, high=9)[:40, :120]
    moved = dequantised(given) / 257 - given
    assert 0.4 < np.abs(moved).max() <= 0.5


def test_edges_texture_and_flat_places_stay_bit_for_bit() -> None:
    y, x = np.mgrid[:64, :64]
    board = np.where((x // 4 + y // 4) % 2, 12, 20)
    pixels = np.repeat(np.concatenate([board, np.full((64, 64), 40)])[..., None], 3, axis=-1).astype(np.uint8)
    np.testing.assert_array_equal(dequantised(pixels), pixels.astype(np.uint16) * 257)


def test_black_and_white_are_not_made() -> None:
    given = np.concatenate([sky(low=0, high=3), sky(low=250, high=255)])
    found = dequantised(given)
    assert not ((found == 0) & (given != 0)).any()
    assert not ((found == 65535) & (given != 255)).any()


def test_steps_show_where_a_curve_is_steep() -> None:
    assert not steps_show(exposure_table(0.0, unused_stops=0.0), srgb())
    assert not steps_show(exposure_table(0.7, unused_stops=0.0), srgb())
    assert steps_show(exposure_table(3.0, unused_stops=0.0), srgb())
    assert steps_show(exposure_table(-3.0, unused_stops=0.0), srgb())


def test_only_8_bits_without_noise_taken_out_and_far_from_right_are_smoothed() -> None:
    given = sky(low=6, high=30)
    facts = exposure_correction.measure(Photo(given), BRIGHTER)
    assert facts.variances is None
    assert facts.reach == REACH <= MOST_REACH
    assert exposure_correction.measure(Photo(given), ExposureCorrection(ev=0.5, local="off")).reach == 0
    assert exposure_correction.measure(Photo(given.astype(np.uint16) * 257), BRIGHTER).reach == 0
    noisy = np.clip(exposed(given, 0) + np.random.default_rng(1).normal(0, 3, given.shape), 0, 255).astype(np.uint8)
    assert not exposure_correction.measure(Photo(noisy), BRIGHTER).dequantise


def test_local_gains_count() -> None:
    y, _ = np.mgrid[:240, :200] / 240
    split = np.repeat(np.where(y < 0.5, 240, 14 - 8 * (y - 0.5))[..., None], 3, axis=-1).astype(np.uint8)
    by_place = [exposure_correction.measure(Photo(split), ExposureCorrection(ev=1.0, local=local)) for local in ("on", "off")]
    assert [facts.dequantise for facts in by_place] == [True, False]
