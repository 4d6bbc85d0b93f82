"""Makes an enlarged picture true to the one it was made of: its colours stay, and as much of the network's change as is asked for.

Networks move colours a little: whole photos by some levels, blocks of 16 pixels by up to 15. What they are there for is detail, so the low
frequencies of a result are made those of its picture: one step of back-projection (Irani and Peleg 1991, doi:10.1016/1049-9652(91)90045-L)
of the low band alone. Higher ones would bring back the noise and the blocks that a network took away.

All sums are of whole numbers that float32 holds exactly, so that a part of a picture gets the bits of the whole one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from img_enhance.cancelling import Tick
from img_enhance.geometry import Box, Size
from img_enhance.image_io import resample
from img_enhance.machine.canvas import Pixels

Values = npt.NDArray[np.float32]

# A Gaussian of one pixel of the picture in whole numbers, which sum to 64. Of photos with known truth it does best where they are noisy,
# compressed and blurred; wider ones leave colours further off, a narrower one brings noise back (docs/models.md).
KERNEL = np.array([1, 3, 15, 26, 15, 3, 1], np.float32)
# How far it sees, one pixel more for what lies between two, and one for the contrast around each.
REACH = len(KERNEL) // 2 + 2

# 8-bit levels of contrast around a pixel at which it counts half: what networks do to hard edges is to draw them, and to spread the
# difference would make halos beside the lines of a drawing.
_EDGE = 96
_MOST_WEIGHT, _LEAST_WEIGHT = 64, 13

# Colours count in sixteenths of an 8-bit level. 64 * 64 times the largest of them is less than the 2^24 up to which float32 holds whole
# numbers.
_STEPS = 255 * 16

_SQUARE = np.ones((3, 3), np.uint8)
_STRIP_PIXELS = 256 * 1024
# A strip's copies in float32, and libvips' buffers while it enlarges.
OWN_COLOURS_BYTES = 100_000_000


@dataclass(frozen=True)
class Enlarged:
    """The part `part` of a picture of `size` in its `canvas`, `scale` times as large, and the pixels `held` of it as they were before."""

    canvas: Pixels
    part: Box
    pixels: Pixels
    held: Box
    size: Size
    scale: int

    @property
    def white(self) -> float:
        return float(np.iinfo(self.canvas.dtype).max)

    def before(self, rows: range) -> Values:
        """The picture's rows in the columns of the part, (h, w, 3) in steps."""
        place = Box(self.part.left, rows.start, self.part.right, rows.stop).seen_from(self.held)
        return self._in_steps(self.pixels[place.slices].astype(np.float32), float(np.iinfo(self.pixels.dtype).max))

    def after(self, rows: range) -> Values:
        """The means of the result's pixels that stand for each of the picture's, (h, w, 3) in steps."""
        k, top = self.scale, self.part.top
        values = self.canvas[(rows.start - top) * k : (rows.stop - top) * k].astype(np.float32)
        # A sum of whole numbers, exact in any order: 16 * 16 values of 16 bits stay below 2^24.
        sums = values.reshape(len(rows), k, -1, 3).sum(1).reshape(len(rows), -1, k, 3).sum(2)
        return self._in_steps(sums, self.white * k * k)

    @staticmethod
    def _in_steps(values: Values, white: float) -> Values:
        return np.asarray(np.rint(values * np.float32(_STEPS / white)), np.float32)


def keep_colours(enlarged: Enlarged, tick: Tick) -> None:
    """Give the result the low frequencies of its picture, in place; `part` may end where the picture goes on, where its edge is repeated.

    No value is moved out of the range that the picture has around it: beside the lines of a drawing paper stays white.
    """
    step = np.float32(enlarged.white / _STEPS)
    for rows, corrections in _corrections(enlarged, tick):
        place = _strip(enlarged, rows)
        values = place.astype(np.float32)
        moved = values + _enlarged_smoothly(corrections.differences, enlarged.scale) * step
        least, most = (_repeated(bound * step, enlarged.scale) for bound in (corrections.least, corrections.most))
        np.clip(moved, np.minimum(values, least, out=least), np.maximum(values, most, out=most), out=moved)
        place[:] = _rounded(moved, enlarged)


def blend(enlarged: Enlarged, level: float, tick: Tick) -> None:
    """Mix the result with the picture, enlarged by a bicubic (`resample`), in place: `level` of it, from 0 to 1, stays."""
    for rows in _strips(enlarged):
        tick()
        place = _strip(enlarged, rows)
        box = Box(enlarged.part.left, rows.start, enlarged.part.right, rows.stop).scaled(enlarged.scale)
        plain = np.empty_like(place)
        size = enlarged.size.scaled(enlarged.scale)
        resample(enlarged.pixels, plain, tick, whole=enlarged.size, held=enlarged.held, size=size, part=box)
        place[:] = _rounded(np.float32(level) * place + np.float32(1 - level) * plain, enlarged)


def looks_grey(pixels: Pixels) -> bool:
    """Whether the three channels of a picture are equal throughout, though it is stored as one in colour."""
    rows = max(1, _STRIP_PIXELS // pixels.shape[1])
    strips = (pixels[top : top + rows] for top in range(0, len(pixels), rows))
    return all(np.array_equal(strip[..., 0], strip[..., 1]) and np.array_equal(strip[..., 0], strip[..., 2]) for strip in strips)


def _strips(enlarged: Enlarged) -> Iterator[range]:
    """The picture's rows, some at a time."""
    part = enlarged.part
    height = max(1, _STRIP_PIXELS // (part.size.width * enlarged.scale**2))
    for top in range(part.top, part.bottom, height):
        yield range(top, min(top + height, part.bottom))


def _strip(enlarged: Enlarged, rows: range) -> Pixels:
    """The result's pixels that stand for the picture's rows, to be changed."""
    top, k = enlarged.part.top, enlarged.scale
    return enlarged.canvas[(rows.start - top) * k : (rows.stop - top) * k]


def _rounded(values: Values, enlarged: Enlarged) -> Values:
    return np.clip(np.rint(values, out=values), 0, np.float32(enlarged.white), out=values)


@dataclass(frozen=True)
class _Corrections:
    """Of some rows of a picture, in steps: by how much it is brighter than the result, as far as that is of low frequency, (h + 2, w + 2,
    3) with a row and a column around; and the least and the most that each pixel's neighbours have, (h, w, 3)."""

    differences: Values
    least: Values
    most: Values


def _corrections(enlarged: Enlarged, tick: Tick) -> Iterator[tuple[range, _Corrections]]:
    """Strip by strip; of one that is yielded the result may be changed: what the next one needs of it has been looked at."""
    part = enlarged.part
    known, seen = np.empty((2, 0, part.size.width, 3), np.float32), part.top
    for rows in _strips(enlarged):
        tick()
        first, upto = max(part.top, rows.start - REACH), min(rows.stop + REACH, part.bottom)
        known = known[:, max(0, known.shape[1] - (seen - first)) :]
        if seen < upto:
            before = enlarged.before(range(seen, upto))
            known = np.concatenate([known, np.stack([before, before - enlarged.after(range(seen, upto))])], axis=1)
            seen = upto
        above, below = REACH - (rows.start - first), REACH - (upto - rows.stop)
        picture, differences = np.pad(known, ((0, 0), (above, below), (REACH, REACH), (0, 0)), mode="edge")
        least, most = cv2.erode(picture, _SQUARE), cv2.dilate(picture, _SQUARE)
        inner = slice(REACH, -REACH)
        low = _low(differences[1:-1, 1:-1], _weights((most - least)[1:-1, 1:-1]))
        yield rows, _Corrections(low, np.asarray(least[inner, inner], np.float32), np.asarray(most[inner, inner], np.float32))


def _weights(contrast: Values) -> Values:
    """How much each pixel counts, (h, w, 1), a whole number: less at hard edges."""
    strongest = contrast.max(2, keepdims=True) / np.float32(_EDGE * _STEPS / 255)
    squared = strongest * strongest
    return np.asarray(np.rint(np.float32(_MOST_WEIGHT) / (1 + squared * squared)), np.float32)


def _low(differences: Values, weights: Values) -> Values:
    """The low frequencies of (h, w, 3) steps, in steps, without the rows and columns that it looks at around."""

    def smoothed(values: Values) -> Values:
        sums = cv2.sepFilter2D(values, cv2.CV_32F, KERNEL, KERNEL, borderType=cv2.BORDER_REPLICATE)
        inner = slice(len(KERNEL) // 2, -(len(KERNEL) // 2))
        return np.asarray(sums[inner, inner], np.float32)

    weighed = smoothed(np.rint(differences * weights / np.float32(_MOST_WEIGHT)))
    weight = smoothed(weights[..., 0])[..., None] / np.float32(_MOST_WEIGHT)
    least = np.float32(KERNEL.sum() ** 2 * _LEAST_WEIGHT / _MOST_WEIGHT)
    return np.asarray(np.rint(weighed / np.maximum(weight, least)), np.float32)


def _enlarged_smoothly(values: Values, scale: int) -> Values:
    """Linearly between pixels' centres; a row and a column around are only looked at."""
    return np.asarray(_between(_between(values, scale, 0), scale, 1) / np.float32(4 * scale * scale))


def _repeated(values: Values, scale: int) -> Values:
    return np.repeat(np.repeat(values, scale, axis=0), scale, axis=1)


def _between(values: Values, scale: int, axis: int) -> Values:
    """2 * scale times as much along an axis, so that it stays whole."""
    moved = np.moveaxis(values, axis, 0)
    before, middle, after = moved[:-2], moved[1:-1], moved[2:]
    result = np.empty((len(middle), scale, *moved.shape[1:]), np.float32)
    for phase in range(scale):
        # The centre of this one of `scale` pixels, from that of their whole, in parts of 2 * scale.
        off = 2 * phase + 1 - scale
        result[:, phase] = (2 * scale - abs(off)) * middle + abs(off) * (before if off < 0 else after)
    return np.moveaxis(result.reshape(len(middle) * scale, *moved.shape[1:]), 0, axis)
