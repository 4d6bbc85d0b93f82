"""What is compared: each way takes and gives (H, W, 3) uint8 sRGB."""

import importlib.util
import os
from functools import partial
from pathlib import Path

from light import magick
from light.findings import Way
from quality import ours
from quality.collection import TEST_DATA
from quality.peers import autocontrast, no_change, opencv_clahe

NO_CHANGE, AUTO, BY_HAND = "no change", "ours, auto", "ours, by hand"

OURS: dict[str, Way] = {
    NO_CHANGE: no_change,
    AUTO: ours.auto_corrected,
    BY_HAND: partial(ours.corrected, step="exposure_correction"),
}
_ALWAYS: dict[str, Way] = {"Pillow autocontrast": autocontrast, "OpenCV CLAHE": opencv_clahe}


def ways_at_hand() -> tuple[dict[str, Way], list[str]]:
    """The ways by name, in the order of the tables, and a line for each that is left out."""
    imagemagick, said = _imagemagick()
    learned, also_said = _learned()
    return {**OURS, **imagemagick, **_ALWAYS, **learned}, [*said, *also_said]


def packages() -> tuple[str, ...]:
    """The packages whose versions matter for the figures."""
    return ("opencv-python-headless", "pillow", "scikit-image", *(("torch",) if _has_torch() else ()))


def _has_torch() -> bool:
    return importlib.util.find_spec("torch") is not None


def _imagemagick() -> tuple[dict[str, Way], list[str]]:
    program = magick.program()
    if program is None:
        return {}, ["ImageMagick is left out: neither `magick` nor `convert` is it (Debian's package imagemagick)"]
    return {f"magick {name}": partial(magick.corrected, program=program, operator=name) for name in magick.OPERATORS}, []


def _learned() -> tuple[dict[str, Way], list[str]]:
    """Peers that learned from photos; their weights are published, and no part of this project."""
    if not _has_torch():
        return {}, ["3D LUT and IAT are left out: they need PyTorch (make .venv/torch.stamp)"]
    from light import iat, lut3d  # they import PyTorch

    folder = Path(os.environ.get(TEST_DATA, "")) / "models"
    rows: dict[str, tuple[Way, tuple[str, ...]]] = {
        "3D LUT": (partial(lut3d.corrected, folder=folder), (lut3d.CLASSIFIER, lut3d.TABLES)),
        **{f"IAT {name}": (partial(iat.corrected, weights=folder / file), (file,)) for name, file in iat.WEIGHTS.items()},
    }
    missing = {name: [file for file in files if not (folder / file).exists()] for name, (_, files) in rows.items()}
    said = [f"{name} is left out: no {' nor '.join(files)} in {folder}" for name, files in missing.items() if files]
    return {name: way for name, (way, _) in rows.items() if not missing[name]}, said
