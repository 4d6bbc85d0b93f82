"""Exposure: the curve, the estimate in stops, what is said, and local gains."""

from itertools import pairwise

import numpy as np
import pytest
from tone_pictures import exposed, run, scene

from img_enhance.errors import OptionError
from img_enhance.light.colour import srgb
from img_enhance.light.exposure_estimate import BRIGHT_ZONE_STOPS, DARK_ZONE_STOPS, Exposure, estimated_stops
from img_enhance.light.fusion import lifted
from img_enhance.light.sample import sample
from img_enhance.light.tone import Curve
from img_enhance.machine.canvas import Pixels
from img_enhance.photo import Photo
from img_enhance.request.options import ExposureCorrection
from img_enhance.steps import tones_of
from img_enhance.steps.exposure_correction import ExposureCorrectionFacts, curve_of, measure


def facts_of(pixels: Pixels, **options: object) -> ExposureCorrectionFacts:
    return measure(Photo(pixels), ExposureCorrection(**options))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def good() -> Pixels:
    """Colours of all brightnesses up to white, hardly any clipped."""
    random = np.random.default_rng(11)
    blotches = random.uniform(0.02, 1, (12, 16, 3)) * random.uniform(0.2, 1, (12, 16, 1))
    smooth = np.kron(blotches, np.ones((10, 10, 1))) * np.linspace(0.8, 1, 160)[None, :, None]
    return np.asarray(smooth / smooth.max() * 255).astype(np.uint8)


@pytest.mark.parametrize(
    "curve", [Curve(4, 0.2, 1), Curve(1.0, 0.7, 1), Curve(0.25, 0.7, 0.7), Curve(16, 0.03, 1), Curve(1 / 16, 0.7, 0.5)]
)
def test_curve_rises_everywhere_and_has_no_corner(curve: Curve) -> None:
    light = np.linspace(0, 1, 20_001)
    made = curve(light)
    slope = np.diff(made) / np.diff(light)
    assert (slope > 0).all()
    assert made[0] == 0
    assert made[-1] == pytest.approx(curve.white)
    # A corner would jump by a good part of the slope in one step of 1/20000.
    assert np.abs(np.diff(slope)).max() < 0.02 * slope.max()


@pytest.mark.parametrize("stops", [-4, -2, -0.5, 0, 0.5, 2, 4])
def test_curves_chosen_for_a_photo_rise_and_stay_within_white(good: Pixels, stops: float) -> None:
    made = curve_of(stops, sample(Photo(good), srgb()))(np.linspace(0, 1, 5001))
    assert (np.diff(made) > 0).all()
    assert made[-1] <= 1


@pytest.mark.parametrize(("stops", "expected"), [(1, 0.36), (-1, 0.09), (0.5, 0.18 * 2**0.5)])
@pytest.mark.parametrize("depth", [8, 16])
def test_manual_stops_are_exact_on_middle_grey(stops: float, expected: float, depth: int) -> None:
    grey = np.full((20, 20, 3), 0.18, np.float32)
    pixels = srgb().encode(grey, 16)
    result = run(pixels, ExposureCorrection(ev=stops, local="off"), depth=depth)
    target = srgb().encode(np.full((20, 20, 3), expected, np.float32), depth)
    # Three 16-bit values: encoding and the table of the curve round to two and one.
    assert np.abs(result.astype(int) - target.astype(int)).max() <= (0 if depth == 8 else 6)


@pytest.mark.parametrize("stops", [-3, -2, -1])
def test_finds_the_stops_that_are_missing(good: Pixels, stops: float) -> None:
    dark = exposed(good, stops)
    facts = facts_of(dark)
    assert facts.ev == pytest.approx(-stops, abs=0.25)
    left = np.abs(run(dark, ExposureCorrection()).astype(float) - good).mean()
    assert left < 0.15 * np.abs(dark.astype(float) - good).mean()


def test_finds_that_there_is_too_much_light(good: Pixels) -> None:
    facts = facts_of(exposed(good, 2))
    assert -3 < facts.ev < -1
    assert facts_of(exposed(good, 3)).ev < facts.ev


@pytest.mark.parametrize("stops", [-0.6, -0.3, 0.0])
def test_leaves_a_well_exposed_photo_as_it_is(good: Pixels, stops: float) -> None:
    pixels = exposed(good, stops)
    facts = facts_of(pixels)
    assert facts.ev == 0
    assert not facts.changes
    np.testing.assert_array_equal(run(pixels, ExposureCorrection()), pixels)


def test_leaves_a_night_with_lamps_as_it_is(good: Pixels) -> None:
    night = exposed(good, -4)
    night[:5, :80] = (255, 230, 180)
    assert not facts_of(night, local="off").changes


def test_leaves_a_white_background_as_it_is(good: Pixels) -> None:
    product = np.full((300, 300, 3), 255, np.uint8)
    product[90:210, 70:230] = good
    assert facts_of(product).ev == 0


@pytest.mark.parametrize(("white", "stops"), [(0.3, -1.5), (0.49, 0.0), (0.5, 0.0)])
def test_what_is_clipped_in_all_channels_is_a_background(white: float, stops: float) -> None:
    sure = Exposure(0, 2, 2, clipped_share=0.5, white_share=white, black_share=0, over_probability=0.99, over_stops=1.5)
    assert estimated_stops(sure) == stops


def test_dead_zone_has_no_small_corrections(good: Pixels) -> None:
    found = {facts_of(exposed(good, stops)).ev for stops in np.linspace(-2, 2, 17)}
    assert all(ev == 0 or ev > DARK_ZONE_STOPS or ev <= -BRIGHT_ZONE_STOPS for ev in found)
    assert 0 in found


def test_says_what_it_cannot_bring_back() -> None:
    pixels = exposed(scene(), 0)
    pixels[:48] = 255
    share = (pixels >= 252).any(axis=-1).mean()
    warnings = facts_of(pixels, ev=-1.0).warnings
    assert warnings == (f"{share:.0%} of the photo is clipped at white: there is no detail to bring back",)
    pixels[48:] = 0
    assert facts_of(pixels, ev=1.0).warnings == ("60% of the photo is black: there is no detail to bring back",)
    assert facts_of(pixels, ev=0.0).warnings == ()


def test_clipped_white_becomes_light_and_not_grey(good: Pixels) -> None:
    pixels = exposed(good, 2)
    pixels[:40] = 255
    darker = run(pixels, ExposureCorrection(ev=-1.5))
    assert darker[:40].min() > 215
    assert (darker[60:].astype(int) <= pixels[60:]).all()


def test_local_gains_lift_the_dark_part_and_leave_the_bright_one() -> None:
    pixels = scene(contrast=True, height=240, width=340)
    result = run(pixels, ExposureCorrection(local="on")).astype(float)
    assert result[140:].mean() > 1.4 * pixels[140:].mean()
    assert np.abs(result[:100] - pixels[:100]).mean() < 3


def test_local_gains_come_by_themselves_only_at_high_contrast(good: Pixels) -> None:
    half = good.copy()
    half[:60] = exposed(good[:60], -5)
    half[60:] = np.maximum(half[60:], 215)
    assert facts_of(half).local > 0
    assert facts_of(good).local == 0


def test_local_gains_make_no_halo() -> None:
    pixels = np.full((160, 160, 3), 18, np.uint8)
    pixels[:, 80:] = 230
    result = run(pixels, ExposureCorrection(local="on"))[80, :, 0].astype(int)
    # Each side is flat to a few values up to the edge; a halo would rise or fall there by tens.
    assert result[0] > 25
    assert np.ptp(result[:80]) <= 8
    assert np.ptp(result[80:]) <= 8


def test_local_gains_keep_the_order_of_brightness_at_a_place() -> None:
    facts = facts_of(scene(contrast=True), local="on")
    assert facts.lattice is not None
    for brighter, darker in pairwise(np.linspace(1, 0, 401, dtype=np.float32)):
        roots = [np.full((120, 170), root, np.float32) for root in (darker, brighter)]
        below, above = (lifted(root * root, facts.lattice.read(0, 0, root)) for root in roots)
        assert (below < above).all()


@pytest.mark.parametrize("wrong", [{"ev": 5.0}, {"ev": -4.5}, {"enhance_level": 1.1}, {"local": "maybe"}])
def test_refuses_options_out_of_bounds(wrong: dict[str, object]) -> None:
    with pytest.raises(OptionError, match=next(iter(wrong))):
        ExposureCorrection(**wrong)  # type: ignore[arg-type]


def test_record_holds_the_stops() -> None:
    record = tones_of(ExposureCorrection()).measure(Photo(scene()), ExposureCorrection(ev=1.25)).record()
    assert record["ev_stops"] == 1.25
