"""What is known to be right: a few pixels of every algorithm's answer, and of every tiny photo in this folder.

`scripts/make_doctor_golden.py` writes them, in f32, where everything is known to be well.
"""

import math
from functools import cache
from importlib.resources import files

import numpy as np
import numpy.typing as npt

from img_enhance.machine.canvas import Pixels

Sample = npt.NDArray[np.uint8]

FILE = "golden.npz"

# Of a picture, so many rows and columns of pixels.
_ACROSS = 24

# bf16 strays from f32 by 50 dB and more, other processors and libraries by a step of 8 bits here and there, which is 48 dB at worst; a
# network with one wrong layer is at 30 dB or less.
LEAST_DECIBELS = 38.0


def sample_of(pixels: Pixels) -> Sample:
    """A few pixels of a picture, spread evenly, as 8 bits."""
    height, width = pixels.shape[:2]
    rows, columns = (np.linspace(0, side - 1, min(side, _ACROSS)).astype(int) for side in (height, width))
    chosen = pixels[np.ix_(rows, columns)]
    return np.asarray(chosen if chosen.dtype == np.uint8 else np.rint(chosen / 257), np.uint8)


def agreement(name: str, pixels: Pixels, sample: bytes = b"") -> float | None:
    """How near a picture is to what is known to be right, in decibels (PSNR); None where nothing is known.

    `sample` are the values of `sample_of` where they are not known by the name.
    """
    found, known = sample_of(pixels), golden().get(name)
    if known is None and sample:
        known = np.frombuffer(sample, np.uint8)
        known = known.reshape(found.shape) if known.size == found.size else known
    return None if known is None else decibels(found, known)


def decibels(found: Pixels, expected: Pixels) -> float:
    """PSNR of two pictures of 8 bits; infinite where they are equal, and 0 where they are not of one size."""
    if found.shape != expected.shape:
        return 0.0
    error = float(np.mean((found.astype(np.float64) - expected) ** 2))
    return math.inf if error == 0 else max(0.0, 10 * math.log10(255**2 / error))


@cache
def golden() -> dict[str, Sample]:
    """All samples, by the names of what they are of."""
    with (files(__package__) / FILE).open("rb") as file, np.load(file, allow_pickle=False) as samples:
        return {name: samples[name] for name in samples.files}
