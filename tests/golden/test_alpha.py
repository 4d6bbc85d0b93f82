"""Transparency: enlarged once, without halos, whatever lies hidden under it."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small_pictures import Array, noise, photo_of, read, write

from img_enhance.engine import Engine
from img_enhance.image_io import images, resample
from img_enhance.image_io.bleed import bleed
from img_enhance.request.options import Output
from img_enhance.request.recipe import Recipe
from img_enhance.request.step_options import RealESRGAN

SCALE = 4
STEPS = 5
COLOUR = (200, 60, 40)
HOSTILE = {"green": (0, 255, 0), "black": (0, 0, 0), "white": (255, 255, 255), "cyan": (0, 255, 255)}


def disc(side: int, *, samples: int = 8) -> Array:
    """Opacity 0 to 1 of a disc, by counting samples in each pixel."""
    grid = (np.arange(side * samples) + 0.5) / (side * samples) - 0.5
    inside = grid[:, None] ** 2 + grid[None, :] ** 2 <= 0.3**2
    return np.asarray(inside.reshape(side, samples, side, samples).mean((1, 3)))


def on(pixels: Array, opacity: Array, background: float) -> Array:
    return np.asarray(pixels * opacity[..., None] + background * (1 - opacity[..., None]))


def plainly(values: Array, side: int) -> Array:
    """One channel, resampled as any program does."""
    picture = Image.fromarray(values.astype(np.float32))
    return np.asarray(np.clip(np.asarray(picture.resize((side, side), Image.Resampling.BICUBIC)), 0, 1))


@pytest.mark.parametrize("hidden", HOSTILE)
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_an_edge_has_no_halo_on_black_or_white(hidden: str, dtype: str, engine: Engine, tmp_path: Path) -> None:
    side = 32
    white = np.iinfo(dtype).max
    opacity = np.rint(disc(side) * white) / white
    pixels = np.where(opacity[..., None] > 0, COLOUR, HOSTILE[hidden]) / 255
    stored = np.rint(np.concatenate([pixels, opacity[..., None]], 2) * white).astype(dtype)
    path = write(photo_of(stored), tmp_path / "photo.png", "png")
    result = engine.enhance(path, Recipe(steps=(RealESRGAN("realesr-animevideov3"),)))
    assert result.photo.alpha is not None
    got, got_opacity = result.photo.pixels / white, result.photo.alpha / white
    truth, true_opacity = np.array(COLOUR) / 255, disc(side * SCALE)
    plain_opacity = plainly(opacity, side * SCALE)
    for background in (0.0, 1.0):
        want = on(truth, true_opacity, background)
        plain = on(truth, plain_opacity, background)
        error = np.abs(on(got, got_opacity, background) - want)
        # The shape's own colour comes back from the network within a few levels; everything else is the edge of plain resampling.
        assert error.max() <= np.abs(plain - want).max() + 8 / 255
        assert error.mean() <= np.abs(plain - want).mean() + 2 / 255
    edge = (true_opacity > 0.02) & (true_opacity < 0.98)
    assert np.abs(got[edge] - truth).max() <= 12 / 255, "what was hidden shines through"


def test_hidden_colours_do_not_change_the_result(engine: Engine, recipe: Recipe) -> None:
    stored = noise(4, height=16, width=16)
    stored[4:12, 4:12, 3] = 0
    other = stored.copy()
    other[4:12, 4:12, :3] = (0, 255, 0)
    first, second = (engine.enhance(photo_of(pixels), recipe).photo for pixels in (stored, other))
    np.testing.assert_array_equal(first.pixels, second.pixels)
    np.testing.assert_array_equal(first.alpha, second.alpha)


def test_alpha_is_enlarged_once_to_the_final_size(engine: Engine) -> None:
    recipe = Recipe(steps=(RealESRGAN("realesr-animevideov3", upscale=6),))
    stored = noise(4, height=8, width=8)
    stored[..., 3] = np.rint(disc(8) * 255)
    photo = engine.enhance(photo_of(stored), recipe).photo
    assert photo.alpha is not None
    once = plainly(stored[..., 3] / 255, 48) * 255
    # libvips' bicubic of 8 bits works in steps of a 64th of a pixel.
    assert np.abs(photo.alpha - once).max() <= STEPS


def test_an_enlarged_picture_is_not_shifted() -> None:
    for small, large in ((8, 32), (10, 25), (7, 8), (5, 40)):
        spot = np.rint(disc(small) * 65_535).astype(np.uint16)
        canvas = np.empty((large, large), np.uint16)
        resample(spot, canvas, lambda: None)
        places = np.arange(large) - (large - 1) / 2
        for axis in (0, 1):
            assert abs((canvas.sum(axis) * places).sum() / canvas.sum()) < 0.05


def test_an_opaque_photo_with_alpha_stays_opaque(engine: Engine, recipe: Recipe) -> None:
    stored = noise(4)
    stored[..., 3] = 255
    photo = engine.enhance(photo_of(stored), recipe).photo
    assert photo.alpha is not None
    assert photo.alpha.min() == 255


def test_a_photo_that_nobody_sees_goes_through(engine: Engine, recipe: Recipe) -> None:
    stored = noise(4)
    stored[..., 3] = 0
    photo = engine.enhance(photo_of(stored), recipe).photo
    assert photo.alpha is not None
    assert photo.alpha.max() == 0


def test_grey_with_alpha_stays_grey_with_alpha(engine: Engine, recipe: Recipe, tmp_path: Path) -> None:
    result = engine.enhance(photo_of(noise(2)), recipe)
    result.save(tmp_path / "photo.png")
    with Image.open(tmp_path / "photo.png") as picture:
        assert picture.mode == "LA"
    assert read(tmp_path / "photo.png")[0].header.grey


def test_transparency_is_laid_on_white_where_the_format_has_none(engine: Engine, recipe: Recipe, tmp_path: Path) -> None:
    stored = noise(4)
    stored[..., 3] = 0
    path = write(photo_of(stored), tmp_path / "photo.png", "png")
    prepared = engine.prepare(path, recipe, output=tmp_path / "photo.jpg")
    assert any("laid on white" in warning for warning in prepared.warnings)
    engine.run(prepared).save(tmp_path / "photo.jpg")
    assert read(tmp_path / "photo.jpg")[1].pixels.min() >= 254


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (2, 3), (257, 5), (513, 300), (600, 7)])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_bleeding_leaves_what_is_seen_and_spreads_it(shape: tuple[int, int], dtype: str) -> None:
    pixels = np.zeros((*shape, 3), dtype)
    alpha = np.zeros(shape, dtype)
    colour = (10, 200, np.iinfo(dtype).max)
    pixels[0, 0], alpha[0, 0] = colour, 1
    bleed(pixels, alpha)
    assert (pixels == colour).all()


def test_bleeding_mixes_regions_whatever_their_share_of_seen_pixels() -> None:
    pixels, alpha = np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4), np.uint8)
    pixels[:2, :2], alpha[:2, :2] = 100, 255
    pixels[0, 3], alpha[0, 3] = 200, 255
    bleed(pixels, alpha)
    assert (pixels[:2, 2:] == 200).all()
    assert (pixels[2:] == 150).all(), "four seen pixels must not count more than one"


def test_bleeding_without_anything_seen_changes_nothing_that_matters() -> None:
    pixels = noise(3)
    bleed(pixels, np.zeros(pixels.shape[:2], np.uint8))
    assert pixels.shape == (14, 20, 3)


def test_bleeding_takes_the_nearest_colours() -> None:
    pixels = np.full((64, 64, 3), 255, np.uint8)
    alpha = np.zeros((64, 64), np.uint8)
    pixels[:, :8], alpha[:, :8] = (10, 0, 0), 255
    pixels[:, -8:], alpha[:, -8:] = (250, 0, 0), 255
    seen = pixels[alpha > 0].copy()
    bleed(pixels, alpha)
    np.testing.assert_array_equal(pixels[alpha > 0], seen)
    assert pixels[:, 8:16, 0].max() < 130 < pixels[:, 48:56, 0].min()
    assert pixels[..., 1:].max() == 0


def test_colours_by_which_an_avif_multiplied_transparency_are_divided_by_it(tmp_path: Path) -> None:
    pixels, opacity = np.full((32, 32, 3), COLOUR, np.uint8), np.rint(disc(32) * 255).astype(np.uint8)
    picture = Image.fromarray(np.dstack([pixels, opacity]))
    picture.save(tmp_path / "photo.avif", quality=100, subsampling="4:4:4", alpha_premultiplied=True)
    _, photo = read(tmp_path / "photo.avif")
    assert photo.alpha is not None
    assert np.abs(photo.alpha.astype(int) - opacity).max() <= 1
    # A level of the multiplied colour is two of this one where half of it is seen.
    assert np.abs(photo.pixels.astype(int) - pixels)[opacity > 127].max() <= 4


def test_in_12_bits_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a file that does not say it, because no package here writes such ones."""
    opacity = np.rint(disc(32) * 65_535)
    pixels = np.full((32, 32, 3), COLOUR) * 257.0
    multiplied = np.dstack([np.rint(pixels * (opacity / 65_535)[..., None]), opacity]).astype(np.uint16)
    write(photo_of(multiplied), tmp_path / "photo.avif", "avif", Output(lossless=True))
    monkeypatch.setattr(images, "is_premultiplied", lambda _: True)
    _, photo = read(tmp_path / "photo.avif")
    assert photo.depth == 16
    assert np.abs(photo.pixels - pixels)[opacity > 32_767].max() <= 4 * 16
