"""Asks for a file or the rest of one, and tells failures apart: those that would come again, and those that another try may mend."""

import http.client
import re
import ssl
import urllib.error
import urllib.request
from http import HTTPStatus

from img_enhance.web import MOST_REDIRECTS, Refused, asked_wait_seconds, cause, error_text, following_opener, status_text, whole_number

_TRANSIENT = (408, 425, 429, 500, 502, 503, 504)
_RANGE = re.compile(r"bytes ([0-9]{1,18})-[0-9]{1,18}/([0-9]{1,18}|\*)")


class Transient(Exception):
    """A failure that another try may mend, after so many seconds if the server said so."""

    def __init__(self, text: str, *, wait_seconds: float = 0.0) -> None:
        super().__init__(text)
        self.wait_seconds = wait_seconds


class RangeRefused(Transient):
    """The server does not have the rest of a file whose beginning is here."""


def opened(url: str, *, begun: int, validator: str, timeout_seconds: float) -> http.client.HTTPResponse:
    """The server's answer: the whole file (200), or what follows its first `begun` bytes (206) if `validator` still names it.

    Raises: Refused, Transient, RangeRefused.
    """
    headers = {"Accept-Encoding": "identity"}
    if begun:
        headers |= {"Range": f"bytes={begun}-", "If-Range": validator}
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - the opener knows http and https only
    try:
        response: http.client.HTTPResponse = following_opener().open(request, timeout=timeout_seconds)
    except urllib.error.HTTPError as error:
        error.close()
        raise _answered(error, resuming=bool(begun)) from None
    except (OSError, http.client.HTTPException) as error:  # URLError is an OSError
        reason = cause(error)
        if isinstance(reason, ssl.SSLCertVerificationError):
            raise Refused(f"has no valid certificate ({reason.verify_message})") from None
        raise Transient(f"cannot be reached ({error_text(reason)})") from None
    return response


def check_answer(response: http.client.HTTPResponse, *, begun: int, whole_bytes: int) -> None:
    """Pass if the answer promises what is missing of a file of `whole_bytes`.

    Raises: Refused, RangeRefused.
    """
    if response.status == HTTPStatus.PARTIAL_CONTENT and begun:
        given = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if not given or int(given[1]) != begun or given[2] not in ("*", str(whole_bytes)):
            raise RangeRefused("goes on with an interrupted download at a wrong place")
    elif response.status != HTTPStatus.OK:
        raise Refused(f"answered {status_text(response.status)}")
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise Refused("sends the file in an encoding nobody asked for")
    length = whole_number(response.headers.get("Content-Length"))
    if length is not None and begun + length != whole_bytes:
        raise Refused(f"has {begun + length:,} bytes instead of {whole_bytes:,}; it is not the published file")


def version_of(response: http.client.HTTPResponse) -> str:
    """How the server calls these bytes, "" where it does not."""
    tag = response.headers.get("ETag", "")
    # A weak tag (W/"...") says nothing about bytes.
    return str(tag if tag.startswith('"') else response.headers.get("Last-Modified", ""))


def _answered(error: urllib.error.HTTPError, *, resuming: bool) -> Refused | Transient:
    """What an answer other than the file means."""
    if error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and resuming:
        return RangeRefused("does not go on with an interrupted download")
    if error.code in _TRANSIENT:
        return Transient(f"answered {status_text(error.code)}", wait_seconds=asked_wait_seconds(error.headers.get("Retry-After")))
    if 300 <= error.code < 400:
        return Refused(f"leads on more than {MOST_REDIRECTS} times")
    return Refused(f"answered {status_text(error.code)}")
