"""Kinds of TIFF that libvips does not read or not as it should: the photo comes out, or the kind is named and not called damaged."""

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image
from small_pictures import Array, joined, read, smooth, turned
from test_colour import P3, matrix_profile
from test_metadata import XMP

from img_enhance.errors import PhotoError, UnsupportedPhoto
from img_enhance.image_io import extras, open_photo

RGB, CFA, TILE = 2, 32803, 16


def page(pixels: Array, *, planes: bool = False, **tags: int) -> tuple[dict[int, tuple[int, ...] | bytes], list[bytes]]:
    """Tags and data of a picture, in one strip, or in tiles in separate planes."""
    height, width, bands = pixels.shape
    facts: dict[int, tuple[int, ...] | bytes] = {256: (width,), 257: (height,), 258: (8,) * bands, 259: (1,), 262: (RGB,), 277: (bands,)}
    data = [pixels.tobytes()]
    if planes:
        padded = np.pad(pixels, ((0, -height % TILE), (0, -width % TILE), (0, 0)))
        places = [(y, x) for y in range(0, height, TILE) for x in range(0, width, TILE)]
        data = [padded[y : y + TILE, x : x + TILE, band].tobytes() for band in range(bands) for y, x in places]
        facts |= {284: (2,), 322: (TILE,), 323: (TILE,)}
    else:
        facts |= {278: (height,)}
    return facts | {int(tag.removeprefix("tag")): (value,) for tag, value in tags.items()}, data


def tiff(*pages: tuple[dict[int, tuple[int, ...] | bytes], list[bytes]]) -> bytes:
    """A file of pages, all values as LONG or ASCII."""
    body = bytearray(b"II*\0" + bytes(4))
    link = 4
    for facts, data in pages:
        tiled = 322 in facts
        starts = []
        for part in data:
            starts.append(len(body))
            body += part + bytes(len(part) % 2)
        facts = facts | {324 if tiled else 273: tuple(starts), 325 if tiled else 279: tuple(len(part) for part in data)}
        lines = []
        for tag, value in sorted(facts.items()):
            kind, count, raw = (
                (2, len(value), value) if isinstance(value, bytes) else (4, len(value), struct.pack(f"<{len(value)}I", *value))
            )
            if tag == 258:
                kind, raw = 3, struct.pack(f"<{count}H", *value)
            if len(raw) > 4:
                at = len(body)
                body += raw + bytes(len(raw) % 2)
                raw = struct.pack("<I", at)
            lines.append(struct.pack("<HHI", tag, kind, count) + raw.ljust(4, b"\0"))
        struct.pack_into("<I", body, link, len(body))
        body += struct.pack("<H", len(lines)) + b"".join(lines) + bytes(4)
        link = len(body) - 4
    return bytes(body)


def saved(folder: Path, data: bytes) -> Path:
    path = folder / "photo.tif"
    path.write_bytes(data)
    return path


def test_the_builder_of_these_files_writes_what_pillow_reads() -> None:
    for planes in (False, True):
        with Image.open(io.BytesIO(tiff(page(smooth(3), planes=planes)))) as picture:
            np.testing.assert_array_equal(np.asarray(picture), smooth(3))


def test_tiles_in_planes_are_read(tmp_path: Path) -> None:
    _, photo = read(saved(tmp_path, tiff(page(smooth(3), planes=True))))
    np.testing.assert_array_equal(photo.pixels, smooth(3))


@pytest.mark.parametrize("bands", [1, 3, 4])
@pytest.mark.parametrize("compression", ["zstd", "lzma"])
def test_compressions_that_libvips_lacks_are_read(compression: str, bands: int, tmp_path: Path) -> None:
    path = tmp_path / "photo.tif"
    Image.fromarray(smooth(bands)).save(path, compression=compression, dpi=(300, 300), tiffinfo={0x010F: "ACME"}, icc_profile=None)
    file, photo = read(path)
    np.testing.assert_array_equal(joined(photo), smooth(bands))
    assert file.metadata.resolution == (300, 300)
    assert b"ACME" in (file.metadata.exif or b"")
    assert file.header.whole
    assert file.warnings == ()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_what_pillow_decodes_is_turned_once(orientation: int, tmp_path: Path) -> None:
    path = tmp_path / "photo.tif"
    Image.fromarray(turned(smooth(3), orientation)).save(path, compression="zstd", dpi=(300, 150), tiffinfo={0x0112: orientation})
    file, photo = read(path)
    np.testing.assert_array_equal(photo.pixels, smooth(3))
    assert file.metadata.resolution == ((150, 300) if orientation >= 5 else (300, 150))


def test_a_file_that_pillow_decodes_has_no_resolution_where_it_says_none(tmp_path: Path) -> None:
    Image.fromarray(smooth(3)).save(tmp_path / "photo.tif", compression="zstd")
    assert read(tmp_path / "photo.tif")[0].metadata.resolution is None


def test_the_photo_is_taken_and_not_the_thumbnail_before_it(tmp_path: Path) -> None:
    whole, maker = page(smooth(3)), b"ACME\0"
    whole[0][0x010F] = maker
    thumbnail = page(smooth(3)[::4, ::4], tag254=1)
    file, photo = read(saved(tmp_path, tiff(thumbnail, whole)))
    np.testing.assert_array_equal(photo.pixels, smooth(3))
    assert maker.rstrip(b"\0") in (file.metadata.exif or b"")
    assert (file.warnings, file.several) == ((), False)
    thumbnail[0][0x013B] = b"who\0"
    assert b"who" in (read(saved(tmp_path, tiff(thumbnail, page(smooth(3)))))[0].metadata.exif or b"")
    file, photo = read(saved(tmp_path, tiff(thumbnail, whole, page(255 - smooth(3)))))
    np.testing.assert_array_equal(photo.pixels, smooth(3))
    assert file.warnings == ("only the first of 2 frames or pages is kept",)


@pytest.mark.parametrize(
    ("tags", "named"),
    [
        ({"tag254": 1}, "camera's raw file"),
        ({"tag254": 1, "tag330": 8}, "camera's raw file"),
        ({"tag262": CFA}, "raw file of a kind that LibRaw"),
        ({"tag258": 64}, "a TIFF of 64 bits a channel"),
    ],
)
def test_a_kind_that_is_not_read_is_named(tags: dict[str, Any], named: str, tmp_path: Path) -> None:
    path = saved(tmp_path, tiff(page(smooth(3), **tags), *([page(smooth(3))] if "tag330" in tags else [])))
    with pytest.raises(UnsupportedPhoto, match=named):
        open_photo(path, max_pixels=10**6)


@pytest.mark.parametrize(
    ("tags", "named"),
    [
        ({"tag258": 12}, "12 bits"),
        ({"tag259": 34712}, "JPEG 2000"),
        ({"tag259": 50002}, "JPEG XL"),
        ({"tag259": 50000, "tag258": 16}, "16 bits compressed with zstd"),
        ({"planes": True, "tag258": 16}, "16 bits of tiles in separate planes"),
    ],
)
def test_a_kind_that_needs_another_package_is_named(
    tags: dict[str, Any], named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda _: None)
    with pytest.raises(UnsupportedPhoto, match=rf"{named}.*pip install 'img-enhance\[tiff\]'"):
        open_photo(saved(tmp_path, tiff(page(smooth(3), **tags))), max_pixels=10**6)


PLANES = {"planarconfig": "separate"}
TILES = PLANES | {"tile": (16, 16)}


@pytest.mark.parametrize(
    "options",
    [
        *({"compression": name} for name in ("zstd", "lzma", "jpeg2000", "lerc", "jpegxl", "jpegxr", "png")),
        {"compression": "zstd", "predictor": True},
        {"compression": "zstd"} | PLANES,
        TILES,
        {"compression": "lzma"} | TILES,
    ],
)
@pytest.mark.parametrize("bands", [1, 3])
def test_kinds_of_16_bits_that_libvips_lacks_are_read(options: dict[str, Any], bands: int, tmp_path: Path) -> None:
    pixels = smooth(bands, dtype="uint16")
    stored = np.moveaxis(pixels, -1, 0) if bands == 3 and "planarconfig" in options else pixels
    options = {name: value for name, value in options.items() if bands == 3 or name != "planarconfig"}
    tifffile.imwrite(tmp_path / "photo.tif", stored, photometric="rgb" if bands == 3 else "minisblack", **options)
    file, photo = read(tmp_path / "photo.tif")
    assert file.warnings == ()
    np.testing.assert_array_equal(joined(photo), pixels)


@pytest.mark.parametrize("bits", [10, 12, 14])
def test_depths_between_8_and_16_bits_are_brought_to_16(bits: int, tmp_path: Path) -> None:
    values = smooth(3, dtype="uint16") >> (16 - bits)
    values[0, 0] = (1 << bits) - 1
    tifffile.imwrite(tmp_path / "photo.tif", values, photometric="rgb", bitspersample=bits)
    _, photo = read(tmp_path / "photo.tif")
    np.testing.assert_array_equal(photo.pixels, np.rint(values * (65_535 / ((1 << bits) - 1))))


@pytest.mark.parametrize("orientation", [1, 6])
def test_what_tifffile_decodes_comes_with_what_its_file_says(orientation: int, tmp_path: Path) -> None:
    profile, packet = matrix_profile(P3, 2.2), XMP
    tags = [(0x0112, 3, 1, orientation, True), (700, 1, len(packet), packet, True), (0x010F, 2, 5, "ACME", True)]
    pixels = turned(smooth(3, dtype="uint16"), orientation)
    options: dict[str, Any] = {"resolution": (300, 150), "resolutionunit": 2, "iccprofile": profile, "extratags": tags}
    tifffile.imwrite(tmp_path / "photo.tif", pixels, photometric="rgb", compression="zstd", metadata=None, **options)
    file, photo = read(tmp_path / "photo.tif")
    np.testing.assert_array_equal(photo.pixels, smooth(3, dtype="uint16"))
    assert file.metadata.icc == profile
    assert file.metadata.xmp == packet
    assert b"ACME" in (file.metadata.exif or b"")
    assert file.metadata.resolution == ((150, 300) if orientation == 6 else (300, 150))


def test_white_at_zero_and_associated_transparency_are_undone(tmp_path: Path) -> None:
    grey = smooth(1, dtype="uint16")
    tifffile.imwrite(tmp_path / "photo.tif", 65_535 - grey, photometric="miniswhite", compression="zstd")
    np.testing.assert_array_equal(joined(read(tmp_path / "photo.tif")[1]), grey)
    colours, alpha = smooth(3, dtype="uint16"), smooth(1, dtype="uint16")
    alpha[0, 0] = 0
    multiplied = np.dstack([np.rint(colours * (alpha[..., None] / 65_535)).astype(np.uint16), alpha])
    tifffile.imwrite(tmp_path / "alpha.tif", multiplied, photometric="rgb", extrasamples=["assocalpha"], compression="zstd")
    _, photo = read(tmp_path / "alpha.tif")
    assert photo.alpha is not None
    np.testing.assert_array_equal(photo.alpha, alpha)
    exact = np.rint(multiplied[..., :3] * (65_535 / np.maximum(alpha[..., None], 1)))
    assert np.abs(photo.pixels - exact).max() <= 1


@pytest.mark.parametrize("options", [{"compression": "zstd"}, TILES])
def test_what_is_cut_off_is_damaged_and_not_black(options: dict[str, Any], tmp_path: Path) -> None:
    stored = np.moveaxis(smooth(3, dtype="uint16"), -1, 0)
    tifffile.imwrite(tmp_path / "photo.tif", stored, photometric="rgb", **PLANES | options)
    whole = (tmp_path / "photo.tif").read_bytes()
    (tmp_path / "photo.tif").write_bytes(whole[:-40])
    with pytest.raises(PhotoError, match="damaged"):
        read(tmp_path / "photo.tif")


@pytest.mark.parametrize("compression", ["lzw", "deflate", "zstd"])
def test_compressed_ycbcr_is_read(compression: str, tmp_path: Path) -> None:
    stored = np.asarray(Image.fromarray(smooth(3)).convert("YCbCr"))
    tifffile.imwrite(tmp_path / "photo.tif", stored, photometric="ycbcr", subsampling=(1, 1), compression=compression)
    _, photo = read(tmp_path / "photo.tif")
    assert np.abs(photo.pixels.astype(int) - smooth(3)).max() <= 3  # rounding of YCbCr, twice


def test_ycbcr_with_broken_strips_is_damaged_and_not_grey(tmp_path: Path) -> None:
    stored = np.random.default_rng(1).integers(0, 256, (64, 96, 3), np.uint8)
    path = tmp_path / "photo.tif"
    tifffile.imwrite(path, stored, photometric="ycbcr", subsampling=(1, 1), compression="lzw")
    with tifffile.TiffFile(path) as file:
        start, count = file.pages[0].aspage().dataoffsets[0], file.pages[0].aspage().databytecounts[0]
    data = path.read_bytes()
    path.write_bytes(data[: start + count // 2] + bytes(count - count // 2) + data[start + count :])
    with pytest.raises(PhotoError, match="damaged"):
        read(path)


@pytest.mark.parametrize(("kind", "named"), [(b"CgBI", "iPhones"), (b"ABCD", "a chunk ABCD")])
def test_a_png_with_an_unknown_critical_chunk_is_named(kind: bytes, named: str, tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    Image.fromarray(smooth(3)).save(path)
    data, body = path.read_bytes(), kind + b"\x50\0\x20\2"
    path.write_bytes(data[:33] + struct.pack(">I", 4) + body + struct.pack(">I", zlib.crc32(body)) + data[33:])
    with pytest.raises(UnsupportedPhoto, match=named):
        open_photo(path, max_pixels=10**6)
