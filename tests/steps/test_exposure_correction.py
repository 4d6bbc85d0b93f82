"""Exposure: the curve, the estimate in stops, what is said, and local gains."""

from itertools import pairwise

import numpy as np
import pytest
from tone_pictures import exposed, run, scene

from img_enhance.errors import OptionError
from img_enhance.light import exposure_estimate
from img_enhance.light.colour import srgb
from img_enhance.light.exposure_curve import exposed as exposed_light
from img_enhance.light.exposure_curve import exposure_curve
from img_enhance.machine.canvas import Pixels
from img_enhance.photo import Photo
from img_enhance.request.step_options import ExposureCorrection
from img_enhance.steps import tones_of
from img_enhance.steps.exposure_correction import ExposureCorrectionFacts, measure
from img_enhance.suggest.rules import LEAST_STOPS


def facts_of(pixels: Pixels, **options: object) -> ExposureCorrectionFacts:
    return measure(Photo(pixels), ExposureCorrection(**options))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def good() -> Pixels:
    """Colours of all brightnesses up to white, hardly any clipped."""
    random = np.random.default_rng(11)
    blotches = random.uniform(0.02, 1, (12, 16, 3)) * random.uniform(0.2, 1, (12, 16, 1))
    smooth = np.kron(blotches, np.ones((10, 10, 1))) * np.linspace(0.8, 1, 160)[None, :, None]
    return np.asarray(smooth / smooth.max() * 255).astype(np.uint8)


@pytest.mark.parametrize("unused", [0.0, 1.0, 5.0])
@pytest.mark.parametrize("stops", [-6, -2, -0.5, 0, 0.5, 2, 6])
def test_curve_rises_everywhere_has_no_corner_and_keeps_black_and_white(stops: float, unused: float) -> None:
    light = np.linspace(0, 1, 200_001)
    made = exposure_curve(light, stops, unused_stops=unused)
    slope = np.diff(made) / np.diff(light)
    assert (slope > 0).all()
    assert made[0] == 0
    assert made[-1] == pytest.approx(1)
    # A corner would jump by a good part of the slope in one step of 1/200000.
    assert np.abs(np.diff(slope)).max() < 0.02 * slope.max()


def test_darker_undoes_brighter() -> None:
    light = np.linspace(0, 1, 1001)
    back = exposure_curve(exposure_curve(light, 2.5, unused_stops=0), -2.5, unused_stops=0)
    np.testing.assert_allclose(back, light, atol=1e-12)


def test_light_that_is_nowhere_used_is_given_back_by_a_plain_gain() -> None:
    light = np.linspace(0, 0.9 / 4, 100)
    np.testing.assert_allclose(exposure_curve(light, 2, unused_stops=3), 4 * light)


@pytest.mark.parametrize(("stops", "expected"), [(1, 0.36 / 1.18), (-1, 0.09 / 0.91), (3, 1.44 / 2.26)])
@pytest.mark.parametrize("depth", [8, 16])
def test_stops_multiply_the_odds_of_light(stops: float, expected: float, depth: int) -> None:
    pixels = srgb().encode(np.full((20, 20, 3), 0.18, np.float32), 16)
    pixels[0, 0] = 65_535  # white, so that no light is unused
    pixels[0, 1:] = 65_535
    result = run(pixels, ExposureCorrection(ev=stops, local="off"), depth=depth)[1:]
    target = srgb().encode(np.full((19, 20, 3), expected, np.float32), depth)
    # Three 16-bit values: encoding and the table of the curve round to two and one.
    assert np.abs(result.astype(int) - target.astype(int)).max() <= (0 if depth == 8 else 6)


@pytest.mark.parametrize("stops", [-4, -3, -2])
def test_finds_the_stops_that_are_missing(good: Pixels, stops: float) -> None:
    dark = exposed(good, stops)
    facts = facts_of(dark)
    assert facts.exposure.unused_stops == pytest.approx(-stops, abs=0.35)
    left = np.abs(run(dark, ExposureCorrection(enhance_level=facts.confidence)).astype(float) - good).mean()
    assert left < 0.35 * np.abs(dark.astype(float) - good).mean()


@pytest.mark.parametrize("stops", [-3, -2])
def test_stops_that_are_unused_explain_the_darkness(good: Pixels, stops: float) -> None:
    """Once they are given back, little more is to be expected to be wrong."""
    facts = facts_of(exposed(good, stops))
    assert facts.ev * facts.confidence == pytest.approx(facts.exposure.unused_stops, abs=0.05)


@pytest.mark.parametrize(("stops", "least", "most"), [(-0.25, 0.0, LEAST_STOPS), (-0.5, 0.0, LEAST_STOPS), (-1.0, 0.8, 1.1)])
def test_a_few_unused_stops_are_taken_for_chance(good: Pixels, stops: float, least: float, most: float) -> None:
    """A good photo that does not quite reach white is left; one that lacks a whole stop gets it back."""
    facts = facts_of(exposed(good, stops))
    assert least <= facts.ev * facts.confidence <= most


@pytest.mark.parametrize(("odds", "least", "most"), [(-1.0, 0.0, 0.1), (0.0, 0.45, 0.5), (1.0, 0.9, 1.0)])
def test_more_of_what_is_likelier_a_mistake_is_corrected(odds: float, least: float, most: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nearly all or nothing at odds of e, where the probability is 0.73 and 0.27."""
    monkeypatch.setattr(exposure_estimate, "_too_dark", lambda: lambda _: np.array([odds - exposure_estimate._DARK_ODDS]))
    dark = np.full((40, 60, 3), 60, np.uint8)
    dark[:2] = 255
    assert least <= facts_of(dark).confidence <= most


def test_finds_that_there_is_too_much_light(good: Pixels) -> None:
    facts = facts_of(exposed(good, 2))
    assert -4 < facts.ev < -1
    assert facts_of(exposed(good, 3)).ev < facts.ev


def test_strength_grows_without_a_jump(good: Pixels) -> None:
    """Neighbouring exposures get neighbouring corrections, so that no frame of a series stands out."""
    expected = [facts.ev * facts.confidence for facts in (facts_of(exposed(good, stops)) for stops in np.linspace(-4, 2, 121))]
    assert np.abs(np.diff(expected)).max() < 0.5


def test_a_step_asked_for_does_not_ask_whether(good: Pixels) -> None:
    """A night with lamps is lifted by hand, and much less by what is to be expected."""
    night = exposed(good, -5)
    night[:5, :80] = (255, 230, 180)
    facts = facts_of(night, local="off")
    assert facts.ev > 2
    assert facts.confidence < 0.8


def test_colours_that_fill_a_photo_are_not_dark() -> None:
    red = np.zeros((120, 160, 3), np.uint8)
    red[...] = (190, 12, 20)
    red[::7] = (215, 40, 45)
    assert facts_of(red).exposure.stops * facts_of(red).confidence < 0.3


@pytest.mark.parametrize("hole", [0, 60])
def test_a_white_background_is_not_too_much_light(good: Pixels, hole: int) -> None:
    product = np.full((300, 400, 3), 255, np.uint8)
    product[90:210, 120:280] = exposed(good, 1)
    product[:, 400 - hole :] = 140
    assert facts_of(product).ev < 0
    assert facts_of(product).confidence == 0


def test_fully_transparent_photos_are_left() -> None:
    facts = measure(Photo(scene(), np.zeros((120, 170), np.uint8)), ExposureCorrection())
    assert facts.ev == 0
    assert not facts.changes


def test_says_what_it_cannot_bring_back() -> None:
    pixels = exposed(scene(), 0)
    pixels[:48] = 255
    share = (pixels >= 252).any(axis=-1).mean()
    warnings = facts_of(pixels, ev=-1.0).warnings
    assert warnings == (f"{share:.0%} of the photo is clipped at white: there is no detail to bring back",)
    pixels[48:] = 0
    assert facts_of(pixels, ev=1.0).warnings == ("60% of the photo is black: there is no detail to bring back",)
    assert facts_of(pixels, ev=0.0).warnings == ()


def test_says_why_nothing_changes(good: Pixels) -> None:
    assert facts_of(good, ev=0.0, local="off").unchanged == "exposure_correction_ev 0 asks for no change"
    assert facts_of(good, ev=0.5).unchanged == ""
    assert "neither too dark nor too bright" in facts_of(np.full_like(good, (225, 40, 40)), local="off").unchanged
    assert facts_of(good, ev=0.0, local="on").unchanged == ""


def test_clipped_white_stays_white_when_darkened(good: Pixels) -> None:
    pixels = exposed(good, 2)
    pixels[:40] = 255
    darker = run(pixels, ExposureCorrection(ev=-1.5))
    assert darker[:40].min() == 255
    assert (darker[60:].astype(int) <= pixels[60:]).all()


def test_warm_highlights_stay_warm() -> None:
    pixels = np.full((40, 40, 3), (250, 254, 229), np.uint8)
    pixels[20:] = (255, 220, 120)
    for stops in (-2.0, -1.0, 1.0, 2.0):
        result = run(pixels, ExposureCorrection(ev=stops)).astype(int)
        assert (result[..., 0] - result[..., 2] >= 0).all()
        assert (result[:20, :, 1] - result[:20, :, 0] <= 20).all()


def test_local_gains_lift_the_dark_part_and_leave_the_bright_one() -> None:
    pixels = scene(contrast=True, height=240, width=340)
    result = run(pixels, ExposureCorrection(ev=0, local="on")).astype(float)
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
    result = run(pixels, ExposureCorrection(ev=0, local="on"))[80, :, 0].astype(int)
    # Each side is flat to a few values up to the edge; a halo would rise or fall there by tens.
    assert result[0] > 25
    assert np.ptp(result[:80]) <= 8
    assert np.ptp(result[80:]) <= 8


def test_local_gains_keep_the_order_of_brightness_at_a_place() -> None:
    facts = facts_of(scene(contrast=True), local="on")
    assert facts.lattice is not None
    for brighter, darker in pairwise(np.linspace(1, 0, 401, dtype=np.float32)):
        roots = [np.full((120, 170), root, np.float32) for root in (darker, brighter)]
        below, above = (exposed_light(root * root, facts.lattice.read(0, 0, root)) for root in roots)
        assert (below < above).all()


@pytest.mark.parametrize("wrong", [{"ev": 5.0}, {"ev": -4.5}, {"enhance_level": 1.1}, {"local": "maybe"}])
def test_refuses_options_out_of_bounds(wrong: dict[str, object]) -> None:
    with pytest.raises(OptionError, match=next(iter(wrong))):
        ExposureCorrection(**wrong)  # type: ignore[arg-type]


def test_record_holds_the_stops() -> None:
    record = tones_of(ExposureCorrection()).measure(Photo(scene()), ExposureCorrection(ev=1.25)).record()
    assert record["ev_stops"] == 1.25
