"""Which part of two photos is shown."""

import numpy as np
import numpy.typing as npt
from PIL import Image

from img_enhance.compare.display import Part, view
from img_enhance.errors import OptionError
from img_enhance.geometry import Box, Size
from img_enhance.photo import Photo
from img_enhance.words import Setting, Words

# Detail is sought in a picture of at most this many pixels a side: finer texture, such as grass, is then no reason to show a place.
_SEARCH_SIDE = 256

# The root of the gradient, so that many weak edges count more than a few strong ones; and how much less a corner counts than the middle,
# where people put what they photograph.
_GRADIENT_POWER = 0.5
_CORNER_WEIGHT = 0.5

# Sizes are rounded to whole pixels, and photos made elsewhere are often a little off.
_SAME_SHAPE_WITHIN = 0.01


def check_region(region: Box, after: Size) -> None:
    """Pass if `region` lies within a picture of size `after`.

    Raises: OptionError.
    """
    if region.right > after.width or region.bottom > after.height or min(region.left, region.top) < 0:
        asked = f"{region.left},{region.top},{region.size.width},{region.size.height}"
        says = Words(Setting("region", asked), f" reaches beyond AFTER, which is {after}")
        raise OptionError(says, "give X,Y,W,H within it")


def detailed_region(photo: Photo, whole: Size, size: Size) -> Box:
    """The box of `size` with the most detail, preferably near the middle, in a picture of size `whole` of which `photo` is a preview.

    It is all of the picture where that is smaller.
    """
    width, height = min(size.width, whole.width), min(size.height, whole.height)
    if (width, height) == (whole.width, whole.height):
        return whole.box
    small = fitted_size(whole, Size(_SEARCH_SIDE, _SEARCH_SIDE))
    detail = _detail(view(photo, (0, 0, photo.size.width, photo.size.height), small))
    across, down = whole.width / small.width, whole.height / small.height
    window = Size(max(1, min(small.width, round(width / across))), max(1, min(small.height, round(height / down))))
    row, column = _heaviest(detail, window)
    left, top = min(round(column * across), whole.width - width), min(round(row * down), whole.height - height)
    return Box(left, top, left + width, top + height)


def _detail(pixels: npt.NDArray[np.uint8 | np.uint16]) -> npt.NDArray[np.float64]:
    """How much there is to see at each pixel, (H, W)."""
    grey = np.asarray(Image.fromarray(pixels).convert("L"), np.float64)
    down, across = (np.gradient(grey, axis=axis) if grey.shape[axis] > 1 else np.zeros_like(grey) for axis in (0, 1))
    distances = [np.abs(np.linspace(-1, 1, count)) if count > 1 else np.zeros(1) for count in grey.shape]
    weight = 1 - (1 - _CORNER_WEIGHT) * np.add.outer(distances[0] ** 2, distances[1] ** 2) / 2
    # A little everywhere, so that a picture of one colour shows its middle.
    return np.asarray((np.hypot(down, across) ** _GRADIENT_POWER + 0.01) * weight, np.float64)


def _heaviest(weights: npt.NDArray[np.float64], window: Size) -> tuple[int, int]:
    """Top row and left column of the window with the largest sum."""
    total = np.pad(weights, ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)
    h, w = window.height, window.width
    sums = total[h:, w:] - total[:-h, w:] - total[h:, :-w] + total[:-h, :-w]
    row, column = np.unravel_index(int(np.argmax(sums.round(6))), sums.shape)
    return int(row), int(column)


def matching_part(box: Box, after: Size, before: Size) -> Part:
    """What of a picture of size `before` lies where `box` lies in one of size `after`.

    Where the shapes differ, the middle of `before` that has the shape of `after` stands for all of it.
    """
    width, height = (before.width, before.height) if same_shape(before, after) else _widest(before, after)
    left, top = (before.width - width) / 2, (before.height - height) / 2
    across, down = width / after.width, height / after.height
    return left + box.left * across, top + box.top * down, left + box.right * across, top + box.bottom * down


def same_shape(before: Size, after: Size) -> bool:
    """Whether one could be the other enlarged or reduced, rounding and a hundredth aside."""
    smaller, larger = sorted((before, after), key=lambda size: size.pixels)
    factor = larger.width / smaller.width
    off = abs(smaller.height - larger.height / factor)
    return off <= max(1, _SAME_SHAPE_WITHIN * smaller.height)


def _widest(size: Size, shape: Size) -> tuple[float, float]:
    scale = min(size.width / shape.width, size.height / shape.height)
    return shape.width * scale, shape.height * scale


def fitted_size(size: Size, most: Size) -> Size:
    """`size`, or less in the same shape so that it fits in `most`; at least one pixel."""
    scale = min(1.0, most.width / size.width, most.height / size.height)
    return Size(max(1, round(size.width * scale)), max(1, round(size.height * scale)))
