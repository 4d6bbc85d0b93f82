"""The operations that networks are written in; every runtime provides them."""

from typing import Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

Tensor = TypeVar("Tensor")
Weights = npt.NDArray[np.floating[Any]]


class Ops(Protocol[Tensor]):
    """Operations on tensors with channels, height and width."""

    def conv(self, x: Tensor, weight: Weights, bias: Weights) -> Tensor:
        """3x3 convolution, stride 1, zero padding 1. `weight` is (out, in, 3, 3), `bias` (out,)."""

    def leaky_relu(self, x: Tensor, slope: float) -> Tensor:
        """x where it is positive, else slope * x."""

    def prelu(self, x: Tensor, slopes: Weights) -> Tensor:
        """x where it is positive, else slopes[channel] * x."""

    def concat(self, parts: list[Tensor]) -> Tensor:
        """The parts' channels one after the other."""

    def add(self, x: Tensor, y: Tensor) -> Tensor:
        """x + y."""

    def scale(self, x: Tensor, factor: float) -> Tensor:
        """x * factor."""

    def nearest(self, x: Tensor, factor: int) -> Tensor:
        """Every pixel repeated factor x factor times."""

    def pixel_shuffle(self, x: Tensor, factor: int) -> Tensor:
        """(c * factor^2, h, w) to (c, h * factor, w * factor) (Shi et al. 2016, arXiv:1609.05158)."""

    def pixel_unshuffle(self, x: Tensor, factor: int) -> Tensor:
        """The inverse of `pixel_shuffle`: (c, h * factor, w * factor) to (c * factor^2, h, w)."""
