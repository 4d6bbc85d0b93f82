"""CIELAB lightness of luminance, as tables. Source: CIE 15:2004, equation 8.3."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from img_enhance.light.colour import CODES, Floats

# Below this luminance the cube root is continued by a straight line.
_LINEAR_BELOW = (6 / 29) ** 3
_SLOPE = (29 / 3) ** 3


def lightness(luminance: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Lightness in [0, 1], L* divided by 100, of luminance relative to white."""
    return np.where(luminance > _LINEAR_BELOW, 116 * np.cbrt(luminance) - 16, _SLOPE * luminance) / 100


@cache
def lightness_table() -> Floats:
    """(65536,) float32: `lightness` at `tone.root_index` of luminance."""
    return lightness((np.arange(CODES) / (CODES - 1)) ** 2).astype(np.float32)


@cache
def light_table() -> Floats:
    """(65536,) float32: the luminance in [0, 1] of lightness, in [0, 1] times 65535."""
    lightness = np.arange(CODES) / (CODES - 1) * 100
    luminance = np.where(lightness > _SLOPE * _LINEAR_BELOW, ((lightness + 16) / 116) ** 3, lightness / _SLOPE)
    return luminance.astype(np.float32)
