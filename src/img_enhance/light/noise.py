"""How strong a photo's noise is, by lightness.

Source: Donoho, Johnstone 1994, "Ideal spatial adaptation by wavelet shrinkage": noise is what the finest diagonal wavelet band holds.
Here it is taken in patches, and at each lightness only the calmest of them count, because texture lies in that band too.

There are two ways, which err to opposite sides. Noise of the lightness itself is never missed, but texture may be taken for it. The noise
by which channels differ is hardly ever texture, which is about as light in all of them; but a photo whose colours were smoothed has none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from img_enhance.light.colour import Encoding, Floats
from img_enhance.light.lightness import lightness_table
from img_enhance.light.tone import decoded, looked_up, luminance_of, root_index
from img_enhance.photo import Photo

Doubles = npt.NDArray[np.float64]

_PATCH = 16
_PATCHES_A_SIDE = 64
_BINS = 16

# Of the patches of a bin, this part is calm; a bin with fewer patches says nothing. In pure noise, patches of this size have 0.88 of its
# standard deviation at this percentile.
_CALM_PERCENT = 10
_OF_CALM = 0.88
_LEAST_PATCHES = 8

# Noise of this standard deviation, in levels of 255, is 1 of 100 in lightness: a just noticeable difference.
VISIBLE_NOISE = 2.55

# Of the standard deviation of the difference of two channels' lightness, what that of a grey's lightness is if each channel has noise of
# its own: the root of the sum of squares of sRGB's weights of luminance, over that of 2.
_OF_DIFFERENCE = 0.53

# Mean absolute value of a normal distribution in standard deviations.
_MEAN_ABSOLUTE = float(np.sqrt(2 / np.pi))
_LEVELS = 255


@dataclass(frozen=True, eq=False)
class NoiseLevels:
    """Standard deviations of the lightness, in levels of 255, at 16 lightnesses spread evenly over [0, 1]."""

    sigmas: Doubles

    def at(self, lightness: Doubles) -> Doubles:
        """The standard deviation at lightnesses in [0, 1]."""
        centres = (np.arange(_BINS) + 0.5) / _BINS
        return np.asarray(np.interp(lightness, centres, self.sigmas), np.float64)


def noise_levels(photo: Photo, encoding: Encoding) -> NoiseLevels:
    """The noise of a photo's lightness, from patches spread over it; patches with fully transparent pixels do not count."""
    return _levels(photo, lambda rows: [_lightness(photo, encoding, rows)])


def coloured_noise_levels(photo: Photo, encoding: Encoding) -> NoiseLevels:
    """The noise of the lightness if it were as strong in each channel as the differences of channels say; 0 for grey photos."""
    return _levels(photo, lambda rows: _lightness_and_differences(photo, encoding, rows))


def _levels(photo: Photo, planes_of: Callable[[slice], list[Floats]]) -> NoiseLevels:
    sigmas, lightness = _patches(photo, planes_of)
    bins = np.minimum((lightness * _BINS).astype(int), _BINS - 1)
    known = {}
    for number in range(_BINS):
        of_bin = sigmas[bins == number]
        if of_bin.size >= _LEAST_PATCHES:
            known[number] = float(np.percentile(of_bin, _CALM_PERCENT)) / _OF_CALM
    if not known:
        return NoiseLevels(np.full(_BINS, float(np.median(sigmas)) if sigmas.size else 0.0))
    sigmas = np.interp(np.arange(_BINS), list(known), list(known.values()))
    # Photon and reading noise fall with lightness; what is above the noise of a darker bin is texture.
    return NoiseLevels(np.minimum.accumulate(sigmas))


def _patches(photo: Photo, planes_of: Callable[[slice], list[Floats]]) -> tuple[Doubles, Doubles]:
    """Of each patch, the standard deviation of its noise in levels and its mean lightness in [0, 1].

    The first of the planes of some rows is their lightness; if there are others, differences of channels, the noise is that of the
    noisiest.
    """
    height, width = photo.pixels.shape[:2]
    found: list[tuple[Doubles, Doubles]] = []
    left = _starts(width)
    for top in _starts(height):
        rows = slice(top, top + _PATCH)
        lightness, *others = (_cut(plane, left) for plane in planes_of(rows))
        seen = np.isfinite(lightness).all(axis=(1, 2))
        sigmas = np.max([_diagonal(plane[seen]) for plane in others], axis=0) * _OF_DIFFERENCE if others else _diagonal(lightness[seen])
        found.append((sigmas, lightness[seen].mean(axis=(1, 2))))
    if not found:
        return np.empty(0), np.empty(0)
    return np.concatenate([s for s, _ in found]), np.concatenate([m for _, m in found])


def _starts(length: int) -> npt.NDArray[np.int64]:
    """Where patches begin along a side: side by side in small photos, spread out in large ones."""
    number = min(_PATCHES_A_SIDE, length // _PATCH)
    return np.linspace(0, length - _PATCH, number).astype(np.int64) if number else np.empty(0, np.int64)


def _cut(plane: Floats, left: npt.NDArray[np.int64]) -> Doubles:
    """(N, 16, 16) patches of a strip that is one patch high."""
    patches = [plane[:, x : x + _PATCH] for x in left]
    return np.stack(patches).astype(np.float64) if patches else np.empty((0, _PATCH, _PATCH))


def _lightness_and_differences(photo: Photo, encoding: Encoding, rows: slice) -> list[Floats]:
    """Lightness of whole rows, and by how much red and blue are lighter than green."""
    red, green, blue = (
        looked_up(lightness_table(), root_index(plane)) for plane in decoded(np.ascontiguousarray(photo.pixels[rows]), encoding, grey=False)
    )
    return [_lightness(photo, encoding, rows), red - green, blue - green]


def _lightness(photo: Photo, encoding: Encoding, rows: slice) -> Floats:
    """Lightness of whole rows, NaN where the photo is fully transparent."""
    planes = decoded(np.ascontiguousarray(photo.pixels[rows]), encoding, grey=photo.grey)
    lightness = looked_up(lightness_table(), root_index(luminance_of(planes, encoding.luminance)))
    if photo.alpha is not None:
        lightness[photo.alpha[rows] == 0] = np.nan
    return lightness


def _diagonal(patches: Doubles) -> Doubles:
    """The noise in each patch, in levels, by the mean absolute coefficient of the diagonal Haar band."""
    band = (patches[:, ::2, ::2] - patches[:, 1::2, ::2] - patches[:, ::2, 1::2] + patches[:, 1::2, 1::2]) / 2
    return np.asarray(np.abs(band).mean(axis=(1, 2)) / _MEAN_ABSOLUTE * _LEVELS, np.float64)
