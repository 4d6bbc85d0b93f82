"""Against a low sun, and under the sky that it leaves: both are meant as they are."""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from scenes.camera import SUNNY_WHITE, photographed, to_white, warm_light
from scenes.places import away, columns, glow, rows, smooth

Array = npt.NDArray[Any]

# Of the photo's pixels the darkest so many stand before the sky, and keep so little of their light.
_IN_FRONT, _LIGHT_IN_FRONT = (0.25, 0.65), (0.002, 0.05)
# The sun: its reach, as part of the diagonal, how steeply its glow falls, how bright it is, and the sky around it.
_SUN_REACH, _SUN_STEEPNESS, _SUN, _SKY = (0.03, 0.12), (0.8, 1.6), (1.5, 12.0), (0.02, 0.35)
_WATER_SHINES = (0.1, 0.5)

# Where a sky alone is coloured: its horizon, how bright it is on top, and how its colours, the photo's texture, mix with height.
_HORIZON, _SKY_ON_TOP, _MIXES, _TEXTURE = (0.45, 0.95), (0.1, 0.8), (0.5, 1.5), (0.3, 1.8)
_IN_FRONT_OF_SKY, _LIGHT_UNDER_SKY, _WHITE_IN_SKY = (0.05, 0.5), (0.005, 0.15), (0.0, 2.0)


def against_sun(light: Array, random: np.random.Generator) -> Array:
    """A low sun in a sky with the photo's own texture, what is dark in the photo before it, sometimes water below."""
    h, w = light.shape[:2]
    luminance = light.mean(axis=-1)
    front = _before_sky(luminance, 1.0, _IN_FRONT, random)
    horizon = random.uniform(0.5, 0.85)
    at = horizon - random.uniform(0.0, 0.25), random.uniform(0.15, 0.85)
    shine = glow(away(h, w, at), random.uniform(*_SUN_REACH), random.uniform(*_SUN_STEEPNESS))
    sky = warm_light(random)[None, None] * (random.uniform(*_SUN) * shine)[..., None] ** np.array([1.0, 1.15, 1.4])
    sky = sky + _dusk(random) * random.uniform(*_SKY) * (0.3 + rows(h, w))[..., None]
    scene = sky * np.clip(_texture(luminance, 0.004), 0.4, 1.6)[..., None] ** random.uniform(0, 0.8)
    if random.random() < 0.4:
        scene = _over_water(scene, horizon, random)
    scene = scene * (1 - front[..., None]) + front[..., None] * light * random.uniform(*_LIGHT_IN_FRONT)
    return photographed(to_white(scene, random.uniform(*SUNNY_WHITE)), random)


def in_afterglow(light: Array, random: np.random.Generator) -> Array:
    """A sky that is coloured far and wide, warm at the horizon; what is dark in the photo before it, in its light."""
    h, w = light.shape[:2]
    luminance = light.mean(axis=-1)
    horizon, low, high = random.uniform(*_HORIZON), _warm_sky(random), _high_sky(random)
    up = (np.clip((horizon - rows(h, w)) / horizon, 0, 1) ** random.uniform(*_MIXES))[..., None]
    sideways = 1 - random.uniform(0, 0.6) * np.abs(columns(h, w) - random.uniform(0, 1))
    sky = ((1 - up) * low + up * high * random.uniform(*_SKY_ON_TOP)) * sideways[..., None]
    sky = sky * np.clip(_texture(luminance, 0.003), *_TEXTURE)[..., None] ** (random.uniform(0.2, 1.0) * np.array([0.8, 1.0, 1.1]))
    front = _before_sky(luminance, 2.0, _IN_FRONT_OF_SKY, random)
    if random.random() < 0.6:
        front = np.maximum(front, smooth((rows(h, w) > horizon).astype(np.float32), 0.002))
    below = light * random.uniform(*_LIGHT_UNDER_SKY) * (low + high) / 2
    scene = sky * (1 - front[..., None]) + front[..., None] * below
    if random.random() < 0.3:
        scene = _over_water(scene, horizon, random)
    return photographed(to_white(scene, random.uniform(*_WHITE_IN_SKY)), random)


def _before_sky(luminance: Array, lower: float, share: tuple[float, float], random: np.random.Generator) -> Array:
    """(h, w) 1 where a share of the photo that is dark stands before the sky, the lower the rather by up to so much, else 0."""
    dark = smooth(luminance, 0.006) - rows(*luminance.shape) * random.uniform(0.0, lower) * luminance.std()
    return smooth((dark < np.quantile(dark, random.uniform(*share))).astype(np.float32), 0.003)


def _texture(luminance: Array, part: float) -> Array:
    """(h, w) how bright each place is against the whole, but for details of less than so much of the diagonal."""
    return smooth(luminance, part) / max(float(luminance.mean()), 1e-3)


def _over_water(scene: Array, horizon: float, random: np.random.Generator) -> Array:
    """Below the horizon the sky again, upside down, darker, broken by waves."""
    h, w = scene.shape[:2]
    at = int(horizon * h)
    below = np.arange(h - at)
    waves = smooth(random.normal(size=(h - at, w)).astype(np.float32), 0.003)
    mirrored = cv2.GaussianBlur(scene[np.clip(at - 1 - below, 0, h - 1)].astype(np.float32), (0, 0), 0.01 * h, sigmaY=0.05 * h)
    shine = random.uniform(*_WATER_SHINES) * np.clip(1 + waves / max(float(waves.std()), 1e-6) * 0.25, 0.3, 2)
    return np.concatenate([scene[:at], mirrored * shine[..., None]])


def _dusk(random: np.random.Generator) -> Array:
    """The colour of a sky around a low sun: from orange grey to blue."""
    return np.array([0.9, 0.8, 0.8]) + random.uniform(0, 1) * np.array([-0.5, -0.2, 0.4])


def _warm_sky(random: np.random.Generator) -> Array:
    """The colour of a sky where the sun went down: from pale to deep orange."""
    warm = random.uniform(0.3, 1.0)
    return np.array([1.0, 0.85 - 0.5 * warm, 0.7 - 0.68 * warm])


def _high_sky(random: np.random.Generator) -> Array:
    """The colour of that sky on top: from pink to blue."""
    return np.array([0.75, 0.6, 0.7]) + random.uniform(0, 1) * np.array([-0.6, -0.25, 0.3])
