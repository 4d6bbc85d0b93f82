"""HEIC photos, pixel by pixel. `tests/heic/make_samples.py` says what is in them."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from conftest import SAMPLE
from img_enhance.engine import Engine
from img_enhance.errors import PhotoError
from img_enhance.image_io import PhotoFile, open_photo, read_photo, read_whole
from img_enhance.machine.canvas import new_canvas
from img_enhance.photo import Photo
from img_enhance.request.recipe import Recipe
from img_enhance.request.step_options import RealESRGAN

Pixels = npt.NDArray[Any]

FOLDER = Path(__file__).parent.parent / "heic"

# HEVC at quality 80 and 50, with colour at half the size.
LOSSY_MEAN = {"phone": 2.0, "two_frames": 5.0}


@pytest.fixture(scope="module")
def truth() -> Pixels:
    with Image.open(SAMPLE) as photo:
        return np.asarray(photo.convert("RGB").crop((130, 60, 220, 130)))


def opened(name: str) -> PhotoFile:
    return open_photo(FOLDER / f"{name}.heic", max_pixels=10_000)


def read(path: str | Path) -> Photo:
    file = opened(path) if isinstance(path, str) else open_photo(path, max_pixels=10_000)
    header = file.header
    canvas = new_canvas(header.size, "memory", None, depth=header.depth)
    alpha = new_canvas(header.size, "memory", None, channels=1, depth=header.depth) if header.alpha else None
    return read_photo(file, canvas, alpha, lambda: None)


@pytest.mark.parametrize("name", ["exact", "alpha"])
def test_colours_without_loss_are_read_exactly(name: str, truth: Pixels) -> None:
    np.testing.assert_array_equal(read(name).pixels, truth)


def test_a_large_photo_is_read_exactly() -> None:
    """Its memory goes back to the system as soon as its decoder is done with it, that of a small one does not."""
    file = open_photo(FOLDER / "large.heic", max_pixels=2_000_000)
    squares = np.arange(6 * 8 * 3).reshape(6, 8, 3) * 37 % 256
    np.testing.assert_array_equal(read_whole(file, most_in_memory=10**9).pixels, np.kron(squares, np.ones((200, 200, 1))))


def test_transparency_is_read_exactly() -> None:
    photo = read("alpha")
    assert photo.alpha is not None
    np.testing.assert_array_equal(photo.alpha, np.tile(np.arange(90) * 2, (70, 1)))


def test_grey_stays_grey(truth: Pixels) -> None:
    photo = read("grey")
    assert photo.grey
    np.testing.assert_array_equal(photo.pixels[..., 1], np.asarray(Image.fromarray(truth).convert("L")))


def test_ten_bits_are_ten_bits() -> None:
    photo = read("ten_bits")
    ramp = np.rint(np.arange(70 * 90).reshape(70, 90) % 1024 * (65_535 / 1023))
    assert photo.depth == 16
    np.testing.assert_array_equal(photo.pixels, np.repeat(ramp[..., None], 3, axis=2))


def test_a_phones_photo_is_turned_upright(truth: Pixels) -> None:
    photo = read("phone")
    assert np.abs(photo.pixels.astype(int) - np.rot90(truth, -1)).mean() < LOSSY_MEAN["phone"]


def test_the_main_one_of_several_frames_is_kept_with_a_warning(truth: Pixels) -> None:
    assert any("frames" in warning for warning in opened("two_frames").warnings)
    assert np.abs(read("two_frames").pixels.astype(int) - truth).mean() < LOSSY_MEAN["two_frames"]


@pytest.mark.parametrize("ending", [".jpg", ".png", ".tif", ".webp"])
def test_metadata_of_a_phones_photo_comes_back_upright(engine: Engine, tmp_path: Path, ending: str) -> None:
    output = tmp_path / f"photo{ending}"
    engine.enhance(FOLDER / "phone.heic", Recipe(steps=(RealESRGAN(model="realesr-animevideov3", upscale=1),))).save(output)
    with Image.open(output) as made:
        exif = made.getexif()
        assert made.size == (70, 90)
        assert exif[0x010F] == "Test camera"
        assert exif.get(0x0112, 1) == 1
        assert exif.get_ifd(0x8825)[2] == (52.0, 31.0, 12.0)
        assert made.info.get("icc_profile")


@pytest.mark.parametrize("count", [1, 100, 3000, -1])
def test_a_truncated_photo_is_refused(tmp_path: Path, count: int) -> None:
    whole = (FOLDER / "phone.heic").read_bytes()
    path = tmp_path / "cut.heic"
    path.write_bytes(whole[:count])
    with pytest.raises(PhotoError):
        read(path)


def test_a_file_that_crashes_the_decoder_is_refused() -> None:
    with pytest.raises(PhotoError, match="truncated or damaged"):
        read("crashes_decoder")
