"""Where things are in a picture that is made: as parts of its height, width and diagonal."""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def rows(h: int, w: int) -> Array:
    """(h, w) how far down each pixel is, in [0, 1]."""
    return np.broadcast_to(((np.arange(h) + 0.5) / h)[:, None], (h, w))


def columns(h: int, w: int) -> Array:
    """(h, w) how far to the right each pixel is, in [0, 1]."""
    return np.broadcast_to((np.arange(w) + 0.5) / w, (h, w))


def away(h: int, w: int, place: Any) -> Array:
    """(h, w) distances to a place (row, column in [0, 1]), as parts of the diagonal."""
    return np.asarray(np.hypot((rows(h, w) - place[0]) * h, (columns(h, w) - place[1]) * w) / np.hypot(h, w))


def ellipse(h: int, w: int, middle: Any, radii: Any, softness: float) -> Array:
    """(h, w) 1 within, 0 without, between them along so much of the radii."""
    off = np.hypot((rows(h, w) - middle[0]) / radii[0], (columns(h, w) - middle[1]) / radii[1])
    return np.asarray(np.clip((1 - off) / softness + 0.5, 0, 1))


def glow(distance: Array, reach: float, steepness: float) -> Array:
    """Light around a place: 1 there, half to a third at `reach`, and the less beyond the steeper it falls."""
    return np.asarray((1 + (distance / reach) ** 2) ** -steepness)


def smooth(values: Array, part: float) -> Array:
    """(h, w) or (h, w, 3) blurred by so much of the diagonal."""
    return np.asarray(cv2.GaussianBlur(np.asarray(values, np.float32), (0, 0), max(0.3, part * float(np.hypot(*values.shape[:2])))))
