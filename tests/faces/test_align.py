"""Faces come to GFPGAN's square by the best similarity, without patterns, whatever their size and place."""

import numpy as np
import pytest
from face_pictures import points_of, smooth, square
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from img_enhance.errors import PhotoError
from img_enhance.faces.align import SIDE, TEMPLATE, alignment, crop, enlarged, inside, square_box
from img_enhance.geometry import Box, Size

PHOTO = Size(900, 700)


@given(st.floats(-500, 1500), st.floats(-500, 1500), st.floats(20, 4000), st.floats(-180, 180))
def test_alignment_finds_the_similarity_that_made_the_points(x: float, y: float, side: float, degrees: float) -> None:
    found = alignment(points_of((x, y), side=side, degrees=degrees))
    assert found.scale == pytest.approx(512 / side, rel=1e-9)
    placed = found.apply(*np.array(points_of((x, y), side=side, degrees=degrees)).T)
    assert np.allclose(np.stack(placed, 1), TEMPLATE, atol=1e-6)


def test_alignment_is_the_least_squares_one() -> None:
    draw = np.random.RandomState(1)
    points = np.array(points_of((300, 200), side=200, degrees=20)) + draw.normal(0, 3, (5, 2))
    best = alignment(tuple((float(x), float(y)) for x, y in points))

    def misses(a: float, b: float, left: float, top: float) -> float:
        x, y = points.T
        moved = np.stack([a * x - b * y + left, b * x + a * y + top], 1)
        return float(np.square(moved - TEMPLATE).sum())

    least = misses(best.a, best.b, best.left, best.top)
    assert least > 1
    for change in ((1e-4, 0, 0, 0), (-1e-4, 0, 0, 0), (0, 1e-4, 0, 0), (0, -1e-4, 0, 0), (0, 0, 0.1, 0), (0, 0, 0, -0.1)):
        assert misses(best.a + change[0], best.b + change[1], best.left + change[2], best.top + change[3]) > least


def test_mirrored_points_are_not_mirrored_back() -> None:
    mirrored = tuple((600 - x, y) for x, y in points_of((300, 200), side=200))
    assert np.linalg.det(alignment(mirrored).matrix[:, :2]) > 0


def test_points_on_one_spot_are_refused() -> None:
    with pytest.raises(PhotoError, match="one spot"):
        alignment(((5.0, 5.0),) * 5)


def test_inverse_undoes() -> None:
    face = square((300, 200), side=170, degrees=33)
    x, y = np.random.RandomState(2).uniform(-100, 900, (2, 50))
    assert np.allclose(face.inverse(*face.apply(x, y)), (x, y), atol=1e-9)


@pytest.mark.parametrize("degrees", [0, 27, 90, -140])
@pytest.mark.parametrize("factor", [2, 3.5])
def test_square_in_an_enlarged_photo_holds_the_same_picture(degrees: float, factor: float) -> None:
    result = Size(round(PHOTO.width * factor), round(PHOTO.height * factor))
    face = square((400, 300), side=200, degrees=degrees)
    moved = enlarged(face, PHOTO, result)
    x, y = np.array([12.0, 500]), np.array([30.0, 410])
    expected = face.apply(x, y)
    found = moved.apply((x + 0.5) * factor - 0.5, (y + 0.5) * factor - 0.5)
    assert np.allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("degrees", [0, 45, 100])
def test_crop_of_waves_is_the_waves_at_the_square(degrees: float) -> None:
    face = square((400, 300), side=300, degrees=degrees)
    found = crop(smooth(900, 700), face)
    v, u = np.mgrid[:SIDE, :SIDE].astype(np.float64)
    x, y = np.array(face.inverse(u, v)) * 2 * np.pi / 40
    expected = np.stack([0.5 + 0.35 * np.sin(x / (1 + 0.2 * band) + 0.7 * band) * np.cos(0.8 * y - band) for band in range(3)], 2)
    assert found.dtype == np.float32
    # Half of an 8-bit step, and what an interpolation of 40 px waves misses.
    assert np.abs(found - expected).max() < 0.005


def test_16_bits_crop_like_8_but_finer() -> None:
    face = square((400, 300), side=300, degrees=10)
    assert np.abs(crop(smooth(900, 700, dtype="uint16"), face) - crop(smooth(900, 700), face)).max() < 1 / 255
    ramp = np.broadcast_to(np.arange(30_000, 30_700, dtype=np.uint16)[:, None, None], (700, 900, 3)).copy()
    assert len(np.unique(np.rint(crop(ramp, face) * 65_535))) > 200


@pytest.mark.parametrize("shrink", [1.9, 3.3, 7.0])
def test_fine_patterns_of_a_large_face_turn_grey_and_not_into_others(shrink: float) -> None:
    side = int(512 * shrink)
    board = np.indices((side + 50, side + 50)).sum(0) % 2 * 255
    pixels = np.repeat(board.astype(np.uint8)[..., None], 3, 2)
    found = crop(pixels, square((side / 2, side / 2), side=side, degrees=7))
    assert np.abs(found[40:-40, 40:-40] - 0.5).max() < 0.06


@pytest.mark.parametrize("shrink", [1.0, 2.0, 3.7])
def test_a_large_face_is_not_moved(shrink: float) -> None:
    side = 512 * shrink
    count = int(side) + 40
    face = square((count / 2, count / 2), side=side)
    found = crop(smooth(count, count, wave=40 * shrink), face)
    v, u = np.mgrid[:SIDE, :SIDE].astype(np.float64)
    x, y = np.array(face.inverse(u, v)) * 2 * np.pi / (40 * shrink)
    expected = 0.5 + 0.35 * np.sin(x) * np.cos(0.8 * y)
    # A tenth of a pixel would be 0.35 * 2 pi / 40 / 10 = 0.0055.
    assert np.abs(found[8:-8, 8:-8, 0] - expected[8:-8, 8:-8]).mean() < 0.002


def test_face_cut_by_the_edge_goes_on_as_its_mirror_and_is_known_to_be_outside() -> None:
    pixels = smooth(400, 300)
    face = square((20, 150), side=200)
    found, within = crop(pixels, face), inside(face, Size(400, 300))
    assert not within[:, :150].any()
    assert within[:, 220:].all()
    edge = int(np.argmax(within[256]))
    # What is left of the edge mirrors what is right of it.
    assert np.abs(found[:, edge - 60 : edge][:, ::-1] - found[:, edge : edge + 60]).max() < 0.03


def test_box_holds_the_square_and_ends_with_the_photo() -> None:
    face = square((450, 350), side=200, degrees=45)
    reach = 100 * np.sqrt(2)
    box = square_box(face, PHOTO)
    assert np.abs(np.array([box.left, box.top, box.right, box.bottom]) - [450 - reach, 350 - reach, 450 + reach, 350 + reach]).max() < 2.5
    assert square_box(square((0, 0), side=100), PHOTO) == Box(0, 0, 51, 51)
    assert square_box(square((2000, 100), side=100), PHOTO).size.pixels == 0


def test_square_outside_the_photo_is_refused() -> None:
    with pytest.raises(PhotoError, match="outside"):
        crop(smooth(90, 70), square((1000, 100), side=100))


def test_crop_of_a_tiny_photo_fills_the_square() -> None:
    pixels = np.full((2, 3, 3), 99, np.uint8)
    assert np.allclose(crop(pixels, square((1, 1), side=300)), 99 / 255, atol=1e-3)


def test_crop_takes_views_and_changes_nothing() -> None:
    pixels = smooth(900, 700)
    before = pixels.copy()
    view = np.asarray(Image.fromarray(pixels))[:, ::-1]
    face = square((400, 300), side=250, degrees=12)
    assert np.array_equal(crop(view, face), crop(np.ascontiguousarray(view), face))
    crop(pixels, face)
    assert np.array_equal(pixels, before)
