"""A cheap hint whether a photo may show a face, where there is no detector: patches of the colours of skin that are shaped like one."""

from __future__ import annotations

from math import ceil

import cv2
import numpy as np
import numpy.typing as npt

from img_enhance.photo import Photo

# Patches are looked at in about so many pixels along the longer side.
_SIDE = 192
# Colours of skin of all tones, in 8-bit YCbCr: red and blue differences, and enough light to tell.
# Source: Chai and Ngan, Face segmentation using skin-color map in videophone applications, 1999.
_RED, _BLUE, _LEAST_LUMA = (135, 175), (80, 127), 50
# A face's patch is at least this share of the picture, this wide for its height, and fills its box about as an oval does. Of 350 photos it
# speaks of 31 of the 62 with faces, as the detector finds them, and of 36 of the 288 without (2026-11).
_LEAST_SHARE = 0.004
_WIDTHS, _FILLS = (0.5, 1.3), (0.55, 0.88)
# Of the oval, so much is not of the colour of skin: eyes, brows, mouth, glasses.
_LEAST_HOLES = 0.02


def may_show_a_face(photo: Photo) -> bool | None:
    """Whether a patch has the colours of skin and the shape of a face; None for a grey photo, which does not tell.

    `photo` is not changed.
    """
    if photo.grey:
        return None
    step = max(1, ceil(max(photo.pixels.shape[:2]) / (2 * _SIDE)))
    sparse = np.ascontiguousarray(photo.pixels[::step, ::step])
    pixels = np.asarray(sparse if photo.depth == 8 else sparse >> 8, np.uint8)
    luma, red, blue = cv2.split(cv2.cvtColor(pixels, cv2.COLOR_RGB2YCrCb))
    skin = (red >= _RED[0]) & (red <= _RED[1]) & (blue >= _BLUE[0]) & (blue <= _BLUE[1]) & (luma >= _LEAST_LUMA)
    mask = cv2.morphologyEx(skin.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    _, labels, boxes, _ = cv2.connectedComponentsWithStats(mask, connectivity=4)
    return any(_is_like_a_face(labels[y : y + h, x : x + w] == n, mask.size) for n, (x, y, w, h, _) in enumerate(boxes) if n)


def _is_like_a_face(patch: npt.NDArray[np.bool_], picture_pixels: int) -> bool:
    """`patch` is True where its box has the patch."""
    height, width = patch.shape
    area = int(patch.sum())
    if area < _LEAST_SHARE * picture_pixels or not _WIDTHS[0] <= width / height <= _WIDTHS[1]:
        return False
    outlines, _ = cv2.findContours(patch.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    whole = np.zeros(patch.shape, np.uint8)
    cv2.drawContours(whole, outlines, -1, 1, cv2.FILLED)
    filled = int(whole.sum())
    return _FILLS[0] <= filled / patch.size <= _FILLS[1] and filled - area >= _LEAST_HOLES * filled
