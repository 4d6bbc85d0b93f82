"""Windows: cores cover a box exactly once and evenly, halos end where the picture ends."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from img_enhance.geometry import Box, Size
from img_enhance.windows import Window, cuts, grid, windows

LENGTHS = st.integers(1, 200)


@st.composite
def boxes_within(draw: st.DrawFn) -> tuple[Box, Box]:
    """A box and the larger one that halos may use."""
    size = Size(draw(LENGTHS), draw(LENGTHS))
    left, top = draw(st.integers(0, size.width - 1)), draw(st.integers(0, size.height - 1))
    return Box(left, top, draw(st.integers(left + 1, size.width)), draw(st.integers(top + 1, size.height))), size.box


def times_covered(found: list[Window], whole: Box) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    count = np.zeros((whole.bottom, whole.right), np.int64)
    for window in found:
        count[window.core.slices] += 1
    return count


@given(st.integers(0, 500), st.integers(0, 500), st.integers(1, 60))
def test_cuts_are_consecutive_and_differ_by_at_most_one(start: int, length: int, parts: int) -> None:
    found = cuts(start, start + length, parts)
    assert [a for a, _ in found] == [start, *(b for _, b in found[:-1])]
    assert found[-1][1] == start + length
    lengths = [b - a for a, b in found]
    assert max(lengths) - min(lengths) <= 1


@given(boxes_within(), st.integers(1, 250), st.integers(0, 70))
def test_cores_cover_the_box_once_and_nothing_else(pair: tuple[Box, Box], side: int, halo: int) -> None:
    box, whole = pair
    count = times_covered(list(windows(box, side=side, halo=halo, within=whole)), whole)
    assert (count[box.slices] == 1).all()
    assert count.sum() == box.size.pixels


@given(boxes_within(), st.integers(1, 250), st.integers(0, 70))
def test_cores_are_at_most_a_side_wide_and_as_few_as_that_allows(pair: tuple[Box, Box], side: int, halo: int) -> None:
    box, whole = pair
    found = list(windows(box, side=side, halo=halo, within=whole))
    assert max(max(window.core.size.width, window.core.size.height) for window in found) <= side
    assert len(found) == -(-box.size.width // side) * -(-box.size.height // side)


@given(boxes_within(), st.integers(1, 9), st.integers(1, 9), st.integers(0, 70))
def test_windows_of_a_grid_differ_by_at_most_one_pixel(pair: tuple[Box, Box], rows: int, columns: int, halo: int) -> None:
    box, whole = pair
    found = list(grid(box, rows=rows, columns=columns, halo=halo, within=whole))
    assert len(found) == rows * columns
    for lengths in ({window.core.size.width for window in found}, {window.core.size.height for window in found}):
        assert max(lengths) - min(lengths) <= 1


@given(boxes_within(), st.integers(1, 250), st.integers(0, 70))
def test_halo_is_full_inside_and_cut_where_the_picture_ends(pair: tuple[Box, Box], side: int, halo: int) -> None:
    box, whole = pair
    for window in windows(box, side=side, halo=halo, within=whole):
        assert window.read == window.core.grown(halo, within=whole)
        # A network pads with zeros outside of what it reads: that is right only where the picture itself ends.
        for missing, at_edge in (
            (window.core.left - window.read.left < halo, window.read.left == whole.left),
            (window.core.top - window.read.top < halo, window.read.top == whole.top),
            (window.read.right - window.core.right < halo, window.read.right == whole.right),
            (window.read.bottom - window.core.bottom < halo, window.read.bottom == whole.bottom),
        ):
            assert at_edge or not missing


def test_windows_come_row_by_row() -> None:
    found = [window.core for window in windows(Size(20, 20).box, side=10, halo=0, within=Size(20, 20).box)]
    assert found == [Box(0, 0, 10, 10), Box(10, 0, 20, 10), Box(0, 10, 10, 20), Box(10, 10, 20, 20)]
