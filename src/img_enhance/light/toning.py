"""Whether a photo is monochrome and toned, as sepia, cyanotypes and selenium prints are: its colour follows from its lightness."""

from __future__ import annotations

import numpy as np

from img_enhance.light.cells import Mask, cells_of
from img_enhance.light.colour import Encoding, Floats
from img_enhance.light.illuminant import Array

# Cells are large, so that the colour noise and the coarser colours of JPEG average out.
_CELLS = 3000
_FEWEST_CELLS = 100
# So many cells in the order of their lightness have one colour if the photo is toned.
_ALIKE = 100
# All cells but one in a hundred: a small thing of another colour is enough to tell that the photo is not toned.
_QUANTILE = 0.99
# CIELAB units from the colour of that lightness: toned photos stay below the first, also as JPEG of quality 80 (50 made of ten photos,
# 2026-11: 0.6 to 7.6), photos in colour go beyond the second (60 and their casts: 10.6 and more; the blandest room of grey things 5).
_TONED, _COLOURED = 8.0, 10.0


def toned(light: Floats, counts: Mask, encoding: Encoding) -> float:
    """From 0, a photo in colour, to 1, a toned one, of linear light (H, W, 3) and which pixels count, (H, W); 0 for too few of them."""
    cells, counted = cells_of(light, counts, number=_CELLS)
    if np.count_nonzero(counted) < _FEWEST_CELLS:
        return 0.0
    lab = _lab(cells[counted], encoding)
    by_lightness = lab[np.argsort(lab[:, 0], kind="stable"), 1:]
    groups = np.array_split(by_lightness, len(lab) // _ALIKE)
    away = np.concatenate([group - np.median(group, axis=0) for group in groups])
    spread = float(np.quantile(np.hypot(away[:, 0], away[:, 1]), _QUANTILE))
    return float(np.clip((_COLOURED - spread) / (_COLOURED - _TONED), 0, 1))


def _lab(light: Array, encoding: Encoding) -> Array:
    """(N, 3) CIELAB of linear light (N, 3), the encoding's own white being white. Source: CIE 15:2004, 8.2.1."""
    xyz = light @ encoding.to_xyz.T / encoding.to_xyz.sum(axis=1)
    root = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz * (29 / 6) ** 2 / 3 + 4 / 29)
    x, y, z = root.T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=1)
