"""Makes an enlarged picture true to the one it was made of: its colours stay, and as much of the network's change as is asked for.

Networks move colours a little: whole photos by some levels, blocks of 16 pixels by up to 15. What they are there for is detail, so the low
frequencies of a result are made those of its picture: one step of back-projection (Irani and Peleg 1991, doi:10.1016/1049-9652(91)90045-L)
of the low band alone. Higher ones would bring back the noise and the blocks that a network took away.

A part of a picture gets the bits of the whole one (`light/low_band.py`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from math import ceil

import numpy as np

from img_enhance.cancelling import Tick
from img_enhance.geometry import Box, Size
from img_enhance.image_io import resample
from img_enhance.light.low_band import REACH, STEPS, Values, corrected, correction_of, means
from img_enhance.machine.canvas import Pixels
from img_enhance.planning.planner import STREAM_BYTES

# Several strips are at work at a time. Smaller ones take less memory, and look at a few more rows twice.
_STRIP_PIXELS = 64 * 1024
# Strips are corrected by at most so many threads; one more is what looks at the next strip, which takes a quarter of the time.
MOST_THREADS = 4
# float32 copies that each of them has at one time of a strip of the result, and of what is looked at of the picture.
_COPIES = 8


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
        return self._in_steps(means(values, k), self.white)

    @staticmethod
    def _in_steps(values: Values, white: float) -> Values:
        return np.asarray(np.rint(values * np.float32(STEPS / white)), np.float32)


def own_colours_bytes(part: Size, scale: int, *, threads: int, blends: bool) -> int:
    """What making a result true takes at most, for a part of a picture that becomes `scale` times as large."""
    rows = min(_rows(part.width, scale), part.height)
    strip, around = rows * part.width * scale**2, (rows + 2 * REACH) * (part.width + 2 * REACH)
    at_once = min(threads + 1, ceil(part.height / rows))
    return at_once * 4 * 3 * _COPIES * (strip + around) + blends * STREAM_BYTES


def keep_colours(enlarged: Enlarged, tick: Tick, *, threads: int) -> None:
    """Give the result the low frequencies of its picture, in place.

    Where its part ends and the picture goes on, the edge is repeated: what lies REACH inside has the bits of the whole.
    """
    step = enlarged.white / STEPS

    def correct(rows: range, picture: Values, differences: Values) -> None:
        place = _strip(enlarged, rows)
        correction = correction_of(picture, differences)
        place[:] = _rounded(corrected(place.astype(np.float32), correction, enlarged.scale, step), enlarged)

    under_way: deque[Future[None]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        for seen in _looked_at(enlarged):
            tick()
            if len(under_way) == threads:
                under_way.popleft().result()
            under_way.append(pool.submit(correct, *seen))
        for future in under_way:
            future.result()


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
    height = _rows(part.size.width, enlarged.scale)
    for top in range(part.top, part.bottom, height):
        yield range(top, min(top + height, part.bottom))


def _rows(width: int, scale: int) -> int:
    """How many rows of a picture so wide go at a time."""
    return max(1, _STRIP_PIXELS // (width * scale**2))


def _strip(enlarged: Enlarged, rows: range) -> Pixels:
    """The result's pixels that stand for the picture's rows, to be changed."""
    top, k = enlarged.part.top, enlarged.scale
    return enlarged.canvas[(rows.start - top) * k : (rows.stop - top) * k]


def _rounded(values: Values, enlarged: Enlarged) -> Pixels:
    return np.clip(np.rint(values, out=values), 0, np.float32(enlarged.white), out=values).astype(enlarged.canvas.dtype)


def _looked_at(enlarged: Enlarged) -> Iterator[tuple[range, Values, Values]]:
    """Strip by strip its rows, and what `correction_of` needs for them, which is then no longer asked of the result."""
    part = enlarged.part
    known, seen = np.empty((2, 0, part.size.width, 3), np.float32), part.top
    for rows in _strips(enlarged):
        first, upto = max(part.top, rows.start - REACH), min(rows.stop + REACH, part.bottom)
        known = known[:, max(0, known.shape[1] - (seen - first)) :]
        if seen < upto:
            before = enlarged.before(range(seen, upto))
            known = np.concatenate([known, np.stack([before, before - enlarged.after(range(seen, upto))])], axis=1)
            seen = upto
        above, below = REACH - (rows.start - first), REACH - (upto - rows.stop)
        picture, differences = np.pad(known, ((0, 0), (above, below), (REACH, REACH), (0, 0)), mode="edge")
        yield rows, picture, differences
