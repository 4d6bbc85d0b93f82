"""Standard streams that are closed or full, and names that are not UTF-8: work in silence, or an error in words, never a traceback."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

COMMAND = f"{shlex.quote(sys.executable)} -m img_enhance"
CLOSED_OR_FULL = ["<&-", ">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-", ">/dev/full", "2>/dev/full", ">/dev/full 2>&1"]
# What it would take to tell anybody.
MACHINE = 3

pytestmark = pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (20, 30, 3), np.uint8)).save(path)
    return path


def run(arguments: str, redirections: str, folder: Path) -> tuple[int, str]:
    """Exit code and all that was said; the code in `$?` is the program's own."""
    done = subprocess.run(
        ["bash", "-c", f"{COMMAND} {arguments} {redirections}"], cwd=folder, capture_output=True, timeout=120, check=False
    )
    return done.returncode, (done.stdout + done.stderr).decode()


@pytest.mark.parametrize("redirections", CLOSED_OR_FULL)
def test_a_photo_is_enhanced_whatever_the_streams(redirections: str, photo: Path) -> None:
    code, said = run("enhance photo.png -o out.png --white-balance", redirections, photo.parent)
    assert code == (MACHINE if ">/dev/full" in redirections.split() else 0), said
    assert "Traceback" not in said
    assert "Exception ignored" not in said
    with Image.open(photo.parent / "out.png") as picture:
        assert picture.size == (30, 20)


@pytest.mark.parametrize("redirections", CLOSED_OR_FULL)
@pytest.mark.parametrize("arguments", ["suggest photo.png", "models list", "--version", "--help", "enhance missing.png"])
def test_no_command_ends_in_a_traceback(arguments: str, redirections: str, photo: Path) -> None:
    code, said = run(arguments, redirections, photo.parent)
    assert code in ((2,) if "missing" in arguments else (0, MACHINE)), said
    assert "Traceback" not in said
    assert "Exception ignored" not in said


def test_what_cannot_be_written_to_standard_output_is_told(photo: Path) -> None:
    for arguments in ("suggest photo.png", "models list", "enhance photo.png -o - --white-balance"):
        code, said = run(arguments, ">/dev/full", photo.parent)
        assert (code, "cannot write standard output: No space left on device" in said) == (MACHINE, True), said


def test_a_result_for_a_closed_standard_output_is_refused(photo: Path) -> None:
    code, said = run("enhance photo.png -o - --white-balance", ">&-", photo.parent)
    assert (code, "standard output is closed" in said) == (MACHINE, True), said


def test_nothing_that_is_said_gets_into_a_file_where_streams_are_closed(photo: Path) -> None:
    # The first file that is opened would get the number of a closed stream.
    code, _ = run("enhance photo.png -o out.png --white-balance --report report.json", "<&- >&- 2>&-", photo.parent)
    assert code == 0
    assert (photo.parent / "report.json").read_text()[0] == "{"
    assert b"Plan" not in (photo.parent / "out.png").read_bytes()


@pytest.mark.skipif(sys.platform != "linux", reason="only there is a name any bytes")
@pytest.mark.parametrize("ending", ["png", "jpg", "tif", "webp", "gif", "avif"])
def test_a_name_that_is_not_utf8_is_a_name(ending: str, photo: Path) -> None:
    name = photo.parent / os.fsdecode(b"caf\xe9\xff." + ending.encode())
    with Image.open(photo) as picture:
        picture.save(name)
    for arguments in ("suggest caf*", "enhance caf* --white-balance"):
        code, said = run(arguments, "", photo.parent)
        assert code == 0, said
    assert len([entry for entry in os.listdir(photo.parent) if "enhanced" in entry]) == 1
