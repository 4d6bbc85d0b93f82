"""The quality bench's degradations are what they say, and always the same."""

import os
import subprocess
import sys
from collections import Counter

import numpy as np
import numpy.typing as npt
import pytest

from quality.angle import mean_angle
from quality.collection import PHOTOS, SETS
from quality.degradations import DEGRADATIONS, FAMILIES, Degradation, degraded
from quality.light import DAYLIGHT_KELVIN, cast_matrix, contrasted, decode, encode, uncontrasted, white_of

Pixels = npt.NDArray[np.uint8]

ALL_VALUES: Pixels = np.repeat(np.arange(256, dtype=np.uint8), 3).reshape(1, 256, 3)
GREY: Pixels = np.full((8, 8, 3), 128, dtype=np.uint8)


def named(name: str) -> Degradation:
    return next(degradation for degradation in DEGRADATIONS if degradation.name == name)


def test_encoding_undoes_decoding_for_every_value() -> None:
    assert np.array_equal(encode(decode(ALL_VALUES)), ALL_VALUES)


@pytest.mark.parametrize(("name", "factor"), [("-3 EV", 1 / 8), ("-1 EV", 1 / 2), ("+1 EV", 2), ("+2 EV", 4)])
def test_exposure_multiplies_the_light_and_clips_at_white(cat: Pixels, name: str, factor: float) -> None:
    given = decode(degraded(cat, named(name), photo="cat"))
    wanted = np.minimum(decode(cat) * factor, 1)
    # Rounding to 8 bits is wrong by half a value at most, which near white is 0.0045 of linear light.
    assert np.abs(given - wanted).max() < 0.0046


def test_daylight_casts_nothing(cat: Pixels) -> None:
    assert np.allclose(cast_matrix(DAYLIGHT_KELVIN), np.eye(3), atol=1e-12)
    assert np.array_equal(degraded(cat, Degradation("6504 K", "cast", kelvin=DAYLIGHT_KELVIN), photo="cat"), cat)


@pytest.mark.parametrize(("kelvin", "duv"), [(2500, 0.0), (3200, 0.003), (9000, 0.0), (6504, 0.02), (6504, -0.02)])
def test_channel_by_channel_white_has_the_same_light_and_nothing_is_mixed(kelvin: float, duv: float) -> None:
    by_eye, between, by_channel = (cast_matrix(kelvin, duv, sharpness=sharpness) for sharpness in (0, 0.5, 1))
    # The standards' white and the matrix of sRGB are rounded to four digits.
    np.testing.assert_allclose(by_channel @ np.ones(3), by_eye @ np.ones(3), atol=2e-3)
    np.testing.assert_allclose(between @ np.ones(3), by_eye @ np.ones(3), atol=2e-3)
    np.testing.assert_allclose(by_channel, np.diag(np.diag(by_channel)), atol=1e-12)
    assert np.abs(between - np.diag(np.diag(between))).max() > 1e-3


def test_a_cast_channel_by_channel_leaves_what_a_channel_lacks_black() -> None:
    red = np.full((4, 4, 3), (200, 0, 0), np.uint8)
    by_eye, by_channel = (degraded(red, Degradation("cold", "cast", kelvin=9000, sharpness=by), photo="red") for by in (0, 1))
    assert by_channel[..., 1:].max() == 0 < by_eye[..., 1:].max()
    assert 0 < by_channel[0, 0, 0] < 200


def test_a_curve_is_steep_in_the_middle_and_can_be_undone() -> None:
    values = decode(ALL_VALUES)
    steep = contrasted(values, 0.6)
    np.testing.assert_allclose(uncontrasted(steep, 0.6), values, atol=1e-4)
    codes = encode(steep)[0, :, 0].astype(int)
    assert (codes[[0, 255]] == (0, 255)).all()
    assert codes[138] - codes[118] == pytest.approx(20 * 1.3, abs=1)
    np.testing.assert_allclose(contrasted(values, 0.0), values, atol=1e-6)


def test_a_curve_makes_a_cast_of_middle_tones_stronger(cat: Pixels) -> None:
    flat, steep = (degraded(GREY, Degradation("warm", "cast", kelvin=4300, contrast=contrast), photo="grey")[0, 0] for contrast in (0, 0.8))
    assert int(steep[0]) - int(steep[2]) > 1.2 * (int(flat[0]) - int(flat[2]))
    assert np.abs(degraded(cat, Degradation("none", "cast", contrast=0.8), photo="cat").astype(int) - cat).max() <= 1


def test_known_illuminants_have_their_published_whites() -> None:
    # CIE 15: illuminant A is a black body of 2856 K, D50 is daylight of 5003 K, D65 of 6504 K, D75 of 7504 K.
    assert white_of(2856) == pytest.approx([1.0985, 1, 0.3558], abs=0.003)
    assert white_of(5003) == pytest.approx([0.9642, 1, 0.8251], abs=0.001)
    assert white_of(6504) == pytest.approx([0.9504, 1, 1.0888], abs=0.001)
    assert white_of(7504) == pytest.approx([0.9497, 1, 1.2264], abs=0.001)


@pytest.mark.parametrize(
    ("name", "order"),
    [("2500 K", "RGB"), ("4300 K", "RGB"), ("9000 K", "BGR"), ("12000 K", "BGR"), ("green", "GBR"), ("magenta", "RBG")],
)
def test_casts_have_their_colours(name: str, order: str) -> None:
    red_green_blue = degraded(GREY, named(name), photo="grey")[0, 0]
    assert "".join(sorted("RGB", key=lambda c: -int(red_green_blue["RGB".index(c)]))) == order


@pytest.mark.parametrize("duv", [0.02, -0.02])
def test_tints_lie_at_their_distance_from_daylight(duv: float) -> None:
    def uv(white: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        x, y, z = white
        return np.array([4 * x, 6 * y], dtype=np.float64) / float(x + 15 * y + 3 * z)

    assert np.linalg.norm(uv(white_of(6504, duv)) - uv(white_of(6504))) == pytest.approx(0.02, abs=1e-6)


def test_low_light_is_the_same_every_time_and_another_for_another_photo(cat: Pixels) -> None:
    low_light = named("low light")
    first = degraded(cat, low_light, photo="cat")
    assert np.array_equal(degraded(cat, low_light, photo="cat"), first)
    assert not np.array_equal(degraded(cat, low_light, photo="dog"), first)


def test_low_light_is_the_same_in_every_process() -> None:
    code = (
        "import numpy as np, zlib; from quality.degradations import DEGRADATIONS, degraded;"
        "low_light = next(d for d in DEGRADATIONS if d.noise);"
        "print(zlib.crc32(degraded(np.full((9, 9, 3), 99, np.uint8), low_light, photo='cat').tobytes()))"
    )
    # Python's hash of a text, the tempting seed, changes with this variable.
    said = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            check=True,
            capture_output=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(said) == 1


def test_low_light_has_the_noise_of_its_electrons() -> None:
    grey = np.full((200, 200, 3), 188, dtype=np.uint8)
    light = decode(grey)[0, 0, 0] / 16
    given = decode(degraded(grey, named("low light"), photo="grey")) / 4
    assert given.mean() == pytest.approx(light, rel=0.01)
    # Photons and reading add as variances: 10,000 electrons at white, 5 of reading; rounding to 8 bits adds under 5 %.
    assert given.std() == pytest.approx(np.sqrt(light * 10_000 + 25) / 10_000, rel=0.05)


def test_angle_of_a_grey_picture_is_that_of_the_light() -> None:
    given = degraded(GREY, named("9000 K"), photo="grey")
    red, green, blue = cast_matrix(9000) @ np.ones(3)
    cosine = (red + green + blue) / np.sqrt(3 * (red**2 + green**2 + blue**2))
    # 8-bit rounding turns a mid grey by up to 0.2 degrees.
    assert mean_angle(GREY, given, given=given) == pytest.approx(np.degrees(np.arccos(cosine)), abs=0.2)


def test_angle_ignores_brightness_and_counts_no_clipped_pixel(cat: Pixels) -> None:
    brighter = degraded(cat, named("+1 EV"), photo="cat")
    angle = mean_angle(cat, brighter, given=brighter)
    assert angle is not None
    assert angle < 0.3
    white = np.full_like(cat, 255)
    assert mean_angle(cat, white, given=white) is None


def test_every_family_has_degradations_with_names_of_their_own() -> None:
    assert {degradation.family for degradation in DEGRADATIONS} == set(FAMILIES)
    assert max(Counter(degradation.name for degradation in DEGRADATIONS).values()) == 1


def test_the_split_follows_its_rule() -> None:
    for kind in {photo.kind for photo in PHOTOS}:
        photos = sorted((photo for photo in PHOTOS if photo.kind == kind), key=lambda photo: photo.name)
        assert [photo.set for photo in photos] == [SETS[i % 2] for i in range(len(photos))]
