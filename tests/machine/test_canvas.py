"""Canvases lie in memory or in a file without a name, on a disk that has room."""

import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from img_enhance.errors import DiskError
from img_enhance.geometry import Size
from img_enhance.machine import canvas
from img_enhance.machine.canvas import check_room, new_canvas, scratch_folder
from img_enhance.machine.memory import anonymous_bytes
from img_enhance.planning.sweep_plan import Medium

SHARED_MEMORY = Path("/dev/shm")


@contextlib.contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A file system of this size; skips where none can be mounted."""
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], capture_output=True, check=False)
    if mounted.returncode != 0:
        pytest.skip("no small file system can be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("medium", ["memory", "disk"])
def test_canvas_has_the_size_asked_for(medium: Medium, tmp_path: Path) -> None:
    pixels = new_canvas(Size(31, 7), medium, tmp_path)
    assert pixels.shape == (7, 31, 3)
    assert pixels.dtype == np.uint8
    pixels[...] = 200
    assert (pixels == 200).all()


def test_canvas_on_disk_has_no_name_and_takes_no_memory(tmp_path: Path) -> None:
    before = anonymous_bytes()
    pixels = new_canvas(Size(8000, 4000), "disk", tmp_path)
    pixels[...] = 7
    assert list(tmp_path.iterdir()) == []
    assert anonymous_bytes() - before < pixels.nbytes / 4


def test_full_disk_is_refused_when_the_canvas_is_made(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "1m") as folder, pytest.raises(DiskError, match="no room for 12 MB in"):
        new_canvas(Size(2000, 2000), "disk", folder)


def test_room_is_checked_with_numbers(tmp_path: Path) -> None:
    check_room(tmp_path, 1)
    with pytest.raises(DiskError, match=r"needs 1000000\.0 GB of scratch disk, .* has [\d.]+ [MG]B free; free some"):
        check_room(tmp_path, 10**15)


def test_scratch_folder_is_the_one_asked_for(tmp_path: Path) -> None:
    assert scratch_folder(str(tmp_path)) == tmp_path


def test_refuses_a_scratch_folder_that_is_missing_or_a_file(tmp_path: Path) -> None:
    with pytest.raises(DiskError, match="does not exist"):
        scratch_folder(str(tmp_path / "missing"))
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(DiskError, match="does not exist"):
        scratch_folder(str(file))


@pytest.mark.skipif(not SHARED_MEMORY.is_dir(), reason="no folder that is kept in memory")
def test_refuses_a_scratch_folder_kept_in_memory() -> None:
    with pytest.raises(DiskError, match=r"is kept in memory \(tmpfs\)"):
        scratch_folder(str(SHARED_MEMORY))


def test_refuses_a_scratch_folder_that_cannot_be_written(tmp_path: Path) -> None:
    # Root may write everywhere, so a child gives its rights up first.
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o555)
    code = (
        "import os, sys\n"
        "from img_enhance.machine.canvas import scratch_folder\n"
        "from img_enhance.errors import DiskError\n"
        "os.chdir(sys.argv[1])\n"
        "if os.geteuid() == 0: os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "try: scratch_folder('.')\n"
        "except DiskError as error: print(error)\n"
    )
    told = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=False)
    assert told.stdout == "the scratch folder . cannot be written; name another with scratch\n", told.stderr


def test_usual_folder_in_memory_is_passed_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(SHARED_MEMORY))
    monkeypatch.chdir(tmp_path)
    assert not canvas._kept_in_memory(scratch_folder(None))


def test_no_suitable_folder_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(canvas, "_kept_in_memory", lambda _folder: True)
    with pytest.raises(DiskError, match="no folder on a disk can be written"):
        scratch_folder(None)
