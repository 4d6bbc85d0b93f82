"""The steps: what each option class turns into."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from img_enhance.geometry import Size
from img_enhance.models.table import ModelTable
from img_enhance.passes.faces import FacePass
from img_enhance.passes.tones import TonePass, Tones
from img_enhance.planning.plan import Pass
from img_enhance.request.step_options import CLAHE, GFPGAN, ExposureCorrection, RealESRGAN, StepOptions, SuperImage, WhiteBalance
from img_enhance.steps import clahe, enlarging, exposure_correction, white_balance


@dataclass(frozen=True)
class NetworkStep:
    """`passes(size, options, models, wraps)` says what runs over a picture of that size, whose right edge may go on at its left; the engine
    knows no more of it."""

    options: type[Any]
    passes: Callable[[Size, Any, ModelTable, bool], tuple[Pass, ...]]


@dataclass(frozen=True)
class ToneStep:
    """A step on light or colour."""

    options: type[Any]
    tones: Tones

    def passes(self, _: Size, options: Any, _models: ModelTable, _wraps: bool) -> tuple[Pass, ...]:
        return (TonePass(self.tones, options),)


@dataclass(frozen=True)
class FaceStep:
    """Faces restored in squares of their own."""

    options: type[Any]

    def passes(self, _: Size, options: Any, models: ModelTable, _wraps: bool) -> tuple[Pass, ...]:
        return (FacePass(options, models.named(options.model), models.detector),)


STEPS: tuple[NetworkStep | ToneStep | FaceStep, ...] = (
    ToneStep(WhiteBalance, Tones(white_balance.measure, white_balance.apply)),
    ToneStep(ExposureCorrection, Tones(exposure_correction.measure, exposure_correction.apply)),
    ToneStep(CLAHE, Tones(clahe.measure, clahe.apply)),
    NetworkStep(RealESRGAN, enlarging.real_esrgan_passes),
    NetworkStep(SuperImage, enlarging.super_image_passes),
    FaceStep(GFPGAN),
)


def passes_of(options: StepOptions, size: Size, models: ModelTable, *, wraps: bool = False) -> tuple[Pass, ...]:
    """What `options` ask to be run over a picture of `size`, with the models that they name; `wraps` as in a photo's header."""
    step = next(step for step in STEPS if step.options is type(options))
    return step.passes(size, options, models, wraps)


def tones_of(options: StepOptions) -> Tones:
    """How the step on light or colour that these options belong to measures and changes."""
    return next(step.tones for step in STEPS if isinstance(step, ToneStep) and step.options is type(options))
