"""The face detector where its file is at hand; elsewhere a stand-in that knows the faces of our own pictures."""

import dataclasses
import hashlib
import importlib
import os
from pathlib import Path

import pytest
from face_pictures import FACE_OF_PORTRAIT, FACES_OF_TWINS

from img_enhance.faces.detect import Face, Tick, Which, chosen
from img_enhance.geometry import Box, Size
from img_enhance.machine import settings
from img_enhance.machine.canvas import Pixels
from img_enhance.models.table import BUILT_IN

_STAND_IN = b"no network, but the name of one"
_PICTURES = {
    Size(220, 150): FACES_OF_TWINS,
    Size(100, 100): (FACE_OF_PORTRAIT,),
    Size(1000, 1000): (
        Face(
            FACE_OF_PORTRAIT.box.scaled(10), FACE_OF_PORTRAIT.score, tuple((10 * x + 4.5, 10 * y + 4.5) for x, y in FACE_OF_PORTRAIT.points)
        ),
    ),
}


def detector_folder() -> Path | None:
    """Where the detector's file is among the test photos, if there are any."""
    folder = Path(os.environ.get("IMG_ENHANCE_TEST_DATA", "nowhere")) / "models"
    return folder if (folder / BUILT_IN.detector.file).is_file() else None


def use_known_faces(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Put a file in the place of the detector's, and what is known in the place of what it would find."""
    (folder / BUILT_IN.detector.file).write_bytes(_STAND_IN)
    row = dataclasses.replace(BUILT_IN.detector, bytes=len(_STAND_IN), sha256=hashlib.sha256(_STAND_IN).hexdigest())
    patch.setattr(settings, "BUILT_IN", dataclasses.replace(BUILT_IN, detector=row))
    for name in ("faces.restore", "suggest.suggest"):
        patch.setattr(importlib.import_module(f"img_enhance.{name}"), "find_faces", known_faces)


def known_faces(
    pixels: Pixels,
    model: Path,
    *,
    score_threshold: float = 0.7,
    min_face: int = 24,
    which: Which = "all",
    at_most: int | None = None,
    tick: Tick = lambda: None,
) -> tuple[Face, ...]:
    """The faces of a picture of ours, known by its size, as `find_faces` would answer; none of any other."""
    assert model.read_bytes() == _STAND_IN
    tick()
    height, width = pixels.shape[:2]
    faces = [face for face in _PICTURES.get(Size(width, height), ()) if face.score >= score_threshold and face.side >= min_face]
    return chosen(faces, Box(0, 0, width, height), which, at_most)
