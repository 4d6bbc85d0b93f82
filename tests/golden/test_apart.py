"""Decoders in a process of their own: whatever becomes of that process, it is said of the photo."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from img_enhance.errors import PhotoError, UnsupportedPhoto
from img_enhance.image_io import apart, open_photo
from waiting import wait_for

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


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
def test_a_decoder_does_not_outlive_who_waits_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "file")  # a decoder that opens it waits for ever
    asks = f"decode_apart(Path({str(tmp_path / 'file')!r}), 'bmp', pixels=True)"
    program = f"from pathlib import Path; from img_enhance.image_io.apart import decode_apart; {asks}"
    with subprocess.Popen([sys.executable, "-c", program]) as parent:
        found: list[psutil.Process] = []

        def decoding() -> bool:
            found[:] = psutil.Process(parent.pid).children()
            return bool(found) and "PIL" in Path(f"/proc/{found[0].pid}/maps").read_text()

        wait_for(decoding, 300)
        parent.kill()
    wait_for(lambda: not found[0].is_running() or found[0].status() == psutil.STATUS_ZOMBIE, 300)
