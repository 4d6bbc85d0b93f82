"""Sizes and boxes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from img_enhance.geometry import Box, Size, share_in_common

LENGTHS = st.integers(1, 10_000)
SIZES = st.builds(Size, LENGTHS, LENGTHS)
FACTORS = st.integers(1, 16)


@st.composite
def boxes_within(draw: st.DrawFn) -> tuple[Box, Box]:
    """A box and a picture that holds it."""
    size = draw(SIZES)
    left, top = draw(st.integers(0, size.width - 1)), draw(st.integers(0, size.height - 1))
    return Box(left, top, draw(st.integers(left + 1, size.width)), draw(st.integers(top + 1, size.height))), size.box


def test_size_reads_as_width_x_height() -> None:
    assert str(Size(640, 480)) == "640x480"


@given(SIZES)
def test_box_of_a_size_has_that_size(size: Size) -> None:
    assert size.box.size == size


@given(SIZES, FACTORS)
def test_scaling_squares_the_pixels(size: Size, factor: int) -> None:
    assert size.scaled(factor).pixels == size.pixels * factor**2
    assert size.box.scaled(factor) == size.scaled(factor).box


@given(boxes_within(), st.integers(0, 400))
def test_grown_box_has_the_margin_unless_the_picture_ends(pair: tuple[Box, Box], margin: int) -> None:
    box, whole = pair
    grown = box.grown(margin, within=whole)
    assert grown.left == box.left - margin or grown.left == 0
    assert grown.top == box.top - margin or grown.top == 0
    assert grown.right == box.right + margin or grown.right == whole.right
    assert grown.bottom == box.bottom + margin or grown.bottom == whole.bottom
    assert 0 <= grown.left <= box.left
    assert 0 <= grown.top <= box.top
    assert box.right <= grown.right <= whole.right
    assert box.bottom <= grown.bottom <= whole.bottom


def test_slices_index_rows_before_columns() -> None:
    pixels = np.arange(4 * 6).reshape(4, 6)
    assert pixels[Box(1, 2, 4, 3).slices].tolist() == [[13, 14, 15]]


@given(boxes_within(), st.integers(0, 400))
def test_box_seen_from_a_larger_one_shows_the_same_pixels(pair: tuple[Box, Box], margin: int) -> None:
    box, whole = pair
    outer = box.grown(margin, within=whole)
    inner = box.seen_from(outer)
    assert inner.size == box.size
    assert (inner.left + outer.left, inner.top + outer.top) == (box.left, box.top)


@given(boxes_within())
def test_halves_are_the_box_cut_across_its_longer_side(pair: tuple[Box, Box]) -> None:
    box, _ = pair
    one, other = box.halves
    assert one.size.pixels + other.size.pixels == box.size.pixels
    assert (one.left, one.top) == (box.left, box.top)
    assert (other.right, other.bottom) == (box.right, box.bottom)
    assert max(one.size.width, one.size.height) <= max(box.size.width, box.size.height)
    assert abs(one.size.pixels - other.size.pixels) <= min(box.size.width, box.size.height)


def test_boxes_share_what_both_cover() -> None:
    one = Box(0, 0, 10, 10)
    assert share_in_common(one, one) == 1
    assert share_in_common(one, Box(5, 0, 15, 10)) == pytest.approx(1 / 3)
    assert share_in_common(one, Box(10, 0, 20, 10)) == share_in_common(one, Box(20, 20, 30, 30)) == 0
