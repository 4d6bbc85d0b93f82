"""Colour profiles that files carry and PNG's library refuses, and those whose pieces a JPEG numbers in its own way."""

import re
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small_pictures import photo_of, read, smooth, write
from test_colour import P3, matrix_profile
from test_hdr import with_tag

from img_enhance.metadata.icc import fitted_profile
from img_enhance.photo import WRITTEN, Metadata
from img_enhance.request.options import Output

PROFILE = matrix_profile(P3, 2.2)


def changed(profile: bytes, at: int, value: bytes) -> bytes:
    return profile[:at] + value + profile[at + len(value) :]


def sized(profile: bytes) -> bytes:
    return changed(profile, 0, struct.pack(">I", len(profile)))


# What is in the file, and what should come out of it.
ODD = {
    "a byte behind": (PROFILE + b"\0", PROFILE),
    "more behind": (PROFILE + bytes(1000), PROFILE),
    "a length of its own": (sized(PROFILE + b"\1"), sized(PROFILE + b"\1\0\0\0")),
    "an old hash": (sized(changed(PROFILE, 84, b"hash" * 4) + b"\1\1"), sized(PROFILE + b"\1\1\0\0")),
    "no intent": (changed(PROFILE, 64, b"\xff" * 4), PROFILE),
    "as it should be": (changed(PROFILE, 84, b"hash" * 4), changed(PROFILE, 84, b"hash" * 4)),
}


@pytest.mark.parametrize("format", [entry.name for entry in WRITTEN])
@pytest.mark.parametrize("odd", ODD)
def test_an_odd_profile_is_made_fit(odd: str, format: str, tmp_path: Path) -> None:
    stored, expected = ODD[odd]
    path = tmp_path / "photo.jpg"
    Image.fromarray(smooth(3)).save(path, icc_profile=stored)
    file, photo = read(path)
    assert file.warnings == ()
    assert photo.metadata.icc == expected
    # With loss a JPEG XL may bring another profile that means the same.
    output = Output(lossless=True) if format == "jxl" else Output()
    _, again = read(write(photo, tmp_path / "again", format, output))
    assert again.metadata.icc == expected
    # A photo that was made in Python brings any profile.
    _, again = read(write(photo_of(smooth(3), Metadata(icc=stored)), tmp_path / "made", format, output))
    assert again.metadata.icc == expected


@pytest.mark.parametrize("profile", [b"", b"short", PROFILE[:100], changed(PROFILE, 0, b"\xff" * 4), changed(PROFILE, 0, bytes(4))])
def test_what_has_no_length_stays(profile: bytes) -> None:
    assert fitted_profile(profile) == profile


def test_a_profile_that_no_png_could_hold_is_dropped_and_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("img_enhance.image_io.stated_colours.fitted_profile", bytes)
    Image.fromarray(smooth(3)).save(tmp_path / "photo.jpg", icc_profile=ODD["no intent"][0])
    file, photo = read(tmp_path / "photo.jpg")
    assert file.warnings == ("its colour profile was dropped: a PNG cannot hold it",)
    assert photo.metadata.icc is None


LONG = with_tag(PROFILE, b"test", b"data\0\0\0\0" + np.random.default_rng(1).bytes(150_000))


def numbered(path: Path, profile: bytes, numbers: list[int]) -> Path:
    """A JPEG whose pieces of a profile have these numbers."""
    Image.fromarray(smooth(3)).save(path, icc_profile=profile)
    left = iter(numbers)
    path.write_bytes(re.sub(rb"(?<=ICC_PROFILE\0).", lambda _: bytes((next(left),)), path.read_bytes(), flags=re.DOTALL))
    assert list(left) == []
    return path


@pytest.mark.parametrize(("profile", "numbers"), [(PROFILE, [0]), (PROFILE, [1]), (LONG, [0, 1, 2]), (LONG, [1, 2, 3])])
def test_pieces_of_a_profile_are_joined(profile: bytes, numbers: list[int], tmp_path: Path) -> None:
    file, photo = read(numbered(tmp_path / "photo.jpg", profile, numbers))
    assert file.warnings == ()
    assert photo.metadata.icc == fitted_profile(profile)


@pytest.mark.parametrize(("profile", "numbers"), [(PROFILE, [2]), (LONG, [0, 1, 1]), (LONG, [1, 2, 4])])
def test_a_profile_with_missing_pieces_is_dropped_and_said(profile: bytes, numbers: list[int], tmp_path: Path) -> None:
    file, photo = read(numbered(tmp_path / "photo.jpg", profile, numbers))
    assert photo.metadata.icc is None
    assert file.warnings == (f"its colour profile was dropped: its pieces have the numbers {', '.join(map(str, numbers))}",)
