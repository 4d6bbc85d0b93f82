"""How a picture is cut into windows: evenly, each with a halo that ends where the picture ends."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import ceil

from img_enhance.geometry import Box


@dataclass(frozen=True, slots=True)
class Window:
    """`core` is what a window answers for, `read` what it must see to do so."""

    core: Box
    read: Box


def cuts(start: int, stop: int, parts: int) -> list[tuple[int, int]]:
    """`parts` consecutive ranges from `start` to `stop` whose lengths differ by at most one."""
    edges = [start + (stop - start) * i // parts for i in range(parts + 1)]
    return list(pairwise(edges))


def grid(box: Box, *, rows: int, columns: int, halo: int, within: Box) -> Iterator[Window]:
    """`rows` x `columns` windows that cover `box` once, row by row; their halos stay inside `within`."""
    for top, bottom in cuts(box.top, box.bottom, rows):
        for left, right in cuts(box.left, box.right, columns):
            core = Box(left, top, right, bottom)
            yield Window(core, core.grown(halo, within=within))


def windows(box: Box, *, side: int, halo: int, within: Box) -> Iterator[Window]:
    """The fewest even windows over `box` whose cores are at most `side` pixels wide and high."""
    rows, columns = ceil(box.size.height / side), ceil(box.size.width / side)
    return grid(box, rows=rows, columns=columns, halo=halo, within=within)
