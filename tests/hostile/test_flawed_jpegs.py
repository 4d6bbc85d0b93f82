"""JPEGs with flaws: those that lose no pixel are taken, the others refused or, if asked for, salvaged; and it is said."""

import io
import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from decode import decoded
from files import picture
from PIL import Image

from img_enhance.engine import Engine
from img_enhance.errors import PhotoError, UnsupportedPhoto
from img_enhance.image_io import open_photo, read_reduced, read_whole
from img_enhance.image_io.restarts import STRAY
from img_enhance.machine.canvas import Pixels
from img_enhance.request.options import Input, Output
from img_enhance.request.recipe import Recipe

SCAN, END = b"\xff\xda", b"\xff\xd9"
HEIGHT, WIDTH = 320, 200
# Rows of a block of 4:2:0, and as many that the decoder reads ahead.
BLOCK_ROWS = 16


def jpeg(*, height: int = HEIGHT, width: int = WIDTH, mode: str = "RGB", **options: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture(height=height, width=width)).convert(mode).save(file, "JPEG", quality=90, **options)
    return file.getvalue()


def scan_header(data: bytes) -> int:
    """Where the parameters of the first scan end."""
    at = data.index(SCAN) + 2
    return at + int.from_bytes(data[at : at + 2])


def with_wrong_scan(data: bytes) -> bytes:
    """As some telephones of Samsung write it."""
    end = scan_header(data)
    return data[: end - 3] + b"\0\0\0" + data[end:]


def with_junk_before(marker: bytes) -> Callable[[bytes], bytes]:
    return lambda data: data.replace(marker, b"\0\x12\xff\0 junk" + marker, 1)


def with_adobe(data: bytes) -> bytes:
    """With a transform that does not exist, in place of the JFIF segment."""
    segment = b"Adobe" + struct.pack(">HHHB", 100, 0, 0, 7)
    assert data[2:4] == b"\xff\xe0"
    return data[:2] + b"\xff\xee" + struct.pack(">H", len(segment) + 2) + segment + data[20:]


FLAWS: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "scan": (with_wrong_scan, "coefficients"),
    "junk before the tables": (with_junk_before(b"\xff\xdb"), "belong to nothing"),
    "junk before the scan": (with_junk_before(SCAN), "belong to nothing"),
    "no end": (lambda data: data.removesuffix(END), "end marker"),
    "zeros for an end": (lambda data: data.removesuffix(END) + bytes(50), "end marker"),
    "half an end": (lambda data: data[:-1], "end marker"),
    "version": (lambda data: data.replace(b"JFIF\0\1", b"JFIF\0\3", 1), "JFIF, 3"),
    "colours": (with_adobe, "YCbCr"),
    "all": (lambda data: with_junk_before(b"\xff\xdb")(with_wrong_scan(data)).removesuffix(END), "end marker"),
}


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("name", FLAWS)
def test_a_flaw_that_loses_no_pixel_is_taken_and_told(name: str, mode: str, tmp_path: Path) -> None:
    whole, flawed = tmp_path / "whole.jpg", tmp_path / "flawed.jpg"
    spoil, told = FLAWS[name]
    whole.write_bytes(jpeg(mode=mode))
    flawed.write_bytes(spoil(whole.read_bytes()))
    if (name, mode) == ("colours", "L"):
        assert open_photo(flawed, max_pixels=10**6).warnings == ()  # grey has no colours to be transformed
        return
    np.testing.assert_array_equal(decoded(flawed).pixels, decoded(whole).pixels)
    assert any(told in warning for warning in open_photo(flawed, max_pixels=10**6).warnings)
    assert open_photo(whole, max_pixels=10**6).warnings == ()


def test_a_progressive_jpeg_without_an_end_is_taken_if_no_scan_is_missing(tmp_path: Path) -> None:
    whole, flawed = tmp_path / "whole.jpg", tmp_path / "flawed.jpg"
    whole.write_bytes(jpeg(progressive=True))
    flawed.write_bytes(whole.read_bytes()[:-2])
    np.testing.assert_array_equal(decoded(flawed).pixels, decoded(whole).pixels)
    last_scan = whole.read_bytes().rindex(SCAN)
    flawed.write_bytes(whole.read_bytes()[:last_scan])
    with pytest.raises(PhotoError, match="truncated or damaged"):
        decoded(flawed)


@pytest.mark.parametrize("name", FLAWS)
def test_no_flaw_hides_that_pixels_are_missing(name: str, tmp_path: Path) -> None:
    path = tmp_path / "flawed.jpg"
    flawed = FLAWS[name][0](jpeg())
    path.write_bytes(flawed[: len(flawed) * 3 // 4])
    with pytest.raises(PhotoError, match="take what is there of it, use salvage"):
        decoded(path)
    path.write_bytes(flawed[: len(flawed) // 2] + flawed[len(flawed) // 2 + 2000 :])
    with pytest.raises(PhotoError, match="truncated or damaged"):
        decoded(path)


def with_stray_bytes(data: bytes, stray: bytes) -> bytes:
    """With these before every restart marker."""
    scan = scan_header(data)
    return data[:scan] + re.sub(rb"\xff[\xd0-\xd7]", lambda marker: stray + marker.group(), data[scan:])


RESTARTS: tuple[dict[str, Any], ...] = (
    {"restart_marker_rows": 1},
    {"restart_marker_blocks": 7, "subsampling": "4:4:4"},
    {"restart_marker_rows": 2, "subsampling": "4:2:2"},
)


@pytest.mark.parametrize("stray", [bytes(3), bytes(40), b"\xff\0\xff\0", b" junk\0\x12\xff\0"])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_stray_bytes_before_restart_markers_lose_no_pixel(mode: str, stray: bytes, tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    for restarts in RESTARTS:
        path.write_bytes(jpeg(mode=mode, height=96, **restarts))
        whole = decoded(path).pixels.copy()
        path.write_bytes(with_stray_bytes(path.read_bytes(), stray))
        photo = decoded(path)
        np.testing.assert_array_equal(photo.pixels, whole)
        assert photo.warnings == (f"the file has a flaw that by itself loses no pixel: {STRAY}",)
        file = open_photo(path, max_pixels=10**6)
        assert file.warnings == ()
        assert abs(float(read_reduced(file, 64).pixels.mean()) - float(whole.mean())) < 1


def test_pixels_that_are_left_over_before_a_restart_marker_are_damage(tmp_path: Path) -> None:
    """As where bits were turned, and what follows is taken for fewer pixels than it is."""
    path = tmp_path / "photo.jpg"
    data = bytearray(jpeg(width=224, height=96, restart_marker_rows=1))
    size, interval = data.index(b"\xff\xc0") + 7, data.index(b"\xff\xdd") + 4
    assert struct.unpack_from(">H", data, size) == (224,)
    assert struct.unpack_from(">H", data, interval) == (14,)
    struct.pack_into(">H", data, size, 208)
    struct.pack_into(">H", data, interval, 13)
    path.write_bytes(data)
    with pytest.raises(PhotoError, match="truncated or damaged"):
        decoded(path)


def test_stray_bytes_hide_no_damage_elsewhere(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    data = jpeg(restart_marker_rows=1)
    for spoiled in (data[: len(data) * 3 // 4], data[: len(data) // 2] + data[len(data) // 2 + 2000 :]):
        path.write_bytes(with_stray_bytes(spoiled, bytes(3)))
        with pytest.raises(PhotoError, match="truncated or damaged"):
            decoded(path)


@pytest.mark.parametrize("height", [41, 48, 64])
@pytest.mark.parametrize("options", [{"subsampling": "4:4:4"}, {"mode": "L"}, {"subsampling": "4:2:0"}, {"progressive": True}])
def test_pixels_missing_in_the_last_rows_are_missed(options: dict[str, Any], height: int, tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    whole = jpeg(height=height, width=64, **options)
    path.write_bytes(whole)
    right = decoded(path).pixels.copy()
    path.write_bytes(whole[:-40] + END)
    with pytest.raises(PhotoError, match="use salvage"):
        decoded(path)
    pixels, warnings = salvaged(path)
    told = int(warnings[-1].split(": ")[1].split()[0])
    assert told > 0
    np.testing.assert_array_equal(pixels[: height - told], right[: height - told])


def salvaged(path: Path) -> tuple[Pixels, tuple[str, ...]]:
    with Engine() as engine:
        result = engine.enhance(path, Recipe(steps=(), input=Input(salvage=True)))
    return result.photo.pixels, result.warnings


def rows_told(warnings: tuple[str, ...]) -> int:
    """The rows that are said to be missing of HEIGHT; the words say which is the first."""
    (told,) = (warning for warning in warnings if "missing or wrong" in warning)
    missing = int(told.split(": ")[1].split()[0])
    assert told.endswith(f"row {HEIGHT - missing + 1}")
    return missing


@pytest.mark.parametrize("kind", ["jpeg", "restarts", "png"])
def test_what_is_there_of_a_truncated_photo_is_taken_and_what_is_missing_told(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "cut"
    Image.fromarray(picture(height=HEIGHT, width=WIDTH)).save(path, "PNG")
    if kind != "png":
        path.write_bytes(jpeg(restart_marker_rows=1) if kind == "restarts" else jpeg())
    whole, data = decoded(path).pixels.copy(), path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    pixels, warnings = salvaged(path)
    right = np.all(pixels == whole, axis=(1, 2))
    there = HEIGHT - rows_told(warnings)
    assert right[:there].all()
    assert np.count_nonzero(right) <= there + 2 * BLOCK_ROWS
    assert HEIGHT * 0.4 < there < HEIGHT * 0.6  # noise takes as many bytes in every row


def test_a_salvaged_photo_is_never_copied_as_it_is(tmp_path: Path) -> None:
    path, out = tmp_path / "cut.jpg", tmp_path / "out.jpg"
    path.write_bytes(jpeg()[:-2000])
    with Engine() as engine:
        result = engine.enhance(path, Recipe(steps=(), input=Input(salvage=True), output=Output()))
        assert not result.save(out).copied
    decoded(out)


def test_a_whole_photo_is_not_changed_by_the_wish_to_salvage(tmp_path: Path) -> None:
    path = tmp_path / "whole.jpg"
    path.write_bytes(jpeg())
    pixels, warnings = salvaged(path)
    np.testing.assert_array_equal(pixels, decoded(path).pixels)
    assert warnings == ()


def test_a_jpeg_without_loss_is_read_exactly(tmp_path: Path) -> None:
    """Its scans say other things than those of usual ones, and are no flaw."""
    path, pixels = tmp_path / "photo.jpg", picture(height=40, width=60)
    path.write_bytes(imagecodecs.jpeg8_encode(pixels, lossless=True))
    file = open_photo(path, max_pixels=10**6)
    assert file.flaws == ()
    np.testing.assert_array_equal(read_whole(file, most_in_memory=10**9).pixels, pixels)


@pytest.mark.parametrize("salvage", [False, True])
@pytest.mark.parametrize("kind", ["12 bits", "JPEG-LS"])
def test_a_jpeg_of_a_kind_that_is_not_decoded_is_not_called_damaged(kind: str, salvage: bool, tmp_path: Path) -> None:
    path, pixels = tmp_path / "photo.jpg", picture(height=40, width=60)
    deep = pixels.astype(np.uint16) << 4
    path.write_bytes(imagecodecs.jpegls_encode(pixels) if kind == "JPEG-LS" else imagecodecs.jpeg8_encode(deep, bitspersample=12))
    with pytest.raises(UnsupportedPhoto, match=r"a kind that is not taken.*save it as PNG"):
        read_whole(open_photo(path, max_pixels=10**6, salvage=salvage), most_in_memory=10**9)
