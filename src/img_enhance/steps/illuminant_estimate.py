"""The colour of the light in a photo, and how certain it is: lights that exist are weighed by how well they explain the photo.

Four witnesses are heard: the brightest things, the bright ones, the edges, and the set of colours that occur. Each says how well each
of some hundred lights explains what it sees; the prior knows that lights lie near the locus of daylight and lamps, and that most photos
are right as they are. The posterior gives the probability that there is a cast, hence the confidence, and the mean light if so.

Sources: shades of grey, Finlayson and Trezzi 2004; grey edge, van de Weijer, Gevers and Gijsenij 2007; colour by correlation, Finlayson,
Hordley and Hubel 2001; their joint decision after Brainard and Freeman 1997, "Bayesian color constancy".
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, sqrt

import numpy as np
import numpy.typing as npt

from img_enhance.color import Encoding, Floats
from img_enhance.illuminant import WHITE_KELVIN, Array, chromaticity, cones, cones_of_rgb, of_cones, ordinary_duv
from img_enhance.photo import Photo

Mask = npt.NDArray[np.bool_]

METHOD = "Bayesian, over shades of grey, grey edge and colour by correlation"

# The photo is read in a grid of at most so many pixels, which are averaged in cells, about so many.
_READ_PIXELS = 600_000
_CELLS = 40_000

# Linear light that counts: below, 8-bit values are rounding and noise; above, a channel may be clipped (8-bit 20 and 250 in sRGB).
_DARK, _BRIGHT = 0.007, 0.955
# A cell counts when so much of it does, and a photo in which fewer cells count says nothing.
_COUNTED_SHARE = 0.5
_FEWEST_CELLS = 16

# The lights that are weighed: from shade of 15400 K to lamps of 2440 K, in mired, and Duv either side of daylight and lamps.
_MIRED = np.linspace(65, 410, 28)
_DUV = np.linspace(-0.028, 0.028, 9)
_WHITE_MIRED = 1e6 / WHITE_KELVIN

# Cone responses below this part of the middle one are no light's, but noise or colours that no eye has seen.
LEAST_RESPONSE = 0.02

# Light of a cell in any response, at least: less is noise.
_LEAST_LIGHT = 1e-4

# Logarithms of response ratios: the short wavelengths' vary so many times more than the long ones', among lights as among estimates.
_SHORT_TO_LONG = 2.2


@dataclass(frozen=True, eq=False)
class Witness:
    """An estimate of the light by the Minkowski norm of order `norm` of the cells, or of their `edges`.

    How far it is believed: `weight` times the log-density of Student's kind with `scale`, found on the quality bench's tune set (2026-11).
    """

    norm: float
    edges: bool
    weight: float
    scale: float


_WITNESSES = (Witness(30, False, 2.34, 0.058), Witness(6, False, 0.315, 0.364), Witness(6, True, 0.391, 0.062))

# The same for the brightest linear light, one channel of which may be clipped; the scales are those of red and blue over green.
_BRIGHTEST_NORM = 30
# From this mean of a cell up to _BRIGHT, ever more of it may be clipped.
_MAYBE_CLIPPED = 0.85
_CLIPPED_WEIGHT = 3.23
_CLIPPED_SCALES = (0.188, 0.048)

# The luminance of the brightest things, white being 1: up to the first, they are a red wall, leaves or the sky; from the second, there is
# something white. In the tune set it is 0.47 to 0.94.
_WHITE_LUMINANCE = (0.25, 0.45)
_BRIGHT_QUANTILE = 0.995

# A photo that is too dark as a whole has its white below 1: where so few of its pixels are brighter in any channel, as exposure_correction
# has it. But white is at least so many times as bright as the dark things are: what spans less is a plain wall or sky. In the tune set
# photos span 3 (snow) to 400 times, most 8 and more.
_WHITE_QUANTILE = 0.999
_DARK_QUANTILE = 0.05
_LEAST_RANGE = 10

# Colour by correlation: how fast natural colours grow rarer away from grey, how frequent any colour is at least, from which share of the
# photo a colour counts fully, and how much one colour is believed.
_RARER_LONG, _RARER_SHORT = 0.078, 0.147
_ANY_COLOUR = 0.046
_FULL_SHARE = 0.00541
_BELIEF = 0.0325
_COLOUR_STEP = np.array([0.08, 0.16])
_MOST_COLOURS = 160

# The prior: logarithm of how much likelier the photo's own white is than a warmer light at an ordinary Duv, how much likelier a colder one
# is than a warmer, and how fast all grow rarer beside the locus. Lights colder than white differ from it and from each other so little
# that no photo has strong evidence for one: without the second figure a photo in shade is taken for one of blue things (tune set, 2026-11).
_WHITE_LOG_ODDS = 8.0
_COLDER_LOG_ODDS = 2.0
_DUV_WIDTH = 0.005
# The probability of a cast from which there is any confidence in it; the prior alone, without any evidence, comes to 0.044.
_LEAST_PROBABILITY = 0.05


@dataclass(frozen=True, eq=False)
class Estimate:
    """A light as CIE 1960 (u, v), the confidence in it in [0, 1], and the name of the method."""

    light: Array
    confidence: float
    method: str


def estimated(photo: Photo, encoding: Encoding) -> Estimate:
    """The light in the photo if it has a cast, and the confidence that it has one."""
    light, visible = read(photo, encoding)
    largest, smallest = _extremes(light)
    lit = visible & (largest > _DARK)
    middle = light.sum(axis=2) - largest - smallest
    cells, counted = _cells(light, lit & (largest < _BRIGHT))
    if np.count_nonzero(counted) < _FEWEST_CELLS:
        return Estimate(of_cones(np.ones(3)), 0.0, METHOD)
    to_cones = cones_of_rgb(encoding)
    responses = np.maximum(cells @ to_cones.T, _LEAST_LIGHT)
    lights, log_prior = candidates()
    explained = _colours_explained(responses[counted], lights)
    for witness in _WITNESSES:
        explained += _heard(witness, responses, counted, lights)
    brightest, counted = _cells(light, lit & (middle < _BRIGHT))
    explained += _clipped_white_explained(brightest[counted], lights, to_cones)
    trust = _trust(brightest[counted] @ encoding.luminance / _white_level(largest[visible]))
    return _decision(log_prior + trust * explained, lights)


def _white_level(largest: Floats) -> float:
    """The linear light that white has, or would have, in the photo; `largest` are the largest channels of its pixels."""
    dark, white = np.quantile(largest, (_DARK_QUANTILE, _WHITE_QUANTILE))
    return min(1.0, max(_DARK, float(white), _LEAST_RANGE * float(dark)))


def _trust(luminance: Array) -> float:
    """How far the witnesses are believed, by `luminance` of which white has 1 at the photo's exposure.

    Not where nothing is as bright as a white or light grey thing would be, in whatever light.
    """
    none, full = _WHITE_LUMINANCE
    return float(np.clip((np.quantile(luminance, _BRIGHT_QUANTILE) - none) / (full - none), 0, 1))


def read(photo: Photo, encoding: Encoding) -> tuple[Floats, Mask]:
    """Linear light of a grid of the photo's pixels, (h, w, 3), and which are not fully transparent, (h, w)."""
    height, width = photo.pixels.shape[:2]
    step = ceil(sqrt(height * width / _READ_PIXELS))
    light = encoding.decode(np.ascontiguousarray(photo.pixels[::step, ::step]))
    return light, np.ones(light.shape[:2], bool) if photo.alpha is None else photo.alpha[::step, ::step] > 0


def _extremes(light: Floats) -> tuple[Floats, Floats]:
    """The largest and the smallest channel of (h, w, 3). Channel by channel: along the last axis NumPy takes five times as long."""
    red, green, blue = light[..., 0], light[..., 1], light[..., 2]
    return np.maximum(np.maximum(red, green), blue), np.minimum(np.minimum(red, green), blue)


def _cells(light: Floats, counts: Mask) -> tuple[Array, Mask]:
    """(h, w, 3) means over cells of the pixels that count, and which cells have enough of them, (h, w)."""
    side = max(1, round(sqrt(counts.size / _CELLS)))
    sums = _cell_sums(np.dstack([light * counts[..., None], counts]), side).astype(np.float64)
    return sums[..., :3] / np.maximum(sums[..., 3:], 1), sums[..., 3] >= _COUNTED_SHARE * side**2


def _cell_sums(values: Floats, cell: int) -> Floats:
    """(h, w, C) sums over cells of `cell` x `cell`; what is left over at the right and below is left out, unless it is all there is."""
    height, width = values.shape[:2]
    rows = np.add.reduceat(values, range(0, max(1, height - cell + 1), cell), axis=0)
    return np.asarray(np.add.reduceat(rows, range(0, max(1, width - cell + 1), cell), axis=1))


def candidates() -> tuple[Array, Array]:
    """The lights that are weighed as (N, 2) logarithms of their response ratios, and their prior log-probabilities (N,).

    The first is the photo's own white.
    """
    mired, duv = (axis.ravel() for axis in np.meshgrid(_MIRED, _DUV, indexing="ij"))
    others = cones(chromaticity(1e6 / mired, ordinary_duv(1e6 / mired) + duv))
    lights = log_ratios(np.vstack([np.ones(3), others]))
    return lights, np.concatenate([[_WHITE_LOG_ODDS], _COLDER_LOG_ODDS * (mired < _WHITE_MIRED) - np.abs(duv) / _DUV_WIDTH])


def log_ratios(responses: Array) -> Array:
    """(..., 2) logarithms of the long and the short response over the middle one."""
    bounded = np.maximum(responses, LEAST_RESPONSE * responses[..., 1:2])
    return np.asarray(np.log(bounded[..., (0, 2)] / bounded[..., 1:2]))


def _heard(witness: Witness, responses: Array, counted: Mask, lights: Array) -> Array:
    """(N,) log-likelihood of each light by one witness."""
    values, which = _edges(responses, counted) if witness.edges else (responses, counted)
    chosen = values[which]
    if not chosen.any():
        return np.zeros(len(lights))
    off = (lights - log_ratios(_norm(chosen, witness.norm))) / (witness.scale * np.array([1, _SHORT_TO_LONG]))
    return np.asarray(-witness.weight * np.log1p((off**2).sum(axis=1)))


def _norm(values: Array, order: float) -> Array:
    """(3,) Minkowski norms of (N, 3), means in place of sums."""
    top = values.max(axis=0)
    return np.asarray(top * np.mean((values / top) ** order, axis=0) ** (1 / order))


def _clipped_white_explained(light: Array, lights: Array, to_cones: Array) -> Array:
    """(N,) log-likelihood of each light by the brightest linear light (N, 3), of which one channel may be clipped.

    White in a strong light is clipped in the light's own channel, and what it shows of that is a lower bound: so here a light may be
    further out in the channel that is clipped, and is believed by the other two.
    """
    clipped = np.clip((light.max(axis=0) - _MAYBE_CLIPPED) / (_BRIGHT - _MAYBE_CLIPPED), 0, 1)
    responses = np.exp(np.insert(lights, 1, 0, axis=1))
    off = log_ratios(responses @ np.linalg.inv(to_cones).T) - log_ratios(_norm(np.maximum(light, _LEAST_LIGHT), _BRIGHTEST_NORM))
    off -= clipped[[0, 2]] * np.maximum(off, 0)
    off -= clipped[1] * np.minimum(off, 0)
    return np.asarray(-_CLIPPED_WEIGHT * np.log1p(((off / _CLIPPED_SCALES) ** 2).sum(axis=1)))


def _edges(responses: Array, counted: Mask) -> tuple[Array, Mask]:
    """(h - 1, w - 1, 3) magnitudes of the gradient, and where all it is made of counts."""
    here, below, right = responses[:-1, :-1], responses[1:, :-1], responses[:-1, 1:]
    return np.hypot(below - here, right - here), counted[:-1, :-1] & counted[1:, :-1] & counted[:-1, 1:]


def _colours_explained(responses: Array, lights: Array) -> Array:
    """(N,) log-likelihood of each light by the colours that occur: few natural colours are far from grey.

    A colour counts once however large the thing is that has it, so that a red wall is one witness for red light and not thousands.
    """
    ratios = log_ratios(responses)
    steps, which = np.unique(np.floor(ratios / _COLOUR_STEP).astype(int), axis=0, return_inverse=True)
    count = np.bincount(which.ravel(), minlength=len(steps))
    middle = np.stack([np.bincount(which.ravel(), ratios[:, axis]) / count for axis in (0, 1)], axis=1)
    most = np.argsort(-count, kind="stable")[:_MOST_COLOURS]
    away = (middle[most, None] - lights) / (_RARER_LONG, _RARER_SHORT)
    rarity = np.log(_ANY_COLOUR + np.exp(-np.hypot(away[..., 0], away[..., 1])))
    return np.asarray(_BELIEF * np.minimum(1, count[most] / (_FULL_SHARE * len(ratios))) @ rarity)


def _decision(log_posterior: Array, lights: Array) -> Estimate:
    posterior = np.exp(log_posterior - log_posterior.max())
    cast = posterior[1:] / posterior[1:].sum()
    long, short = np.exp(cast @ lights[1:])
    probability = 1 - posterior[0] / posterior.sum()
    confidence = max(0.0, (probability - _LEAST_PROBABILITY) / (1 - _LEAST_PROBABILITY))
    return Estimate(of_cones(np.array([long, 1, short])), float(confidence), METHOD)
