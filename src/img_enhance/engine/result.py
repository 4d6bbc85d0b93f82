"""What comes of an enhanced photo: its pixels, and the record of how they were made."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from img_enhance import __version__
from img_enhance.cancelling import IsCancelled, ticking
from img_enhance.image_io import write_photo
from img_enhance.models.model import Model
from img_enhance.photo import Photo, format_of_ending
from img_enhance.planning.plan import Plan
from img_enhance.request.form import to_mapping
from img_enhance.request.options import StepOptions
from img_enhance.request.recipe import AUTO, Reason, Recipe


@dataclass(frozen=True)
class PhaseRecord:
    """What one phase took, the reading of the photo or a pass. `measured_bytes` is the peak of anonymous memory of the whole process then.
    `facts` is what a step measured of the whole photo, as JSON values.
    """

    name: str
    seconds: float
    measured_bytes: int
    facts: dict[str, Any] = field(default_factory=dict)


def recorded(value: Any) -> Any:
    """A plan, and what it is made of, as JSON values; a model is its title."""
    if isinstance(value, Model):
        return value.title
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = {field.name: field.metadata.get("recorded", field.name) for field in dataclasses.fields(value)}
        return {recorded_name: recorded(getattr(value, name)) for name, recorded_name in names.items() if recorded_name is not None}
    return tuple(recorded(each) for each in value) if isinstance(value, tuple) else value


@dataclass(frozen=True, eq=False)
class Result:
    """The enhanced photo and the record of how it was made. `reasons` say why steps were chosen, where they were chosen automatically."""

    photo: Photo
    recipe: Recipe
    plan: Plan
    weights: dict[str, str]
    phases: tuple[PhaseRecord, ...]
    warnings: tuple[str, ...]
    reasons: tuple[Reason, ...] = ()
    version: str = __version__

    def record(self) -> dict[str, Any]:
        """Everything but the pixels, as JSON values. "done" is for who shows it and knows no kinds of passes."""
        return {
            "version": self.version,
            "recipe": self.recipe.to_mapping(),
            "reasons": [dataclasses.asdict(reason) for reason in self.reasons],
            "plan": recorded(self.plan),
            "done": self.plan.done_text,
            "weights_sha256": self.weights,
            "steps": [dataclasses.asdict(phase) for phase in self.phases],
            "warnings": list(self.warnings),
        }

    def report(self) -> str:
        """The record as JSON text."""
        return json.dumps(self.record(), indent=2) + "\n"

    def save(self, path: str | Path, *, format: str | None = None, overwrite: bool = False, cancelled: IsCancelled | None = None) -> None:
        """Write the photo to `path`, in `format`, else the recipe's, else the one of the path's ending.

        Raises: OutputError, DiskError when it cannot be written there; Cancelled.
        """
        path = Path(path)
        name = format or self.recipe.output.format or format_of_ending(path.suffix).name
        write_photo(
            self.photo, path, format=name, output=self.recipe.output, overwrite=overwrite, note=self.note(), tick=ticking(cancelled)
        )

    @property
    def steps_run(self) -> tuple[StepOptions, ...]:
        """The steps of the recipe, those chosen automatically included."""
        return () if self.recipe.steps == AUTO else self.recipe.steps

    def note(self) -> str:
        """What was done, in a line that goes into the result's XMP."""
        steps = [f"{step.name}({', '.join(f'{k}={v}' for k, v in to_mapping(step).items())})" for step in self.steps_run]
        part = "" if self.plan.crop is None else f", part {self.plan.crop}"
        return "; ".join([*steps, f"{self.plan.size} to {self.plan.result}{part}"])
