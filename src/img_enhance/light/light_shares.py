"""What part of a photo is how bright, and where it is clipped: what tells whether it was exposed well."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from img_enhance.light.colour import Floats

Mask = npt.NDArray[np.bool_]

# Stops below white.
STOPS = (0.06, 0.12, 0.18, 0.25, 0.5, 0.75, 1, 1.25, 1.75, 2.25, 2.75, 3.25, 4.25, 5.25, 6.25, 7.25, 8.25)
_LEVELS = np.exp2(-np.array(STOPS, np.float32))[::-1]

# Light counts as clipped from here on: the code 252 of 8 bits in sRGB, as JPEG rings around white.
CLIPPED_LIGHT = 0.973

# Sky is above, ground below: clipped light is counted in so many bands of rows.
_BANDS = 3

# A lamp is clipped as a point, too much light in areas: blocks, so many along each side, are counted that are clipped in so large a part.
_BLOCKS = 16
_CLIPPED_PART = 0.9

SHARES = 3 * len(STOPS) + 2 * (1 + _BANDS + 1)


def light_shares(luminance: Floats, largest: Floats, smallest: Floats, counts: Mask) -> Floats:
    """(SHARES,) square roots of shares in [0, 1] of the pixels that count, which has to be one at least; all arguments are (h, w).

    Of luminance, the largest and the smallest channel: the share that exceeds each of STOPS. Then the share that is clipped in some channel
    and in all: of the photo, of each band from the top down, and of blocks that are clipped nearly whole.
    """
    exceeding = [_exceeding(light[counts]) for light in (luminance, largest, smallest)]
    some, every = largest >= CLIPPED_LIGHT, smallest >= CLIPPED_LIGHT
    clipped = [_share(some, counts), _share(every, counts)]
    bands = [
        _share(a, c) for mask in (some, every) for a, c in zip(np.array_split(mask, _BANDS), np.array_split(counts, _BANDS), strict=True)
    ]
    blocks = [_share_of_blocks(mask, counts) for mask in (some, every)]
    return np.asarray(np.sqrt(np.concatenate([*exceeding, clipped, bands, blocks])), np.float32)


def _exceeding(light: Floats) -> npt.NDArray[Any]:
    """The share of (N,) values that exceeds each of STOPS."""
    below = np.bincount(np.searchsorted(_LEVELS, light), minlength=len(_LEVELS) + 1).cumsum()[:-1]
    return (1 - below / light.size)[::-1]


def _share(mask: Mask, counts: Mask) -> float:
    return float(mask[counts].mean()) if counts.any() else 0.0


def _share_of_blocks(mask: Mask, counts: Mask) -> float:
    """The share of a grid of blocks, of those with pixels that count, in which nearly all that count are in `mask`."""
    side = tuple(min(_BLOCKS, length) for length in reversed(mask.shape))
    parts = cv2.resize(np.dstack([mask & counts, counts]).astype(np.float32), side, interpolation=cv2.INTER_AREA).reshape(-1, 2)
    parts = parts[parts[:, 1] > 0]
    return float((parts[:, 0] >= _CLIPPED_PART * parts[:, 1]).mean())
