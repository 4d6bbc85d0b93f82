"""Windows: cores cover a box exactly once, reads are equally large, halos end only where the picture ends."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from img_enhance.geometry import Box, Size
from img_enhance.planning.windows import Window, cut, fewest, grid, length, longest, overlapping, read_along, windows

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


HALOS = st.integers(0, 70)


@given(boxes_within(), st.integers(1, 250), HALOS)
def test_cores_cover_the_box_once_and_nothing_else(pair: tuple[Box, Box], side: int, halo: int) -> None:
    box, whole = pair
    count = times_covered(list(windows(box, side=side, halo=halo, within=whole)), whole)
    assert (count[box.slices] == 1).all()
    assert count.sum() == box.size.pixels


@given(boxes_within(), st.integers(1, 250), HALOS)
def test_windows_are_equally_large_and_none_answers_for_nothing(pair: tuple[Box, Box], side: int, halo: int) -> None:
    box, whole = pair
    found = list(windows(box, side=side, halo=halo, within=whole))
    assert len({window.read.size for window in found}) == 1
    assert min(min(window.core.size.width, window.core.size.height) for window in found) > 0


@given(boxes_within(), st.integers(1, 250), HALOS)
def test_windows_are_at_most_a_side_and_two_halos_wide_and_as_few_as_that_allows(pair: tuple[Box, Box], side: int, halo: int) -> None:
    box, whole = pair
    found = list(windows(box, side=side, halo=halo, within=whole))
    assert max(max(window.read.size.width, window.read.size.height) for window in found) <= side + 2 * halo
    columns = len({window.core.left for window in found})
    seen = box.grown(halo, within=whole).size.width
    assert columns == 1 or (columns - 1) * (side + 2 * halo) - (columns - 2) * 2 * halo < seen


@given(boxes_within(), st.integers(1, 9), st.integers(1, 9), HALOS)
def test_a_grid_has_so_many_windows_unless_its_halos_leave_no_room(pair: tuple[Box, Box], rows: int, columns: int, halo: int) -> None:
    box, whole = pair
    seen = box.grown(halo, within=whole).size
    found = list(grid(box, rows=rows, columns=columns, halo=halo, within=whole))
    assert len(found) == min(rows, max(1, seen.height - 2 * halo)) * min(columns, max(1, seen.width - 2 * halo))


MULTIPLES = st.integers(1, 40)


@given(boxes_within(), st.integers(1, 250), HALOS, MULTIPLES)
def test_windows_begin_at_multiples_and_see_as_far(pair: tuple[Box, Box], side: int, halo: int, multiple: int) -> None:
    box, whole = pair
    found = list(windows(box, side=side, halo=halo, within=whole, multiple=multiple))
    count = times_covered(found, whole)
    assert (count[box.slices] == 1).all()
    assert count.sum() == box.size.pixels
    for window in found:
        assert window.read.left % multiple == window.read.top % multiple == 0
        assert window.core.left - window.read.left >= halo or window.read.left == 0
        assert window.core.top - window.read.top >= halo or window.read.top == 0
        assert window.read.right - window.core.right >= halo or window.read.right == whole.right
        assert window.read.bottom - window.core.bottom >= halo or window.read.bottom == whole.bottom


@given(st.integers(1, 2000), st.integers(1, 250), HALOS, MULTIPLES)
def test_what_windows_read_is_known_before(pixels: int, side: int, halo: int, multiple: int) -> None:
    whole = (0, pixels)
    reads = [stop - first for _, (first, stop) in cut(whole, side=side, halo=halo, within=whole, multiple=multiple)]
    assert longest(pixels, side=side, halo=halo, multiple=multiple) == max(reads)
    assert read_along(whole, side=side, halo=halo, within=whole, multiple=multiple) == sum(reads)


@given(boxes_within(), st.integers(1, 250), HALOS)
def test_halo_is_full_inside_and_cut_where_the_picture_ends(pair: tuple[Box, Box], side: int, halo: int) -> None:
    box, whole = pair
    for window in windows(box, side=side, halo=halo, within=whole):
        assert window.read == window.read.grown(0, within=whole)
        assert window.core == window.core.grown(0, within=window.read)
        # A network pads with zeros outside of what it reads: that is right only where the picture itself ends.
        for missing, at_edge in (
            (window.core.left - window.read.left < halo, window.read.left == whole.left),
            (window.core.top - window.read.top < halo, window.read.top == whole.top),
            (window.read.right - window.core.right < halo, window.read.right == whole.right),
            (window.read.bottom - window.core.bottom < halo, window.read.bottom == whole.bottom),
        ):
            assert at_edge or not missing


@given(boxes_within(), st.integers(1, 9), HALOS)
def test_windows_read_little_more_than_the_box_and_their_halos(pair: tuple[Box, Box], parts: int, halo: int) -> None:
    box, whole = pair
    found = overlapping((box.left, box.right), parts, halo=halo, within=(0, whole.right))
    seen = box.grown(halo, within=whole).size.width
    read = sum(stop - start for _, (start, stop) in found)
    assert read == len(found) * length(seen, len(found), halo=halo)
    assert read - seen - 2 * halo * (len(found) - 1) < len(found)


def test_windows_at_the_border_answer_for_more() -> None:
    found = overlapping((0, 100), 3, halo=10, within=(0, 100))
    assert found == [((0, 36), (0, 47)), ((36, 63), (26, 73)), ((63, 100), (53, 100))]


def test_what_one_window_can_read_needs_no_halo() -> None:
    assert fewest(84, side=64, halo=10) == 1
    assert fewest(85, side=64, halo=10) == 2


def test_windows_come_row_by_row() -> None:
    found = [window.core for window in windows(Size(20, 20).box, side=10, halo=0, within=Size(20, 20).box)]
    assert found == [Box(0, 0, 10, 10), Box(10, 0, 20, 10), Box(0, 10, 10, 20), Box(10, 10, 20, 20)]
