"""Thumbnails look like their photos, whatever the file, and appear whole or not at all."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import pyvips
from PIL import Image, ImageCms

from img_enhance.compare.thumbnails import SIDE, write_thumbnail
from img_enhance.errors import PhotoError
from img_enhance.image_io import PhotoFile, open_photo, read_reduced, read_whole
from img_enhance.photo import Photo

Pixels = npt.NDArray[np.uint8]

# Mean difference, of 255, of two ways to reduce a picture, without what a JPEG does to details; a profile that is ignored is 3 away.
ALIKE = 1.0

MOST_PIXELS = 100_000_000


@pytest.fixture(scope="module")
def picture() -> Image.Image:
    """The sample, 3000 x 2000: a JPEG of it is decoded at a fourth for a thumbnail."""
    sample = Path(__file__).parent.parent.parent / "samples" / "cat.png"
    with Image.open(sample) as photo:
        return photo.convert("RGB").resize((3000, 2000), Image.Resampling.BICUBIC)


def _oriented(picture: Image.Image, path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    picture.rotate(90, expand=True).save(path, "JPEG", quality=95, exif=exif)


def _with_profile(picture: Image.Image, path: Path) -> None:
    profile = pyvips.Image.profile_load("p3")
    shown = ImageCms.profileToProfile(picture, ImageCms.createProfile("sRGB"), io.BytesIO(bytes(profile)))
    assert shown is not None
    shown.save(path, "JPEG", quality=95, icc_profile=bytes(profile))


WAYS: dict[str, Callable[[Image.Image, Path], None]] = {
    "a.jpg": lambda picture, path: picture.save(path, quality=95),
    "turned.jpg": _oriented,
    "p3.jpg": _with_profile,
    "progressive.jpg": lambda picture, path: picture.save(path, quality=95, progressive=True),
    "cmyk.jpg": lambda picture, path: picture.convert("CMYK").save(path, quality=95),
    "a.png": lambda picture, path: picture.save(path, compress_level=1),
    "a.webp": lambda picture, path: picture.save(path, quality=95, method=0),
    "a.tif": lambda picture, path: picture.save(path),
    "a.bmp": lambda picture, path: picture.save(path),
}


@pytest.mark.parametrize("name", WAYS)
def test_a_thumbnail_of_a_file_is_that_of_its_photo(picture: Image.Image, tmp_path: Path, name: str) -> None:
    WAYS[name](picture, tmp_path / name)
    file = _opened(tmp_path / name)
    whole = read_whole(file, most_in_memory=MOST_PIXELS)
    shown, expected = _shown(file, tmp_path), _shown(whole, tmp_path)
    assert shown.shape == expected.shape == (213, SIDE, 3)
    assert _difference(shown, expected) < ALIKE
    if name != "cmyk.jpg":  # without a profile it says nothing certain
        assert _difference(shown, np.asarray(picture)) < ALIKE


def test_a_reduced_photo_is_up_to_twice_as_large_as_asked_for(picture: Image.Image, tmp_path: Path) -> None:
    picture.save(tmp_path / "a.jpg")
    for side in (100, 640, 1500, 1501, 4000):
        reduced = read_reduced(_opened(tmp_path / "a.jpg"), side)
        assert min(side, 3000) <= reduced.size.width < max(2 * side, 3001)
        assert reduced.metadata.exif is None


def test_16_bits_and_transparency_are_shown(tmp_path: Path) -> None:
    pixels = np.full((700, 1400, 4), 40_000, np.uint16)
    pixels[..., 3] = np.where(np.arange(1400) < 700, 65_535, 0)
    pyvips.Image.new_from_memory(pixels, 1400, 700, 4, "ushort").copy(interpretation="rgb16").pngsave(str(tmp_path / "a.png"))
    shown = _shown(_opened(tmp_path / "a.png"), tmp_path)
    assert abs(int(shown[80, 40, 0]) - 156) <= 2  # 40,000 of 65,535
    assert set(np.unique(shown[:, 200:] // 16)) >= {226 // 16, 255 // 16}  # the two greys of the board


def test_thin_and_tiny_photos_have_thumbnails(tmp_path: Path) -> None:
    for width, height, shown in ((5000, 2, (1, SIDE, 3)), (1, 1, (1, 1, 3)), (20, 4000, (SIDE, 2, 3))):
        path = tmp_path / f"{width}.png"
        Image.new("RGB", (width, height), "red").save(path)
        assert _shown(_opened(path), tmp_path).shape == shown


def test_a_damaged_file_leaves_no_thumbnail(picture: Image.Image, tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    picture.save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(PhotoError, match="truncated or damaged"):
        write_thumbnail(_opened(path), tmp_path / "thumbnails" / "a.jpg")
    assert not (tmp_path / "thumbnails").exists()


def test_what_is_there_of_a_damaged_file_is_shown_where_it_is_salvaged(picture: Image.Image, tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    picture.save(path, quality=95)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    shown = _shown(open_photo(path, max_pixels=MOST_PIXELS, salvage=True), tmp_path)
    # A row of the thumbnail is nine of the picture: the parts do not end at the same one.
    assert _difference(shown[:64], np.asarray(picture.crop((0, 0, 3000, 600)))) < 2 * ALIKE


def test_a_thumbnail_is_replaced_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.jpg"
    write_thumbnail(_grey(10), path)
    first = path.read_bytes()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(Image.Image, "save", full)
        with pytest.raises(OSError, match="No space"):
            write_thumbnail(_grey(200), path)
    assert [found.name for found in tmp_path.iterdir()] == ["a.jpg"]
    assert path.read_bytes() == first
    write_thumbnail(_grey(200), path)
    assert path.read_bytes() != first


def _difference(one: Pixels, other: Pixels) -> float:
    """Of the mean colours of parts."""
    coarse = [np.asarray(Image.fromarray(pixels).resize((40, 25), Image.Resampling.BOX), int) for pixels in (one, other)]
    return float(np.abs(coarse[0] - coarse[1]).mean())


def _grey(level: int) -> Photo:
    return Photo(np.full((30, 40, 3), level, np.uint8))


def _opened(path: Path) -> PhotoFile:
    return open_photo(path, max_pixels=MOST_PIXELS)


def _shown(photo: Photo | PhotoFile, folder: Path) -> Pixels:
    """The pixels of its thumbnail."""
    path = folder / "thumbnails" / "shown.jpg"
    write_thumbnail(photo, path)
    with Image.open(path) as thumbnail:
        return np.asarray(thumbnail.convert("RGB"))
