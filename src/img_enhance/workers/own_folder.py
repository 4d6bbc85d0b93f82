"""A folder of this process, for files of others' photos: what a killed process leaves, the next one on the machine takes away."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

_PREFIX, _LOCK = "img-enhance-node-", "lock"


class OwnFolder:
    """A new folder that nobody else can read, held by a lock as long as this process lives."""

    def __init__(self, within: str | None = None) -> None:
        root = Path(within or tempfile.gettempdir())
        for path in root.glob(f"{_PREFIX}*"):
            _take_away_if_left(path)
        self.path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=root))
        self._lock = _locked(self.path, os.O_CREAT)

    def close(self) -> None:
        """Take it away."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)


def _locked(path: Path, flags: int = 0) -> int:
    """The folder's lock, taken.

    Raises: OSError when there is none, or somebody holds it.
    """
    import fcntl  # of POSIX, as the machines are on which Ray makes clusters

    lock = os.open(path / _LOCK, os.O_RDWR | flags, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise
    return lock


def _take_away_if_left(path: Path) -> None:
    try:
        lock = _locked(path, os.O_NOFOLLOW)
    except OSError:  # somebody else's, or being made at this moment, or its process is at work
        return
    shutil.rmtree(path, ignore_errors=True)
    os.close(lock)
