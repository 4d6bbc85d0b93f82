"""Plans single passes: how each runs in the memory that is left to it. The words are those of `plan.py`."""

import dataclasses
from dataclasses import dataclass

from img_enhance.geometry import Box, Size
from img_enhance.models.model import Model
from img_enhance.models.networks.segment import Precision
from img_enhance.plan import (
    MOST_TONE_REACH,
    STRIP_PIXELS,
    Device,
    FacePass,
    FacePlan,
    NetworkPass,
    NetworkPlan,
    PassPlan,
    ResamplePass,
    ResamplePlan,
    Stage,
    Store,
    TonePass,
    TonePlan,
)
from img_enhance.sweep_planner import START_SECONDS, copies_bytes, core_of, network_seconds, plan_network

# libvips' buffers while a file is read or written line by line (measured on 16 to 64 MP: 20-60 MB).
STREAM_BYTES = 70_000_000

# Rates that only serve to estimate.
RESAMPLE_PIXELS_PER_SECOND = 30e6
TONE_PIXELS_PER_SECOND = 20e6

# Tones are changed by at most so many threads at a time; each strip is worked on in float32 copies.
MOST_TONE_THREADS = 8
TONE_BYTES_PER_PIXEL = 100

# What measuring a whole photo takes beside its canvas: reduced copies, histograms, tables.
TONE_MEASURE_BYTES = 150_000_000

# Faces: what finding them takes in a photo of any size (measured 2026-11 on 48 MP: 200 MB), what a restored face takes until it is pasted
# (the network's square in float32), and cutting out and pasting beside the network's scratch.
DETECTION_BYTES = 220_000_000
FACE_BYTES = 5_000_000
PASTE_BYTES = 80_000_000
DETECTION_SECONDS = 1.5
# How many faces a photo is taken to have for the estimate of time.
_USUAL_FACES = 3


@dataclass(frozen=True)
class Room:
    """What a pass works with: where its result lies and how deep it is, the device, and `below` bytes of other things of those allowed.

    Likewise of the device's own memory, where `gpu_allowed` is not None.
    """

    store: Store
    depth: int
    precision: Precision
    device: Device
    below: int
    allowed: int
    gpu_below: int
    gpu_allowed: int | None


def plan_faces(step: FacePass, size: Size, source: int, room: Room, *, in_place: bool) -> FacePlan:
    """How faces are restored in a picture of `size`."""
    model = step.model
    pixels = model.segments[0].side ** 2
    network = pixels * (model.whole.bytes_per_pixel(room.precision) + copies_bytes(model, model.scale))
    own_memory = room.gpu_allowed is not None
    restoring = step.options.at_most * FACE_BYTES + (PASTE_BYTES if own_memory else max(network, PASTE_BYTES))
    return FacePlan(
        step=step.options.name,
        options=step.options,
        model=model,
        detector=step.detector,
        precision=room.precision,
        size=size,
        source=source,
        in_place=in_place,
        store=room.store,
        depth=room.depth,
        projected_bytes=room.below + max(DETECTION_BYTES, restoring),
        seconds=DETECTION_SECONDS + START_SECONDS + _USUAL_FACES * pixels * model.flops / (room.device.rates.of(room.precision) * 1e9),
        gpu_bytes=room.gpu_below + network if own_memory else 0,
    )


def plan_pass(step: NetworkPass | ResamplePass | TonePass, size: Size, part: Box, room: Room) -> PassPlan:
    """How a pass runs over a picture of `size`."""
    if isinstance(step, NetworkPass):
        plan = _plan_network(step.model, size, part, room)
        return dataclasses.replace(plan, depth=room.depth, seconds=network_seconds(plan, room.device))
    if isinstance(step, ResamplePass):
        seconds = part.size.pixels / RESAMPLE_PIXELS_PER_SECOND
        return ResamplePlan(size, step.size, part, room.store, room.below + STREAM_BYTES, room.depth, seconds)
    threads = max(1, min(room.device.cores, MOST_TONE_THREADS))
    working = max(TONE_MEASURE_BYTES, threads * (max(STRIP_PIXELS, size.width) + 2 * MOST_TONE_REACH * size.width) * TONE_BYTES_PER_PIXEL)
    return TonePlan(
        step=step.options.name,
        options=step.options,
        size=size,
        store=room.store,
        depth=room.depth,
        threads=threads,
        projected_bytes=room.below + working,
        seconds=size.pixels / TONE_PIXELS_PER_SECOND,
    )


def _plan_network(model: Model, size: Size, part: Box, room: Room) -> NetworkPlan:
    """How a network sweeps a picture, in the machine's memory or in a device's own."""
    below, allowed = (room.below, room.allowed) if room.gpu_allowed is None else (room.gpu_below, room.gpu_allowed)
    core = core_of(model, part)
    plan = plan_network(model, size, core, room.store, precision=room.precision, device=room.device, below=below, allowed=allowed)
    if room.gpu_allowed is None:
        return plan
    # Of the machine's memory only windows on their way there and back.
    return dataclasses.replace(plan, gpu_bytes=plan.projected_bytes, projected_bytes=room.below + _copied_bytes(model, plan))


def _copied_bytes(model: Model, plan: NetworkPlan) -> int:
    """The most that a window's copies take on their way into the first stage or out of the last."""

    def read_by(stage: Stage) -> int:
        most = stage.side + 2 * stage.reach
        return min(most, plan.cells.width) * min(most, plan.cells.height)

    return max(read_by(plan.stages[0]) * copies_bytes(model, 1), read_by(plan.stages[-1]) * copies_bytes(model, model.scale))
