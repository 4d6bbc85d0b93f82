"""Pictures that photos alone do not teach enough of: a part of a photo, a thing on white, a plain wall, patches of all colours."""

import numpy as np
from PIL import Image

from photos import Pixels
from quality.light import Linear, encode

Random = np.random.Generator

# The sides of a made-up picture in pixels.
_HEIGHT, _WIDTH = 150, 200
_LEAST_SIDE = 24


def part_of(pixels: Pixels, random: Random, side: tuple[float, float]) -> Pixels:
    """A part whose sides are a share in `side` of the photo's."""
    height, width = (max(min(_LEAST_SIDE, whole), round(whole * random.uniform(*side))) for whole in pixels.shape[:2])
    top, left = (int(random.integers(0, whole - part + 1)) for whole, part in zip(pixels.shape[:2], (height, width), strict=True))
    return np.ascontiguousarray(pixels[top : top + height, left : left + width])


def on_white(pixels: Pixels, random: Random) -> Pixels:
    """The photo as a thing before a white background, which has 20 to 85 % of the picture."""
    shrink = float(np.sqrt(random.uniform(0.15, 0.8)))
    height, width = pixels.shape[:2]
    small = Image.fromarray(pixels).resize((max(1, round(width * shrink)), max(1, round(height * shrink))), Image.Resampling.BOX)
    # Photographers' backgrounds are not always at the very end.
    made = np.full_like(pixels, random.choice((255, 255, 252, 246)))
    top, left = (int(random.integers(0, whole - part + 1)) for whole, part in ((height, small.height), (width, small.width)))
    made[top : top + small.height, left : left + small.width] = np.asarray(small)
    return made


def wall(random: Random) -> Pixels:
    """One thing of one colour, from grey to as colourful as paint is, with shading and a little texture."""
    hue = np.exp(random.normal(0, random.uniform(0, 1.2), 3))
    dark, bright = np.sort(random.uniform(0.05, 1, 2)).tolist()
    shade = np.linspace(dark, bright, _HEIGHT)[:, None, None] * random.normal(1, random.uniform(0, 0.1), (_HEIGHT, _WIDTH, 1))
    return encode((shade * (hue / hue.max()) * random.normal(1, random.uniform(0, 0.03), (_HEIGHT, _WIDTH, 3))).astype(np.float32))


def patches(random: Random) -> Pixels:
    """Patches of all colours, some of them grey, a few white."""
    rows, columns = random.integers(4, 14, 2)
    count = rows * columns
    light = random.uniform(0.02, 0.8, (count, 1)) * np.exp(random.normal(0, random.uniform(0.2, 0.7), (count, 3)))
    grey = random.random(count) < random.uniform(0.1, 0.5)
    light[grey] = random.uniform(0.04, 0.9, (grey.sum(), 1)) * np.exp(random.normal(0, 0.03, (grey.sum(), 3)))
    light[random.integers(0, count, max(1, count // 25))] = 0.95
    grid: Linear = (np.clip(light, 0, 1) * random.uniform(0.4, 1)).astype(np.float32).reshape(rows, columns, 3)
    return encode(grid.repeat(_HEIGHT // rows, axis=0).repeat(_WIDTH // columns, axis=1))
