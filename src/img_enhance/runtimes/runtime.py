"""What the sweep asks of a runtime: arrays of its own for features, and networks compiled to run over windows."""

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from img_enhance.cancelling import Tick
from img_enhance.geometry import Size
from img_enhance.models.networks.segment import NamedWeights, Precision, Segment

Picture = npt.NDArray[np.float32]

# An array that belongs to the runtime: (H, W, C), read and written by slices, wherever it lies.
Array = Any


class Compiled(Protocol):
    """Consecutive segments ready to run, one window at a time."""

    def run(self, inputs: list[Array], tick: Tick) -> Array:
        """The answer to (H, W, C) inputs, numpy float32 for the picture and the runtime's own for features.

        It is overwritten by the next run, and the inputs are not. `tick` is called now and then and may raise.
        """

    def release(self) -> None:
        """Give the scratch memory back; the next run takes it again."""


class Runtime(Protocol):
    """One device in one precision."""

    @property
    def precision(self) -> Precision: ...

    @property
    def needs_second_opinions(self) -> bool:
        """Whether an answer that does not look like its window is asked for again, of a network compiled anew."""

    def compile(self, segments: tuple[Segment, ...], weights: NamedWeights) -> Compiled:
        """Consecutive segments as one network for windows of any size."""

    def features(self, size: Size, channels: int) -> Array:
        """Uninitialised features for a picture of this size."""

    def is_finite(self, values: Array) -> bool:
        """Whether no value is NaN or infinite."""

    def picture(self, answer: Array) -> Picture:
        """The last segment's answer as a numpy array, which may be changed."""
