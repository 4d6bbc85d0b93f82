"""In the light of lamps: a flash that is too weak, which is a mistake, and stages and nights, which are meant as they are."""

from typing import Any

import numpy as np
import numpy.typing as npt

from scenes.camera import coloured_light, photographed, to_white, warm_light
from scenes.places import away, ellipse, glow, rows, smooth

Array = npt.NDArray[Any]

# Stops of the subject in a flash, and of what is behind it.
_SUBJECT, _BEHIND = (-1.8, 0.1), (-7.0, -3.5)

# So many percent of what is lit by lamps are white.
_WHITE = (0.1, 3.0)
# How much light a lamp gives, and how much less what is lit reflects than the lamp is bright.
_LAMP, _BRIGHTER = (0.2, 1.0), (0.5, 4.0)
# Lights of a stage: how far they reach, as parts of the diagonal, how steeply they fall, and what of them is seen in haze.
_BEAMS, _BEAM_REACH, _BEAM_STEEPNESS, _HAZE, _DARK_STAGE = 5, (0.08, 0.4), (1.0, 3.0), (0.01, 0.15), 0.02
# Lamps of a street: how far they reach, how steeply they fall, and how blue and bright the night is between them.
_STREET_LAMPS, _POOL, _POOL_STEEPNESS, _MOST_BLUE, _NIGHT = 9, (0.03, 0.2), (0.8, 1.6), 3.0, (0.003, 0.06)
# The radius of a lamp that is seen.
_BULB = (0.003, 0.02)


def in_flash(light: Array, random: np.random.Generator) -> Array:
    """What is in the middle by a flash that is too weak, all behind it in the dark."""
    h, w = light.shape[:2]
    x = random.uniform(0.3, 0.7)
    body = ellipse(h, w, (random.uniform(0.6, 0.8), x), (random.uniform(0.25, 0.45), random.uniform(0.12, 0.3)), 0.08)
    head = ellipse(h, w, (random.uniform(0.25, 0.4), x), (0.14, random.uniform(0.07, 0.14)), 0.08)
    subject = np.maximum(body, head)[..., None]
    near, far = 2.0 ** random.uniform(*_SUBJECT), 2.0 ** random.uniform(*_BEHIND)
    return np.asarray(np.clip(light * (subject * near + (1 - subject) * far), 0, 1))


def on_stage(light: Array, random: np.random.Generator) -> Array:
    """All in pools of coloured light, of one colour or several, often with haze and lamps in the picture."""
    h, w = light.shape[:2]
    main, alike = coloured_light(random), random.random() < 0.4
    lit = np.broadcast_to(coloured_light(random, (0.3, 1.0)) * random.uniform(0, _DARK_STAGE), (h, w, 3)).copy()
    for _ in range(random.integers(1, _BEAMS)):
        colour = warm_light(random) if random.random() < 0.25 else main if alike else coloured_light(random)
        at = random.uniform(0.1, 0.9), random.uniform(0.05, 0.95)
        pool = glow(away(h, w, at), random.uniform(*_BEAM_REACH), random.uniform(*_BEAM_STEEPNESS))
        lit += pool[..., None] * colour * random.uniform(*_LAMP)
    scene = light * lit
    if random.random() < 0.6:
        scene = scene + smooth(lit, 0.02) * random.uniform(*_HAZE) * (1.1 - rows(h, w))[..., None]
    for _ in range(random.integers(0, 6)):
        place = away(h, w, (random.uniform(0.0, 0.4), random.uniform(0.02, 0.98)))
        scene = scene + _lamp(place, main if random.random() < 0.5 else coloured_light(random), random)
    return photographed(to_white(scene, random.uniform(*_WHITE)), random)


def at_night(light: Array, random: np.random.Generator) -> Array:
    """The little light of the sky, pools of light under lamps that are mostly of a kind, and a dark sky where the photo's was bright."""
    h, w = light.shape[:2]
    blue, usual = np.array([0.5, 0.7, 1.0]) ** random.uniform(0.5, _MOST_BLUE), warm_light(random)
    lit = np.broadcast_to(blue * random.uniform(*_NIGHT), (h, w, 3)).copy()
    lamps = np.zeros((h, w, 3))
    for _ in range(random.integers(1, _STREET_LAMPS)):
        colour = usual if random.random() < 0.6 else warm_light(random) if random.random() < 0.6 else coloured_light(random)
        place, strength = away(h, w, (random.uniform(0.2, 0.8), random.uniform(0.02, 0.98))), random.uniform(*_LAMP)
        lit += glow(place, random.uniform(*_POOL), random.uniform(*_POOL_STEEPNESS))[..., None] * colour * strength
        lamps += strength * _lamp(place, colour, random)
    luminance = light.mean(axis=-1)
    bright = (luminance > np.quantile(luminance, 0.75)) & (rows(h, w) < 0.6)
    sky = smooth(bright.astype(np.float32), 0.01)[..., None]
    scene = light * (1 - 0.9 * sky) * lit + sky * blue * random.uniform(0, 0.05) + lamps
    return photographed(to_white(scene, random.uniform(*_WHITE)), random)


def _lamp(place: Array, colour: Array, random: np.random.Generator) -> Array:
    """(h, w, 3) a lamp that is seen, paler than its light, and the glow around it; `place` are distances to it."""
    radius = random.uniform(*_BULB)
    shape = (place < radius) + 0.2 * glow(place, 2 * radius, 1.4)
    return np.asarray(shape[..., None] * (0.5 * colour + 0.5) * random.uniform(*_BRIGHTER))
