"""Decoders in a process of their own: whatever becomes of that process, it is said of the photo."""

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from img_enhance.errors import PhotoError, UnsupportedPhoto
from img_enhance.image_io import apart, open_photo

HEIC = Path(__file__).parent.parent / "heic" / "exact.heic"


def child(folder: Path, does: str) -> Path:
    path = folder / "child.py"
    path.write_text(f"import os, signal, sys, time\n{does}\n")
    return path


@pytest.mark.parametrize(
    ("does", "says"),
    [
        ("os.kill(os.getpid(), signal.SIGSEGV)", "its decoder crashed"),
        ("sys.stdout.write('{\"size\"')", "its decoder crashed"),
        ("sys.exit('no such thing')", "no such thing"),
        (
            'print(\'{"size": [2, 2], "mode": "RGB", "deep": false, "bits": 8, "frames": 1, "blocks": {}, "pixels": true}\\n\' "few")',
            "its decoder crashed",
        ),
    ],
)
@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
def test_a_decoder_that_fails_is_a_damaged_photo(does: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "_CHILD", child(tmp_path, does))
    with pytest.raises(PhotoError, match=f"truncated or damaged.*{says}"):
        open_photo(HEIC, max_pixels=10_000)


def test_a_decoder_that_does_not_end_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "_CHILD", child(tmp_path, "time.sleep(30)"))
    monkeypatch.setattr(apart, "_MOST_SECONDS", 0.5)
    with pytest.raises(PhotoError, match=r"did not end within 0\.5 s"):
        open_photo(HEIC, max_pixels=10_000)


def test_a_kind_that_a_decoder_does_not_take_is_not_called_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "_CHILD", child(tmp_path, "sys.stderr.write('is odd\\nsave it otherwise')\nsys.exit(2)"))
    with pytest.raises(UnsupportedPhoto, match=r"exact\.heic is odd; save it otherwise"):
        open_photo(HEIC, max_pixels=10_000)


def test_pixels_of_the_second_try_come_from_the_child(tmp_path: Path) -> None:
    lab = np.random.default_rng(1).integers(0, 256, (5, 7, 3), np.uint8)
    path = tmp_path / "lab.tif"
    Image.fromarray(lab, "LAB").save(path)
    pixels = apart.decode_apart(path, "pillow", pixels=True).pixels
    assert pixels is not None
    np.testing.assert_array_equal(pixels, lab)
