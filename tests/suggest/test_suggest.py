"""The auto mode: each rule fires and does not, a good photo is left alone, what is suggested can be run."""

import dataclasses
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from conftest import SAMPLE
from img_enhance.cli.flags import flagged
from img_enhance.errors import DiskError, PhotoError, PhotoTooLarge
from img_enhance.light.illuminant import chromaticity, grey_difference
from img_enhance.photo import Photo
from img_enhance.request.options import Limits, Machine
from img_enhance.request.recipe import Recipe
from img_enhance.request.step_options import CLAHE, GFPGAN, ExposureCorrection, RealESRGAN, WhiteBalance
from img_enhance.suggest.analysis import Cast, Luminance, PhotoFacts, analyse
from img_enhance.suggest.rules import RULES, TOLERATED_DIFFERENCE, worth_taking_out
from img_enhance.suggest.suggest import Suggestion, suggest, suggest_file, suggest_for
from img_enhance.suggest.texture import Texture

Save = Callable[[str, npt.NDArray[Any]], Path]

STEPS = tuple(name for name, _ in RULES)

# 24 megapixels in good light, sharp and clean.
GOOD = PhotoFacts(
    width=6000,
    height=4000,
    depth_bits=8,
    grey=False,
    has_alpha=False,
    visible_fraction=1.0,
    luminance=Luminance(0.005, 0.01, 0.07, 0.2, 0.4, 0.8, 0.95, 0.15),
    black_fraction=0.001,
    white_fraction=0.001,
    rms_contrast=22.0,
    exposure_stops=0.0,
    exposure_confidence=1.0,
    cast=Cast(6504, 0.003, 0.9),
    texture=Texture(noise_sigma=1 / 255, blur=0.3, blocking=0.02),
)

HAZY = Luminance(0.2, 0.22, 0.3, 0.35, 0.4, 0.45, 0.5, 0.34)


def suggested(**changes: Any) -> Suggestion:
    """What is suggested for the good photo with these facts changed."""
    return suggest_for(dataclasses.replace(GOOD, **changes), Limits())


def steps(suggestion: Suggestion) -> tuple[str, ...]:
    return tuple(step.name for step in suggestion.steps)


def words(suggestion: Suggestion, step: str) -> str:
    return next(reason.words for reason in suggestion.reasons if reason.step == step)


def texture(**changes: float) -> Texture:
    return dataclasses.replace(GOOD.texture, **changes)


def sized(width: int, height: int) -> PhotoFacts:
    return dataclasses.replace(GOOD, width=width, height=height)


def test_a_good_large_photo_is_left_alone() -> None:
    suggestion = suggest_for(GOOD, Limits())
    assert suggestion.steps == ()
    assert tuple(reason.step for reason in suggestion.reasons) == STEPS
    assert not any(reason.chosen or reason.strength for reason in suggestion.reasons)


@pytest.mark.parametrize(
    ("cast", "chosen"),
    [
        (Cast(3000, 0.0, 0.9), True),
        (Cast(9000, 0.004, 0.65), True),
        (Cast(6500, 0.02, 0.65), True),  # green
        (Cast(6500, -0.02, 0.65), True),  # magenta
        (Cast(6300, 0.003, 1.0), False),
        (Cast(6700, 0.003, 1.0), False),
        (Cast(9000, 0.004, 0.45), True),  # by a part
        (Cast(9000, 0.004, 0.1), False),
        (Cast(3000, 0.0, 0.1), False),  # a sunset, perhaps
        (None, False),
    ],
)
def test_white_balance_is_for_lights_that_may_well_not_be_daylight(cast: Cast | None, chosen: bool) -> None:
    suggestion = suggested(cast=cast)
    assert steps(suggestion) == (("white_balance",) if chosen else ())
    if cast is not None:
        assert f"{cast.kelvin:.0f} K" in words(suggestion, "white_balance")


def test_what_is_said_of_a_light_depends_on_how_sure_it_is() -> None:
    said = [words(suggested(cast=Cast(3000, 0.0, sure, sure)), "white_balance") for sure in (0.05, 0.3, 0.9)]
    cast = "a yellowish cast, as from light of 3000 K (Duv +0.000)"
    assert said[0] == f"the colours look natural: {cast}, is unlikely (confidence 0.05)"
    assert said[1] == f"perhaps {cast} (confidence 0.30), so only a part is taken out"
    assert said[2] == f"{cast} (confidence 0.90)"
    # By its colours alone it looks like a cast, but not in this scene.
    sunset = words(suggested(cast=Cast(3000, 0.0, 0.05, 0.8)), "white_balance")
    assert sunset == f"{said[0]}; such light belongs to what is shown, as at a sunset or on a stage"


@pytest.mark.parametrize(
    ("kelvin", "duv", "tint"), [(3000, 0, "yellowish"), (12_000, 0.003, "bluish"), (6500, 0.02, "greenish"), (6500, -0.02, "pinkish")]
)
def test_a_cast_is_named_by_what_it_looks_like(kelvin: float, duv: float, tint: str) -> None:
    assert f"a {tint} cast" in words(suggested(cast=Cast(kelvin, duv, 0.9)), "white_balance")


def level_of(cast: Cast) -> float:
    """Of the white balance that is chosen; 0 for none."""
    return sum(step.enhance_level for step in suggested(cast=cast).steps if isinstance(step, WhiteBalance))


def test_a_sure_cast_is_taken_out_as_a_whole_and_a_doubtful_one_as_far_as_nobody_minds() -> None:
    for kelvin in (2500, 3000, 4300, 12_000):
        difference = grey_difference(chromaticity(kelvin, 0.003))
        worth = [worth_taking_out(confidence, difference) for confidence in np.linspace(0, 1, 101)]
        assert (np.diff(worth) >= 0).all()
        assert worth[0] < 0.001
        assert worth[30] * difference <= TOLERATED_DIFFERENCE
        assert worth[90] > 0.95
        assert level_of(Cast(kelvin, 0.003, 0.97)) == 1
    # As confident, but a weaker cast: more of it.
    assert worth_taking_out(0.4, 3) > 2 * worth_taking_out(0.4, 20)


def test_the_step_takes_out_the_part_that_is_worth_it() -> None:
    worth = worth_taking_out(0.4, grey_difference(chromaticity(4300, 0.003)))
    assert 0.1 < worth < 0.5
    for strength in (0.6, 1.0):
        assert level_of(Cast(4300, 0.003, 0.4, strength)) * strength == pytest.approx(worth, abs=0.01)
    # What the step would not do if it were asked for, it does not do unasked either.
    assert level_of(Cast(4300, 0.003, 0.4, worth / 2)) == 1


@pytest.mark.parametrize(
    ("changes", "noticed"),
    [
        ({}, ()),
        ({"cast": Cast(3000, 0.0, 0.05)}, ()),
        ({"cast": Cast(3000, 0.0, 0.9)}, ()),
        ({"exposure_stops": -1.5, "exposure_confidence": 0.13}, ("exposure_correction",)),
        ({"exposure_stops": -0.9, "exposure_confidence": 0.2}, ()),
        ({"luminance": HAZY, "texture": Texture(8 / 255, 0.3, 0.02)}, ("clahe", "real_esrgan")),
        ({"texture": Texture(1 / 255, 0.3, 1.5)}, ("real_esrgan",)),
        ({"texture": Texture(1 / 255, 0.3, 1.5), "width": 20_000, "height": 10_000}, ("real_esrgan",)),
        ({"texture": Texture(1 / 255, 0.3, 1.5), "width": 600, "height": 600}, ()),
    ],
)
def test_a_fault_that_is_left_as_it_is_is_marked(changes: dict[str, Any], noticed: tuple[str, ...]) -> None:
    suggestion = suggested(**changes)
    assert tuple(reason.step for reason in suggestion.reasons if reason.noticed) == noticed
    assert not set(noticed) & set(steps(suggestion))


def test_a_grey_photo_has_no_cast() -> None:
    assert words(suggested(cast=None, grey=True), "white_balance") == "the photo is grey"


@pytest.mark.parametrize(
    ("stops", "sure", "strength"),
    [
        (1.3, 1.0, "+1.3 EV"),
        (0.9, 0.5, "+0.5 EV"),
        (-0.8, 0.85, "-0.7 EV"),
        (0.19, 1.0, None),
        (-1.5, 0.13, None),  # snow, perhaps
        (0.0, 0.0, None),
    ],
)
def test_exposure_is_corrected_as_far_as_it_is_likely_to_be_wrong(stops: float, sure: float, strength: str | None) -> None:
    suggestion = suggested(exposure_stops=stops, exposure_confidence=sure)
    reason = next(reason for reason in suggestion.reasons if reason.step == "exposure_correction")
    assert (reason.chosen, reason.strength or None) == (strength is not None, strength)
    assert "median luminance 0.2" in reason.words


def test_low_contrast_is_raised() -> None:
    suggestion = suggested(luminance=HAZY)
    assert suggestion.steps == (CLAHE(enhance_level=1.0),)
    assert "lightness spans 24 of 100" in words(suggestion, "clahe")


@pytest.mark.parametrize(("black", "level"), [(0.08, None), (0.1, 0.6), (0.15, 0.8), (0.2, 0.9), (0.3, 1.0)])
def test_the_less_contrast_the_more_it_is_raised(black: float, level: float | None) -> None:
    suggestion = suggested(luminance=Luminance(black, 0.35, 0.4, 0.4, 0.4, 0.45, 0.55, 0.4))
    assert suggestion.steps == (() if level is None else (CLAHE(enhance_level=level),))


def test_contrast_is_that_of_the_well_exposed_photo() -> None:
    dark = Luminance(*(value / 16 for value in dataclasses.astuple(GOOD.luminance)))
    assert steps(suggested(luminance=dark, exposure_stops=4.0)) == ("exposure_correction",)
    assert "clahe" in steps(suggested(luminance=dark))


def test_contrast_is_not_raised_where_that_would_raise_noise() -> None:
    suggestion = suggested(luminance=HAZY, texture=texture(noise_sigma=8 / 255))
    assert "clahe" not in steps(suggestion)
    assert "noise" in words(suggestion, "clahe")


def test_noise_is_that_of_the_well_exposed_photo() -> None:
    little = texture(noise_sigma=3 / 255)
    assert "noise" not in words(suggest_for(dataclasses.replace(sized(600, 600), texture=little), Limits()), "real_esrgan")
    dark = dataclasses.replace(sized(600, 600), texture=little, exposure_stops=2.2)
    assert "noise (sigma 6.0 of 255)" in words(suggest_for(dark, Limits()), "real_esrgan")


@pytest.mark.parametrize(
    ("size", "factor"),
    [
        ((10, 10), 16),
        ((250, 250), 16),
        ((251, 250), 8),
        ((350, 336), 8),
        ((351, 336), 4),
        ((501, 500), 4),
        ((1000, 1000), 4),
        ((1001, 1000), 2),
        ((2000, 1000), 2),
        ((2001, 1000), None),
        ((4000, 3000), None),
        ((30_000, 20_000), None),
    ],
)
def test_small_photos_are_enlarged_to_at_most_sixteen_megapixels(size: tuple[int, int], factor: int | None) -> None:
    suggestion = suggest_for(sized(*size), Limits(max_output_megapixels=1000))
    assert suggestion.steps == (() if factor is None else (RealESRGAN(upscale=factor),))


@given(st.integers(1, 20_000), st.integers(1, 20_000), st.floats(0.001, 1000))
def test_no_result_is_larger_than_allowed(width: int, height: int, most: float) -> None:
    suggestion = suggest_for(sized(width, height), Limits(max_output_megapixels=most))
    for step in suggestion.steps:
        assert isinstance(step, RealESRGAN)
        assert step.upscale is not None
        assert step.upscale in (2, 4, 8, 16)
        assert width * height * step.upscale**2 / 1e6 <= most


def test_the_limit_is_said_to_be_the_reason() -> None:
    suggestion = suggest_for(sized(1200, 1200), Limits(max_output_megapixels=5))
    assert words(suggestion, "real_esrgan") == "1.4 MP would become 5.8 MP if twice as wide, more than the 5 MP allowed for a result"


@pytest.mark.parametrize(
    ("flaw", "said"),
    [
        (texture(noise_sigma=9 / 255), "noise (sigma 9.0 of 255)"),
        (texture(blur=0.7), "blur (0.70 of 1)"),
        (texture(blocking=1.5), "JPEG blocks (borders 2.5 times as strong as the rest, file of quality 30)"),
    ],
)
def test_flaws_of_detail_are_restored_at_the_size_of_a_larger_photo(flaw: Texture, said: str) -> None:
    def flawed(width: int, height: int, most: float = 100) -> Suggestion:
        facts = dataclasses.replace(sized(width, height), texture=flaw, jpeg_quality=30)
        return suggest_for(facts, Limits(max_output_megapixels=most))

    for suggestion, options in (
        (flawed(600, 600), (RealESRGAN(upscale=4),)),
        (flawed(1200, 1200, most=2), (RealESRGAN(upscale=1),)),
        (flawed(4000, 3000), ()),
        (flawed(4000, 3000, most=10), ()),
        (flawed(6000, 4000), ()),
    ):
        assert suggestion.steps == options
        assert said in words(suggestion, "real_esrgan")


AS_PHOTO = "realesrgan-x4plus because it looks like a photo"
NOISE, BLUR, BLOCKS = "noise (sigma 9.0 of 255)", "blur (0.70 of 1)", "JPEG blocks (borders 2.5 times as strong as the rest)"


@pytest.mark.parametrize(
    ("flaws", "seen", "remedy"),
    [
        ({"noise_sigma": 9 / 255}, f"there is {NOISE}", "takes it away"),
        ({"blur": 0.7}, f"there is {BLUR}", "takes it away"),
        ({"blocking": 1.5}, f"there are {BLOCKS}", "takes them away"),
        ({"noise_sigma": 9 / 255, "blur": 0.7}, f"there are {NOISE} and {BLUR}", "takes them away"),
        ({"noise_sigma": 9 / 255, "blur": 0.7, "blocking": 1.5}, f"there are {NOISE}, {BLUR} and {BLOCKS}", "takes them away"),
    ],
)
def test_flaws_are_told_in_sentences(flaws: dict[str, float], seen: str, remedy: str) -> None:
    said = words(suggested(texture=texture(**flaws)), "real_esrgan")
    assert said == f"{seen}, but 24 MP would take very long; upscale 1 {remedy} all the same"
    small = suggest_for(dataclasses.replace(sized(1200, 1200), texture=texture(**flaws)), Limits(max_output_megapixels=2))
    assert words(small, "real_esrgan") == f"1.4 MP is large enough, but {seen}; {AS_PHOTO}"
    enlarged = suggest_for(dataclasses.replace(sized(600, 600), texture=texture(**flaws)), Limits())
    assert words(enlarged, "real_esrgan") == f"0.36 MP becomes 5.8 MP, with {seen.split(' ', 2)[2]} taken away; {AS_PHOTO}"


def test_two_passes_that_take_long_are_told_with_what_makes_one_of_them() -> None:
    for width, factor, large in ((236, 16, "14"), (250, 16, "16"), (300, 8, "5.8")):
        facts = sized(width, width)
        found = suggest_for(facts, Limits())
        said = next(reason.words for reason in found.reasons if reason.step == "real_esrgan")
        asked = re.search(r"in two passes of the network \(max_output_megapixels ([0-9.]+) asks for one, 17 times as fast\)", said)
        assert asked is not None, said
        assert f" becomes {large} MP in two passes" in said
        assert found.steps[0] == RealESRGAN(upscale=factor)
        assert suggest_for(facts, Limits(max_output_megapixels=float(asked[1]))).steps[0] == RealESRGAN(upscale=4)
        assert "--max-output-megapixels" in flagged(said)
    for quick in (sized(100, 100), sized(500, 500)):  # two passes that are done at once, and one
        assert "passes" not in words(suggest_for(quick, Limits()), "real_esrgan")


def test_low_contrast_is_not_rounded_to_fine_contrast() -> None:
    for white in np.linspace(0.58, 0.66, 100):
        suggestion = suggested(luminance=Luminance(0.1, 0.12, 0.2, 0.25, 0.3, 0.35, float(white), 0.25))
        (shown,) = re.findall(r"lightness spans (\S+) of 100", words(suggestion, "clahe"))
        assert (float(shown) < 45) == ("clahe" in steps(suggestion)), white


@pytest.mark.parametrize(
    ("width", "height", "most", "said"),
    [
        (2_040, 1_000, 2, "but 2.04 MP is more than the 2 MP allowed for a result"),
        (40_000, 30_000, 1_000_000, "but 1200 MP would take very long"),
        (12_345, 10_000, 100, "but 123 MP is more than the 100 MP allowed for a result"),
    ],
)
def test_sizes_are_plain_numbers_on_the_right_side_of_the_limit(width: int, height: int, most: float, said: str) -> None:
    facts = dataclasses.replace(sized(width, height), texture=texture(blur=0.7))
    assert said in words(suggest_for(facts, Limits(max_output_megapixels=most)), "real_esrgan")


@given(st.floats(0, 1), st.floats(0, 1), st.floats(-4, 4), st.integers(1, 30_000), st.floats(0.000_001, 1e6))
def test_no_reason_has_a_power_of_ten_or_a_minus_zero(light: float, sure: float, stops: float, side: int, most: float) -> None:
    luminance = Luminance(*(light * share for share in (0, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 0.5)))
    facts = dataclasses.replace(sized(side, side), luminance=luminance, cast=Cast(5000, -stops / 1e4, sure), exposure_stops=stops)
    for reason in suggest_for(facts, Limits(max_output_megapixels=most)).reasons:
        assert not re.search(r"\de[+-]\d|-0\.0+\b", reason.words), reason.words


def test_steps_are_in_the_order_in_which_they_help() -> None:
    facts = dataclasses.replace(sized(200, 200), cast=Cast(3000, 0, 0.9), exposure_stops=-1.2, luminance=HAZY, faces=2)
    suggestion = suggest_for(facts, Limits())
    assert suggestion.steps == (
        WhiteBalance(1.0),
        ExposureCorrection(1.0),
        CLAHE(1.0),
        RealESRGAN(upscale=16),
        GFPGAN(leave_sharp=True),
    )
    assert all(reason.chosen and reason.strength and reason.words for reason in suggestion.reasons)


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((8, 8, 3), np.uint8),
        np.full((8, 8, 3), 255, np.uint8),
        np.full((1, 1, 3), 99, np.uint8),
        np.full((3, 900, 3), (9, 99, 200), np.uint16),
    ],
)
def test_one_colour_needs_nothing(pixels: npt.NDArray[Any]) -> None:
    suggestion = suggest(Photo(pixels))
    assert suggestion.steps == ()
    assert {reason.words for reason in suggestion.reasons} == {"the photo is of one colour"}


def test_one_colour_may_have_the_contrast_of_rounding() -> None:
    """The mean of equal values is not quite that value on every processor, and with many values on most."""
    facts = analyse(Photo(np.full((8, 8, 3), (9, 99, 200), np.uint8)))
    rounded = suggest_for(dataclasses.replace(facts, rms_contrast=1e-8), Limits())
    assert {reason.words for reason in rounded.reasons} == {"the photo is of one colour"}
    seen = suggest_for(dataclasses.replace(facts, rms_contrast=1e-3), Limits())
    assert {reason.words for reason in seen.reasons} != {"the photo is of one colour"}


def test_what_nobody_sees_needs_nothing(cat: npt.NDArray[np.uint8]) -> None:
    suggestion = suggest(Photo(cat, np.zeros(cat.shape[:2], np.uint8)))
    assert {(reason.chosen, reason.words) for reason in suggestion.reasons} == {(False, "the photo is fully transparent")}


@pytest.mark.parametrize("stops", [-3, -2, 2])
def test_a_photo_made_darker_or_brighter_is_corrected(stops: float, sample: npt.NDArray[np.uint8]) -> None:
    light = (sample / 255) ** 2.2 * 2.0**stops
    suggestion = suggest(Photo(np.asarray(np.rint(np.clip(light, 0, 1) ** (1 / 2.2) * 255), np.uint8)))
    assert "exposure_correction" in steps(suggestion)
    assert suggestion.facts.exposure_stops * stops < 0


LIGHTS = [(1.6, 1, 0.4), (0.7, 1, 1.5)]


def in_light(pixels: npt.NDArray[np.uint8], gains: tuple[float, float, float], *, dimmed: float = 1) -> Photo:
    light = (pixels / 255) ** 2.2 * gains / dimmed
    return Photo(np.asarray(np.rint(np.clip(light, 0, 1) ** (1 / 2.2) * 255), np.uint8))


def test_a_photo_in_lamp_light_is_balanced(sample: npt.NDArray[np.uint8]) -> None:
    assert "white_balance" in steps(suggest(in_light(sample, LIGHTS[0])))
    assert {"white_balance", "exposure_correction"} <= set(steps(suggest(in_light(sample, LIGHTS[0], dimmed=6))))


# In lamp light the blue sky above the bricks is grey, which is as likely.
@pytest.mark.parametrize(
    ("name", "gains"), [("OST_009.png", LIGHTS[1]), ("group_of_faces.png", LIGHTS[0]), ("group_of_faces.png", LIGHTS[1])]
)
def test_a_photo_in_lamp_light_or_shade_is_balanced_and_a_dark_one_brightened(
    name: str, gains: tuple[float, float, float], data: Path
) -> None:
    with Image.open(data / "photos" / name) as image:
        pixels = np.asarray(image.convert("RGB"))
    assert "white_balance" in steps(suggest(in_light(pixels, gains)))
    assert "white_balance" not in steps(suggest(Photo(pixels)))
    assert {"white_balance", "exposure_correction"} <= set(steps(suggest(in_light(pixels, gains, dimmed=6))))


def test_a_small_good_photo_is_only_enlarged(data: Path) -> None:
    assert steps(suggest_file(data / "photos" / "OST_009.png")) == ("real_esrgan",)


def test_a_16_bit_photo_with_transparency_gets_a_suggestion(data: Path) -> None:
    suggestion = suggest_file(data / "photos" / "tree_alpha_16bit.png")
    assert (suggestion.facts.depth_bits, suggestion.facts.has_alpha) == (16, True)
    assert "real_esrgan" in steps(suggestion)


def test_a_file_gives_the_suggestion_of_its_photo_and_the_quality_of_its_tables(saved: Save, sample: npt.NDArray[np.uint8]) -> None:
    assert suggest_file(saved("photo.png", sample)) == suggest(Photo(sample))
    path = saved("photo.jpg", sample)
    Image.fromarray(sample).save(path, quality=20)
    suggestion = suggest_file(path)
    assert suggestion.facts.jpeg_quality == 20
    assert "file of quality 20" in words(suggestion, "real_esrgan")


def test_a_photo_too_large_for_memory_is_read_onto_a_disk(saved: Save, sample: npt.NDArray[np.uint8], tmp_path: Path) -> None:
    path = saved("photo.png", np.tile(sample, (8, 8, 1)))  # 26 MB
    usual = suggest_file(path)
    assert suggest_file(path, machine=Machine(max_memory=100_000_000, scratch=str(tmp_path))) == usual
    with pytest.raises(DiskError):
        suggest_file(path, machine=Machine(max_memory=100_000_000, scratch=str(tmp_path / "missing")))


def test_refuses_what_cannot_be_read(saved: Save, sample: npt.NDArray[np.uint8], tmp_path: Path) -> None:
    with pytest.raises(PhotoError):
        suggest_file(tmp_path / "missing.png")
    with pytest.raises(PhotoTooLarge):
        suggest_file(saved("photo.png", sample), machine=Machine(max_pixels=1000))


def test_json_holds_recipe_reasons_and_facts_and_is_read_as_a_recipe() -> None:
    suggestion = suggest_for(sized(600, 600), Limits())
    text = suggestion.to_json()
    assert text.isascii()
    values = json.loads(text)
    assert sorted(values) == ["facts", "reasons", "recipe", "warnings"]
    assert [reason["step"] for reason in values["reasons"]] == list(STEPS)
    assert values["facts"]["cast"] == {"kelvin": 6504, "duv": 0.003, "confidence": 0.9, "strength": 1.0}
    assert Recipe.from_json(text) == suggestion.recipe


def test_suggestions_name_every_option_that_matters() -> None:
    mapping = suggest_for(dataclasses.replace(sized(600, 600), exposure_stops=2.0), Limits()).recipe.to_mapping()
    assert mapping["steps"] == [
        {"step": "exposure_correction", "enhance_level": 1.0, "local": "auto"},
        {"step": "real_esrgan", "model": "realesrgan-x4plus", "upscale": 4, "enhance_level": 1.0, "keep_colours": True},
    ]


@pytest.fixture(scope="module")
def sample() -> npt.NDArray[np.uint8]:
    with Image.open(SAMPLE) as photo:
        return np.asarray(photo.convert("RGB"))
