"""What is mended of an enlarged picture's low frequencies, by arithmetic."""

import numpy as np
import pytest

from img_enhance.light.low_band import Values, corrected


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_a_correction_goes_straight_from_pixel_to_pixel(scale: int) -> None:
    correction = np.random.RandomState(3).randint(-900, 900, (6, 9, 3)).astype(np.float32)
    values = np.full((4 * scale, 7 * scale, 3), 1000, np.float32)
    found = corrected(values, correction, scale, 0.5)
    np.testing.assert_allclose(found, 1000 + between(between(correction, scale, 0), scale, 1) / 2, atol=1e-3)


def between(values: Values, scale: int, axis: int) -> Values:
    """The values between the pixels' centres along an axis, without the first and last pixel, which are only looked at."""
    places = (np.arange((values.shape[axis] - 2) * scale) + 0.5) / scale + 0.5
    return np.apply_along_axis(lambda line: np.interp(places, np.arange(len(line)), line), axis, values)
