"""What is restored goes where it belongs, by as much as was asked for, and nothing else changes."""

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from face_pictures import Array, size_of, smooth, square

from img_enhance.faces.align import SIDE, Similarity, crop, enlarged, inside
from img_enhance.faces.paste import Patch, mask, paste, patch
from img_enhance.geometry import Box, Size
from img_enhance.machine.memory import anonymous_bytes

Pixels = npt.NDArray[np.uint8 | np.uint16]

# Upright, turned, small, large (the square is wider than 512), over the edge.
SQUARES = {
    "upright": square((200, 160), side=180),
    "turned": square((200, 160), side=180, degrees=35),
    "lying": square((180, 150), side=150, degrees=-90),
    "small": square((111, 97), side=61, degrees=10),
    "large": square((250, 240), side=640, degrees=-8),
    "cut": square((20, 130), side=170, degrees=5),
}
each_square = pytest.mark.parametrize("face", SQUARES.values(), ids=SQUARES)


def textured(width: int, height: int, *, dtype: str = "uint8") -> Pixels:
    """Noise without what is finer than three pixels."""
    noise = np.random.RandomState(1).random_sample((height, width, 3)).astype(np.float32)
    coarse = cv2.GaussianBlur(noise, (0, 0), 1.5)
    coarse = (coarse - coarse.min()) / (coarse.max() - coarse.min())
    return np.asarray(np.rint(coarse * np.iinfo(dtype).max), dtype)


def patch_of(pixels: Pixels, face: Similarity, restored: Array | None = None) -> Patch:
    """The patch of a restored face, or of the crop itself."""
    base = crop(pixels, face)
    return patch(base if restored is None else restored, base, inside(face, size_of(pixels)), face, size_of(pixels))


def sharpened(base: Array) -> Array:
    blurred = cv2.GaussianBlur(base, (0, 0), 6)
    return np.asarray(np.clip(base + 1.5 * (base - blurred), 0, 1), np.float32)


def mask_over(face: Similarity, size: Size) -> npt.NDArray[np.float64]:
    y, x = np.mgrid[: size.height, : size.width].astype(np.float64)
    return mask(*face.apply(x, y))


def outside(pixels: Pixels, boxes: list[Box]) -> npt.NDArray[np.bool_]:
    free = np.ones(pixels.shape[:2], bool)
    for box in boxes:
        free[box.slices] = False
    return free


@each_square
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_a_face_that_was_not_changed_changes_nothing(face: Similarity, dtype: str) -> None:
    pixels = textured(500, 400, dtype=dtype)
    assert np.array_equal(paste(pixels, size_of(pixels).box, (patch_of(pixels, face),), strength=1), pixels)


@pytest.mark.parametrize("factor", [2, 4])
@pytest.mark.parametrize("name", ["upright", "turned", "lying", "small", "large"])
def test_the_photo_before_pasted_into_the_enlarged_one_stays_in_place(name: str, factor: int) -> None:
    source = textured(400, 300)
    base = np.asarray(cv2.resize(source, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC), np.uint8)
    face = enlarged(SQUARES[name], size_of(source), size_of(base))
    result = paste(base, size_of(base).box, (patch_of(base, face, crop(source, SQUARES[name])),), strength=1)
    box = patch_of(base, face).box
    # A power of two: OpenCV pads others, and is then half a pixel off.
    side = 2 ** (min(box.size.width, box.size.height).bit_length() - 1)
    parts = (pixels[box.top : box.top + side, box.left : box.left + side] for pixels in (base, result))
    before, after = (np.asarray(cv2.cvtColor(part, cv2.COLOR_RGB2GRAY), np.float64) for part in parts)
    moved, _ = cv2.phaseCorrelate(before, after, cv2.createHanningWindow((side, side), cv2.CV_64F))
    assert not np.array_equal(before, after)
    assert np.hypot(moved[0], moved[1]) < 0.1


@pytest.mark.parametrize("factor", [2, 4])
@each_square
def test_on_a_smooth_picture_the_photo_before_is_the_enlarged_one(face: Similarity, factor: int) -> None:
    source = smooth(500, 400, dtype="uint16", wave=60)
    base = np.asarray(cv2.resize(source, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC), np.uint16)
    there = enlarged(face, size_of(source), size_of(base))
    result = paste(base, size_of(base).box, (patch_of(base, there, crop(source, face)),), strength=1)
    assert np.abs(result.astype(int) - base).max() <= 2 * 257


def marked(face: Similarity, spot: tuple[float, float], size: Size) -> tuple[Patch, npt.NDArray[np.float64]]:
    """A patch that lights up one spot of the square, and where that lies in the photo."""
    v, u = np.mgrid[:SIDE, :SIDE]
    glow = np.exp(-((u - spot[0]) ** 2 + (v - spot[1]) ** 2) / (2 * 12**2)).astype(np.float32)
    base = np.full((SIDE, SIDE, 3), 0.2, np.float32)
    made = patch(base + 0.5 * glow[..., None], base, inside(face, size), face, size)
    return made, np.concatenate(face.inverse(np.array([float(spot[0])]), np.array([float(spot[1])])))


@pytest.mark.parametrize("spot", [(190, 230), (310, 250), (256, 380)])
@pytest.mark.parametrize("name", ["upright", "turned", "lying", "large"])
def test_restored_spots_lie_where_they_were(name: str, spot: tuple[float, float]) -> None:
    pixels = np.full((600, 500, 3), 51, np.uint16)
    made, place = marked(SQUARES[name], spot, size_of(pixels))
    light = paste(pixels, size_of(pixels).box, (made,), strength=1)[..., 0].astype(np.float64) - 51
    light[light < 0.05 * light.max()] = 0
    y, x = np.mgrid[:600, :500]
    centre = np.array([(light * x).sum(), (light * y).sum()]) / light.sum()
    assert np.hypot(*(centre - place)) < 0.1


@each_square
def test_pixels_outside_the_boxes_keep_their_bits(face: Similarity) -> None:
    pixels = textured(500, 400)
    made = patch_of(pixels, face, sharpened(crop(pixels, face)))
    result = paste(pixels, size_of(pixels).box, (made,), strength=1)
    free = outside(pixels, [made.box])
    assert np.array_equal(result[free], pixels[free])
    # And there is something to see inside, but not at the edge of the square.
    changed = np.abs(result.astype(int) - pixels).max(2)
    assert changed.max() > 10
    assert not changed[mask_over(face, size_of(pixels)) == 0].any()


def test_strength_blends_in_proportion() -> None:
    pixels = textured(500, 400, dtype="uint16")
    made = patch_of(pixels, SQUARES["turned"], sharpened(crop(pixels, SQUARES["turned"])))
    box = size_of(pixels).box
    whole = paste(pixels, box, (made,), strength=1).astype(int) - pixels
    half = paste(pixels, box, (made,), strength=0.5).astype(int) - pixels
    unclipped = (pixels > 20_000) & (pixels < 45_000)
    assert np.abs(whole[unclipped]).max() > 2000
    assert np.abs(2 * half - whole)[unclipped].max() <= 2
    assert np.array_equal(paste(pixels, box, (made,), strength=0), pixels)


def test_pixels_given_are_not_changed_and_may_be_read_only() -> None:
    pixels = textured(500, 400)
    made = patch_of(pixels, SQUARES["upright"], sharpened(crop(pixels, SQUARES["upright"])))
    before = pixels.copy()
    pixels.flags.writeable = False
    assert not np.array_equal(paste(pixels, size_of(pixels).box, (made,), strength=1), pixels)
    assert np.array_equal(pixels, before)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_windows_of_any_cut_give_the_same_bits(dtype: str) -> None:
    pixels = textured(500, 400, dtype=dtype)
    faces = [SQUARES["upright"], SQUARES["small"], SQUARES["cut"]]
    patches = tuple(patch_of(pixels, face, sharpened(crop(pixels, face))) for face in faces)
    whole = paste(pixels, size_of(pixels).box, patches, strength=0.8)
    pieces = np.zeros_like(pixels)
    for top, bottom in ((0, 37), (37, 160), (160, 161), (161, 400)):
        for left, right in ((0, 101), (101, 333), (333, 500)):
            box = Box(left, top, right, bottom)
            pieces[box.slices] = paste(np.ascontiguousarray(pixels[box.slices]), box, patches, strength=0.8)
    assert np.array_equal(pieces, whole)


def test_grey_photos_stay_grey() -> None:
    pixels = np.repeat(textured(500, 400)[..., :1], 3, 2)
    base = crop(pixels, SQUARES["upright"])
    v, u = np.mgrid[:SIDE, :SIDE] / SIDE
    coloured = np.clip(base + 0.3 * np.stack([np.sin(40 * u), np.cos(30 * v), -np.sin(20 * u)], 2), 0, 1).astype(np.float32)
    result = paste(pixels, size_of(pixels).box, (patch_of(pixels, SQUARES["upright"], coloured),), strength=1)
    assert not np.array_equal(result, pixels)
    assert np.array_equal(result[..., 0], result[..., 1])
    assert np.array_equal(result[..., 0], result[..., 2])


@each_square
def test_a_shift_of_colour_is_taken_off(face: Similarity) -> None:
    pixels = smooth(500, 400)
    v, _ = np.mgrid[:SIDE, :SIDE] / np.float32(SIDE)
    cast = np.array([0.08, 0, -0.06], np.float32) + np.float32(0.04) * v[..., None].astype(np.float32)
    result = paste(pixels, size_of(pixels).box, (patch_of(pixels, face, crop(pixels, face) + cast),), strength=1)
    # Of 20 levels of cast at most 2 are left, that is where it is not the same all around.
    assert np.abs(result.astype(int) - pixels).max() <= 3


def test_detail_survives_the_match_of_colours() -> None:
    pixels = np.full((400, 500, 3), 100, np.uint8)
    v, u = np.mgrid[:SIDE, :SIDE]
    ripple = (0.1 * np.sin(u / 4) * np.sin(v / 4)).astype(np.float32)[..., None]
    face = SQUARES["large"]
    base = crop(pixels, face)
    result = paste(pixels, size_of(pixels).box, (patch_of(pixels, face, base + ripple),), strength=1)
    full = mask_over(face, size_of(pixels)) == 1
    assert result[full].std() == pytest.approx(ripple.std() * 255, rel=0.05)


def test_the_seam_is_no_step() -> None:
    pixels = np.full((400, 500, 3), 30_000, np.uint16)
    made = flat_patch(SQUARES["turned"], size_of(pixels), 0.3)
    change = paste(pixels, size_of(pixels).box, (made,), strength=1)[..., 0].astype(int) - 30_000
    assert change.max() == pytest.approx(0.3 * 65_535, abs=1)
    # A feather of 88 of 512 pixels is 31 here, and where it is steepest it rises by 1.5 / 31 a pixel.
    for axis in (0, 1):
        assert np.abs(np.diff(change, axis=axis)).max() < 0.05 * change.max()


def overlapping() -> tuple[Pixels, list[Similarity]]:
    return np.full((300, 500, 3), 30_000, np.uint16), [square((180, 150), side=200), square((290, 150), side=200)]


def flat_patch(face: Similarity, size: Size, value: float) -> Patch:
    made = patch_of(np.full((size.height, size.width, 3), 30_000, np.uint16), face)
    return Patch(np.full((SIDE, SIDE, 3), value, np.float32), face, made.box)


def test_where_faces_overlap_a_pixel_goes_mostly_to_the_nearer_one() -> None:
    pixels, faces = overlapping()
    size = size_of(pixels)
    patches = (flat_patch(faces[0], size, 0.2), flat_patch(faces[1], size, -0.2))
    change = paste(pixels, size.box, patches, strength=1)[150, :, 0].astype(int) - 30_000
    full = 0.2 * 65_535
    # At the middle of each face, and a quarter of the way to the other.
    assert change[180] > 0.95 * full
    assert change[200] > 0.7 * full
    assert change[290] < -0.95 * full
    assert change[270] < -0.7 * full
    assert abs(change[235]) < 0.1 * full
    # Smoothly from one to the other.
    assert np.abs(np.diff(change)).max() < 0.1 * full


def test_a_face_in_the_square_of_another_keeps_its_own_middle() -> None:
    pixels = np.full((400, 500, 3), 30_000, np.uint16)
    size = size_of(pixels)
    faces = [square((180, 200), side=300), square((290, 200), side=300)]
    change = paste(
        pixels, size.box, tuple(flat_patch(face, size, value) for face, value in zip(faces, (0.2, -0.2), strict=True)), strength=1
    )
    # The other's mask is 0.7 there, but its claim is small: 0.92 - 0.08 of the change are left.
    assert (change[200, 180, 0] - 30_000) > 0.75 * 0.2 * 65_535
    assert (30_000 - change[200, 290, 0].astype(int)) > 0.75 * 0.2 * 65_535


def test_two_patches_of_one_face_are_not_added_up() -> None:
    pixels, faces = overlapping()
    one = flat_patch(faces[0], size_of(pixels), 0.2)
    twice = paste(pixels, size_of(pixels).box, (one, one), strength=1).astype(int)
    assert np.abs(twice - paste(pixels, size_of(pixels).box, (one,), strength=1)).max() <= 1


def test_order_of_patches_does_not_matter() -> None:
    pixels = textured(500, 300)
    patches = tuple(patch_of(pixels, face, sharpened(crop(pixels, face))) for face in overlapping()[1])
    box = size_of(pixels).box
    assert np.array_equal(paste(pixels, box, patches, strength=1), paste(pixels, box, patches[::-1], strength=1))


def test_a_patch_beside_the_window_changes_nothing() -> None:
    pixels = textured(100, 80)
    made = flat_patch(square((250, 200), side=100), Size(500, 400), 0.3)
    assert np.array_equal(paste(pixels, Box(0, 0, 100, 80), (made,), strength=1), pixels)
    assert np.array_equal(paste(pixels, Box(0, 0, 100, 80), (), strength=1), pixels)


def test_bright_and_dark_are_cut_off_and_do_not_wrap() -> None:
    pixels = np.full((300, 500, 3), 250, np.uint8)
    bright = flat_patch(square((180, 150), side=200), size_of(pixels), 0.5)
    assert paste(pixels, size_of(pixels).box, (bright,), strength=1).min() >= 250
    dark = flat_patch(square((180, 150), side=200), size_of(pixels), -3.0)
    assert paste(pixels, size_of(pixels).box, (dark,), strength=1)[150, 180].tolist() == [0, 0, 0]


def test_a_hundred_runs_keep_no_memory() -> None:
    pixels = textured(500, 400)

    restored = sharpened(crop(pixels, SQUARES["turned"]))

    def run() -> None:
        made = patch_of(pixels, SQUARES["turned"], restored)
        paste(pixels, size_of(pixels).box, (made,), strength=1)

    for _ in range(5):
        run()
    before = anonymous_bytes()
    for _ in range(100):
        run()
    assert anonymous_bytes() - before < 20_000_000
