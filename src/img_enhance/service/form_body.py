"""A form as it arrives: its files go to the disk, its other fields stay in memory, and those are few and short."""

from __future__ import annotations

from typing import Any

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from img_enhance.jobs.refusals import MalformedRequest
from img_enhance.jobs.spool import Spool
from img_enhance.service.photo_file import Body, PhotoFile

# A recipe of sixteen steps has 4 KB, and a batch may have one for each photo.
_MOST_FIELD_BYTES, _MOST_WORD_BYTES = 100_000, 1_000_000
_MOST_FIELDS = 50
_MOST_HEADER_BYTES = 8_000
_FILE_FIELDS = ("file", "files")


class FormBody:
    """The parts of a form as its parser finds them.

    Raises (every method): MalformedRequest; FileTooLarge, StorageFull of a photo.
    """

    def __init__(self, boundary: bytes, body: Body, spool: Spool, most_files: int, most_bytes: int) -> None:
        self._body, self._spool, self._most_files, self._most_bytes = body, spool, most_files, most_bytes
        self._headers: dict[str, bytes] = {}
        self._name, self._value = b"", b""
        self._header_bytes = self._word_bytes = self._fields = 0
        self._file: PhotoFile | None = None
        self._field: tuple[str, bytearray] | None = None
        self._ended = False
        try:
            self._parser = MultipartParser(boundary, self._callbacks())
        except FormParserError as error:
            raise MalformedRequest(f"the form cannot be read: {error}") from None

    def write(self, chunk: bytes) -> None:
        try:
            self._parser.write(chunk)
        except FormParserError as error:
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
        self._header_bytes = 0

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._count_header(end - start)
        self._name += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._count_header(end - start)
        self._value += data[start:end]

    def _count_header(self, count: int) -> None:
        self._header_bytes += count
        if self._header_bytes > _MOST_HEADER_BYTES:
            raise MalformedRequest(f"a part of the form has more than {_MOST_HEADER_BYTES} bytes of headers")

    def _header_end(self) -> None:
        self._headers[self._name.decode("latin-1").lower()] = self._value
        self._name, self._value = b"", b""

    def _open(self) -> None:
        _, options = parse_options_header(self._headers.get("content-disposition", b""))
        name = options.get(b"name", b"").decode("utf-8", "replace")
        if name in _FILE_FIELDS:
            if len(self._body.uploads) >= self._most_files:
                raise MalformedRequest(f"more than {self._most_files} file{'s' * (self._most_files > 1)}", "send fewer")
            self._file = PhotoFile(self._body, self._spool, self._most_bytes)
        elif b"filename" in options:
            raise MalformedRequest(f"a file came in the field '{name[:40]}'", "send the photo in 'file', and all else as text")
        else:
            self._fields += 1
            if self._fields > _MOST_FIELDS + self._most_files:
                raise MalformedRequest(f"more than {_MOST_FIELDS} fields")
            self._field = (name, bytearray())

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._file is not None:
            self._file.write(data[start:end])
        elif self._field is not None:
            self._field[1].extend(data[start:end])
            if len(self._field[1]) > _MOST_FIELD_BYTES:
                raise MalformedRequest(f"the field '{self._field[0][:40]}' is longer than {_MOST_FIELD_BYTES} bytes")
            self._word_bytes += end - start
            if self._word_bytes > _MOST_WORD_BYTES:
                raise MalformedRequest(f"the fields of the form have more than {_MOST_WORD_BYTES} bytes together")

    def _finish(self) -> None:
        if self._file is not None:
            self._file.end()
            self._file = None
        elif self._field is not None:
            name, value = self._field
            text = value.decode("utf-8", "replace")
            self._body.form_fields[name] = text
            self._body.repeated_fields.setdefault(name, []).append(text)
            self._field = None

    def _all(self) -> None:
        self._ended = True
