"""Moving pictures: the first is taken where it is whole, whatever is wrong behind it; and what holds no still picture is named."""

import io
import re
from pathlib import Path

import numpy as np
import pytest
import pyvips
from PIL import Image
from small_pictures import read

from img_enhance.errors import PhotoError, UnsupportedPhoto
from img_enhance.image_io import open_photo
from img_enhance.image_io.images import failure

MOST = 10**6


@pytest.fixture
def frames() -> list[Image.Image]:
    random = np.random.default_rng(3)
    return [Image.fromarray(random.integers(0, 256, (30, 40, 3), np.uint8)) for _ in range(3)]


def sequence(frames: list[Image.Image], format: str) -> bytes:
    file = io.BytesIO()
    frames[0].save(file, format, save_all=True, append_images=frames[1:], duration=100)
    return file.getvalue()


def with_a_damaged_frame(gif: bytes, number: int) -> bytes:
    """With more bits to a code than there can be in a frame, counted from 0."""
    starts = [match.end() for match in re.finditer(rb"\x2c\0\0\0\0\x28\0\x1e\0", gif)]
    assert len(starts) == 3
    flags = gif[starts[number]]
    bits = starts[number] + 1 + (3 * (2 << (flags & 7)) if flags & 0x80 else 0)
    return gif[:bits] + b"\x40" + gif[bits + 1 :]


def test_a_gif_whose_later_frame_is_damaged_gives_its_first(frames: list[Image.Image], tmp_path: Path) -> None:
    path = tmp_path / "moving.gif"
    gif = sequence(frames, "GIF")
    path.write_bytes(gif)
    _, whole = read(path)
    for number in (1, 2):
        path.write_bytes(with_a_damaged_frame(gif, number))
        file, photo = read(path)
        np.testing.assert_array_equal(photo.pixels, whole.pixels)
        assert file.warnings == ("only the first of several frames or pages is kept", "a later frame of the file is damaged")
        assert file.several
        with pytest.raises(UnsupportedPhoto, match="several frames"):
            open_photo(path, max_pixels=MOST, first_frame=False)
    path.write_bytes(with_a_damaged_frame(gif, 0))
    with pytest.raises(PhotoError, match="truncated or damaged"):
        read(path)


def test_an_avif_without_a_still_picture_is_named(frames: list[Image.Image], tmp_path: Path) -> None:
    path = tmp_path / "moving.avif"
    avif = sequence(frames, "AVIF")
    path.write_bytes(avif)
    assert "only the first of several frames or pages is kept" in open_photo(path, max_pixels=MOST).warnings
    assert avif.count(b"meta") >= 1
    path.write_bytes(avif.replace(b"meta", b"free", 1))
    with pytest.raises(UnsupportedPhoto, match="moving pictures without a still one"):
        open_photo(path, max_pixels=MOST)


def test_a_picture_above_the_limit_of_its_decoder_is_not_called_damaged() -> None:
    said = "heif: Memory allocation error: Security limit exceeded: Image size 17000x17000 exceeds the maximum image size\n (6.1000)\n"
    error = failure(Path("large.avif"), pyvips.Error("unable to call heifload", said))
    assert isinstance(error, UnsupportedPhoto)
    assert "more pixels than libheif takes" in str(error)
