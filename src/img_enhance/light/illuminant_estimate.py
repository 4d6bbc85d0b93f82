"""The colour of the light in a photo, and how certain it is that there is a cast: by filters learned from photos in known light.

In logarithms of cone response ratios another light moves all colours of a photo by the same step. So the colours that occur, counted in a
grid, are compared with what is usual in white light, moved to each light in turn: a correlation with learned filters gives each light's
evidence. A small network reads the evidence of all lights together with how the photo is exposed, and decides whether there is a cast.

Sources: convolutional color constancy, Barron 2015; the correlation by Fourier transforms, Barron and Tsai, "Fast Fourier color constancy",
2017; `bench/quality_fit.py` learns the weights, and names the photos.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import ceil, sqrt

import numpy as np

from img_enhance.light.cells import Mask, cells_of
from img_enhance.light.colour import Encoding, Floats
from img_enhance.light.illuminant import Array, cones_of_rgb, of_cones
from img_enhance.light.learned import Perceptron, arrays, log_odds_of, perceptron, probability
from img_enhance.light.light_shares import light_shares
from img_enhance.light.scene_light import odds_in_scene
from img_enhance.light.toning import toned
from img_enhance.photo import Photo

METHOD = "convolutional color constancy"

# The photo is read in a grid of at most so many pixels, which are averaged in cells, about so many.
_READ_PIXELS = 600_000
_CELLS = 40_000

# Linear light that counts: below, 8-bit values are rounding and noise; above, a channel may be clipped (8-bit 20 and 250 in sRGB).
_DARK, _BRIGHT = 0.007, 0.955
# A photo in which fewer cells count says nothing.
_FEWEST_CELLS = 16

# Cone responses below this part of the middle one are no light's, but noise or colours that no eye has seen.
LEAST_RESPONSE = 0.02
# Light of a cell in any response, at least: less is noise.
_LEAST_LIGHT = 1e-4
# A gradient, the sum of its responses, from which it counts as an edge.
_LEAST_EDGE = 3e-4

# The grid of colours: logarithms of the long and the short response over the middle one, from the first corner in steps.
GRID = 70
GRID_CORNER = np.array([-1.2, -3.2])
GRID_STEP = np.array([0.04, 0.08])

# Colours are counted apart by how far they are below white, in stops; edges by their rank, the strongest first. Then all colours once more,
# by the half of the photo they are in and by whether the light changes there, from cell to cell, by more than a part of itself: a smooth
# blue above is sky.
_STOPS_BELOW = (0.5, 1, 2, 3.5)
_RANKS = (0.05, 0.5)
_ROUGH = 0.06
_PLACES = 4
CHANNELS = len(_STOPS_BELOW) + 1 + len(_RANKS) + 1 + _PLACES
# The share of the photo from which a colour counts for more than half: what covers a wall is one witness, not thousands.
_HALF_SHARE = 0.001

# The lights that are weighed: points of the grid from here on, (long, short). White lies between four points.
LIGHTS = (25, 28)
FIRST_LIGHT = (21, 20)
WHITE_AT = -GRID_CORNER / GRID_STEP - 0.5 - FIRST_LIGHT

# Evidence is read on a scale on which so much, a logarithm of odds, is strong.
STRONG = 6.0

# A photo that is too dark as a whole has its white below 1: where so few of its pixels are brighter in any channel, as exposure_correction
# has it. But white is at least so many times as bright as the dark things are: what spans less is a plain wall or sky. With its white below
# the last, it is looked at as if it had been brightened.
_WHITE_QUANTILE = 0.999
_DARK_QUANTILE = 0.05
_LEAST_RANGE = 10
_DARK_WHITE = 0.55


@dataclass(frozen=True, eq=False)
class Estimate:
    """A light as CIE 1960 (u, v), the confidence in [0, 1] that it is a cast that nobody wanted, and the name of the method.

    `confidence_if_asked` is that for somebody who has seen a cast: no less, as a sunset's light is not what is meant then.
    """

    light: Array
    confidence: float
    method: str
    confidence_if_asked: float


@dataclass(frozen=True, eq=False)
class Evidence:
    """What is seen of a photo: `colours` (CHANNELS, GRID, GRID) in [0, 1), how much each colour counts, `shares` as of light_shares.

    `toned` is in [0, 1]: how much the photo looks like a monochrome one that was toned.
    """

    colours: Floats
    shares: Floats
    toned: float = 0.0


@dataclass(frozen=True, eq=False)
class IlluminantWeights:
    """What is learned.

    `filters` (CHANNELS, GRID - LIGHTS[0] + 1, GRID - LIGHTS[1] + 1); `prior` (LIGHTS), logarithms of the odds of each light against white;
    `decision` reads the evidence for all lights and the shares, and answers the logarithm of the odds of white on the lights' scale.
    """

    filters: Floats
    prior: Floats
    decision: Perceptron


@cache
def learned() -> IlluminantWeights:
    """The weights that come with the library."""
    return IlluminantWeights(arrays()["illuminant.filters"], arrays()["illuminant.prior"], perceptron("illuminant"))


def estimated(photo: Photo, encoding: Encoding) -> Estimate:
    """The light in the photo if it has a cast, and the confidence that it has one."""
    evidence = evidence_of(photo, encoding)
    if evidence is None:
        return Estimate(of_cones(np.ones(3)), 0.0, METHOD, 0.0)
    light, odds = decided(*log_odds(evidence, learned()))
    # The colour of a toned photo is no light's, though it looks like one: nothing in it can tell.
    by_colours = float(probability(odds)) * (1 - evidence.toned)
    in_scene = float(probability(odds_in_scene(photo, encoding, light, log_odds_of(by_colours)))) * (1 - evidence.toned)
    return Estimate(light, in_scene, METHOD, max(in_scene, by_colours))


def evidence_of(photo: Photo, encoding: Encoding) -> Evidence | None:
    """What is seen of the photo, or None where hardly anything is between black and white, or all of it has one colour."""
    light, visible = _read(photo, encoding)
    largest, smallest = _extremes(light)
    lit = visible & (largest > _DARK)
    if not lit.any():
        return None
    white = _white_level(largest[visible])
    if white < _DARK_WHITE:
        light, largest, smallest, white = light / white, largest / white, smallest / white, 1.0
    cells, counted = cells_of(light, lit & (largest < _BRIGHT), number=_CELLS)
    if np.count_nonzero(counted) < _FEWEST_CELLS:
        return None
    to_cones = cones_of_rgb(encoding)
    responses = _responses(cells, to_cones)
    by_brightness = _shares_by_brightness(cells[counted], responses[counted], white)
    if np.count_nonzero(by_brightness.sum(axis=0)) == 1:
        return None
    middle = light.sum(axis=2) - largest - smallest
    clipped, counts = cells_of(light, lit & (middle < _BRIGHT) & (largest >= _BRIGHT), number=_CELLS)
    by_rank = _shares_by_rank(_edges(responses, counted), int(np.count_nonzero(counted)))
    of_clipped = _histogram(_responses(clipped[counts], to_cones)) / counted.size
    shares = np.concatenate([by_brightness, by_rank, of_clipped[None], _shares_by_place(responses, counted)])
    colours = (shares / (shares + _HALF_SHARE)).astype(np.float32)
    shares_of_light = light_shares(light @ encoding.luminance, largest, smallest, visible)
    return Evidence(colours, shares_of_light, toned(light, lit & (largest < _BRIGHT), encoding))


def _responses(light: Array, to_cones: Array) -> Array:
    return np.maximum(light @ to_cones.T, _LEAST_LIGHT)


def _shares_by_brightness(light: Array, responses: Array, white: float) -> Array:
    """The share of each colour among cells, given as linear light and as responses (N, 3), apart by how bright they are."""
    below = np.digitize(-np.log2(np.clip(light.max(axis=1) / white, _LEAST_LIGHT, 1)), _STOPS_BELOW)
    return np.stack([_histogram(responses[below == group]) for group in range(len(_STOPS_BELOW) + 1)]) / len(light)


def _shares_by_rank(edges: Array, cells: int) -> Array:
    """How often each colour occurs among edges (N, 3), the strongest apart, for each of the photo's cells; weak edges are left out."""
    strength = edges.sum(axis=1)
    edges, strength = edges[strength > _LEAST_EDGE], strength[strength > _LEAST_EDGE]
    rank = np.argsort(np.argsort(-strength, kind="stable"), kind="stable") / max(1, len(strength))
    group = np.digitize(rank, _RANKS)
    return np.stack([_histogram(edges[group == number]) for number in range(len(_RANKS))]) / cells


def _shares_by_place(responses: Array, counted: Mask) -> Array:
    """The share of each colour among the cells (h, w, 3) that count: smooth and rough ones of the upper half, then of the lower."""
    middle = responses[..., 1]
    steps = np.hypot(np.diff(middle, axis=0, append=middle[-1:]), np.diff(middle, axis=1, append=middle[:, -1:]))
    place = (steps > _ROUGH * middle) + 2 * (np.arange(len(middle)) >= len(middle) / 2)[:, None]
    return np.stack([_histogram(responses[counted & (place == number)]) for number in range(_PLACES)]) / np.count_nonzero(counted)


def _histogram(responses: Array) -> Array:
    """(GRID, GRID) how often each colour occurs among (N, 3) cone responses; those beyond the grid count at its border."""
    long, short = np.clip(np.floor((log_ratios(responses) - GRID_CORNER) / GRID_STEP), 0, GRID - 1).astype(int).T
    return np.bincount(long * GRID + short, minlength=GRID**2).reshape(GRID, GRID).astype(np.float64)


def log_ratios(responses: Array) -> Array:
    """(..., 2) logarithms of the long and the short response over the middle one."""
    bounded = np.maximum(responses, LEAST_RESPONSE * responses[..., 1:2])
    return np.asarray(np.log(bounded[..., (0, 2)] / bounded[..., 1:2]))


def log_odds(evidence: Evidence, weights: IlluminantWeights) -> tuple[float, Floats]:
    """The logarithms of how likely white is, and (LIGHTS) each other light; what is common to all is left out."""
    seen = _correlation(evidence.colours, weights.filters)
    white = _between(seen, WHITE_AT)
    lights = seen - white + weights.prior
    read = np.concatenate([np.tanh(lights.ravel() / STRONG), evidence.shares])
    return float(weights.decision(read)[0]), lights


def _correlation(colours: Floats, filters: Floats) -> Floats:
    """(LIGHTS) sums over all channels of `colours` times `filters` moved to each light."""
    product = np.fft.rfft2(colours) * np.conj(np.fft.rfft2(filters, s=colours.shape[1:]))
    return np.fft.irfft2(product.sum(axis=0), s=colours.shape[1:])[: LIGHTS[0], : LIGHTS[1]].astype(np.float32)


def _between(values: Floats, at: Array) -> float:
    """The value at a place between four points of (N, M), linear in either direction."""
    (row, column), (down, right) = np.floor(at).astype(int), at % 1
    here = values[row : row + 2, column : column + 2]
    return float(np.array([1 - down, down]) @ here @ np.array([1 - right, right]))


def decided(white: float, lights: Floats) -> tuple[Array, float]:
    """The mean light (u, v) if there is a cast, and the logarithm of the odds that there is one by the photo's colours."""
    top = float(lights.max())
    likely = np.exp(lights.astype(np.float64) - top)
    rows, columns = ((np.arange(count) + first + 0.5) for count, first in zip(LIGHTS, FIRST_LIGHT, strict=True))
    long = (likely.sum(axis=1) @ (rows * GRID_STEP[0] + GRID_CORNER[0])) / likely.sum()
    short = (likely.sum(axis=0) @ (columns * GRID_STEP[1] + GRID_CORNER[1])) / likely.sum()
    odds = top + np.log(likely.sum()) - white
    return of_cones(np.exp([long, 0, short])), float(odds)


def _white_level(largest: Floats) -> float:
    """The linear light that white has, or would have, in the photo; `largest` are the largest channels of its pixels."""
    dark, white = np.quantile(largest, (_DARK_QUANTILE, _WHITE_QUANTILE))
    return min(1.0, max(_DARK, float(white), _LEAST_RANGE * float(dark)))


def _read(photo: Photo, encoding: Encoding) -> tuple[Floats, Mask]:
    """Linear light of a grid of the photo's pixels, (h, w, 3), and which are not fully transparent, (h, w)."""
    height, width = photo.pixels.shape[:2]
    step = ceil(sqrt(height * width / _READ_PIXELS))
    light = encoding.decode(np.ascontiguousarray(photo.pixels[::step, ::step]))
    return light, np.ones(light.shape[:2], bool) if photo.alpha is None else photo.alpha[::step, ::step] > 0


def _extremes(light: Floats) -> tuple[Floats, Floats]:
    """The largest and the smallest channel of (h, w, 3). Channel by channel: along the last axis NumPy takes five times as long."""
    red, green, blue = light[..., 0], light[..., 1], light[..., 2]
    return np.maximum(np.maximum(red, green), blue), np.minimum(np.minimum(red, green), blue)


def _edges(responses: Array, counted: Mask) -> Array:
    """(N, 3) magnitudes of the gradient of (h, w, 3), where all it is made of counts."""
    here, below, right = responses[:-1, :-1], responses[1:, :-1], responses[:-1, 1:]
    counts = counted[:-1, :-1] & counted[1:, :-1] & counted[:-1, 1:]
    return np.asarray(np.hypot(below - here, right - here)[counts])
