"""How many stops a photo is too dark or too bright, and how much of that is to be expected to be a mistake.

Stops are those to a middle key. Whether a photo was meant darker or brighter than that, as nights and snow are, a small network judges by
what the photo looks like (`exposure_evidence`, learned by `bench/exposure_fit.py`). The strength of a correction grows with its answer and
so nowhere jumps, but it grows steeply: what differs least from either, on average, is all where a mistake is likelier, and nothing where it
is not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from img_enhance.light.colour import Floats
from img_enhance.light.exposure_curve import exposure_curve
from img_enhance.light.learned import EXPOSURE, Perceptron, perceptron, probability
from img_enhance.light.light_shares import CLIPPED_LIGHT
from img_enhance.light.lightness import lightness
from img_enhance.light.sample import Sample

Doubles = npt.NDArray[np.float64]

# Less is not seen; more is noise.
LEAST_STOPS, MOST_STOPS = 0.12, 6.0

# Code 1 of 8 bits in sRGB and less is black.
_BLACK_LIGHT = 0.00035

# A middle key: the mean lightness, in [0, 1], of the largest channel where a photo may be too dark, because a red car is not dark, and of
# luminance where it may be too bright. Chosen, as what follows, on real exposure sequences (docs/exposure.md).
_MIDDLE_KEY_OF_LARGEST = 0.53
_MIDDLE_KEY_OF_LUMINANCE = 0.485

# Standard deviations, in stops, of keys that are meant and of wrong exposures; so much of what a key is off is a mistake if any of it is.
_MEANT_SPREAD = 0.6
_WRONG_SPREAD = 2.0
_OF_WHAT_IS_OFF = _WRONG_SPREAD**2 / (_WRONG_SPREAD**2 + _MEANT_SPREAD**2)

# What is added to the network's logarithm of the odds, how steeply the strength grows with the sum, and the stops of which half is taken
# for chance whatever it says: those off a middle key, and those that are unused.
_DARK_ODDS, _BRIGHT_ODDS = 2.05, 0.24
_STEEPNESS = 2.75
_DARK_CHANCE, _BRIGHT_CHANCE = 0.2, 1.0
_UNUSED_CHANCE = 0.4
# Stops that are unused explain much of the darkness: for each of so many at most, so much more of the rest is taken for chance.
_CHANCE_A_STOP, _MOST_STOPS_EXPLAINED = 0.9, 2.0

# With white sides of more than the first a bright photo surely has a white background, with less than the second surely none.
_BACKGROUND, _NO_BACKGROUND = 0.5, 0.3

# Well exposed photos reach white with so much of their pixels, give or take so many stops.
_WHITE_PERCENT = 99.9
_WHITE_SPREAD = 0.25
# ... but are not made brighter than this key for it: fog reaches no white either.
_HIGHEST_KEY = 0.62

# Roots of light are counted in so many bins.
_BINS = 1024
_LIGHT = (np.arange(_BINS) / (_BINS - 1)) ** 2


@dataclass(frozen=True)
class Exposure:
    """Measures of a photo's light.

    `largest_key` and `luminance_key`: mean CIE lightness, in [0, 1], of the largest channel and of luminance. `unused_stops`: stops between
    the brightest light and white, as far as they are no chance. `clipped_share`, `white_share`, `black_share`: of the pixels, with some
    channel at white, with all at white, with all at black. `stops`: the change of exposure that the photo needs, if it is not meant as it
    is: positive where it is too dark. `wrong`: how much of that is best done where nobody asked for it, in [0, 1]: much where it is likely
    to be wrong. An empty photo has none of all.
    """

    largest_key: float
    luminance_key: float
    unused_stops: float
    clipped_share: float
    white_share: float
    black_share: float
    stops: float
    wrong: float

    def record(self) -> dict[str, Any]:
        """The measures, as JSON values."""
        return {name: round(value, 4) for name, value in vars(self).items()}


def exposure_of(seen: Sample, evidence: Floats | None, *, white_sides: float = 0.0) -> Exposure:
    """The measures of a sample, from what `exposure_evidence` says of the same photo; `evidence` is None where no pixel of it counts."""
    luminance, largest = seen.luminance[seen.counts], seen.largest[seen.counts]
    if luminance.size == 0 or evidence is None:
        return Exposure(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    of_largest, of_luminance = _histogram(largest), _histogram(luminance)
    unused, off = _stops_off(of_largest, of_luminance)
    likely = _likely_wrong(off, unused, evidence)
    if off < 0:
        likely *= float(np.clip((_BACKGROUND - white_sides) / (_BACKGROUND - _NO_BACKGROUND), 0, 1))
    given_back = unused if off >= 0 else 0.0
    stops = float(np.clip(given_back + off * _OF_WHAT_IS_OFF, -MOST_STOPS, MOST_STOPS))
    stops = stops if abs(stops) >= LEAST_STOPS else 0.0
    worth_it = given_back * _beyond_chance(given_back, _UNUSED_CHANCE) + off * _OF_WHAT_IS_OFF * likely
    return Exposure(
        largest_key=_key(of_largest),
        luminance_key=_key(of_luminance),
        unused_stops=unused,
        clipped_share=float(np.mean(largest >= CLIPPED_LIGHT)),
        white_share=float(np.mean(seen.smallest[seen.counts] >= CLIPPED_LIGHT)),
        black_share=float(np.mean(largest <= _BLACK_LIGHT)),
        stops=stops,
        wrong=min(1.0, worth_it / stops) if stops else 0.0,
    )


def _histogram(light: Floats) -> Doubles:
    """The shares of (N,) light in [0, 1] at each of `_LIGHT`."""
    index = np.rint(np.sqrt(light) * np.float32(_BINS - 1)).astype(np.intp)
    return np.bincount(index, minlength=_BINS) / light.size


def _key(histogram: Doubles, ev: float = 0.0, unused_stops: float = 0.0) -> float:
    """Mean lightness in [0, 1] after a change of exposure."""
    return float(histogram @ lightness(exposure_curve(_LIGHT, ev, unused_stops=unused_stops)))


def _unused_stops(of_largest: Doubles) -> float:
    """How far the brightest light is from white: little of a little, which may be chance, and nearly all of much."""
    brightest = _LIGHT[np.searchsorted(of_largest.cumsum(), _WHITE_PERCENT / 100)]
    stops = min(MOST_STOPS, -float(np.log2(max(brightest, 2.0**-MOST_STOPS))))
    if stops <= 0:
        return 0.0
    stops *= stops**2 / (stops**2 + _WHITE_SPREAD**2)
    if _key(of_largest, stops, stops) <= _HIGHEST_KEY:
        return stops
    return max(0.0, _solved(lambda ev: _key(of_largest, ev, ev), _HIGHEST_KEY, most=stops))


def stops_off(seen: Sample) -> tuple[float, float]:
    """The stops that a sample, some pixels of which count, leaves unused, and those that it is off besides."""
    return _stops_off(_histogram(seen.largest[seen.counts]), _histogram(seen.luminance[seen.counts]))


def _stops_off(of_largest: Doubles, of_luminance: Doubles) -> tuple[float, float]:
    """Unused stops, and those besides to a middle key: 0 where a photo is dark by one measure and bright by the other."""
    unused = _unused_stops(of_largest)
    too_dark = _solved(lambda ev: _key(of_largest, unused + ev, unused), _MIDDLE_KEY_OF_LARGEST)
    if too_dark > 0 or unused > 0:
        return unused, max(0.0, too_dark)
    return unused, min(0.0, _solved(lambda ev: _key(of_luminance, ev, 0.0), _MIDDLE_KEY_OF_LUMINANCE))


def _solved(key: Callable[[float], float], wanted: float, *, most: float = MOST_STOPS) -> float:
    """The stops, in [-most, most], at which a key that rises with them is `wanted`, by halving."""
    low, high = -most, most
    for _ in range(14):
        middle = (low + high) / 2
        low, high = (middle, high) if key(middle) < wanted else (low, middle)
    return (low + high) / 2


def _likely_wrong(off: float, unused: float, evidence: Floats) -> float:
    """How likely, in [0, 1], a photo that is so many stops off was not meant so: nearer to 0 or 1 than a probability."""
    if off == 0:
        return 0.0
    if off > 0:
        network, odds, chance = _too_dark(), _DARK_ODDS, _DARK_CHANCE + _CHANCE_A_STOP * min(unused, _MOST_STOPS_EXPLAINED)
    else:
        network, odds, chance = _too_bright(), _BRIGHT_ODDS, _BRIGHT_CHANCE
    answer = network(np.concatenate([[off, unused], evidence]).astype(np.float32))
    return float(probability(_STEEPNESS * (answer[0] + odds))) * _beyond_chance(off, chance)


def _beyond_chance(stops: float, chance: float) -> float:
    """How little stops, of which half is taken for chance at `chance`, are chance: 0 of a few, 1 of many."""
    return stops**4 / (stops**4 + chance**4)


@cache
def _too_dark() -> Perceptron:
    return perceptron("dark", EXPOSURE)


@cache
def _too_bright() -> Perceptron:
    return perceptron("bright", EXPOSURE)
