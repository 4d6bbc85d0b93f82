"""How a picture gets as small as it is given to be enlarged: reduced and nothing else, or as photos are found.

Source: Wang et al. 2021, Real-ESRGAN (arXiv:2107.10833), section 3: blur, reduce, noise, JPEG; one of its two rounds, in narrower ranges,
because the networks learned from worse pictures than most people have.
"""

import zlib
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from photos import Pixels

CLEAN, AS_FOUND = "clean", "as found"
DEGRADATIONS = (CLEAN, AS_FOUND)

# Blur in pixels of the small picture, noise in 8-bit levels, and how often it is grey, quality of JPEG.
_SIGMA = (0.1, 0.6)
_NOISE = (1.0, 8.0)
_GREY_SHARE = 0.4
_QUALITY = (60, 95)


def degraded(truth: Pixels, scale: int, degradation: str, *, name: str) -> Pixels:
    """The truth, `scale` times smaller, (H, W, 3) uint8. What is random is of the names and always the same."""
    small = (truth.shape[1] // scale, truth.shape[0] // scale)
    if degradation == CLEAN:
        return _eight_bit(cv2.resize(truth.astype(np.float32), small, interpolation=cv2.INTER_AREA))
    chance = np.random.default_rng(zlib.crc32(f"{name} {scale}".encode()))
    blurred = cv2.GaussianBlur(truth.astype(np.float32), (0, 0), chance.uniform(*_SIGMA) * scale, borderType=cv2.BORDER_REFLECT_101)
    reduced = cv2.resize(blurred, small, interpolation=cv2.INTER_AREA)
    channels = 1 if chance.random() < _GREY_SHARE else 3
    noisy = reduced + chance.normal(0, chance.uniform(*_NOISE), (*reduced.shape[:2], channels))
    _, data = cv2.imencode(".jpg", _eight_bit(noisy)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, int(chance.integers(*_QUALITY))])
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert decoded is not None
    return np.ascontiguousarray(decoded[..., ::-1], np.uint8)


def _eight_bit(values: npt.NDArray[Any]) -> Pixels:
    return np.asarray(np.clip(np.rint(values), 0, 255), np.uint8)
