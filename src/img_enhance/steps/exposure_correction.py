"""Exposure: one tone curve in linear light, and gains that follow the place where a photo's contrast is too high for one curve.

Noise that brightening would show is taken out before, and what 8 bits rounded is smoothed where their codes are pulled apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from img_enhance.geometry import Box
from img_enhance.light import dequantisation, noise_filter
from img_enhance.light.colour import Encoding, Floats, Pixels, encoding_of
from img_enhance.light.exposure_curve import exposed, exposure_table
from img_enhance.light.exposure_estimate import Exposure, exposure_of
from img_enhance.light.exposure_evidence import evidence_of, thumbnail, white_sides
from img_enhance.light.fusion import contrast_of, fusion_lattice
from img_enhance.light.lattice import Lattice
from img_enhance.light.noise import coloured_noise_levels
from img_enhance.light.sample import Sample, sample
from img_enhance.light.tone import (
    blocks,
    decoded,
    encode_table,
    encoded,
    keep_clear_of_the_ends,
    looked_up,
    luminance_of,
    retoned,
    root_index,
)
from img_enhance.photo import Photo
from img_enhance.request.step_options import ExposureCorrection
from img_enhance.words import Setting, Words, asks_nothing

# Less than this part of a photo clipped is highlights and lamps, as in any photo.
_SAID_SHARE = 0.02


@dataclass(frozen=True, eq=False)
class ExposureCorrectionFacts:
    """What was measured, and what `apply` needs: `ev` is the change of exposure in stops, `local` the local gains' strength in [0, 1].

    `table` is (65536,) float32, the tone curve at `tone.root_index`. `variances` are those of the noise that is taken out, None for none.
    `dequantise` says whether codes of 8 bits would be pulled apart so far that it shows.
    `unchanged` is why nothing changes, "" where something does.
    """

    ev: float
    local: float
    exposure: Exposure
    encoding: Encoding
    grey: bool
    table: Floats
    lattice: Lattice | None
    variances: Floats | None
    dequantise: bool
    warnings: tuple[str, ...]
    unchanged: str = ""

    @property
    def confidence(self) -> float:
        """How much of the change is to be expected to be for the better, in [0, 1]."""
        return self.exposure.wrong

    @property
    def changes(self) -> bool:
        return self.ev != 0 or self.lattice is not None

    @property
    def reach(self) -> int:
        if self.variances is not None:
            return noise_filter.REACH
        return dequantisation.REACH if self.dequantise else 0

    def record(self) -> dict[str, Any]:
        """What was measured, as JSON values."""
        own = {"ev_stops": round(self.ev, 3), "local_strength": round(self.local, 3), "noise_reduced": self.variances is not None}
        return {**own, **self.exposure.record()}


def measure(photo: Photo, options: ExposureCorrection) -> ExposureCorrectionFacts:
    """The facts of a photo: the change of exposure that it needs or that was asked for, and where it needs more than one."""
    encoding = encoding_of(photo.metadata.icc)
    seen = sample(photo, encoding)
    small, counts = thumbnail(photo, encoding)
    exposure = exposure_of(seen, evidence_of(small, counts) if counts.any() else None, white_sides=white_sides(small))
    asked = exposure.stops if options.ev is None else options.ev
    ev = asked * options.enhance_level
    table = exposure_table(ev, unused_stops=exposure.unused_stops)
    strength = _local_strength(seen, table, ev, options.local) * options.enhance_level
    lattice = fusion_lattice(seen, table, strength, photo) if strength > 0 else None
    variances = None
    if ev > 0 and not photo.grey and not options.amplify_noise:
        variances = noise_filter.variances_to_take_out(coloured_noise_levels(photo, encoding), table, encoding)
    why = "" if ev or lattice is not None else _unchanged(exposure, options)
    return ExposureCorrectionFacts(
        ev=ev,
        local=strength,
        exposure=exposure,
        encoding=encoding,
        grey=photo.grey,
        table=table,
        lattice=lattice,
        variances=variances,
        dequantise=variances is None and photo.depth == 8 and dequantisation.steps_show(_steepest(table, lattice), encoding),
        warnings=_warnings(ev, exposure),
        unchanged=why,
    )


def apply(pixels: Pixels, box: Box, facts: ExposureCorrectionFacts, depth: int) -> Pixels:
    """The part `box` of the photo, (h, w, 3), with its exposure corrected, in `depth` bits."""
    if not facts.changes and depth == 8 * pixels.itemsize:
        return pixels
    if facts.variances is not None:
        pixels = noise_filter.without_noise(pixels, facts.variances)
    elif facts.dequantise:
        pixels = dequantisation.dequantised(pixels)
    if facts.lattice is None:
        return retoned(pixels, facts.encoding, depth, table=facts.table)
    result = np.empty(pixels.shape, np.uint16 if depth == 16 else np.uint8)
    encode = encode_table(facts.encoding, depth)
    for rows in blocks(*pixels.shape[:2]):
        planes = decoded(pixels[rows], facts.encoding, grey=facts.grey)
        toned = looked_up(facts.table, root_index(luminance_of(planes, facts.encoding.luminance)))
        amount = facts.lattice.read(box.top + rows.start, box.left, np.sqrt(toned))
        made = [
            encoded(exposed(looked_up(facts.table, root_index(plane)), amount), codes) for plane, codes in zip(planes, encode, strict=False)
        ]
        cv2.merge(made if len(made) == 3 else made * 3, result[rows])
        keep_clear_of_the_ends(pixels[rows], result[rows])
    return result


def _steepest(table: Floats, lattice: Lattice | None) -> Floats:
    """The tone curve where local gains, if any, lift most."""
    return table if lattice is None else np.asarray(exposed(table, lattice.values.max()), np.float32)


def _local_strength(seen: Sample, table: Floats, ev: float, local: str) -> float:
    if local != "auto":
        return float(local == "on")
    # What was just darkened as a whole has dark parts that are meant.
    return contrast_of(seen, table) if ev >= 0 else 0.0


def _unchanged(exposure: Exposure, options: ExposureCorrection) -> str:
    """Why an exposure is left as it is."""
    if options.enhance_level == 0:
        return asks_nothing(Setting("exposure_correction_enhance_level", "0"))
    if options.ev is not None:
        return asks_nothing(Setting("exposure_correction_ev", "0"))
    seen = f"the photo is neither too dark nor too bright (mean lightness {100 * exposure.luminance_key:.0f} of 100); "
    return Words(seen, Setting("exposure_correction_ev"), " changes it all the same")


def _warnings(ev: float, exposure: Exposure) -> tuple[str, ...]:
    warnings = []
    if ev < 0 and exposure.clipped_share > _SAID_SHARE:
        warnings.append(f"{exposure.clipped_share:.0%} of the photo is clipped at white: there is no detail to bring back")
    if ev > 0 and exposure.black_share > _SAID_SHARE:
        warnings.append(f"{exposure.black_share:.0%} of the photo is black: there is no detail to bring back")
    return tuple(warnings)
