"""How many stops a photo is under- or over-exposed, from the distribution of its light."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from img_enhance.steps.sample import Sample

# Light counts as clipped from here on: the code 252 of 8 bits in sRGB, as JPEG rings around white.
_CLIPPED_LIGHT = 0.973
# Code 1 of 8 bits in sRGB and less is black.
_BLACK_LIGHT = 0.00035

# Nothing is done within this many stops: photos are taken and finished with so much freedom.
DEAD_ZONE_STOPS = 0.85
MOST_STOPS = 4.0

# Luminance of black in the mean of logarithms, as in Reinhard, Stark, Shirley, Ferwerda 2002, equation 1.
_LOG_FLOOR = 2.0**-9


@dataclass(frozen=True)
class Exposure:
    """Measures of a photo's light, in stops below white where they are brightnesses, as shares of its pixels where they are shares.

    `white_stops`: the 99.9th percentile of the largest channel. `key_stops`: the mean logarithm of luminance. `middle_stops`: its median.
    `clipped_share`: some channel at white; `white_share`: all at white; `black_share`: all at black. An empty photo has none of all.
    """

    white_stops: float
    key_stops: float
    middle_stops: float
    clipped_share: float
    white_share: float
    black_share: float

    def record(self) -> dict[str, Any]:
        """The measures, as JSON values."""
        return {name: round(value, 4) for name, value in vars(self).items()}


def exposure_of(seen: Sample) -> Exposure:
    """The measures of a sample."""
    luminance, largest = seen.luminance[seen.counts], seen.largest[seen.counts]
    if luminance.size == 0:
        return Exposure(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    clipped = largest >= _CLIPPED_LIGHT
    return Exposure(
        white_stops=_stops(float(np.percentile(largest, _WHITE_PERCENT))),
        key_stops=-float(np.mean(np.log2(luminance + np.float32(_LOG_FLOOR)), dtype=np.float64)),
        middle_stops=_stops(float(np.median(luminance))),
        clipped_share=float(np.mean(clipped)),
        white_share=float(np.mean(seen.smallest[seen.counts] >= _CLIPPED_LIGHT)),
        black_share=float(np.mean(largest <= _BLACK_LIGHT)),
    )


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
    return exposure.white_stops if exposure.white_stops > DEAD_ZONE_STOPS else 0.0


# Stops over, by the square root of the part of a photo that is clipped. Fitted 2026-11 to the tuning half of the bench's photos at 0, 0.5,
# 1, 1.5 and 2 EV: right to 0.45 EV (root mean square, each photo left out in turn); key, median and the share next to white add nothing.
_STOPS_OF_CLIPPED_ROOT = 1.93
_STOPS_UNCLIPPED = 0.08

# A white background or sky is white in all channels; where light was too much, colours are clipped in one or two of them as well. From so
# much of the clipped part in colour on the photo is taken to be over-exposed, and fully so from the second figure on.
_COLOURED_FROM, _COLOURED_TO = 0.04, 0.12


def _stops_too_bright(exposure: Exposure) -> float:
    """Nearly all of it by how much is clipped, unless that is a background."""
    if exposure.clipped_share == 0:
        return 0.0
    coloured = 1 - exposure.white_share / exposure.clipped_share
    sure = float(np.clip((coloured - _COLOURED_FROM) / (_COLOURED_TO - _COLOURED_FROM), 0, 1))
    stops = (_STOPS_UNCLIPPED + _STOPS_OF_CLIPPED_ROOT * float(np.sqrt(exposure.clipped_share))) * sure
    return stops if stops > DEAD_ZONE_STOPS else 0.0
