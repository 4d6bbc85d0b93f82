"""Noise taken out of a photo before it is brightened, as far as it would be seen afterwards.

Source: Lee 1980, "Digital image enhancement and noise filtering by use of local statistics": each value moves towards the mean of its
surroundings, by the part of their variance that noise explains. Here for brightness and for two differences of colour, because noise
is in each channel by itself, and detail in all of them together.
"""

from __future__ import annotations

import cv2
import numpy as np

from img_enhance.light.colour import CODES, Encoding, Floats, Pixels
from img_enhance.light.lightness import lightness_table
from img_enhance.light.noise import VISIBLE_NOISE, NoiseLevels
from img_enhance.light.tone import keep_clear_of_the_ends, looked_up, root_index

# The surroundings of a pixel: so many on each side.
REACH = 2
_WINDOW = (2 * REACH + 1, 2 * REACH + 1)

# Noise may stay half as strong as it was, or as can be seen.
_MAY_STAY = 0.5

# The noise of brightness and of a difference of two channels, as variances in those of a grey's. Noise that is the same in all channels
# and independent has 0.67 and 3.6 (sRGB's weights); more than that leaves less of it, and was best on photos with known noise (2026-11).
_BRIGHTNESS_VARIANCE = np.float32(1.5)
_DIFFERENCE_VARIANCE = np.float32(8.0)

# Codes at which the table is computed.
_STEP = 64


def variances_to_take_out(noise: NoiseLevels, table: Floats, encoding: Encoding) -> Floats | None:
    """(65536,) float32: the variance, in squared 16-bit codes, that noise has too much at each brightness; None where it has nowhere.

    `table` is the tone curve that is to follow, at `root_index`.
    """
    codes = np.arange(0, CODES, _STEP)
    index = root_index(encoding.decode_table(16)[1, codes])
    lightness = lightness_table().astype(np.float64)
    before, after = lightness[index], lightness[root_index(table)][index]
    steepness = np.maximum(np.gradient(before, codes), 1e-9)
    sigma = noise.at(before)
    brightened = sigma * np.gradient(after, codes) / steepness
    too_much = np.clip(1 - _MAY_STAY * np.maximum(sigma, VISIBLE_NOISE) / np.maximum(brightened, 1e-9), 0, 1)
    if not too_much.any():
        return None
    in_codes = sigma / 255 / steepness
    return np.interp(np.arange(CODES), codes, too_much * in_codes**2).astype(np.float32)


def without_noise(pixels: Pixels, variances: Floats) -> Pixels:
    """Pixels (h, w, 3) with noise of these variances taken out, as uint16.

    What is nearer than REACH to an edge is right only where the photo ends there. Nothing becomes black or white that was not.
    """
    red, green, blue = (plane.astype(np.float32) for plane in cv2.split(pixels))
    if pixels.itemsize == 1:
        for plane in (red, green, blue):
            plane *= np.float32(257)
    # Sums of whole numbers and their quarters are exact, hence the same wherever a strip begins.
    brightness = (red + blue) * np.float32(0.25) + green * np.float32(0.5)
    blue -= green
    red -= green
    variance = looked_up(variances, np.rint(_mean(brightness)).astype(np.uint16))
    brightness = _smoothed(brightness, variance * _BRIGHTNESS_VARIANCE)
    variance *= _DIFFERENCE_VARIANCE
    blue, red = _smoothed(blue, variance), _smoothed(red, variance)
    green = brightness - (blue + red) * np.float32(0.25)
    result = np.empty(pixels.shape, np.uint16)
    cv2.merge([np.rint(np.clip(plane, 0, CODES - 1)).astype(np.uint16) for plane in (red + green, green, blue + green)], result)
    keep_clear_of_the_ends(pixels, result)
    return result


def _smoothed(plane: Floats, noise: Floats) -> Floats:
    mean = _mean(plane)
    square = cv2.sqrBoxFilter(plane, -1, _WINDOW, normalize=True, borderType=cv2.BORDER_REFLECT_101)
    variance = np.asarray(square, np.float32) - mean * mean
    kept: Floats = variance - noise
    kept /= np.maximum(variance, np.float32(1))
    np.clip(kept, 0, 1, out=kept)
    kept *= plane - mean
    kept += mean
    return kept


def _mean(plane: Floats) -> Floats:
    return np.asarray(cv2.boxFilter(plane, -1, _WINDOW, borderType=cv2.BORDER_REFLECT_101), np.float32)
