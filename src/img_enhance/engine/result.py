"""What comes of an enhanced photo: its pixels, and the record of how they were made."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from img_enhance import __version__
from img_enhance.cancelling import IsCancelled, ticking
from img_enhance.engine.prepared_run import can_be_copied, check_compressible, without
from img_enhance.files import copy_file
from img_enhance.geometry import Framing
from img_enhance.image_io import PhotoFile, write_photo
from img_enhance.models.model import Model
from img_enhance.photo import Photo, format_named, format_of_ending
from img_enhance.planning.plan import PassPlan, Plan
from img_enhance.request.note import note_of
from img_enhance.request.options import QUALITIES
from img_enhance.request.recipe import AUTO, Reason, Recipe
from img_enhance.request.step_options import StepOptions
from img_enhance.words import Words, joined


@dataclass(frozen=True)
class PhaseRecord:
    """What one phase took, the reading of the photo or a pass. `measured_bytes` is the peak of anonymous memory of the whole process then.

    `facts` is what a step measured of the whole photo, as JSON values; "changed" says whether it changed any value of it.
    """

    name: str
    seconds: float
    measured_bytes: int
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def unchanged(self) -> str:
        """Why it left the picture as it was, "" where it did not."""
        why: str = self.facts.get("unchanged", "")
        return why


def recorded(value: Any) -> Any:
    """A plan, and what it is made of, as JSON values; a model is its title."""
    if isinstance(value, Model):
        return value.title
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = {field.name: field.metadata.get("recorded", field.name) for field in dataclasses.fields(value)}
        return {recorded_name: recorded(getattr(value, name)) for name, recorded_name in names.items() if recorded_name is not None}
    return tuple(recorded(each) for each in value) if isinstance(value, tuple) else value


@dataclass(frozen=True, eq=False)
class Original:
    """A file, and the photo that was read from it and left as it is."""

    file: PhotoFile
    photo: Photo


@dataclass(frozen=True, eq=False)
class Result:
    """The enhanced photo and the record of how it was made. `reasons` say why steps were chosen, where they were chosen automatically.

    `losses` are those of the warnings that say what it lacks of the photo's file. `original` is there where nothing changed the photo of a
    file, whose pixels are then read-only, and `copied` says that the file itself was copied as the result.
    """

    photo: Photo
    recipe: Recipe
    plan: Plan
    weights: dict[str, str]
    phases: tuple[PhaseRecord, ...]
    warnings: tuple[str, ...]
    reasons: tuple[Reason, ...] = ()
    losses: tuple[str, ...] = ()
    original: Original | None = None
    copied: bool = False
    version: str = __version__

    def record(self) -> dict[str, Any]:
        """Everything but the pixels, as JSON values. "done" is for who shows it and knows no kinds of passes."""
        return {
            "version": self.version,
            "recipe": self.recipe.to_mapping(),
            "reasons": [dataclasses.asdict(reason) for reason in self.reasons],
            "plan": recorded(self.plan),
            "done": self.done_text,
            "copied": self.copied,
            "weights_sha256": self.weights,
            "steps": [dataclasses.asdict(phase) for phase in self.phases],
            "warnings": list(self.warnings),
        }

    def report(self) -> str:
        """The record as JSON text."""
        return json.dumps(self.record(), indent=2) + "\n"

    def save(self, path: str | Path, *, format: str | None = None, overwrite: bool = False, cancelled: IsCancelled | None = None) -> Result:
        """Write the photo to `path`, in `format`, else the recipe's, else the one of the path's ending, and answer with the result as it
        was written. A file whose photo was left as it is is copied, byte for byte, if it will do as it is (`can_be_copied`).

        Raises: OutputError, DiskError when it cannot be written there; PhotoError when a file changes while it is copied; Cancelled.
        """
        path, output, tick = Path(path), self.recipe.output, ticking(cancelled)
        name = format or output.format or format_of_ending(path.suffix).name
        check_compressible(name, output)
        file = self._file_as(name)
        if file is not None and copy_file(file.path, file.state, path, overwrite=overwrite, tick=tick):
            return dataclasses.replace(self, copied=True, warnings=without(self.warnings, self.losses))
        framing = Framing(self.plan.size, self.plan.result, self.plan.crop or self.plan.result.box)
        note = self.note()
        quality = write_photo(self.photo, path, format=name, output=output, overwrite=overwrite, note=note, tick=tick, framing=framing)
        usual = output.quality or QUALITIES.get(name)
        warnings = self.warnings
        if self.photo.high_range is not None and not format_named(name).high_range:
            warnings += (f"{name} holds no high dynamic range; the result is what steps saw, tone-mapped by BT.2390",)
        if quality != usual:
            warnings += (f"the quality was lowered from {usual} to {quality}, so that the file has {path.stat().st_size:,} bytes",)
        return dataclasses.replace(self, warnings=warnings) if warnings != self.warnings else self

    def _file_as(self, format: str) -> PhotoFile | None:
        """The photo's file, if a copy of it will do."""
        if self.original is None or self.original.photo is not self.photo:
            return None
        return self.original.file if can_be_copied(self.original.file, format, self.recipe.output) else None

    @property
    def is_unchanged(self) -> bool:
        """Whether every pass left the photo as it was."""
        return all(record.unchanged for _, record in self._passes)

    @property
    def done_text(self) -> str:
        """What is said when all is done: what changed the photo, for each pass that left it as it was why, and whether it was copied."""
        changed = " and ".join(pass_plan.done_text for pass_plan, record in self._passes if not record.unchanged)
        unchanged = (
            Words(f"{pass_plan.name}: unchanged, because ", record.unchanged) for pass_plan, record in self._passes if record.unchanged
        )
        copy = "left as it is: copied byte for byte" if self.copied else ""
        return joined("; ", filter(None, (changed, *unchanged, copy))) or "nothing to do"

    @property
    def _passes(self) -> tuple[tuple[PassPlan, PhaseRecord], ...]:
        # Reading has the first record, before those of the passes.
        return tuple(zip(self.plan.passes, self.phases[1:], strict=False))

    @property
    def steps_run(self) -> tuple[StepOptions, ...]:
        """The steps of the recipe, those chosen automatically included."""
        return () if self.recipe.steps == AUTO else self.recipe.steps

    def note(self) -> str:
        """What was done, in a line that goes into the result's XMP."""
        part = "" if self.plan.crop is None else f", part {self.plan.crop}"
        steps = note_of(self.steps_run)
        return "; ".join([*([steps] if steps else []), f"{self.plan.size} to {self.plan.result}{part}"])
