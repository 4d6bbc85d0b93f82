"""Values of 8 bits that a steep tone curve is to follow, back between their codes where a photo is smooth.

Source: Daly, Feng 2004, "Decontouring: prevention and removal of false contour artifacts": what was stored as a code was anywhere within
half a code of it; in a smooth gradient the mean of the surroundings is nearer to it. No value moves further than that half, so nothing
is lost that was not rounding.
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from img_enhance.light.colour import Encoding, Floats, Pixels, with_depth
from img_enhance.light.lightness import lightness_table
from img_enhance.light.noise import VISIBLE_NOISE
from img_enhance.light.tone import looked_up, root_index

# The surroundings of a pixel: so many on each side. With 2, rings stay around a low sun that is made three stops darker, with 8 none
# (2026-11); the sum of more than 257 codes would not fit into 16 bits.
REACH = 7
_SIDE = 2 * REACH + 1
_COUNT = _SIDE * _SIDE

# Surroundings whose codes span up to the first are a gradient, from the second on an edge or texture; what lies between moves by a part.
_GRADIENT, _EDGE = 4, 8

# Half a code of 8 bits, in codes of 16.
_HALF = 128
_BORDER = cv2.BORDER_REFLECT_101


def steps_show(table: Floats, encoding: Encoding) -> bool:
    """Whether neighbouring codes of 8 bits are a just noticeable difference apart after a tone curve, (65536,) at `tone.root_index`."""
    index = root_index(encoding.decode_table(8)[1])
    lightness = lightness_table()[root_index(table[index])]
    return bool(np.diff(lightness).max() > VISIBLE_NOISE / 255)


def dequantised(pixels: Pixels) -> Pixels:
    """(h, w, 3) uint16 of pixels of 8 bits, in smooth places between their codes.

    What is nearer than REACH to an edge is right only where the photo ends there. Nothing becomes black or white that was not.
    """
    # Whole numbers throughout, hence the same wherever a strip begins.
    square = np.ones((_SIDE, _SIDE), np.uint8)
    span = cv2.subtract(cv2.dilate(pixels, square, borderType=_BORDER), cv2.erode(pixels, square, borderType=_BORDER))
    total = cv2.boxFilter(pixels, cv2.CV_16U, (_SIDE, _SIDE), normalize=False, borderType=_BORDER)
    own = looked_up(np.arange(256, dtype=np.uint16) * np.uint16(_COUNT), pixels)
    to_mean = np.asarray(cv2.subtract(total, own, dtype=cv2.CV_16S)).view(np.uint16)
    moves = cv2.multiply(looked_up(_moves(), to_mean), looked_up(_shares(), span))
    return np.asarray(cv2.add(with_depth(pixels, 16), moves, dtype=cv2.CV_16U), np.uint16)


@cache
def _moves() -> npt.NDArray[np.int16]:
    """(65536,): how far a value moves for each part of `_shares`, in codes of 16 bits, by `_COUNT` times the codes of 8 to its mean."""
    to_mean = np.arange(65536, dtype=np.uint16).view(np.int16) / _COUNT
    return np.rint(np.clip(to_mean, -0.5, 0.5) * 2 * _HALF / (_EDGE - _GRADIENT)).astype(np.int16)


@cache
def _shares() -> npt.NDArray[np.int16]:
    """(256,): by the span of the surroundings, how many parts of `_EDGE - _GRADIENT` of the way a value moves."""
    return np.clip(_EDGE - np.arange(256), 0, _EDGE - _GRADIENT).astype(np.int16)
