"""What steps did to a photo shown in the standard range, carried back to its high range: by arithmetic, without files."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from img_enhance.light.carry_back import Carrying, carried_back, carrying, lights
from img_enhance.light.colour import srgb
from img_enhance.light.hdr import WHITE_NITS, brightest, pq_values, range_of, screen_light, screen_values, show_in_standard_range
from img_enhance.light.triangle import mixed, taps
from img_enhance.metadata.colours import BT2020, DISPLAY_P3, Colours, Primaries, coded_colours

Array = npt.NDArray[Any]

PQ, HLG = coded_colours(9, 16), coded_colours(9, 18)
# Two colours are one where they differ by a rounding to 16 bits on the way.
ROUNDING = 2e-4


def ramp(brightest_nits: float) -> Array:
    """Values of PQ, (1, 300, 3): light from 0.01 cd/m2 up, slightly coloured."""
    light = np.geomspace(0.01, brightest_nits, 300)[:, None] * [1.0, 0.8, 0.6]
    return np.asarray(np.rint(pq_values(light) * 65_535), np.uint16)[None]


def both_of(values: Array, colours: Colours) -> tuple[Carrying, Array]:
    """What carries back to these values, and what steps see of them."""
    scale = range_of(colours, grey=False)
    seen = values.copy()
    show_in_standard_range(seen, scale, lambda: None)
    return carrying(colours, brightest(values, scale, lambda: None), grey=False), seen


def light_of(values: Array, both: Carrying) -> Array:
    return screen_light(values, both.result)


@pytest.mark.parametrize("colours", [PQ, HLG, Colours(DISPLAY_P3, "pq"), Colours(DISPLAY_P3, "hlg")])
def test_what_no_step_changed_stays_as_it_was(colours: Colours) -> None:
    values = np.random.default_rng(1).integers(3000, 60_000, (40, 50, 3)).astype(np.uint16)
    both, seen = both_of(values, colours)
    np.testing.assert_array_equal(carried_back(seen, lights(values, both), both), values)


def test_below_the_knee_the_result_has_the_light_of_the_steps() -> None:
    values = ramp(80)  # the knee lies at 89 cd/m2
    both, seen = both_of(np.concatenate([values, ramp(1000)]), PQ)
    brighter = np.minimum(seen[:1].astype(float) * 1.1, 65_535).astype(np.uint16)
    got = light_of(carried_back(brighter, lights(values, both), both), both) @ np.linalg.inv(both.from_p3.T)
    np.testing.assert_allclose(got, srgb().decode(brighter), atol=ROUNDING)


@pytest.mark.parametrize("times", [0.5, 0.9])
def test_what_gets_darker_by_a_factor_gets_so_above_white_too(times: float) -> None:
    values = np.asarray(np.rint(pq_values(np.array([[[300.0] * 3, [600.0] * 3, [1000.0] * 3, [4000.0] * 3]])) * 65_535), np.uint16)
    both, seen = both_of(values, PQ)
    darker = srgb().encode(srgb().decode(seen) * np.float32(times), 16)
    ratio = light_of(carried_back(darker, lights(values, both), both), both) / light_of(values, both)
    # The offset by which black has a gain costs a little.
    np.testing.assert_allclose(ratio, times, atol=0.02)


def test_brighter_never_becomes_darker_than_what_was_less_bright() -> None:
    values = ramp(4000)
    both, seen = both_of(values, PQ)
    lifted = srgb().encode(np.sqrt(srgb().decode(seen)), 16)
    got = light_of(carried_back(lifted, lights(values, both), both), both)[0]
    assert (np.diff(got, axis=0) >= -1e-4).all()
    assert got[-1, 0] * WHITE_NITS == pytest.approx(4000, rel=0.05)  # white stays white


def test_colours_beyond_display_p3_keep_what_it_lacks() -> None:
    green = np.asarray(np.rint(pq_values(np.array([[[0.0, 100.0, 0.0]]])) * 65_535), np.uint16)
    both, seen = both_of(green, PQ)
    darker = srgb().encode(srgb().decode(seen) * np.float32(0.5), 16)
    got = light_of(carried_back(darker, lights(green, both), both), both)[0, 0] * WHITE_NITS
    assert got[1] == pytest.approx(50, rel=0.03)
    assert max(got[0], got[2]) < 0.5


def test_primaries_that_few_formats_can_say_become_those_of_bt2020() -> None:
    odd = Colours(Primaries((0.66, 0.32), (0.25, 0.68), (0.15, 0.05), (0.3127, 0.329)), "pq")
    values = ramp(900)
    both, seen = both_of(values, odd)
    got = carried_back(seen, lights(values, both), both)
    matrix = np.linalg.inv(range_of(Colours(BT2020, "pq"), grey=False).to_p3) @ range_of(odd, grey=False).to_p3
    expected = screen_light(values, both.source) @ matrix.T
    np.testing.assert_allclose(light_of(got, both), expected, rtol=0.002, atol=1e-5)


@pytest.mark.parametrize("colours", [PQ, HLG])
def test_values_come_back_from_their_light(colours: Colours) -> None:
    scale = range_of(colours, grey=False)
    values = np.repeat(np.arange(500, 65_536)[None, :, None], 3, 2).astype(np.uint16)
    assert np.abs(screen_values(screen_light(values, scale), scale).astype(int) - values).max() <= 1
    beyond = np.array([[[-1.0] * 3, [1000.0] * 3]], np.float32)
    np.testing.assert_array_equal(screen_values(np.maximum(beyond, 0), scale)[0, :, 0], [0, 65_535])


@pytest.mark.parametrize(("size", "result"), [(7, 7), (7, 28), (28, 7), (40, 13), (1, 5), (5, 1)])
@pytest.mark.parametrize("wraps", [False, True])
def test_a_triangle_keeps_what_is_even_and_stays_between_its_neighbours(size: int, result: int, wraps: bool) -> None:
    values = np.random.default_rng(2).random((size, 3, 2)).astype(np.float32)
    got = mixed(values, taps(size, result, 0, result, wraps=wraps), axis=0)
    assert got.shape == (result, 3, 2)
    assert got.min() >= values.min() - 1e-6
    assert got.max() <= values.max() + 1e-6
    np.testing.assert_allclose(mixed(np.ones_like(values), taps(size, result, 0, result, wraps=wraps), axis=0), 1, rtol=1e-6)
    if size == result:
        np.testing.assert_array_equal(got, values)
    parts = [mixed(values, taps(size, result, at, at + 1, wraps=wraps), axis=0) for at in range(result)]
    np.testing.assert_array_equal(np.concatenate(parts), got)


def test_a_triangle_lays_a_slope_where_the_pixels_lie() -> None:
    slope = (np.arange(20, dtype=np.float32) + 0.5)[None, :, None]
    for result in (10, 60):
        got = mixed(slope, taps(20, result, 0, result), axis=1)[0, :, 0]
        inside = slice(result // 10, -result // 10)
        np.testing.assert_allclose(got[inside], ((np.arange(result) + 0.5) * 20 / result)[inside], rtol=1e-5)


def test_a_panorama_goes_on_at_its_other_edge() -> None:
    values = np.array([0, 0, 0, 1], np.float32)[None, :, None]
    got = mixed(values, taps(4, 8, 0, 8, wraps=True), axis=1)[0, :, 0]
    np.testing.assert_allclose(got, [0.25, 0, 0, 0, 0, 0.25, 0.75, 0.75])
