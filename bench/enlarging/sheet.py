"""Crops side by side: the truth, the picture that was given, and what each way made of it."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw

from enlarging.degradations import DEGRADATIONS, degraded
from enlarging.measurements import pictures_of
from enlarging.truths import Truth
from enlarging.ways import BICUBIC
from img_enhance.engine import Engine
from img_enhance.models.model import Model
from photos import Pixels

# A crop's side in pixels of the truth, and how often each is shown.
_CROP, _ZOOM = 120, 2
_SIDE, _LINE, _GAP = _CROP * _ZOOM, 14, 4
_QUALITY = 75
Cell = tuple[str, Pixels]


def save_sheet(engine: Engine, models: Sequence[Model], truths: Sequence[Truth], path: Path) -> None:
    """A row for each picture and degradation, in the models' largest factor, in a JPEG."""
    scale = max(model.scale for model in models)
    shown = [model for model in models if model.scale == scale]
    rows = [_row(engine, shown, truth, scale, degradation) for truth in truths for degradation in DEGRADATIONS]
    width, height = max(map(len, rows)) * (_SIDE + _GAP), len(rows) * (_SIDE + _LINE + _GAP)
    sheet = Image.new("RGB", (width, height))
    pen = ImageDraw.Draw(sheet)
    for down, row in enumerate(rows):
        for across, (text, pixels) in enumerate(row):
            left, top = across * (_SIDE + _GAP), down * (_SIDE + _LINE + _GAP)
            pen.text((left + 2, top + 1), text, fill="white")
            sheet.paste(Image.fromarray(pixels).resize((_SIDE, _SIDE), Image.Resampling.NEAREST), (left, top + _LINE))
    sheet.save(path, quality=_QUALITY, optimize=True)


def _row(engine: Engine, models: Sequence[Model], truth: Truth, scale: int, degradation: str) -> list[Cell]:
    top, left = _place(truth.pixels, scale)
    given = degraded(truth.pixels, scale, degradation, name=truth.name)
    small = given[top // scale : (top + _CROP) // scale, left // scale : (left + _CROP) // scale]

    # Half of the best network, and all of each; Lanczos looks like the bicubic.
    shown = [(BICUBIC, ""), (models[0].name, "0.5"), *((model.name, "1") for model in models)]

    def cut(pixels: Pixels) -> Pixels:
        return np.ascontiguousarray(pixels[top : top + _CROP, left : left + _CROP])

    made = [
        (f"{model} {level}".strip(), cut(picture))
        for model, level, picture in pictures_of(engine, models, truth, scale, degradation)
        if (model, level) in shown
    ]
    return [(f"{degradation}: {truth.name}", small), *made, ("truth", cut(truth.pixels))]


def _place(pixels: Pixels, scale: int) -> tuple[int, int]:
    """Where a crop has most detail: top and left, at whole pixels of the small picture."""
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32)
    detail = cv2.boxFilter(
        np.abs(cv2.Laplacian(grey, cv2.CV_32F)), cv2.CV_32F, (_CROP, _CROP), anchor=(0, 0), borderType=cv2.BORDER_CONSTANT
    )
    inside = detail[: pixels.shape[0] - _CROP + 1 : scale, : pixels.shape[1] - _CROP + 1 : scale]
    row, column = np.unravel_index(int(np.argmax(inside)), inside.shape)
    return int(row) * scale, int(column) * scale
