"""Colour under transparency: pixels that nobody sees take the colour of what is around them, so that a network sees no false edge."""

from typing import Any

import numpy as np
import numpy.typing as npt

from img_enhance.machine.canvas import Pixels

_ROWS_AT_A_TIME = 256


def bleed(pixels: Pixels, alpha: Pixels) -> None:
    """Fill the pixels under zero alpha, in place, from the visible ones near them; visible pixels do not change.

    `pixels` is (H, W, 3), `alpha` (H, W). Source: the pull-push pyramid of Gortler et al., The Lumigraph, SIGGRAPH 1996.
    """
    if bool(alpha.all()):
        return
    levels = [_halved_strips(pixels, alpha)]
    while max(levels[-1].shape[:2]) > 1:
        levels.append(_halved(levels[-1]))
    coarse = levels[-1][..., :3]
    for level in reversed(levels[:-1]):
        filled = _doubled(coarse, level.shape[0], level.shape[1])
        seen = level[..., 3:] > 0
        coarse = np.where(seen, level[..., :3], filled)
    for top in range(0, pixels.shape[0], _ROWS_AT_A_TIME):
        rows = slice(top, top + _ROWS_AT_A_TIME)
        hidden = alpha[rows] == 0
        if hidden.any():
            strip = coarse[top // 2 : (top + _ROWS_AT_A_TIME) // 2]
            filled = _doubled(strip, hidden.shape[0], hidden.shape[1])
            pixels[rows][hidden] = np.rint(filled[hidden]).astype(pixels.dtype)


Weighted = npt.NDArray[np.float32]


def _halved_strips(pixels: Pixels, alpha: Pixels) -> Weighted:
    """The first level, (H / 2, W / 2, 4): colour times weight, and weight, where the weight is 1 where a pixel is visible, else 0."""
    height, width = alpha.shape
    answer = np.empty(((height + 1) // 2, (width + 1) // 2, 4), np.float32)
    for top in range(0, height, _ROWS_AT_A_TIME):
        rows = slice(top, top + _ROWS_AT_A_TIME)
        weight = (alpha[rows] > 0).astype(np.float32)[..., None]
        weighted = np.concatenate([pixels[rows] * weight, weight], axis=2)
        answer[top // 2 : (top + _ROWS_AT_A_TIME) // 2] = _halved(weighted)
    return answer


def _halved(level: Weighted) -> Weighted:
    """Colours and weights of 2 x 2 places each: the mean of those that were seen, at weight 1 however many they were."""
    height, width = level.shape[:2]
    even = np.pad(level, ((0, height % 2), (0, width % 2), (0, 0)))
    total: Any = even[0::2, 0::2] + even[1::2, 0::2] + even[0::2, 1::2] + even[1::2, 1::2]
    return np.asarray(total / np.maximum(total[..., 3:], 1), np.float32)


def _doubled(level: Weighted, height: int, width: int) -> Weighted:
    return level.repeat(2, axis=0).repeat(2, axis=1)[:height, :width]
