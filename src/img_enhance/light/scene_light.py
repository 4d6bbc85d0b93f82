"""Whether coloured light is a cast or belongs to what a photo shows, as at a sunset and on a stage: by where which colours are.

A cast lies over bright and dark things alike. A setting sun, or a lamp in the picture, colours what is bright while shadows keep another
colour; and where some things are grey already, the light is not at fault.
"""

from __future__ import annotations

from functools import cache
from math import ceil, sqrt

import cv2
import numpy as np
import numpy.typing as npt

from img_enhance.light.colour import Encoding, Floats
from img_enhance.light.illuminant import LONG_DIFFERENCE, SHORT_DIFFERENCE, Array, cones, cones_of_rgb
from img_enhance.light.learned import SCENES, Perceptron, perceptron
from img_enhance.light.lightness import lightness
from img_enhance.photo import Photo

Mask = npt.NDArray[np.bool_]

# What is seen of the scene, and the odds by its colours alone.
EVIDENCE = 19

# The longer side of the picture that is looked at, and how many of the photo's pixels it is averaged from at most.
_SIDE = 96
_PIXELS = 600_000
_FEWEST_PIXELS = 20

# Linear light of the largest channel: darker ones have noise for colours, and from the second on a channel is clipped.
_DARK, _BRIGHT = 0.004, 0.955
# The parts of what is not dark, by percentiles of lightness: a third each, and the brightest.
_THIRDS, _BRIGHTEST = (33, 67), 95
# Logarithms of cone responses, long and short over middle, in units in which a grey's CIEDE2000 is so much.
_UNIT = 10.0
_SCALE = np.array([LONG_DIFFERENCE, SHORT_DIFFERENCE]) / _UNIT
# A colour is that of a light within CIEDE2000 4.
_NEAR = 0.4
_LEAST_RESPONSE, _LEAST_PART = 1e-4, 0.02
_MOST_ODDS = 9.0
# A scene makes a cast likelier by so much at most: what lies over all of a photo alike may be grass. Without a bound a green insect on a
# leaf, which had odds of -2.9, became half pink (2026-11). With 2, five of 68 photos full of a strong colour changed by more than
# CIEDE2000 3, with 1 two do; made-up casts are found as well, real ones nearly (docs/white_balance.md).
_MOST_MORE_ODDS = 1.0


@cache
def learned() -> Perceptron:
    """The weights that come with the library: evidence to the logarithm of the odds that there is a cast."""
    return perceptron("scene", SCENES)


def odds_in_scene(photo: Photo, encoding: Encoding, light: Array, odds: float) -> float:
    """The logarithm of the odds that `light` (u, v) is a cast, given that by the photo's colours alone."""
    evidence = evidence_of(photo, encoding, light, odds)
    return odds if evidence is None else min(odds + _MOST_MORE_ODDS, float(learned()(evidence)[0]))


def evidence_of(photo: Photo, encoding: Encoding, light: Array, odds: float) -> Floats | None:
    """(EVIDENCE,) of a photo in which `light` (u, v) was found with these odds; None where hardly anything has a colour.

    In this order: the odds; the light, long and short, and how far it is from grey; the mean colour of the dark, the middle and the bright
    third and of the brightest, each along the light and across; square roots of the shares that are grey, and that would be grey without
    the light; how much lightness changes from row to row, in all and in the upper third; square roots of the shares that are clipped,
    white, black. Hidden pixels do not count.
    """
    small, counts = _small(photo, encoding)
    largest, smallest = small.max(axis=2), small.min(axis=2)
    coloured = counts & (largest > _DARK)
    if np.count_nonzero(coloured) < _FEWEST_PIXELS:
        return None
    bright_as = np.where(counts, lightness(largest), 0).astype(np.float64)
    colours, away = _log_ratios(small[coloured] @ cones_of_rgb(encoding).T), _log_ratios(cones(light))
    far = float(np.hypot(*away))
    along = away / max(far, 1e-6)
    turned = colours @ np.array([along, (-along[1], along[0])]).T
    steps = np.abs(np.diff(bright_as, axis=0))
    masks = largest > _BRIGHT, smallest > _BRIGHT, largest < _DARK
    return np.asarray(
        [
            np.clip(odds, -_MOST_ODDS, _MOST_ODDS),
            *away,
            far,
            *_by_brightness(turned, bright_as[coloured]),
            *(sqrt((np.hypot(*(colours - centre).T) < _NEAR).mean()) for centre in (np.zeros(2), away)),
            *(float(part.mean()) if part.size else 0.0 for part in (steps, steps[: len(small) // 3])),
            *(sqrt(mask[counts].mean()) for mask in masks),
        ],
        np.float32,
    )


def _by_brightness(colours: Array, bright_as: Array) -> Array:
    """(8,) the mean colours (N, 2) of the dark, the middle and the bright third and of the brightest; of all where it has none."""
    first, second, last = np.percentile(bright_as, (*_THIRDS, _BRIGHTEST))
    parts = bright_as <= first, (bright_as > first) & (bright_as <= second), bright_as > second, bright_as > last
    return np.concatenate([colours[part if part.any() else slice(None)].mean(axis=0) for part in parts])


def _log_ratios(responses: Array) -> Array:
    """(..., 2) logarithms of the long and the short response over the middle one, as differences of a grey."""
    bounded = np.maximum(responses, _LEAST_RESPONSE)
    middle = bounded[..., 1:2]
    return np.asarray(np.log(np.maximum(bounded[..., (0, 2)] / middle, _LEAST_PART)) * _SCALE)


def _small(photo: Photo, encoding: Encoding) -> tuple[Floats, Mask]:
    """Linear light of the photo at most 96 px long and wide, (h, w, 3), and which of its pixels can mostly be seen."""
    height, width = photo.pixels.shape[:2]
    step = ceil(sqrt(height * width / _PIXELS))
    chosen = np.ascontiguousarray(photo.pixels[::step, ::step])
    shrink = min(1.0, _SIDE / max(chosen.shape[:2]))
    size = max(1, round(chosen.shape[1] * shrink)), max(1, round(chosen.shape[0] * shrink))
    seen = np.ones(chosen.shape[:2], np.float32) if photo.alpha is None else (photo.alpha[::step, ::step] > 0).astype(np.float32)
    share = cv2.resize(seen, size, interpolation=cv2.INTER_AREA)
    small = cv2.resize(chosen * seen[..., None], size, interpolation=cv2.INTER_AREA) / np.maximum(share, 1e-6)[..., None]
    return encoding.decode(np.rint(small).astype(chosen.dtype)), np.asarray((share > 0) & (share >= share.max() / 2))
