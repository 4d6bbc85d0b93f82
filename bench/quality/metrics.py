"""How far a picture is from the truth."""

from math import log10

import numpy as np
from skimage.color import deltaE_ciede2000, rgb2lab
from skimage.metrics import structural_similarity

from photos import Pixels
from quality.angle import mean_angle
from quality.findings import Scores
from quality.light import WHITE, Linear

# Equal pictures have no PSNR; 8-bit values that are wrong by rounding alone have 59 dB.
MOST_DECIBELS = 60.0


class Judge:
    """Compares pictures with one truth; what is needed of the truth is computed once."""

    def __init__(self, truth: Pixels) -> None:
        self.truth = truth
        self._lab = _lab(truth)

    def scores(self, picture: Pixels, *, given: Pixels) -> Scores:
        """Of `picture`, which a method made of the degraded picture `given`."""
        return Scores(
            psnr=psnr(self.truth, picture),
            ssim=float(structural_similarity(self.truth, picture, channel_axis=2, data_range=WHITE)),
            ciede2000=float(np.mean(deltaE_ciede2000(self._lab, _lab(picture)))),
            angle=mean_angle(self.truth, picture, given=given),
        )


def difference(picture: Pixels, truth: Pixels) -> float:
    """Mean CIEDE2000 of the pixels."""
    return float(np.mean(deltaE_ciede2000(_lab(picture), _lab(truth))))


def _lab(pixels: Pixels) -> Linear:
    lab: Linear = rgb2lab(pixels.astype(np.float32) / np.float32(WHITE))
    return lab


def psnr(truth: Pixels, picture: Pixels) -> float:
    """In decibels, at most `MOST_DECIBELS`."""
    apart = truth.astype(np.float32) - picture
    mean_square = float(np.mean(apart * apart))
    return min(MOST_DECIBELS, 10 * log10(WHITE**2 / mean_square)) if mean_square else MOST_DECIBELS
