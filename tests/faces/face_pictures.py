"""Pictures and squares for the tests of alignment and pasting, and a face that anybody may have."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from img_enhance.faces.align import TEMPLATE, Points, Similarity, alignment
from img_enhance.faces.detect import Face
from img_enhance.geometry import Box, Size

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


# Where faces are in `twins`, largest first: box, score, points, as the detector finds them (2026-11).
FACES_OF_TWINS = (
    Face(Box(129, 44, 185, 122), 0.936, ((138.5, 75.7), (163.2, 75.1), (146.4, 91.2), (141.2, 102.6), (162.5, 102.0))),
    Face(Box(15, 49, 58, 108), 0.934, ((29.5, 72.7), (48.5, 72.1), (41.0, 84.5), (31.1, 92.9), (47.3, 92.6))),
)
FACE_OF_PORTRAIT = Face(Box(24, 39, 68, 98), 0.936, ((39.4, 63.3), (58.8, 63.0), (51.0, 75.6), (40.9, 83.2), (57.2, 83.6)))


def curie() -> npt.NDArray[np.uint8]:
    """Marie Curie, 120 x 170, toned in sepia so that there is colour; NOTICE says where the photo is from."""
    with Image.open(Path(__file__).with_name("curies.jpg")) as photo:
        grey = np.asarray(photo.convert("L"))
    return np.asarray(np.rint(grey[..., None] * np.array([1, 0.88, 0.72])), np.uint8)


def portrait() -> npt.NDArray[np.uint8]:
    """One face, 44 pixels wide, in 100 x 100."""
    return curie()[10:110, 10:110].copy()


def twins() -> npt.NDArray[np.uint8]:
    """Two faces, 56 and 43 pixels wide, in 220 x 150: her, near the edge, beside her enlarged mirror image. Read-only."""
    one = curie()
    other = np.asarray(Image.fromarray(one).resize((156, 221), Image.Resampling.BICUBIC))[20:170, 10:130, :]
    both = np.hstack([one[:150, 20:], other[:, ::-1]])
    both.flags.writeable = False
    return both
