"""What was done in a folder of results: a file of rows to which every photo adds one, before its result appears.

A row is written and synced first, and only then is the result's file, which lies whole in the folder of the run, given its name. So
whatever is cut off at whatever moment, a restart knows each result: it is in its place, or one renaming away from it, or was never
finished.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from filelock import FileLock, Timeout

from img_enhance.batch.outcome import FileState, PhotoOutcome
from img_enhance.batch.photos import OWN_FOLDER
from img_enhance.errors import DiskError, OutputError
from img_enhance.files import FULL, disk_full, publish
from img_enhance.words import Setting

_OUTPUT = Setting("output")


class Manifest:
    """The rows of the runs into `out`, and the folder for results that are being made.

    Only as a context manager, which keeps other runs out, does it write.

    Raises: OutputError when another run is at work there, DiskError when nothing can be written there.
    """

    def __init__(self, out: Path) -> None:
        self.out = out
        self.staging = out / OWN_FOLDER / "unfinished"
        self._path = out / OWN_FOLDER / "manifest.jsonl"
        self._lock = FileLock(out / OWN_FOLDER / "lock")
        self.rows = {row.source: row for row in _rows(self._path)}

    def __enter__(self) -> Manifest:
        try:
            self.staging.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(blocking=False)
        except Timeout:
            raise OutputError(f"another run is writing to {self.out}", "wait for it, or name another folder with ", _OUTPUT) from None
        except OSError as error:
            raise _unwritable(self.out, error) from None
        try:
            self._open()
        except BaseException:
            self._lock.release()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()
        with contextlib.suppress(OSError):  # not empty where a lane is still ending
            self.staging.rmdir()
        self._lock.release()

    def _open(self) -> None:
        try:
            whole = _whole_lines(self._path)
            self._file = self._path.open("ab", buffering=0)
            self._file.truncate(whole)
        except OSError as error:
            raise _unwritable(self.out, error) from None
        self.rows = {row.source: row for row in _rows(self._path)}  # another run may have added some
        self._finish()

    def _finish(self) -> None:
        """Give results their names that were whole when a run was cut off, and forget what was not."""
        staged = {row.staged: row for row in self.rows.values()}
        for path in self.staging.iterdir():
            row = staged.get(path.name)
            if row is not None and state_at(path) == row.result_file and not self.is_ours(row):
                with contextlib.suppress(OutputError):  # where it cannot be put it is made again, and that says why
                    self.publish(row)
            path.unlink(missing_ok=True)

    def add(self, outcome: PhotoOutcome) -> None:
        """Add a row, which is on the disk when this returns.

        Raises: DiskError when the disk is full; the rows before it stay.
        """
        line = json.dumps(outcome.to_mapping()).encode("ascii") + b"\n"
        try:
            before = os.stat(self._file.fileno()).st_size
            if self._file.write(line) < len(line):
                self._file.truncate(before)
                raise disk_full(self._path)
            os.fsync(self._file.fileno())
        except OSError as error:
            raise disk_full(self._path) if error.errno in FULL else _unwritable(self.out, error) from None
        self.rows[outcome.source] = outcome

    def publish(self, row: PhotoOutcome) -> None:
        """Give the result of a row its name.

        Raises: OutputError when it cannot be put there, or a file of that name has appeared; DiskError when the disk is full.
        """
        target = self.out / row.result
        try:
            publish(self.staging / row.staged, target, overwrite=row.replaces)
        except OSError as error:
            raise disk_full(target) if error.errno in FULL else OutputError(f"cannot write {target}: {error.strerror}") from None

    def done(self, source: str) -> PhotoOutcome | None:
        """The row of a photo whose result is in its place, as it was made."""
        row = self.rows.get(source)
        return row if row is not None and self.is_ours(row) else None

    def is_ours(self, row: PhotoOutcome) -> bool:
        """Whether the file of a row's result is the one that was made."""
        return state_at(self.out / row.result) == row.result_file


def state_at(path: Path) -> FileState | None:
    """The state of a file, None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return FileState(found.st_size, found.st_mtime_ns)


def _whole_lines(path: Path) -> int:
    """How many bytes of the file are whole lines: the last one may have been cut off."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return 0
    return data.rfind(b"\n") + 1


def _rows(path: Path) -> Iterator[PhotoOutcome]:
    """The rows of the file; what is none, after a power cut for example, is as if it were not there."""
    for line in path.read_bytes().splitlines() if path.exists() else ():
        with contextlib.suppress(ValueError, TypeError, KeyError, AttributeError):
            yield PhotoOutcome.from_mapping(json.loads(line))


def _unwritable(out: Path, error: OSError) -> DiskError:
    return DiskError(f"the folder {out} cannot be written: {error.strerror}", "name another with ", _OUTPUT)
