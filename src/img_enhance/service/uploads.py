"""Bodies to files: a form's files go to their jobs' folders as they arrive, counted and hashed; its other fields stay in memory."""

from __future__ import annotations

import asyncio
import base64
import binascii
import errno
import hashlib
import os
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from img_enhance.jobs.refusals import FileTooLarge, KindRefused, MalformedRequest, StorageFull
from img_enhance.jobs.spool import PHOTO, Spool
from img_enhance.service.requests import json_mapping

_MOST_FIELD_BYTES = 200_000
_MOST_FIELDS = 50
_FILE_FIELDS = ("file", "files")


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


async def receive_body(request: Request, body: Body, spool: Spool, *, most_files: int, most_bytes: int) -> None:
    """Fill `body`, to whose files the caller sees whatever happens.

    Raises: MalformedRequest, KindRefused, FileTooLarge, StorageFull; Problem of the limits on the body; ClientDisconnect.
    """
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    if kind == b"multipart/form-data" and options.get(b"boundary"):
        await _receive_form(request, _Form(options[b"boundary"], body, spool, most_files, most_bytes))
    elif kind == b"application/json":
        data = bytearray()
        async for chunk in request.stream():
            data += chunk
        await asyncio.to_thread(_take_json, bytes(data), body, spool, most_bytes)
    else:
        raise KindRefused("send the photo as multipart/form-data in the field 'file', or as application/json with 'image' in base64")


async def _receive_form(request: Request, form: _Form) -> None:
    try:
        async for chunk in request.stream():
            await asyncio.to_thread(form.write, chunk)
        await asyncio.to_thread(form.end)
    finally:
        form.close()


def _take_json(data: bytes, body: Body, spool: Spool, most_bytes: int) -> None:
    values = json_mapping(data, "the body")
    image = values.pop("image", None)
    if not isinstance(image, str):
        raise MalformedRequest("the JSON needs 'image', the photo's file in base64")
    if image.startswith("data:"):
        image = image.partition(",")[2]
    try:
        photo = base64.b64decode(image, validate=True)
    except (binascii.Error, ValueError):
        raise MalformedRequest("'image' is not base64") from None
    if len(photo) > most_bytes:
        raise _too_large(most_bytes)
    body.form_fields = values
    file = _PhotoFile(body, spool, most_bytes)
    file.write(photo)
    file.end()


class _PhotoFile:
    """A photo on its way to the disk."""

    def __init__(self, body: Body, spool: Spool, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._hash = hashlib.sha256()
        with _disk():
            id, folder = spool.new()
            self._upload = Upload(id, 0, "")
            body.uploads.append(self._upload)
            self._file: BinaryIO = (folder / PHOTO).open("xb")

    def write(self, data: bytes) -> None:
        self._upload.bytes += len(data)
        if self._upload.bytes > self._most_bytes:
            raise _too_large(self._most_bytes)
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
        with suppress(OSError):
            self._file.close()


class _Form:
    """The parts of a form as its parser finds them."""

    def __init__(self, boundary: bytes, body: Body, spool: Spool, most_files: int, most_bytes: int) -> None:
        self._body, self._spool, self._most_files, self._most_bytes = body, spool, most_files, most_bytes
        self._headers: dict[str, bytes] = {}
        self._name, self._value = b"", b""
        self._file: _PhotoFile | None = None
        self._field: tuple[str, bytearray] | None = None
        self._ended = False
        try:
            self._parser = MultipartParser(boundary, self._callbacks())
        except MultipartParseError as error:
            raise MalformedRequest(f"the form cannot be read: {error}") from None

    def write(self, chunk: bytes) -> None:
        try:
            self._parser.write(chunk)
        except MultipartParseError as error:
            raise MalformedRequest(f"the form cannot be read: {error}") from None

    def end(self) -> None:
        if not self._ended:
            raise MalformedRequest("the form is cut off", "send it again")

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _callbacks(self) -> Any:
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._header_name,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_headers_finished": self._open,
            "on_part_data": self._data,
            "on_part_end": self._finish,
            "on_end": self._all,
        }

    def _begin(self) -> None:
        self._headers, self._name, self._value = {}, b"", b""

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        self._headers[self._name.decode("latin-1").lower()] = self._value
        self._name, self._value = b"", b""

    def _open(self) -> None:
        _, options = parse_options_header(self._headers.get("content-disposition", b""))
        name = options.get(b"name", b"").decode("utf-8", "replace")
        if name in _FILE_FIELDS:
            if len(self._body.uploads) >= self._most_files:
                raise MalformedRequest(f"more than {self._most_files} file{'s' * (self._most_files > 1)}", "send fewer")
            self._file = _PhotoFile(self._body, self._spool, self._most_bytes)
        elif b"filename" in options:
            raise MalformedRequest(f"a file came in the field '{name[:40]}'", "send it in 'file'")
        else:
            self._field = (name, bytearray())

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._file is not None:
            self._file.write(data[start:end])
        elif self._field is not None:
            self._field[1].extend(data[start:end])
            if len(self._field[1]) > _MOST_FIELD_BYTES:
                raise MalformedRequest(f"the field '{self._field[0][:40]}' is longer than {_MOST_FIELD_BYTES} bytes")

    def _finish(self) -> None:
        if self._file is not None:
            self._file.end()
            self._file = None
        elif self._field is not None:
            name, value = self._field
            text = value.decode("utf-8", "replace")
            if len(self._body.form_fields) >= _MOST_FIELDS:
                raise MalformedRequest(f"more than {_MOST_FIELDS} fields")
            self._body.form_fields[name] = text
            self._body.repeated_fields.setdefault(name, []).append(text)
            self._field = None

    def _all(self) -> None:
        self._ended = True


def _too_large(most_bytes: int) -> FileTooLarge:
    return FileTooLarge(f"the file is larger than the {most_bytes / 1e6:g} MB that are allowed", "send a smaller one")


class _disk:  # noqa: N801 - a context manager, used like a function
    """A full disk as an error of ours."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, OSError):
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise StorageFull("the disk of the service is full", "try again later") from None
            raise StorageFull(f"the disk of the service cannot be written ({error.strerror})", "try again later") from None
