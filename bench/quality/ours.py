"""img-enhance as the quality bench calls it: the one place that knows the names of our steps."""

import importlib
import importlib.util
from collections.abc import Callable
from typing import Any

from img_enhance.engine import Engine
from img_enhance.options import STEP_OPTIONS
from img_enhance.photo import Photo
from img_enhance.recipe import Recipe
from photos import Pixels
from quality.degradations import CAST, EXPOSURE, LOW_LIGHT

# What a family is corrected with when the user says so; an undegraded photo needs nothing.
STEPS = {EXPOSURE: "exposure_correction", CAST: "white_balance", LOW_LIGHT: "clahe"}

# What makes a photo larger is no correction.
ENLARGING = ("real_esrgan", "super_image")

OURS, AUTO = "ours", "ours, auto"


class NotThere(Exception):
    """A step or the auto mode is not part of img-enhance yet."""


def methods(family: str) -> dict[str, Callable[[Pixels], Pixels]]:
    """Our ways to correct a picture of this family, by name."""
    step = STEPS.get(family)
    named = {} if step is None else {OURS: lambda pixels: corrected(pixels, step)}
    return {**named, AUTO: auto_corrected}


def corrected(pixels: Pixels, step: str) -> Pixels:
    """`pixels` through one step with its defaults.

    Raises: NotThere.
    """
    options = next((options for options in STEP_OPTIONS if options.name == step), None)
    if options is None:
        raise NotThere(f"no step {step}")
    return _enhanced(pixels, (options(),))


def auto_corrected(pixels: Pixels) -> Pixels:
    """`pixels` through what the auto mode chooses, without enlarging.

    Raises: NotThere.
    """
    steps = tuple(step for step in _suggested(pixels) if step.name not in ENLARGING)
    return _enhanced(pixels, steps) if steps else pixels


def chosen(pixels: Pixels) -> tuple[str, ...]:
    """Names of the steps that the auto mode chooses, enlarging left out.

    Raises: NotThere.
    """
    return tuple(step.name for step in _suggested(pixels) if step.name not in ENLARGING)


def _suggested(pixels: Pixels) -> tuple[Any, ...]:
    if importlib.util.find_spec("img_enhance.suggest") is None:
        raise NotThere("no auto mode")
    suggest: Any = importlib.import_module("img_enhance.suggest")
    recipe: Recipe = suggest.suggest(Photo(pixels)).recipe
    return recipe.steps


def _enhanced(pixels: Pixels, steps: tuple[Any, ...]) -> Pixels:
    with Engine() as engine:
        result = engine.enhance(Photo(pixels), Recipe(steps=steps))
    return result.photo.pixels.astype(pixels.dtype, copy=False)
