"""A photo's light averaged in cells: what is measured on them has little noise, and takes as long for a large photo as for a small one."""

from __future__ import annotations

from math import sqrt

import cv2
import numpy as np
import numpy.typing as npt

from img_enhance.light.colour import Floats
from img_enhance.light.illuminant import Array

Mask = npt.NDArray[np.bool_]

# A cell counts when so much of it does.
_COUNTED_SHARE = 0.5


def cells_of(light: Floats, counts: Mask, *, number: int) -> tuple[Array, Mask]:
    """(h, w, 3) means over about `number` cells of the pixels that count, and which cells have enough of them, (h, w).

    `light` is (H, W, 3). What is left over at the right and below is left out, unless it is all there is.
    """
    side = max(1, round(sqrt(counts.size / number)))
    rows, columns = (max(1, whole // side) for whole in counts.shape)
    used = np.dstack([light * counts[..., None], counts])[: rows * side, : columns * side]
    means = cv2.resize(used, (columns, rows), interpolation=cv2.INTER_AREA).reshape(rows, columns, 4).astype(np.float64)
    return means[..., :3] / np.maximum(means[..., 3:], 1e-9), means[..., 3] >= _COUNTED_SHARE
