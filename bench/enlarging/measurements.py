"""Every picture, made smaller in every way, enlarged in every way, scored against the truth."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from enlarging.degradations import DEGRADATIONS, degraded
from enlarging.lpips import Lpips
from enlarging.metrics import Scores, scores
from enlarging.truths import Truth
from enlarging.ways import BICUBIC, LANCZOS, LEVELS, bicubic, enlarged, lanczos
from img_enhance.engine import Engine
from img_enhance.models.model import Model
from measure import say
from photos import Pixels

# What a network answers with by itself, without the photo's own colours.
BARE = "bare"


@dataclass(frozen=True)
class Measurement:
    """What one way made of one picture: `model` is a network or a formula, `level` how much of it, BARE, or nothing for a formula."""

    picture: str
    degradation: str
    scale: int
    model: str
    level: str
    scores: Scores


def known(record: Mapping[str, Any]) -> Measurement:
    """A measurement that an earlier run saved."""
    return Measurement(**{**record, "scores": Scores(**record["scores"])})


def measure(engine: Engine, models: Sequence[Model], truths: Sequence[Truth], lpips: Lpips | None) -> list[Measurement]:
    """What was found, picture by picture."""
    found = []
    for number, truth in enumerate(truths, 1):
        say(f"  {truth.name}, {number} of {len(truths)}")
        for scale in sorted({model.scale for model in models}):
            for degradation in DEGRADATIONS:
                of_scale = [model for model in models if model.scale == scale]
                for model, level, picture in pictures_of(engine, of_scale, truth, scale, degradation):
                    found.append(Measurement(truth.name, degradation, scale, model, level, scores(truth.pixels, picture, scale, lpips)))
    return found


def pictures_of(engine: Engine, models: Sequence[Model], truth: Truth, scale: int, degradation: str) -> Iterator[tuple[str, str, Pixels]]:
    """What each way makes of a picture that was made `scale` times smaller: the name of network or formula, how much of it, the picture."""
    given = degraded(truth.pixels, scale, degradation, name=truth.name)
    plain = bicubic(given, scale)
    yield BICUBIC, "", plain
    yield LANCZOS, "", lanczos(given, scale)
    for model in models:
        made = enlarged(engine, model, given)
        yield model.name, BARE, made.bare
        for level in LEVELS:
            yield model.name, f"{level:g}", made.at(level, plain)
