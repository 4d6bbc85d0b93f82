"""How a photo's values are spread: luminance, red, green and blue as an sRGB screen shows them."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from img_enhance.compare.display import in_srgb, picture_of
from img_enhance.geometry import Size
from img_enhance.light.colour import srgb
from img_enhance.machine.canvas import Pixels
from img_enhance.photo import Photo

LEVELS = 256
_MOST_PIXELS = 1_000_000
_OPAQUE = 128

_PAPER = 244
# What is left of white under each channel's curve. Where two lie over each other the colours multiply, where all three do it is grey.
_INKS = np.array([[0.97, 0.62, 0.62], [0.62, 0.87, 0.62], [0.62, 0.70, 0.98]])
_LINE = (70, 70, 70)
_FINER = 4  # drawn so many times larger and reduced, for smooth edges
_HEADROOM = 0.9
_BELOW_TOP = 0.99
# Levels that a change of encoding leaves out would show as a comb, which says nothing of the photo.
_SMOOTH = np.array([1, 4, 6, 4, 1]) / 16


@dataclass(frozen=True, eq=False)
class Histogram:
    """`shares`, (4, 256), of the pixels at each level of luminance, red, green and blue; each row adds up to 1, or to 0 if all is
    transparent. Luminance is of linear light, given as the level of the grey that has it.
    """

    shares: npt.NDArray[np.float64]

    @property
    def median(self) -> int:
        """The level of luminance that half of the pixels do not exceed."""
        return int(np.searchsorted(self.shares[0].cumsum(), 0.5 * self.shares[0].sum()))


def histogram(photo: Photo) -> Histogram:
    """The histogram of at most a million pixels spread evenly over the photo; transparent ones do not count."""
    step = math.ceil(math.sqrt(photo.size.pixels / _MOST_PIXELS))
    picture = picture_of(photo, photo.size.box, step)
    pixels = np.asarray(in_srgb(picture.convert("RGB"), photo)).reshape(-1, 3)
    if picture.mode == "RGBA":
        pixels = pixels[np.asarray(picture.getchannel("A")).reshape(-1) >= _OPAQUE]
    channels = [_luminance(pixels), *pixels.T]
    counts = np.stack([np.bincount(values, minlength=LEVELS) for values in channels])
    return Histogram(counts / max(1, len(pixels)))


def _luminance(pixels: Pixels) -> npt.NDArray[np.intp]:
    light = srgb().decode(pixels) @ srgb().luminance
    of_level = srgb().decode_table(8)[0]
    return np.searchsorted((of_level[1:] + of_level[:-1]) / 2, light)


def peak(histograms: tuple[Histogram, ...]) -> float:
    """The share that reaches the top of a drawing: below it are all but a hundredth of the levels, so that no spike flattens the rest."""
    inner = max(float(np.quantile(each.shares[:, 1:-1], _BELOW_TOP)) for each in histograms)
    return inner or 1.0


def drawn(shown: Histogram, size: Size, top: float) -> Pixels:
    """The curves of the channels over each other and that of luminance as a line, (H, W, 3) uint8; `top` is the share at full height."""
    height, width = size.height * _FINER, size.width * _FINER
    places = (np.arange(width) + 0.5) / width * LEVELS - 0.5
    smooth = [np.convolve(row, _SMOOTH, mode="same") for row in shown.shares]
    curves = np.stack([np.interp(places, np.arange(LEVELS), row) for row in smooth])
    heights = np.minimum(curves / top * _HEADROOM, 1) * height
    above = np.arange(height, 0, -1)[:, None]
    covering = sum((above <= curve).astype(np.uint8) << bit for bit, curve in enumerate(heights[1:]))
    picture = np.take(_palette(), covering, axis=0)
    picture[_line(heights[0], above)] = _LINE
    return np.asarray(Image.fromarray(picture).reduce(_FINER))


def _palette() -> npt.NDArray[np.uint8]:
    """The colour of each set of channels, (8, 3): bit 0 red, 1 green, 2 blue."""
    chosen = np.arange(8)[:, None] >> np.arange(3) & 1
    return np.asarray(np.rint(_PAPER * np.where(chosen[..., None], _INKS, 1).prod(axis=1)), np.uint8)


def _line(curve: npt.NDArray[np.float64], above: npt.NDArray[np.intp]) -> npt.NDArray[np.bool_]:
    """Where a curve passes, thick enough to be joined where it is steep."""
    neighbours = np.stack([np.roll(np.pad(curve, _FINER, mode="edge"), shift)[_FINER:-_FINER] for shift in range(-2, 3)])
    low, high = neighbours.min(axis=0), neighbours.max(axis=0)
    found: npt.NDArray[np.bool_] = (above <= high + _FINER / 2) & (above >= low - _FINER / 2) & (high > 0)
    return found
