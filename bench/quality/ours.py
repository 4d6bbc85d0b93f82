"""img-enhance as the quality bench calls it: the one place that knows the names of our steps."""

from collections.abc import Callable

from img_enhance.engine import Engine
from img_enhance.photo import Photo
from img_enhance.request.recipe import Recipe
from img_enhance.request.step_options import STEP_OPTIONS, StepOptions
from img_enhance.suggest.suggest import suggest
from photos import Pixels
from quality.degradations import CAST, EXPOSURE, LOW_LIGHT

# What a family is corrected with when the user says so; an undegraded photo needs nothing.
STEPS = {EXPOSURE: "exposure_correction", CAST: "white_balance", LOW_LIGHT: "exposure_correction"}

# What makes a photo larger is no correction.
ENLARGING = ("real_esrgan", "super_image")

OURS, AUTO = "ours", "ours, auto"


def methods(family: str) -> dict[str, Callable[[Pixels], Pixels]]:
    """Our ways to correct a picture of this family, by name."""
    step = STEPS.get(family)
    named = {} if step is None else {OURS: lambda pixels: corrected(pixels, step)}
    return {**named, AUTO: auto_corrected}


def corrected(pixels: Pixels, step: str) -> Pixels:
    """`pixels` through one step with its defaults."""
    options = next(options for options in STEP_OPTIONS if options.name == step)
    return _enhanced(pixels, (options(),))


def auto_corrected(pixels: Pixels) -> Pixels:
    """`pixels` through what the auto mode chooses, without enlarging."""
    steps = tuple(step for step in _suggested(pixels) if step.name not in ENLARGING)
    return _enhanced(pixels, steps) if steps else pixels


def balanced_by_auto(pixels: Pixels) -> Pixels:
    """`pixels` through the white balance that the auto mode chooses, and nothing else of what it chooses."""
    steps = tuple(step for step in _suggested(pixels) if step.name == STEPS[CAST])
    return _enhanced(pixels, steps) if steps else pixels


def chosen(pixels: Pixels) -> tuple[str, ...]:
    """Names of the steps that the auto mode chooses, enlarging left out."""
    return tuple(step.name for step in _suggested(pixels) if step.name not in ENLARGING)


def _suggested(pixels: Pixels) -> tuple[StepOptions, ...]:
    return suggest(Photo(pixels)).steps


def _enhanced(pixels: Pixels, steps: tuple[StepOptions, ...]) -> Pixels:
    with Engine() as engine:
        result = engine.enhance(Photo(pixels), Recipe(steps=steps))
    return result.photo.pixels.astype(pixels.dtype, copy=False)
