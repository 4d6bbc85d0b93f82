"""The folders of jobs: everything about a photo lies in its job's own folder and nowhere else."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from img_enhance.errors import DiskError, MachineError
from img_enhance.jobs.refusals import StoreBroken
from img_enhance.words import Setting

PHOTO = "photo"
_PRIVATE, _PRIVATE_FILE = 0o700, 0o600


@dataclass(frozen=True)
class Spool:
    """`incoming` holds what may yet be refused, `jobs` what was accepted, `scratch` what dies with the process that writes there.

    `tiles` holds what a result is looked at by, and is made anew whenever it is asked for.
    """

    root: Path

    @property
    def incoming(self) -> Path:
        return self.root / "incoming"

    @property
    def jobs(self) -> Path:
        return self.root / "jobs"

    @property
    def scratch(self) -> Path:
        return self.root / "scratch"

    @property
    def tiles(self) -> Path:
        return self.root / "tiles"

    def make_root(self) -> None:
        """Make the folder that holds the others.

        Raises: DiskError when it cannot be written.
        """
        try:
            self.root.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
        except OSError as error:
            raise self._unwritable(error) from None

    def lock(self) -> int:
        """A file that says, while it is open, that this process owns the folder; the system closes it when the process dies.

        Raises: DiskError, StoreBroken when another process owns it, MachineError on a system without such locks.
        """
        try:
            import fcntl
        except ModuleNotFoundError:
            raise MachineError(
                "the service does not run on this system, which has no locks on files as POSIX has them (fcntl)",
                "run it on Linux or macOS, on Windows in WSL or in a container; all other commands work here",
            ) from None
        self.make_root()
        try:
            handle = os.open(self.root / "lock", os.O_RDWR | os.O_CREAT, _PRIVATE_FILE)
        except OSError as error:
            raise self._unwritable(error) from None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            raise StoreBroken(f"another service uses the folder {self.root}", "stop it, or name another with ", Setting("data")) from None
        return handle

    def make(self) -> None:
        """Make the folders, and empty those of things that were not accepted.

        Raises: DiskError when they cannot be written.
        """
        try:
            for folder in (self.incoming, self.scratch, self.tiles):
                if folder.exists():
                    shutil.rmtree(folder)
            for folder in (self.root, self.incoming, self.jobs, self.scratch, self.tiles):
                folder.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
                folder.chmod(_PRIVATE)  # whatever it was before
            sync_folder(self.root)
        except OSError as error:
            raise self._unwritable(error) from None

    def _unwritable(self, error: OSError) -> DiskError:
        return DiskError(f"the folder {self.root} cannot be written: {error.strerror}", "name another with ", Setting("data"))

    def new(self) -> tuple[str, Path]:
        """An id that cannot be guessed (128 bits), and its folder in `incoming`."""
        id = secrets.token_hex(16)
        folder = self.incoming / id
        folder.mkdir(mode=_PRIVATE)
        return id, folder

    def take(self, id: str) -> Path:
        """Move a folder, whose photo is synced, from `incoming` to `jobs`; it stays there even if the power fails."""
        sync_folder(self.incoming / id)
        (self.incoming / id).rename(self.jobs / id)
        sync_folder(self.jobs)
        return self.jobs / id

    def drop(self, id: str) -> None:
        """Remove a job's folder, wherever it is."""
        for folder in (self.incoming / id, self.jobs / id):
            with suppress(FileNotFoundError):
                shutil.rmtree(folder)

    def keep_only(self, id: str, names: Collection[str]) -> None:
        """Remove everything from a job's folder but `names`."""
        with suppress(FileNotFoundError):
            for path in (self.jobs / id).iterdir():
                if path.name not in names:
                    path.unlink(missing_ok=True)

    def sweep(self, files: Mapping[str, Collection[str]]) -> int:
        """Remove the folders of jobs that are not in `files`, and from the others all but their files; how many folders went."""
        strays = [path.name for path in self.jobs.iterdir() if path.name not in files]
        for id in strays:
            self.drop(id)
        for id, names in files.items():
            self.keep_only(id, names)
        return len(strays)

    def free_bytes(self) -> int:
        """Room on the disk."""
        return shutil.disk_usage(self.root).free


def sync_folder(folder: Path) -> None:
    """Make names in a folder stay even if the power fails."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
