"""Local gains for photos of high contrast, as if several exposures were fused.

Source: Mertens, Kautz, Van Reeth 2007, "Exposure fusion", for the weights; Chen, Paris, Durand 2007 for the lattice.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from img_enhance.light.colour import Floats
from img_enhance.light.lattice import Lattice, smoothed
from img_enhance.light.sample import Sample
from img_enhance.light.tone import root_index
from img_enhance.photo import Photo

Doubles = npt.NDArray[np.float64]

# Nodes along the longer side, and over brightness (the square root of light).
_NODES = 16
_LEVELS = 17

# The exposures that are fused, in stops, and the spread of Mertens' weight of a good exposure, with which 0.5 is best.
_STOPS = (0.0, 1.0, 2.0)
_SPREAD = 0.2

# How often the lattice is smoothed: down, across, and over brightness.
_ROUNDS = (1, 1, 2)

# A photo needs local gains when so much of it is darker and so much brighter than these square roots of light.
_DARK, _BRIGHT = 0.18, 0.75
_SHARES_FROM, _SHARES_TO = 0.2, 0.35


def contrast_of(seen: Sample, table: Floats) -> float:
    """How much a photo, after its tone curve, is both dark and bright: 0 to 1."""
    root = np.sqrt(table[root_index(seen.luminance[seen.counts])])
    if root.size == 0:
        return 0.0
    least = min(float(np.mean(root < _DARK)), float(np.mean(root > _BRIGHT)))
    return float(np.clip((least - _SHARES_FROM) / (_SHARES_TO - _SHARES_FROM), 0, 1))


def fusion_lattice(seen: Sample, table: Floats, strength: float, photo: Photo) -> Lattice:
    """The amounts for `exposed`, over the photo's area and the square root of the luminance after its tone curve."""
    height, width = photo.pixels.shape[:2]
    cell = max(height, width) / _NODES
    rows, columns = max(1, round(height / cell)), max(1, round(width / cell))
    root = np.sqrt(table[root_index(seen.luminance)]).astype(np.float64)
    base = _base(root, seen.counts, (rows, columns), wraps=photo.wraps)
    amounts = _rising(_fused(base) ** strength)
    return Lattice(amounts.astype(np.float32), height / rows, width / columns, photo.wraps)


def _base(root: Doubles, counts: npt.NDArray[np.bool_], nodes: tuple[int, int], *, wraps: bool) -> Doubles:
    """(rows, columns, levels): the mean brightness of the surroundings that are about as bright, which is what edges leave of them."""
    rows, columns = nodes
    y = np.arange(root.shape[0]) * rows // root.shape[0]
    x = np.arange(root.shape[1]) * columns // root.shape[1]
    level = np.rint(root * (_LEVELS - 1)).astype(np.intp)
    index = ((y[:, None] * columns + x) * _LEVELS + level)[counts]
    size = rows * columns * _LEVELS
    shape = rows, columns, _LEVELS
    number = smoothed(np.bincount(index, minlength=size).astype(np.float64).reshape(shape), rounds=_ROUNDS, wraps=wraps)
    total = smoothed(np.bincount(index, root[counts], size).astype(np.float64).reshape(shape), rounds=_ROUNDS, wraps=wraps)
    # Where no pixel is near, a node counts as itself, a little.
    own = np.arange(_LEVELS) / (_LEVELS - 1)
    little = 1e-3 * root.size / size
    return (total + little * own) / (number + little)


def _fused(base: Doubles) -> Doubles:
    """The amount by which a region as bright as `base` is lifted; 1 from middle grey on."""
    return np.maximum(1.0, 2.0 ** (_mean_stops(base) - _mean_stops(np.full(1, 0.5))))


def _mean_stops(root: Doubles) -> Doubles:
    weights = [np.exp(-((root * 2 ** (stops / 2) - 0.5) ** 2) / (2 * _SPREAD**2)) for stops in _STOPS]
    total = sum(weights[1:], weights[0])
    return sum((w * stops for w, stops in zip(weights, _STOPS, strict=True)), np.zeros(root.shape)) / total


def _rising(amounts: Doubles) -> Doubles:
    """Amounts that fall so slowly with brightness that what is lifted still rises with it: never faster than its square root does."""
    root = np.arange(_LEVELS) / (_LEVELS - 1)
    for level in range(2, _LEVELS):
        amounts[..., level] = np.maximum(amounts[..., level], amounts[..., level - 1] * root[level - 1] / root[level])
    return amounts
