"""How far an enlarged picture is from the truth."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from skimage.metrics import structural_similarity

from enlarging.lpips import Lpips
from photos import Pixels
from quality.light import WHITE
from quality.metrics import difference, psnr

# Of the paper, for values to 255.
_GRADIENT_CONSTANT = 170.0
_PREWITT = np.array([[1, 0, -1], [1, 0, -1], [1, 0, -1]], np.float32) / 3


@dataclass(frozen=True)
class Scores:
    """PSNR in decibels and SSIM, the more the better; GMSD, CIEDE2000 at the small picture's size, and LPIPS, the less the better.

    `lpips` is none where nobody had the metric.
    """

    psnr: float
    ssim: float
    gmsd: float
    colour: float
    lpips: float | None = None


def scores(truth: Pixels, picture: Pixels, scale: int, lpips: Lpips | None) -> Scores:
    """Of a picture that was enlarged `scale` times."""
    small = (truth.shape[1] // scale, truth.shape[0] // scale)
    one, other = (np.asarray(cv2.resize(pixels, small, interpolation=cv2.INTER_AREA), np.uint8) for pixels in (picture, truth))
    return Scores(
        psnr=psnr(truth, picture),
        ssim=float(structural_similarity(truth, picture, channel_axis=2, data_range=WHITE)),
        gmsd=gmsd(truth, picture),
        colour=difference(one, other),
        lpips=lpips.distance(truth, picture) if lpips is not None else None,
    )


def gmsd(truth: Pixels, picture: Pixels) -> float:
    """How unequally gradients differ over a picture; 0 where they are the same.

    Source: Xue et al. 2014, Gradient Magnitude Similarity Deviation (arXiv:1308.3052).
    """
    one, other = _gradients(truth), _gradients(picture)
    alike = (2 * one * other + _GRADIENT_CONSTANT) / (one * one + other * other + _GRADIENT_CONSTANT)
    return float(np.std(alike))


def _gradients(pixels: Pixels) -> npt.NDArray[np.float32]:
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32)
    half = cv2.blur(grey, (2, 2))[::2, ::2]
    across, down = (cv2.filter2D(half, cv2.CV_32F, kernel) for kernel in (_PREWITT, _PREWITT.T))
    return np.asarray(np.sqrt(across * across + down * down), np.float32)
