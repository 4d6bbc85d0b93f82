"""An enlarged picture has the colours of the one it was made of, and as much of the network's change as was asked for."""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from img_enhance.engine import Engine
from img_enhance.geometry import Box, Size
from img_enhance.models.table import BUILT_IN
from img_enhance.passes.network import NetworkPass
from img_enhance.passes.own_colours import Enlarged, keep_colours, looks_grey, own_colours_bytes
from img_enhance.photo import Photo
from img_enhance.planning.plan import Device, PassResources, Rates
from img_enhance.request.options import Machine, Output
from img_enhance.request.recipe import Recipe
from img_enhance.request.step_options import RealESRGAN

Pixels = npt.NDArray[Any]
COMPACT = "realesr-animevideov3"


def enhanced(pixels: Pixels, *, crop: str | None = None, **options: float | bool) -> Pixels:
    recipe = Recipe(steps=(RealESRGAN(model=COMPACT, **options),), output=Output(crop=crop))  # type: ignore[arg-type]
    with Engine(Machine(device="cpu", precision="f32")) as engine:
        return engine.enhance(Photo(pixels), recipe).photo.pixels


def means(pixels: Pixels, side: int) -> npt.NDArray[np.float64]:
    """Of blocks of `side` x `side` pixels."""
    height, width = (length // side for length in pixels.shape[:2])
    return np.asarray(pixels[: height * side, : width * side].reshape(height, side, width, side, 3).mean((1, 3)))


@pytest.fixture
def small_cat(cat: Pixels) -> Pixels:
    return np.ascontiguousarray(cat[:60, :80])


def made(picture: Pixels, result: Pixels, *, part: Box | None = None, threads: int = 2) -> Pixels:
    """The result after colours were kept in the part."""
    size = Size(picture.shape[1], picture.shape[0])
    scale = result.shape[0] // size.height
    part = part or size.box
    canvas = result[part.scaled(scale).slices].copy()
    keep_colours(Enlarged(canvas, part, picture, size.box, size, scale), lambda: None, threads=threads)
    return canvas


def test_blocks_have_the_photos_colours(small_cat: Pixels) -> None:
    bare, kept = enhanced(small_cat, keep_colours=False), enhanced(small_cat)
    expected = means(small_cat, 4)
    off_bare, off_kept = np.abs(means(bare, 16) - expected), np.abs(means(kept, 16) - expected)
    assert off_kept.max() < 0.7 * off_bare.max()
    assert off_kept.mean() < 0.4 * off_bare.mean()
    assert np.abs(kept.mean((0, 1)) - small_cat.mean((0, 1))).max() < 0.3
    assert np.abs(bare.mean((0, 1)) - small_cat.mean((0, 1))).max() > 0.5


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("depth", [8, 16])
def test_a_shift_of_colour_is_taken_back_and_detail_stays(scale: int, depth: int, small_cat: Pixels) -> None:
    white, kind = (255, np.uint8) if depth == 8 else (65_535, np.uint16)
    unit = white / 255
    picture = (small_cat * unit * 0.8 + 20 * unit).astype(kind)
    whole = np.repeat(np.repeat(picture, scale, 0), scale, 1)
    detail = (np.indices(whole.shape[:2]).sum(0) % 2 * 6 * unit).astype(int)[..., None]
    shifted = (whole.astype(int) + detail - int(3 * unit) + np.array([int(9 * unit), 0, -int(5 * unit)])).astype(kind)
    kept = made(picture, shifted)
    inner = slice(4 * scale, -4 * scale)
    found = (kept.astype(float) - (whole + detail - 3 * unit))[inner, inner]
    assert np.abs(found.mean((0, 1))).max() < 0.3 * unit
    # What is brighter than all around it is not made brighter still.
    assert np.abs(found).max() <= 3.1 * unit


@pytest.mark.parametrize("scale", [3, 4])
def test_a_part_has_the_bits_of_the_whole(scale: int, small_cat: Pixels) -> None:
    larger = np.repeat(np.repeat(small_cat, scale, 0), scale, 1).astype(int)
    result = np.clip(larger + np.random.RandomState(5).randint(-30, 30, larger.shape), 0, 255).astype(np.uint8)
    whole = made(small_cat, result)
    part = Box(11, 13, 52, 47)
    inner = Box(17, 19, 46, 41)
    cut = made(small_cat, result, part=part)
    assert np.array_equal(cut[inner.seen_from(part).scaled(scale).slices], whole[inner.scaled(scale).slices])


def test_strips_have_the_bits_of_the_whole(small_cat: Pixels, monkeypatch: pytest.MonkeyPatch) -> None:
    result = np.repeat(np.repeat(small_cat[:, ::-1], 4, 0), 4, 1)
    whole = made(small_cat, result)
    for pixels in (1, 5 * 80 * 16, 7 * 80 * 16):
        monkeypatch.setattr("img_enhance.passes.own_colours._STRIP_PIXELS", pixels)
        assert np.array_equal(made(small_cat, result), whole)


def test_any_number_of_threads_makes_the_same_bits(small_cat: Pixels, monkeypatch: pytest.MonkeyPatch) -> None:
    result = np.repeat(np.repeat(small_cat[:, ::-1], 4, 0), 4, 1)
    whole = made(small_cat, result, threads=1)
    monkeypatch.setattr("img_enhance.passes.own_colours._STRIP_PIXELS", 1)  # so that each strip needs many of its neighbours
    for threads in (1, 2, 7):
        assert all(np.array_equal(made(small_cat, result, threads=threads), whole) for _ in range(5))


def test_what_fails_on_a_thread_fails_the_pass(small_cat: Pixels, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("img_enhance.passes.own_colours.correction_of", fail)
    with pytest.raises(MemoryError):
        made(small_cat, np.repeat(np.repeat(small_cat, 4, 0), 4, 1))


def test_a_crop_is_the_same_as_in_the_whole(small_cat: Pixels) -> None:
    for upscale in (4.0, 3.0, 7.0):
        whole = enhanced(small_cat, upscale=upscale, enhance_level=0.7)
        assert np.array_equal(enhanced(small_cat, upscale=upscale, enhance_level=0.7, crop="61,33,70,50"), whole[33:83, 61:131])


def test_paper_beside_lines_stays_white() -> None:
    picture = np.full((40, 40, 3), 255, np.uint8)
    picture[:, 18:21] = 0
    # A network that draws the line thicker than it was.
    result = np.full((160, 160, 3), 255, np.uint8)
    result[:, 68:88] = 0
    kept = made(picture, result)
    assert kept[:, :66].min() >= 253
    assert kept[:, 90:].min() >= 253


def test_paper_beside_lines_that_a_network_sharpens_stays_white() -> None:
    picture = np.full((40, 40, 3), 255, np.uint8)
    picture[:, 17:22] = np.array([128, 0, 0, 0, 128])[:, None]
    result = np.full((160, 160, 3), 255, np.uint8)
    result[:, 72:84] = 0
    kept = made(picture, result)
    assert kept[:, :68].min() >= 250
    assert kept[:, 88:].min() >= 250


@pytest.fixture(scope="module")
def outlined_ball() -> Pixels:
    """A blue ball with a black outline on white, (192, 192, 3)."""
    away = np.hypot(*(np.indices((192, 192)) - 97))[..., None]
    return np.where(away > 63, 255, np.where(away > 57, 0, np.array([20, 40, 230]))).astype(np.uint8)


def reduced(picture: Pixels) -> Pixels:
    return np.rint(means(picture, 4)).astype(np.uint8)


def test_colours_that_a_jpeg_has_mixed_beside_edges_are_not_brought_back(outlined_ball: Pixels) -> None:
    small = reduced(outlined_ball)
    _, data = cv2.imencode(".jpg", small[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 75])
    found = np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR_RGB))
    assert np.abs(found.astype(int) - small).max() > 60
    # 16 with all of its colours.
    assert ((made(found, outlined_ball).astype(float) - outlined_ball) ** 2).mean() < 9


def test_colours_beside_edges_are_kept_where_they_are_sharp(outlined_ball: Pixels) -> None:
    moved = np.clip(outlined_ball.astype(int) + np.array([12, 12, -12]), 0, 255).astype(np.uint8)
    off, off_before = (np.abs(picture.astype(int) - outlined_ball) for picture in (made(reduced(outlined_ball), moved), moved))
    assert off.mean() < 0.2 * off_before.mean()


def test_a_grey_photo_stored_as_colour_stays_grey(small_cat: Pixels) -> None:
    grey = np.ascontiguousarray(np.repeat(small_cat[..., 1:2], 3, axis=2))
    bare, kept = enhanced(grey, keep_colours=False), enhanced(grey)
    assert np.ptp(bare.astype(int), axis=2).max() > 0
    assert np.ptp(kept.astype(int), axis=2).max() == 0


def test_one_coloured_pixel_makes_a_photo_coloured(small_cat: Pixels) -> None:
    grey = np.repeat(small_cat[..., 1:2], 3, axis=2)
    assert looks_grey(grey)
    grey[-1, -1, 2] ^= 1
    assert not looks_grey(grey)


def test_level_mixes_the_network_with_the_plain_enlargement(small_cat: Pixels) -> None:
    none, half, full = (enhanced(small_cat, enhance_level=level).astype(float) for level in (0.0, 0.5, 1.0))
    assert np.abs(half - (none + full) / 2).max() <= 0.5
    assert np.abs(full - none).max() > 10


def test_without_the_network_it_is_the_plain_enlargement(small_cat: Pixels) -> None:
    from img_enhance.image_io import resample

    plain = np.empty((240, 320, 3), np.uint8)
    resample(small_cat, plain, lambda: None)
    assert np.array_equal(enhanced(small_cat, enhance_level=0.0), plain)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (2, 3)])
def test_tiny_pictures_are_done_too(shape: tuple[int, int]) -> None:
    pixels = np.random.RandomState(3).randint(0, 256, (*shape, 3)).astype(np.uint8)
    assert enhanced(pixels).shape == (4 * shape[0], 4 * shape[1], 3)


def resources(allowed: int) -> PassResources:
    """Four cores, and nothing else in memory."""
    device = Device("CPU", 4, native_bf16=False, rates=Rates(f32=100, bf16=100), memory_bytes=16_000_000_000, runtime="openvino")
    return PassResources("disk", 8, "f32", device, 0, allowed, 0, None, 0, in_place=False, file_medium="disk")


def test_strips_at_the_same_time_are_planned_for() -> None:
    def planned(size: Size, threads: int) -> int:
        return own_colours_bytes(size, 4, threads=threads, blends=False)

    assert planned(Size(1000, 700), 3) == 2 * planned(Size(1000, 700), 1)  # one more is what looks at the next strip
    assert planned(Size(40, 30), 3) == planned(Size(40, 30), 1)  # which has one strip


def test_fewer_threads_are_taken_where_memory_is_short() -> None:
    network, size = NetworkPass(BUILT_IN.named(COMPACT)), Size(1000, 700)
    plenty = network.plan(size, size.scaled(4).box, resources(10**10))
    assert plenty.threads == 4
    two = own_colours_bytes(size, 4, threads=2, blends=False)
    assert network.plan(size, size.scaled(4).box, resources(two)).threads == 2
    assert network.plan(size, size.scaled(4).box, resources(1)).threads == 1
