"""How each pass of a plan is done: from the photo before it, whose pixels are those of `held`, to the photo after it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from img_enhance.cancelling import Tick
from img_enhance.canvas import Pixels, new_canvas
from img_enhance.color import with_depth
from img_enhance.faces.restore import FaceRecord, faces_wanted, restore_faces
from img_enhance.geometry import Box, Size
from img_enhance.image_io import resample
from img_enhance.models.networks.segment import joined
from img_enhance.photo import Photo
from img_enhance.plan import FacePlan, NetworkPlan, ResamplePlan, TonePlan
from img_enhance.runtimes.runtime import Picture
from img_enhance.steps import Facts, tone_step
from img_enhance.sweep import Network, check_answer, sweep

# Told which part of a pass is done, 0 to 1.
Done = Callable[[float], None]


@dataclass(frozen=True)
class Running:
    """What every pass works with: the folder for canvases on disk, whom to tell, and what it adds to the record and the warnings."""

    folder: Path | None
    tick: Tick
    done: Done
    record: dict[str, Any]
    warnings: list[str]

    def canvas(self, plan: NetworkPlan | ResamplePlan | TonePlan | FacePlan) -> Pixels:
        """Pixels for what a pass makes."""
        return new_canvas(plan.part.size, plan.store, self.folder, depth=plan.depth)


def change_tones(plan: TonePlan, photo: Photo, running: Running) -> Photo:
    """The photo with its tones as the step says, or the very same where the step finds nothing to do."""
    step = tone_step(plan.options)
    running.tick()
    facts: Facts = step.measure(photo, plan.options)
    running.record.update({"changed": facts.changes, **facts.record()})
    running.warnings.extend(facts.said)
    if not facts.changes and photo.depth <= plan.depth:
        running.done(1.0)
        return photo
    canvas = running.canvas(plan)

    def change(box: Box) -> None:
        if facts.changes:
            canvas[box.slices] = step.apply_to(photo.pixels, box, facts, plan.depth)
        else:
            canvas[box.slices] = with_depth(photo.pixels[box.slices], plan.depth)

    with ThreadPoolExecutor(plan.threads) as threads:
        futures = []
        try:
            futures = [threads.submit(change, box) for box in plan.strips()]
            for number, future in enumerate(futures, 1):
                running.tick()
                future.result()
                running.done(number / len(futures))
        finally:
            for future in futures:
                future.cancel()
    return dataclasses.replace(photo, pixels=canvas)


def reduce_size(plan: ResamplePlan, photo: Photo, held: Box, running: Running) -> Photo:
    """The photo, or the part that is needed of it, at the plan's size."""
    canvas = running.canvas(plan)
    resample(photo.pixels, canvas, running.tick, whole=plan.size, held=held, size=plan.result, part=plan.part)
    running.done(1.0)
    return dataclasses.replace(photo, pixels=canvas, alpha=None)


def run_network(plan: NetworkPlan, photo: Photo, held: Box, network: Network, running: Running) -> Photo:
    """The network's answer to the photo, or the part that is needed of it."""
    canvas, pixels = running.canvas(plan), photo.pixels
    in_white, out_white = np.float32(np.iinfo(pixels.dtype).max), np.float32(np.iinfo(canvas.dtype).max)
    total, finished = plan.flops, 0

    def read(box: Box) -> Picture:
        return np.multiply(pixels[box.seen_from(held).slices], 1 / in_white, dtype=np.float32)

    def write(box: Box, answer: Picture) -> None:
        if photo.grey:  # networks answer with a little colour
            answer[:] = answer.mean(axis=2, keepdims=True)
        np.multiply(answer, out_white, out=answer)
        np.clip(answer, 0, out_white, out=answer)
        canvas[box.seen_from(plan.part).slices] = np.rint(answer, out=answer)

    def count(flops: int) -> None:
        nonlocal finished
        finished += flops
        running.done(finished / total)

    try:
        cut_up = sweep(network, read, write, plan, tick=running.tick, done=count)
    finally:
        if len(plan.stages) > 1:
            # Stages keep buffers as large as their windows, which the plan of the next photo does not know of.
            network.close()
    if cut_up:
        running.warnings.append(f"the GPU's memory was fuller than planned: {cut_up} windows were cut into smaller ones")
    return dataclasses.replace(photo, pixels=canvas, alpha=None)


def paste_faces(plan: FacePlan, photo: Photo, source: Photo, detector: Path, network_for: Callable[[], Network], running: Running) -> Photo:
    """The photo with the faces of `source` restored, or the very same where there is none.

    `network_for` loads the network, which happens only if a face was found.
    """
    level = plan.options.enhance_level
    faces, others = faces_wanted(source.pixels, detector, plan.options, tick=running.tick) if level else ([], [])
    records = [FaceRecord(face.box, face.score, restored=False, why=why) for face, why in others]
    # Tones that were changed before lie in 16 bits, which must not become the depth of a photo that had 8.
    if not plan.in_place and (faces or photo.depth != plan.depth):
        canvas = running.canvas(plan)
        for strip in plan.strips():
            canvas[strip.slices] = with_depth(photo.pixels[strip.slices], plan.depth)
        photo = dataclasses.replace(photo, pixels=canvas)
    if faces:
        network = network_for()

        def restore(face: Picture) -> Picture:
            answer = network.whole().run([face], running.tick)
            size = Size(face.shape[1], face.shape[0])
            check_answer(answer, joined(network.segments), size, network.runtime, name=f"{plan.model.title} in {plan.precision}")
            return network.runtime.picture(answer)

        restored = restore_faces(photo.pixels, source.pixels, faces, restore, plan.options, tick=running.tick, done=running.done)
        records = [*restored, *records]
        network.release()
    elif level:
        running.warnings.append("no face was found")
    running.record.update(changed=any(one.restored for one in records), faces=[dataclasses.asdict(one) for one in records])
    running.done(1.0)
    return photo
