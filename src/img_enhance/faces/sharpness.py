"""Says how sharp a face is, so that one that needs no restoration is left alone."""

import cv2
import numpy as np

from img_enhance.faces.align import Array

# Eyes, nose and mouth in GFPGAN's square; hair and background would say more of themselves than of the face.
_FACE = slice(144, 400)
_BLUR = 9
_LEAST_CONTRAST = 1e-3

# From here on a face of 512 px or more is sharp. Seven faces of three photos at their own size: 0.66 to 0.80; blurred by a Gaussian of
# 1 px 0.52 to 0.68, of 2 px 0.36 to 0.50; enlarged twice 0.49 to 0.64 (2026-11). Noise counts as sharpness.
SHARP = 0.65


def sharpness(crop: Array) -> float:
    """How much of a face's fine contrast a strong blur takes away, from 0 (it is blurred already, or flat) to 1.

    `crop` is the face in GFPGAN's square, (512, 512, 3) from 0 to 1. A measure of blur and not of contrast: half as bright or half as much
    contrast gives the same figure.

    Source: Crete et al., The Blur Effect: Perception and Estimation with a New No-Reference Perceptual Blur Metric, SPIE 6492, 2007.
    """
    grey = np.asarray(cv2.cvtColor(crop[_FACE, _FACE], cv2.COLOR_RGB2GRAY), np.float32)
    return max(_lost(grey), _lost(np.ascontiguousarray(grey.T)))


def _lost(grey: Array) -> float:
    """The share of the differences between horizontal neighbours that a blur along rows takes away."""
    before = np.abs(np.diff(grey, axis=1))
    after = np.abs(np.diff(cv2.blur(grey, (_BLUR, 1)), axis=1))
    total = float(before.sum())
    return float(np.maximum(before - after, 0).sum()) / total if total > _LEAST_CONTRAST * before.size else 0.0
