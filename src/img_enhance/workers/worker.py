"""A child of the service: a reader that looks at photos, a worker that owns an Engine, or a cutter of tiles.

`python -m img_enhance.workers.worker ROLE FD`
"""

from __future__ import annotations

import base64
import dataclasses
import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from img_enhance.errors import ImgEnhanceError, PhotoTooLarge
from img_enhance.machine.memory import give_back
from img_enhance.machine.parent import die_with_parent
from img_enhance.workers.channel import Channel, Gone
from img_enhance.workers.engine_worker import EngineWorker, engine_of, failure, pair, prepared_for, without_paths
from img_enhance.workers.protocol import (
    Cancel,
    Checked,
    CheckPhoto,
    EnhancePhoto,
    FacesFound,
    Failed,
    FindFaces,
    Loaded,
    Previewed,
    PreviewPhoto,
    Question,
    Ready,
    Setup,
    Succeeded,
    Working,
)
from img_enhance.workers.public import public
from img_enhance.workers.tiles import cut_pictures

if TYPE_CHECKING:
    from img_enhance.engine import Engine
    from img_enhance.engine.prepared_run import PreparedRun
    from img_enhance.progress import Progress
    from img_enhance.request.recipe import Recipe

# The API must answer at once while networks use every core, and a photo is looked at while its owner waits.
_NICE = {"reader": 3, "worker": 10, "cutter": 8}

# How often a worker at work looks at its socket, and says that it is alive.
_LOOK_SECONDS = 0.05
_SAY_SECONDS = 0.5

# Decoders in processes of their own, which the limits of a reader hold for too, write what is wrong with a file to a file without a name.
_MOST_WRITTEN_BYTES = 1_000_000

# No fault of a JPEG of this quality is seen at its own size, and a megapixel of it is sent and shown quickly.
_PREVIEW_QUALITY = 90


def main(role: str, number: int) -> None:
    """Serve until the API closes its end."""
    die_with_parent()
    os.nice(_NICE[role])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C at the terminal is the API's to deal with
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    channel = Channel(number)
    try:
        setup = channel.receive()
        assert isinstance(setup, Setup)
        try:
            _SERVE[role](channel, setup)
        except ImgEnhanceError as error:  # of this machine, before there was a photo
            channel.send(failure(error, Path("photo")))
    except Gone:
        return


def read_photos(channel: Channel, setup: Setup) -> None:
    """Look at photos, within limits that only this process has."""
    with engine_of(setup) as engine:
        _limit(setup)
        channel.send(Ready())
        while True:
            message = channel.receive()
            assert isinstance(message, Question)
            _limit_seconds(setup.reader_seconds)
            try:
                channel.send(_answer(engine, message, setup))
            except (ImgEnhanceError, MemoryError) as error:
                channel.send(failure(error, Path(message.photo)))
            give_back()  # after thousands of photos of every kind the heap would be full of holes


def _answer(engine: Engine, message: Question, setup: Setup) -> Checked | Previewed | FacesFound:
    if isinstance(message, CheckPhoto):
        return check(engine, message, setup)
    return preview(engine, message) if isinstance(message, PreviewPhoto) else find(engine, message)


def check(engine: Engine, message: CheckPhoto, setup: Setup) -> Checked:
    """What is known of a photo after all of it was decoded once.

    Raises: every UserError and MachineError that the request would meet.
    """
    from img_enhance.image_io import PhotoFile, read_into
    from img_enhance.models.weights.store import check_present

    prepared = prepared_for(engine, Path(message.photo), message.request, setup.max_result_pixels, setup.reader_memory)
    check_present(prepared.plan.models, prepared.plan.weight_files, engine.store)
    crop = prepared.plan.crop
    size = prepared.plan.result if crop is None else crop.size
    if size.pixels > setup.max_result_pixels:
        most = setup.max_result_pixels / 1e6
        raise PhotoTooLarge(
            f"the result would have {size.pixels / 1e6:.1f} megapixels and {most:g} are allowed", "ask for a smaller factor"
        )
    source, header = prepared.source, prepared.header
    assert isinstance(source, PhotoFile)
    if prepared.decoded is None:
        read_into(source, "memory", None)
    return Checked(
        request=prepared.recipe.to_mapping(),
        reasons=tuple(public(dataclasses.asdict(reason)) for reason in prepared.reasons),
        format=header.format,
        size=pair(header.size),
        result_format=prepared.output_format,
        result_size=pair(size),
        seconds=prepared.plan.seconds,
        projected_bytes=prepared.plan.projected_bytes,
        warnings=tuple(without_paths(public(warning), Path(message.photo)) for warning in prepared.foreseen_warnings),
    )


def preview(engine: Engine, message: PreviewPhoto) -> Previewed:
    """A photo reduced first and then changed, so that it takes as long as its few pixels do. No file is written.

    Raises: every UserError and MachineError that the request would meet; PhotoTooLarge for what has no room in memory.
    """
    from img_enhance.image_io import encoded_jpeg
    from img_enhance.request.recipe import Recipe
    from img_enhance.request.step_options import RealESRGAN

    photo, recipe = Path(message.photo), Recipe.from_mapping(message.request)
    whole = _in_memory(engine, photo, dataclasses.replace(recipe, steps=()), "a preview")
    if whole.header.size.pixels > message.most_pixels:
        recipe = dataclasses.replace(recipe, steps=(RealESRGAN(megapixels=message.most_pixels / 1e6), *recipe.steps))
    shown = engine.enhance(photo, recipe).photo
    return Previewed(base64.b64encode(encoded_jpeg(shown, _PREVIEW_QUALITY)).decode())


def find(engine: Engine, message: FindFaces) -> FacesFound:
    """The faces of a photo, which is read as it is.

    Raises: every UserError and MachineError that the request would meet; PhotoTooLarge for what has no room in memory; WeightsMissing
    where the network that finds faces is not here.
    """
    from img_enhance.faces.restore import faces_judged
    from img_enhance.models.weights.cache import located
    from img_enhance.request.form import from_mapping
    from img_enhance.request.recipe import Recipe
    from img_enhance.request.step_options import GFPGAN

    detector = located(engine.models.detector, engine.store)
    photo, recipe = Path(message.photo), Recipe(steps=())
    _in_memory(engine, photo, recipe, "finding faces")
    pixels = engine.enhance(photo, recipe).photo.pixels
    rows = faces_judged(pixels, detector, from_mapping(GFPGAN, message.options))
    faces = tuple({"box": str(face.box), "score": round(face.score, 3), "why": why} for face, why in rows)
    return FacesFound((pixels.shape[1], pixels.shape[0]), faces)


def _in_memory(engine: Engine, photo: Path, recipe: Recipe, what: str) -> PreparedRun:
    """A run that changes nothing, prepared, for a photo that has room in memory.

    Raises: PhotoTooLarge.
    """
    whole = engine.prepare(photo, recipe)
    if whole.plan.source_medium == "disk":
        raise PhotoTooLarge(f"{whole.header.size} pixels are too many for {what}", "send a smaller photo")
    return whole


def enhance_photos(channel: Channel, setup: Setup) -> None:
    """Enhance photos one after the other, here or on a cluster; models are given back after a while without work."""
    if setup.cluster:
        from img_enhance.workers.ray_worker import enhance_on_cluster

        enhance_on_cluster(channel, setup)
    else:
        _enhance_here(channel, setup)


def _enhance_here(channel: Channel, setup: Setup) -> None:
    worker = EngineWorker(setup)
    channel.send(Ready(worker.processors()))
    channel.send(Loaded(worker.loaded))
    while True:
        if not channel.waits(setup.idle_seconds if worker.loaded else None):
            worker.close()
            channel.send(Loaded(worker.loaded))
            continue
        message = channel.receive()
        if not isinstance(message, EnhancePhoto):  # a cancel that came when all was over
            continue
        callbacks = RunCallbacks(channel)
        try:
            answer: Succeeded | Failed = worker.enhance(message, callbacks.progress, callbacks.cancelled)
        except ImgEnhanceError as error:
            answer = failure(error, Path(message.photo))
        channel.send(Loaded(worker.loaded))
        channel.send(answer)


class RunCallbacks:
    """The engine's two questions, answered from the socket: how far it may tell, and whether to stop."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._fraction = 0.0
        self._looked = self._said = time.monotonic()
        self._cancelled = False

    def progress(self, progress: Progress) -> None:
        self._fraction = progress.fraction

    def cancelled(self) -> bool:
        now = time.monotonic()
        if now - self._said >= _SAY_SECONDS:
            self._said = now
            self._channel.send(Working(round(self._fraction, 4)))
        if now - self._looked < _LOOK_SECONDS:
            return self._cancelled
        self._looked = now
        if self._channel.waits():
            self._cancelled |= isinstance(self._channel.receive(), Cancel)
        return self._cancelled


def _limit(setup: Setup) -> None:
    """Let this process take so much memory beyond what it has now, and write no file of any size that matters."""
    import resource

    now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + setup.reader_memory,) * 2)
    resource.setrlimit(resource.RLIMIT_FSIZE, (_MOST_WRITTEN_BYTES,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _limit_seconds(seconds: float) -> None:
    """Let this process be killed when it has computed for so long from now."""
    import resource

    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime + seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.getrlimit(resource.RLIMIT_CPU)[1]))


_SERVE = {"reader": read_photos, "worker": enhance_photos, "cutter": cut_pictures}

if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
