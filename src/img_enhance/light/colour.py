"""How a photo's values stand for light: decoding to linear light and back, by the photo's own profile."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from img_enhance.metadata.icc import matrix_profile

Floats = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8 | np.uint16]

CODES = 65_536
_WHITE = CODES - 1

# sRGB's primaries adapted to D50 by Bradford, as its published profile gives them.
_SRGB_TO_XYZ = np.array([[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]])


@dataclass(frozen=True, eq=False)
class Encoding:
    """`curves` is (3, 65536) float32: the linear light in [0, 1] that each 16-bit value of a channel stands for, never falling.

    `to_xyz` is (3, 3) float64: linear RGB to CIE XYZ relative to D50, as in ICC profiles; its middle row weighs the channels of luminance.
    """

    curves: Floats
    to_xyz: npt.NDArray[np.float64]

    def decode_table(self, depth: int) -> Floats:
        """(3, 2**depth) float32: the linear light of each value of `depth` bits."""
        return self.curves if depth == 16 else np.ascontiguousarray(self.curves[:, ::257])

    def decode(self, pixels: Pixels) -> Floats:
        """(..., 3) uint8 or uint16 pixels as linear light, (..., 3) float32 in [0, 1]."""
        table = self.decode_table(8 * pixels.itemsize)
        return np.stack([table[channel][pixels[..., channel]] for channel in range(3)], axis=-1)

    def encode_table(self, depth: int) -> npt.NDArray[Any]:
        """(3, 65536) of `depth` bits, indexed by the rounded square root of linear light times 65535.

        The square root spreads the dark values, as encodings do: neighbouring entries differ by less than two 16-bit values in sRGB.
        """
        light = (np.arange(CODES) / _WHITE) ** 2
        codes = np.arange(CODES)
        white = 2**depth - 1
        rows = [np.rint(np.interp(light, curve, codes) * (white / _WHITE)) for curve in self.curves.astype(np.float64)]
        return np.stack(rows).astype(np.uint16 if depth == 16 else np.uint8)

    def encode(self, light: Floats, depth: int) -> Pixels:
        """Linear light (..., 3), clipped to [0, 1], as pixels of `depth` bits; the inverse of `decode` to within two 16-bit values."""
        table = self.encode_table(depth)
        index = np.rint(np.sqrt(np.clip(light, 0, 1)) * np.float32(_WHITE)).astype(np.uint16)
        return np.stack([table[channel][index[..., channel]] for channel in range(3)], axis=-1)

    @property
    def luminance(self) -> Floats:
        """(3,) float32 weights of linear red, green and blue in luminance; they add up to 1."""
        row = self.to_xyz[1] / self.to_xyz[1].sum()
        return np.asarray(row, np.float32)


@cache
def srgb() -> Encoding:
    """The encoding of photos without a profile. Source: IEC 61966-2-1."""
    codes = np.arange(CODES) / _WHITE
    light = np.where(codes <= 0.04045, codes / 12.92, ((codes + 0.055) / 1.055) ** 2.4)
    curve = light.astype(np.float32)
    return Encoding(np.stack([curve] * 3), _SRGB_TO_XYZ)


def encoding_of(icc: bytes | None) -> Encoding:
    """The encoding that an RGB matrix or a grey profile describes; sRGB's for a photo without one, or with one of another kind."""
    if icc is None:
        return srgb()
    found = matrix_profile(icc, CODES)
    if found is None:
        return srgb()
    curves, matrix = found
    return Encoding(curves.astype(np.float32), _SRGB_TO_XYZ if matrix is None else matrix)


def with_depth(pixels: Pixels, depth: int) -> Pixels:
    """The pixels at `depth` bits a channel, 8 or 16; there and back is exact."""
    if 8 * pixels.itemsize == depth:
        return pixels
    if depth == 16:
        return np.multiply(pixels, 257, dtype=np.uint16)
    return ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)
