"""How a picture is cut into windows: equally large and overlapping, each with a halo that ends only where the picture ends.

That all are equally large is more than tidy. A runtime prepares kernels for every size it meets and keeps them, which cost more memory
than planned where there were many. And windows at the border, which need a halo on one side only, answer for more than the others: the
largest is smaller than if all answered for the same.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import ceil

from img_enhance.geometry import Box

Range = tuple[int, int]
# What a window answers for along one side, and what it reads.
Along = tuple[Range, Range]


@dataclass(frozen=True, slots=True)
class Window:
    """`core` is what a window answers for, `read` what it must see to do so."""

    core: Box
    read: Box


def fewest(seen: int, *, side: int, halo: int) -> int:
    """How many windows it takes along `seen` pixels if none reads more than `side` of them and a halo on both sides."""
    return max(1, ceil((seen - 2 * halo) / side))


def length(seen: int, parts: int, *, halo: int) -> int:
    """How many pixels each of `parts` windows reads along `seen` of them, neighbours sharing two halos."""
    return ceil((seen - 2 * halo) / parts) + 2 * halo


def overlapping(core: Range, parts: int, *, halo: int, within: Range) -> list[Along]:
    """What each of `parts` windows along one side answers for, and what it reads. Fewer where the halos leave no room for so many."""
    first, last = max(within[0], core[0] - halo), min(within[1], core[1] + halo)
    parts = min(parts, fewest(last - first, side=1, halo=halo))
    read = length(last - first, parts, halo=halo)
    begins = [first + (last - first - read) * i // max(1, parts - 1) for i in range(parts)]
    borders = [(begin + following + read) // 2 for begin, following in pairwise(begins)]
    return list(zip(pairwise([core[0], *borders, core[1]]), ((begin, begin + read) for begin in begins), strict=True))


def grid(box: Box, *, rows: int, columns: int, halo: int, within: Box) -> Iterator[Window]:
    """`rows` x `columns` windows that cover `box` once, row by row; their halos stay inside `within`."""
    across = overlapping((box.left, box.right), columns, halo=halo, within=(within.left, within.right))
    down = overlapping((box.top, box.bottom), rows, halo=halo, within=(within.top, within.bottom))
    return _crossed(across, down)


def cut(core: Range, *, side: int, halo: int, within: Range, multiple: int = 1) -> list[Along]:
    """What the fewest windows along one side answer for and read, at most `side` pixels and two halos each.

    All begin at a multiple of pixels, and the halo is as many as it takes. Where the picture ends the last reads less than the others.
    """
    first, stop, low, high = (*_units(core, multiple), *_units(within, multiple))
    side, halo = max(1, side // multiple), ceil(halo / multiple)
    parts = fewest(min(high, stop + halo) - max(low, first - halo), side=side, halo=halo)
    return [
        (_pixels(answered, multiple, core), _pixels(read, multiple, within))
        for answered, read in overlapping((first, stop), parts, halo=halo, within=(low, high))
    ]


def read_along(core: Range, *, side: int, halo: int, within: Range, multiple: int = 1) -> int:
    """Pixels that all the windows of `cut` read, overlaps counted again."""
    if multiple > 1:
        return sum(stop - first for _, (first, stop) in cut(core, side=side, halo=halo, within=within, multiple=multiple))
    # The same without making them: plans of huge pictures ask for it many times.
    seen = min(within[1], core[1] + halo) - max(within[0], core[0] - halo)
    parts = fewest(seen, side=side, halo=halo)
    return parts * length(seen, parts, halo=halo)


def longest(seen: int, *, side: int, halo: int, multiple: int = 1) -> int:
    """How many pixels the longest of the windows reads that `cut` makes of `seen` pixels."""
    units, side, halo = ceil(seen / multiple), max(1, side // multiple), ceil(halo / multiple)
    return min(seen, multiple * length(units, fewest(units, side=side, halo=halo), halo=halo))


def _units(pixels: Range, multiple: int) -> Range:
    return pixels[0] // multiple, ceil(pixels[1] / multiple)


def _pixels(units: Range, multiple: int, within: Range) -> Range:
    return max(within[0], units[0] * multiple), min(within[1], units[1] * multiple)


def windows(box: Box, *, side: int, halo: int, within: Box, multiple: int = 1) -> Iterator[Window]:
    """The fewest windows over `box`, as `cut` makes them each way."""
    across = cut((box.left, box.right), side=side, halo=halo, within=(within.left, within.right), multiple=multiple)
    down = cut((box.top, box.bottom), side=side, halo=halo, within=(within.top, within.bottom), multiple=multiple)
    return _crossed(across, down)


def _crossed(across: list[Along], down: list[Along]) -> Iterator[Window]:
    """A window for each of those down with each of those across, row by row."""
    for (top, bottom), (read_top, read_bottom) in down:
        for (left, right), (read_left, read_right) in across:
            yield Window(Box(left, top, right, bottom), Box(read_left, read_top, read_right, read_bottom))
