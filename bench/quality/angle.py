"""How far the colours of a picture point away from those of the truth, brightness apart."""

import numpy as np
import numpy.typing as npt

from photos import Pixels
from quality.light import LUMINANCE, WHITE, Linear, decode

# Darker than this the direction of an 8-bit colour is mostly rounding.
DARK_LUMINANCE = 0.02


def mean_angle(truth: Pixels, picture: Pixels, *, given: Pixels) -> float | None:
    """Mean angle in degrees between linear RGB of `picture` and `truth`, pixel by pixel; None where no pixel counts.

    Pixels count that are neither dark nor clipped in the truth, and not clipped in `given`, the degraded picture: the same pixels
    for all methods. On grey pixels it is the reproduction angular error; taken over all colours of the photo it needs no grey ones.
    Source: Finlayson and Zakizadeh 2014, "Reproduction angular error".
    """
    linear = decode(truth)
    counted = (linear @ LUMINANCE > DARK_LUMINANCE) & ~_clipped(truth) & ~_clipped(given)
    if not counted.any():
        return None
    return float(np.degrees(np.mean(_angles(decode(picture)[counted], linear[counted]))))


def _angles(one: Linear, other: Linear) -> Linear:
    # The sine and the cosine together: the cosine alone tells small angles badly. Black, which has no direction, is at no angle.
    across = np.linalg.norm(np.cross(one, other), axis=-1)
    angles: Linear = np.arctan2(across, np.sum(one * other, axis=-1))
    return angles


def _clipped(pixels: Pixels) -> npt.NDArray[np.bool_]:
    clipped: npt.NDArray[np.bool_] = ((pixels == 0) | (pixels == WHITE)).any(axis=2)
    return clipped
