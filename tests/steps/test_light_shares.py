"""What part of a photo is how bright."""

import numpy as np
import pytest

from img_enhance.light.light_shares import SHARES, STOPS, light_shares

LUMINANCE, LARGEST, SMALLEST = (slice(number * len(STOPS), (number + 1) * len(STOPS)) for number in range(3))
CLIPPED = slice(3 * len(STOPS), SHARES)
ALL = np.ones((6, 4), bool)


def of(light: float, *, counts: np.ndarray[tuple[int, int], np.dtype[np.bool_]] = ALL) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    flat = np.full(ALL.shape, light, np.float32)
    return light_shares(flat, flat, flat, counts)


def test_counts_what_exceeds_each_stop() -> None:
    light = np.exp2(-np.linspace(0.05, 9.95, 240, dtype=np.float32)).reshape(12, 20).astype(np.float32)
    shares = light_shares(light, light, np.float32(0.5) * light, np.ones(light.shape, bool)) ** 2
    np.testing.assert_allclose(shares[LUMINANCE], np.array(STOPS) / 9.9, atol=0.01)
    np.testing.assert_array_equal(shares[LARGEST], shares[LUMINANCE])
    np.testing.assert_allclose(shares[SMALLEST], (np.array(STOPS) - 1).clip(0) / 9.9, atol=0.01)


@pytest.mark.parametrize(("light", "exceeded"), [(0.0, 0), (1.0, len(STOPS)), (0.3, len([stops for stops in STOPS if 2.0**-stops < 0.3]))])
def test_one_light_exceeds_all_stops_below_it(light: float, exceeded: int) -> None:
    assert of(light)[LUMINANCE].tolist() == [0] * (len(STOPS) - exceeded) + [1] * exceeded


def test_clipped_light_is_counted_where_it_is() -> None:
    largest, smallest = np.zeros((6, 4), np.float32), np.zeros((6, 4), np.float32)
    largest[:2], smallest[0] = 1, 1
    # Of the whole in some channel and in all, then of each third in some, and in all, and of blocks, each of which is a pixel here.
    expected = [1 / 3, 1 / 6, 1, 0, 0, 1 / 2, 0, 0, 1 / 3, 1 / 6]
    np.testing.assert_allclose(light_shares(largest, largest, smallest, ALL)[CLIPPED] ** 2, expected, atol=1e-6)


def test_points_are_not_clipped_blocks() -> None:
    light = np.zeros((160, 160), np.float32)
    light[:80, :40] = 1
    light[::10, 80::10] = 1
    shares = light_shares(light, light, light, np.ones(light.shape, bool))[CLIPPED] ** 2
    np.testing.assert_allclose(shares[[0, -2, -1]], [1 / 8 + 0.5 / 100, 1 / 8, 1 / 8], atol=1e-6)


def test_only_pixels_that_count_are_counted() -> None:
    light = np.zeros((6, 4), np.float32)
    light[:, :2] = 1
    counts = light > 0
    np.testing.assert_array_equal(light_shares(light, light, light, counts), of(1.0))
    counts[:2] = False
    clipped = light_shares(light, light, light, counts)[CLIPPED]
    assert clipped.tolist() == [1, 1, 0, 1, 1, 0, 1, 1, 1, 1]
