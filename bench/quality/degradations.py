"""Pictures made worse by a known amount: light taken away or added, wrong white balance, too little light for the sensor."""

import zlib
from dataclasses import dataclass

import numpy as np

from photos import Pixels
from quality.light import DAYLIGHT_KELVIN, Linear, cast_matrix, contrasted, decode, encode, through, uncontrasted

EXPOSURE, CAST, LOW_LIGHT, UNDEGRADED = "exposure", "cast", "low light", "undegraded"
FAMILIES = (EXPOSURE, CAST, LOW_LIGHT, UNDEGRADED)

# A camera of 2026's middle range at a high ISO, seen at the photo's reduced size: electrons that white collects at the right
# exposure, and the noise of reading one pixel out.
WHITE_ELECTRONS = 10_000
READ_ELECTRONS = 5.0


@dataclass(frozen=True)
class Degradation:
    """What happens to the light: `stops` of exposure, and an illuminant that nobody corrected.

    `sharpness` is that of the sensor whose responses the illuminant changes (`cast_matrix`), `contrast` that of the camera's curve, which
    is undone before that and done again after it.
    `noise` counts the light after `stops` in electrons, with photon and read noise, and then lifts by `gain_stops`.
    """

    name: str
    family: str
    stops: float = 0
    kelvin: float = DAYLIGHT_KELVIN
    duv: float = 0
    sharpness: float = 0
    contrast: float = 0
    noise: bool = False
    gain_stops: float = 0


DEGRADATIONS = (
    Degradation("-3 EV", EXPOSURE, stops=-3),
    Degradation("-2 EV", EXPOSURE, stops=-2),
    Degradation("-1 EV", EXPOSURE, stops=-1),
    Degradation("+1 EV", EXPOSURE, stops=1),
    Degradation("+2 EV", EXPOSURE, stops=2),
    Degradation("2500 K", CAST, kelvin=2500),
    Degradation("3200 K", CAST, kelvin=3200),
    Degradation("4300 K", CAST, kelvin=4300),
    Degradation("9000 K", CAST, kelvin=9000),
    Degradation("12000 K", CAST, kelvin=12_000),
    Degradation("green", CAST, duv=0.02),
    Degradation("magenta", CAST, duv=-0.02),
    Degradation("low light", LOW_LIGHT, stops=-4, noise=True, gain_stops=2),
    Degradation("untouched", UNDEGRADED),
    Degradation("-0.5 EV", UNDEGRADED, stops=-0.5),
    Degradation("+0.5 EV", UNDEGRADED, stops=0.5),
    Degradation("6100 K", UNDEGRADED, kelvin=6100),
    Degradation("6900 K", UNDEGRADED, kelvin=6900),
)


def degraded(pixels: Pixels, degradation: Degradation, *, photo: str) -> Pixels:
    """The picture a camera would have given, (H, W, 3) uint8. Noise is that of the photo's and the degradation's names, always the same."""
    if degradation.name == "untouched":
        return pixels
    matrix = cast_matrix(degradation.kelvin, degradation.duv, sharpness=degradation.sharpness)
    seen = uncontrasted(decode(pixels), degradation.contrast) if degradation.contrast else decode(pixels)
    linear = through(seen, matrix) * np.float32(2**degradation.stops)
    if degradation.noise:
        linear = _counted(linear, _generator(photo, degradation.name)) * np.float32(2**degradation.gain_stops)
    return encode(contrasted(linear, degradation.contrast) if degradation.contrast else linear)


def _counted(linear: Linear, random: np.random.Generator) -> Linear:
    photons = random.poisson(np.clip(linear, 0, 1) * WHITE_ELECTRONS)
    electrons = photons + random.normal(0, READ_ELECTRONS, size=linear.shape)
    return (electrons / WHITE_ELECTRONS).astype(np.float32)


def _generator(*names: str) -> np.random.Generator:
    # Python's own hash of a text differs from run to run.
    return np.random.default_rng([zlib.crc32(name.encode()) for name in names])
