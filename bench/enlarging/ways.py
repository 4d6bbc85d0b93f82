"""Ways to enlarge a picture: two formulas, and every network whose weights are on this machine."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from img_enhance.engine import Engine
from img_enhance.image_io import resample
from img_enhance.models.model import Model
from img_enhance.models.weights.store import present
from img_enhance.photo import Photo
from img_enhance.request.recipe import Recipe
from img_enhance.request.step_options import RealESRGAN, SuperImage
from photos import Pixels

BICUBIC, LANCZOS = "bicubic", "Lanczos"

# How much of a network's work is kept: all, as by default; half, where photos with blur and noise come nearest to their truth; a quarter,
# where clean ones do.
LEVELS = (0.25, 0.5, 1.0)


@dataclass(frozen=True, eq=False)
class Enlarged:
    """What a network made of a picture, with the picture's own colours and without."""

    kept: Pixels
    bare: Pixels

    def at(self, level: float, plain: Pixels) -> Pixels:
        """So much of it, the rest being the bicubic `plain`, as the engine mixes them."""
        if level == 1:
            return self.kept
        return np.asarray(np.rint(np.float32(level) * self.kept + np.float32(1 - level) * plain), np.uint8)


def bicubic(pixels: Pixels, scale: int) -> Pixels:
    """By what `enhance_level` 0 answers with."""
    larger = np.empty((pixels.shape[0] * scale, pixels.shape[1] * scale, 3), np.uint8)
    resample(pixels, larger, lambda: None)
    return larger


def lanczos(pixels: Pixels, scale: int) -> Pixels:
    """By Pillow, with three lobes."""
    size = (pixels.shape[1] * scale, pixels.shape[0] * scale)
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS))


def models_here(engine: Engine) -> list[Model]:
    """Those that enlarge and whose weights are on this machine, a person's own among them."""
    return [model for model in _enlarging(engine) if present(model, engine.store)]


def models_missing(engine: Engine) -> list[str]:
    """Names of those whose weights are not."""
    here = models_here(engine)
    return [model.name for model in _enlarging(engine) if model not in here]


def _enlarging(engine: Engine) -> tuple[Model, ...]:
    return (*engine.models.enlarging, *engine.models.faithful, *engine.models.own)


def enlarged(engine: Engine, model: Model, pixels: Pixels) -> Enlarged:
    """The model's answer at its own factor."""
    kept, bare = (_answer(engine, model, pixels, keep_colours=keep) for keep in (True, False))
    return Enlarged(kept, bare)


def _answer(engine: Engine, model: Model, pixels: Pixels, *, keep_colours: bool) -> Pixels:
    step = SuperImage if model in engine.models.faithful else RealESRGAN
    recipe = Recipe(steps=(step(model=model.name, keep_colours=keep_colours),))
    return np.asarray(engine.enhance(Photo(pixels), recipe).photo.pixels, np.uint8)
