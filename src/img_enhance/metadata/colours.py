"""Colours said by numbers instead of a profile: as HEIF's nclx, PNG's cICP and ICC's cicp carry them.

Source: ITU-T H.273 (2021), tables 2 (primaries) and 3 (transfer characteristics).
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from img_enhance.metadata import BrokenMetadata

Point = tuple[float, float]


@dataclass(frozen=True)
class Primaries:
    """Chromaticities (CIE 1931 x, y) of full red, green and blue, and of white."""

    red: Point
    green: Point
    blue: Point
    white: Point


@dataclass(frozen=True)
class Curve:
    """What a value x in [0, 1] means in light: (a x + b) to the power of gamma from d on, c x below."""

    gamma: float
    a: float = 1
    b: float = 0
    c: float = 0
    d: float = 0


@dataclass(frozen=True)
class Colours:
    """What a file's values stand for. A curve "pq" or "hlg" is one of BT.2100: high dynamic range.

    `full` says that black is 0 and white the largest value, and not what video has.
    """

    primaries: Primaries
    curve: Curve | Literal["pq", "hlg"]
    full: bool = True

    @property
    def hdr(self) -> bool:
        return not isinstance(self.curve, Curve)


_D65, _C, _DCI = (0.3127, 0.3290), (0.310, 0.316), (0.314, 0.351)
BT709 = Primaries((0.64, 0.33), (0.30, 0.60), (0.15, 0.06), _D65)
BT2020 = Primaries((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), _D65)
DISPLAY_P3 = Primaries((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), _D65)
_SMPTE_170M = Primaries((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), _D65)

# Source: IEC 61966-2-1.
SRGB_CURVE = Curve(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
SRGB = Colours(BT709, SRGB_CURVE)

# 2 is "unspecified", for which every program takes sRGB.
_PRIMARIES = {
    1: BT709,
    2: BT709,
    4: Primaries((0.67, 0.33), (0.21, 0.71), (0.14, 0.08), _C),
    5: Primaries((0.64, 0.33), (0.29, 0.60), (0.15, 0.06), _D65),
    6: _SMPTE_170M,
    7: _SMPTE_170M,
    8: Primaries((0.681, 0.319), (0.243, 0.692), (0.145, 0.049), _C),
    9: BT2020,
    10: Primaries((1, 0), (0, 1), (0, 0), (1 / 3, 1 / 3)),
    11: Primaries((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), _DCI),
    12: DISPLAY_P3,
    22: Primaries((0.630, 0.340), (0.295, 0.605), (0.155, 0.077), _D65),
}
# The curves of video (1, 6, 11, 12, 14, 15) are those of cameras: what is seen is made by the screen's, and photos are shown with sRGB's.
_CURVES: dict[int, Curve | Literal["pq", "hlg"]] = {
    **dict.fromkeys((1, 2, 6, 11, 12, 13, 14, 15), SRGB_CURVE),
    4: Curve(2.2),
    5: Curve(2.8),
    8: Curve(1),
    16: "pq",
    18: "hlg",
}


def coded_colours(primaries: int, transfer: int, *, full: bool = True) -> Colours:
    """The colours that two code points name.

    Raises: BrokenMetadata for numbers that mean nothing, or a curve that no photo has.
    """
    if primaries not in _PRIMARIES or transfer not in _CURVES:
        raise BrokenMetadata(f"primaries {primaries} with transfer {transfer} are none that photos have")
    return Colours(_PRIMARIES[primaries], _CURVES[transfer], full)


def code_points(colours: Colours) -> tuple[int, int]:
    """The numbers of primaries and curve by which a file says colours of high dynamic range, whose primaries some number names."""
    assert colours.hdr
    primaries = next(number for number, known in _PRIMARIES.items() if known == colours.primaries)
    return primaries, next(number for number, known in _CURVES.items() if known == colours.curve)


# Cone responses of the Bradford transform. Source: ICC.1:2022, annex E.
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
_D50 = np.array([0.9642, 1.0, 0.8249])
# A profile's numbers end at 32768; no colour that can be seen comes near this.
_LARGEST_XYZ = 2


def to_xyz(primaries: Primaries) -> npt.NDArray[np.float64]:
    """(3, 3): linear RGB to CIE XYZ with the white of D50, to which it is adapted by Bradford.

    Raises: BrokenMetadata when the chromaticities are no three colours around a white.
    """
    unadapted = native_xyz(primaries)
    adapted: npt.NDArray[np.float64] = adaptation(primaries) @ unadapted
    if not np.isfinite(adapted).all() or adapted[1].min() < 0 or np.abs(adapted).max() > _LARGEST_XYZ:
        raise BrokenMetadata("its primaries are no colours around its white")
    return adapted


def native_xyz(primaries: Primaries) -> npt.NDArray[np.float64]:
    """(3, 3): linear RGB to CIE XYZ under its own white, whose luminance is 1.

    Raises: BrokenMetadata when white has no light, or the primaries lie on one line.

    Source: SMPTE RP 177:1993, section 3.3.
    """
    columns = np.array([(x, y, 1 - x - y) for x, y in (primaries.red, primaries.green, primaries.blue)], np.float64).T
    x, y = primaries.white
    try:
        matrix: npt.NDArray[np.float64] = columns * np.linalg.solve(columns, np.array([x / y, 1.0, (1 - x - y) / y]))
    except (ZeroDivisionError, np.linalg.LinAlgError):
        raise BrokenMetadata("its primaries lie on one line, or its white has no light") from None
    return matrix


def adaptation(primaries: Primaries) -> npt.NDArray[np.float64]:
    """(3, 3): XYZ under the white of `primaries`, whose y is not 0, to XYZ under D50."""
    x, y = primaries.white
    before, after = _BRADFORD @ [x / y, 1.0, (1 - x - y) / y], _BRADFORD @ _D50
    answer: npt.NDArray[np.float64] = np.linalg.inv(_BRADFORD) @ np.diag(after / before) @ _BRADFORD
    return answer
