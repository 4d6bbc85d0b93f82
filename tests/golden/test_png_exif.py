"""EXIF of a PNG decides how it is turned, wherever in the file it lies, if its checksum is right; XMP turns nothing."""

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small_pictures import read, smooth, turned, write

from img_enhance.image_io import open_photo

XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
    b'xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>'
)


def exif(orientation: int) -> bytes:
    block = Image.Exif()
    block[0x0112] = orientation
    return block.tobytes()


def chunk(kind: bytes, data: bytes, *, checksum: int = 0) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data) ^ checksum)


def raw_profile(block: bytes, name: str) -> bytes:
    """The text that ImageMagick wrote."""
    digits = block.hex()
    lines = "".join(digits[at : at + 72] + "\n" for at in range(0, len(digits), 72))
    return f"\n{name}\n{len(block):8}\n{lines}".encode()


def tiff(orientation: int) -> bytes:
    return exif(orientation).removeprefix(b"Exif\0\0")


WAYS: dict[str, Callable[[int], bytes]] = {
    "eXIf": lambda turn: chunk(b"eXIf", tiff(turn)),
    "compressed text": lambda turn: chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(raw_profile(exif(turn), "exif"))),
    "text": lambda turn: chunk(b"tEXt", b"Raw profile type exif\0" + raw_profile(exif(turn), "exif")),
    "APP1": lambda turn: chunk(b"tEXt", b"Raw profile type APP1\0" + raw_profile(exif(turn), "APP1")),
}


def photo_with(folder: Path, *, before: bytes = b"", after: bytes = b"", stored: int = 1) -> Path:
    """A PNG of `smooth`, stored for this orientation, with chunks before and after its pixels."""
    path = folder / "photo.png"
    Image.fromarray(turned(smooth(3), stored)).save(path)
    data = path.read_bytes()
    pixels, end = data.index(b"IDAT") - 4, data.index(b"IEND") - 4
    path.write_bytes(data[:pixels] + before + data[pixels:end] + after + data[end:])
    return path


@pytest.mark.parametrize("where", ["before", "after"])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("orientation", [2, 6])
def test_exif_turns_a_png_wherever_it_lies(way: str, where: str, orientation: int, tmp_path: Path) -> None:
    file, photo = read(photo_with(tmp_path, **{where: WAYS[way](orientation)}, stored=orientation))
    np.testing.assert_array_equal(photo.pixels, smooth(3))
    assert file.warnings == ()
    with Image.open(write(photo, tmp_path / "out.png", "png")) as again:
        assert again.getexif()[0x0112] == 1
        np.testing.assert_array_equal(np.asarray(again), smooth(3))


def test_the_exif_chunk_counts_more_than_a_text(tmp_path: Path) -> None:
    _, photo = read(photo_with(tmp_path, before=WAYS["text"](3), after=WAYS["eXIf"](6), stored=6))
    np.testing.assert_array_equal(photo.pixels, smooth(3))


@pytest.mark.parametrize(
    "block",
    [
        chunk(b"eXIf", tiff(6), checksum=1),
        chunk(b"tEXt", b"Raw profile type exif\0\nexif\n 30\nno digits"),
        chunk(b"zTXt", b"Raw profile type exif\0\0no stream"),
        chunk(b"eXIf", b"garbage" * 4),
    ],
)
def test_damaged_exif_turns_nothing_and_is_told(block: bytes, tmp_path: Path) -> None:
    file, photo = read(photo_with(tmp_path, before=block))
    np.testing.assert_array_equal(photo.pixels, smooth(3))
    assert photo.metadata.exif is None
    assert "its EXIF is damaged and was dropped" in file.warnings[0]


def test_xmp_alone_turns_nothing_and_keeps_its_orientation(tmp_path: Path) -> None:
    text = chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP)
    _, photo = read(photo_with(tmp_path, before=text))
    np.testing.assert_array_equal(photo.pixels, smooth(3))
    xmp = open_photo(write(photo, tmp_path / "out.png", "png"), max_pixels=10**6).metadata.xmp
    assert xmp is not None
    assert b'tiff:Orientation="6"' in xmp
    (tmp_path / "both").mkdir()
    _, photo = read(photo_with(tmp_path / "both", before=text, after=WAYS["eXIf"](3), stored=3))
    np.testing.assert_array_equal(photo.pixels, smooth(3))
    xmp = open_photo(write(photo, tmp_path / "both.png", "png"), max_pixels=10**6).metadata.xmp
    assert xmp is not None
    assert b'tiff:Orientation="1"' in xmp
