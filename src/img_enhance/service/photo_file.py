"""Photos on their way to the disk, counted and hashed as they arrive, each in its job's folder."""

from __future__ import annotations

import errno
import hashlib
import os
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from img_enhance.jobs.refusals import FileTooLarge, StorageFull
from img_enhance.jobs.spool import PHOTO, Spool


@dataclass
class Upload:
    """A photo that has arrived, in its folder in `incoming`."""

    id: str
    bytes: int
    sha256: str


@dataclass
class Body:
    """What came in a request."""

    form_fields: dict[str, Any] = field(default_factory=dict)
    repeated_fields: dict[str, list[str]] = field(default_factory=dict)
    uploads: list[Upload] = field(default_factory=list)

    def drop(self, spool: Spool) -> None:
        """Remove what is still in `incoming`: accepted photos have moved on."""
        for upload in self.uploads:
            if (spool.incoming / upload.id).exists():
                spool.drop(upload.id)


class PhotoFile:
    """A photo on its way to the disk.

    Raises: FileTooLarge beyond `most_bytes`, StorageFull.
    """

    def __init__(self, body: Body, spool: Spool, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._hash = hashlib.sha256()
        with _disk():
            id, folder = spool.new()
            self._upload = Upload(id, 0, "")
            body.uploads.append(self._upload)
            self._file: BinaryIO = (folder / PHOTO).open("xb")

    def write(self, data: bytes) -> None:
        """Take the next bytes."""
        self._upload.bytes += len(data)
        if self._upload.bytes > self._most_bytes:
            raise FileTooLarge(f"the file is larger than the {self._most_bytes / 1e6:g} MB that are allowed", "send a smaller one")
        self._hash.update(data)
        with _disk():
            self._file.write(data)

    def end(self) -> None:
        """The file is whole: on the disk, not only in its cache."""
        self._upload.sha256 = self._hash.hexdigest()
        with _disk():
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()

    def close(self) -> None:
        """Let go of a file that is not wanted any more."""
        with suppress(OSError):
            self._file.close()


class _disk:  # noqa: N801 - a context manager, used like a function
    """A full disk as an error of ours."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, OSError):
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise StorageFull("the disk of the service is full", "try again later") from None
            raise StorageFull(f"the disk of the service cannot be written ({error.strerror})", "try again later") from None
