"""What HEIC and AVIF files hold beside their picture is said."""

import struct
from pathlib import Path

import pytest

from img_enhance.image_io import open_photo
from img_enhance.metadata.beside import STATED_LIGHT, left_beside

SAMPLES = Path(__file__).parents[1] / "heic"


def box(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(data), kind) + data


def auxiliary(urn: str) -> bytes:
    return box(b"auxC", bytes(4) + urn.encode() + b"\0")


TONE_MAP = box(b"infe", b"\2\0\0\0" + b"\0\7\0\0" + b"tmap" + b"\0")


@pytest.mark.parametrize(
    ("described", "more", "said"),
    [
        (auxiliary("urn:mpeg:hevc:2015:auxid:1") + auxiliary("urn:mpeg:mpegB:cicp:systems:auxiliary:alpha"), b"", []),
        (auxiliary("urn:mpeg:hevc:2015:auxid:2"), b"", ["depth map"]),
        (auxiliary("urn:com:apple:photo:2020:aux:hdrgainmap"), b"", ["gain map, which makes it HDR,"]),
        (auxiliary("urn:com:apple:photo:2020:aux:hdrgainmap") + TONE_MAP, b"", ["gain map, which makes it HDR,"]),
        (
            auxiliary("urn:com:apple:photo:2018:aux:portraiteffectsmatte") + auxiliary("urn:com:apple:photo:2019:aux:semanticskinmatte"),
            b"",
            ["portrait matte"],
        ),
        (auxiliary("urn:x:other"), b"", ["second picture (urn:x:other)"]),
        (b"", box(b"mdat", bytes(50)) + box(b"mpvd", bytes(20)), ["video"]),
        (b"", struct.pack(">I4sQ", 1, b"mdat", 26) + bytes(10) + box(b"mpvd", b""), ["video"]),
    ],
)
def test_what_lies_beside_the_picture_is_said(described: bytes, more: bytes, said: list[str], tmp_path: Path) -> None:
    path = tmp_path / "photo.heic"
    path.write_bytes(box(b"ftyp", b"heic\0\0\0\0") + box(b"meta", bytes(4) + described) + more)
    assert left_beside(path) == tuple(f"the {kind} in its file was left out" for kind in said)


@pytest.mark.parametrize("stated", [box(b"clli", bytes(4)), box(b"mdcv", bytes(24))])
def test_the_largest_light_that_is_stated_is_said_to_be_left_out(stated: bytes, tmp_path: Path) -> None:
    path = tmp_path / "photo.avif"
    path.write_bytes(box(b"ftyp", b"avif\0\0\0\0") + box(b"meta", bytes(4) + stated))
    assert left_beside(path) == (STATED_LIGHT,)


@pytest.mark.parametrize("file", [b"", b"\0", b"\0\0\0\0meta", b"\0\0\0\x01meta\0", b"\xff" * 100, box(b"meta", b"auxC")])
def test_broken_boxes_say_nothing(file: bytes, tmp_path: Path) -> None:
    path = tmp_path / "photo.heic"
    path.write_bytes(file)
    assert left_beside(path) == ()


def test_a_photo_warns_of_its_depth_map_and_video(tmp_path: Path) -> None:
    path = tmp_path / "photo.heic"
    file = (SAMPLES / "alpha.heic").read_bytes()
    assert file.count(b"hevc:2015:auxid:1") == 1
    path.write_bytes(file.replace(b"hevc:2015:auxid:1", b"hevc:2015:auxid:2") + box(b"mpvd", b"....ftyp"))
    assert open_photo(path, max_pixels=10**9).warnings == ("the depth map in its file was left out", "the video in its file was left out")
    assert open_photo(SAMPLES / "alpha.heic", max_pixels=10**9).warnings == ()
