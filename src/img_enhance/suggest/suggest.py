"""The auto mode: a photo's facts become a recipe, with a reason for each step, chosen or not."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from img_enhance.cancelling import Tick
from img_enhance.faces.detect import find_faces
from img_enhance.image_io import PhotoFile, open_photo, read_whole
from img_enhance.machine.devices import detect_cpu
from img_enhance.metadata.jpeg import jpeg_quality
from img_enhance.models.table import BUILT_IN, ModelTable
from img_enhance.models.weights.cache import WeightStore, missing, usable
from img_enhance.photo import Photo
from img_enhance.planning.planner import allowed_bytes, canvas_bytes
from img_enhance.request.options import Input, Limits, Machine
from img_enhance.request.recipe import Reason, Recipe
from img_enhance.request.step_options import GFPGAN, StepOptions
from img_enhance.suggest.analysis import PhotoFacts, analyse
from img_enhance.suggest.network import Here, here
from img_enhance.suggest.rules import INSTALLED, restores_faces, verdicts_of
from img_enhance.suggest.skin import may_show_a_face
from img_enhance.words import Words


@dataclass(frozen=True)
class Suggestion:
    """What would make a photo better, why, and what was measured. There are no steps where a photo is good as it is.

    `warnings` tell of flaws and damage of its file.
    """

    steps: tuple[StepOptions, ...]
    reasons: tuple[Reason, ...]
    facts: PhotoFacts
    warnings: tuple[str, ...] = ()

    @property
    def recipe(self) -> Recipe:
        return Recipe(steps=self.steps)

    def without_faces(self, why: str) -> Suggestion:
        """The suggestion with faces left as they are, because of `why`; the very same where none were to be restored."""
        steps = tuple(step for step in self.steps if not isinstance(step, GFPGAN))
        if steps == self.steps:
            return self
        reasons = tuple(
            Reason(reason.step, False, "", Words(f"{reason.strength} left alone: ", why), lacking=True)
            if reason.step == GFPGAN.name
            else reason
            for reason in self.reasons
        )
        return dataclasses.replace(self, steps=steps, reasons=reasons)

    def record(self) -> dict[str, Any]:
        """All of it as JSON values; `Recipe.from_mapping` reads the recipe of it."""
        reasons = [dataclasses.asdict(reason) for reason in self.reasons]
        return {"recipe": self.recipe.to_mapping(), "reasons": reasons, "facts": self.facts.record(), "warnings": list(self.warnings)}

    def to_json(self) -> str:
        return json.dumps(self.record(), indent=2) + "\n"


def suggest(
    photo: Photo,
    limits: Limits | None = None,
    *,
    jpeg_quality: int | None = None,
    store: WeightStore | None = None,
    models: ModelTable = BUILT_IN,
    tick: Tick = lambda: None,
) -> Suggestion:
    """What would make `photo` better; `jpeg_quality` is what its file says, `store` as for `suggest_file`."""
    limits, facts, networks = limits or Limits(), analyse(photo, jpeg_quality=jpeg_quality), here(models, store)
    if store is None:
        return suggest_for(facts, limits, networks)
    detector = usable(models.detector, store)
    # Finding faces takes longer than all other measurements together.
    if restores_faces(facts, limits, networks):
        faces = None if detector is None else len(find_faces(photo.pixels, detector, tick=tick))
        facts = dataclasses.replace(facts, faces=faces, maybe_faces=may_show_a_face(photo) if detector is None else None)
    suggestion = suggest_for(facts, limits, networks)
    (network,) = models.faces[0].weights.files
    return suggestion if usable(network, store) is not None else suggestion.without_faces(missing(network, store).words)


def suggest_file(
    path: Path,
    limits: Limits | None = None,
    *,
    machine: Machine | None = None,
    reading: Input | None = None,
    store: WeightStore | None = None,
    models: ModelTable = BUILT_IN,
    tick: Tick = lambda: None,
) -> Suggestion:
    """What would make the photo in a file better. The file is decoded once, onto a disk where it is large for the memory allowed.

    `store` is where downloaded weights are: without those for faces, faces stay as they are, and the reasons say so.

    Raises: PhotoError when it cannot be read, PhotoTooLarge, DiskError.
    """
    machine, read = machine or Machine(), reading or Input()
    file = open_photo(path, max_pixels=machine.max_pixels, first_frame=read.animation == "first", salvage=bool(read.salvage))
    in_memory = canvas_bytes(allowed_bytes(machine.max_memory, detect_cpu()))
    photo, suggestion = decode_and_suggest(
        file, limits, most_in_memory=in_memory, scratch=machine.scratch, store=store, models=models, tick=tick
    )
    return dataclasses.replace(suggestion, warnings=(*file.flaws, *photo.warnings))


def decode_and_suggest(
    file: PhotoFile,
    limits: Limits | None,
    *,
    most_in_memory: int,
    scratch: str | None,
    store: WeightStore | None,
    models: ModelTable,
    tick: Tick = lambda: None,
) -> tuple[Photo, Suggestion]:
    """The photo of an opened file, in memory up to so many bytes and else in the folder `scratch`, and what would make it better.

    Raises: as `suggest_file`.
    """
    photo = read_whole(file, most_in_memory=most_in_memory, scratch=scratch, tick=tick)
    return photo, suggest(photo, limits, jpeg_quality=jpeg_quality(file.path), store=store, models=models, tick=tick)


def suggest_for(facts: PhotoFacts, limits: Limits, networks: Here = INSTALLED) -> Suggestion:
    """The suggestion that follows from `facts`: the rules (`rules.py`), one a step, in the order in which steps run.

    `networks` are those that may be chosen to enlarge.
    """
    verdicts = verdicts_of(facts, limits, networks)
    return Suggestion(
        steps=tuple(verdict.options for _, verdict in verdicts if verdict.options is not None),
        reasons=tuple(
            Reason(name, verdict.options is not None, verdict.strength, verdict.words, verdict.lacking, verdict.noticed)
            for name, verdict in verdicts
        ),
        facts=facts,
    )
