"""Temperature and Duv of lights, against published chromaticities."""

import numpy as np
import numpy.typing as npt
import pytest

from img_enhance.light.colour import srgb
from img_enhance.light.illuminant import (
    WHITE_KELVIN,
    chromaticity,
    cones,
    cones_of_rgb,
    daylight,
    of_cones,
    ordinary_duv,
    planckian,
    temperature_and_duv,
)

# (x, y) of black bodies by Planck's law and the CIE 1931 observer, summed in steps of 1 nm.
BLACK_BODIES = {
    1667: (0.56505, 0.40274),
    2000: (0.52668, 0.41330),
    2856: (0.44754, 0.40743),
    4000: (0.38044, 0.37675),
    5000: (0.34510, 0.35161),
    6500: (0.31353, 0.32363),
    10000: (0.28063, 0.28829),
    25000: (0.25252, 0.25222),
}
# CIE 15, table T.3.
DAYLIGHTS = {5003: (0.34567, 0.35850), 5503: (0.33242, 0.34743), 6504: (0.31272, 0.32903), 7504: (0.29902, 0.31485)}


def uv(x: float, y: float) -> npt.NDArray[np.float64]:
    scale = -2 * x + 12 * y + 3
    return np.array([4 * x / scale, 6 * y / scale])


@pytest.mark.parametrize("kelvin", BLACK_BODIES)
def test_black_bodies_have_their_published_chromaticity(kelvin: int) -> None:
    # 0.00015 is what the docstring promises.
    np.testing.assert_allclose(planckian(kelvin), uv(*BLACK_BODIES[kelvin]), atol=1.5e-4)


@pytest.mark.parametrize("kelvin", DAYLIGHTS)
def test_daylights_have_their_published_chromaticity(kelvin: int) -> None:
    np.testing.assert_allclose(daylight(kelvin), uv(*DAYLIGHTS[kelvin]), atol=5e-5)


@pytest.mark.parametrize("kelvin", DAYLIGHTS)
def test_temperature_of_daylight_is_its_name(kelvin: int) -> None:
    found, duv = temperature_and_duv(uv(*DAYLIGHTS[kelvin]))
    # Daylight's temperature is named to the kelvin, and the locus is known to 0.00015 in (u, v), which is 20 K at 7500 K.
    assert found == pytest.approx(kelvin, abs=20)
    assert duv == pytest.approx(0.0032, abs=2e-4)


@pytest.mark.parametrize("kelvin", [1700, 2500, 4000, 4500, 6504, 12000, 24000])
@pytest.mark.parametrize("duv", [-0.02, 0.0, 0.02])
def test_temperature_and_duv_undo_chromaticity(kelvin: float, duv: float) -> None:
    found = temperature_and_duv(chromaticity(kelvin, duv))
    # Ohno 2014 gives 1 K for the triangular solution near the locus; across it the steps of one mired add to that.
    assert found[0] == pytest.approx(kelvin, rel=2e-3)
    assert found[1] == pytest.approx(duv, abs=1e-5)


def test_greener_light_has_the_greater_duv() -> None:
    magenta, green = (np.linalg.solve(cones_of_rgb(srgb()), cones(chromaticity(5000, duv))) for duv in (-0.02, 0.02))
    assert green[1] > magenta[1]
    assert green[0] < magenta[0]
    assert green[2] < magenta[2]


def test_ordinary_lights_have_no_jump_between_lamps_and_daylight() -> None:
    duv = ordinary_duv(np.arange(3500, 5500))
    assert duv[0] == 0
    assert duv[-1] == pytest.approx(0.0032, abs=1e-4)
    assert np.abs(np.diff(duv)).max() < 1e-5


def test_white_of_a_photo_is_d65() -> None:
    white = chromaticity(WHITE_KELVIN, ordinary_duv(WHITE_KELVIN))
    np.testing.assert_allclose(white, uv(*DAYLIGHTS[6504]), atol=1e-4)
    np.testing.assert_array_equal(cones(white), [1, 1, 1])


def test_chromaticities_come_back_from_cone_responses() -> None:
    light = chromaticity(np.array([2000.0, 3000, 9000]), np.array([0.0, 0.01, -0.01]))
    np.testing.assert_allclose(of_cones(7 * cones(light)), light, atol=1e-12)


def test_white_of_an_encoding_has_equal_cone_responses() -> None:
    np.testing.assert_allclose(cones_of_rgb(srgb()).sum(axis=1), 1, atol=1e-12)
