"""How many stops a photo is under- or over-exposed, from the distribution of its light.

Too dark is told by light that is nowhere used. Too bright looks like a white background or a sky: a small network, which learned the
difference from photos made brighter by known amounts (`bench/quality_fit.py`), tells them apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from img_enhance.light.colour import Floats
from img_enhance.light.learned import Perceptron, perceptron, probability
from img_enhance.light.light_shares import CLIPPED_LIGHT, light_shares
from img_enhance.light.sample import Sample

# Code 1 of 8 bits in sRGB and less is black.
_BLACK_LIGHT = 0.00035

# A photo that is less too dark is left alone: photos are taken and finished with so much freedom.
DARK_ZONE_STOPS = 0.85
# The least correction of one that is too bright: less was not learned.
BRIGHT_ZONE_STOPS = 0.7
# The probability of too much light from which there is more for it than against it.
_LIKELY = 0.5
MOST_STOPS = 4.0

# Luminance of black in the mean of logarithms, as in Reinhard, Stark, Shirley, Ferwerda 2002, equation 1.
_LOG_FLOOR = 2.0**-9


@dataclass(frozen=True)
class Exposure:
    """Measures of a photo's light, in stops below white where they are brightnesses, as shares of its pixels where they are shares.

    `white_stops`: the 99.9th percentile of the largest channel. `key_stops`: the mean logarithm of luminance. `middle_stops`: its median.
    `clipped_share`: some channel at white; `white_share`: all at white; `black_share`: all at black. `over_probability`: how likely there
    was too much light; `over_stops`: how much, if so. An empty photo has none of all.
    """

    white_stops: float
    key_stops: float
    middle_stops: float
    clipped_share: float
    white_share: float
    black_share: float
    over_probability: float = 0.0
    over_stops: float = 0.0

    def record(self) -> dict[str, Any]:
        """The measures, as JSON values."""
        return {name: round(value, 4) for name, value in vars(self).items()}


def exposure_of(seen: Sample) -> Exposure:
    """The measures of a sample."""
    luminance, largest = seen.luminance[seen.counts], seen.largest[seen.counts]
    if luminance.size == 0:
        return Exposure(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    over, stops = learned()(shares_of(seen))
    return Exposure(
        white_stops=_stops(float(np.percentile(largest, _WHITE_PERCENT))),
        key_stops=-float(np.mean(np.log2(luminance + np.float32(_LOG_FLOOR)), dtype=np.float64)),
        middle_stops=_stops(float(np.median(luminance))),
        clipped_share=float(np.mean(largest >= CLIPPED_LIGHT)),
        white_share=float(np.mean(seen.smallest[seen.counts] >= CLIPPED_LIGHT)),
        black_share=float(np.mean(largest <= _BLACK_LIGHT)),
        over_probability=float(probability(over)),
        over_stops=float(stops),
    )


def shares_of(seen: Sample) -> Floats:
    """The `light_shares` of a sample of which some pixels count."""
    return light_shares(seen.luminance, seen.largest, seen.smallest, seen.counts)


@cache
def learned() -> Perceptron:
    """Reads `shares_of`; answers the logarithm of the odds that there was too much light, and by how many stops if so."""
    return perceptron("exposure")


def _stops(light: float) -> float:
    return -float(np.log2(max(light, _LOG_FLOOR / 16)))


def estimated_stops(exposure: Exposure) -> float:
    """The change of exposure in stops that a photo needs: positive where it is too dark, 0 where it is well exposed."""
    return min(MOST_STOPS, _stops_too_dark(exposure)) or 0.0 - min(MOST_STOPS, _stops_too_bright(exposure))


# Well exposed photos reach white with so much of their pixels, give or take 0.23 EV (root mean square over the tuning half of the bench's
# photos, 2026-11; 0.30 EV with the 99.5th percentile).
_WHITE_PERCENT = 99.9


def _stops_too_dark(exposure: Exposure) -> float:
    """A well exposed photo uses its range up to white; so a low-key one, with a few lights, is left as it is."""
    return exposure.white_stops if exposure.white_stops > DARK_ZONE_STOPS else 0.0


# Where light was too much, colours are clipped in one or two channels as well: in at least so much of what is clipped. Else it is a white
# background, or a grey photo, which cannot be told from one.
_LEAST_COLOURED = 0.04


def _stops_too_bright(exposure: Exposure) -> float:
    coloured = exposure.clipped_share - exposure.white_share
    if exposure.over_probability < _LIKELY or coloured <= _LEAST_COLOURED * exposure.clipped_share:
        return 0.0
    return max(BRIGHT_ZONE_STOPS, exposure.over_stops)
