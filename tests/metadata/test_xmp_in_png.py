import contextlib
import io
import os
import struct
import time
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
import pyvips
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from img_enhance.metadata import BrokenMetadata
from img_enhance.metadata.png import add_xmp, read_xmp

XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"/>'
KEYWORD = b"XML:com.adobe.xmp\0"
MEGABYTE = 1 << 20


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(*, before: bytes = b"", after: bytes = b"") -> bytes:
    """One grey pixel, with chunks before and after it."""
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    return start + before + chunk(b"IDAT", zlib.compress(b"\0\x80")) + after + chunk(b"IEND", b"")


def added(source: bytes, xmp: bytes = XMP) -> bytes:
    target = io.BytesIO()
    add_xmp(io.BytesIO(source), target, xmp)
    return target.getvalue()


def read(tmp_path: Path, data: bytes) -> bytes | None:
    path = tmp_path / "photo.png"
    path.write_bytes(data)
    return read_xmp(path)


PLAIN = chunk(b"iTXt", KEYWORD + b"\0\0\0\0" + XMP)
KINDS = {
    "plain": PLAIN,
    "with languages": chunk(b"iTXt", KEYWORD + b"\0\0en\0XMP\0" + XMP),
    "compressed": chunk(b"iTXt", KEYWORD + b"\x01\0\0\0" + zlib.compress(XMP)),
    "zTXt": chunk(b"zTXt", KEYWORD + b"\0" + zlib.compress(XMP)),
    "tEXt": chunk(b"tEXt", KEYWORD + XMP),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_text_is_read_before_and_after_the_pixels(tmp_path: Path, kind: str) -> None:
    other = chunk(b"tEXt", b"Comment\0hello") + chunk(b"iTXt", b"x")
    assert read(tmp_path, png(before=other + KINDS[kind])) == XMP
    assert read(tmp_path, png(after=other + KINDS[kind])) == XMP


def test_a_png_without_xmp_has_none(tmp_path: Path) -> None:
    assert read(tmp_path, png(before=chunk(b"tEXt", b"Comment\0hello"))) is None


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_there_is_replaced_and_all_else_is_copied(kind: str) -> None:
    other = chunk(b"tEXt", b"Comment\0hello")
    assert added(png(before=other + KINDS[kind], after=KINDS[kind])) == png(before=PLAIN + other)


def test_what_libvips_writes_is_found_and_others_read_what_we_write(tmp_path: Path) -> None:
    pixels = np.arange(40 * 30 * 3, dtype=np.uint8).reshape(30, 40, 3)
    image = pyvips.Image.new_from_array(pixels).copy(interpretation="srgb")
    image.set_type(pyvips.GValue.blob_type, "xmp-data", b"<old/>")
    source, target = tmp_path / "a.png", tmp_path / "b.png"
    image.pngsave(str(source))
    assert read_xmp(source) == b"<old/>"
    with target.open("wb") as file:
        add_xmp(source, file, XMP)
    assert read_xmp(target) == XMP
    with Image.open(target) as seen:
        assert seen.info["XML:com.adobe.xmp"] == XMP.decode()
        assert np.array_equal(np.asarray(seen), pixels)
    assert pyvips.Image.new_from_file(str(target)).get("xmp-data") == XMP


def test_memory_is_constant(tmp_path: Path) -> None:
    source = tmp_path / "large.png"
    source.write_bytes(png(after=chunk(b"teSt", os.urandom(64 * MEGABYTE))))
    tracemalloc.start()
    with (tmp_path / "copy.png").open("wb") as target:
        add_xmp(source, target, XMP)
    read_xmp(source)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6 * MEGABYTE


def test_bytes_after_the_end_are_dropped() -> None:
    assert added(png() + b"trailing") == png(before=PLAIN)


@pytest.mark.parametrize("end", range(len(png(before=KINDS["zTXt"]))))
def test_a_png_cut_anywhere_is_refused_when_it_is_copied(tmp_path: Path, end: int) -> None:
    whole = png(before=KINDS["zTXt"])
    with pytest.raises(BrokenMetadata):
        added(whole[:end])
    with contextlib.suppress(BrokenMetadata):
        assert read(tmp_path, whole[:end]) in (None, XMP)


def test_a_wrong_checksum_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BrokenMetadata, match="checksum"):
        read(tmp_path, png(before=PLAIN[:-1] + b"?"))


@pytest.mark.parametrize(
    "data",
    [
        chunk(b"zTXt", KEYWORD),
        chunk(b"zTXt", KEYWORD + b"\x01" + zlib.compress(XMP)),
        chunk(b"zTXt", KEYWORD + b"\0" + b"not deflated"),
        chunk(b"zTXt", KEYWORD + b"\0" + zlib.compress(XMP)[:-6]),
        chunk(b"zTXt", KEYWORD + b"\0" + zlib.compress(bytes(17 * MEGABYTE))),
        chunk(b"iTXt", KEYWORD),
        chunk(b"iTXt", KEYWORD + b"\0\0en"),
        chunk(b"iTXt", KEYWORD + b"\x01\x07\0\0" + zlib.compress(XMP)),
        chunk(b"iTXt", KEYWORD + bytes(17 * MEGABYTE)),
    ],
)
def test_damaged_or_huge_xmp_is_refused(tmp_path: Path, data: bytes) -> None:
    start = time.perf_counter()
    with pytest.raises(BrokenMetadata):
        read(tmp_path, png(before=data))
    assert time.perf_counter() - start < 2.0
    assert added(png(before=data)) == png(before=PLAIN)


def test_xmp_that_inflates_without_end_takes_no_memory(tmp_path: Path) -> None:
    bomb = chunk(b"zTXt", KEYWORD + b"\0" + zlib.compress(bytes(64 * MEGABYTE)))
    tracemalloc.start()
    with pytest.raises(BrokenMetadata, match="allowed"):
        read(tmp_path, png(before=bomb))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40 * MEGABYTE


@pytest.mark.parametrize("head", [b"\x80\0\0\0teSt", b"\xff\xff\xff\xffiTXt"])
def test_a_chunk_longer_than_any_is_refused(tmp_path: Path, head: bytes) -> None:
    with pytest.raises(BrokenMetadata, match="which no PNG has"):
        read(tmp_path, png(before=head))
    with pytest.raises(BrokenMetadata, match="which no PNG has"):
        added(png(before=head))


@pytest.mark.parametrize("xmp", [b"\xff\xfe<", bytes(17 * MEGABYTE)])
def test_xmp_that_png_cannot_hold_is_refused_before_anything_is_written(xmp: bytes) -> None:
    target = io.BytesIO()
    with pytest.raises(BrokenMetadata):
        add_xmp(io.BytesIO(png()), target, xmp)
    assert target.getvalue() == b""


def test_a_file_of_nothing_but_chunk_headers_is_given_up(tmp_path: Path) -> None:
    start = time.perf_counter()
    with pytest.raises(BrokenMetadata, match="chunks"):
        read(tmp_path, png(before=chunk(b"teSt", b"") * 500_000))
    assert time.perf_counter() - start < 2.0


def test_a_gigapixel_in_small_chunks_is_searched_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "many.png"
    path.write_bytes(png(before=chunk(b"IDAT", bytes(8192)) * 5000, after=PLAIN))
    assert read_xmp(path) == XMP


def test_a_missing_file_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_xmp(tmp_path / "none.png")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(start=st.sampled_from([b"", png()[:33], png()[:33] + b"\0\0\0\x20zTXt" + KEYWORD]), rest=st.binary(max_size=300))
def test_random_bytes_raise_nothing_else(tmp_path: Path, start: bytes, rest: bytes) -> None:
    with contextlib.suppress(BrokenMetadata):
        read(tmp_path, start + rest)
    with contextlib.suppress(BrokenMetadata):
        added(start + rest)
