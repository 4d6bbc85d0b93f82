"""Whatever a file holds: a photo or an error of ours, soon, and in little memory."""

import contextlib
import itertools
import subprocess
import sys
import time
from pathlib import Path

import files
import numpy as np
import pytest
from decode import decoded
from PIL import Image

from img_enhance.errors import ImgEnhanceError, PhotoError, PhotoTooLarge, UnsupportedPhoto
from img_enhance.image_io import open_photo

SECONDS = 30
# The last chunk of a PNG: its length, its name, nothing, a checksum.
END_BYTES = 12
VALID = files.valid()
CUTS = [(name, end) for name, data in VALID.items() for end in files.cuts(name, data)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file"


@pytest.mark.parametrize("name", VALID)
def test_the_good_files_are_good(name: str, path: Path) -> None:
    path.write_bytes(VALID[name])
    photo = decoded(path)
    assert {photo.size.width, photo.size.height} == {40, 56}


@pytest.mark.parametrize(("name", "end"), CUTS)
def test_a_truncated_file_is_refused(name: str, end: int, path: Path) -> None:
    path.write_bytes(VALID[name][:end])
    with pytest.raises(PhotoError):
        decoded(path)


@pytest.mark.parametrize("name", VALID)
def test_a_file_cut_anywhere_near_its_end_is_whole_or_refused(name: str, path: Path) -> None:
    data = VALID[name]
    path.write_bytes(data)
    whole = decoded(path).pixels
    for end in range(len(data) - 24, len(data)):
        path.write_bytes(data[:end])
        try:
            np.testing.assert_array_equal(decoded(path).pixels, whole)
        except ImgEnhanceError as error:
            assert "truncated or damaged" in str(error)  # noqa: PT017


@pytest.mark.parametrize(("name", "seed"), list(itertools.product(VALID, range(12))))
def test_turned_bits_give_a_photo_or_an_error_of_ours(name: str, seed: int, path: Path) -> None:
    path.write_bytes(files.flipped(VALID[name], count=1 + seed % 4, seed=seed))
    with contextlib.suppress(ImgEnhanceError):
        decoded(path)


@pytest.mark.parametrize("name", ["png", "interlaced png"])
def test_a_png_with_a_turned_bit_beside_its_pixels_has_those_that_were_written_or_is_refused(name: str, path: Path) -> None:
    data = bytearray(VALID[name])
    path.write_bytes(data)
    # Where the turned bit is in the EXIF, its checksum is wrong and it turns nothing.
    upright = decoded(path).pixels.copy()
    ways_up = [upright, np.rot90(upright)]
    read = refused = 0
    for place in (*range(data.find(b"IDAT")), *range(len(data) - END_BYTES, len(data))):
        data[place] ^= 1 << place % 8
        path.write_bytes(data)
        try:
            pixels = decoded(path).pixels
        except ImgEnhanceError:
            refused += 1
        else:
            assert any(np.array_equal(pixels, way_up) for way_up in ways_up), place
            read += 1
        data[place] ^= 1 << place % 8
    # Of the signature, the header with its checksum, and the head of the pixels every bit counts; of other blocks none does.
    assert refused >= 8 + 25
    assert read >= 20


@pytest.mark.parametrize("name", ["png", "interlaced png"])
def test_a_png_with_a_turned_bit_in_its_pixels_is_refused(name: str, path: Path) -> None:
    data = bytearray(VALID[name])
    start = data.find(b"IDAT") + 4
    for place in range(start, len(data) - 16, max(1, (len(data) - 16 - start) // 40)):
        data[place] ^= 16
        path.write_bytes(data)
        with pytest.raises(PhotoError):
            decoded(path)
        data[place] ^= 16


@pytest.mark.parametrize("name", files.bombs())
def test_a_bomb_is_refused_by_its_header(name: str, path: Path) -> None:
    path.write_bytes(files.bombs()[name])
    started = time.perf_counter()
    with pytest.raises(PhotoError) as caught:
        open_photo(path, max_pixels=100_000_000)
    assert time.perf_counter() - started < 2
    # Where the rest of the file contradicts the header, the decoder refuses it before its size counts.
    assert caught.type is PhotoTooLarge or name in ("webp", "avif", "gif", "tiff")


@pytest.mark.parametrize("name", files.COSTLY)
def test_a_harmful_file_takes_little_time_and_memory(name: str, path: Path) -> None:
    path.write_bytes(files.COSTLY[name]())
    script = Path(__file__).with_name("decode.py")
    done = subprocess.run([sys.executable, script, path], capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize("name", ["bomb " + name for name in files.bombs()])
def test_a_bomb_takes_little_time_and_memory_with_any_limit(name: str, path: Path) -> None:
    path.write_bytes(files.bombs()[name.removeprefix("bomb ")])
    script = Path(__file__).with_name("decode.py")
    done = subprocess.run([sys.executable, script, path], capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "PhotoTooLarge" in done.stdout or "PhotoError" in done.stdout


@pytest.mark.parametrize("name", files.polyglots())
def test_a_file_that_is_something_else_is_refused_or_read_as_what_it_is(name: str, path: Path) -> None:
    path.write_bytes(files.polyglots()[name])
    if " then " in name:
        path.write_bytes(VALID[name.split()[0]])
        alone = decoded(path).pixels
        path.write_bytes(files.polyglots()[name])
        np.testing.assert_array_equal(decoded(path).pixels, alone)
        return
    with pytest.raises(PhotoError):
        decoded(path)


def test_the_ending_of_a_name_does_not_decide(tmp_path: Path) -> None:
    for name, data in VALID.items():
        for ending in (".jpg", ".png", ".svg", ".pdf", ".v", ""):
            path = tmp_path / f"photo{ending}"
            path.write_bytes(data)
            assert open_photo(path, max_pixels=10**6).header.format == name.split()[-1]


def test_a_broken_profile_is_dropped_with_a_warning(path: Path) -> None:
    for format in ("JPEG", "TIFF", "WEBP", "AVIF", "PNG"):
        Image.fromarray(files.picture()).save(path, format, icc_profile=b"no profile" * 30)
        file = open_photo(path, max_pixels=10**6)
        assert file.metadata.icc is None
        assert any("colour profile was dropped" in warning for warning in file.warnings), format


def test_a_huge_profile_is_dropped_with_a_warning(path: Path) -> None:
    path.write_bytes(files.huge_profile())
    file = open_photo(path, max_pixels=10**6)
    assert file.metadata.icc is None
    assert "colour profile was dropped" in file.warnings[0]


@pytest.mark.parametrize("block", [b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0garbage", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + bytes(40)])
def test_broken_exif_is_dropped_with_a_warning(block: bytes, path: Path) -> None:
    Image.fromarray(files.picture()).save(path, "JPEG", exif=block)
    file = open_photo(path, max_pixels=10**6)
    assert file.metadata.exif is None
    assert "its EXIF is damaged and was dropped" in file.warnings[0]
    decoded(path)


@pytest.mark.parametrize("packet", [b"<not xml", b'<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>', b"\xff\xfe\xfd"])
def test_broken_xmp_is_dropped_with_a_warning(packet: bytes, path: Path) -> None:
    Image.fromarray(files.picture()).save(path, "JPEG", xmp=packet)
    file = open_photo(path, max_pixels=10**6)
    assert file.metadata.xmp is None
    assert "its XMP is damaged and was dropped" in file.warnings[0]


@pytest.mark.parametrize("values", [[np.nan, 0.5, 0.5], [np.inf, 0, 0], [-np.inf, 0, 0]])
def test_a_tiff_with_values_that_are_no_numbers_is_refused(values: list[float], path: Path) -> None:
    from pyvips import Image as VipsImage

    pixels = np.full((200, 8, 3), 0.5, np.float32)
    pixels[-1, -1] = values
    VipsImage.new_from_array(pixels).copy(interpretation="scrgb").tiffsave(str(path))
    with pytest.raises(UnsupportedPhoto, match="NaN or infinite"):
        decoded(path)


@pytest.mark.parametrize("kind", ["float", "double", "int", "short", "uint", "complex"])
def test_kinds_of_numbers_that_are_not_taken_are_refused(kind: str, path: Path) -> None:
    from pyvips import Image as VipsImage

    VipsImage.black(8, 8).cast(kind).tiffsave(str(path))
    with pytest.raises(PhotoError):
        decoded(path)


def test_a_missing_file_a_folder_and_an_empty_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    for name in ("missing", ".", "empty", "a\0b", "n" * 300):
        with pytest.raises(PhotoError):
            decoded(tmp_path / name)
