"""Every kind of picture through every format, pixel by pixel, against a decoder or an encoder that is not the one in use."""

import itertools
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from small_pictures import Array, joined, noise, photo_of, read, smooth, turned, vips, write

from img_enhance.engine import Engine
from img_enhance.errors import UnsupportedPhoto
from img_enhance.image_io import open_photo
from img_enhance.photo import WRITTEN, format_named
from img_enhance.request.options import Input, Output
from img_enhance.request.recipe import Recipe

BANDS = {"grey": 1, "grey and alpha": 2, "rgb": 3, "rgb and alpha": 4}

# Levels of 255 by which a slowly varying picture may differ after coding at the default quality; measured: 4, 10 (WebP halves the
# resolution of colour) and 9.
LOSSY = {"jpeg": 8, "webp": 13, "avif": 11, "jxl": 11}
# The same at JPEG's quality 100, which rounds three times.
JPEG_ROUNDING = 4
# AVIF keeps 12 bits: half a step of 65,535 / 4,095, and the rounding of either side.
AVIF_STEP = 17


def kinds(format: str) -> list[tuple[str, str]]:
    """The names of the channels and the types that photos may have which are written in this format."""
    return [(kind, dtype) for kind in BANDS for dtype in (("uint8", "uint16") if format_named(format).deep else ("uint8",))]


MATRIX = [(entry.name, kind, dtype) for entry in WRITTEN for kind, dtype in kinds(entry.name)]


def pillow_reads(path: Path) -> Array:
    with Image.open(path) as picture:
        return np.asarray(picture)


@pytest.mark.parametrize(("format", "kind"), [(f, k) for f, k, d in MATRIX if d == "uint8" and f in ("png", "tiff")])
def test_what_is_written_without_loss_is_what_pillow_reads(format: str, kind: str, tmp_path: Path) -> None:
    pixels = noise(BANDS[kind])
    path = write(photo_of(pixels), tmp_path / "photo", format)
    np.testing.assert_array_equal(pillow_reads(path), pixels)


@pytest.mark.parametrize(("format", "kind"), list(itertools.product(("webp", "avif"), BANDS)))
def test_lossless_is_without_loss(format: str, kind: str, tmp_path: Path) -> None:
    pixels = noise(BANDS[kind])
    path = write(photo_of(pixels), tmp_path / "photo", format, Output(lossless=True))
    with Image.open(path) as picture:
        channels = np.asarray(picture.convert("RGBA"))
    seen = photo_of(pixels)
    # AVIF without loss keeps RGB only within a level: libvips hands YCbCr to the encoder.
    tolerance = 0 if format == "webp" else 1
    assert np.abs(channels[..., :3].astype(int) - seen.pixels).max() <= tolerance
    if seen.alpha is not None:
        np.testing.assert_array_equal(channels[..., 3], seen.alpha)


@pytest.mark.parametrize(("format", "kind"), [(f, k) for f, k, d in MATRIX if d == "uint8" and f in LOSSY])
def test_what_is_written_with_loss_is_nearly_what_pillow_reads(format: str, kind: str, tmp_path: Path) -> None:
    pixels = smooth(BANDS[kind])
    path = write(photo_of(pixels), tmp_path / "photo", format)
    seen = photo_of(pixels)
    expected = seen.pixels.astype(float)
    if seen.alpha is not None and format == "jpeg":
        opacity = seen.alpha[..., None] / 255
        expected = expected * opacity + 255 * (1 - opacity)
    with Image.open(path) as picture:
        if format == "jpeg":
            assert picture.mode == ("L" if seen.grey else "RGB")
        channels = np.asarray(picture.convert("RGBA")).astype(float)
    assert np.abs(channels[..., :3] - expected).max() <= LOSSY[format]
    if seen.alpha is not None and format != "jpeg":
        assert np.abs(channels[..., 3] - seen.alpha).max() <= LOSSY[format]


@pytest.mark.parametrize(("format", "kind", "dtype"), [entry for entry in MATRIX if entry[0] in ("png", "tiff")])
def test_a_photo_without_loss_comes_back_as_it_was(format: str, kind: str, dtype: str, tmp_path: Path) -> None:
    pixels = noise(BANDS[kind], dtype=dtype)
    file, photo = read(write(photo_of(pixels), tmp_path / "photo", format))
    assert file.warnings == ()
    assert joined(photo).dtype == pixels.dtype
    np.testing.assert_array_equal(joined(photo), pixels)


@pytest.mark.parametrize("kind", BANDS)
def test_avif_keeps_twelve_bits(kind: str, tmp_path: Path) -> None:
    pixels = noise(BANDS[kind], dtype="uint16")
    _, photo = read(write(photo_of(pixels), tmp_path / "photo.avif", "avif", Output(lossless=True)))
    seen = photo_of(pixels)
    assert photo.pixels.max() == 65_535
    assert np.abs(photo.pixels.astype(int) - seen.pixels).max() <= 2 * AVIF_STEP
    if seen.alpha is not None:
        assert photo.alpha is not None
        assert np.abs(photo.alpha.astype(int) - seen.alpha).max() <= AVIF_STEP


@pytest.mark.parametrize(("ending", "kind"), list(itertools.product((".png", ".tif", ".bmp", ".webp"), BANDS)))
def test_what_pillow_writes_is_what_is_read(ending: str, kind: str, tmp_path: Path) -> None:
    if ending == ".bmp" and "alpha" in kind:
        pytest.skip("Pillow writes no alpha into a BMP")
    pixels = noise(BANDS[kind])
    path = tmp_path / f"photo{ending}"
    options: dict[str, Any] = {"lossless": True, "exact": True} if ending == ".webp" else {}
    Image.fromarray(pixels).save(path, **options)
    _, photo = read(path)
    seen = photo_of(pixels)
    np.testing.assert_array_equal(photo.pixels, seen.pixels)
    assert photo.grey == (seen.grey and ending != ".webp")
    if seen.alpha is not None:
        np.testing.assert_array_equal(photo.alpha, seen.alpha)


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_deflate", "packbits"])
@pytest.mark.parametrize("kind", BANDS)
def test_tiffs_of_every_compression_are_read(kind: str, compression: str, tmp_path: Path) -> None:
    pixels = noise(BANDS[kind])
    Image.fromarray(pixels).save(tmp_path / "photo.tif", compression=compression)
    np.testing.assert_array_equal(joined(read(tmp_path / "photo.tif")[1]), pixels)


@pytest.mark.parametrize("options", [{"tile": True, "tile_width": 16, "tile_height": 16}, {"bigtiff": True}, {"miniswhite": True}])
def test_tiffs_of_every_layout_are_read(options: dict[str, Any], tmp_path: Path) -> None:
    pixels = noise(1 if "miniswhite" in options else 3)
    vips(pixels).tiffsave(str(tmp_path / "photo.tif"), **options)
    np.testing.assert_array_equal(joined(read(tmp_path / "photo.tif")[1]), pixels)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": "4:2:0"}, {"optimize": True}])
@pytest.mark.parametrize("kind", ["grey", "rgb"])
def test_jpegs_are_read_as_pillow_reads_them(kind: str, options: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    Image.fromarray(smooth(BANDS[kind])).save(path, quality=90, **options)
    file, photo = read(path)
    np.testing.assert_array_equal(joined(photo), pillow_reads(path))
    assert file.header.interlaced == ("progressive" in options)


@pytest.mark.parametrize("kind", BANDS)
def test_avifs_are_read_as_pillow_reads_them(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "photo.avif"
    Image.fromarray(smooth(BANDS[kind])).save(path, quality=90, subsampling="4:4:4")
    _, photo = read(path)
    with Image.open(path) as picture:
        expected = np.asarray(picture.convert("RGBA"))
    # Two converters from YCbCr, each of which rounds.
    assert np.abs(photo.pixels.astype(int) - expected[..., :3]).max() <= 2
    if photo.alpha is not None:
        np.testing.assert_array_equal(photo.alpha, expected[..., 3])


@pytest.mark.parametrize("ending", [".png", ".gif", ".bmp", ".tif"])
def test_palettes_become_their_colours(ending: str, tmp_path: Path) -> None:
    picture = Image.fromarray(smooth(3)).quantize(17)
    picture.save(tmp_path / f"photo{ending}")
    _, photo = read(tmp_path / f"photo{ending}")
    np.testing.assert_array_equal(photo.pixels, np.asarray(picture.convert("RGB")))
    assert photo.alpha is None


@pytest.mark.parametrize("ending", [".png", ".gif", ".bmp", ".tif"])
def test_black_and_white_of_one_bit_is_read(ending: str, tmp_path: Path) -> None:
    bits = noise(1, height=9, width=13) > 127
    Image.fromarray(bits).save(tmp_path / f"photo{ending}")
    np.testing.assert_array_equal(read(tmp_path / f"photo{ending}")[1].pixels[..., 0], bits * 255)


def test_a_transparent_entry_of_a_gif_becomes_alpha(tmp_path: Path) -> None:
    picture = Image.fromarray(np.arange(48, dtype=np.uint8).reshape(6, 8) % 3, "P")
    picture.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    picture.save(tmp_path / "photo.gif", transparency=1)
    _, photo = read(tmp_path / "photo.gif")
    assert photo.alpha is not None
    np.testing.assert_array_equal(photo.alpha == 0, np.asarray(picture) == 1)
    np.testing.assert_array_equal(photo.pixels[photo.alpha > 0][:, 1], 0)


def png(pixels: Array, *, colour: int, depth: int, interlaced: bool, extra: bytes = b"") -> bytes:
    """A PNG made by hand from samples `(H, W, channels)`, each below 2 to the power of `depth`. Source: PNG, third edition."""
    height, width = pixels.shape[:2]

    def rows(part: Array) -> bytes:
        lines = []
        for row in part.reshape(part.shape[0], -1):
            if depth == 16:
                lines.append(row.astype(">u2").tobytes())
            else:
                bits = np.unpackbits(row.astype(np.uint8)[:, None], axis=1)[:, 8 - depth :]
                lines.append(np.packbits(bits.reshape(-1)).tobytes())
        return b"".join(b"\0" + line for line in lines)

    adam7 = ((0, 8, 0, 8), (0, 8, 4, 8), (4, 8, 0, 4), (0, 4, 2, 4), (2, 4, 0, 2), (0, 2, 1, 2), (1, 2, 0, 1))
    parts = [pixels[y::dy, x::dx] for y, dy, x, dx in adam7] if interlaced else [pixels]
    data = b"".join(rows(part) for part in parts if part.size)

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


def palette_chunks(depth: int, alphas: int = 0) -> bytes:
    """PLTE with 2 to the power of `depth` entries, and tRNS for the first `alphas` of them."""
    body = bytes(value for entry in range(2**depth) for value in (entry % 256, 255 - entry, entry * 7 % 256))
    chunks = struct.pack(">I", len(body)) + b"PLTE" + body + struct.pack(">I", zlib.crc32(b"PLTE" + body))
    if alphas:
        clear = bytes(range(0, 255, 255 // alphas))[:alphas]
        chunks += struct.pack(">I", len(clear)) + b"tRNS" + clear + struct.pack(">I", zlib.crc32(b"tRNS" + clear))
    return chunks


PNG_KINDS = [(0, d) for d in (1, 2, 4, 8, 16)] + [(2, 8), (2, 16)] + [(3, d) for d in (1, 2, 4, 8)] + [(4, 8), (4, 16), (6, 8), (6, 16)]
PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


@pytest.mark.parametrize("interlaced", [False, True], ids=["in order", "interlaced"])
@pytest.mark.parametrize(("colour", "depth"), PNG_KINDS)
def test_pngs_of_every_kind_and_odd_size_are_read(colour: int, depth: int, interlaced: bool, tmp_path: Path) -> None:
    random = np.random.default_rng(colour * 100 + depth)
    for side in range(1, 10):
        samples = random.integers(0, 2**depth, (side, 10 - side, PNG_CHANNELS[colour]))
        path = tmp_path / f"{side}.png"
        extra = palette_chunks(depth) if colour == 3 else b""
        path.write_bytes(png(samples, colour=colour, depth=depth, interlaced=interlaced, extra=extra))
        _, photo = read(path)
        assert photo.depth == (16 if depth == 16 else 8)
        if colour == 3:
            entries = samples[..., 0]
            np.testing.assert_array_equal(photo.pixels, np.stack([entries % 256, 255 - entries, entries * 7 % 256], 2))
        else:
            scaled = samples * (1 if depth >= 8 else 255 // (2**depth - 1))
            np.testing.assert_array_equal(joined(photo).reshape(samples.shape), scaled)


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
def test_a_palette_with_alpha_is_read(depth: int, tmp_path: Path) -> None:
    entries = np.random.default_rng(depth).integers(0, 2**depth, (7, 5, 1))
    path = tmp_path / "photo.png"
    path.write_bytes(png(entries, colour=3, depth=depth, interlaced=False, extra=palette_chunks(depth, alphas=2)))
    _, photo = read(path)
    expected = np.where(entries[..., 0] == 0, 0, np.where(entries[..., 0] == 1, 127, 255))
    np.testing.assert_array_equal(photo.alpha, expected)


@pytest.mark.parametrize(("colour", "depth"), [(0, 4), (0, 8), (0, 16), (2, 8), (2, 16)])
def test_a_transparent_colour_becomes_alpha(colour: int, depth: int, tmp_path: Path) -> None:
    channels = PNG_CHANNELS[colour]
    samples = np.random.default_rng(depth).integers(0, 2, (7, 5, channels)) * (2**depth - 1)
    body = struct.pack(f">{channels}H", *[2**depth - 1] * channels)
    extra = struct.pack(">I", len(body)) + b"tRNS" + body + struct.pack(">I", zlib.crc32(b"tRNS" + body))
    path = tmp_path / "photo.png"
    path.write_bytes(png(samples, colour=colour, depth=depth, interlaced=False, extra=extra))
    _, photo = read(path)
    assert photo.alpha is not None
    np.testing.assert_array_equal(photo.alpha == 0, (samples == 2**depth - 1).all(2))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("ending", "kind"), [(".jpg", "rgb"), (".png", "rgb and alpha"), (".webp", "rgb and alpha"), (".tif", "grey and alpha")]
)
def test_a_photo_is_turned_upright_once(ending: str, kind: str, orientation: int, tmp_path: Path) -> None:
    upright = smooth(BANDS[kind])
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"photo{ending}"
    exact: dict[str, dict[str, Any]] = {".jpg": {"quality": 100, "subsampling": "4:4:4"}, ".webp": {"lossless": True, "exact": True}}
    Image.fromarray(turned(upright, orientation)).save(path, exif=exif, **exact.get(ending, {}))
    _, photo = read(path)
    got = photo.pixels[..., : (1 if photo.grey else 3)].astype(int)
    want = upright.reshape(*upright.shape[:2], -1)[..., : got.shape[2]]
    assert np.abs(got - want).max() <= (JPEG_ROUNDING if ending == ".jpg" else 0)
    if photo.alpha is not None:
        np.testing.assert_array_equal(photo.alpha, upright[..., -1])
    for entry in WRITTEN:
        out = write(photo, tmp_path / f"again.{entry.name}", entry.name)
        again = read(out)[1]
        assert again.size == photo.size
        with Image.open(out) as picture:
            assert picture.getexif().get(0x0112, 1) == 1


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_avif_is_turned_by_its_container_only(orientation: int, tmp_path: Path) -> None:
    upright = smooth(3)
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "photo.avif"
    # Pillow turns the tag into the container's own rotation and mirror.
    Image.fromarray(turned(upright, orientation)).save(path, exif=exif, quality=100, subsampling="4:4:4")
    _, photo = read(path)
    assert photo.pixels.shape == upright.shape
    assert np.abs(photo.pixels.astype(int) - upright).max() <= 3


ENDINGS = {"jpeg": ".jpg", "png": ".png", "webp": ".webp", "tiff": ".tif", "avif": ".avif", "jxl": ".jxl", "gif": ".gif", "bmp": ".bmp"}


@pytest.mark.parametrize(("source", "target"), list(itertools.product(ENDINGS, [entry.name for entry in WRITTEN])))
def test_every_format_becomes_every_other(source: str, target: str, engine: Engine, recipe: Recipe, tmp_path: Path) -> None:
    path = tmp_path / f"photo{ENDINGS[source]}"
    Image.fromarray(smooth(3, height=14, width=20)).save(path)
    result = engine.enhance(path, recipe)
    out = tmp_path / f"result{ENDINGS[target]}"
    result.save(out)
    assert open_photo(out, max_pixels=10**6).header.format == target
    with Image.open(out) as picture:
        assert picture.size == (80, 56)
        difference = np.abs(np.asarray(picture.convert("RGB")).astype(int) - result.photo.pixels)
    assert difference.max() <= LOSSY.get(target, 0)
    assert result.warnings == ()


@pytest.mark.parametrize(
    ("ending", "options"),
    [(".gif", {}), (".webp", {"lossless": True}), (".tif", {}), (".png", {"default_image": False}), (".avif", {})],
)
def test_of_several_frames_the_first_is_taken_or_all_refused(ending: str, options: dict[str, Any], tmp_path: Path, engine: Engine) -> None:
    first, second = (Image.fromarray(np.full((14, 20, 3), value, np.uint8)) for value in (200, 20))
    path = tmp_path / f"moving{ending}"
    first.save(path, save_all=True, append_images=[second], **options)
    file, photo = read(path)
    assert np.abs(photo.pixels.astype(int) - 200).max() <= 2
    assert "only the first of" in file.warnings[0]
    with pytest.raises(UnsupportedPhoto, match=r"has (2|several) frames or pages"):
        engine.prepare(path, Recipe(input=Input(animation="refuse")))


def test_quality_and_subsampling_reach_the_encoder(tmp_path: Path) -> None:
    photo = photo_of(noise(3, height=64, width=64))
    for format in ("jpeg", "webp", "avif"):
        sizes = [write(photo, tmp_path / f"{q}.{format}", format, Output(quality=q)).stat().st_size for q in (20, 60, 95)]
        assert sizes == sorted(set(sizes))
    for format in ("jpeg", "avif"):
        full = write(photo, tmp_path / f"444.{format}", format).stat().st_size
        half = write(photo, tmp_path / f"420.{format}", format, Output(subsampling="4:2:0")).stat().st_size
        assert half < full
    with Image.open(tmp_path / "444.jpeg") as picture:
        assert [component[1:3] for component in picture.layer] == [(1, 1)] * 3  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["ü 東京 photo.png", "a" * 251 + ".png", " .png", "photo;$(x)'\".png"])
def test_any_name_is_read_and_written(name: str, tmp_path: Path) -> None:
    pixels = noise(3)
    Image.fromarray(pixels).save(tmp_path / "plain.png")
    (tmp_path / "plain.png").rename(tmp_path / name)
    _, photo = read(tmp_path / name)
    (tmp_path / "out").mkdir()
    np.testing.assert_array_equal(pillow_reads(write(photo, tmp_path / "out" / name, "png")), pixels)


def test_names_that_differ_by_case_are_two_files(tmp_path: Path) -> None:
    for name, value in (("A.png", 1), ("a.png", 2)):
        write(photo_of(np.full((3, 3, 3), value, np.uint8)), tmp_path / name, "png")
    assert [read(tmp_path / name)[1].pixels.max() for name in ("A.png", "a.png")] == [1, 2]


def test_a_photo_in_a_folder_that_cannot_be_written_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir()
    write(photo_of(noise(3)), folder / "photo.png", "png")
    before = sorted(entry.name for entry in folder.iterdir())
    (folder / "photo.png").chmod(0o444)
    folder.chmod(0o555)
    try:
        assert read(folder / "photo.png")[1].pixels.shape == (14, 20, 3)
        assert sorted(entry.name for entry in folder.iterdir()) == before
    finally:
        folder.chmod(0o755)


READ_WITHOUT_WRITING = """
import resource, sys
from pathlib import Path
from img_enhance.image_io import open_photo, read_whole
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
photo = read_whole(open_photo(Path(sys.argv[1]), max_pixels=10**7), most_in_memory=10**9)
assert photo.pixels.shape == (600, 800, 3)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits of files are POSIX")
@pytest.mark.parametrize(("ending", "options"), [(".webp", {"lossless": True}), (".avif", {}), (".gif", {}), (".png", {"interlace": True})])
def test_what_is_decoded_whole_needs_no_file(ending: str, options: dict[str, Any], tmp_path: Path) -> None:
    """libvips writes one above a threshold, here far lower than its 100 MB."""
    path = tmp_path / f"photo{ending}"
    vips(smooth(3, height=600, width=800)).write_to_file(str(path), **options)
    command = [sys.executable, "-c", READ_WITHOUT_WRITING, str(path)]
    subprocess.run(command, env=os.environ | {"VIPS_DISC_THRESHOLD": "100k"}, check=True)


def test_libvips_brackets_in_a_name_are_no_options(tmp_path: Path) -> None:
    path = write(photo_of(noise(3)), tmp_path / "photo[Q=1].png", "png")
    assert read(path)[1].pixels.shape == (14, 20, 3)


def test_a_camera_raw_and_an_uncompressed_ycbcr_tiff_are_refused(tmp_path: Path) -> None:
    Image.fromarray(noise(3)).convert("YCbCr").save(tmp_path / "ycbcr.tif")
    Image.fromarray(noise(3)).save(tmp_path / "raw.tif", tiffinfo={254: 1})
    with pytest.raises(UnsupportedPhoto, match="YCbCr"):
        read(tmp_path / "ycbcr.tif")
    with pytest.raises(UnsupportedPhoto, match="raw file"):
        read(tmp_path / "raw.tif")


def test_associated_alpha_is_divided_out(tmp_path: Path) -> None:
    pixels = np.full((8, 8, 4), (200, 100, 50, 128), np.uint8)
    image = vips(pixels).premultiply().cast("uchar").copy(interpretation="srgb")
    image.tiffsave(str(tmp_path / "photo.tif"), premultiply=False)
    vips(pixels).tiffsave(str(tmp_path / "associated.tif"), premultiply=True)
    _, photo = read(tmp_path / "associated.tif")
    assert np.abs(photo.pixels.astype(int) - pixels[..., :3]).max() <= 2


@pytest.mark.parametrize("name", ["tree_alpha_16bit.png", "wolf_gray.jpg", "children-alpha.png"])
def test_photos_of_others_go_through(name: str, data: Path, engine: Engine, recipe: Recipe, tmp_path: Path) -> None:
    path = data / "photos" / name
    file, photo = read(path)
    part = photo_of(joined(photo)[:24, :32])
    assert file.header.depth == (16 if "16" in name else 8)
    assert file.header.alpha == ("alpha" in name)
    assert file.header.grey == ("gray" in name)
    result = engine.enhance(part, recipe)
    out = tmp_path / "result.png"
    result.save(out)
    again = read(out)[1]
    np.testing.assert_array_equal(joined(again), joined(result.photo))
    with Image.open(path) as picture:
        expected = picture.convert("L").resize((8, 8)) if file.header.grey else None
    if expected is not None:
        small = Image.fromarray(np.ascontiguousarray(photo.pixels[..., 0])).resize((8, 8))
        assert np.abs(np.asarray(expected).astype(int) - np.asarray(small)).max() <= 1
