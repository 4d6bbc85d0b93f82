"""Runs a network over a picture of any size: areas x stages x windows, as the plan says."""

from collections.abc import Callable

import numpy as np

from img_enhance.cancelling import Tick
from img_enhance.errors import NotFinite
from img_enhance.geometry import Box
from img_enhance.networks.segment import NamedWeights, Segment, joined
from img_enhance.plan import NetworkPlan, Stage
from img_enhance.runtimes.runtime import Array, Compiled, Picture, Runtime

Read = Callable[[Box], Picture]
Write = Callable[[Box, Picture], None]
Done = Callable[[int], None]


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


def sweep(network: Network, read: Read, write: Write, plan: NetworkPlan, *, tick: Tick, done: Done) -> None:
    """Run `network` as `plan` says.

    `read(box)` gives pixels of the picture as (H, W, 3) float32 in [0, 1]; `write(box, pixels)` takes those of the result, not clipped.
    `tick` is called many times a second and may raise to stop; `done` is told the operations of each window.
    At one precision the pictures of all plans with the same areas are identical to the last bit, on the processors tested.

    Raises: NotFinite when a window's answer holds NaN or infinity.
    """
    for area in plan.areas():
        features: Array = None
        for stage in plan.stages:
            segment, compiled = network.segment(stage), network.compiled(stage)
            is_last = stage is plan.stages[-1]
            following = None if is_last else network.runtime.features(area.read.size, segment.channels_out)
            # The largest first: scratch that is taken once serves all, while a growing one leaves holes behind.
            for window in sorted(plan.windows(area, stage), key=lambda window: -window.read.size.pixels):
                tick()
                seen = window.read.seen_from(area.read).slices
                inputs = [_picture(read, window.read, plan) if name == "picture" else features[seen] for name in segment.inputs]
                answer = compiled.run(inputs, tick)
                if not network.runtime.is_finite(answer):
                    raise NotFinite(f"{segment.name} of {plan.model} in {plan.precision} answered NaN or infinity")
                core = answer[window.core.seen_from(window.read).scaled(segment.scale).slices]
                if following is None:
                    place = window.core.scaled(segment.scale).grown(0, within=plan.result.box)
                    write(place, network.runtime.picture(core[: place.size.height, : place.size.width]))
                else:
                    following[window.core.seen_from(area.read).slices] = core
                done(window.read.size.pixels * stage.flops)
            compiled.release()
            features = following


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
