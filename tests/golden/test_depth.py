"""16 bits in, 16 bits out, for real."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small_pictures import Array, joined, photo_of, read, vips, write

from img_enhance.engine import Engine
from img_enhance.request.recipe import Recipe


def gradient(bands: int) -> Array:
    """A ramp so slow that 8 bits would show it as a few steps."""
    ramp = np.linspace(20_000, 24_000, 24 * 20).reshape(20, 24)
    values = np.rint(np.stack([ramp + 500 * band for band in range(bands)], 2)).astype(np.uint16)
    return values if bands > 1 else values[..., 0]


@pytest.mark.parametrize("bands", [1, 2, 3, 4])
@pytest.mark.parametrize("format", ["png", "tiff", "avif", "jxl"])
def test_a_smooth_gradient_keeps_more_levels_than_8_bits_have(
    format: str, bands: int, engine: Engine, recipe: Recipe, tmp_path: Path
) -> None:
    path = write(photo_of(gradient(bands)), tmp_path / f"photo.{format}", format)
    result = engine.enhance(path, recipe)
    assert result.plan.precision == "f32"
    assert result.photo.depth == 16
    result.save(tmp_path / f"result.{format}")
    _, again = read(tmp_path / f"result.{format}")
    assert again.depth == 16
    # 4,000 of 65,536 levels are 16 of 256, and 250 of 4,096.
    least = 100 if format == "avif" else 1000
    assert np.unique(again.pixels[..., 0]).size > least
    if bands % 2 == 0:
        assert again.alpha is not None
        assert np.unique(again.alpha).size > least


@pytest.mark.parametrize("format", ["jpeg", "webp"])
def test_a_format_of_8_bits_says_so_and_rounds(format: str, engine: Engine, recipe: Recipe, tmp_path: Path) -> None:
    path = write(photo_of(gradient(3)), tmp_path / "photo.png", "png")
    prepared = engine.prepare(path, recipe, output=tmp_path / f"result.{format}")
    assert any("8 bits a channel" in warning for warning in prepared.warnings)
    photo = engine.run(prepared).photo
    write(photo, tmp_path / f"result.{format}", format)
    with Image.open(tmp_path / f"result.{format}") as picture:
        eight = np.asarray(picture.convert("RGB")).astype(float)
    assert np.abs(eight - photo.pixels / 257).max() <= 4.5


def test_pillow_and_libvips_see_all_16_bits(tmp_path: Path) -> None:
    values = gradient(1)
    for format in ("png", "tiff"):
        path = write(photo_of(values), tmp_path / f"photo.{format}", format)
        with Image.open(path) as picture:
            np.testing.assert_array_equal(np.asarray(picture), values)


def test_a_photo_of_10_or_12_bits_reaches_white(tmp_path: Path) -> None:
    for bits in (10, 12):
        path = tmp_path / f"{bits}.avif"
        vips(np.full((16, 16, 3), 65_535, np.uint16)).heifsave(str(path), compression="av1", bitdepth=bits, lossless=True)
        file, photo = read(path)
        assert file.header.depth == 16
        assert photo.pixels.min() == 65_535


def test_float_without_colour_is_refused_and_with_colour_converted(tmp_path: Path) -> None:
    linear = np.linspace(0, 1, 16 * 16 * 3, dtype=np.float32).reshape(16, 16, 3)
    vips(linear).tiffsave(str(tmp_path / "photo.tif"))
    file, photo = read(tmp_path / "photo.tif")
    assert "linear floating-point light was converted" in file.warnings[0]
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * np.maximum(linear, 1e-9) ** (1 / 2.4) - 0.055)  # IEC 61966-2-1
    # libvips looks the curve up in a table and cuts.
    assert np.abs(joined(photo) - encoded * 65_535).max() <= 64
