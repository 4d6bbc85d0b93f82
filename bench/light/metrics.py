"""How far a picture is from the right one, and what a correction did to it besides."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from skimage.color import deltaE_ciede2000, rgb2lab

from light.findings import Distances, Effects
from photos import Pixels
from quality.light import WHITE
from quality.metrics import psnr

Values = npt.NDArray[np.float64]
Lab = Values
Mask = npt.NDArray[np.bool_]

# Shadows and highlights, CIE L* from 0 to 100, and the least share of each in a picture where both matter.
_SHADOW, _HIGHLIGHT, _LEAST_SHARE = 15, 85, 0.1

# Side in pixels of the square in which local contrast and smoothness are told.
_SQUARE = 7
# Standard deviation of 8-bit grey in a smooth square; and how many smooth pixels a code there must be before the absence of one says
# something.
_SMOOTH = 3.0
_PIXELS_A_CODE = 20


@dataclass(frozen=True)
class Target:
    """A right picture (H, W, 3) uint8, and `lab` of every second pixel of every second row."""

    pixels: Pixels
    lab: Lab


def target_of(pixels: Pixels) -> Target:
    return Target(pixels, lab_of(pixels))


def lab_of(pixels: Pixels) -> Lab:
    """CIELAB of every second pixel of every second row, which is enough for means."""
    lab: Lab = rgb2lab(pixels[::2, ::2] / WHITE)
    return lab


def difference(a: Lab, b: Lab) -> float:
    """Mean CIEDE2000."""
    return float(deltaE_ciede2000(a, b).mean())


def distances(picture: Target, truth: Target, fusion: Target) -> Distances:
    """Of `picture`, to the frame that is right and to the fusion of all frames."""
    return Distances(
        to_truth=difference(picture.lab, truth.lab),
        to_fusion=difference(picture.lab, fusion.lab),
        psnr=psnr(truth.pixels, picture.pixels),
        ssim=ssim(truth.pixels, picture.pixels),
    )


def ssim(truth: Pixels, picture: Pixels) -> float:
    """The mean of the channels and of all squares of 7 x 7 that lie in the picture.

    scikit-image's answers the same and takes as long as all else together.

    Source: Wang, Bovik, Sheikh and Simoncelli 2004, "Image quality assessment", equation 13, with uniform weights and unbiased variances.
    """
    x, y = truth.astype(np.float64), picture.astype(np.float64)
    mean_x, mean_y = _mean(x), _mean(y)
    unbiased = _SQUARE**2 / (_SQUARE**2 - 1)
    variance = unbiased * (_mean(x * x) - mean_x * mean_x + _mean(y * y) - mean_y * mean_y)
    covariance = unbiased * (_mean(x * y) - mean_x * mean_y)
    c1, c2 = (0.01 * WHITE) ** 2, (0.03 * WHITE) ** 2
    likeness = (2 * mean_x * mean_y + c1) * (2 * covariance + c2) / ((mean_x * mean_x + mean_y * mean_y + c1) * (variance + c2))
    rim = _SQUARE // 2
    return float(likeness[rim:-rim, rim:-rim].mean())


def effects(picture: Target, given: Pixels, truth: Target) -> Effects:
    """Of the correction that made `picture` of `given`."""
    return Effects(
        clipped=float((_clipped(picture.pixels) & ~_clipped(given)).mean()),
        chroma=_chroma(picture.lab),
        chroma_of_truth=_chroma(truth.lab),
        local_contrast=_local_contrast(picture.lab),
        local_contrast_of_truth=_local_contrast(truth.lab),
        gaps=_more_gaps(picture.pixels, given),
    )


def both_ends_matter(lab: Lab) -> bool:
    """Whether a tenth of the picture and more lies in shadow, and as much in bright light."""
    lightness = lab[..., 0]
    return bool((lightness < _SHADOW).mean() >= _LEAST_SHARE and (lightness > _HIGHLIGHT).mean() >= _LEAST_SHARE)


def gaps(pixels: Pixels, smooth: Mask) -> float | None:
    """Share of codes between percentiles 1 and 99 that no smooth pixel has, the mean of the channels; None where too few pixels are smooth.

    A smooth gradient uses every code; where tones were spread, codes are left out, which is seen as bands.
    """
    shares = []
    for channel in range(pixels.shape[2]):
        values = pixels[..., channel][smooth]
        if not values.size:
            return None
        low, high = (int(code) for code in np.percentile(values, (1, 99), method="nearest"))
        counts = np.bincount(values, minlength=WHITE + 1)[low : high + 1]
        if values.size < _PIXELS_A_CODE * counts.size:
            return None
        shares.append(float((counts == 0).mean()))
    return float(np.mean(shares))


def smooth_parts(pixels: Pixels) -> Mask:
    """(H, W): where grey hardly differs in the square around a pixel."""
    return _local_deviation(np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.float64)) < _SMOOTH


def _more_gaps(picture: Pixels, given: Pixels) -> float | None:
    smooth = smooth_parts(given)
    after, before = gaps(picture, smooth), gaps(given, smooth)
    return None if after is None or before is None else after - before


def _clipped(pixels: Pixels) -> Mask:
    """(H, W): a channel is at its highest, or all are at their lowest."""
    red, green, blue = np.moveaxis(pixels, -1, 0)
    return np.asarray((np.maximum(np.maximum(red, green), blue) == WHITE) | ((red | green | blue) == 0))


def _chroma(lab: Lab) -> float:
    return float(np.hypot(lab[..., 1], lab[..., 2]).mean())


def _local_contrast(lab: Lab) -> float:
    return float(_local_deviation(lab[..., 0]).mean())


def _local_deviation(values: Values) -> Values:
    """Standard deviation in the square around each value."""
    mean = _mean(values)
    return np.sqrt(np.maximum(_mean(values * values) - mean * mean, 0))


def _mean(values: Values) -> Values:
    """Of the square around each value."""
    return np.asarray(cv2.blur(values, (_SQUARE, _SQUARE)))
