"""Pixels through changes of their linear light: of luminance, keeping hues, or of each channel by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from img_enhance.light.colour import CODES, Encoding, Floats, Pixels

# Pixels worked on at once. Fewer would stay in a core's own cache, but then threads spend their time on handing over the lock of Python.
# CLAHE of 12 MP on two cores of Zen 3, megapixels a second: 16,384 pixels 9 (one thread 15), 65,536 21, 98,304 28, 262,144 22 (2026-11).
BLOCK_PIXELS = 98_304

_TINY = np.float32(1e-12)
_WHITE = np.float32(CODES - 1)


@dataclass(frozen=True, eq=False)
class Target:
    """What becomes of a block's pixels: the new luminance, and the most that a channel may be, which is nowhere less than that."""

    luminance: Floats
    limit: Floats


# From the rows of a block, its luminance and its largest channel.
Relight = Callable[[slice, Floats, Floats], Target]


def looked_up(table: npt.NDArray[Any], index: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """`table[index]` for (h, w) indices of 8 or 16 bits and a table of 256 or 65536; four times as fast (measured 2026-11, OpenCV 5)."""
    return cv2.LUT(index, table)


def root_index(light: Floats) -> npt.NDArray[np.uint16]:
    """The rounded square root of light in [0, 1] times 65535: the index of tables that are fine where encodings are."""
    root = np.sqrt(light)
    root *= _WHITE
    root += np.float32(0.5)
    return root.astype(np.uint16)


def relit(pixels: Pixels, encoding: Encoding, depth: int, *, grey: bool, relight: Relight) -> Pixels:
    """Pixels (h, w, 3) of `depth` bits whose luminance is what `relight` makes of it.

    Channels keep their ratios in linear light, hence hue and saturation. Where the largest would exceed its limit, the colour is mixed
    with grey of the same luminance until it does not; so nothing is cut off at white. A channel becomes white only where it was white
    before, and black only where it was black.
    """
    height, width = pixels.shape[:2]
    result = np.empty((height, width, 3), np.uint16 if depth == 16 else np.uint8)
    encode = encode_table(encoding, depth)
    for rows in blocks(height, width):
        planes = decoded(pixels[rows], encoding, grey=grey)
        if grey:
            made: list[Any] = [encoded(relight(rows, planes[0], planes[0]).luminance, encode[1])] * 3
        else:
            luminance, largest = luminance_of(planes, encoding.luminance), largest_of(planes)
            coloured = _coloured(planes, luminance, largest, relight(rows, luminance, largest))
            made = [encoded(plane, table) for plane, table in zip(coloured, encode, strict=True)]
        cv2.merge(made, result[rows])
        keep_clear_of_the_ends(pixels[rows], result[rows])
    return result


def retoned(pixels: Pixels, encoding: Encoding, depth: int, *, table: Floats) -> Pixels:
    """Pixels (h, w, 3), each channel's light through a `table` at `root_index`, in `depth` bits.

    A channel becomes white only where it was white before, and black only where it was black.
    """
    most = np.iinfo(pixels.dtype).max
    codes = np.arange(most + 1)
    lights, encode = encoding.decode_table(8 * pixels.itemsize), encode_table(encoding, depth)
    planes = []
    for plane, light, codes_of in zip(cv2.split(pixels), lights, encode, strict=True):
        through = encoded(looked_up(table, root_index(light[None])), codes_of)[0]
        keep_clear_of_the_ends(codes.astype(pixels.dtype), through)
        planes.append(looked_up(through, plane))
    return np.asarray(cv2.merge(planes))


def blocks(height: int, width: int) -> Iterator[slice]:
    """Rows of a picture in blocks of about BLOCK_PIXELS."""
    step = max(1, BLOCK_PIXELS // width)
    return (slice(top, min(height, top + step)) for top in range(0, height, step))


def decoded(pixels: Pixels, encoding: Encoding, *, grey: bool) -> list[Floats]:
    """Planes of linear light of pixels (h, w, 3): one of a grey photo, three of others."""
    table = encoding.decode_table(8 * pixels.itemsize)
    if grey:
        return [looked_up(table[1], np.ascontiguousarray(pixels[..., 0]))]
    return [looked_up(of_channel, plane) for of_channel, plane in zip(table, cv2.split(pixels), strict=True)]


def luminance_of(planes: list[Floats], weights: Floats) -> Floats:
    """Luminance of one or three planes of linear light; at most 1."""
    if len(planes) == 1:
        return planes[0]
    luminance: Floats = planes[0] * weights[0]
    luminance += planes[1] * weights[1]
    luminance += planes[2] * weights[2]
    # The weights' sum may be above 1 by a rounding.
    np.minimum(luminance, np.float32(1), out=luminance)
    return luminance


def largest_of(planes: list[Floats]) -> Floats:
    """The largest of one or three planes of linear light."""
    largest = planes[0]
    for plane in planes[1:]:
        largest = np.asarray(np.maximum(largest, plane), np.float32)
    return largest


def _coloured(planes: list[Floats], luminance: Floats, largest: Floats, target: Target) -> Iterator[Floats]:
    gain = target.luminance / np.maximum(luminance, _TINY)
    reach = largest - luminance
    np.maximum(reach, _TINY, out=reach)
    most = target.limit - target.luminance
    most /= reach
    # A grey's largest channel and luminance may differ by a rounding, either way.
    np.clip(most, 0, gain, out=gain)
    for plane in planes:
        new = plane - luminance
        new *= gain
        new += target.luminance
        yield new


def encoded(light: Floats, table: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """A plane of light, cut off at 0 and 1, as values of the encoding whose row of `Encoding.encode_table` this is."""
    return looked_up(table, root_index(np.clip(light, 0, 1)))


def keep_clear_of_the_ends(pixels: Pixels, result: Pixels) -> None:
    """Change `result` so that nothing in it is black or white that is not in `pixels`."""
    was_white, was_not_black = pixels == np.iinfo(pixels.dtype).max, pixels != 0
    highest = was_white.astype(result.dtype)
    highest += np.iinfo(result.dtype).max - 1
    np.minimum(result, highest, out=result)
    np.maximum(result, was_not_black, out=result)


@lru_cache(maxsize=4)
def encode_table(encoding: Encoding, depth: int) -> npt.NDArray[Any]:
    """`Encoding.encode_table`, made once."""
    return encoding.encode_table(depth)
