"""Runs a network over a picture of any size: areas x stages x windows, as the plan says."""

import sys
from collections.abc import Callable, Iterator

import numpy as np

from img_enhance.cancelling import Tick
from img_enhance.errors import GpuMemoryFull, IntegrityError, NotFinite
from img_enhance.geometry import Box, Size
from img_enhance.models.networks.segment import NamedWeights, Segment, joined
from img_enhance.plan import NetworkPlan, Stage
from img_enhance.runtimes.runtime import Array, Compiled, Picture, Runtime
from img_enhance.windows import Window

Read = Callable[[Box], Picture]
Write = Callable[[Box, Picture], None]
Done = Callable[[int], None]

# A window that is too large for the memory of a GPU is halved until its longer side is as short as this.
LEAST_HALVED_SIDE = 32


class Network:
    """A network on a runtime; it owns the compiled stages."""

    def __init__(self, segments: tuple[Segment, ...], weights: NamedWeights, runtime: Runtime) -> None:
        self.segments = segments
        self.weights = weights
        self.runtime = runtime
        self._compiled: dict[tuple[int, int], Compiled] = {}

    def segment(self, stage: Stage) -> Segment:
        return joined(self.segments[stage.first : stage.last + 1])

    def compiled(self, stage: Stage) -> Compiled:
        """The segments of a stage, ready to run."""
        return self._between(stage.first, stage.last)

    def whole(self) -> Compiled:
        """All segments as one, ready to run."""
        return self._between(0, len(self.segments) - 1)

    def _between(self, first: int, last: int) -> Compiled:
        if (first, last) not in self._compiled:
            self._compiled[first, last] = self.runtime.compile(self.segments[first : last + 1], self.weights)
        return self._compiled[first, last]

    def release(self) -> None:
        """Give the scratch memory back; the next run takes it again."""
        for compiled in self._compiled.values():
            compiled.release()

    def close(self) -> None:
        """Give all memory back."""
        self._compiled.clear()


def sweep(network: Network, read: Read, write: Write, plan: NetworkPlan, *, tick: Tick, done: Done) -> int:
    """Run `network` as `plan` says; the answer is how many windows had to be cut up because a GPU's memory was too full for them.

    `read(box)` gives pixels of the picture as (H, W, 3) float32 in [0, 1]; `write(box, pixels)` takes those of the result, not clipped.
    `tick` is called many times a second and may raise to stop; `done` is told the operations of each window.
    At one precision the pictures of all plans with the same areas are identical to the last bit, on the processors tested.

    Raises: NotFinite when a window's answer holds NaN or infinity; IntegrityError when it is not as large as its window asks for;
    GpuMemoryFull when a GPU has no room for the smallest window, or for what lies between stages.
    """
    cut_up = 0
    # Pixels of the smallest window of each stage that a GPU had no room for: what did not fit once is not tried again.
    too_large = dict.fromkeys(plan.stages, sys.maxsize)
    for area in plan.areas():
        features: Array = None
        for stage in plan.stages:
            features, cut = _run_stage(network, plan, stage, area, features, too_large, read=read, write=write, tick=tick, done=done)
            cut_up += cut
    return cut_up


def _run_stage(
    network: Network,
    plan: NetworkPlan,
    stage: Stage,
    area: Window,
    features: Array,
    too_large: dict[Stage, int],
    *,
    read: Read,
    write: Write,
    tick: Tick,
    done: Done,
) -> tuple[Array, int]:
    """What a stage makes of the features before it, over an area, or None after the last; and how many windows had to be cut up."""
    segment, compiled = network.segment(stage), network.compiled(stage)
    name = f"{segment.name} of {plan.model.title} in {plan.precision}"
    following = None if stage is plan.stages[-1] else network.runtime.features(area.read.size, segment.channels_out)
    cut_up = 0

    def answered(box: Box) -> Array:
        seen = box.seen_from(area.read).slices
        return compiled.run([_picture(read, box, plan) if name == "picture" else features[seen] for name in segment.inputs], tick)

    # The largest first: scratch that is taken once serves all, while a growing one leaves holes behind.
    for window in sorted(plan.windows(area, stage), key=lambda window: -window.read.size.pixels):
        tick()
        parts = 0
        for part, answer in _in_parts(stage, window, answered, too_large, within=area.read):
            check_answer(answer, segment, part.read.size, network.runtime, name=name)
            core = answer[part.core.seen_from(part.read).scaled(segment.scale).slices]
            if following is None:
                place = part.core.scaled(segment.scale).grown(0, within=plan.result.box)
                write(place, network.runtime.picture(core[: place.size.height, : place.size.width]))
            else:
                following[part.core.seen_from(area.read).slices] = core
            parts += 1
        cut_up += parts > 1
        done(window.read.size.pixels * stage.flops)
    compiled.release()
    return following, cut_up


def check_answer(answer: Array, segment: Segment, window: Size, runtime: Runtime, *, name: str) -> None:
    """Pass if an answer can be the one to a window of this size. `name` is for the message.

    An answer of another size is another window's, maybe another photo's: it must not be cut to fit.

    Raises: IntegrityError when it has another size; NotFinite when it holds NaN or infinity.
    """
    size = window.scaled(segment.scale)
    shape, asked = tuple(answer.shape), (size.height, size.width, segment.channels_out)
    if shape != asked:
        raise IntegrityError(f"{name} answered {shape} where {asked} was asked for; nothing of it was used, please report this")
    if not runtime.is_finite(answer):
        raise NotFinite(f"{name} answered NaN or infinity")


def _in_parts(
    stage: Stage, window: Window, answered: Callable[[Box], Array], too_large: dict[Stage, int], *, within: Box
) -> Iterator[tuple[Window, Array]]:
    """The answer to a window, or those to its parts where a GPU's memory is too full for it as a whole."""
    pixels = window.read.size.pixels
    halves = [Window(half, half.grown(stage.reach, within=within)) for half in window.core.halves]
    # Halves that see as much as the whole need as much memory.
    is_last = max(window.core.size.width, window.core.size.height) <= LEAST_HALVED_SIDE or halves[0].read.size.pixels >= pixels
    if is_last or pixels < too_large[stage]:
        try:
            answer = answered(window.read)
        except GpuMemoryFull:
            if is_last:
                raise
            too_large[stage] = pixels
        else:
            yield window, answer
            return
    for half in halves:
        yield from _in_parts(stage, half, answered, too_large, within=within)


def _picture(read: Read, box: Box, plan: NetworkPlan) -> Picture:
    """The pixels of a box of cells. Cells that the photo ends in are filled up by mirroring, as upstream pads.

    Source: Real-ESRGAN's code mirrors without repeating the edge; a photo of a single row or column has nothing else to repeat.
    """
    whole = box.scaled(plan.cell)
    inside = whole.grown(0, within=plan.size.box)
    if inside == whole:
        return read(whole)
    # A window sees at least one cell before the last one, except where there is no other: every segment that reads the picture reaches far.
    missing = ((0, whole.bottom - inside.bottom), (0, whole.right - inside.right), (0, 0))
    return np.pad(read(inside), missing, mode="reflect")
