"""Finds faces with YuNet, in photos of any size, in bounded time and memory.

The network sees a reduced copy of at most `_COPY_PIXELS`, and copies a quarter as wide for the faces that are too large there; then copies
turned by 90 degrees, because it misses faces that lie on their side. What it finds it is shown again, upright and at three sizes: that
confirms or refuses the face, and places its points more exactly.

Source: Wu, Peng, Yu, YuNet: A Tiny Millisecond-level Face Detector, Machine Intelligence Research 20, 2023.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil, sqrt
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import numpy.typing as npt

from img_enhance.errors import WeightsCorrupt, WeightsMissing
from img_enhance.geometry import Box
from img_enhance.machine.canvas import Pixels

Which = Literal["all", "largest", "centre"]
Points = tuple[tuple[float, float], ...]
Tick = Callable[[], None]

# YuNet takes 0.1 s of processor time and 40 MB a million pixels, a second look 0.08 s (2026-11).
_COPY_PIXELS = 4_000_000
_TURNED_PIXELS = 1_000_000
# YuNet finds faces from 10 to about 300 px wide (2026-11, three photos at seven sizes), so a copy a quarter as wide takes over in time.
_NEXT_COPY = 4
_SMALLEST_COPY = 64
# The second look. YuNet sees a face that lies aslant with a good score but puts its points as if it stood nearly upright, so the face is
# turned through these angles, as narrow as the first width, and by half a step more, and the best score wins: 0.93 against 0.85 to 0.9.
# Then it is looked at in all widths. One look misplaces points by 2 to 5 % of the eyes' distance from size to size of a photo, the mean of
# three by 1 to 2 % (2026-11). The side of the picture is in widths of the face.
_ANGLES = (-90, -60, -30, 0, 30, 60, 90)
_HALF_STEP = 15
_MOST_RESIDUAL = 25
_LOOK_WIDTHS = (64, 96, 128)
_LOOK_SIDE = 7 / 3
_LOOKS_NEEDED = 2
# A first score that is trusted; what has less, but more than the next figure, gets a second look all the same: faces at 45 degrees and of
# 20 px score 0.35 to 0.7 at first. It must then score better by this share of what is left to 1: 0.8. Real faces reach 0.8 to 0.95, a dress
# reached 0.76.
_TRUSTED = 0.7
_DOUBT = 0.35
_CLEAR = 1 / 3
# Looks at most, best first; what then scores well enough is taken as it is, so that a crowd of a thousand takes seconds.
_MOST_LOOKS = 24
_OVERLAP = 0.3
_INSIDE = 0.6
_NEARLY = 0.15
_STRIP_ROWS = 2048


@dataclass(frozen=True)
class Face:
    """A face in pixels of the photo: its box, YuNet's score from 0 to 1, and five points (x, y).

    The points are the eye on the left of the picture of an upright face, the other eye, the nose, and the mouth's corners in the same
    order. Whole numbers are centres of pixels. The box ends where the photo ends.
    """

    box: Box
    score: float
    points: Points

    @property
    def side(self) -> int:
        """The shorter side of its box."""
        return min(self.box.size.width, self.box.size.height)


@dataclass(frozen=True, eq=False)
class Found:
    """What the network says, in the pixels of any picture: left, top, width, height; points (5, 2)."""

    frame: npt.NDArray[np.float64]
    points: npt.NDArray[np.float64]
    score: float

    @property
    def width(self) -> float:
        return float(min(self.frame[2:]))

    @property
    def tilt(self) -> float:
        """Degrees by which the eyes' line is turned from the horizontal, positive clockwise in the picture."""
        x, y = self.points[1] - self.points[0]
        return float(np.degrees(np.arctan2(y, x)))


@dataclass(frozen=True, eq=False)
class _View:
    """A part of the photo, reduced, and the (3, 3) matrix from its pixels to the photo's."""

    pixels: npt.NDArray[np.uint8]
    to_photo: npt.NDArray[np.float64]


def find_faces(
    pixels: Pixels,
    model: Path,
    *,
    score_threshold: float = 0.7,
    min_face: int = 24,
    which: Which = "all",
    at_most: int | None = None,
    tick: Tick = lambda: None,
) -> tuple[Face, ...]:
    """Faces in an (H, W, 3) RGB photo of 8 or 16 bits, largest first; `pixels` is not changed.

    `model` is YuNet's ONNX file. `min_face` is the shorter side of a face's box in pixels; the smallest that can be found is about 10 px
    of a photo of up to 4 megapixels, 35 px at 48. `tick` is called now and then and may raise.

    Raises: WeightsMissing, WeightsCorrupt.
    """
    network = _Network(model, min(_DOUBT, score_threshold))
    seen = [found for found in _first_look(pixels, network, tick) if found.width >= min_face / 2 and is_face(found.frame, found.points)]
    trusted = min(score_threshold, _TRUSTED)
    clear = max(score_threshold, trusted + _CLEAR * (1 - trusted))
    kept = []
    for number, found in enumerate(_distinct(seen)):
        tick()
        good = found.score >= trusted
        if number < _MOST_LOOKS:
            again = _second_look(pixels, network, found)
            if again is not None and again.score >= (score_threshold if good else clear):
                kept.append(again)
        elif found.score >= score_threshold:
            kept.append(found)
    height, width = pixels.shape[:2]
    photo = Box(0, 0, width, height)
    faces = [_face(found, photo) for found in unnested(kept)]
    return chosen([face for face in faces if face.side >= min_face], photo, which, at_most)


def is_face(frame: npt.NDArray[np.float64], points: npt.NDArray[np.float64]) -> bool:
    """Whether five points can be those of a face in this frame (left, top, width, height), whatever way up it is.

    Bounds are wide enough for half profiles; with 104 faces seen from the front at all angles eyes were 0.36 to 0.42 of the frame apart and
    the mouth 0.38 to 0.41 of it below them (2026-11).
    """
    corner, size = frame[:2], frame[2:]
    if not (np.isfinite(frame).all() and np.isfinite(points).all()) or size.min() < 4:
        return False
    margin = 0.15 * size
    if (points < corner - margin).any() or (points > corner + size + margin).any():
        return False
    across = points[1] - points[0]
    eyes, mouth = points[:2].mean(0), points[3:].mean(0)
    down = mouth - eyes
    side = float(sqrt(size[0] * size[1]))
    apart, below = float(np.hypot(*across)), float(np.hypot(*down))
    if not (0.12 * side <= apart <= 0.75 * side and 0.15 * side <= below <= 0.75 * side):
        return False
    # The mouth is below the eyes' line, seen with the head upright, and not far to its side; the nose lies between.
    sine = float(across[0] * down[1] - across[1] * down[0]) / (apart * below)
    height_of_nose = float(np.dot(points[2] - eyes, down)) / below**2
    mouth_across = float(np.dot(points[4] - points[3], across)) / apart**2
    return sine >= 0.6 and -0.1 <= height_of_nose <= 1.1 and mouth_across >= 0.2


class _Network:
    """YuNet with its file's bytes; one call a picture."""

    def __init__(self, model: Path, score: float) -> None:
        try:
            data = np.frombuffer(model.read_bytes(), np.uint8)
        except OSError as error:
            raise WeightsMissing(f"the face detector {model} cannot be read: {error.strerror}") from error
        try:
            with _quiet():
                self._yunet: Any = cv2.FaceDetectorYN.create("onnx", data, np.empty(0, np.uint8), (64, 64), score, _OVERLAP)
        except cv2.error as error:
            raise WeightsCorrupt(f"{model} is not a face detector that OpenCV {cv2.__version__} can read") from error

    def find(self, picture: Pixels) -> list[Found]:
        """Faces in an RGB picture of 8 bits."""
        height, width = picture.shape[:2]
        self._yunet.setInputSize((width, height))
        _, rows = self._yunet.detect(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
        rows = np.empty((0, 15)) if rows is None else rows.astype(np.float64)
        return [Found(row[:4], row[4:14].reshape(5, 2), float(row[14])) for row in rows]


@contextmanager
def _quiet() -> Iterator[None]:
    """OpenCV 5 warns on every creation that its new graph engine knows no targets; that says nothing to a person."""
    before = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(before)


def _first_look(pixels: Pixels, network: _Network, tick: Tick) -> Iterator[Found]:
    for copy, factor in _copies(pixels, _COPY_PIXELS):
        tick()
        yield from (magnified(found, factor) for found in network.find(copy))
    for copy, factor in _copies(pixels, _TURNED_PIXELS):
        for quarters in (1, 3):
            tick()
            turned = np.ascontiguousarray(np.rot90(copy, quarters))
            height, width = copy.shape[:2]
            yield from (magnified(turned_back(found, quarters, width, height), factor) for found in network.find(turned))


def _copies(pixels: Pixels, most: int) -> Iterator[tuple[Pixels, int]]:
    """Copies with 8 bits, each with the whole number by which it is smaller: one of at most `most` pixels, then ever smaller ones."""
    height, width = pixels.shape[:2]
    factor = max(1, ceil(sqrt(height * width / most)))
    copy = _reduced(pixels, factor)
    yield copy, factor
    while max(copy.shape[:2]) >= _NEXT_COPY * _SMALLEST_COPY and min(copy.shape[:2]) >= _NEXT_COPY:
        copy, factor = _reduced(copy, _NEXT_COPY), factor * _NEXT_COPY
        yield copy, factor


def _reduced(pixels: Pixels, factor: int) -> Pixels:
    """Averages of factor x factor pixels as uint8; what is left over at the right and at the bottom is left out, unless all would be."""
    height, width = pixels.shape[:2]
    down, across = min(factor, height), min(factor, width)
    rows, columns = height // down, width // across
    copy = np.empty((rows, columns, 3), np.uint8)
    step = max(1, _STRIP_ROWS // down)
    for top in range(0, rows, step):
        bottom = min(rows, top + step)
        strip = np.asarray(pixels[top * down : bottom * down, : columns * across])
        small = cv2.resize(strip, (columns, bottom - top), interpolation=cv2.INTER_AREA) if factor > 1 else strip
        copy[top:bottom] = small if small.dtype == np.uint8 else small // 257
    return copy


def magnified(found: Found, factor: int) -> Found:
    """Centres of pixels are whole numbers: 0 in a copy half as large is 0.5 in the photo."""
    shift = (factor - 1) / 2
    frame = found.frame * factor
    frame[:2] += shift
    return Found(frame, found.points * factor + shift, found.score)


def turned_back(found: Found, quarters: int, width: int, height: int) -> Found:
    """From a copy turned by `numpy.rot90` to the copy itself, which is `width` x `height`."""
    (left, top, wide, high), (x, y) = found.frame, found.points.T
    if quarters == 1:
        frame = np.array([width - top - high, left, high, wide])
        points = np.stack([width - 1 - y, x], 1)
    else:
        frame = np.array([top, height - left - wide, high, wide])
        points = np.stack([y, height - 1 - x], 1)
    return Found(frame, points, found.score)


def _second_look(pixels: Pixels, network: _Network, found: Found) -> Found | None:
    """The face as the network sees it upright and alone, or None where two of three looks show none.

    Frame and points are the mean of the looks, the score that of the better two.
    """
    view = _view(pixels, found)
    angle = _upright(view, network, found)
    looks = [look for width in _LOOK_WIDTHS if (look := _look(view, network, found, width, angle)) is not None]
    if len(looks) < _LOOKS_NEEDED:
        return None
    frame = np.mean([look.frame for look in looks], 0)
    points = np.mean([look.points for look in looks], 0)
    return Found(frame, points, float(np.mean(sorted(look.score for look in looks)[-_LOOKS_NEEDED:])))


def _upright(view: _View, network: _Network, found: Found) -> float:
    """Degrees by which the face is turned, clockwise: those under which it scores best."""

    def score(angle: float) -> float:
        look = _look(view, network, found, _LOOK_WIDTHS[0], angle)
        return look.score if look is not None else 0

    coarse = max(_ANGLES, key=score)
    return max((coarse, coarse - _HALF_STEP, coarse + _HALF_STEP), key=score)


def _look(view: _View, network: _Network, found: Found, face_width: int, angle: float) -> Found | None:
    """The face in a picture of its own, `face_width` wide and turned back by `angle`.

    None where the network sees none in the middle, or one that is not upright.
    """
    side = round(_LOOK_SIDE * face_width)
    scale = face_width / found.width
    middle = found.frame[:2] + found.frame[2:] / 2
    # From the photo to the look: turned about the middle of the face, which becomes the middle of the picture.
    turn = cv2.getRotationMatrix2D((0, 0), angle, scale)
    turn[:, 2] = (side - 1) / 2 - turn[:, :2] @ middle
    picture = cv2.warpAffine(view.pixels, turn @ view.to_photo, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    answers = [answer for answer in network.find(np.asarray(picture, np.uint8)) if is_face(answer.frame, answer.points)]
    answers = [answer for answer in answers if np.abs(answer.frame[:2] + answer.frame[2:] / 2 - side / 2).max() < face_width / 2]
    answers = [answer for answer in answers if abs(answer.tilt) <= _MOST_RESIDUAL]
    if not answers:
        return None
    best = max(answers, key=lambda answer: answer.score)
    back = cv2.invertAffineTransform(turn)
    # The frame stays as upright as the photo: as large as in the look, about the same middle.
    place = back @ np.append(best.frame[:2] + best.frame[2:] / 2, 1)
    size = best.frame[2:] / scale
    return Found(np.concatenate([place - size / 2, size]), best.points @ back[:, :2].T + back[:, 2], best.score)


def _view(pixels: Pixels, found: Found) -> _View:
    """The photo around a face, as far as looks at any angle see, with 8 bits and no larger than the largest of them."""
    height, width = pixels.shape[:2]
    reach = ceil(_LOOK_SIDE * found.width * sqrt(0.5)) + 2
    x, y = (int(place) for place in found.frame[:2] + found.frame[2:] / 2)
    left, top = min(max(0, x - reach), width - 1), min(max(0, y - reach), height - 1)
    part = np.asarray(pixels[top : max(top + 1, min(height, y + reach)), left : max(left + 1, min(width, x + reach))])
    shrink = max(1, found.width / _LOOK_WIDTHS[-1])
    rows, columns = (max(1, round(length / shrink)) for length in part.shape[:2])
    small = cv2.resize(part, (columns, rows), interpolation=cv2.INTER_AREA) if shrink > 1 else part
    down, across = part.shape[0] / rows, part.shape[1] / columns
    to_photo = np.array([[across, 0, left + (across - 1) / 2], [0, down, top + (down - 1) / 2], [0, 0, 1]])
    return _View(np.asarray(small if small.dtype == np.uint8 else small // 257, np.uint8), to_photo)


def _distinct(found: list[Found]) -> list[Found]:
    """The best of those that overlap by more than 0.3 of what they cover together, best score first."""
    kept: list[Found] = []
    frames = np.empty((len(found), 4))
    for one in sorted(found, key=lambda one: (-one.score, *one.frame)):
        others = frames[: len(kept)]
        common = _common(one, others)
        if (common <= _OVERLAP * (one.frame[2:].prod() + others[:, 2:].prod(1) - common)).all():
            frames[len(kept)] = one.frame
            kept.append(one)
    return kept


def unnested(found: list[Found]) -> list[Found]:
    """Those that are not part of another one.

    An eye or a button on a face is no face, however good its score: of two inside each other the larger stays, if it is twice as wide and
    nearly as good; else the better. A frame that holds several better ones is a group, not a face.
    """
    kept: list[Found] = []
    for one in _distinct(found):
        frames = np.array([other.frame for other in kept]).reshape(-1, 4)
        smaller = np.minimum(one.frame[2:].prod(), frames[:, 2:].prod(1))
        nested = np.flatnonzero(_common(one, frames) > _INSIDE * smaller)
        if len(nested) == 1:
            inner = kept[nested[0]]
            if one.width >= 2 * inner.width and one.score >= inner.score - _NEARLY:
                kept[nested[0]] = one
        elif len(nested) == 0:
            kept.append(one)
    return kept


def _common(one: Found, frames: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Pixels that a frame shares with each of the others, (n, 4)."""
    low = np.maximum(one.frame[:2], frames[:, :2])
    high = np.minimum(one.frame[:2] + one.frame[2:], frames[:, :2] + frames[:, 2:])
    return np.asarray(np.maximum(high - low, 0).prod(1))


def _face(found: Found, photo: Box) -> Face:
    left, top = np.floor(found.frame[:2]).astype(int)
    right, bottom = np.ceil(found.frame[:2] + found.frame[2:]).astype(int)
    box = Box(int(left), int(top), int(right), int(bottom)).grown(0, within=photo)
    return Face(box, found.score, tuple((float(x), float(y)) for x, y in found.points))


def chosen(faces: list[Face], photo: Box, which: Which, at_most: int | None) -> tuple[Face, ...]:
    """The faces asked for, largest first."""
    ordered = sorted(faces, key=lambda face: (-face.box.size.pixels, face.box.top, face.box.left))
    if which == "centre":
        ordered.sort(key=lambda face: _distance_to_centre(face.box, photo))
    return tuple(ordered[: 1 if which != "all" else at_most])


def _distance_to_centre(box: Box, photo: Box) -> float:
    return float(np.hypot(box.left + box.right - photo.right, box.top + box.bottom - photo.bottom))
