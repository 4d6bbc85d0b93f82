"""A JSON body as it arrives: the photo in "image" goes to its file piece by piece, and only the words beside it stay in memory."""

from __future__ import annotations

import base64
import binascii
import json
import re

from img_enhance.jobs.refusals import MalformedRequest
from img_enhance.jobs.spool import Spool
from img_enhance.service.photo_file import Body, PhotoFile
from img_enhance.service.requests import PHOTO_URL, json_mapping

# All that may stand beside the photo: a recipe of sixteen steps has 4 KB.
_MOST_WORD_BYTES = 100_000

_IMAGE = b"image"
_QUOTE_OR_ESCAPE = re.compile(rb'["\\]')
_SPACE = b" \t\r\n"
# The longest escape has six bytes, as "\u002b": some programs write + and / so.
_ESCAPE_BYTES = 6


class JsonBody:
    """An object with the photo's file in base64 in "image", and a form's fields beside it.

    Raises (every method): MalformedRequest; FileTooLarge, StorageFull of the photo.
    """

    def __init__(self, body: Body, spool: Spool, most_bytes: int) -> None:
        self._body, self._spool, self._most_bytes = body, spool, most_bytes
        self._words = bytearray()
        self._depth = 0
        self._string: bytearray | None = None
        self._last_string, self._between = b"", b""
        self._image: _Base64File | None = None
        self._in_image = False
        self._held = b""

    def write(self, chunk: bytes) -> None:
        """Take the next bytes."""
        data, self._held = self._held + chunk, b""
        at = 0
        while at < len(data):
            if self._in_image:
                at = self._write_image(data, at)
            elif self._string is not None:
                at = self._write_string(data, at, self._string)
            else:
                at = self._write_between(data, at)

    def end(self) -> None:
        """The body is whole."""
        values = json_mapping(bytes(self._words), "the body")
        if self._image is not None and isinstance(values.pop("image", None), str):
            self._image.end()
        elif self._image is not None or PHOTO_URL not in values:
            raise MalformedRequest("the JSON needs 'image', the photo's file in base64")
        self._body.form_fields = values

    def close(self) -> None:
        """Let go of what is not wanted any more."""
        if self._image is not None:
            self._image.close()

    def _write_between(self, data: bytes, at: int) -> int:
        """Take what stands between two strings; the place after it and the quote that ends it."""
        quote = data.find(b'"', at)
        piece = data[at:] if quote < 0 else data[at : quote + 1]
        self._keep(piece)
        self._depth += piece.count(b"{") + piece.count(b"[") - piece.count(b"}") - piece.count(b"]")
        self._between += piece
        if quote >= 0:
            is_value = self._depth == 1 and self._between.translate(None, _SPACE) == b':"'
            if is_value and self._last_string == _IMAGE:
                self._begin_image()
            else:
                self._string = bytearray()
            self._between = b""
        return at + len(piece)

    def _begin_image(self) -> None:
        if self._image is not None:
            raise MalformedRequest("the JSON has 'image' twice", "send one photo, or a batch as multipart/form-data")
        self._image = _Base64File(PhotoFile(self._body, self._spool, self._most_bytes))
        self._in_image = True

    def _write_string(self, data: bytes, at: int, string: bytearray) -> int:
        """Take what belongs to a string; the place after it."""
        found = _QUOTE_OR_ESCAPE.search(data, at)
        if found is None:
            piece = data[at:]
        elif found.group() == b'"':
            piece = data[at : found.end()]
            self._last_string, self._string = bytes(string + piece[:-1]), None
        elif found.end() == len(data):
            piece, self._held = data[at : found.start()], data[found.start() :]
            self._keep(piece)
            string += piece
            return len(data)
        else:
            piece = data[at : found.end() + 1]
        self._keep(piece)
        string += piece
        return at + len(piece)

    def _write_image(self, data: bytes, at: int) -> int:
        """Take what belongs to the photo; the place after it."""
        assert self._image is not None
        quote = data.find(b'"', at)
        text = data[at:] if quote < 0 else data[at:quote]
        if quote >= 0:
            self._keep(b'"')
            self._in_image = False
        else:
            escape = text.rfind(b"\\", max(0, len(text) - _ESCAPE_BYTES + 1))
            if escape >= 0:
                text, self._held = text[:escape], text[escape:]
        if b"\\" in text:
            text = _unescaped(text)
        self._image.write(text)
        return len(data) if quote < 0 else quote + 1

    def _keep(self, words: bytes) -> None:
        self._words += words
        if len(self._words) > _MOST_WORD_BYTES:
            raise MalformedRequest(f"the JSON has more than {_MOST_WORD_BYTES} bytes beside its 'image'", "send a photo and a recipe")


class _Base64File:
    """A file that arrives as base64, perhaps as an address "data:...;base64,..."."""

    _MOST_HEAD = 200

    def __init__(self, file: PhotoFile) -> None:
        self._file = file
        self._text = b""
        self._headed, self._ended = False, False

    def write(self, text: bytes) -> None:
        text = self._text + text.translate(None, _SPACE)
        if not self._headed:
            text = self._after_head(text)
        whole = len(text) // 4 * 4 if self._headed else 0
        self._text = text[whole:]
        if not whole:
            return
        if self._ended:
            raise _not_base64()
        self._ended = text[whole - 1 : whole] == b"="
        try:
            data = base64.b64decode(text[:whole], validate=True)
        except (binascii.Error, ValueError):
            raise _not_base64() from None
        self._file.write(data)

    def end(self) -> None:
        self._headed = True
        self.write(b"")
        if self._text:
            raise _not_base64()
        self._file.end()

    def close(self) -> None:
        self._file.close()

    def _after_head(self, text: bytes) -> bytes:
        """The text without the head of an address; all of it as long as that is not there."""
        if not b"data:".startswith(text[:5]):
            self._headed = True
        elif b"," in text:
            self._headed = True
            return text.partition(b",")[2]
        elif len(text) > self._MOST_HEAD:
            raise _not_base64()
        return text


def _unescaped(text: bytes) -> bytes:
    """Text of a JSON string, in bytes.

    Raises: MalformedRequest.
    """
    try:
        return str(json.loads(b'"' + text + b'"')).encode("ascii")
    except ValueError:
        raise _not_base64() from None


def _not_base64() -> MalformedRequest:
    return MalformedRequest("'image' is not base64", "it is to be the bytes of the photo's file in base64")
