"""What an architecture says of itself, and the one list of them."""

from __future__ import annotations

from typing import Protocol, Self

from img_enhance.models.networks.dat import DAT
from img_enhance.models.networks.edsr import EDSR
from img_enhance.models.networks.gfpgan import GFPGANClean
from img_enhance.models.networks.realplksr import RealPLKSR
from img_enhance.models.networks.rrdbnet import RRDBNet
from img_enhance.models.networks.segment import Scratch, Segment, Shapes
from img_enhance.models.networks.span import SPAN
from img_enhance.models.networks.srvgg import SRVGGNetCompact


class Architecture(Protocol):
    """The structure of a network, without its weights: a frozen dataclass of the few numbers that published networks differ in."""

    @property
    def scale(self) -> int:
        """The size of the answer against the picture."""

    @property
    def cell(self) -> int:
        """It reads the picture in cells of `cell` x `cell` pixels; whatever is counted in pixels below counts these."""

    @property
    def halo(self) -> int:
        """How far it sees in practice: two areas of one photo overlap by that much."""

    @property
    def features(self) -> int:
        """Values per pixel kept between segments."""

    @property
    def whole(self) -> Scratch:
        """The scratch of all segments compiled as one network."""

    @property
    def segments(self) -> tuple[Segment, ...]:
        """In the order they run."""

    @property
    def shapes(self) -> Shapes:
        """Name and shape of every weight, in the order of the published code."""

    @classmethod
    def of_shapes(cls, shapes: Shapes) -> Self | None:
        """What it would be if these were the shapes of its weights; None where they can be no weights of its kind."""


ARCHITECTURES: tuple[type[Architecture], ...] = (RRDBNet, SRVGGNetCompact, EDSR, SPAN, RealPLKSR, DAT, GFPGANClean)


# Networks whose values grow beyond what f16 can hold, 65504: their answer would be infinite.
_OVERFLOWING_F16: tuple[type[Architecture], ...] = (GFPGANClean,)


def fits_f16(architecture: Architecture) -> bool:
    """Whether f16 can hold what flows through the network."""
    return not isinstance(architecture, _OVERFLOWING_F16)


def recognised(shapes: Shapes) -> Architecture | None:
    """The architecture whose weights have exactly these names and shapes."""
    candidates = (kind.of_shapes(shapes) for kind in ARCHITECTURES)
    return next((found for found in candidates if found is not None and found.shapes == shapes), None)
