"""What a camera makes of a scene that was put together, and the colours that light has."""

import colorsys
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

# So many percent of a scene by the sun are white.
SUNNY_WHITE = (0.3, 4.0)

# The part of all light that a lens scatters over the photo.
_FLARE = (0.0, 0.02)
# What coloured lamps and signs often are: blue, magenta, red, amber (as parts of the circle of hues, and their spreads).
_LAMPS = ((0.66, 0.05), (0.85, 0.05), (0.0, 0.03), (0.1, 0.03))
_SCREEN_GAMMA, _LEAST_OF_A_CHANNEL = 2.2, 0.004


def photographed(scene: Array, random: np.random.Generator) -> Array:
    """(h, w, 3) the scene with a lens's flare, clipped softly or as a sensor does it, in [0, 1]."""
    scene = scene + random.uniform(*_FLARE) * scene.mean(axis=(0, 1))
    if random.random() < 0.5:
        return np.clip(scene, 0, 1)
    return np.clip(1.1 * scene / (1 + 0.25 * scene), 0, 1)


def to_white(scene: Array, percent: float) -> Array:
    """The scene exposed so that the brightest so many percent are white."""
    return scene / max(float(np.percentile(scene.max(axis=-1), 100 - percent)), 1e-6)


def warm_light(random: np.random.Generator) -> Array:
    """(3,) the colour of a low sun or of a lamp: from nearly white to deep orange."""
    warm = random.uniform(0, 1)
    return np.array([1.0, 0.9 - 0.5 * warm, 0.75 - 0.7 * warm])


def coloured_light(random: np.random.Generator, saturation: tuple[float, float] = (0.5, 1.0)) -> Array:
    """(3,) the colour of a lamp on a stage or of a sign: any, but more often those that are usual."""
    usual = _LAMPS[random.integers(len(_LAMPS))]
    hue = random.uniform(0, 1) if random.random() < 0.2 else random.normal(*usual) % 1
    return np.asarray(np.maximum(colorsys.hsv_to_rgb(hue, random.uniform(*saturation), 1.0), _LEAST_OF_A_CHANNEL) ** _SCREEN_GAMMA)
