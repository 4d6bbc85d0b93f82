"""A model is a value: a network's structure and where its weights are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from img_enhance.models.architecture import Architecture
from img_enhance.models.networks.foreign import ForeignNetwork
from img_enhance.models.networks.segment import Scratch, Segment, widest_window
from img_enhance.models.weight_sources import DownloadedWeights, FileWeights, MixedWeights, WeightSource


@dataclass(frozen=True)
class Model:
    """A network with its weights.

    `keeps_noise` are weights of the same network that leave noise where it is. `denoise` is the share of `weights` in what runs, the rest
    being `keeps_noise`: 1 removes all the noise it can, None is the model as it was published. `scratch_factor` is how many times the
    memory that its architecture says it was measured to need.
    """

    name: str
    summary: str
    architecture: Architecture
    weights: WeightSource
    license: str
    source: str
    paper: str
    keeps_noise: DownloadedWeights | FileWeights | None = None
    denoise: float | None = None
    scratch_factor: float = 1.0

    @property
    def title(self) -> str:
        """Its name, with what makes it differ from the published one: what people and records are told."""
        return self.name if self.denoise is None else f"{self.name} (denoise {self.denoise:g})"

    @property
    def scale(self) -> int:
        return self.architecture.scale

    @property
    def cell(self) -> int:
        return self.architecture.cell

    @property
    def halo(self) -> int:
        return self.architecture.halo

    @property
    def features(self) -> int:
        return self.architecture.features

    @cached_property
    def segments(self) -> tuple[Segment, ...]:
        segments = self.architecture.segments
        if self.scratch_factor == 1:
            return segments
        return tuple(replace(segment, scratch=segment.scratch.times(self.scratch_factor)) for segment in segments)

    @property
    def sees_all(self) -> bool:
        """Whether it looks at the whole of its window, so that a picture in several windows is only near that in one."""
        return any(segment.sees_all for segment in self.segments)

    @property
    def widest(self) -> int:
        """The longest side that a window may have at all, in cells; 0 stands for any."""
        return widest_window(self.segments)

    @property
    def foreign(self) -> ForeignNetwork | None:
        """The network where another program runs it, None where it is written in our operations."""
        return self.architecture if isinstance(self.architecture, ForeignNetwork) else None

    @property
    def whole(self) -> Scratch:
        return self.architecture.whole.times(self.scratch_factor)

    @cached_property
    def flops_of_segments(self) -> tuple[int, ...]:
        """Floating-point operations of each segment per input pixel, or cell."""
        if self.foreign is not None:
            return (self.foreign.flops * self.cell**2,)
        from img_enhance.models.networks.operations import operations_of  # loads numpy, which --help does not

        shapes = self.architecture.shapes
        kinds = {segment.name.split()[0]: segment for segment in self.segments}
        counted = {kind: operations_of(segment, shapes) for kind, segment in kinds.items()}
        return tuple(counted[segment.name.split()[0]] for segment in self.segments)

    @property
    def flops(self) -> int:
        """Floating-point operations per input pixel, or cell."""
        return sum(self.flops_of_segments)

    def with_denoise(self, strength: float) -> Model:
        """The model with its weights mixed: 1 removes all the noise it can, as it does by itself, 0 keeps what it can.

        It must have weights that keep noise.
        """
        assert self.keeps_noise is not None
        assert isinstance(self.weights, DownloadedWeights | FileWeights)
        if strength == 1:
            return self
        weights = MixedWeights(self.weights, self.keeps_noise, strength) if strength else self.keeps_noise
        return replace(self, weights=weights, denoise=float(strength))
