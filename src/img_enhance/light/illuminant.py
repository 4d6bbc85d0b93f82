"""Where the colours of real lights lie: temperature and Duv of a chromaticity, and back, and the gains that take a light to another.

Chromaticities are CIE 1960 (u, v), float64, in the last axis; temperatures are correlated colour temperatures in kelvin. Duv is the
distance from the Planckian locus, positive towards green, negative towards magenta. The formulas hold together from 1667 to 25000 K (Kim et
al. 2002; CIE 015 gives daylight from 4000 K).
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from img_enhance.light.colour import Encoding

Array = npt.NDArray[np.float64]

# A photo's white counts as daylight of this temperature, whatever its profile: CIE standard illuminant D65.
WHITE_KELVIN = 6504

# The photographer's ordinary lights: Planckian up to the first, daylight from the second, and between them a bit of both.
_LAMPS_KELVIN, _DAYLIGHT_KELVIN = 4000, 5000

# XYZ to sharpened cone responses. Source: Lam 1985 (Bradford), as in ICC.1:2022 annex E.
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])

# CIEDE2000 of a grey for a natural logarithm of the long and the short cone response over the middle one.
LONG_DIFFERENCE, SHORT_DIFFERENCE = 84.0, 42.0
# What is so far from grey counts half.
HALF_DIFFERENCE = 50.0

# How things look in a light, by whether its long and its short cone response are above the middle one.
_TINTS = {(True, False): "yellowish", (False, True): "bluish", (False, False): "greenish", (True, True): "pinkish"}

_TABLE_MIRED = np.arange(1e6 / 30_000, 1e6 / 1500)


def planckian(kelvin: Any) -> Array:
    """(..., 2) the (u, v) of a black body; within 0.00015 of Planck's law with the CIE 1931 observer from 1500 to 30000 K.

    Source: Krystek 1985 up to 4000 K, Kim et al. 2002 (US 7024034) from 5000 K, a linear mix between.
    """
    t = np.asarray(kelvin, np.float64)
    mix = _step(t)[..., None]
    return (1 - mix) * _krystek(t) + mix * _kim(t)


def _krystek(t: Array) -> Array:
    u = (0.860117757 + 1.54118254e-4 * t + 1.28641212e-7 * t**2) / (1 + 8.42420235e-4 * t + 7.08145163e-7 * t**2)
    v = (0.317398726 + 4.22806245e-5 * t + 4.20481691e-8 * t**2) / (1 - 2.89741816e-5 * t + 1.61456053e-7 * t**2)
    return np.stack([u, v], axis=-1)


def _kim(t: Array) -> Array:
    x = -3.0258469e9 / t**3 + 2.1070379e6 / t**2 + 0.2226347e3 / t + 0.240390
    y = 3.0817580 * x**3 - 5.87338670 * x**2 + 3.75112997 * x - 0.37001483
    return _uv(x, y)


def _step(t: Array) -> Array:
    """0 up to the hottest lamps, 1 from the warmest daylight, linear between."""
    return np.clip((t - _LAMPS_KELVIN) / (_DAYLIGHT_KELVIN - _LAMPS_KELVIN), 0, 1)


def daylight(kelvin: Any) -> Array:
    """(..., 2) the (u, v) of daylight of 4000 to 25000 K. Source: CIE 015:2018, 4.1.2."""
    t = np.asarray(kelvin, np.float64)
    low = -4.6070e9 / t**3 + 2.9678e6 / t**2 + 0.09911e3 / t + 0.244063
    high = -2.0064e9 / t**3 + 1.9018e6 / t**2 + 0.24748e3 / t + 0.237040
    x = np.where(t <= 7000, low, high)
    return _uv(x, -3 * x**2 + 2.870 * x - 0.275)


def _uv(x: Array, y: Array) -> Array:
    scale = -2 * x + 12 * y + 3
    return np.stack([4 * x / scale, 6 * y / scale], axis=-1)


def ordinary_duv(kelvin: Any) -> Array:
    """(...) the Duv of an ordinary light: 0 for lamps up to 4000 K, that of daylight (about 0.003) from 5000 K."""
    t = np.asarray(kelvin, np.float64)
    return _step(t) * temperature_and_duv(daylight(np.maximum(t, _LAMPS_KELVIN)))[..., 1]


def chromaticity(kelvin: Any, duv: Any) -> Array:
    """(..., 2) the (u, v) at a temperature and a Duv. Source: Ohno 2014, equations 22 to 24."""
    t = np.asarray(kelvin, np.float64)
    along = planckian(t + 0.01) - planckian(t - 0.01)
    along /= np.linalg.norm(along, axis=-1, keepdims=True)
    across = np.stack([along[..., 1], -along[..., 0]], axis=-1)
    return planckian(t) + np.asarray(duv, np.float64)[..., None] * across


@cache
def _table() -> Array:
    return planckian(1e6 / _TABLE_MIRED)


def temperature_and_duv(uv: Array) -> Array:
    """(..., 2) the temperature in kelvin, from 1500 to 30000, and Duv of chromaticities (..., 2).

    Source: Ohno 2014, the triangular solution, over a table in steps of one mired.
    """
    table = _table()
    flat = uv.reshape(-1, 2)
    distance = np.linalg.norm(flat[:, None] - table, axis=-1)
    near = np.clip(distance.argmin(axis=1), 1, len(table) - 2)
    first, last = table[near - 1], table[near + 1]
    base = np.linalg.norm(last - first, axis=-1)
    rows = np.arange(len(flat))
    along = np.clip((distance[rows, near - 1] ** 2 - distance[rows, near + 1] ** 2 + base**2) / (2 * base), 0, base)
    foot = first + (last - first) * (along / base)[:, None]
    mired = _TABLE_MIRED[near - 1] + 2 * along / base
    away = flat - foot
    duv = np.linalg.norm(away, axis=-1) * np.where(away[:, 1] < 0, -1, 1)
    return np.stack([1e6 / mired, duv], axis=-1).reshape(uv.shape)


def cones(uv: Array) -> Array:
    """(..., 3) the Bradford cone responses to lights (..., 2), the photo's white being (1, 1, 1); the luminance of all is 1."""
    return _cones(uv) / _cones(_white())


def of_cones(responses: Array) -> Array:
    """(..., 2) the chromaticities of lights with these responses (..., 3); the inverse of `cones` but for luminance."""
    x, y, z = np.moveaxis(responses * _cones(_white()) @ np.linalg.inv(BRADFORD).T, -1, 0)
    scale = x + 15 * y + 3 * z
    return np.stack([4 * x / scale, 6 * y / scale], axis=-1)


def grey_difference(light: Array) -> float:
    """About how far from grey a grey is in this light (u, v), in units of CIEDE2000 as they are near grey."""
    long, middle, short = np.log(np.maximum(cones(light), 1e-3))
    return float(np.hypot(LONG_DIFFERENCE * (long - middle), SHORT_DIFFERENCE * (short - middle)))


def named(kelvin: float, duv: float) -> str:
    """A light in its figures: "light of 3200 K (Duv +0.001)"."""
    return f"light of {kelvin:.0f} K (Duv {duv:+z.3f})"


def cast_of(kelvin: float, duv: float) -> str:
    """The cast that a light gives, in plain words: "a yellowish cast, as from light of 3200 K (Duv +0.001)"."""
    long, middle, short = cones(chromaticity(kelvin, duv))
    return f"a {_TINTS[bool(long > middle), bool(short > middle)]} cast, as from {named(kelvin, duv)}"


def compressed(difference: float) -> float:
    """CIEDE2000 of what is so far from grey: it compresses large differences.

    Within a tenth of that of a grey of 25 % luminance in lights of every direction up to CIEDE2000 17 (2026-11).
    """
    return difference / (1 + difference / HALF_DIFFERENCE)


def _cones(uv: Array) -> Array:
    u, v = uv[..., 0], uv[..., 1]
    xyz = np.stack([3 * u, 2 * v, 4 - u - 10 * v], axis=-1) / (2 * v[..., None])
    return np.asarray(xyz @ BRADFORD.T)


def _white() -> Array:
    return chromaticity(WHITE_KELVIN, ordinary_duv(WHITE_KELVIN))


def cones_of_rgb(encoding: Encoding) -> Array:
    """(3, 3) linear RGB to responses that are (1, 1, 1) for the encoding's own white."""
    responses = BRADFORD @ encoding.to_xyz
    return np.asarray(responses / responses.sum(axis=1, keepdims=True))
