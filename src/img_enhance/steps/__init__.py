"""The steps: what each option class turns into."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from img_enhance.canvas import Pixels
from img_enhance.geometry import Box, Size
from img_enhance.models.table import ModelTable
from img_enhance.options import CLAHE, GFPGAN, ExposureCorrection, RealESRGAN, StepOptions, WhiteBalance
from img_enhance.photo import Photo
from img_enhance.plan import FacePass, Pass, TonePass
from img_enhance.steps import clahe, exposure_correction, real_esrgan, white_balance


class Facts(Protocol):
    """What a step measured of a whole photo, with all that `apply` needs; small, and it pickles.

    `changes` is false where `apply` would change nothing; `reach` is how many pixels around each `apply` looks at, at most
    `plan.MOST_TONE_REACH`; `said` are sentences for the result's warnings.
    """

    @property
    def changes(self) -> bool: ...

    @property
    def said(self) -> tuple[str, ...]: ...

    @property
    def reach(self) -> int: ...

    def record(self) -> dict[str, Any]:
        """The measured numbers as JSON values."""


@dataclass(frozen=True)
class NetworkStep:
    """`passes(size, options, models)` says what runs over a picture of that size; the engine knows no more of it."""

    options: type[Any]
    passes: Callable[[Size, Any, ModelTable], tuple[Pass, ...]]


@dataclass(frozen=True)
class ToneStep:
    """A step on light or colour.

    `measure(photo, options) -> facts` looks at the whole photo, once, and does not modify it. `apply(pixels, box, facts, depth) -> pixels`
    is pure: what becomes of the photo's part `box`, in `depth` bits a channel. A pixel's answer depends on its value, its place, the facts
    and what lies within their reach, which must be in `box` too, so that no cut shows. `apply_to` sees to that.
    """

    options: type[Any]
    measure: Callable[[Photo, Any], Any]
    apply: Callable[[Pixels, Box, Any, int], Pixels]

    def apply_to(self, photo: Pixels, box: Box, facts: Facts, depth: int) -> Pixels:
        """What becomes of the part `box` of a whole photo, (H, W, 3)."""
        seen = box.grown(facts.reach, within=Size(photo.shape[1], photo.shape[0]).box)
        return self.apply(photo[seen.slices], seen, facts, depth)[box.seen_from(seen).slices]

    def passes(self, _: Size, options: Any, _models: ModelTable) -> tuple[Pass, ...]:
        return (TonePass(options),)


@dataclass(frozen=True)
class FaceStep:
    """Faces restored in squares of their own."""

    options: type[Any]

    def passes(self, _: Size, options: Any, models: ModelTable) -> tuple[Pass, ...]:
        return (FacePass(options, models.named(options.model), models.detector),)


STEPS: tuple[NetworkStep | ToneStep | FaceStep, ...] = (
    ToneStep(WhiteBalance, white_balance.measure, white_balance.apply),
    ToneStep(ExposureCorrection, exposure_correction.measure, exposure_correction.apply),
    ToneStep(CLAHE, clahe.measure, clahe.apply),
    NetworkStep(RealESRGAN, real_esrgan.passes),
    FaceStep(GFPGAN),
)


def passes_of(options: StepOptions, size: Size, models: ModelTable) -> tuple[Pass, ...]:
    """What `options` ask to be run over a picture of `size`, with the models that they name."""
    step = next(step for step in STEPS if step.options is type(options))
    return step.passes(size, options, models)


def tone_step(options: StepOptions) -> ToneStep:
    """The step on light or colour that these options belong to."""
    return next(step for step in STEPS if isinstance(step, ToneStep) and step.options is type(options))
