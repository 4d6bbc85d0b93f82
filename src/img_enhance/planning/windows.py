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
    return seen if parts == 1 else ceil((seen - 2 * halo) / parts) + 2 * halo


def overlapping(core: Range, parts: int, *, halo: int, within: Range) -> list[tuple[Range, Range]]:
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
    for (top, bottom), (read_top, read_bottom) in overlapping((box.top, box.bottom), rows, halo=halo, within=(within.top, within.bottom)):
        for (left, right), (read_left, read_right) in across:
            yield Window(Box(left, top, right, bottom), Box(read_left, read_top, read_right, read_bottom))


def windows(box: Box, *, side: int, halo: int, within: Box) -> Iterator[Window]:
    """The fewest windows over `box` that read at most `side` pixels and two halos each way."""
    seen = box.grown(halo, within=within).size
    rows, columns = (fewest(pixels, side=side, halo=halo) for pixels in (seen.height, seen.width))
    return grid(box, rows=rows, columns=columns, halo=halo, within=within)
