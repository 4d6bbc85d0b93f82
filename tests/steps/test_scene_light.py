"""What tells coloured light that belongs to a scene from a cast."""

import numpy as np
import numpy.typing as npt

from img_enhance.light.colour import srgb
from img_enhance.light.illuminant import chromaticity, cones, cones_of_rgb
from img_enhance.light.scene_light import EVIDENCE, evidence_of, odds_in_scene
from img_enhance.photo import Photo

Levels = npt.NDArray[np.uint8]

_WARM = chromaticity(3000, 0.0)
# Where the evidence says what colour the dark and the bright third have along the light.
_DARK_ALONG, _BRIGHT_ALONG, _GREY, _AT_LIGHT = 4, 8, 12, 13


def grey_scene() -> npt.NDArray[np.float64]:
    """(80, 120) linear light of things of all brightnesses, a bright third above."""
    random = np.random.default_rng(4)
    light = 0.02 * 30 ** random.random((80, 120))
    light[:27] = 0.7
    return light


def coloured(light: npt.NDArray[np.float64], in_warm_light: npt.NDArray[np.bool_]) -> Levels:
    """sRGB of grey things, some of them in warm light."""
    warm = np.linalg.solve(cones_of_rgb(srgb()), cones(_WARM))
    lit = light[..., None] * np.where(in_warm_light[..., None], warm / warm.max(), 1)
    return np.asarray(srgb().encode(lit.astype(np.float32), 8), np.uint8)


def evidence(pixels: Levels, alpha: Levels | None = None) -> npt.NDArray[np.float32]:
    found = evidence_of(Photo(pixels, alpha=alpha), srgb(), _WARM, 1.0)
    assert found is not None
    return found


def test_a_cast_lies_over_bright_and_dark_alike_and_a_sunset_does_not() -> None:
    light = grey_scene()
    cast, sunset = (evidence(coloured(light, where)) for where in (np.ones(light.shape, bool), np.arange(80)[:, None] < np.full(120, 27)))
    assert cast.shape == (EVIDENCE,)
    assert abs(cast[_BRIGHT_ALONG] - cast[_DARK_ALONG]) < 0.2
    assert sunset[_BRIGHT_ALONG] - sunset[_DARK_ALONG] > 1.5
    assert cast[_GREY] < 0.2 < 0.7 < sunset[_GREY]
    assert cast[_AT_LIGHT] > 0.9


def test_warm_light_above_grey_things_is_less_likely_a_cast() -> None:
    light = grey_scene()
    whole, above = (Photo(coloured(light, where)) for where in (np.ones(light.shape, bool), np.arange(80)[:, None] < np.full(120, 27)))
    assert odds_in_scene(whole, srgb(), _WARM, 1.0) > odds_in_scene(above, srgb(), _WARM, 1.0) + 1


def test_hidden_pixels_do_not_count() -> None:
    pixels = coloured(grey_scene(), np.ones((80, 120), bool))
    alpha = np.full((80, 120), 255, np.uint8)
    alpha[:, 50:] = 0
    other = pixels.copy()
    other[:, 50:] = np.random.default_rng(5).integers(0, 256, other[:, 50:].shape)
    np.testing.assert_array_equal(evidence(pixels, alpha), evidence(other, alpha))


def test_black_has_no_colour_to_judge_by() -> None:
    black = Photo(np.zeros((80, 120, 3), np.uint8))
    assert evidence_of(black, srgb(), _WARM, 1.0) is None
    assert odds_in_scene(black, srgb(), _WARM, 0.7) == 0.7
