"""ImageMagick, which people correct photos with on the command line."""

import shutil
import subprocess
from io import BytesIO

import numpy as np
from PIL import Image

from photos import Pixels

OPERATORS = ("-auto-gamma", "-auto-level", "-normalize")

# As it is called since version 7, and before.
_NAMES = ("magick", "convert")


def program() -> str | None:
    """ImageMagick's program, if it is installed."""
    return next((path for name in _NAMES if (path := shutil.which(name)) and _is_magick(path)), None)


def corrected(pixels: Pixels, *, program: str, operator: str) -> Pixels:
    """`pixels` (H, W, 3) uint8 through one of OPERATORS, in a process of its own."""
    given = BytesIO()
    Image.fromarray(pixels).save(given, "ppm")
    command = [program, "ppm:-", operator, "-depth", "8", "ppm:-"]
    made = subprocess.run(command, input=given.getvalue(), capture_output=True, check=True).stdout
    return np.asarray(Image.open(BytesIO(made)))


def _is_magick(path: str) -> bool:
    # GraphicsMagick has a `convert` too, without these operators.
    said = subprocess.run([path, "-version"], capture_output=True, text=True)
    return said.returncode == 0 and "ImageMagick" in said.stdout
