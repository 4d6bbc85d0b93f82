"""The operations that networks are written in; every runtime provides them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, TypeVar

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Weights: TypeAlias = npt.NDArray[np.floating[Any]]
else:
    Weights = Any  # the table of models is read by --help, which does not load numpy

Tensor = TypeVar("Tensor")

# Functions of single values: 1 / (1 + exp(-x)), x sigmoid(x), x tanh(ln(1 + exp(x))), and x (1 + erf(x / sqrt(2))) / 2.
Curve = Literal["sigmoid", "silu", "mish", "gelu"]

# No two vectors are taken for shorter, together, where their lengths divide.
LEAST_LENGTH = 1e-24

# Added where no place may look. Even in bf16 nothing is left of its exponential.
NEVER = -10_000.0


class Ops(Protocol[Tensor]):
    """Operations on tensors with channels, height and width."""

    def conv(self, x: Tensor, weight: Weights, bias: Weights | None = None) -> Tensor:
        """Convolution, stride 1, zero padding k // 2. `weight` is (out, in, k, k) with k odd, `bias` (out,) or none."""

    def depthwise(self, x: Tensor, weight: Weights, bias: Weights) -> Tensor:
        """Convolution of every channel by itself, as `conv` else. `weight` is (c, 1, k, k), `bias` (c,)."""

    def leaky_relu(self, x: Tensor, slope: float) -> Tensor:
        """x where it is positive, else slope * x."""

    def prelu(self, x: Tensor, slopes: Weights) -> Tensor:
        """x where it is positive, else slopes[channel] * x."""

    def curve(self, x: Tensor, kind: Curve) -> Tensor:
        """The curve's value for each value of x (SiLU and GELU: arXiv:1606.08415, arXiv:1702.03118; Mish: arXiv:1908.08681)."""

    def concat(self, parts: list[Tensor]) -> Tensor:
        """The parts' channels one after the other."""

    def add(self, x: Tensor, y: Tensor) -> Tensor:
        """x + y; a side of 1 is repeated (one value per channel, one channel for all)."""

    def scale(self, x: Tensor, factor: float) -> Tensor:
        """x * factor."""

    def nearest(self, x: Tensor, factor: int) -> Tensor:
        """Every pixel repeated factor x factor times."""

    def pixel_shuffle(self, x: Tensor, factor: int) -> Tensor:
        """(c * factor^2, h, w) to (c, h * factor, w * factor) (Shi et al. 2016, arXiv:1609.05158)."""

    def pixel_unshuffle(self, x: Tensor, factor: int) -> Tensor:
        """The inverse of `pixel_shuffle`: (c, h * factor, w * factor) to (c * factor^2, h, w)."""

    def constant(self, values: Weights) -> Tensor:
        """The values, (c, h, w), as a tensor."""

    def multiply(self, x: Tensor, y: Tensor) -> Tensor:
        """x * y; a side of 1 is repeated."""

    def channels(self, x: Tensor, first: int, stop: int) -> Tensor:
        """Channels `first` up to but without `stop`."""

    def linear(self, x: Tensor, weight: Weights, bias: Weights) -> Tensor:
        """All values of x, channel by channel, against `weight` (out, c * h * w), plus `bias` (out,); the answer is (out, 1, 1)."""

    def inverse_root(self, x: Tensor) -> Tensor:
        """1 / sqrt(x)."""

    def bilinear(self, x: Tensor, factor: float) -> Tensor:
        """Twice as large (factor 2) or half as large (factor 0.5), centres of pixels at halves, edges repeated, no filter before it."""

    def group_norm(self, x: Tensor, weight: Weights, bias: Weights, *, groups: int, epsilon: float) -> Tensor:
        """Each of `groups` runs of channels less its mean over places, by sqrt(variance + epsilon), times `weight` (c,) plus `bias` (c,).

        Source: Wu and He, Group Normalization, ECCV 2018, arXiv:1803.08494.
        """

    def layer_norm(self, x: Tensor, weight: Weights, bias: Weights, epsilon: float) -> Tensor:
        """The channels of each place less their mean, by sqrt(variance + epsilon), times `weight` (c,) plus `bias` (c,).

        Source: Ba et al., Layer Normalization, arXiv:1607.06450.
        """

    def sampled(self, x: Tensor, shifts: Tensor, *, factor: int, groups: int) -> Tensor:
        """(c, h, w) read at (h * factor, w * factor) places between its pixels, linearly, edges repeated.

        A place is the centre of the pixel that it lies in, and from there its shift in pixels. Each of `groups` runs of channels has its
        own: `shifts` (2 * groups, h * factor, w * factor) are those to the right of every group, then those down.
        """

    def mean(self, x: Tensor) -> Tensor:
        """The mean of each channel over all places, (c, 1, 1)."""

    def window_attention(
        self,
        queries: Tensor,
        keys: Tensor,
        values: Tensor,
        bias: Weights,
        *,
        window: tuple[int, int],
        shift: tuple[int, int],
        multiple: int,
    ) -> Tensor:
        """At each place the mean of `values` over the places of its window, weighed by the softmax of query x key + bias.

        Channels are as many runs as there are heads in `bias` (heads, h * w, h * w), with a row for each place that asks. Maps are first
        made longer with zeros, down and to the right, to a `multiple` of pixels. A window is h x w; the first whole one begins at `shift`
        (down, right), and those that the edges cut are smaller.

        Source: Liu et al., Swin Transformer, ICCV 2021, arXiv:2103.14030.
        """

    def channel_attention(self, queries: Tensor, keys: Tensor, values: Tensor, temperatures: Weights) -> Tensor:
        """Each channel the mean of the values of its head's channels, weighed by the softmax of temperature x cosine(query, key).

        The cosine is that of two channels over all places. Channels are as many runs as there are `temperatures`.

        Source: El-Nouby et al., XCiT, NeurIPS 2021, arXiv:2106.09681.
        """
