"""What more or less light would have made of a photo: a curve for each channel, from black to white.

Source: Reinhard, Stark, Shirley, Ferwerda 2002, "Photographic tone reproduction for digital images", equation 3: a scene's light L becomes
L / (1 + L). Read backwards, a value's odds are the scene's light, and another exposure multiplies the odds. Frames of one scene at several
exposures, by many cameras, follow this more closely than a gain, a gamma or the beta-gamma model (Ying, Li, Ren, Wang, Wang 2017) does
(docs/exposure.md).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from img_enhance.light.colour import CODES, Floats

# Light that is nowhere used is given back by a plain gain, straight up to this part of white.
_KNEE = 0.95


def exposed(light: npt.NDArray[Any], gain: Any) -> npt.NDArray[Any]:
    """Light in [0, 1] as if the scene had had `gain` times as much: its odds, light / (1 - light), are multiplied.

    Black and white stay, everything else rises and stays between them; 1 / `gain` undoes it.
    """
    return np.asarray(light * gain / (1 + light * (gain - 1)))


def exposure_curve(light: npt.NDArray[np.float64], ev: float, *, unused_stops: float) -> npt.NDArray[np.float64]:
    """Light in [0, 1] with `ev` stops more.

    Of brightening, the first `unused_stops`, those between the photo's brightest light and white, are a plain gain: such a photo lacks
    nothing but light. The rest, and all darkening, is `exposed`.
    """
    plain = float(np.clip(ev, 0, unused_stops))
    return exposed(_multiplied(light, 2.0**plain), 2.0 ** (ev - plain))


def exposure_table(ev: float, *, unused_stops: float) -> Floats:
    """(65536,) float32: `exposure_curve` at `tone.root_index`."""
    return exposure_curve((np.arange(CODES) / (CODES - 1)) ** 2, ev, unused_stops=unused_stops).astype(np.float32)


def _multiplied(light: npt.NDArray[np.float64], gain: float) -> npt.NDArray[np.float64]:
    """Exactly `gain` times the light up to the knee, then a hyperbola without a corner that ends in white at 1."""
    if gain == 1:
        return light
    start = _KNEE / gain
    bend = gain * (1 - start) / (1 - _KNEE) - 1
    t = np.clip((light - start) / (1 - start), 0, 1)
    return np.where(light <= start, gain * light, 1 - (1 - _KNEE) * (1 - t) / (1 + bend * t))
