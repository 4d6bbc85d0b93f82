"""By how much the low frequencies of an enlarged picture differ from those of the one it was made of, and how that is mended.

All sums are of whole numbers that float32 holds exactly, so that a part of a picture gets the bits of the whole one.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float32]

# A Gaussian of one pixel of the picture in whole numbers, which sum to 64. Of photos with known truth it does best where they are noisy,
# compressed and blurred; wider ones leave colours further off, a narrower one brings noise back (docs/models.md).
KERNEL = np.array([1, 3, 15, 26, 15, 3, 1], np.float32)
# How far it sees, one pixel more for what lies between two, and one for the contrast around each.
REACH = len(KERNEL) // 2 + 2

# 8-bit levels of contrast around a pixel at which it counts half: what networks do to hard edges is to draw them, and to spread the
# difference would make halos beside the lines of a drawing.
_EDGE = 96
_MOST_WEIGHT, _LEAST_WEIGHT = 64, 13

# Colours count in sixteenths of an 8-bit level. 64 * 64 times the largest of them is less than the 2^24 up to which float32 holds whole
# numbers.
STEPS = 255 * 16

_SQUARE = np.ones((3, 3), np.uint8)

# JPEG keeps colours at half the size, so that beside a hard edge they are those of both sides. A network draws that edge sharp in colour
# too, and what is low in the difference would put wrong colours back. They are told by changing softly: by less between two neighbours
# than 1 / 1.5 of what they span within 3 pixels, and than 1 / 1.1 of what the result's do. Of some forty ways to tell, this one took most
# loss from drawings that had been JPEGs, and hardly any gain from clean photos (2026-11, `docs/models.md`).
_NEIGHBOURHOOD = np.ones((7, 7), np.uint8)
_OF_SPAN, _OF_RESULT = 1.5, 1.1
# In steps: smaller changes of colour are noise as well.
_SMALL_CHANGE = 16 * 16

# What is light in red, green and blue, and exact for whole numbers.
_LIGHT = np.array([[0.25, 0.5, 0.25]], np.float32)


def correction_of(picture: Values, differences: Values) -> Values:
    """By how much a part of a result is to be brighter, (h + 2, w + 2, 3) in steps, with a row and a column around.

    Both arrays, (h, w, 3) in steps, go on for REACH around that part: the picture, and by how much it is brighter than the result's means,
    of which the low frequencies are taken. No mean is moved out of the range that the picture has around it: beside the lines of a
    drawing paper stays white.
    """
    least, most = cv2.erode(picture, _SQUARE), cv2.dilate(picture, _SQUARE)
    low = _low(differences[1:-1, 1:-1], _weights((most - least)[1:-1, 1:-1]))
    low = _with_colours(low, _trust_in_colours(picture, picture - differences))
    ring = slice(REACH - 1, 1 - REACH)
    now = picture[ring, ring] - differences[ring, ring]
    return np.clip(low, np.minimum(least[ring, ring] - now, 0), np.maximum(most[ring, ring] - now, 0), out=low)


def corrected(values: Values, correction: Values, scale: int, step: float) -> Values:
    """The result's values, `scale` times as large as the part, after the correction; a `step` is so much of them."""
    return np.asarray(cv2.scaleAdd(_enlarged_smoothly(correction, scale), step, values), np.float32)


def means(values: Values, scale: int) -> Values:
    """Of blocks of `scale` x `scale` values, (h, w, 3)."""
    height, width = values.shape[:2]
    # Sums of whole numbers are exact, whatever their order: 16 values of 16 bits stay far below 2^24.
    return np.asarray(cv2.resize(values, (width // scale, height // scale), interpolation=cv2.INTER_AREA), np.float32)


def _weights(contrast: Values) -> Values:
    """How much each pixel counts, (h, w, 1), a whole number: less at hard edges."""
    red, green, blue = (contrast[..., channel] for channel in range(3))
    strongest = np.maximum(np.maximum(red, green), blue)[..., None] / np.float32(_EDGE * STEPS / 255)
    squared = strongest * strongest
    return np.asarray(np.rint(np.float32(_MOST_WEIGHT) / (1 + squared * squared)), np.float32)


def _with_colours(low: Values, share: Values) -> Values:
    """The light of (h, w, 3), and of its colours the share, (h, w), in steps."""
    light = cv2.transform(low, _LIGHT)
    return np.asarray(cv2.merge([np.rint(light + (channel - light) * share) for channel in cv2.split(low)]), np.float32)


def _trust_in_colours(picture: Values, result: Values) -> Values:
    """How much the picture's colours say of the result's means, (h, w) from 0 to 1, without the REACH - 1 around that is looked at."""
    tints, made = _tints(picture), _tints(result)
    ring = slice(REACH - 1, 1 - REACH)
    spans = (cv2.subtract(cv2.dilate(tint, _NEIGHBOURHOOD), cv2.erode(tint, _NEIGHBOURHOOD)) for tint in tints)
    span = np.asarray(cv2.max(*spans)[ring, ring], np.float32)
    sharpness, wanted = _steepest(*tints), _steepest(*made)
    return np.maximum(_share(sharpness, span, _OF_SPAN), _share(sharpness, wanted, _OF_RESULT))


def _tints(values: Values) -> tuple[Values, Values]:
    """Red and blue against green."""
    red, green, blue = cv2.split(values)
    return np.asarray(cv2.subtract(red, green), np.float32), np.asarray(cv2.subtract(blue, green), np.float32)


def _steepest(*tints: Values) -> Values:
    """By how much neighbours differ at most around each pixel, where `_trust_in_colours` asks for it."""
    steps = [cv2.absdiff(after, tint[:-1, :-1]) for tint in tints for after in (tint[:-1, 1:], tint[1:, :-1])]
    ring = slice(REACH - 1, 2 - REACH)
    most = cv2.max(cv2.max(steps[0], steps[1]), cv2.max(steps[2], steps[3]))
    return np.asarray(cv2.dilate(most, _NEIGHBOURHOOD)[ring, ring], np.float32)


def _share(values: Values, of: Values, factor: float) -> Values:
    """1 where `factor` times the values are `of` them or more; less soon falls to nothing."""
    share = np.minimum((values + np.float32(_SMALL_CHANGE)) / (of + np.float32(_SMALL_CHANGE)) * np.float32(factor), 1)
    fourth = share * share * share * share
    return np.asarray(fourth * fourth, np.float32)


def _low(differences: Values, weights: Values) -> Values:
    """The low frequencies of (h, w, 3) steps, in steps, without the rows and columns that it looks at around."""

    def smoothed(values: Values) -> Values:
        sums = cv2.sepFilter2D(values, cv2.CV_32F, KERNEL, KERNEL, borderType=cv2.BORDER_REPLICATE)
        inner = slice(len(KERNEL) // 2, -(len(KERNEL) // 2))
        return np.asarray(sums[inner, inner], np.float32)

    weighed = smoothed(np.rint(differences * weights / np.float32(_MOST_WEIGHT)))
    weight = smoothed(weights[..., 0])[..., None] / np.float32(_MOST_WEIGHT)
    least = np.float32(KERNEL.sum() ** 2 * _LEAST_WEIGHT / _MOST_WEIGHT)
    return np.asarray(np.rint(weighed / np.maximum(weight, least)), np.float32)


def _enlarged_smoothly(values: Values, scale: int) -> Values:
    """Linearly between pixels' centres; a row and a column around are only looked at."""
    if scale in (2, 4):  # the shares of neighbours are exact
        larger = cv2.resize(values, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
        return np.asarray(larger[scale:-scale, scale:-scale], np.float32)
    return np.ascontiguousarray(_between(_between(values, scale, 0), scale, 1) / np.float32(4 * scale * scale))


def _between(values: Values, scale: int, axis: int) -> Values:
    """2 * scale times as much along an axis, so that it stays whole."""
    moved = np.moveaxis(values, axis, 0)
    before, middle, after = moved[:-2], moved[1:-1], moved[2:]
    result = np.empty((len(middle), scale, *moved.shape[1:]), np.float32)
    for phase in range(scale):
        # The centre of this one of `scale` pixels, from that of their whole, in parts of 2 * scale.
        off = 2 * phase + 1 - scale
        result[:, phase] = (2 * scale - abs(off)) * middle + abs(off) * (before if off < 0 else after)
    return np.moveaxis(result.reshape(len(middle) * scale, *moved.shape[1:]), 0, axis)
