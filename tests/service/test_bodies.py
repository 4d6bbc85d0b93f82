"""Bodies of both kinds, cut at any place as networks do it, and what must not be in them."""

import base64
import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from img_enhance.errors import ImgEnhanceError
from img_enhance.jobs.refusals import FileTooLarge, MalformedRequest
from img_enhance.jobs.spool import PHOTO, Spool
from img_enhance.service.form_body import FormBody
from img_enhance.service.json_body import JsonBody
from img_enhance.service.photo_file import Body

FILE = np.random.default_rng(3).integers(0, 256, 1001, np.uint8).tobytes()
TEXT = base64.b64encode(FILE).decode()


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    made = Spool(tmp_path / "data")
    made.make()
    return made


def received(spool: Spool, data: bytes, piece: int, most_bytes: int = 10_000) -> tuple[Body, bytes]:
    """What came of a JSON body in pieces of so many bytes, and its photo."""
    body = Body()
    parts = JsonBody(body, spool, most_bytes)
    try:
        for at in range(0, len(data), piece):
            parts.write(data[at : at + piece])
        parts.end()
    finally:
        parts.close()
    return body, (spool.incoming / body.uploads[0].id / PHOTO).read_bytes()


def escaped(text: str) -> str:
    """As .NET and PHP write it: plus and slash as escapes."""
    return text.replace("+", "\\u002B").replace("/", "\\/")


@pytest.mark.parametrize("piece", [1, 2, 3, 5, 7, 64, 100_000])
@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"image": TEXT, "algorithms": "clahe"}),
        json.dumps({"algorithms": "clahe", "image": f"data:image/png;base64,{TEXT}"}, indent=2),
        '{"algorithms":"clahe","image" \n:\t"' + escaped(TEXT) + '"}',
        json.dumps({"algorithms": "clahe", "image": "\n".join(TEXT[at : at + 76] for at in range(0, len(TEXT), 76))}),
    ],
)
def test_a_photo_in_json_arrives_whole(spool: Spool, text: str, piece: int) -> None:
    body, photo = received(spool, text.encode(), piece)
    assert photo == FILE
    assert body.form_fields == {"algorithms": "clahe"}
    assert body.uploads[0].bytes == len(FILE)


@pytest.mark.parametrize("piece", [1, 4, 100_000])
def test_only_the_word_image_at_the_top_is_the_photo(spool: Spool, piece: int) -> None:
    words = {"recipe": {"image": "QQ==", "list": ["image", "QUE=", {"image": '\\"image":'}]}, "say": "image", "image": TEXT, "\\": '"'}
    body, photo = received(spool, json.dumps(words).encode(), piece)
    assert photo == FILE
    assert body.form_fields == {name: value for name, value in words.items() if name != "image"}


@pytest.mark.parametrize(
    "text",
    [
        '{"image": 5}',
        '{"algorithms": "clahe"}',
        '["image", "QUE="]',
        '{"image": "QUE=", "image": "QUE="}',
        '{"image": "QUE=QUE="}',
        '{"image": "Q"}',
        '{"image": "Q!=="}',
        '{"image": "QUE\\u00"}',
        '{"image": "data:image/png;base64"}',
        '{"image": "data:' + "x" * 500 + '"}',
        '{"image": "QUE="',
        '{"image": "QUE=", "words": "' + "x" * 200_000 + '"}',
        '{"image": "QUE=", "words": ' + "[" * 50 + "]" * 50 + "}",
        '{"image": "QUE=", "words": [' + "[]," * 60_000 + "1]}",
    ],
)
@pytest.mark.parametrize("piece", [3, 100_000])
def test_json_that_means_nothing_is_refused(spool: Spool, text: str, piece: int) -> None:
    with pytest.raises(MalformedRequest):
        received(spool, text.encode(), piece)


def test_a_photo_in_json_is_bounded_as_it_arrives(spool: Spool) -> None:
    body = Body()
    parts = JsonBody(body, spool, 1_000)
    parts.write(b'{"image": "')
    with pytest.raises(FileTooLarge):
        parts.write(b"QUFB" * 500)
    parts.close()
    body.drop(spool)
    assert list(spool.incoming.iterdir()) == []


def form_pieces(kind: str) -> Iterator[bytes]:
    """A form that never ends, of one kind of word."""
    opening = b'--b\r\nContent-Disposition: form-data; name="recipe"\r\n'
    if kind == "headers":
        yield opening
    while True:
        yield {
            "headers": b"X-Long: " + b"x" * 5_000 + b"\r\n",
            "long fields": opening + b"\r\n" + b"x" * 60_000 + b"\r\n",
            "empty fields": opening + b"\r\n\r\n",
        }[kind]


@pytest.mark.parametrize("kind", ["headers", "long fields", "empty fields"])
def test_the_words_of_a_form_are_bounded_together(spool: Spool, kind: str) -> None:
    parts = FormBody(b"b", Body(), spool, 20, 1_000)
    with pytest.raises(MalformedRequest):
        _write_all(parts, itertools.islice(form_pieces(kind), 200))


def _write_all(parts: FormBody, pieces: Iterator[bytes]) -> None:
    for piece in pieces:
        parts.write(piece)


def test_a_boundary_that_is_too_long_is_refused(spool: Spool) -> None:
    with pytest.raises(ImgEnhanceError):
        FormBody(b"b" * 300, Body(), spool, 1, 1_000)
