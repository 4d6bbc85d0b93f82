"""Blocks of metadata by themselves: whole, cut off, and of other programs."""

import struct
from pathlib import Path

import pytest

from img_enhance.errors import IntegrityError
from img_enhance.image_io.blocks import bare_iptc, enveloped_iptc, put_exif, without_places

CAPTION, CITY = b"\x1c\x02\x78\0\x0ba caption..", b"\x1c\x02\x5a\0\5Paris"


def resource(number: int, data: bytes, *, name: bytes = b"") -> bytes:
    """One of Photoshop's: its name and its data are filled up to an even length."""
    named = bytes((len(name),)) + name
    named += b"\0" * (len(named) % 2)
    return b"8BIM" + struct.pack(">H", number) + named + struct.pack(">I", len(data)) + data + b"\0" * (len(data) % 2)


@pytest.mark.parametrize("name", [b"", b"a", b"ab"])
@pytest.mark.parametrize("before", [b"", b"odd", b"even"])
def test_iptc_is_found_among_photoshops_resources(name: bytes, before: bytes) -> None:
    block = b"Photoshop 3.0\0" + resource(0x0425, before, name=name) + resource(0x0404, CAPTION, name=name) + resource(0x0406, b"after")
    assert bare_iptc(block) == CAPTION
    ends = [bare_iptc(block[:end]) for end in range(14, len(block))]
    assert set(ends) == {None, CAPTION}
    assert ends.index(CAPTION) + 14 == block.index(CAPTION) + len(CAPTION)


def test_no_iptc_is_found_where_none_is() -> None:
    assert bare_iptc(b"Photoshop 3.0\0" + resource(0x0425, b"ab")) is None
    assert bare_iptc(b"Photoshop 3.0\0" + resource(0x0404, CAPTION).replace(b"8BIM", b"8BIX")) is None


@pytest.mark.parametrize("iptc", [b"", CAPTION[:-1], CAPTION])
def test_an_envelope_is_of_even_length_and_put_on_once(iptc: bytes) -> None:
    enveloped = enveloped_iptc(iptc)
    assert bare_iptc(enveloped) == iptc
    assert len(enveloped) % 2 == 0
    assert enveloped_iptc(enveloped) == enveloped


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (CAPTION + CITY + CAPTION, CAPTION + CAPTION),
        (CITY, b""),
        (CAPTION + CITY[:-1], CAPTION),
        (CITY + CAPTION[:-1], b""),
        (CAPTION + CITY[:4], CAPTION),
        (CAPTION + b"\x1c\x02\x78\0\0", CAPTION + b"\x1c\x02\x78\0\0"),
        (CAPTION + b"\x1c\x02\x78\x80\x04\0\0\0\1x" + CITY, CAPTION),
        (CAPTION + b"\x1c\x02\x78\x80\x00" + bytes(40_000), CAPTION),
        (CAPTION + b"\x1d\x02\x78\0\1x" + CAPTION, CAPTION),
        (CAPTION + b"\0\0\0", CAPTION),
    ],
)
def test_datasets_are_kept_up_to_the_first_that_cannot_be_read(before: bytes, after: bytes) -> None:
    assert without_places(before) == after


@pytest.mark.parametrize("content", [b"no mark II*\0", b"m" * 32, b""])
def test_exif_that_is_not_where_it_was_written_changes_nothing(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "photo"
    path.write_bytes(content + b"x")
    with pytest.raises(IntegrityError):
        put_exif(path, b"m" * 32, b"Exif\0\0II*\0\x08\0\0\0\0\0")
    assert path.read_bytes() == content + b"x"
