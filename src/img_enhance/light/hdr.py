"""Photos of high dynamic range (PQ and HLG) shown as those of standard range: white stays white, what is brighter is drawn below it.

Source: ITU-R BT.2100-2, tables 4 (PQ) and 5 (HLG); ITU-R BT.2408-5, table 1 (white at 203 cd/m2); ITU-R BT.2390-9, section 5.4.1 (EETF).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from img_enhance.cancelling import Tick
from img_enhance.light.colour import CODES, Floats, Pixels, srgb
from img_enhance.metadata.colours import DISPLAY_P3, Colours, native_xyz, to_xyz

WHITE_NITS = 203.0
# HLG's usual screen, and what most PQ is mastered for. A single brighter glint must not make all white grey.
PEAK_NITS = 1000.0

Table = npt.NDArray[np.float64]

_M1, _M2 = 2610 / 16_384, 2523 / 4096 * 128
_C1, _C2, _C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
_PQ_NITS = 10_000.0

_HLG_A, _HLG_B, _HLG_C = 0.17883277, 0.28466892, 0.55991073
_HLG_GAMMA = 1.2

# Below half a step of 16 bits, and nothing is divided by less.
_DARKEST = 1e-7

# Measured in November 2026: 0.2 s a megapixel, and less memory than with 128, which took 0.3 s.
_ROWS_AT_A_TIME = 32


@dataclass(frozen=True, eq=False)
class Range:
    """How values become light: `light` is (65536,) float32, that of each 16-bit value; with `hlg` light of the scene, else of the screen.

    `to_p3` is (3, 3): linear RGB to linear Display P3. `luminance` (3,) weighs the channels.
    """

    light: Floats
    hlg: bool
    to_p3: Floats
    luminance: Floats


def range_of(colours: Colours, *, grey: bool) -> Range:
    """How the values of such a photo become light; a grey one has no primaries."""
    assert colours.hdr
    values = np.arange(CODES) / (CODES - 1)
    primaries = DISPLAY_P3 if grey else colours.primaries
    light = _hlg_scene(values) if colours.curve == "hlg" else pq_nits(values) / WHITE_NITS
    to_p3 = np.linalg.inv(to_xyz(DISPLAY_P3)) @ to_xyz(primaries)
    weights = native_xyz(primaries)[1]
    return Range(light.astype(np.float32), colours.curve == "hlg", to_p3.astype(np.float32), weights.astype(np.float32))


def show_in_standard_range(pixels: Pixels, colours: Range, tick: Tick) -> None:
    """Change (H, W, 3) uint16 pixels, in place, to Display P3 of 16 bits with sRGB's curve; white is 65535.

    The three channels of a pixel are scaled alike, by what the EETF does to the largest, so hues stay. It bends what is above its knee, so
    that the photo's brightest value, or `PEAK_NITS`, becomes white. A photo with nothing above white stays as bright as it is.
    """
    peak = brightest(pixels, colours, tick)
    for strip in _strips(pixels, tick):
        strip[:] = shown(screen_light(strip, colours), colours, peak)


def brightest(pixels: Pixels, colours: Range, tick: Tick) -> float:
    """The light that becomes white: that of the brightest value, white at least and `PEAK_NITS` at most; 1 is the white of `WHITE_NITS`."""
    peak = max((float(_in_p3(screen_light(strip, colours), colours).max(initial=0)) for strip in _strips(pixels, tick)), default=1.0)
    return min(max(peak, 1.0), PEAK_NITS / WHITE_NITS)


def _strips(pixels: Pixels, tick: Tick) -> Iterator[Pixels]:
    for top in range(0, pixels.shape[0], _ROWS_AT_A_TIME):
        tick()
        yield pixels[top : top + _ROWS_AT_A_TIME]


def screen_light(pixels: Pixels, colours: Range) -> Floats:
    """The light of pixels on a screen, (..., 3) float32 in the photo's own primaries, in which 1 is the white of `WHITE_NITS`."""
    light = colours.light[pixels]
    if colours.hlg:
        scene = np.maximum(light @ colours.luminance, np.float32(_DARKEST))
        light = light * (scene ** np.float32(_HLG_GAMMA - 1))[..., None] * np.float32(PEAK_NITS / WHITE_NITS)
    return light


def screen_values(light: Floats, colours: Range) -> Pixels:
    """The (..., 3) uint16 values whose light is nearest: the inverse of `screen_light`; what is darker or brighter than any ends there."""
    if colours.hlg:
        luminance = np.maximum(light @ colours.luminance / np.float32(PEAK_NITS / WHITE_NITS), np.float32(_DARKEST))
        light = light * (luminance ** np.float32(1 / _HLG_GAMMA - 1))[..., None] / np.float32(PEAK_NITS / WHITE_NITS)
    between = (colours.light[1:] + colours.light[:-1]) / 2
    return np.searchsorted(between, light).astype(np.uint16)


def _in_p3(light: Floats, colours: Range) -> Floats:
    """Light as linear Display P3; colours that it lacks end at its border."""
    return np.asarray(np.maximum(light @ colours.to_p3.T, 0), np.float32)


def shown(light: Floats, colours: Range, peak: float) -> Pixels:
    """The light of a photo in its own primaries as pixels of the standard range, as `show_in_standard_range` makes them."""
    light = _in_p3(light, colours)
    largest = light.max(axis=-1)
    index = np.rint(np.sqrt(np.minimum(largest / np.float32(peak), 1)) * np.float32(CODES - 1)).astype(np.uint16)
    # Glints beyond the peak end at white too.
    scale = _eetf(peak)[index] / np.maximum(largest, np.float32(_DARKEST))
    return srgb().encode(light * scale[..., None], 16)


@lru_cache(maxsize=4)
def _eetf(peak: float) -> Floats:
    """(65536,) float32: what light becomes whose square root goes evenly from 0 to that of `peak`. White is 1, before and after.

    Equation of BT.2390 in PQ's values, from a screen that ends at `peak` to one that ends at white; black is 0 on both.
    """
    light = (np.arange(CODES) / (CODES - 1)) ** 2 * peak
    if peak <= 1:
        return np.asarray(light, np.float32)
    white, end = (float(pq_values(np.array(nits * WHITE_NITS))) for nits in (1.0, peak))
    value, most = pq_values(light * WHITE_NITS) / end, white / end
    knee = 1.5 * most - 0.5
    t = np.clip((value - knee) / (1 - knee), 0, 1)
    bent = (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) + (3 * t**2 - 2 * t**3) * most
    answer = np.where(value < knee, light, pq_nits(bent * end) / WHITE_NITS)
    return np.asarray(np.minimum(answer, 1), np.float32)


def pq_nits(values: Table) -> Table:
    """The light in cd/m2 of PQ's values in [0, 1]."""
    root = np.asarray(values, np.float64) ** (1 / _M2)
    return np.asarray(_PQ_NITS * (np.maximum(root - _C1, 0) / (_C2 - _C3 * root)) ** (1 / _M1))


def pq_values(nits: Table) -> Table:
    """PQ's values in [0, 1] of light in cd/m2: the inverse of `pq_nits`."""
    root = (np.asarray(nits, np.float64) / _PQ_NITS) ** _M1
    return np.asarray(((_C1 + _C2 * root) / (1 + _C3 * root)) ** _M2)


def _hlg_scene(values: Table) -> Table:
    """The light of the scene in [0, 1] of HLG's values: the inverse of its OETF."""
    return np.where(values <= 0.5, values**2 / 3, (np.exp((values - _HLG_C) / _HLG_A) + _HLG_B) / 12)
