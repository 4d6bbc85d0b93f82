"""EXIF, XMP, IPTC, resolution: in through every format that has them, out through every other."""

import itertools
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import pyvips
from PIL import Image
from small_pictures import photo_of, read, smooth, write

from img_enhance.engine import Engine
from img_enhance.metadata.blob import tiff_of
from img_enhance.photo import WRITTEN, Metadata
from img_enhance.request.options import Output
from img_enhance.request.recipe import Recipe
from img_enhance.request.step_options import RealESRGAN

FORMATS = [entry.name for entry in WRITTEN]
IN_AND_OUT = list(itertools.product(FORMATS, FORMATS))

# A maker's note holds offsets into the whole block: both must stay where they are.
NOTE_AT = 480
NOTE = b"ACMENOTE" + struct.pack("<I", NOTE_AT + 12) + b"what only the maker can read" * 2
IPTC = b"\x1c\x02\x78\0\x0ba caption..\x1c\x02\x50\0\x03who"
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
    b'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:tiff="http://ns.adobe.com/tiff/1.0/" '
    b'dc:rights="nobody" exif:GPSLatitude="52,30N" exif:PixelXDimension="48" tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>'
)


def seen(blob: bytes) -> Image.Exif:
    """What another program reads."""
    block = Image.Exif()
    block.load(blob)
    return block


def exif(*, turn: int = 1, dpi: int = 300) -> bytes:
    """A block with a maker, an orientation, a resolution, a maker's note, a place, and a thumbnail."""
    number = struct.Struct("<HHII")

    def directory(entries: list[tuple[int, int, int, int]], following: int = 0) -> bytes:
        return struct.pack("<H", len(entries)) + b"".join(number.pack(*entry) for entry in entries) + struct.pack("<I", following)

    main = directory(
        [
            (0x010F, 2, 9, 200),
            (0x0112, 3, 1, turn),
            (0x011A, 5, 1, 220),
            (0x011B, 5, 1, 228),
            (0x0128, 3, 1, 2),
            (0x8769, 4, 1, 300),
            (0x8825, 4, 1, 400),
        ],
        600,
    )
    below = directory([(0x9003, 2, 20, 360), (0x927C, 7, len(NOTE), NOTE_AT), (0xA002, 4, 1, 48), (0xA003, 4, 1, 32)])
    place = directory([(1, 2, 2, struct.unpack("<I", b"N\0\0\0")[0]), (2, 5, 3, 440)])
    thumbnail = directory([(0x0103, 3, 1, 6), (0x0201, 4, 1, 660), (0x0202, 4, 1, 40)])
    body = bytearray(700)
    parts = {0: b"II*\0\x08\0\0\0", 8: main, 200: b"ACME Inc\0", 220: struct.pack("<IIII", dpi, 1, dpi, 1), 300: below}
    parts |= {360: b"2026:11:23 10:00:00\0", 400: place, 440: struct.pack("<6I", 52, 1, 30, 1, 12345, 1000), NOTE_AT: NOTE}
    parts |= {600: thumbnail, 660: b"\xff\xd8THUMBNAIL".ljust(40, b".")}
    for at, part in parts.items():
        body[at : at + len(part)] = part
    return b"Exif\0\0" + bytes(body)


def source(folder: Path, format: str, **blocks: bytes) -> Path:
    """A file of `format` with blocks of metadata, written by Pillow."""
    path = folder / f"source.{format}"
    options: dict[str, object] = dict(blocks)
    if format in ("jpeg", "png"):
        options["dpi"] = (300, 300)
    if format == "tiff":
        options = {"dpi": (300, 300)}
    if format == "png" and "xmp" in blocks:
        from PIL.PngImagePlugin import PngInfo

        info = PngInfo()
        info.add_itxt("XML:com.adobe.xmp", blocks["xmp"].decode())
        options = {key: value for key, value in options.items() if key != "xmp"} | {"pnginfo": info}
    if format == "tiff":
        loaded = Image.Exif()
        loaded.load(blocks["exif"]) if "exif" in blocks else None
        options["exif"] = loaded
        if "xmp" in blocks:
            loaded[700] = blocks["xmp"]
    Image.fromarray(smooth(3)).save(path, format, **options)
    return path


def converted(folder: Path, before: str, after: str, output: Output | None = None, **blocks: bytes) -> Path:
    _, photo = read(source(folder, before, **blocks))
    return write(photo, folder / f"result.{after}", after, output)


@pytest.mark.parametrize(("before", "after"), IN_AND_OUT)
def test_exif_goes_through_every_pair_of_formats(before: str, after: str, tmp_path: Path) -> None:
    path = converted(tmp_path, before, after, exif=exif(turn=6))
    with Image.open(path) as picture:
        tags = picture.getexif()
        assert tags[0x010F].rstrip("\0") == "ACME Inc"
        assert tags.get(0x0112, 1) == 1
        below, place = tags.get_ifd(0x8769), tags.get_ifd(0x8825)
        assert below[0x9003].rstrip("\0") == "2026:11:23 10:00:00"
        assert bytes(below[0x927C]) == NOTE
        assert (below[0xA002], below[0xA003]) == picture.size
        assert tuple(float(value) for value in place[2]) == (52, 30, 12.345)
    assert b"THUMBNAIL" not in path.read_bytes()


@pytest.mark.parametrize(("before", "after"), [pair for pair in IN_AND_OUT if "tiff" not in pair and pair[0] != "avif"])
def test_a_makers_note_stays_where_it_was(before: str, after: str, tmp_path: Path) -> None:
    # A TIFF spreads EXIF over the file, and Pillow takes it apart when it writes an AVIF.
    _, again = read(converted(tmp_path, before, after, exif=exif()))
    assert again.metadata.exif is not None
    assert tiff_of(again.metadata.exif)[NOTE_AT:].startswith(NOTE)


@pytest.mark.parametrize(("before", "after"), IN_AND_OUT)
def test_xmp_goes_through_every_pair_of_formats_with_a_note(before: str, after: str, tmp_path: Path) -> None:
    path = converted(tmp_path, before, after, xmp=XMP)
    xmp = read(path)[1].metadata.xmp
    assert xmp is not None
    assert b'dc:rights="nobody"' in xmp
    assert b"a test" in xmp
    assert b"52,30N" in xmp
    # A TIFF says how it is turned without EXIF, AVIF and JPEG XL in their container. Of others XMP's orientation is nobody's business.
    assert (b'tiff:Orientation="6"' in xmp) == (before not in ("tiff", "avif", "jxl"))
    assert xmp in path.read_bytes()  # uncompressed, where other programs look


@pytest.mark.parametrize("format", FORMATS)
def test_resolution_is_kept_with_and_without_exif(format: str, tmp_path: Path) -> None:
    for number, block in enumerate((None, exif(dpi=300), exif(dpi=72))):
        photo = photo_of(smooth(3), Metadata(exif=block, resolution=(300, 150)))
        _, again = read(write(photo, tmp_path / f"{number}.{format}", format))
        assert again.metadata.resolution == pytest.approx((300, 150), abs=0.1)


@pytest.mark.parametrize("format", FORMATS)
def test_a_resolution_that_is_not_known_stays_unknown(format: str, tmp_path: Path) -> None:
    photo = photo_of(smooth(3))
    _, again = read(write(photo, tmp_path / f"photo.{format}", format))
    assert again.metadata.resolution is None


@pytest.mark.parametrize("format", ["jpeg", "tiff"])
@pytest.mark.parametrize("enveloped", [False, True])
def test_iptc_has_the_envelope_of_its_format(format: str, enveloped: bool, tmp_path: Path) -> None:
    block = b"Photoshop 3.0\08BIM\x04\x25\0\0\0\0\0\2ab8BIM\4\4\0\0" + struct.pack(">I", len(IPTC)) + IPTC + b"\0" * (len(IPTC) % 2)
    photo = photo_of(smooth(3), Metadata(iptc=block if enveloped else IPTC))
    path = write(photo, tmp_path / f"photo.{format}", format)
    with Image.open(path) as picture:
        if format == "jpeg":
            assert picture.info["photoshop"][0x0404].rstrip(b"\0") == IPTC
        else:
            assert bytes(picture.tag_v2[33723]).rstrip(b"\0") == IPTC  # type: ignore[attr-defined]
    kept = read(path)[1].metadata.iptc
    assert kept is not None
    assert IPTC in kept


@pytest.mark.parametrize("format", ["jpeg", "tiff"])
@pytest.mark.parametrize("enveloped", [False, True])
def test_strip_gps_leaves_no_place_in_iptc(format: str, enveloped: bool, tmp_path: Path) -> None:
    places = b"".join(b"\x1c\x02" + bytes((number,)) + b"\0\5Paris" for number in (26, 27, 90, 92, 95, 100, 101))
    iptc = IPTC[:16] + places + IPTC[16:]
    block = b"Photoshop 3.0\08BIM\4\4\0\0" + struct.pack(">I", len(iptc)) + iptc + b"\0" * (len(iptc) % 2)
    photo = photo_of(smooth(3), Metadata(iptc=block if enveloped else iptc))
    path = write(photo, tmp_path / f"photo.{format}", format, Output(strip_gps=True))
    assert b"Paris" not in path.read_bytes()
    kept = read(path)[1].metadata.iptc
    assert kept is not None
    assert IPTC in kept


@pytest.mark.parametrize(
    "damaged", [b"Paris", b"\x1c\x02\x5a\0\xffParis", b"\x1c\x02\x5a\x80\x05Paris", b"Photoshop 3.0\08BIM\4\4\0\0\0\0\1Paris"]
)
def test_iptc_that_cannot_be_read_goes_with_the_place_that_may_be_in_it(damaged: bytes, tmp_path: Path) -> None:
    path = write(photo_of(smooth(3), Metadata(iptc=damaged)), tmp_path / "photo.jpg", "jpeg", Output(strip_gps=True))
    assert b"Paris" not in path.read_bytes()


@pytest.mark.parametrize("format", ["png", "webp", "avif", "jxl"])
def test_iptc_that_cannot_be_kept_is_said(format: str, engine: Engine) -> None:
    photo = photo_of(smooth(3), Metadata(iptc=IPTC))
    prepared = engine.prepare(photo, Recipe(steps=(RealESRGAN("realesr-animevideov3"),), output=Output(format=format)))
    assert any("IPTC" in warning for warning in prepared.warnings)


def test_blocks_too_large_for_a_jpeg_are_said_and_left_out(engine: Engine, tmp_path: Path) -> None:
    large = XMP.replace(b"nobody", b"n" * 70_000)
    photo = photo_of(smooth(3), Metadata(exif=exif() + bytes(70_000), xmp=large))
    prepared = engine.prepare(photo, Recipe(steps=(RealESRGAN("realesr-animevideov3"),), output=Output(format="jpeg")))
    assert sum("at most" in warning for warning in prepared.warnings) == 2
    again = read(write(photo, tmp_path / "photo.jpg", "jpeg"))[1].metadata
    assert again.exif is None
    assert again.xmp is not None
    assert b"a test" in again.xmp


@pytest.mark.parametrize(("before", "after"), IN_AND_OUT)
def test_strip_gps_leaves_no_place_anywhere(before: str, after: str, tmp_path: Path) -> None:
    path = converted(tmp_path, before, after, Output(strip_gps=True), exif=exif(), xmp=XMP)
    metadata = read(path)[1].metadata
    assert metadata.exif is not None
    assert 0x8825 not in seen(metadata.exif)
    assert struct.pack("<I", 12345) not in path.read_bytes()
    assert b"52,30N" not in path.read_bytes()
    with Image.open(path) as picture:
        assert picture.getexif()[0x010F].rstrip("\0") == "ACME Inc"


@pytest.mark.parametrize(("before", "after"), IN_AND_OUT)
def test_strip_leaves_only_the_colour_profile(before: str, after: str, tmp_path: Path) -> None:
    profile = bytes(pyvips.Image.profile_load("p3"))
    path = source(tmp_path, before, exif=exif(), xmp=XMP)
    _, photo = read(path)
    photo = photo_of(photo.pixels, Metadata(profile, photo.metadata.exif, photo.metadata.xmp, IPTC, photo.metadata.resolution))
    lossless = after == "jxl" or None
    metadata = read(write(photo, tmp_path / f"result.{after}", after, Output(strip=True, lossless=lossless)))[1].metadata
    assert metadata.icc == profile
    assert (metadata.exif, metadata.xmp, metadata.iptc) == (None, None, None)


@pytest.mark.parametrize("format", FORMATS)
def test_the_orientation_of_a_result_is_upright(format: str, tmp_path: Path) -> None:
    photo = photo_of(smooth(3), Metadata(exif=exif(turn=8)))
    block = read(write(photo, tmp_path / f"photo.{format}", format))[1].metadata.exif
    assert block is not None
    assert seen(block)[0x112] == 1


def test_the_result_of_an_engine_has_the_new_size_and_the_recipe_in_its_metadata(engine: Engine, recipe: Recipe, tmp_path: Path) -> None:
    path = source(tmp_path, "jpeg", exif=exif(turn=6), xmp=XMP)
    result = engine.enhance(path, recipe)
    result.save(tmp_path / "out.jpg")
    with Image.open(tmp_path / "out.jpg") as picture:
        below = picture.getexif().get_ifd(0x8769)
        assert (below[0xA002], below[0xA003]) == picture.size == (128, 192)
        assert b"real_esrgan(model=realesr-animevideov3, " in picture.info["xmp"]
        assert result.warnings == ()


def test_broken_exif_of_a_photo_in_memory_is_left_out(tmp_path: Path) -> None:
    photo = photo_of(smooth(3), Metadata(exif=b"Exif\0\0nonsense", xmp=b"<nonsense"))
    for format in FORMATS:
        again = read(write(photo, tmp_path / f"photo.{format}", format))[1].metadata
        assert again.exif is None
        assert again.xmp is not None


def test_the_command_line_reads_and_writes_pipes(tmp_path: Path) -> None:
    path = source(tmp_path, "png", exif=exif())
    command = [
        sys.executable,
        "-m",
        "img_enhance",
        "enhance",
        "-",
        "--model",
        "realesr-animevideov3",
        "--quiet",
        "--format",
        "webp",
    ]
    done = subprocess.run(command, input=path.read_bytes(), capture_output=True, check=True, timeout=60)
    (tmp_path / "out.webp").write_bytes(done.stdout)
    with Image.open(tmp_path / "out.webp") as picture:
        assert picture.size == (192, 128)
        assert picture.getexif()[0x010F].rstrip("\0") == "ACME Inc"
    assert np.asarray(Image.open(path)).shape == (32, 48, 3)
