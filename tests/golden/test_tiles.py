"""The tiles of a picture: level 0 is the picture itself, each next one its half, whatever the file is."""

from pathlib import Path

import numpy as np
import pytest
import pyvips
from PIL import Image
from small_pictures import Array, joined, noise, photo_of, read, smooth, vips, write
from test_high_range import png as pq_png
from test_high_range import scene

from img_enhance.errors import PhotoError
from img_enhance.geometry import Size
from img_enhance.image_io import open_photo
from img_enhance.image_io.tiles import cut_coarse, cut_fine
from img_enhance.pyramid import COARSE, TILE, levels_of, tile_name

# What a JPEG of quality 90 and another way to average may do to slow waves, on average (measured: 0.9).
NEAR = 2


def cut(path: Path, folder: Path) -> list[Array]:
    """All levels of a picture, put together of their tiles, and what was told of them checked."""
    file = open_photo(path, max_pixels=10**9)
    told: dict[int, list[int]] = {}
    told_bytes = 0

    def done(level: int, rows: int, written: int) -> None:
        nonlocal told_bytes
        told.setdefault(level, []).append(rows)
        told_bytes += written

    cut_coarse(file, folder, done)
    levels = levels_of(file.header.size)
    assert set(told) == set(range(min(COARSE, len(levels) - 1), len(levels)))
    cut_fine(file, folder, done)
    assert told == {number: list(range(1, level.tiles.height + 1)) for number, level in enumerate(levels)}
    assert told_bytes == sum(each.stat().st_size for each in folder.rglob("*") if each.is_file())
    return [put_together(folder, number) for number in range(len(levels))]


def put_together(folder: Path, number: int) -> Array:
    names = [path.name.split("_") for path in (folder / str(number)).iterdir()]
    columns, rows = (max(int(name[axis]) for name in names) + 1 for axis in (0, 1))
    tiles = [[np.atleast_3d(np.asarray(Image.open(folder / tile_name(number, c, r)))) for c in range(columns)] for r in range(rows)]
    picture = np.concatenate([np.concatenate(row, axis=1) for row in tiles])
    return picture if picture.shape[2] > 1 else picture[..., 0]


def slow(height: int, width: int) -> Array:
    """Waves that even the coarsest level shows."""
    small = Image.fromarray(smooth(3, height=-(-height // 16), width=-(-width // 16)))
    return np.asarray(small.resize((width, height), Image.Resampling.BICUBIC))


def distance(one: Array, other: Array) -> float:
    """The mean difference of two pictures of one size."""
    assert one.shape == other.shape
    return float(np.abs(one.astype(float) - other).mean())


def halves(pixels: Array, number: int) -> Array:
    """Averages of squares of 2 ** number pixels, those at the edges going on there."""
    step = 2**number
    right, lower = -pixels.shape[1] % step, -pixels.shape[0] % step
    wide: Array = np.pad(pixels.astype(float), ((0, lower), (0, right), *[(0, 0)] * (pixels.ndim - 2)), "edge")
    return np.asarray(wide.reshape(wide.shape[0] // step, step, wide.shape[1] // step, step, *pixels.shape[2:]).mean(axis=(1, 3)))


def test_levels_halve_until_one_tile_holds_all() -> None:
    levels = levels_of(Size(40_000, 25_001))
    assert [level.size for level in levels[:4]] == [Size(40_000, 25_001), Size(20_000, 12_501), Size(10_000, 6_251), Size(5_000, 3_126)]
    assert (levels[-1].size, levels[-1].tiles) == (Size(313, 196), Size(1, 1))
    assert (levels[0].tiles, levels[0].box(78, 48)) == (Size(79, 49), levels[0].box(78, 48))
    assert levels[0].box(78, 48).size == Size(40_000 - 78 * TILE, 25_001 - 48 * TILE)
    assert [level.size for level in levels_of(Size(1, 1))] == [Size(1, 1)]


@pytest.mark.parametrize("bands", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_the_finest_level_has_the_true_values(tmp_path: Path, bands: int, dtype: str) -> None:
    pixels = noise(bands, height=515, width=1030, dtype=dtype)
    levels = cut(write(photo_of(pixels), tmp_path / "a.tif", "tiff"), tmp_path / "tiles")
    assert np.array_equal(levels[0], pixels if dtype == "uint8" else pixels >> 8)
    assert [level.shape[:2] for level in levels] == [(515, 1030), (258, 515), (129, 258)]


@pytest.mark.parametrize("format", ["jpeg", "png", "tiff", "jxl", "webp"])
def test_every_level_is_the_picture_reduced(tmp_path: Path, format: str) -> None:
    path = write(photo_of(slow(333, 4500)), tmp_path / "a", format)
    levels = cut(path, tmp_path / "tiles")
    assert len(levels) == COARSE + 2  # the coarse ones come of another reading
    seen = joined(read(path)[1])
    assert np.array_equal(levels[0], seen)
    for number, level in enumerate(levels):
        assert distance(level, halves(seen, number)) < NEAR


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_upright(tmp_path: Path, orientation: int) -> None:
    image = vips(slow(70, 5000)).copy()
    image.set_type(pyvips.GValue.gint_type, "orientation", orientation)
    image.jpegsave(str(tmp_path / "a.jpg"), Q=95)
    seen = joined(read(tmp_path / "a.jpg")[1])
    levels = cut(tmp_path / "a.jpg", tmp_path / "tiles")
    assert np.array_equal(levels[0], seen)
    assert distance(levels[COARSE], halves(seen, COARSE)) < NEAR


def test_what_is_transparent_does_not_colour_its_neighbours(tmp_path: Path) -> None:
    pixels = np.zeros((64, 2096, 4), np.uint8)
    pixels[:, 1::2] = (0, 255, 0, 0)
    pixels[:, ::2] = (200, 40, 10, 255)
    levels = cut(write(photo_of(pixels), tmp_path / "a.png", "png"), tmp_path / "tiles")
    assert len(levels) == COARSE + 1  # the last one comes of another reading
    for level in levels[1:]:
        assert np.abs(level[..., :3].astype(int) - (200, 40, 10)).max() <= 2  # a half of the values, times two
        assert np.abs(level[..., 3].astype(int) - 128).max() <= 1


def test_high_dynamic_range_is_shown_as_it_is_elsewhere(tmp_path: Path) -> None:
    path = pq_png(tmp_path / "a.png", scene(height=600, width=700))
    seen = joined(read(path)[1]) >> 8
    levels = cut(path, tmp_path / "tiles")
    assert np.abs(levels[0].astype(int) - seen).max() <= 1
    with Image.open(tmp_path / "tiles" / tile_name(0, 0, 0)) as tile:
        assert tile.info["icc_profile"] == open_photo(path, max_pixels=10**9).metadata.icc


def test_a_small_profile_goes_into_every_tile_and_a_large_one_is_left_behind(tmp_path: Path) -> None:
    p3 = bytes(pyvips.Image.profile_load("p3"))
    image = vips(noise(3, height=40, width=600)).copy()
    for name, profile in (("small", p3), ("large", p3[:44] + p3[44:] + bytes(9000))):
        padded = len(profile).to_bytes(4) + profile[4:]
        image.set_type(pyvips.GValue.blob_type, "icc-profile-data", padded)
        image.pngsave(str(tmp_path / f"{name}.png"))
        cut(tmp_path / f"{name}.png", tmp_path / name)
    for number in (0, 1):
        with Image.open(tmp_path / "small" / tile_name(number, 0, 0)) as tile:
            assert tile.info["icc_profile"] == p3
    with Image.open(tmp_path / "large" / tile_name(0, 0, 0)) as tile:
        shown = pyvips.Image.new_from_file(str(tmp_path / "large.png")).icc_transform("srgb", embedded=True, intent="relative")
        assert "icc_profile" not in tile.info
        assert np.array_equal(np.asarray(tile), shown.numpy()[:, :512])


def test_nothing_is_made_of_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    path = write(photo_of(noise(3, height=600, width=600)), tmp_path / "a.png", "png")
    file = open_photo(path, max_pixels=10**9)
    path.write_bytes(b"gone")
    with pytest.raises(PhotoError):
        cut_coarse(file, tmp_path / "tiles", lambda *_: None)
