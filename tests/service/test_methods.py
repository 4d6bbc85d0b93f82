"""What a request may not be: of a method that an address does not have, packed, or in another form than it is said to have."""

import asyncio
import gzip
from pathlib import Path
from typing import Any

import httpx
import pytest

from img_enhance.service.app import make_app
from img_enhance.service.settings import Settings


def answer(data: Path, method: str, path: str, **sent: Any) -> httpx.Response:
    """What a service that runs no children answers."""
    app = make_app(Settings(data=str(data), access="open"))

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://service") as client:
            return await client.request(method, path, **sent)

    return asyncio.run(ask())


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/api/v1/enhance", "POST"),
        ("/api/v1/status", "GET, HEAD"),
        ("/api/v1/jobs/1", "DELETE, GET, HEAD"),
        ("/api/v1/jobs/1/record", "DELETE, GET, HEAD"),
        ("/api/v1/jobs/1/events", "GET"),
        ("/openapi.json", "GET, HEAD"),
        ("/page/main.js", "GET, HEAD"),
        ("/", "GET, HEAD"),
    ],
)
def test_who_uses_a_wrong_method_learns_the_right_ones(path: str, allowed: str, tmp_path: Path) -> None:
    told = answer(tmp_path, "PUT", path)
    assert (told.status_code, told.json()["code"], told.headers["allow"]) == (405, "method_not_allowed", allowed)
    assert told.json()["detail"] == f"PUT is not for this address; use {allowed}"


def test_a_wrong_parameter_is_named(tmp_path: Path) -> None:
    told = answer(tmp_path, "GET", "/api/v1/jobs/1/result?quality=high")
    assert (told.status_code, told.json()["code"]) == (400, "malformed_request")
    assert told.json()["detail"].startswith("quality cannot be read: ")


def test_a_parameter_that_is_missing_is_named(tmp_path: Path) -> None:
    assert answer(tmp_path, "GET", "/api/v1/results").json()["detail"] == "jobs is missing; see /docs"


BOUND = {"Content-Type": "multipart/form-data; boundary=b"}
FORM = b'--b\r\nContent-Disposition: form-data; name="%s"; filename="blob"\r\n\r\n{}\r\n--b--\r\n'


@pytest.mark.parametrize(
    ("headers", "body", "detail"),
    [
        (BOUND, FORM % b"recipe", "a file came in the field 'recipe'; send the photo in 'file', and all else as text"),
        (
            {"Content-Type": "multipart/form-data"},
            FORM % b"file",
            "the Content-Type multipart/form-data names no boundary; leave this header to what makes the form",
        ),
        (
            {"Content-Type": "application/json"},
            b'{"image": "@photo.jpg"}',
            "'image' is not base64; it is to be the bytes of the photo's file in base64",
        ),
    ],
)
def test_a_body_as_others_clients_send_it_is_refused_with_what_to_do(
    headers: dict[str, str], body: bytes, detail: str, tmp_path: Path
) -> None:
    assert answer(tmp_path, "POST", "/api/v1/enhance", content=body, headers=headers).json()["detail"] == detail


def test_events_have_no_head(tmp_path: Path) -> None:
    told = answer(tmp_path, "HEAD", "/api/v1/jobs/1/events")
    assert (told.status_code, told.headers["allow"]) == (405, "GET")


@pytest.mark.parametrize("coding", ["gzip", "GZIP", "br, identity", "x" * 500])
def test_a_packed_body_is_refused(coding: str, tmp_path: Path) -> None:
    headers = {"Content-Encoding": coding, "Content-Type": "application/json"}
    told = answer(tmp_path, "POST", "/api/v1/enhance", content=gzip.compress(b"{}"), headers=headers)
    assert (told.status_code, told.json()["code"], told.headers["accept-encoding"]) == (415, "unsupported_body", "identity")
    assert told.json()["detail"].startswith("the body is packed (Content-Encoding: ")
    assert told.json()["detail"].endswith("); send it unpacked")


@pytest.mark.parametrize("coding", ["identity", "Identity", ""])
def test_a_body_that_is_said_to_be_plain_is_read(coding: str, tmp_path: Path) -> None:
    told = answer(
        tmp_path, "POST", "/api/v1/enhance", content=b"{", headers={"Content-Encoding": coding, "Content-Type": "application/json"}
    )
    assert told.status_code != 415
