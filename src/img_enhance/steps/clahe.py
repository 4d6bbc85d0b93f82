"""Contrast-limited adaptive histogram equalisation of lightness, where there is detail to lift, with less of it where noise would be seen.

Source: Pizer et al. 1987, "Adaptive histogram equalization and its variations"; Zuiderveld 1994, "Contrast limited adaptive histogram
equalization". With `amplify_noise` the tables are those of OpenCV's createCLAHE before they are rounded.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
import numpy.typing as npt

from img_enhance.errors import OptionError
from img_enhance.geometry import Box
from img_enhance.light.colour import CODES, Encoding, Floats, Pixels, encoding_of
from img_enhance.light.detail import detail_shares
from img_enhance.light.lattice import Lattice, refined
from img_enhance.light.lightness import light_table, lightness_table
from img_enhance.light.noise import VISIBLE_NOISE, NoiseLevels, noise_levels
from img_enhance.light.tone import Target, decoded, looked_up, luminance_of, relit, root_index
from img_enhance.photo import Photo
from img_enhance.request.step_options import CLAHE
from img_enhance.words import Setting, Words, asks_nothing

LEVELS = 256

_TILES = 8
# Smaller tiles have too few pixels for a histogram; only an explicit `grid` makes them.
_LEAST_TILE_SIDE = 32

# Histograms come from so many pixels of a photo at most; of a photo up to this size from all.
_COUNTED_PIXELS = 2_500_000

# About so many nodes along a side say where there is detail.
_DETAIL_NODES = 24

# The largest channel comes no nearer to white than a tenth of the distance that it or the new grey has.
_LEAST_DISTANCE_FROM_WHITE = 0.1

# Less light than any value but black stands for; black counts as grey.
_TINY = np.float32(1e-6)

Doubles = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class CLAHEFacts:
    """The tables of all tiles as a lattice over place and lightness, `noise` by lightness, and what `apply` needs besides.

    `unchanged` is why nothing changes, "" where something does.
    """

    lattice: Lattice
    noise: NoiseLevels
    unchanged: str
    encoding: Encoding
    grey: bool
    warnings: tuple[str, ...] = ()

    @property
    def changes(self) -> bool:
        return not self.unchanged

    @property
    def reach(self) -> int:
        return 0

    def record(self) -> dict[str, Any]:
        """What was measured, as JSON values; noise as standard deviations in levels of 255 of lightness."""
        rows, columns, _ = self.lattice.values.shape
        return {"tiles_down": rows, "tiles_across": columns, "noise_levels": [round(float(s), 2) for s in self.noise.sigmas]}


def measure(photo: Photo, options: CLAHE) -> CLAHEFacts:
    """The tables of a photo's tiles.

    Raises: OptionError when `grid` asks for more tiles than the photo has pixels a side.
    """
    encoding = encoding_of(photo.metadata.icc)
    height, width = photo.pixels.shape[:2]
    tiling = Tiling.of(height, width, options.grid)
    noise = noise_levels(photo, encoding)
    most = np.full(LEVELS, np.inf) if options.amplify_noise else steepest(noise)
    tables = tables_of(histograms(photo, encoding, tiling), clip_limit=options.clip_limit, most=most)
    # Tiles may reach beyond the photo, but what goes round ends with it.
    cell: tuple[float, float] = (tiling.tile_height, width / tiling.columns if photo.wraps else tiling.tile_width)
    if not options.amplify_noise:
        times = finer(tiling.rows), finer(tiling.columns)
        nodes, cell = (tiling.rows * times[0], tiling.columns * times[1]), (cell[0] / times[0], cell[1] / times[1])
        shares = detail_shares(photo, encoding, noise, nodes=nodes, cell=cell)
        tables = limited_to_detail(
            refined(refined(tables, axis=0, times=times[0]), axis=1, times=times[1], wraps=photo.wraps), shares, most
        )
    own = np.arange(LEVELS) / (LEVELS - 1)
    values = own + (tables - own) * options.enhance_level
    lattice = Lattice(values.astype(np.float32), *cell, photo.wraps)
    why = "" if options.enhance_level > 0 else asks_nothing(Setting("clahe_enhance_level", "0"))
    return CLAHEFacts(lattice, noise, why, encoding, photo.grey)


def apply(pixels: Pixels, box: Box, facts: CLAHEFacts, depth: int) -> Pixels:
    """The part `box` of the photo, (h, w, 3), through the tables of the tiles around each pixel, in `depth` bits."""
    if not facts.changes and depth == 8 * pixels.itemsize:
        return pixels
    lightness, light = lightness_table(), light_table()

    def relight(rows: slice, luminance: Floats, largest: Floats) -> Target:
        level = facts.lattice.read(box.top + rows.start, box.left, looked_up(lightness, root_index(luminance)))
        level *= np.float32(CODES - 1)
        level += np.float32(0.5)
        target = _within_reach(looked_up(light, level.astype(np.uint16)), luminance, largest)
        limit = np.maximum(largest, target)
        limit = 1 - (1 - limit) * np.float32(_LEAST_DISTANCE_FROM_WHITE)
        return Target(target, limit)

    return relit(pixels, facts.encoding, depth, grey=facts.grey, relight=relight)


def _within_reach(target: Floats, luminance: Floats, largest: Floats) -> Floats:
    """The target, nearer to the luminance at which the colour's largest channel is full where it is above that.

    Else a saturated colour, which is never as light as white, would end as white where it is the lightest of its tile.
    """
    full = (luminance + _TINY) / (largest + _TINY)
    pulled = target - full
    pulled *= full
    pulled += full
    return np.minimum(target, pulled, out=pulled)


@dataclass(frozen=True)
class Tiling:
    """Equal tiles over a photo of `height` x `width`, which is continued by reflection where it ends within a tile, as OpenCV does."""

    height: int
    width: int
    rows: int
    columns: int
    tile_height: int
    tile_width: int

    @classmethod
    def of(cls, height: int, width: int, grid: int | None) -> Tiling:
        """`grid` tiles a side, or as many as make sense.

        Raises: OptionError when `grid` is larger than the photo.
        """
        if grid is not None and grid > min(height, width):
            says = Words(Setting("clahe_grid", str(grid)), f" is more tiles than the photo, {width}x{height}, has pixels a side")
            raise OptionError(says, f"use at most {min(height, width)}")
        rows, columns = (grid or min(_TILES, max(1, side // _LEAST_TILE_SIDE)) for side in (height, width))
        # Where one side is no multiple of its tiles, OpenCV continues the other one too, by a whole tile's share.
        more = 1 if height % rows or width % columns else 0
        return cls(height, width, rows, columns, height // rows + more, width // columns + more)


def steepest(noise: NoiseLevels) -> Doubles:
    """(256,): the steepest slope at each level with which visible noise stays as it is, and other noise invisible."""
    return np.maximum(1.0, VISIBLE_NOISE / np.maximum(noise.at(np.arange(LEVELS) / (LEVELS - 1)), 1e-9))


def finer(tiles: int) -> int:
    """How many nodes there are for a tile, of so many, where the photo's detail counts; odd, so that a tile's middle is one."""
    return max(1, (_DETAIL_NODES // tiles - 1) // 2 * 2 + 1)


def limited_to_detail(tables: Doubles, shares: Doubles, most: Doubles) -> Doubles:
    """(rows, columns, 256) tables that keep levels as they are where `shares` (rows, columns, bins) of detail are 0.

    They rise, and no steeper than `most`.
    """
    own = np.arange(LEVELS) / (LEVELS - 1)
    bins = (np.arange(shares.shape[-1]) + 0.5) / shares.shape[-1]
    amount = np.apply_along_axis(lambda share: np.interp(own, bins, share), -1, shares)
    mixed = own + (tables - own) * amount
    rising = (np.maximum.accumulate(mixed, axis=-1) + np.minimum.accumulate(mixed[..., ::-1], axis=-1)[..., ::-1]) / 2
    # From black, which stays black, to white.
    steps = np.diff(rising, axis=-1) / (rising[..., -1:] - rising[..., :1])
    slopes = _limited(steps * (LEVELS - 1), most[1:])
    return np.concatenate([np.zeros((*slopes.shape[:-1], 1)), np.cumsum(slopes, axis=-1) / (LEVELS - 1)], axis=-1)


def histograms(photo: Photo, encoding: Encoding, tiling: Tiling) -> Counts:
    """(rows, columns, 256) counts of lightness in each tile; fully transparent pixels do not count. The photo is read in strips."""
    step = max(1, int(sqrt(tiling.height * tiling.width / _COUNTED_PIXELS)))
    columns = np.arange(0, tiling.columns * tiling.tile_width, step)
    offsets = (columns // tiling.tile_width * LEVELS).astype(np.int32)
    columns = _reflected(columns, tiling.width)
    level_of = np.rint(lightness_table() * (LEVELS - 1)).astype(np.uint8)
    counts = np.zeros((tiling.rows, tiling.columns * LEVELS), np.int64)
    block = max(1, 262_144 // tiling.width)
    for tile_row in range(tiling.rows):
        rows = np.arange(-(-tile_row * tiling.tile_height // step) * step, (tile_row + 1) * tiling.tile_height, step)
        for first in range(0, rows.size, block):
            y = _reflected(rows[first : first + block], tiling.height)
            planes = decoded(photo.pixels[y][:, columns], encoding, grey=photo.grey)
            index = looked_up(level_of, root_index(luminance_of(planes, encoding.luminance))) + offsets
            seen = index.ravel() if photo.alpha is None else index[photo.alpha[y][:, columns] > 0]
            counts[tile_row] += np.bincount(seen, minlength=counts.shape[1])
    return counts.reshape(tiling.rows, tiling.columns, LEVELS)


def _reflected(places: npt.NDArray[np.int64], length: int) -> npt.NDArray[np.int64]:
    """Places beyond the end, mirrored at the last pixel."""
    return np.maximum(0, np.where(places < length, places, 2 * (length - 1) - places))


def tables_of(counts: Counts, *, clip_limit: float, most: Doubles) -> Doubles:
    """(rows, columns, 256) in [0, 1]: what becomes of each level in the middle of each tile.

    `most` is the steepest slope allowed at each level; what it takes away goes to the other levels, as much to each as it may have.
    """
    total = counts.sum(axis=-1, keepdims=True)
    clipped = _clipped(counts, np.maximum(1, (clip_limit * total / LEVELS).astype(np.int64)))
    slopes = _limited(clipped * (LEVELS / np.maximum(total, 1)), most)
    tables = np.cumsum(slopes, axis=-1) / LEVELS
    # A tile where nothing counts keeps what it has.
    own = np.arange(LEVELS) / (LEVELS - 1)
    return np.where(total > 0, np.minimum(tables, 1.0), own)


def _clipped(counts: Counts, limit: Counts) -> Counts:
    """Histograms cut off at `limit`; what was cut is spread evenly over all levels, the rest of that division at even distances."""
    excess = np.maximum(counts - limit, 0).sum(axis=-1, keepdims=True)
    each, rest = excess // LEVELS, excess % LEVELS
    step = np.maximum(LEVELS // np.maximum(rest, 1), 1)
    level = np.arange(LEVELS)
    return np.asarray(np.minimum(counts, limit) + each + ((level % step == 0) & (level // step < rest)), np.int64)


def _limited(slopes: Doubles, most: Doubles) -> Doubles:
    """Slopes of mean 1, none above `most`, which is at least 1: what is cut off is given back, one number to all that have room."""
    if (slopes <= most).all():
        return slopes
    least, largest = np.zeros((*slopes.shape[:-1], 1)), np.full((*slopes.shape[:-1], 1), float(LEVELS))
    for _ in range(40):
        middle = (least + largest) / 2
        short = np.minimum(slopes + middle, most).mean(axis=-1, keepdims=True) < 1
        least, largest = np.where(short, middle, least), np.where(short, largest, middle)
    return np.minimum(slopes + largest, most)
