"""Pipes and devices as photos and results of the command line; and files that are replaced."""

import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from img_enhance.engine import Engine
from img_enhance.errors import OutputError, PhotoError
from img_enhance.files import check_output, replacing
from img_enhance.image_io import open_photo

Run = Callable[..., tuple[int, str, str]]
QUICK = ("--white-balance", "--white-balance-enhance-level", "0")


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (20, 30, 3), np.uint8)).save(path)
    return path


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    return path


def drained(fifo: Path) -> tuple[threading.Thread, list[bytes]]:
    """A thread that reads a pipe to its end, and what it has read when it is done."""
    found: list[bytes] = []
    thread = threading.Thread(target=lambda: found.append(fifo.read_bytes()), daemon=True)
    thread.start()
    return thread, found


def test_a_result_goes_into_a_fifo_which_stays_one(run: Run, photo: Path, fifo: Path) -> None:
    thread, found = drained(fifo)
    code, _, said = run("enhance", photo, "-o", fifo, *QUICK)
    thread.join(30)
    assert (code, found[0][:4]) == (0, b"\x89PNG"), said
    assert stat.S_ISFIFO(fifo.stat().st_mode)
    assert f"[OK] {fifo}" in said


@pytest.mark.parametrize("command", ["enhance", "suggest"])
def test_a_photo_comes_out_of_a_fifo(command: str, photo: Path, fifo: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    options = [*QUICK, "-o", str(out)] if command == "enhance" else []
    process = subprocess.Popen([sys.executable, "-m", "img_enhance", command, fifo, *options], stdout=subprocess.PIPE)
    fifo.write_bytes(photo.read_bytes())
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert said if command == "suggest" else out.read_bytes() == photo.read_bytes()


def test_a_photo_from_a_fifo_goes_to_standard_output_unless_a_file_is_named(photo: Path, fifo: Path) -> None:
    process = subprocess.Popen([sys.executable, "-m", "img_enhance", "enhance", fifo, *QUICK], stdout=subprocess.PIPE)
    fifo.write_bytes(photo.read_bytes())
    said, _ = process.communicate(timeout=60)
    assert said == photo.read_bytes()


def test_devices_and_fifos_are_neither_opened_nor_replaced_by_the_engine(photo: Path, fifo: Path) -> None:
    with Engine() as engine:
        result = engine.enhance(photo)
        with pytest.raises(OutputError, match="a pipe or a device"):
            result.save(fifo, format="png", overwrite=True)
    for path in (Path(os.devnull), Path("/dev/fd/1"), Path("/dev/stdout")):
        with pytest.raises(OutputError, match="a pipe or a device"):
            check_output(path, overwrite=True)
    with pytest.raises(PhotoError, match="a pipe or a device"):
        open_photo(fifo, max_pixels=10**6)


def test_the_null_device_stays_one(run: Run, photo: Path) -> None:
    code, _, said = run("enhance", photo, "-o", os.devnull, "--overwrite", *QUICK)
    assert code == 0, said
    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)


def test_a_device_that_is_full_is_told(run: Run, photo: Path) -> None:
    code, _, said = run("enhance", photo, "-o", "/dev/full", *QUICK)
    assert code == 3
    assert "cannot write /dev/full: No space left on device" in said


@pytest.mark.parametrize("mode", [0o640, 0o600, 0o664, 0o755])
def test_a_file_that_is_replaced_keeps_its_permissions(mode: int, run: Run, photo: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    out.write_bytes(b"old")
    out.chmod(mode)
    code, _, said = run("enhance", photo, "-o", out, "--overwrite", "--upscale", "2", "--model", "realesr-animevideov3")
    assert code == 0, said
    assert stat.S_IMODE(out.stat().st_mode) == mode
    assert out.read_bytes()[:4] == b"\x89PNG"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives files away")
def test_a_file_that_is_replaced_keeps_its_owner(tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    out.write_bytes(b"old")
    os.chown(out, 12345, 23456)
    with replacing(out, overwrite=True) as partial:
        partial.write_bytes(b"new")
    assert (out.read_bytes(), out.stat().st_uid, out.stat().st_gid) == (b"new", 12345, 23456)


def test_a_file_whose_owner_cannot_be_kept_is_replaced_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out.png"
    out.write_bytes(b"old")
    out.chmod(0o640)
    found, asked = os.stat, list[tuple[int, int]]()

    def another(path: Path | str | int, **options: bool) -> os.stat_result:
        real = found(path, **options)
        return os.stat_result((*real[:4], 12345, 23456, *real[6:])) if path == out else real

    def refuse(_: Path, owner: int, group: int) -> None:
        asked.append((owner, group))
        raise PermissionError

    monkeypatch.setattr(os, "stat", another)
    monkeypatch.setattr(os, "chown", refuse)
    with replacing(out, overwrite=True) as partial:
        partial.write_bytes(b"new")
    assert asked == [(12345, 23456), (-1, 23456)]
    assert out.read_bytes() == b"new"
    assert stat.S_IMODE(found(out).st_mode) == 0o640
