"""What people use instead: each takes and gives (H, W, 3) uint8 sRGB."""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageOps

from photos import Pixels
from quality.light import LUMINANCE, decode, encode

# OpenCV's own example values for CLAHE.
_CLIP_LIMIT = 2.0
_GRID = (8, 8)

_CUTOFF_PERCENT = 1


def no_change(pixels: Pixels) -> Pixels:
    return pixels


def grey_world(pixels: Pixels) -> Pixels:
    """The mean of the picture made grey in linear light, its luminance kept.

    Source: Buchsbaum 1980, "A spatial processor model for object colour perception".
    """
    linear = decode(pixels)
    means = linear.mean(axis=(0, 1))
    return encode(linear * ((LUMINANCE @ means) / np.maximum(means, 1e-6)).astype(np.float32))


def autocontrast(pixels: Pixels) -> Pixels:
    """Pillow's, with its defaults: each channel stretched to its darkest and brightest pixel."""
    return np.asarray(ImageOps.autocontrast(Image.fromarray(pixels)))


def autocontrast_cutoff(pixels: Pixels) -> Pixels:
    """Pillow's, without the outermost percent at each end."""
    return np.asarray(ImageOps.autocontrast(Image.fromarray(pixels), cutoff=_CUTOFF_PERCENT))


def opencv_clahe(pixels: Pixels) -> Pixels:
    """OpenCV's CLAHE of the lightness."""
    return _with_lightness(pixels, lambda light: _bytes(cv2.createCLAHE(_CLIP_LIMIT, _GRID).apply(light)))


def equalized(pixels: Pixels) -> Pixels:
    """OpenCV's equalizeHist of the lightness."""
    return _with_lightness(pixels, lambda light: _bytes(cv2.equalizeHist(light)))


PEERS: dict[str, Callable[[Pixels], Pixels]] = {
    "no change": no_change,
    "grey world": grey_world,
    "autocontrast": autocontrast,
    "autocontrast 1 %": autocontrast_cutoff,
    "OpenCV CLAHE": opencv_clahe,
    "equalizeHist": equalized,
}


def _with_lightness(pixels: Pixels, change: Callable[[Pixels], Pixels]) -> Pixels:
    lab = _bytes(cv2.cvtColor(pixels, cv2.COLOR_RGB2LAB))
    lab[..., 0] = change(lab[..., 0])
    return _bytes(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB))


def _bytes(pixels: Any) -> Pixels:
    return np.asarray(pixels, np.uint8)
