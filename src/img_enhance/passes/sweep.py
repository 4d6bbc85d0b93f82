"""Runs a network over a picture of any size: areas x stages x windows, as the plan says."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from img_enhance.cancelling import Tick
from img_enhance.errors import GpuMemoryFull, IntegrityError, NotFinite
from img_enhance.geometry import Box, Size
from img_enhance.models.networks.segment import NamedWeights, Segment, joined
from img_enhance.passes.likeness import resembles
from img_enhance.planning.sweep_plan import Stage, SweepPlan
from img_enhance.planning.windows import Window
from img_enhance.runtimes.runtime import Array, Compiled, Picture, Runtime

Read = Callable[[Box], Picture]
Write = Callable[[Box, Picture], None]
OnFlops = Callable[[int], None]

# A window that is too large for the memory of a GPU is halved until its longer side is as short as this.
LEAST_HALVED_SIDE = 32

# Answers of a stage in an area that may look like none to their window and are asked for again; where so many were right all the same, the
# photo is of that kind (noise, coloured checkers), and to ask on would double the work.
MOST_DOUBTS = 3
# Between two runs of one network on one device, of 1: far above what any order of sums makes, far below what another picture makes.
MOST_DISAGREEMENT = 0.02


class Network:
    """A network on a runtime; it owns the compiled stages.

    `exact` is the runtime that knows best what a network answers that is not written in our operations, and None where it is.
    """

    def __init__(self, segments: tuple[Segment, ...], weights: NamedWeights, runtime: Runtime, *, exact: Runtime | None = None) -> None:
        self.segments = segments
        self.weights = weights
        self.runtime = runtime
        self.exact = exact
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


def sweep(network: Network, read: Read, write: Write, plan: SweepPlan, *, tick: Tick, done: OnFlops) -> int:
    """Run `network` as `plan` says; the answer is how many windows had to be cut up because a GPU's memory was too full for them.

    `read(box)` gives pixels of the picture as (H, W, 3) float32 in [0, 1]; `write(box, pixels)` takes those of the result, not clipped.
    `tick` is called many times a second and may raise to stop; `done` is told the operations of each window.
    At one precision the pictures of all plans with the same areas are identical to the last bit, on the processors tested.

    Raises: NotFinite when a window's answer holds NaN or infinity; IntegrityError when it cannot be the one to its window;
    GpuMemoryFull when a GPU has no room for the smallest window, or for what lies between stages.
    """
    too_large = dict.fromkeys(plan.stages, sys.maxsize)
    return sum(AreaSweep(network, plan, area, read, write, tick, done, too_large).run() for area in plan.areas())


@dataclass(frozen=True)
class AreaSweep:
    """One area through all stages; areas need nothing of each other, and can be done anywhere and in any order.

    `too_large` are the pixels of the smallest window of each stage that a GPU had no room for: what did not fit once is not tried again.
    """

    network: Network
    plan: SweepPlan
    area: Window
    read: Read
    write: Write
    tick: Tick
    done: OnFlops
    too_large: dict[Stage, int]

    def run(self) -> int:
        """How many windows had to be cut up.

        Raises: as `sweep`.
        """
        features, cut_up = None, 0
        for stage in self.plan.stages:
            features, cut = self._stage(stage, features)
            cut_up += cut
        return cut_up

    def _stage(self, stage: Stage, features: Array) -> tuple[Array, int]:
        """What a stage makes of the features before it, or None after the last; and how many windows had to be cut up."""
        runtime, segment = self.network.runtime, self.network.segment(stage)
        checked = CheckedStage(self.network, stage, self.plan, self.tick)
        is_last = stage is self.plan.stages[-1]
        following = None if is_last else runtime.features(self.area.read.size, segment.channels_out)
        cut_up = 0

        def answered(box: Box) -> Array:
            seen = box.seen_from(self.area.read).slices
            inputs = [_picture(self.read, box, self.plan) if name == "picture" else features[seen] for name in segment.inputs]
            return checked.answer(inputs, box.size)

        # The largest first: scratch that is taken once serves all, while a growing one leaves holes behind.
        for window in sorted(self.plan.windows(self.area, stage), key=lambda window: -window.read.size.pixels):
            self.tick()
            parts = 0
            for part, answer in _in_parts(stage, window, answered, self.too_large, within=self.area.read):
                core = answer[part.core.seen_from(part.read).scaled(segment.scale).slices]
                if following is None:
                    place = part.core.scaled(segment.scale).grown(0, within=self.plan.result.box)
                    self.write(place, runtime.picture(core[: place.size.height, : place.size.width]))
                else:
                    following[part.core.seen_from(self.area.read).slices] = core
                parts += 1
            cut_up += parts > 1
            self.done(window.read.size.pixels * stage.flops)
        checked.release()
        return following, cut_up


class CheckedStage:
    """A stage's answers to windows, each checked before anybody sees it."""

    def __init__(self, network: Network, stage: Stage, plan: SweepPlan, tick: Tick) -> None:
        self._network, self._stage, self._tick = network, stage, tick
        self._segment, self._compiled = network.segment(stage), network.compiled(stage)
        self._name = f"{self._segment.name} of {plan.model.title} in {plan.precision}"
        answers_with_a_picture = stage is plan.stages[-1] and "picture" in self._segment.inputs
        self._doubts_left = MOST_DOUBTS if answers_with_a_picture and network.runtime.needs_second_opinions else 0

    def answer(self, inputs: list[Array], window: Size) -> Array:
        """The answer to the inputs of a window of this size.

        Raises: NotFinite, IntegrityError, GpuMemoryFull.
        """
        answer = self._compiled.run(inputs, self._tick)
        check_answer(answer, self._segment, window, self._network.runtime, name=self._name)
        if self._doubts_left and not resembles(answer, inputs[self._segment.inputs.index("picture")]):
            self._doubts_left -= 1
            return self._confirmed(answer, inputs)
        return answer

    def _confirmed(self, answer: Array, inputs: list[Array]) -> Array:
        """The answer, which looks like no answer to this window, if a network compiled anew says the same: noise may look like that."""
        first = answer.copy()
        self._compiled.release()  # its scratch makes room for the other's
        stage = self._stage
        anew = self._network.runtime.compile(self._network.segments[stage.first : stage.last + 1], self._network.weights)
        second = anew.run(inputs, self._tick)
        if first.shape != second.shape or not np.allclose(first, second, rtol=0, atol=MOST_DISAGREEMENT):
            raise IntegrityError(f"{self._name} answered twice the same question in two ways; nothing of it was used, please report this")
        return first

    def release(self) -> None:
        """Give the scratch memory back; the next run takes it again."""
        self._compiled.release()


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


def _picture(read: Read, box: Box, plan: SweepPlan) -> Picture:
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
