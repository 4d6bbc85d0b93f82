"""Brings a face to GFPGAN's square and back: the similarity between the photo and the square, and the crop."""

from dataclasses import dataclass
from math import ceil, floor, hypot, sqrt

import cv2
import numpy as np
import numpy.typing as npt

from img_enhance.errors import PhotoError
from img_enhance.geometry import Box, Size
from img_enhance.machine.canvas import Pixels

Array = npt.NDArray[np.float32]
Points = tuple[tuple[float, float], ...]

# Where GFPGAN's training put the eyes, the nose and the corners of the mouth (FFHQ's alignment, by facexlib's numbers).
SIDE = 512
TEMPLATE: Points = (
    (192.98138, 239.94708),
    (318.90277, 240.1936),
    (256.63416, 314.01935),
    (201.26117, 371.41043),
    (313.08905, 371.15118),
)

# A pixel is taken for a Gaussian of this standard deviation (a square one has 0.29), which a blur makes as wide as the new pixel. Measured
# as what is left of a face of 176 px after it went into the square and back (2026-11): 0.5 37 dB, 0.4 39 dB, 0.3 44 dB, 0.2 50 dB.
_PIXEL = 0.3
# Photo pixels per pixel of the square below which the longer filter pays.
_LANCZOS_BELOW = 0.67

# Filters look at most so many pixels beyond the square.
_MARGIN = 4


@dataclass(frozen=True)
class Similarity:
    """u = a * x - b * y + left, v = b * x + a * y + top: a turn, one scale and a shift.

    It takes pixels of the photo to pixels of the square. Whole numbers are centres of pixels, on both sides.
    """

    a: float
    b: float
    left: float
    top: float

    @property
    def scale(self) -> float:
        """Pixels of the square per pixel of the photo."""
        return hypot(self.a, self.b)

    @property
    def matrix(self) -> npt.NDArray[np.float64]:
        """As OpenCV wants it, (2, 3)."""
        return np.array([[self.a, -self.b, self.left], [self.b, self.a, self.top]])

    def apply(self, x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Coordinates in the square of coordinates in the photo."""
        return self.a * x - self.b * y + self.left, self.b * x + self.a * y + self.top

    def inverse(self, u: npt.NDArray[np.float64], v: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Coordinates in the photo of coordinates in the square."""
        du, dv = u - self.left, v - self.top
        square = self.a**2 + self.b**2
        return (self.a * du + self.b * dv) / square, (self.a * dv - self.b * du) / square


def alignment(points: Points) -> Similarity:
    """The similarity that brings five points nearest to the template, in the sense of least squares; it never mirrors.

    In the plane, with points as complex numbers, the least-squares answer is one division.

    Raises: PhotoError when the points lie on one spot.
    Source: Umeyama, Least-Squares Estimation of Transformation Parameters Between Two Point Patterns, IEEE TPAMI 13(4), 1991.
    """
    found, wanted = (np.array([complex(x, y) for x, y in some]) for some in (points, TEMPLATE))
    centred = found - found.mean()
    spread = float(np.square(np.abs(centred)).sum())
    if not spread > 1:
        raise PhotoError(f"the five points of a face lie on one spot, near {found[0]:.1f}; the face cannot be aligned")
    turn = complex((centred.conj() * (wanted - wanted.mean())).sum()) / spread
    shift = complex(wanted.mean()) - turn * complex(found.mean())
    return Similarity(turn.real, turn.imag, shift.real, shift.imag)


def enlarged(similarity: Similarity, photo: Size, result: Size) -> Similarity:
    """The similarity for the same photo at another size.

    The sides may have been rounded differently; the mean of both factors then misses by less than half a pixel of the result.
    """
    factor = sqrt(result.width / photo.width * result.height / photo.height)
    a, b = similarity.a / factor, similarity.b / factor
    # The photo's corner, half a pixel before its first centre, stays where it is.
    left, top = similarity.left - 0.5 * (similarity.a - similarity.b), similarity.top - 0.5 * (similarity.a + similarity.b)
    return Similarity(a, b, left + 0.5 * (a - b), top + 0.5 * (a + b))


def square_box(similarity: Similarity, photo: Size, *, margin: int = 0) -> Box:
    """The smallest box of the photo that holds the square, with so many pixels around it; empty where they do not meet."""
    corner = SIDE - 0.5
    x, y = similarity.inverse(np.array([-0.5, corner, -0.5, corner]), np.array([-0.5, -0.5, corner, corner]))
    left, right = (min(max(0, edge), photo.width) for edge in (floor(x.min()) - margin, ceil(x.max()) + 1 + margin))
    top, bottom = (min(max(0, edge), photo.height) for edge in (floor(y.min()) - margin, ceil(y.max()) + 1 + margin))
    return Box(left, top, right, bottom)


def crop(pixels: Pixels, similarity: Similarity) -> Array:
    """The square as (512, 512, 3) float32 from 0 to 1, from a photo of 8 or 16 bits; outside the photo its border is mirrored.

    A face larger than the square is averaged over whole pixels, then sampled at four points a pixel, so that what is finer than the
    square's pixels does not turn into patterns. A smaller one is enlarged by Lanczos' filter. The cost grows with the face, not the photo.

    Raises: PhotoError when the square lies outside the photo.
    """
    height, width = pixels.shape[:2]
    shrink = 1 / similarity.scale
    box = square_box(similarity, Size(width, height), margin=_MARGIN * ceil(shrink))
    if min(box.size.width, box.size.height) == 0:
        raise PhotoError(f"a face's square lies outside the photo of {width}x{height} pixels")
    part, across, down = _averaged(pixels[box.slices], max(1, int(shrink)))
    to_photo = np.array([[across, 0, box.left + (across - 1) / 2], [0, down, box.top + (down - 1) / 2], [0, 0, 1]])
    points = 2 if shrink > 1 else 1
    finer = np.array([[points, 0, (points - 1) / 2], [0, points, (points - 1) / 2], [0, 0, 1]])
    matrix = (finer @ np.vstack([similarity.matrix, [0, 0, 1]]) @ to_photo)[:2]
    flags = cv2.INTER_CUBIC if shrink > _LANCZOS_BELOW else cv2.INTER_LANCZOS4
    square = cv2.warpAffine(part, matrix, (points * SIDE, points * SIDE), flags=flags, borderMode=cv2.BORDER_REFLECT)
    if points > 1:
        square = cv2.resize(square, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return np.asarray(np.clip(square, 0, 1), np.float32)


def inside(similarity: Similarity, photo: Size) -> npt.NDArray[np.bool_]:
    """Which pixels of the square lie in the photo, (512, 512)."""
    v, u = np.mgrid[:SIDE, :SIDE].astype(np.float64)
    x, y = similarity.inverse(u, v)
    return np.asarray((x >= -0.5) & (x <= photo.width - 0.5) & (y >= -0.5) & (y <= photo.height - 0.5))


def blurred(picture: Array, shrink: float) -> Array:
    """`picture`, float32, without most of what a sampling at every `shrink` pixels would turn into patterns; nothing below 1."""
    if shrink <= 1:
        return picture
    sigma = _PIXEL * sqrt(shrink**2 - 1)
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma, borderType=cv2.BORDER_REFLECT), np.float32)


def _averaged(part: Pixels, factor: int) -> tuple[Array, float, float]:
    """Averages of about factor x factor pixels as float32 from 0 to 1, and how many exactly, across and down."""
    height, width = part.shape[:2]
    white = np.float32(np.iinfo(part.dtype).max)
    if factor == 1:
        return np.asarray(part / white, np.float32), 1, 1
    columns, rows = max(1, round(width / factor)), max(1, round(height / factor))
    small = cv2.resize(part, (columns, rows), interpolation=cv2.INTER_AREA)
    return np.asarray(small / white, np.float32), width / columns, height / rows
