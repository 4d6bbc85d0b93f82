"""White balance: the light's colour found in the photo, or given, and taken out by Bradford's adaptation in linear light."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from img_enhance.geometry import Box
from img_enhance.light.colour import CODES, Encoding, Floats, Pixels, encoding_of, with_depth
from img_enhance.light.illuminant import (
    WHITE_KELVIN,
    Array,
    cast_of,
    chromaticity,
    cones,
    cones_of_rgb,
    grey_difference,
    named,
    of_cones,
    ordinary_duv,
    temperature_and_duv,
)
from img_enhance.light.illuminant_estimate import LEAST_RESPONSE, Estimate, estimated
from img_enhance.light.learned import log_odds_of, probability
from img_enhance.light.tone import blocks, encode_table
from img_enhance.photo import Photo
from img_enhance.request.step_options import WhiteBalance
from img_enhance.words import Setting, Words, asks_nothing

# Duv of one step of the option `tint`.
TINT_DUV = 0.0003

# Changes of less than this part of a channel's light are not worth a pass.
_LEAST_CHANGE = 0.002

# Less of a cast, in CIEDE2000 of a grey, is hardly seen, and not worth a pass.
LEAST_CAST_DIFFERENCE = 2.0

# Beyond this gain a channel holds so little light that its noise, and steps of 8-bit values, become visible.
_MOST_GAIN = 5.0

# Linear light from which a channel nears its end, where what the sensor saw is not known, and from which it counts as clipped: the 8-bit
# values 238 and 250 in sRGB. Cameras' curves flatten before the end, and JPEG rings around white.
_NEAR_END, _AT_END = np.float32(0.86), np.float32(0.955)

# The logarithm of the odds of a cast at which half of it is taken out where the step was asked for, and how soon it is all.
_ASKED_ODDS, _ASKED_SLOPE = -1.5, 2.0

# The method of a light that was not found.
_GIVEN = "given"

_ROOT_WHITE = np.float32(CODES - 1)


@dataclass(frozen=True, eq=False)
class WhiteBalanceFacts:
    """The light that was found or given, and what `apply` needs.

    `duv` is positive for greenish light; `confidence` in [0, 1] is that of the estimate, 1 for a light that was given; `strength` is the
    part of the light that is taken out; `method` names how it was found. `matrix` is (3, 3) float32, linear RGB to balanced linear RGB, or
    None where nothing is to be done, for which `unchanged` is the reason.
    """

    kelvin: float
    duv: float
    confidence: float
    strength: float
    method: str
    matrix: Floats | None
    encoding: Encoding
    warnings: tuple[str, ...] = ()
    unchanged: str = ""

    @property
    def changes(self) -> bool:
        return self.matrix is not None

    @property
    def reach(self) -> int:
        return 0

    def record(self) -> dict[str, Any]:
        """What was measured, as JSON values; `gains` are those of red, green and blue of a grey thing in this light."""
        return {
            "kelvin": round(self.kelvin),
            "duv": round(self.duv, 4),
            "confidence": round(self.confidence, 3),
            "strength": round(self.strength, 3),
            "method": self.method,
            "gains": [round(float(gain), 3) for gain in gains_of(self.matrix)],
        }


def measure(photo: Photo, options: WhiteBalance) -> WhiteBalanceFacts:
    """The facts of a photo: the light that was given, or else the one that is found in it, as far as taking it out is worth it."""
    encoding = encoding_of(photo.metadata.icc)
    if photo.grey:
        why = "a grey photo has no colour cast"
        return WhiteBalanceFacts(WHITE_KELVIN, float(ordinary_duv(WHITE_KELVIN)), 1.0, 0.0, "grey photo", None, encoding, unchanged=why)
    found = estimated(photo, encoding) if options.temperature is None and options.tint is None else given(options)
    strength = strength_asked_for(found.confidence_if_asked) * options.enhance_level
    matrix = correction(found.light, encoding, strength=strength)
    kelvin, duv = map(float, temperature_and_duv(found.light))
    why = "" if matrix is not None else _unchanged(found, encoding, options)
    return WhiteBalanceFacts(kelvin, duv, found.confidence, strength, found.method, matrix, encoding, _warnings(matrix), why)


def strength_asked_for(confidence: float) -> float:
    """The part of a cast to take out, in [0, 1], where the step was asked for: who asks has seen one, so even odds are more than half."""
    return float(probability(_ASKED_SLOPE * (log_odds_of(confidence) - _ASKED_ODDS)))


def _unchanged(found: Estimate, encoding: Encoding, options: WhiteBalance) -> str:
    """Why there is nothing to be done about a light."""
    if options.enhance_level == 0:
        return asks_nothing(Setting("white_balance_enhance_level", "0"))
    if correction(found.light, encoding, strength=strength_asked_for(found.confidence_if_asked)) is not None:
        return Words(Setting("white_balance_enhance_level", f"{options.enhance_level:g}"), " is too little to show")
    if found.method == _GIVEN:
        return "the light that was given is white already"
    kelvin, duv = map(float, temperature_and_duv(found.light))
    return Words(
        f"{looks_natural(kelvin, duv, confidence=found.confidence)}; ",
        Setting("white_balance_temperature"),
        " names a light to take out all the same",
    )


def looks_natural(kelvin: float, duv: float, *, confidence: float) -> str:
    """That nothing is wrong with the colours of a photo in which this light was found, but with so little confidence."""
    if grey_difference(chromaticity(kelvin, duv)) < LEAST_CAST_DIFFERENCE:
        return f"the colours look natural: {named(kelvin, duv)} is daylight, or near it"
    return f"the colours look natural: {cast_of(kelvin, duv)}, is unlikely (confidence {confidence:.2f})"


def gains_of(matrix: Floats | None) -> Array:
    """(3,) the gains of red, green and blue that `matrix` means for a grey thing; infinite where none of a channel was there."""
    if matrix is None:
        return np.ones(3)
    light = np.linalg.solve(matrix.astype(np.float64), np.ones(3))
    return np.asarray(np.divide(1, light, out=np.full(3, np.inf), where=light > 0))


def _warnings(matrix: Floats | None) -> tuple[str, ...]:
    poor = [name for name, gain in zip(("red", "green", "blue"), gains_of(matrix), strict=True) if gain > _MOST_GAIN]
    return tuple(f"the light held so little {name} that its colours cannot all be brought back; noise may show" for name in poor)


def given(options: WhiteBalance) -> Estimate:
    """The light that the options name; the one of temperature and tint that is left out is that of a right photo."""
    kelvin = WHITE_KELVIN if options.temperature is None else options.temperature
    duv = ordinary_duv(kelvin) + TINT_DUV * (options.tint or 0)
    return Estimate(chromaticity(kelvin, duv), 1.0, _GIVEN, 1.0)


def correction(light: Array, encoding: Encoding, *, strength: float) -> Floats | None:
    """(3, 3) linear RGB to linear RGB by which grey in `light` (u, v) becomes grey of the same luminance; None for next to no change.

    A `strength` below 1 takes out a weaker light between the photo's white and `light`: that part of the logarithms of the cone responses.
    Source: von Kries' adaptation in the Bradford space, Lam 1985.
    """
    responses = cones(of_cones(np.maximum(cones(light), LEAST_RESPONSE) ** strength))
    to_cones = cones_of_rgb(encoding)
    matrix = np.linalg.solve(to_cones, to_cones / responses[:, None])
    return None if np.abs(matrix - np.eye(3)).max() < _LEAST_CHANGE else matrix.astype(np.float32)


def apply(pixels: Pixels, box: Box, facts: WhiteBalanceFacts, depth: int) -> Pixels:  # noqa: ARG001 - where a pixel lies does not matter
    """The photo's part (h, w, 3) in `depth` bits, with grey things grey."""
    if facts.matrix is None:
        return with_depth(pixels, depth)
    height, width = pixels.shape[:2]
    decode, encode = facts.encoding.decode_table(8 * pixels.itemsize), encode_table(facts.encoding, depth)
    result = np.empty((height, width, 3), np.uint16 if depth == 16 else np.uint8)
    for rows in blocks(height, width):
        light = [decode[channel].take(pixels[rows, :, channel]) for channel in range(3)]
        for channel, balanced in enumerate(_highlights_closed(light, _through(light, facts.matrix))):
            index = (np.sqrt(np.clip(balanced, 0, 1)) * _ROOT_WHITE + np.float32(0.5)).astype(np.uint16)
            result[rows, :, channel] = encode[channel].take(index)
    return result


def _through(light: list[Floats], matrix: Floats) -> list[Floats]:
    # Not BLAS, whose sums depend on where in an array a pixel lies.
    red, green, blue = light
    return [row[0] * red + row[1] * green + row[2] * blue for row in matrix]


def _highlights_closed(light: list[Floats], balanced: list[Floats]) -> list[Floats]:
    """`balanced` with channels that were clipped in `light` lifted towards the other two: at least so much light was there.

    Without it what was clipped would take the opposite colour of the light: white would turn blue, and a yellow lamp turquoise. The lift
    sets in smoothly near the end.
    Lifting further than to the other two, as for a light that was warmer than white, did worse (tune set, 2026-11: CIEDE2000 3.7 for 3.1).
    """
    near = np.flatnonzero(np.maximum.reduce(light).ravel() > _NEAR_END)
    if not len(near):
        return balanced
    flat = [channel.ravel()[near] for channel in light]
    new = [np.clip(channel.ravel()[near], 0, 1) for channel in balanced]
    for channel, (old, answer) in enumerate(zip(flat, balanced, strict=True)):
        closeness = np.clip((old - _NEAR_END) / (_AT_END - _NEAR_END), 0, 1)
        others = np.maximum(new[channel - 1], new[channel - 2])
        answer.ravel()[near] = new[channel] + closeness * closeness * np.maximum(0, others - new[channel])
    return balanced
