"""Photos that are rare among free ones, made of common ones in linear light: against the sun, meant so, and in a weak flash, not meant so.

Each way takes (h, w, 3) light in [0, 1] and gives the same; `random` draws what differs.
"""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

# So many percent of what is meant are white.
_WHITE = (0.3, 4.0)
# The part of all light that a lens scatters over the photo.
_FLARE = (0.0, 0.02)

# Of the photo's pixels the darkest so many stand before the sky, and keep so little of their light.
_IN_FRONT, _LIGHT_IN_FRONT = (0.25, 0.65), (0.002, 0.05)
# The sun: its reach, as part of the diagonal, how steeply its glow falls, how bright it is, and the sky around it.
_SUN_REACH, _SUN_STEEPNESS, _SUN, _SKY = (0.03, 0.12), (0.8, 1.6), (1.5, 12.0), (0.02, 0.35)
_WATER_SHINES = (0.1, 0.5)

# Stops of the subject in a flash, and of what is behind it.
_SUBJECT, _BEHIND = (-1.8, 0.1), (-7.0, -3.5)


def against_sun(light: Array, random: np.random.Generator) -> Array:
    """A low sun in a sky with the photo's own texture, what is dark in the photo before it, sometimes water below."""
    h, w = light.shape[:2]
    luminance = light.mean(axis=-1)
    dark = _smooth(luminance, 0.006) - _rows(h, w) * random.uniform(0.0, 1.0) * luminance.std()
    front = _smooth((dark < np.quantile(dark, random.uniform(*_IN_FRONT))).astype(np.float32), 0.003)
    horizon = random.uniform(0.5, 0.85)
    at = horizon - random.uniform(0.0, 0.25), random.uniform(0.15, 0.85)
    glow = (1 + (_away(h, w, at) / random.uniform(*_SUN_REACH)) ** 2) ** -random.uniform(*_SUN_STEEPNESS)
    sky = _warmth(random)[None, None] * (random.uniform(*_SUN) * glow)[..., None] ** np.array([1.0, 1.15, 1.4])
    sky = sky + _dusk(random) * random.uniform(*_SKY) * (0.3 + _rows(h, w))[..., None]
    texture = _smooth(luminance, 0.004) / max(float(luminance.mean()), 1e-3)
    scene = sky * np.clip(texture, 0.4, 1.6)[..., None] ** random.uniform(0, 0.8)
    if random.random() < 0.4:
        scene = _over_water(scene, horizon, random)
    scene = scene * (1 - front[..., None]) + front[..., None] * light * random.uniform(*_LIGHT_IN_FRONT)
    return _photographed(_to_white(scene, random.uniform(*_WHITE)), random)


def in_flash(light: Array, random: np.random.Generator) -> Array:
    """What is in the middle by a flash that is too weak, all behind it in the dark."""
    h, w = light.shape[:2]
    x = random.uniform(0.3, 0.7)
    body = _ellipse(h, w, (random.uniform(0.6, 0.8), x), (random.uniform(0.25, 0.45), random.uniform(0.12, 0.3)), 0.08)
    head = _ellipse(h, w, (random.uniform(0.25, 0.4), x), (0.14, random.uniform(0.07, 0.14)), 0.08)
    subject = np.maximum(body, head)[..., None]
    near, far = 2.0 ** random.uniform(*_SUBJECT), 2.0 ** random.uniform(*_BEHIND)
    return np.asarray(np.clip(light * (subject * near + (1 - subject) * far), 0, 1))


def _photographed(scene: Array, random: np.random.Generator) -> Array:
    """The scene with a lens's flare, clipped softly or as a sensor does it."""
    scene = scene + random.uniform(*_FLARE) * scene.mean(axis=(0, 1))
    if random.random() < 0.5:
        return np.clip(scene, 0, 1)
    return np.clip(1.1 * scene / (1 + 0.25 * scene), 0, 1)


def _to_white(scene: Array, percent: float) -> Array:
    """The scene exposed so that the brightest so many percent are white."""
    return scene / max(float(np.percentile(scene.max(axis=-1), 100 - percent)), 1e-6)


def _over_water(scene: Array, horizon: float, random: np.random.Generator) -> Array:
    """Below the horizon the sky again, upside down, darker, broken by waves."""
    h, w = scene.shape[:2]
    at = int(horizon * h)
    below = np.arange(h - at)
    waves = _smooth(random.normal(size=(h - at, w)).astype(np.float32), 0.003)
    mirrored = cv2.GaussianBlur(scene[np.clip(at - 1 - below, 0, h - 1)].astype(np.float32), (0, 0), 0.01 * h, sigmaY=0.05 * h)
    shine = random.uniform(*_WATER_SHINES) * np.clip(1 + waves / max(float(waves.std()), 1e-6) * 0.25, 0.3, 2)
    return np.concatenate([scene[:at], mirrored * shine[..., None]])


def _warmth(random: np.random.Generator) -> Array:
    """The colour of a low sun or of a lamp: from nearly white to deep orange."""
    warm = random.uniform(0, 1)
    return np.array([1.0, 0.9 - 0.5 * warm, 0.75 - 0.7 * warm])


def _dusk(random: np.random.Generator) -> Array:
    """The colour of a sky after sunset: from orange grey to blue."""
    return np.array([0.9, 0.8, 0.8]) + random.uniform(0, 1) * np.array([-0.5, -0.2, 0.4])


def _rows(h: int, w: int) -> Array:
    return np.broadcast_to(((np.arange(h) + 0.5) / h)[:, None], (h, w))


def _columns(h: int, w: int) -> Array:
    return np.broadcast_to((np.arange(w) + 0.5) / w, (h, w))


def _away(h: int, w: int, place: Any) -> Array:
    """Distances to a place (row, column in [0, 1]), as parts of the diagonal."""
    return np.asarray(np.hypot((_rows(h, w) - place[0]) * h, (_columns(h, w) - place[1]) * w) / np.hypot(h, w))


def _ellipse(h: int, w: int, middle: Any, radii: Any, softness: float) -> Array:
    away = np.hypot((_rows(h, w) - middle[0]) / radii[0], (_columns(h, w) - middle[1]) / radii[1])
    return np.asarray(np.clip((1 - away) / softness + 0.5, 0, 1))


def _smooth(values: Array, part: float) -> Array:
    """Blurred by so much of the diagonal."""
    return np.asarray(cv2.GaussianBlur(np.asarray(values, np.float32), (0, 0), max(0.3, part * float(np.hypot(*values.shape[:2])))))
