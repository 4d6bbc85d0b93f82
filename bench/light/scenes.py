"""Scenes that were photographed at several exposures: which frame is right, and which are to be corrected.

The photos are of SICE (Cai, Gu and Zhang 2018, "Learning a Deep Single Image Contrast Enhancer from Multi-Exposure Images"), for academic
research only, so they are no part of the project. Frames are told by mean grey and by the shares of white and black, all in 8-bit values.
"""

import csv
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from photos import Pixels
from quality.collection import TEST_DATA

TRUTH = "truth"
CASES = ("under1", "under2", "over1", "over2", TRUTH)

FOLDER, LISTED = "brackets", "sequences.csv"

# The right frame is the one whose mean grey is nearest to this, of those that are bright enough, and hardly white or black.
_RIGHT_GREY = 118
_RIGHT_GREYS = (95, 150)
_WHITE, _MOST_WHITE = 250, 0.15
_BLACK, _MOST_BLACK = 4, 0.25

# Wrong frames are so much darker or brighter, and not all black or white; the nearest ones of each side are taken.
_LEAST_APART = 22
_LEAST_GREY = 8
_MOST_WHITE_WRONG = 0.6
_WRONG_FRAMES = 2


@dataclass(frozen=True)
class Frame:
    """A photo (H, W, 3) uint8 sRGB; `case` is one of CASES, or None where it is none of them."""

    name: str
    pixels: Pixels
    case: str | None = None


@dataclass(frozen=True)
class Scene:
    """All frames of a scene, `truth`, the one that is right, and `fusion` of all (Mertens, Kautz and Van Reeth 2007), (H, W, 3) uint8."""

    name: str
    frames: tuple[Frame, ...]
    truth: Pixels
    fusion: Pixels


@dataclass(frozen=True)
class _Seen:
    """A frame in OpenCV's order of channels, BGR, and what it is told by."""

    path: Path
    bgr: Pixels
    grey: float
    white: float
    black: float


class NoScenes(Exception):
    """There are no photos to measure on; the message tells where they should be."""


def sequences(most: int | None = None) -> dict[str, list[Path]]:
    """The files of the first scenes, or of all, by the table beside them with columns `sequence` and `file`.

    Raises: NoScenes.
    """
    folder = Path(os.environ.get(TEST_DATA, "")) / FOLDER
    if not (folder / LISTED).exists():
        raise NoScenes(
            f"no {FOLDER}/{LISTED} in the folder that {TEST_DATA} names; bench/README.md tells what has to lie there, and its source"
        )
    files: dict[str, list[Path]] = {}
    with (folder / LISTED).open(encoding="utf-8", newline="") as table:
        for row in csv.DictReader(table):
            files.setdefault(row["sequence"], []).append(folder / row["file"])
    return dict(list(files.items())[:most])


def scene_of(name: str, files: list[Path]) -> Scene | None:
    """The scene in these files, or None where no frame is right or the frames differ in size."""
    frames = [_seen(path) for path in files]
    truth = _truth(frames)
    if truth is None or len({frame.bgr.shape for frame in frames}) > 1:
        return None
    cases = {frame.path: case for case, frame in _cases(frames, truth)}
    # In OpenCV's order: the fusion weighs by contrast in grey.
    fused = cv2.createMergeMertens().process([frame.bgr for frame in frames])
    fusion = np.asarray(np.clip(fused * 255, 0, 255), np.uint8)
    return Scene(
        name,
        tuple(Frame(frame.path.name, _rgb(frame.bgr), cases.get(frame.path)) for frame in frames),
        _rgb(truth.bgr),
        _rgb(fusion),
    )


def read_rgb(path: Path) -> Pixels:
    """(H, W, 3) uint8 of a photo's file.

    Raises: OSError where there is none that can be read.
    """
    return _rgb(_read(path))


def _seen(path: Path) -> _Seen:
    bgr = _read(path)
    grey = np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY))
    return _Seen(path, bgr, float(grey.mean()), float((grey > _WHITE).mean()), float((grey < _BLACK).mean()))


def _read(path: Path) -> Pixels:
    bgr = cv2.imread(str(path))
    if bgr is None:
        raise OSError(f"{path} is no photo that OpenCV reads")
    return np.asarray(bgr, np.uint8)


def _truth(frames: list[_Seen]) -> _Seen | None:
    low, high = _RIGHT_GREYS
    right = [f for f in frames if low <= f.grey <= high and f.white < _MOST_WHITE and f.black < _MOST_BLACK]
    return min(right, key=lambda f: abs(f.grey - _RIGHT_GREY)) if right else None


def _cases(frames: list[_Seen], truth: _Seen) -> Iterator[tuple[str, _Seen]]:
    darker = sorted((f for f in frames if _LEAST_GREY < f.grey < truth.grey - _LEAST_APART), key=lambda f: -f.grey)
    brighter = sorted((f for f in frames if f.grey > truth.grey + _LEAST_APART and f.white < _MOST_WHITE_WRONG), key=lambda f: f.grey)
    yield TRUTH, truth
    for side, wrong in (("under", darker), ("over", brighter)):
        for number, frame in enumerate(wrong[:_WRONG_FRAMES], 1):
            yield f"{side}{number}", frame


def _rgb(bgr: Pixels) -> Pixels:
    return np.ascontiguousarray(bgr[..., ::-1])
