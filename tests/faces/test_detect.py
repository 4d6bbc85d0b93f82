"""Faces are found in photos of any size, depth and angle, and nothing else is."""

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from face_pictures import FACE_OF_PORTRAIT, FACES_OF_TWINS, portrait, twins
from PIL import Image

from img_enhance.errors import WeightsCorrupt, WeightsMissing
from img_enhance.faces.detect import Face, Found, chosen, find_faces, is_face, magnified, turned_back, unnested
from img_enhance.geometry import Box
from img_enhance.machine.memory import Peak, anonymous_bytes

Pixels = npt.NDArray[np.uint8]

# An upright face in a frame of 100 x 130 pixels.
FRAME = np.array([200.0, 100, 100, 130])
POINTS = np.array([[228.0, 150], [272, 151], [250, 178], [232, 202], [268, 203]])


class Stop(Exception):
    """What a tick raises."""


def read(data: Path, name: str) -> Pixels:
    with Image.open(data / "photos" / name) as photo:
        return np.asarray(photo.convert("RGB"))


@pytest.fixture(scope="module")
def yunet(data: Path) -> Path:
    return data / "models" / "face_detection_yunet_2026may.onnx"


@pytest.fixture(scope="module")
def children(data: Path) -> Pixels:
    """Five faces of 53 to 60 px, 566 x 350."""
    return read(data, "children-alpha.png")


@pytest.fixture(scope="module")
def faces(children: Pixels, yunet: Path) -> tuple[Face, ...]:
    return find_faces(children, yunet)


def turned(pixels: Pixels, degrees: float) -> tuple[Pixels, npt.NDArray[np.float64]]:
    """The picture turned counter-clockwise on a canvas that holds it, and the matrix that did it."""
    height, width = pixels.shape[:2]
    side = int(np.hypot(height, width))
    matrix = np.asarray(cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1), np.float64)
    matrix[:, 2] += (side - width) / 2, (side - height) / 2
    return np.asarray(cv2.warpAffine(pixels, matrix, (side, side), flags=cv2.INTER_CUBIC), np.uint8), matrix


def check_same(found: tuple[Face, ...], expected: list[npt.NDArray[np.float64]], *, tolerance: float) -> None:
    """Every expected face is found once, its points within a share of its eyes' distance on average."""
    assert len(found) == len(expected)
    for points in expected:
        apart = np.hypot(*(points[1] - points[0]))
        nearest = min(np.hypot(*(np.array(face.points) - points).T).mean() for face in found)
        assert nearest <= tolerance * apart


def test_all_faces_are_found_largest_first(faces: tuple[Face, ...]) -> None:
    assert len(faces) == 5
    assert [face.box.size.pixels for face in faces] == sorted((face.box.size.pixels for face in faces), reverse=True)
    assert all(50 <= face.side <= 66 and face.score > 0.9 for face in faces)
    lefts = sorted(face.box.left for face in faces)
    # Read off the photo by eye.
    assert np.abs(np.array(lefts) - [129, 142, 250, 340, 414]).max() <= 6


@pytest.mark.parametrize(("picture", "known"), [(twins, FACES_OF_TWINS), (portrait, (FACE_OF_PORTRAIT,))])
def test_known_faces_are_where_the_other_tests_take_them_to_be(picture: Callable[[], Pixels], known: tuple[Face, ...], yunet: Path) -> None:
    found = find_faces(picture(), yunet)
    # Half a pixel and a pixel of rounding, for processors that compute a little otherwise.
    check_same(found, [np.array(face.points) for face in known], tolerance=0.02)
    for face, taken in zip(found, known, strict=True):
        assert dataclasses.astuple(face.box) == pytest.approx(dataclasses.astuple(taken.box), abs=1)


@pytest.mark.parametrize("name", ["00003.png", "OST_009.png", "wolf_gray.jpg", "tree_alpha_16bit.png"])
def test_photos_without_faces_have_none(name: str, data: Path, yunet: Path) -> None:
    assert find_faces(read(data, name), yunet) == ()


def test_a_group_has_its_faces_and_neither_lamps_nor_buttons(data: Path, yunet: Path) -> None:
    found = find_faces(read(data, "group_of_faces.png"), yunet)
    centres = sorted(((face.box.left + face.box.right) // 2, (face.box.top + face.box.bottom) // 2) for face in found)
    assert np.abs(np.array(centres) - [(213, 159), (403, 475), (416, 177)]).max() <= 8


# Points move by less than this share of the eyes' distance between turns and sizes of the same photo (measured: 0.01 to 0.18, 2026-11).
POINTS_TOLERANCE = 0.25


@pytest.mark.parametrize("degrees", [30, -45, 60, 90, -90])
def test_turned_faces_are_found_where_they_are(degrees: float, children: Pixels, faces: tuple[Face, ...], yunet: Path) -> None:
    picture, matrix = turned(children, degrees)
    expected = [np.array(face.points) @ matrix[:, :2].T + matrix[:, 2] for face in faces]
    check_same(find_faces(picture, yunet), expected, tolerance=POINTS_TOLERANCE)


def test_enlarged_faces_are_found_where_they_are(children: Pixels, faces: tuple[Face, ...], yunet: Path) -> None:
    picture = np.asarray(Image.fromarray(children).resize((566 * 6, 350 * 6), Image.Resampling.BICUBIC))
    expected = [(np.array(face.points) + 0.5) * 6 - 0.5 for face in faces]
    check_same(find_faces(picture, yunet), expected, tolerance=POINTS_TOLERANCE)


def test_a_face_that_fills_the_photo_is_found(children: Pixels, faces: tuple[Face, ...], yunet: Path) -> None:
    part = children[faces[0].box.grown(10, within=Box(0, 0, 566, 350)).slices]
    large = np.asarray(Image.fromarray(part).resize((1600, 1600 * part.shape[0] // part.shape[1]), Image.Resampling.BICUBIC))
    found = find_faces(large, yunet)
    assert len(found) == 1
    assert found[0].side > 800


def test_16_bits_and_grey_find_the_same_faces(children: Pixels, faces: tuple[Face, ...], yunet: Path) -> None:
    assert find_faces(children.astype(np.uint16) * 257, yunet) == faces
    grey = np.repeat(np.asarray(Image.fromarray(children).convert("L"))[..., None], 3, 2)
    check_same(find_faces(grey, yunet), [np.array(face.points) for face in faces], tolerance=POINTS_TOLERANCE)


def test_photo_is_not_changed_and_may_be_read_only(children: Pixels, yunet: Path) -> None:
    pixels = children.copy()
    pixels.flags.writeable = False
    find_faces(pixels, yunet)
    assert np.array_equal(pixels, children)


def test_48_megapixels_take_bounded_time_and_memory(children: Pixels, yunet: Path) -> None:
    pixels = np.asarray(Image.fromarray(children).resize((566 * 16, 350 * 16), Image.Resampling.BILINEAR))
    before, start = anonymous_bytes(), time.process_time()
    with Peak() as peak:
        found = find_faces(pixels, yunet)
    assert len(found) == 5
    # 1.2 s of processor time and 180 MB were measured (2026-11).
    assert time.process_time() - start < 5
    assert peak.bytes - before < 300_000_000


def test_smaller_faces_than_asked_for_are_left_out(children: Pixels, faces: tuple[Face, ...], yunet: Path) -> None:
    limit = faces[2].side
    assert find_faces(children, yunet, min_face=limit) == tuple(face for face in faces if face.side >= limit)
    assert find_faces(children, yunet, min_face=100) == ()


def test_score_threshold_is_kept(children: Pixels, faces: tuple[Face, ...], yunet: Path) -> None:
    middle = sorted(face.score for face in faces)[2]
    found = find_faces(children, yunet, score_threshold=middle)
    assert 0 < len(found) < 5
    assert all(face.score >= middle for face in found)


def test_one_or_some_faces_can_be_asked_for(children: Pixels, faces: tuple[Face, ...], yunet: Path) -> None:
    assert find_faces(children, yunet, which="largest") == faces[:1]
    assert find_faces(children, yunet, at_most=2) == faces[:2]
    (centre,) = find_faces(children, yunet, which="centre")
    # The girl in yellow.
    assert abs(centre.box.left - 250) <= 6


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (3, 3000), (40, 40)])
def test_tiny_and_narrow_photos_have_no_faces(shape: tuple[int, int], yunet: Path) -> None:
    assert find_faces(np.full((*shape, 3), 128, np.uint8), yunet) == ()


def test_tick_that_raises_stops_the_search(children: Pixels, yunet: Path) -> None:
    def stop() -> None:
        raise Stop

    with pytest.raises(Stop):
        find_faces(children, yunet, tick=stop)


def test_missing_and_damaged_detectors_are_reported(tmp_path: Path) -> None:
    pixels = np.zeros((50, 50, 3), np.uint8)
    with pytest.raises(WeightsMissing, match="cannot be read"):
        find_faces(pixels, tmp_path / "none.onnx")
    (tmp_path / "bad.onnx").write_bytes(b"not a network" * 100)
    with pytest.raises(WeightsCorrupt, match="not a face detector"):
        find_faces(pixels, tmp_path / "bad.onnx")


@pytest.mark.parametrize("degrees", range(0, 360, 45))
def test_points_of_a_face_pass_whatever_way_up(degrees: int) -> None:
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = FRAME[:2] + FRAME[2:] / 2
    # A square frame, which holds the points at every angle.
    frame = np.concatenate([middle - 65, [130, 130]])
    assert is_face(frame, (POINTS - middle) @ turn.T + middle)


NO_FACES = {
    "mouth above the eyes": (FRAME, POINTS[[3, 4, 2, 0, 1]]),
    "mirrored": (FRAME, POINTS[[1, 0, 2, 4, 3]]),
    "crossed mouth": (FRAME, POINTS[[0, 1, 2, 4, 3]]),
    "all on one spot": (FRAME, np.repeat(POINTS[2:3], 5, 0)),
    "eyes on one spot": (FRAME, POINTS[[0, 0, 2, 3, 4]]),
    "mouth on the eyes": (FRAME, POINTS[[0, 1, 2, 0, 1]]),
    "a point far outside": (FRAME, POINTS + np.array([[0, 0], [80, 0], [0, 0], [0, 0], [0, 0]])),
    "a point that is no number": (FRAME, np.where(POINTS == 150, np.nan, POINTS)),
    "points of an eye in a large frame": (FRAME, (POINTS - 200) * 0.15 + 200),
    "nose above the eyes": (FRAME, POINTS + np.array([[0, 0], [0, 0], [0, -50], [0, 0], [0, 0]])),
    "a frame of two pixels": (np.array([200.0, 100, 2, 2]), (POINTS - [200, 100]) / 60 + [200, 100]),
}


@pytest.mark.parametrize("name", NO_FACES)
def test_points_of_no_face_are_refused(name: str) -> None:
    assert is_face(FRAME, POINTS)
    assert not is_face(*NO_FACES[name])


def found(left: float, top: float, side: float, score: float) -> Found:
    return Found(np.array([left, top, side, side]), POINTS, score)


@pytest.mark.parametrize("quarters", [1, 3])
def test_what_is_found_in_a_turned_copy_goes_back_to_its_pixels(quarters: int) -> None:
    numbers = np.arange(30 * 50).reshape(30, 50)
    copy = np.rot90(numbers, quarters)
    height, width = copy.shape
    points = np.array([[4, 3], [10, 3], [7, 8], [5, 12], [9, 12]], float)
    back = turned_back(Found(np.array([2.0, 1, 12, 15]), points, 0.9), quarters, 50, 30)
    for (x, y), (u, v) in zip(back.points.astype(int), points.astype(int), strict=True):
        assert numbers[y, x] == copy[v, u]
    left, top, wide, high = back.frame.astype(int)
    assert set(numbers[top : top + high, left : left + wide].flat) == set(copy[1:16, 2:14].flat)
    assert (height, width) == (50, 30)


def test_what_is_found_in_a_reduced_copy_is_the_middle_of_its_pixels() -> None:
    # Pixel 2 of a copy a fourth as large is the mean of pixels 8 to 11.
    back = magnified(Found(np.array([2.0, 2, 10, 10]), np.full((5, 2), 2.0), 0.9), 4)
    assert back.points.tolist() == [[9.5, 9.5]] * 5
    assert back.frame.tolist() == [9.5, 9.5, 40, 40]


def test_duplicates_leave_the_better_one() -> None:
    assert [one.score for one in unnested([found(10, 10, 100, 0.8), found(14, 8, 104, 0.9), found(300, 10, 100, 0.7)])] == [0.9, 0.7]


def test_an_eye_in_a_face_is_no_face_even_with_a_better_score() -> None:
    face, eye = found(0, 0, 200, 0.85), found(40, 60, 40, 0.95)
    assert unnested([face, eye]) == [face]


def test_a_frame_around_several_faces_is_no_face() -> None:
    children = [found(20, 30, 60, 0.9), found(120, 40, 60, 0.85)]
    assert unnested([*children, found(0, 0, 200, 0.84)]) == children


def test_a_doubtful_large_frame_does_not_replace_a_good_face() -> None:
    face = found(60, 60, 60, 0.95)
    assert unnested([face, found(0, 0, 200, 0.72)]) == [face]


def test_touching_faces_are_both_kept() -> None:
    assert len(unnested([found(0, 0, 100, 0.9), found(80, 10, 100, 0.8)])) == 2


def test_choice_of_equally_large_faces_is_by_place() -> None:
    boxes = [Box(50, 10, 60, 20), Box(10, 10, 20, 20), Box(30, 5, 40, 15)]
    ordered = chosen([Face(box, 0.9, ()) for box in boxes], Box(0, 0, 100, 100), "all", 2)
    assert [face.box.left for face in ordered] == [30, 10]
