"""Runs on small photos from which speeds are told."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from importlib.resources import as_file, files
from math import sqrt

import numpy as np

from img_enhance.doctor.golden import decibels
from img_enhance.doctor.patient import Sample
from img_enhance.doctor.picture import SMALL, part_of
from img_enhance.engine import Engine
from img_enhance.engine.prepared_run import PreparedRun
from img_enhance.engine.result import Result
from img_enhance.geometry import Size
from img_enhance.image_io import open_photo, read_into
from img_enhance.machine.canvas import Pixels
from img_enhance.models.model import Model
from img_enhance.passes.network import NetworkPlan
from img_enhance.photo import Photo
from img_enhance.planning.plan import Device
from img_enhance.planning.planner import choose_precision
from img_enhance.planning.speeds import Cut, Speed, network_work
from img_enhance.planning.sweep_planner import WHOLE_PIXELS, cut_of, stages_of
from img_enhance.request.recipe import Recipe
from img_enhance.request.step_options import GFPGAN, RealESRGAN, StepOptions, SuperImage

# What networks' answers are checked on.
CHECKED = Size(64, 48)

# A network is timed on a photo that should take it so long, within bounds: less tells nothing, more keeps people waiting.
_NETWORK_SECONDS = 3.0
_LEAST_PIXELS, _MOST_PIXELS = 4 * CHECKED.pixels, 400_000

_BEST_OF = 2

# The face a tenth lighter, or blurred, is at 28 dB from afar; mirrored, upside down or shifted by half at 13 or less (measured 2026-11).
_LEAST_LIKENESS, _SQUARES = 20.0, 16

_FACE_PIXELS = 1_000_000
_LEAST_SECONDS = 0.001


def run(engine: Engine, photo: Photo, options: StepOptions) -> Result:
    """The photo after one step."""
    return engine.enhance(photo, Recipe(steps=(options,)))


def phase(result: Result) -> float:
    """The seconds of the only pass; reading has the first record."""
    return result.phases[1].seconds


def timed(work: Callable[[], float]) -> float:
    """The fewest seconds of a few runs: what is slower was held up by something else."""
    return min(work() for _ in range(_BEST_OF))


def network_samples(
    model: Model, options: RealESRGAN | SuperImage, photo: Photo, engine: Engine
) -> Iterator[tuple[str, tuple[Sample, Sample]]]:
    """How long a network takes in each way in which it may be cut up, on two sizes; started anew each time, as it is for one photo."""
    for cut in _cuts(model, engine.device):
        runs = [_network_run(model, options, part_of(photo, size), engine, cut) for size in (CHECKED, _size_for(model, engine))]
        (work, small), (_, large) = runs
        yield work, (small, large)


def _network_run(model: Model, options: RealESRGAN | SuperImage, photo: Photo, engine: Engine, cut: Cut) -> tuple[str, Sample]:
    """The name of the work, the operations, and the seconds that they took."""
    engine.close()
    prepared = _cut(engine.prepare(photo, Recipe(steps=(options,))), model, cut)
    result = engine.run(prepared)
    return network_work(model.title, result.plan.precision, cut), (_network_plan(prepared).flops, phase(result))


def detection_samples(options: GFPGAN, photo: Photo, engine: Engine) -> tuple[Sample, Sample]:
    """How long faces are looked for in a photo without any, on two sizes."""
    small, large = ((float(part.size.pixels), phase(run(engine, part, options))) for part in (part_of(photo, SMALL), photo))
    return small, large


def restored_face(model: Model, options: GFPGAN, searching_seconds: float, engine: Engine) -> tuple[str, Speed, Result]:
    """The name of the network's work, its speed, and the photo of a face after it, in which the face was looked for so long.

    It is restored twice: the first time starts the network.
    """
    portrait = face()
    engine.close()
    first, result = phase(run(engine, portrait, options)), run(engine, portrait, options)
    restoring = max(phase(result) - searching_seconds, _LEAST_SECONDS)
    flops = model.segments[0].side ** 2 * model.flops
    speed = Speed(max(0.0, first - phase(result)), flops / restoring)
    return network_work(model.title, result.plan.precision, "whole"), speed, result


def face() -> Photo:
    """A photo of one face, that of Marie Curie."""
    with as_file(files(__package__) / "face.jpg") as path:
        return read_into(open_photo(path, max_pixels=_FACE_PIXELS), "memory", None)


def found_face(result: Result) -> bool:
    """Whether a face was found and restored."""
    return any(face["restored"] for face in result.phases[1].facts.get("faces", ()))


def wrong_with_face(before: Pixels, after: Pixels) -> str:
    """What cannot be of a photo of a face, (H, W, 3), and the restored one; "" where all can.

    No golden answer is known, as the weights are not there where those are made. But whatever a face is restored to, it is changed, and is
    still the same face from afar.
    """
    if before.shape != after.shape:
        return f"it has the shape {after.shape} where {before.shape} was asked for"
    if np.array_equal(before, after):
        return "the restored face is the one that was there, to the last bit"
    near = decibels(_from_afar(after), _from_afar(before))
    if near < _LEAST_LIKENESS:
        return f"from afar the restored face is {near:.0f} dB from the one that was there, at least {_LEAST_LIKENESS:.0f} dB are needed"
    return ""


def _from_afar(pixels: Pixels) -> Pixels:
    """The means of some squares."""
    rows, columns = (np.linspace(0, side, _SQUARES, endpoint=False).astype(int) for side in pixels.shape[:2])
    sums = np.add.reduceat(np.add.reduceat(pixels.astype(np.float64), rows, 0), columns, 1)
    counts = np.diff(rows, append=pixels.shape[0])[:, None] * np.diff(columns, append=pixels.shape[1])
    return np.asarray(np.rint(sums / counts[..., None]), np.uint8)


def _cuts(model: Model, device: Device) -> tuple[Cut, ...]:
    if len(model.segments) == 1:
        return ("whole",)
    return ("stages",) if device.own_memory else ("whole", "stages")


def _cut(prepared: PreparedRun, model: Model, cut: Cut) -> PreparedRun:
    """The run with its network in one stage or in several; the answer's bits are the same."""
    network = _network_plan(prepared)
    if cut_of(network) == cut:
        return prepared
    in_stages = dataclasses.replace(network, stages=stages_of(model))
    return dataclasses.replace(prepared, plan=dataclasses.replace(prepared.plan, passes=(in_stages,)))


def _network_plan(prepared: PreparedRun) -> NetworkPlan:
    (network,) = prepared.plan.passes
    assert isinstance(network, NetworkPlan)
    return network


def _size_for(model: Model, engine: Engine) -> Size:
    """The size of a photo, four to three, that the network should take so long for as is told above."""
    device = engine.device
    flops = device.rates.of(choose_precision(engine.machine.precision, device)) * 1e9 * _NETWORK_SECONDS
    most = _MOST_PIXELS if len(model.segments) == 1 else WHOLE_PIXELS / 2  # the large ones in one stage run so over small photos only
    cells = min(max(flops / model.flops, _LEAST_PIXELS), most)
    height = int(sqrt(cells * 3 / 4)) * model.cell
    return Size(height * 4 // 3, height)
