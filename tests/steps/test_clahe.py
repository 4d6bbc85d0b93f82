"""CLAHE: OpenCV's mapping where noise does not matter, and no grain where it does."""

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from tone_pictures import run, scene

from img_enhance.errors import OptionError
from img_enhance.light.colour import srgb
from img_enhance.light.detail import detail_shares
from img_enhance.light.lattice import Lattice
from img_enhance.light.lightness import light_table, lightness_table
from img_enhance.light.noise import VISIBLE_NOISE, noise_levels
from img_enhance.light.tone import root_index
from img_enhance.machine.canvas import Pixels
from img_enhance.photo import Photo
from img_enhance.request.step_options import CLAHE
from img_enhance.steps.clahe import LEVELS, Tiling, histograms, limited_to_detail, measure, steepest, tables_of

Levels = npt.NDArray[np.uint8]

# Lightness of each 8-bit sRGB grey, in levels of 255.
_LEVEL_OF_GREY = lightness_table()[root_index(srgb().decode_table(8)[0])] * (LEVELS - 1)


def blurred(height: int, width: int) -> Levels:
    noise = np.random.default_rng(1).normal(120, 90, (height, width))
    return np.asarray(np.clip(cv2.GaussianBlur(noise, (0, 0), 1.5) * 1.5, 0, 255)).astype(np.uint8)


def lightness_of(pixels: Pixels) -> npt.NDArray[np.float64]:
    """Of grey pixels, in levels of 255."""
    return np.asarray(_LEVEL_OF_GREY[pixels[..., 0]], np.float64)


def flat_noise(grey: int, sigma: float, *, size: int = 256) -> npt.NDArray[np.uint8]:
    """A flat grey with normal noise of `sigma` 8-bit values."""
    values = np.random.default_rng(2).normal(grey, sigma, (size, size))
    return np.repeat(np.clip(np.rint(values), 0, 255).astype(np.uint8)[..., None], 3, axis=-1)


@pytest.mark.parametrize(
    ("height", "width", "grid", "clip_limit"),
    [(64, 64, 8, 2), (100, 130, 8, 3), (63, 64, 8, 4), (64, 99, 8, 2), (37, 51, 5, 40), (9, 9, 4, 1), (200, 300, 1, 2)],
)
def test_tables_are_those_of_opencv(height: int, width: int, grid: int, clip_limit: float) -> None:
    levels = blurred(height, width)
    expected = cv2.createCLAHE(clip_limit, (grid, grid)).apply(levels)
    tiling = Tiling.of(height, width, grid)
    extended = np.pad(levels, ((0, tiling.rows * tiling.tile_height - height), (0, tiling.columns * tiling.tile_width - width)), "reflect")
    tiles = extended.reshape(tiling.rows, tiling.tile_height, tiling.columns, tiling.tile_width).swapaxes(1, 2).reshape(grid, grid, -1)
    counts = np.apply_along_axis(np.bincount, -1, tiles, minlength=LEVELS)
    tables = tables_of(counts, clip_limit=clip_limit, most=np.full(LEVELS, np.inf))
    lattice = Lattice(tables.astype(np.float32), tiling.tile_height, tiling.tile_width)
    found = lattice.read(0, 0, (levels / (LEVELS - 1)).astype(np.float32)) * (LEVELS - 1)
    # OpenCV rounds its tables to half a level and the result to another half.
    assert np.abs(found - expected).max() <= 1


@pytest.mark.parametrize("clip_limit", [2, 8])
def test_lightness_of_a_grey_photo_becomes_what_opencv_makes_of_it(clip_limit: float) -> None:
    grey = np.repeat(np.clip(blurred(120, 160) // 2 + 60, 0, 255).astype(np.uint8)[..., None], 3, axis=-1)
    levels = np.rint(lightness_of(grey)).astype(np.uint8)
    expected = cv2.createCLAHE(clip_limit, (8, 8)).apply(levels)
    found = lightness_of(run(grey, CLAHE(clip_limit=clip_limit, grid=8, amplify_noise=True), grey=True))
    # One level as above, what rounding the levels before costs at the slope of the mapping, and an 8-bit value of the result.
    assert np.abs(found - expected).max() <= 1 + 0.5 * clip_limit + 1
    assert np.abs(found - expected).mean() <= 0.5 + 0.2 * clip_limit


def test_noise_in_a_dark_flat_area_is_not_made_stronger() -> None:
    dark = flat_noise(30, 4)
    before = lightness_of(dark).std()
    assert before > VISIBLE_NOISE
    limited = lightness_of(run(dark, CLAHE(clip_limit=8))).std()
    plain = cv2.createCLAHE(8, (8, 8)).apply(np.rint(lightness_of(dark)).astype(np.uint8)).std()
    assert plain > 3 * before
    # A tenth for the error of the estimate.
    assert limited < 1.1 * before


def test_faint_noise_becomes_at_most_just_visible() -> None:
    faint = flat_noise(90, 0.8)
    before = lightness_of(faint).std()
    after = lightness_of(run(faint, CLAHE(clip_limit=40))).std()
    assert before < after < 1.15 * VISIBLE_NOISE
    assert lightness_of(run(faint, CLAHE(clip_limit=40, amplify_noise=True))).std() > 3 * VISIBLE_NOISE


@pytest.mark.parametrize(("grey", "sigma"), [(40, 2), (90, 4), (180, 3)])
def test_noise_is_measured(grey: int, sigma: float) -> None:
    pixels = flat_noise(grey, sigma)
    found = noise_levels(Photo(pixels), srgb()).at(np.array([_LEVEL_OF_GREY[grey] / 255]))
    assert found == pytest.approx(lightness_of(pixels).std(), rel=0.12)


def test_texture_beside_a_calm_area_is_not_taken_for_noise() -> None:
    pixels = flat_noise(110, 1.0)
    pixels[:, :180] = np.repeat(np.random.default_rng(4).integers(60, 160, (256, 180, 1)), 3, axis=-1)
    assert noise_levels(Photo(pixels), srgb()).at(np.array([_LEVEL_OF_GREY[110] / 255])) < 2


def test_contrast_of_a_hazy_photo_rises() -> None:
    hazy = np.repeat((blurred(240, 320)[..., None] * 0.25 + 110).astype(np.uint8), 3, axis=-1)
    result = run(hazy, CLAHE(clip_limit=4))
    assert result.std() > 1.2 * hazy.std()


def under_a_sky(height: int = 400, width: int = 600) -> tuple[Levels, npt.NDArray[np.bool_]]:
    """Textured ground under a smooth sky with dark corners, and which of its pixels are sky."""
    y, x = np.mgrid[:height, :width]
    sky = 205 - 45 * ((x / width - 0.5) ** 2 * 4 + (1 - y / height) ** 2) / 2
    grain = np.random.default_rng(3).normal(0, 0.7, sky.shape)
    grey = np.where(y < 0.55 * height, sky + grain, 30 + blurred(height, width) / 3)
    return np.repeat(np.rint(grey).astype(np.uint8)[..., None], 3, axis=-1), y < 0.5 * height


@pytest.mark.parametrize("clip_limit", [2, 8])
def test_a_smooth_sky_stays_as_it_is_and_the_ground_gains_contrast(clip_limit: float) -> None:
    pixels, sky = under_a_sky()
    result, plain = (run(pixels, CLAHE(clip_limit=clip_limit, amplify_noise=amplified)).astype(int) for amplified in (False, True))
    assert np.abs(plain - pixels)[sky].max() > 8
    assert np.abs(result - pixels)[sky].max() <= 3
    assert np.abs(result - pixels)[sky].mean() < 0.5
    ground = slice(240, None)
    assert lightness_of(result[ground]).std() > 1.3 * lightness_of(pixels[ground]).std()


def test_tables_keep_levels_without_detail_and_rise() -> None:
    tables = tables_of(np.random.default_rng(6).integers(0, 40, (2, 3, LEVELS)) ** 3, clip_limit=8, most=np.full(LEVELS, np.inf))
    own, most = np.arange(LEVELS) / (LEVELS - 1), np.full(LEVELS, np.inf)
    assert np.abs(tables - own).max() > 0.03
    np.testing.assert_allclose(limited_to_detail(tables, np.zeros((2, 3, 16)), most), np.broadcast_to(own, tables.shape), atol=1e-9)
    np.testing.assert_allclose(limited_to_detail(tables, np.ones((2, 3, 16)), most), tables, atol=0.01)
    sudden = np.zeros((2, 3, 16))
    sudden[..., 8:] = 1
    assert (np.diff(limited_to_detail(tables, sudden, most), axis=-1) >= 0).all()


def shares_of(pixels: Levels, alpha: Levels | None = None) -> npt.NDArray[np.float64]:
    """The detail of a photo in 16 x 24 cells, at all lightnesses."""
    photo = Photo(pixels, alpha=alpha)
    cell = pixels.shape[0] / 16, pixels.shape[1] / 24
    return detail_shares(photo, srgb(), noise_levels(photo, srgb()), nodes=(16, 24), cell=cell)


@pytest.mark.parametrize("times", [1, 4])
def test_detail_is_where_texture_is_and_neither_in_noise_nor_in_gradients(times: int) -> None:
    shares = shares_of(under_a_sky()[0].repeat(times, axis=0).repeat(times, axis=1))
    # The sky's lightnesses in its rows of cells, the ground's in the lowest.
    assert shares[:6, :, 9:14].max() < 0.1
    assert shares[-3:, :, 3:6].min() > 0.6


def test_hidden_pixels_have_no_detail() -> None:
    pixels, _ = under_a_sky()
    alpha = np.full(pixels.shape[:2], 255, np.uint8)
    alpha[200:, :] = 0
    other = pixels.copy()
    other[200:] = np.random.default_rng(5).integers(0, 256, other[200:].shape)
    np.testing.assert_array_equal(shares_of(pixels, alpha), shares_of(other, alpha))


def test_tables_rise_and_end_at_white() -> None:
    facts = measure(Photo(scene(contrast=True)), CLAHE(clip_limit=5))
    assert (np.diff(facts.lattice.values, axis=-1) >= 0).all()
    np.testing.assert_allclose(facts.lattice.values[..., -1], 1, atol=1e-5)


def test_no_table_is_steeper_than_noise_allows() -> None:
    photo = Photo(flat_noise(30, 4))
    facts = measure(photo, CLAHE(clip_limit=20))
    slopes = np.diff(facts.lattice.values, axis=-1) * (LEVELS - 1)
    assert (slopes <= steepest(facts.noise)[1:] + 0.01).all()


def test_saturated_colours_do_not_turn_into_others() -> None:
    red = np.zeros((64, 64, 3), np.uint8)
    red[..., 0] = np.linspace(80, 230, 64).astype(np.uint8)
    result = run(red, CLAHE(clip_limit=10)).astype(int)
    np.testing.assert_array_equal(result[..., 1], result[..., 2])
    assert (result[..., 0] > result[..., 1]).all()


def test_lightness_and_light_undo_each_other() -> None:
    light = np.linspace(0, 1, 1000, dtype=np.float32)
    lightness = lightness_table()[root_index(light)]
    back = light_table()[np.rint(lightness * 65_535).astype(int)]
    np.testing.assert_allclose(back, light, atol=5e-5)


@pytest.mark.parametrize("grid", [21, 64])
def test_refuses_more_tiles_than_pixels(grid: int) -> None:
    with pytest.raises(OptionError, match=f"grid {grid} .*30x20.*at most 20"):
        run(scene(height=20, width=30), CLAHE(grid=grid))


@pytest.mark.parametrize("wrong", [{"grid": 0}, {"grid": 65}, {"clip_limit": 0.5}, {"enhance_level": -0.1}])
def test_refuses_options_out_of_bounds(wrong: dict[str, float]) -> None:
    with pytest.raises(OptionError, match=next(iter(wrong))):
        CLAHE(**wrong)  # type: ignore[arg-type]


def test_tiny_photos_have_fewer_tiles() -> None:
    assert (Tiling.of(20, 3000, None).rows, Tiling.of(20, 3000, None).columns) == (1, 8)
    assert Tiling.of(512, 512, None).rows == 8


def test_every_pixel_is_counted_once_in_its_tile() -> None:
    pixels = np.repeat(blurred(64, 96)[..., None], 3, axis=-1)
    counts = histograms(Photo(pixels, grey=True), srgb(), Tiling.of(64, 96, 4))
    tile = np.rint(lightness_of(pixels[16:32, 48:72])).astype(int)
    np.testing.assert_array_equal(counts[1, 2], np.bincount(tile.ravel(), minlength=LEVELS))
    assert counts.sum() == 64 * 96
