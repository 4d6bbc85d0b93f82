"""The steps: what each option class turns into."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from img_enhance.geometry import Size
from img_enhance.options import RealESRGAN, StepOptions
from img_enhance.plan import Pass
from img_enhance.steps import real_esrgan


@dataclass(frozen=True)
class Step:
    """`passes(size, options)` says what runs over a picture of that size; the engine knows no more of a step."""

    options: type[Any]
    passes: Callable[[Size, Any], tuple[Pass, ...]]


STEPS = (Step(RealESRGAN, real_esrgan.passes),)


def passes_of(options: StepOptions, size: Size) -> tuple[Pass, ...]:
    """What `options` ask to be run over a picture of `size`."""
    step = next(step for step in STEPS if step.options is type(options))
    return step.passes(size, options)
