"""Changes of luminance that keep hues: curves of linear light, and pixels through them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from img_enhance.color import CODES, Encoding, Floats, Pixels

# Pixels worked on at once: the dozen float32 arrays of so many stay in a core's own cache (measured 2026-11 on Zen 3).
BLOCK_PIXELS = 16_384

_TINY = np.float32(1e-12)
_WHITE = np.float32(CODES - 1)

# What becomes of luminance and of the largest channel: (rows of the block, luminance, largest) to the two new ones.
Relight = Callable[[slice, Floats, Floats], tuple[Floats, Floats]]


@dataclass(frozen=True)
class Curve:
    """A tone curve of linear light: exactly `gain` times the light up to `knee`, then a hyperbola that ends in `white` at 1.

    It rises everywhere, has no corner, and takes 0 to 0; `gain * knee` is below `white`.
    """

    gain: float
    knee: float
    white: float

    def __call__(self, light: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        start = self.gain * self.knee
        bend = self.gain * (1 - self.knee) / (self.white - start) - 1
        t = np.clip((light - self.knee) / (1 - self.knee), 0, 1)
        shoulder = self.white - (self.white - start) * (1 - t) / (1 + bend * t)
        return np.where(light <= self.knee, self.gain * light, shoulder)

    def table(self) -> Floats:
        """(65536,) float32, indexed by `root_index`."""
        return self((np.arange(CODES) / float(_WHITE)) ** 2).astype(np.float32)


def root_index(light: Floats) -> npt.NDArray[np.uint16]:
    """The rounded square root of light in [0, 1] times 65535: the index of tables that are fine where encodings are."""
    return (np.sqrt(light) * _WHITE + np.float32(0.5)).astype(np.uint16)


def relit(pixels: Pixels, encoding: Encoding, depth: int, *, grey: bool, relight: Relight) -> Pixels:
    """Pixels (h, w, 3) of `depth` bits whose luminance is what `relight` makes of it.

    Channels keep their ratios in linear light, hence hue and saturation. Where the largest channel would exceed what `relight` makes of
    a grey as bright as it, the colour is mixed with grey of the same luminance until it does not; so nothing is cut off at white.
    A channel becomes white only where it was white before, and black only where it was black.
    """
    height, width = pixels.shape[:2]
    result = np.empty((height, width, 3), np.uint16 if depth == 16 else np.uint8)
    decode, encode = encoding.decode_table(8 * pixels.itemsize), _encode_table(encoding, depth)
    for rows in blocks(height, width):
        if grey:
            _relight_grey(pixels[rows, :, 0], result[rows], decode[1], encode[1], lambda y, rows=rows: relight(rows, y, y)[0])
        else:
            light = [decode[channel][pixels[rows, :, channel]] for channel in range(3)]
            for channel, new in enumerate(_relight(light, encoding.luminance, lambda y, m, rows=rows: relight(rows, y, m))):
                _encode(new, encode[channel], result[rows, :, channel])
        _keep_clear_of_the_ends(pixels[rows], result[rows])
    return result


def blocks(height: int, width: int) -> Iterator[slice]:
    """Rows of a picture in blocks of about BLOCK_PIXELS."""
    step = max(1, BLOCK_PIXELS // width)
    return (slice(top, min(height, top + step)) for top in range(0, height, step))


def luminance_of(light: list[Floats], weights: Floats) -> Floats:
    """Luminance of three planes of linear light; at most 1."""
    red, green, blue = light
    # The weights' sum may be above 1 by a rounding.
    return np.minimum(red * weights[0] + green * weights[1] + blue * weights[2], np.float32(1))


def _relight(light: list[Floats], weights: Floats, relight: Callable[[Floats, Floats], tuple[Floats, Floats]]) -> Iterator[Floats]:
    luminance = luminance_of(light, weights)
    largest = np.maximum(np.maximum(light[0], light[1]), light[2])
    target, limit = relight(luminance, largest)
    gain = target / np.maximum(luminance, _TINY)
    reach = gain * (largest - luminance)
    chroma = gain * np.clip((limit - target) / np.maximum(reach, _TINY), 0, 1)
    return (target + chroma * (plane - luminance) for plane in light)


def _relight_grey(values: Pixels, result: Pixels, decode: Floats, encode: npt.NDArray[Any], relight: Callable[[Floats], Floats]) -> None:
    _encode(relight(decode[values]), encode, result[..., 0])
    result[..., 1:] = result[..., :1]


def _encode(light: Floats, table: npt.NDArray[Any], out: Pixels) -> None:
    out[...] = table[root_index(np.clip(light, 0, 1))]


def _keep_clear_of_the_ends(pixels: Pixels, result: Pixels) -> None:
    old_white, new_white = np.iinfo(pixels.dtype).max, np.iinfo(result.dtype).max
    np.minimum(result, np.where(pixels == old_white, new_white, new_white - 1).astype(result.dtype), out=result)
    np.maximum(result, (pixels > 0).astype(result.dtype), out=result)


@lru_cache(maxsize=4)
def _encode_table(encoding: Encoding, depth: int) -> npt.NDArray[Any]:
    return encoding.encode_table(depth)
