"""Pictures and squares for the tests of alignment and pasting, which need no real face."""

import numpy as np
import numpy.typing as npt

from img_enhance.faces.align import TEMPLATE, Points, Similarity, alignment
from img_enhance.geometry import Size

Array = npt.NDArray[np.float32]


def size_of(pixels: npt.NDArray[np.generic]) -> Size:
    return Size(pixels.shape[1], pixels.shape[0])


def smooth(width: int, height: int, *, dtype: str = "uint8", wave: float = 40) -> npt.NDArray[np.uint8 | np.uint16]:
    """Slow waves, different in each channel; `wave` is their length in pixels."""
    y, x = np.mgrid[:height, :width] * (2 * np.pi / wave)
    waves = np.stack([0.5 + 0.35 * np.sin(x / (1 + 0.2 * band) + 0.7 * band) * np.cos(0.8 * y - band) for band in range(3)], 2)
    return np.asarray(np.rint(waves * np.iinfo(dtype).max), dtype)


def points_of(middle: tuple[float, float], *, side: float, degrees: float = 0) -> Points:
    """Five points of a face whose square is so wide, turned clockwise about its middle."""
    turn = np.exp(1j * np.radians(degrees)) * side / 512
    placed = [complex(*middle) + turn * complex(x - 255.5, y - 255.5) for x, y in TEMPLATE]
    return tuple((point.real, point.imag) for point in placed)


def square(middle: tuple[float, float], *, side: float, degrees: float = 0) -> Similarity:
    return alignment(points_of(middle, side=side, degrees=degrees))
