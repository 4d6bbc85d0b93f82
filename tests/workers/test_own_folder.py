"""Folders of processes: one that was killed leaves nothing for long."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(os.name != "posix", reason="locks of POSIX")

HOLD = """
import sys, time
from img_enhance.workers.own_folder import OwnFolder
folder = OwnFolder(sys.argv[1])
(folder.path / "photo").write_text("private")
print(folder.path, flush=True)
time.sleep(600)
"""


def test_folder_of_a_killed_process_is_taken_away_by_the_next(tmp_path: Path) -> None:
    from img_enhance.workers.own_folder import OwnFolder

    other = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert other.stdout is not None
    left = Path(other.stdout.readline().strip())
    (tmp_path / "img-enhance-node-of-others").mkdir()
    first = OwnFolder(str(tmp_path))
    assert (left / "photo").exists(), "its process lives"
    assert first.path.stat().st_mode & 0o777 == 0o700
    other.send_signal(signal.SIGKILL)
    other.wait()
    second = OwnFolder(str(tmp_path))
    assert not left.exists()
    assert first.path.exists()
    for folder in (first, second):
        folder.close()
    assert [path.name for path in tmp_path.iterdir()] == ["img-enhance-node-of-others"]
