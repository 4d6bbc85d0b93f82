"""Opens a URL with bounds: http and https only, few redirects, never from https to anything less, failures told apart.

Proxies are those of the usual environment variables; urllib reads them.
"""

import http.client
import re
import ssl
import urllib.error
import urllib.request
from http import HTTPStatus
from typing import IO
from urllib.parse import urlsplit

MOST_REDIRECTS = 5

_TRANSIENT = (408, 425, 429, 500, 502, 503, 504)
_NUMBER = re.compile(r"[0-9]{1,18}")
_RANGE = re.compile(r"bytes ([0-9]{1,18})-[0-9]{1,18}/([0-9]{1,18}|\*)")


class Refused(Exception):
    """A failure that would happen again; says what the URL does."""


class Transient(Exception):
    """A failure that another try may mend, after so many seconds if the server said so."""

    def __init__(self, text: str, *, wait_seconds: float = 0.0) -> None:
        super().__init__(text)
        self.wait_seconds = wait_seconds


class RangeRefused(Transient):
    """The server does not have the rest of a file whose beginning is here."""


class _Redirects(urllib.request.HTTPRedirectHandler):
    max_redirections = MOST_REDIRECTS

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: http.client.HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        allowed = ("https",) if req.type == "https" else ("http", "https")
        if urlsplit(newurl).scheme not in allowed:
            raise Refused(f"leads to {newurl[:200]!a}, which is not {' or '.join(allowed)}")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def opened(url: str, *, begun: int, validator: str, timeout_seconds: float) -> http.client.HTTPResponse:
    """The server's answer: the whole file (200), or what follows its first `begun` bytes (206) if `validator` still names it.

    Raises: Refused, Transient, RangeRefused.
    """
    headers = {"User-Agent": "img-enhance", "Accept-Encoding": "identity"}
    if begun:
        headers |= {"Range": f"bytes={begun}-", "If-Range": validator}
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - the opener knows http and https only
    try:
        response: http.client.HTTPResponse = _opener().open(request, timeout=timeout_seconds)
    except urllib.error.HTTPError as error:
        error.close()
        raise _answered(error, resuming=bool(begun)) from None
    except (OSError, http.client.HTTPException) as error:  # URLError is an OSError
        reason = getattr(error, "reason", error)
        if isinstance(reason, ssl.SSLCertVerificationError):
            raise Refused(f"has no valid certificate ({reason.verify_message})") from None
        raise Transient(f"cannot be reached ({said(reason)})") from None
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
        raise Refused(f"answered {_status(response.status)}")
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise Refused("sends the file in an encoding nobody asked for")
    length = response.headers.get("Content-Length", "")
    if _NUMBER.fullmatch(length) and begun + int(length) != whole_bytes:
        raise Refused(f"has {begun + int(length):,} bytes instead of {whole_bytes:,}; it is not the published file")


def version_of(response: http.client.HTTPResponse) -> str:
    """How the server calls these bytes, "" where it does not."""
    tag = response.headers.get("ETag", "")
    # A weak tag (W/"...") says nothing about bytes.
    return str(tag if tag.startswith('"') else response.headers.get("Last-Modified", ""))


def said(error: object) -> str:
    """What went wrong, in ASCII."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(text).encode("ascii", "backslashreplace").decode()


def _answered(error: urllib.error.HTTPError, *, resuming: bool) -> Refused | Transient:
    """What an answer other than the file means."""
    if error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and resuming:
        return RangeRefused("does not go on with an interrupted download")
    if error.code in _TRANSIENT:
        asked = error.headers.get("Retry-After", "")  # a date counts as none
        return Transient(f"answered {_status(error.code)}", wait_seconds=float(asked) if _NUMBER.fullmatch(asked) else 0.0)
    if 300 <= error.code < 400:
        return Refused(f"leads on more than {MOST_REDIRECTS} times")
    return Refused(f"answered {_status(error.code)}")


def _status(code: int) -> str:
    return f"{code} {http.client.responses.get(code, '')}".rstrip()


def _opener() -> urllib.request.OpenerDirector:
    # Not urllib's own opener: that one also knows file:, ftp: and data:.
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.UnknownHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        _Redirects(),
    ):
        opener.add_handler(handler)
    return opener
