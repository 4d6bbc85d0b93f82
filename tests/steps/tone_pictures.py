"""Small pictures for the tests of tones, and steps run over them whole or in parts."""

from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from img_enhance.geometry import Box
from img_enhance.machine.canvas import Pixels
from img_enhance.photo import Photo
from img_enhance.steps import tones_of

WHITE = {8: 255, 16: 65_535}


def scene(*, depth: int = 8, height: int = 120, width: int = 170, contrast: bool = False) -> Pixels:
    """A bright sky above a dark, coloured and textured ground; with `contrast`, half of it is nearly black."""
    random = np.random.default_rng(7)
    y, x = np.mgrid[:height, :width] / height
    colours = np.stack([0.5 + 0.4 * np.sin(5 * x), 0.45 + 0.3 * np.cos(4 * y + x), 0.4 + 0.3 * np.sin(7 * y)], axis=-1)
    shade = np.where(y < 0.5, 0.95, 0.12 if contrast else 0.5)[..., None]
    light = colours * shade + random.normal(0, 0.01, colours.shape) + (y < 0.5)[..., None] * 0.25
    return np.asarray(np.clip(light, 0, 1) * WHITE[depth]).astype(np.uint8 if depth == 8 else np.uint16)


def exposed(pixels: Pixels, stops: float) -> Pixels:
    """8-bit sRGB with its light multiplied, cut off at white. The arithmetic is the test's own."""
    values = pixels / 255
    light = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4) * 2**stops
    light = np.clip(light, 0, 1)
    values = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(255 * values)).astype(np.uint8)


def run(pixels: Pixels, options: Any, *, depth: int | None = None, **more: Any) -> Pixels:
    """The whole picture through a step."""
    step, photo = tones_of(options), Photo(pixels, **more)
    return step.apply(pixels, photo.size.box, step.measure(photo, options), depth or photo.depth)


def run_in_parts(pixels: Pixels, options: Any, parts: list[Box], **more: Any) -> Pixels:
    """The whole picture through a step, one part after the other."""
    step, photo = tones_of(options), Photo(pixels, **more)
    facts = step.measure(photo, options)
    result = np.zeros_like(pixels)
    for part in parts:
        result[part.slices] = step.apply_to(pixels, part, facts, photo.depth)
    return result


def cut(height: int, width: int, random: np.random.Generator) -> list[Box]:
    """Boxes that cover a picture, cut at random."""
    rows = sorted({0, height, *random.integers(1, height, 4).tolist()})
    columns = sorted({0, width, *random.integers(1, width, 4).tolist()})
    return [Box(x, y, right, bottom) for y, bottom in pairwise(rows) for x, right in pairwise(columns)]


def at_ends(pixels: npt.NDArray[Any]) -> tuple[int, int]:
    """How many values are black and how many white."""
    return int((pixels == 0).sum()), int((pixels == np.iinfo(pixels.dtype).max).sum())
