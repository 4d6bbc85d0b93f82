"""The file that the list of jobs lies in: private, synced at every commit, and of this program's version.

SQLite in WAL mode. What SQLite raises comes out as errors of ours.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from img_enhance.jobs.refusals import StorageFull, StoreBroken
from img_enhance.jobs.schema import CHANGES, TABLES, VERSION

_BUSY_MILLISECONDS = 5_000
_PRIVATE_FILE = 0o600


class Database:
    """The file at `path`, made if it does not exist; one of an earlier version becomes one of today's.

    Raises: StorageFull, StoreBroken.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with self.foreseen():
            _make_private(path)
            self.connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self.connection.row_factory = sqlite3.Row
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={_BUSY_MILLISECONDS}"):
                self.connection.execute(f"PRAGMA {pragma}")
            self._update()
            found = self.connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            if found != "ok":
                raise StoreBroken(f"{path} is damaged ({found})", "restore it, or move the whole folder away to start anew")

    def close(self) -> None:
        self.connection.close()

    def write_version(self) -> None:
        """Write what lies there already, inside a transaction: whether anything can be written."""
        self.connection.execute(f"PRAGMA user_version = {VERSION}")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of it, synced, or none.

        Raises: StorageFull, StoreBroken.
        """
        with self.foreseen():
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.connection.execute("COMMIT")
            except BaseException:
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")
                raise

    @contextmanager
    def foreseen(self) -> Iterator[None]:
        """What SQLite raises, as errors of ours.

        Raises: StorageFull, StoreBroken.
        """
        try:
            yield
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
                raise StorageFull("the disk of the service is full", "try again later") from None
            raise StoreBroken(f"the list of jobs {self._path} cannot be used: {error}", "see to its disk and permissions") from error

    def _update(self) -> None:
        """Make tables, or change those of an earlier version, in one transaction."""
        version = self.connection.execute("PRAGMA user_version").fetchone()[0]
        if version == 0 and not self.connection.execute("SELECT 1 FROM sqlite_master").fetchone():
            self.connection.executescript(f"BEGIN IMMEDIATE; {TABLES} PRAGMA user_version = {VERSION}; COMMIT;")
        elif version > VERSION:
            raise StoreBroken(f"{self._path} has version {version}, this program knows {VERSION}", "use the program that it is from")
        elif version < VERSION:
            if version not in CHANGES:
                raise StoreBroken(f"{self._path} has version {version}, which is not known", "move it away")
            changes = "".join(CHANGES[each] for each in range(version, VERSION))
            self.connection.executescript(f"BEGIN IMMEDIATE; {changes} PRAGMA user_version = {VERSION}; COMMIT;")


def _make_private(path: Path) -> None:
    """Let nobody else read the file and those that SQLite makes beside it, which take its mode."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, _PRIVATE_FILE))
        for each in path.parent.glob(f"{path.name}*"):
            each.chmod(_PRIVATE_FILE)
    except OSError as error:
        raise StoreBroken(f"the list of jobs {path} cannot be used: {error.strerror}", "see to its disk and permissions") from None
