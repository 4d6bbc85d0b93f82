"""Exposure: one tone curve in linear light, and gains that follow the place where a photo's contrast is too high for one curve.

Noise that brightening would show is taken out before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from img_enhance.geometry import Box
from img_enhance.light.colour import Encoding, Floats, Pixels, encoding_of
from img_enhance.light.exposure_estimate import Exposure, estimated_stops, exposure_of
from img_enhance.light.fusion import contrast_of, fusion_lattice, lifted
from img_enhance.light.lattice import Lattice
from img_enhance.light.noise import coloured_noise_levels
from img_enhance.light.noise_filter import REACH, variances_to_take_out, without_noise
from img_enhance.light.sample import Sample, sample
from img_enhance.light.tone import Curve, Target, looked_up, relit, root_index
from img_enhance.photo import Photo
from img_enhance.request.options import ExposureCorrection

# A brightening curve is straight up to this, ...
_HIGHEST_KNEE = 0.95
# ... and only up to this where a tenth of the photo exceeds white.
_LOWEST_KNEE = 0.5
_SHARE_OF_LOWEST_KNEE = 0.1
# What exceeds white by less does so because dark values are rounded.
_JUST_WHITE = 1.1

# The end of the straight part of a darkening curve, and the exponent of the gain that clipped white becomes: light, not grey.
_DARKENING_KNEE = 0.6
_WHITE_EXPONENT = 0.25

# Less than this part of a photo clipped is highlights and lamps, as in any photo.
_SAID_SHARE = 0.02


@dataclass(frozen=True, eq=False)
class ExposureCorrectionFacts:
    """What was measured, and what `apply` needs: `ev` is the change of exposure in stops, `local` the local gains' strength in [0, 1].

    `table` is (65536,) float32, the tone curve at `tone.root_index`. `variances` are those of the noise that is taken out, None for none.
    """

    ev: float
    local: float
    exposure: Exposure
    encoding: Encoding
    grey: bool
    table: Floats
    lattice: Lattice | None
    variances: Floats | None
    warnings: tuple[str, ...]

    @property
    def confidence(self) -> float:
        """How sure the change is, in [0, 1]: too much light is never quite certain, light that is nowhere used is."""
        return self.exposure.over_probability if self.ev < 0 else 1.0

    @property
    def changes(self) -> bool:
        return self.ev != 0 or self.lattice is not None

    @property
    def reach(self) -> int:
        return 0 if self.variances is None else REACH

    def record(self) -> dict[str, Any]:
        """What was measured, as JSON values."""
        own = {"ev_stops": round(self.ev, 3), "local_strength": round(self.local, 3), "noise_reduced": self.variances is not None}
        return {**own, **self.exposure.record()}


def measure(photo: Photo, options: ExposureCorrection) -> ExposureCorrectionFacts:
    """The facts of a photo: the change of exposure that it needs or that was asked for, and where it needs more than one."""
    encoding = encoding_of(photo.metadata.icc)
    seen = sample(photo, encoding)
    exposure = exposure_of(seen)
    asked = estimated_stops(exposure) if options.ev is None else options.ev
    ev = asked * options.enhance_level
    table = curve_of(ev, seen).table()
    strength = _local_strength(seen, table, ev, options.local) * options.enhance_level
    lattice = fusion_lattice(seen, table, strength, photo.pixels.shape[:2]) if strength > 0 else None
    variances = None
    if ev > 0 and not photo.grey and not options.amplify_noise:
        variances = variances_to_take_out(coloured_noise_levels(photo, encoding), table, encoding)
    return ExposureCorrectionFacts(ev, strength, exposure, encoding, photo.grey, table, lattice, variances, _warnings(ev, exposure))


def apply(pixels: Pixels, box: Box, facts: ExposureCorrectionFacts, depth: int) -> Pixels:
    """The part `box` of the photo, (h, w, 3), with its exposure corrected, in `depth` bits."""
    if not facts.changes and depth == 8 * pixels.itemsize:
        return pixels
    if facts.variances is not None:
        pixels = without_noise(pixels, facts.variances)

    # A clipped channel was brighter than it says. By the ratios of channels, orange would turn to olive as it is darkened; by each channel
    # alone, pale skin to yellow. Half of each looks best, and measures as well as the better one (2026-11).
    alone = facts.table if facts.ev < 0 and facts.lattice is None else None

    def relight(rows: slice, luminance: Floats, largest: Floats) -> Target:
        target = looked_up(facts.table, root_index(luminance))
        # A channel is not brighter than a grey of its value would become.
        limit = looked_up(facts.table, root_index(largest))
        if facts.lattice is not None:
            amount = facts.lattice.read(box.top + rows.start, box.left, np.sqrt(target))
            target, limit = lifted(target, amount), lifted(limit, amount)
        return Target(target, limit, alone)

    return relit(pixels, facts.encoding, depth, grey=facts.grey, relight=relight)


def curve_of(ev: float, seen: Sample) -> Curve:
    """The tone curve for a change of `ev` stops: steeper at the dark end than at the bright one, or the other way round."""
    gain = 2.0**ev
    if gain > 1:
        beyond = float(np.mean(seen.largest[seen.counts] * gain > _JUST_WHITE)) if seen.counts.any() else 0.0
        crowded = min(1.0, beyond / _SHARE_OF_LOWEST_KNEE)
        return Curve(gain, (_HIGHEST_KNEE + (_LOWEST_KNEE - _HIGHEST_KNEE) * crowded) / gain, 1.0)
    return Curve(gain, _DARKENING_KNEE, gain**_WHITE_EXPONENT)


def _local_strength(seen: Sample, table: Floats, ev: float, local: str) -> float:
    if local != "auto":
        return float(local == "on")
    # What was just darkened as a whole has dark parts that are meant.
    return contrast_of(seen, table) if ev >= 0 else 0.0


def _warnings(ev: float, exposure: Exposure) -> tuple[str, ...]:
    warnings = []
    if ev < 0 and exposure.clipped_share > _SAID_SHARE:
        warnings.append(f"{exposure.clipped_share:.0%} of the photo is clipped at white: there is no detail to bring back")
    if ev > 0 and exposure.black_share > _SAID_SHARE:
        warnings.append(f"{exposure.black_share:.0%} of the photo is black: there is no detail to bring back")
    return tuple(warnings)
