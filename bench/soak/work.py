"""Photos with recipes and the very pixels that must come back, made by the engine in this process."""

from __future__ import annotations

import hashlib
import io
import random
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from img_enhance import Engine, Machine, Photo, Recipe
from mutations import mutated
from running import COMPACT

# The runtime keeps something of every size it meets, on purpose; few sizes show whether anything else grows.
_SIDES = (16, 24, 40, 57, 64, 96)
_FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP", "AVIF")
_SUPER = {"step": "real_esrgan", "model": COMPACT}
_STEPS: tuple[list[dict[str, Any]], ...] = (
    [],
    [{"step": "clahe"}],
    [{"step": "white_balance"}, {"step": "clahe"}],
    [{**_SUPER, "upscale": 2}],
    [{**_SUPER, "upscale": 4}],
    [{"step": "exposure_correction"}, {**_SUPER, "upscale": 1}],
)


@dataclass(frozen=True)
class Task:
    """`pixels` is the hash of the result's."""

    photo: bytes
    recipe: dict[str, Any]
    pixels: str


def make_tasks(count: int, seed: int) -> list[Task]:
    """Tasks whose results all differ."""
    chance, rng = random.Random(seed), np.random.default_rng(seed)
    with Engine(Machine(precision="f32")) as engine:
        return [_task(engine, chance, rng) for _ in range(count)]


def _task(engine: Engine, chance: random.Random, rng: np.random.Generator) -> Task:
    side = chance.choice(_SIDES)
    pixels = rng.integers(0, 256, (side, side, 3), np.uint8)
    recipe = {"version": 1, "steps": chance.choice(_STEPS), "output": {"format": "png"}}
    result = engine.enhance(Photo(pixels), Recipe.from_mapping(recipe))
    return Task(_encoded(pixels, "PNG"), recipe, hash_of(result.photo.pixels))


def hash_of(pixels: np.ndarray) -> str:
    """A hash of (H, W, 3) pixels of 8 bits and of their size."""
    return hashlib.sha256(repr(pixels.shape).encode() + np.ascontiguousarray(pixels).tobytes()).hexdigest()


def hash_in(data: bytes) -> str:
    """The hash of the pixels in a file; none where it is no picture."""
    try:
        with Image.open(io.BytesIO(data)) as picture:
            return hash_of(np.asarray(picture.convert("RGB")))
    except OSError:
        return "no picture"


def make_harmful(count: int, seed: int) -> list[bytes]:
    """Damaged files of several formats."""
    chance, rng = random.Random(seed), np.random.default_rng(seed)
    whole = [_encoded(rng.integers(0, 256, (40, 40, 3), np.uint8), format) for format in _FORMATS]
    return [mutated(chance.choice(whole), chance, chance.choice(whole)) for _ in range(count)]


def _encoded(pixels: np.ndarray, format: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format)
    return file.getvalue()
