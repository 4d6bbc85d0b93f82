"""Camera raw: DNGs that the tests write themselves, of a camera whose filters see linear sRGB."""

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvips
from PIL import Image
from small_pictures import Array, read, vips

from img_enhance.engine import Engine
from img_enhance.errors import PhotoError, UnsupportedPhoto
from img_enhance.image_io import extras, open_photo
from img_enhance.photo import FORMATS, format_named
from img_enhance.request.recipe import Recipe
from img_enhance.request.step_options import WhiteBalance

# XYZ to linear sRGB (IEC 61966-2-1): what the camera's filters see.
MATRIX = (3.2406, -1.5372, -0.4986, -0.9689, 1.8758, 0.0415, 0.0557, -0.2040, 1.0570)
D65 = 21
RGGB, GRBG = (0, 1, 1, 2), (1, 0, 2, 1)
HEIGHT, WIDTH = 64, 96
PIXELS_AT = 1000

# LibRaw works with whole numbers of 16 bits and a table of the curve.
NEARLY = 130


def mosaic(linear: Array, neutral: tuple[float, ...] = (1, 1, 1), *, bits: int = 14, filters: tuple[int, ...] = RGGB) -> Array:
    """(H, W) of a sensor that sees (H, W, 3) of linear light from 0 to 1 under a light in which white looks `neutral`."""
    seen = np.rint(linear * neutral * (2**bits - 1)).astype(np.uint16)
    values = np.empty(linear.shape[:2], np.uint16)
    for place, colour in enumerate(filters):
        part = (slice(place // 2, None, 2), slice(place % 2, None, 2))
        values[part] = seen[part][..., colour]
    return values


def flat(*colour: float) -> Array:
    return np.broadcast_to(np.array(colour, float), (HEIGHT, WIDTH, 3))


def dng(
    path: Path,
    values: Array,
    *,
    bits: int = 14,
    orientation: int = 1,
    neutral: tuple[float, ...] | None = (1, 1, 1),
    filters: tuple[int, ...] = RGGB,
) -> Path:
    """A DNG of uncompressed 16-bit numbers. Source: Digital Negative specification 1.4."""
    height, width = values.shape
    kinds = {1: "B", 3: "H", 4: "I"}
    ascii_text, rational, signed = 2, 5, 10
    tags: dict[int, tuple[int, Any]] = {
        254: (4, [0]),
        256: (4, [width]),
        257: (4, [height]),
        258: (3, [16]),
        259: (3, [1]),
        262: (3, [32803]),
        271: (ascii_text, b"ACME Inc\0"),
        272: (ascii_text, b"Test camera\0"),
        274: (3, [orientation]),
        277: (3, [1]),
        278: (4, [height]),
        279: (4, [values.nbytes]),
        284: (3, [1]),
        33421: (3, [2, 2]),
        33422: (1, list(filters)),
        50706: (1, [1, 4, 0, 0]),
        50708: (ascii_text, b"ACME Test camera\0"),
        50714: (4, [0]),
        50717: (4, [2**bits - 1]),
        50721: (signed, b"".join(struct.pack("<ii", round(value * 10_000), 10_000) for value in MATRIX)),
        50778: (3, [D65]),
    }
    if neutral is not None:
        tags[50728] = (rational, b"".join(struct.pack("<II", round(value * 10_000), 10_000) for value in neutral))
    exif = struct.pack("<H", 1) + struct.pack("<HHII", 0x9003, 2, 20, 8 + 18) + bytes(4) + b"2026:11:23 10:00:00\0"
    tags[34665] = (4, [8])
    tags[273] = (4, [PIXELS_AT])
    lines, long, at = b"", b"", 8 + len(exif) + 2 + 12 * (len(tags)) + 4
    for tag, (kind, content) in sorted(tags.items()):
        block = content if isinstance(content, bytes) else struct.pack(f"<{len(content)}{kinds[kind]}", *content)
        count = len(block) // 8 if kind in (rational, signed) else len(content)
        if len(block) > 4:
            lines += struct.pack("<HHII", tag, kind, count, at + len(long))
            long += block + bytes(len(block) % 2)
        else:
            lines += struct.pack("<HHI", tag, kind, count) + block.ljust(4, b"\0")
    head = struct.pack("<2sHI", b"II", 42, 8 + len(exif)) + exif + struct.pack("<H", len(tags)) + lines + bytes(4) + long
    path.write_bytes(head.ljust(PIXELS_AT, b"\0") + values.astype("<u2").tobytes())
    return path


def encoded(linear: Array | float) -> Array:
    """IEC 61966-2-1, as 16 bits."""
    light = np.asarray(linear, float)
    return np.asarray(np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 1e-9) ** (1 / 2.4) - 0.055) * 65_535)


@pytest.mark.parametrize("bits", [12, 14])
@pytest.mark.parametrize("filters", [RGGB, GRBG])
@pytest.mark.parametrize("neutral", [(1, 1, 1), (0.5, 1, 0.6), (0.8, 1, 0.35)])
def test_grey_is_grey_whatever_the_light_was(bits: int, filters: tuple[int, ...], neutral: tuple[float, ...], tmp_path: Path) -> None:
    values = mosaic(flat(0.4, 0.4, 0.4), neutral, bits=bits, filters=filters)
    file, photo = read(dng(tmp_path / "photo.dng", values, bits=bits, neutral=neutral, filters=filters))
    assert (file.header.format, file.header.depth, photo.depth) == ("raw", 16, 16)
    assert np.abs(photo.pixels - encoded(0.4)).max() <= NEARLY
    assert file.warnings == ("the raw file was developed with the camera's white balance in Display P3",)


def test_colours_are_those_of_the_profile(tmp_path: Path) -> None:
    for colour in ((0.5, 0.05, 0.05), (0.05, 0.5, 0.05), (0.1, 0.1, 0.6), (0.7, 0.5, 0.2)):
        _, photo = read(dng(tmp_path / "photo.dng", mosaic(flat(*colour))))
        assert photo.metadata.icc == bytes(pyvips.Image.profile_load("p3"))
        image = vips(np.ascontiguousarray(photo.pixels))
        image.set_type(pyvips.GValue.blob_type, "icc-profile-data", photo.metadata.icc)
        srgb = image.icc_transform("srgb", embedded=True, intent="relative", depth=16).numpy()[HEIGHT // 2, WIDTH // 2]
        assert np.abs(srgb - encoded(np.array(colour))).max() <= 5 * NEARLY


def test_a_photo_without_white_balance_says_that_daylights_was_taken(tmp_path: Path) -> None:
    file, photo = read(dng(tmp_path / "photo.dng", mosaic(flat(0.4, 0.4, 0.4)), neutral=None))
    assert "daylight's white balance" in file.warnings[0]
    assert np.abs(photo.pixels - encoded(0.4)).max() <= NEARLY


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_it_is_upright_and_its_exif_says_so(orientation: int, engine: Engine, tmp_path: Path) -> None:
    upright = np.full((HEIGHT, WIDTH, 3), 0.1)
    upright[:20, :30] = 0.8
    stored = np.rot90(upright, {1: 0, 3: 2, 6: 1, 8: -1}[orientation])
    file, photo = read(dng(tmp_path / "photo.dng", mosaic(stored), orientation=orientation))
    assert photo.pixels.shape == (HEIGHT, WIDTH, 3)
    assert np.abs(photo.pixels[4:16, 4:26] - encoded(0.8)).max() <= NEARLY
    assert np.abs(photo.pixels[26:-4, 36:-4] - encoded(0.1)).max() <= NEARLY
    result = engine.enhance(file.path, Recipe(steps=(WhiteBalance(),)))
    result.save(tmp_path / "out.tif")
    assert open_photo(tmp_path / "out.tif", max_pixels=10_000).header.format == "tiff"
    with Image.open(tmp_path / "out.tif") as picture:
        tags = picture.getexif()
        assert (picture.size, tags.get(0x0112, 1), tags[0x010F]) == ((WIDTH, HEIGHT), 1, "ACME Inc")
        assert tags.get_ifd(0x8769)[0x9003].rstrip("\0") == "2026:11:23 10:00:00"
        assert not {33421, 33422, 50706, 50721} & set(tags)


def test_it_becomes_a_tiff_of_16_bits(engine: Engine, tmp_path: Path) -> None:
    job = engine.prepare(dng(tmp_path / "photo.dng", mosaic(flat(0.4, 0.4, 0.4))), Recipe(steps=(WhiteBalance(),)))
    assert job.output_format == "tiff"


@pytest.mark.parametrize("part", [0.3, 0.7, 0.95])
def test_a_file_cut_short_is_refused(part: float, tmp_path: Path) -> None:
    path = dng(tmp_path / "photo.dng", mosaic(np.random.default_rng(1).random((HEIGHT, WIDTH, 3))))
    data = path.read_bytes()
    start = len(data) - HEIGHT * WIDTH * 2
    kept = data[: start + int(part * HEIGHT * WIDTH * 2)]
    path.write_bytes(kept)
    with pytest.raises((PhotoError, UnsupportedPhoto)):
        read(path)


@pytest.mark.parametrize(
    "start",
    [
        b"FUJIFILMCCD-RAW 0201FF383501",
        b"IIRO\x08\0\0\0",
        b"IIRS\x08\0\0\0",
        b"MMOR\0\0\0\x08",
        b"IIU\0\x18\0\0\0",
        b"\0\0\0\x18ftypcrx \0\0\0\1crx isom",
        b"II*\0\x10\0\0\0CR\2\0\0\0\0\0\1\0\x0e\1\2\0\1\0\0\0\0\0\0\0\0\0\0\0",
    ],
)
def test_a_kind_is_told_by_content_and_a_broken_one_refused(start: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(start.ljust(4000, b"\0"))
    with pytest.raises(PhotoError):
        open_photo(path, max_pixels=10_000)
    monkeypatch.setattr(extras, "find_spec", lambda _: None)
    with pytest.raises(UnsupportedPhoto, match=r"of the format raw.*pip install 'img-enhance\[raw\]'"):
        open_photo(path, max_pixels=10_000)


def test_raw_is_only_read() -> None:
    assert format_named("raw") in FORMATS
    assert format_named("raw").written_as == "tiff"
