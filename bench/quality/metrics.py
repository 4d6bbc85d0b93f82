"""How far a picture is from the truth."""

from dataclasses import dataclass
from math import log10

import numpy as np
import numpy.typing as npt
from skimage.color import deltaE_ciede2000, rgb2lab
from skimage.metrics import structural_similarity

from photos import Pixels
from quality.light import LUMINANCE, WHITE, Linear, decode

# Equal pictures have no PSNR; 8-bit values that are wrong by rounding alone have 59 dB.
MOST_DECIBELS = 60.0

# Darker than this the direction of an 8-bit colour is mostly rounding.
DARK_LUMINANCE = 0.02


@dataclass(frozen=True)
class Scores:
    """PSNR in decibels, at most 60; SSIM, the mean of the channels; mean CIEDE2000; mean angle in degrees, None where no pixel counts."""

    psnr: float
    ssim: float
    ciede2000: float
    angle: float | None


class Judge:
    """Compares pictures with one truth; what is needed of the truth is computed once."""

    def __init__(self, truth: Pixels) -> None:
        self.truth = truth
        self._linear = decode(truth)
        self._lab = _lab(truth)

    def scores(self, picture: Pixels, *, given: Pixels) -> Scores:
        """Of `picture`, which a method made of the degraded picture `given`."""
        return Scores(
            psnr=_psnr(self.truth, picture),
            ssim=float(structural_similarity(self.truth, picture, channel_axis=2, data_range=WHITE)),
            ciede2000=float(np.mean(deltaE_ciede2000(self._lab, _lab(picture)))),
            angle=self._angle(picture, given),
        )

    def _angle(self, picture: Pixels, given: Pixels) -> float | None:
        """Mean angle between the linear colours of picture and truth, over pixels that are neither dark nor clipped in truth or `given`.

        The same pixels for all methods. Of a picture that differs from the truth by one illuminant, in a von Kries way, it is the
        reproduction error of the photo's own colours.
        Source: Finlayson and Zakizadeh 2014, "Reproduction angular error", taken over all colours of the photo instead of one white.
        """
        counted = (self._linear @ LUMINANCE > DARK_LUMINANCE) & ~_clipped(self.truth) & ~_clipped(given)
        if not counted.any():
            return None
        return float(np.degrees(np.mean(_angles(decode(picture)[counted], self._linear[counted]))))


def _angles(one: Linear, other: Linear) -> Linear:
    # The sine and the cosine together: the cosine alone tells small angles badly. Black, which has no direction, is at no angle.
    across = np.linalg.norm(np.cross(one, other), axis=-1)
    angles: Linear = np.arctan2(across, np.sum(one * other, axis=-1))
    return angles


def _clipped(pixels: Pixels) -> npt.NDArray[np.bool_]:
    clipped: npt.NDArray[np.bool_] = ((pixels == 0) | (pixels == WHITE)).any(axis=2)
    return clipped


def _lab(pixels: Pixels) -> Linear:
    lab: Linear = rgb2lab(pixels.astype(np.float32) / np.float32(WHITE))
    return lab


def _psnr(truth: Pixels, picture: Pixels) -> float:
    apart = truth.astype(np.float32) - picture
    mean_square = float(np.mean(apart * apart))
    return min(MOST_DECIBELS, 10 * log10(WHITE**2 / mean_square)) if mean_square else MOST_DECIBELS
