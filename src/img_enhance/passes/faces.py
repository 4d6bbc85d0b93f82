"""Finds faces, restores each in a square of its own, and pastes them into the picture; its size stays."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar, Literal

from img_enhance.faces.detect import Face
from img_enhance.faces.restore import FaceRecord, faces_wanted, restore_faces
from img_enhance.geometry import Box, Size
from img_enhance.light.colour import with_depth
from img_enhance.models.model import Model
from img_enhance.models.networks.segment import Precision, joined
from img_enhance.models.weight_files import WeightFile
from img_enhance.passes.context import PassContext
from img_enhance.passes.strips import SizeStays
from img_enhance.passes.sweep import check_answer
from img_enhance.photo import Photo
from img_enhance.planning.plan import UNRECORDED, PassResources
from img_enhance.planning.speeds import DETECTING, Speed, network_work, seconds_of
from img_enhance.planning.sweep_plan import RECORDED_AS_STORE, Medium
from img_enhance.planning.sweep_planner import START_SECONDS, copies_bytes, scratch_of
from img_enhance.request.step_options import GFPGAN
from img_enhance.runtimes.runtime import Picture
from img_enhance.words import Setting, asks_nothing

# What finding faces takes in a photo of any size (measured 2026-11 on 48 MP: 200 MB), what a restored face takes until it is pasted (the
# network's square in float32), and cutting out and pasting beside the network's scratch.
DETECTION_BYTES = 220_000_000
FACE_BYTES = 5_000_000
PASTE_BYTES = 80_000_000
# How many faces a photo is taken to have for the estimate of time.
_USUAL_FACES = 3


@dataclass(frozen=True)
class FacePass:
    """Find faces, restore each in a square of its own, and paste them into the picture.

    They are found in, and cut out of, the picture as it was before the passes just before this one that resize. `detector` is the file of
    the network that finds them.
    """

    options: GFPGAN
    model: Model
    detector: WeightFile

    resizes: ClassVar[bool] = False
    wants_depth: ClassVar[bool] = False
    wants_source: ClassVar[bool] = True
    wants_file: ClassVar[bool] = False

    @property
    def models(self) -> tuple[Model, ...]:
        return (self.model,)

    def result(self, size: Size) -> Size:
        return size

    def parts(self, _needed: Box, size: Size) -> tuple[Box, Box]:
        return size.box, size.box

    def plan(self, size: Size, _part: Box, resources: PassResources) -> FacePlan:
        model, own_memory = self.model, resources.gpu_allowed is not None
        pixels = model.segments[0].side ** 2
        network = int(pixels * (scratch_of(model.whole, resources.precision, resources.device) + copies_bytes(model, model.scale)))
        gpu_bytes = resources.gpu_below + network if own_memory else 0
        restoring = self.options.at_most * FACE_BYTES + (PASTE_BYTES if own_memory else max(network, PASTE_BYTES))
        return FacePlan(
            step=self.options.name,
            options=self.options,
            model=model,
            precision=resources.precision,
            size=size,
            source=resources.source,
            in_place=resources.in_place,
            medium=resources.medium,
            depth=resources.depth,
            projected_bytes=resources.below + max(DETECTION_BYTES, restoring + (gpu_bytes if resources.device.shares_memory else 0)),
            detector=self.detector,
            seconds=seconds_of(DETECTING, size.pixels, resources.device.speeds) + _restoring_seconds(model, resources),
            gpu_bytes=gpu_bytes,
        )


def _restoring_seconds(model: Model, resources: PassResources) -> float:
    """How long the network takes for as many faces as photos usually have."""
    device, work = resources.device, network_work(model.title, resources.precision, "whole")
    speed = device.speeds.get(work, Speed(START_SECONDS, device.rates.of(resources.precision) * 1e9))
    return speed.seconds(_USUAL_FACES * model.segments[0].side ** 2 * model.flops)


@dataclass(frozen=True)
class FacePlan(SizeStays):
    """How faces are restored: cut out of the picture that pass `source` begins with, pasted into the one before this pass.

    `in_place` says that the picture before is pasted into, and not a copy of it.
    """

    step: str
    options: GFPGAN
    model: Model
    precision: Precision
    size: Size
    source: int
    in_place: bool
    medium: Medium = dataclasses.field(metadata=RECORDED_AS_STORE)
    depth: int
    projected_bytes: int
    detector: WeightFile = dataclasses.field(metadata=UNRECORDED)
    seconds: float = 0.0
    gpu_bytes: int = 0
    kind: Literal["faces"] = "faces"

    changes_tones: ClassVar[bool] = False
    mixes_pixels: ClassVar[bool] = False

    @property
    def models(self) -> tuple[Model, ...]:
        return (self.model,)

    @property
    def files_beside_models(self) -> tuple[WeightFile, ...]:
        return (self.detector,)

    @property
    def awaited(self) -> int | None:
        return self.source

    @property
    def name(self) -> str:
        return self.step

    @property
    def planned_text(self) -> str:
        return f"faces by {self.model.title}"

    @property
    def done_text(self) -> str:
        return self.planned_text


def run(plan: FacePlan, photo: Photo, _held: Box, context: PassContext) -> Photo:
    """The photo with the faces of its source restored, or the very same where there is none, without loading the network."""
    source = context.source
    assert source is not None
    level = plan.options.enhance_level
    detector = context.networks.located(plan.detector)
    faces, others = faces_wanted(source.pixels, detector, plan.options, tick=context.tick) if level else ([], [])
    records = [FaceRecord(face.box, face.score, restored=False, why=why) for face, why in others]
    photo = _own_pixels(plan, photo, context, copied=bool(faces))
    if faces:
        records = [*_restored(plan, photo, source, faces, context), *records]
    if any(one.restored for one in records):
        context.record["changed"] = True
    else:
        context.unchanged(_unchanged(records) if level else asks_nothing(Setting("gfpgan_enhance_level", "0")))
    context.record["faces"] = [dataclasses.asdict(one) for one in records]
    context.done(1.0)
    return photo


def _unchanged(records: list[FaceRecord]) -> str:
    """Why no face was restored."""
    if not records:
        return "no face was found"
    largest = records[0].why
    return f"the only face is {largest}" if len(records) == 1 else f"{len(records)} faces are left alone; the largest is {largest}"


def _own_pixels(plan: FacePlan, photo: Photo, context: PassContext, *, copied: bool) -> Photo:
    """The photo in the plan's depth, with pixels that may be pasted into where `copied` is asked for."""
    # Tones that were changed before lie in 16 bits, which must not become the depth of a photo that had 8.
    if plan.in_place or not (copied or photo.depth != plan.depth):
        return photo
    canvas = context.canvas(plan)
    for strip in plan.strips():
        canvas[strip.slices] = with_depth(photo.pixels[strip.slices], plan.depth)
    return dataclasses.replace(photo, pixels=canvas)


def _restored(plan: FacePlan, photo: Photo, source: Photo, faces: list[Face], context: PassContext) -> list[FaceRecord]:
    """What became of the faces, which are pasted into the photo."""
    network = context.networks.loaded(plan.model, plan.precision)

    def restore(face: Picture) -> Picture:
        answer = network.whole().run([face], context.tick)
        size = Size(face.shape[1], face.shape[0])
        check_answer(answer, joined(network.segments), size, network.runtime, name=f"{plan.model.title} in {plan.precision}")
        return network.runtime.picture(answer)

    records = restore_faces(photo.pixels, source.pixels, faces, restore, plan.options, tick=context.tick, done=context.done)
    network.release()
    return records
