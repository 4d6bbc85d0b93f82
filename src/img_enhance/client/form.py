"""Photos and other fields as a multipart form, streamed from the disk each time it is sent."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from img_enhance.errors import PhotoError
from img_enhance.files import missing

_BLOCK_BYTES = 128 * 1024

SentPhoto = str | Path | bytes
OnBytes = Callable[[int, int], None]


class Form:
    """The body of a request. Iterate over it, as often as it must be sent; `sending` is told bytes sent and all bytes.

    Raises: PhotoError for files that cannot be read, while it is made, and while it is sent.
    """

    def __init__(
        self, photos: Sequence[SentPhoto], fields: Mapping[str, str], *, field: str = "file", sending: OnBytes | None = None
    ) -> None:
        self._sending = sending
        boundary = secrets.token_hex(16)
        self.content_type = f"multipart/form-data; boundary={boundary}"
        self._parts: list[bytes | Path] = []
        for name, value in fields.items():
            self._parts.append(f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode())
        for photo in photos:
            head = f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"; filename="photo"\r\n'
            self._parts.append(f"{head}Content-Type: application/octet-stream\r\n\r\n".encode())
            self._parts += [photo if isinstance(photo, bytes) else Path(photo), b"\r\n"]
        self._parts.append(f"--{boundary}--\r\n".encode())
        self._lengths = [len(part) if isinstance(part, bytes) else _file_bytes(part) for part in self._parts]
        self.length = sum(self._lengths)

    def __iter__(self) -> Iterator[bytes]:
        sent = 0
        for part, length in zip(self._parts, self._lengths, strict=True):
            for block in _blocks(part) if isinstance(part, bytes) else _file_blocks(part, length):
                yield block
                sent += len(block)
                if self._sending is not None:
                    self._sending(sent, self.length)


def _file_bytes(path: Path) -> int:
    try:
        with path.open("rb"):
            length = path.stat().st_size
    except FileNotFoundError:
        raise missing(path) from None
    except OSError as error:
        raise _unreadable(path, error) from None
    if not length:
        raise PhotoError(f"{path} is empty", "get it again from where it came")
    return length


def _blocks(data: bytes) -> Iterator[bytes]:
    for start in range(0, len(data), _BLOCK_BYTES):
        yield data[start : start + _BLOCK_BYTES]


def _file_blocks(path: Path, length: int) -> Iterator[bytes]:
    try:
        file = path.open("rb")
    except OSError as error:
        raise _unreadable(path, error) from None
    with file:
        left = length
        while left:
            try:
                block = file.read(min(_BLOCK_BYTES, left))
            except OSError as error:
                raise _unreadable(path, error) from None
            if not block:
                raise PhotoError(f"{path} became shorter while it was sent", "try again when nothing else writes to it")
            left -= len(block)
            yield block


def _unreadable(path: Path, error: OSError) -> PhotoError:
    return PhotoError(f"{path} cannot be read: {error.strerror}", "check its rights and its disk")
