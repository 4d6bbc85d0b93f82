"""The way to the web: http and https only, certificates checked, proxies of the usual environment variables.

Downloads and the client share it; what they do about failures is theirs.
"""

import http.client
import re
import ssl
import urllib.request
from functools import cached_property
from typing import IO, Any
from urllib.parse import urlsplit

from img_enhance import __version__

AGENT = f"img-enhance/{__version__}"
MOST_REDIRECTS = 5

_NUMBER = re.compile(r"[0-9]{1,18}")


class Refused(Exception):
    """A failure that would happen again; says what the URL does."""


def opener() -> urllib.request.OpenerDirector:
    """An opener whose answers are of any status. It follows no redirects: they would take a key along, and turn POST into GET."""
    # Not urllib's own opener: that one also knows file:, ftp: and data:.
    director = urllib.request.OpenerDirector()
    director.addheaders = [("User-Agent", AGENT)]
    for handler in (urllib.request.ProxyHandler(), urllib.request.UnknownHandler(), _Http(), _Https()):
        director.add_handler(handler)
    return director


def following_opener() -> urllib.request.OpenerDirector:
    """An opener that follows few redirects, never from https to anything less, and raises HTTPError where that does not lead to a file.

    Raises (its `open`): Refused for a redirect that may not be followed.
    """
    director = opener()
    for handler in (urllib.request.HTTPDefaultErrorHandler(), urllib.request.HTTPErrorProcessor(), _Redirects()):
        director.add_handler(handler)
    return director


def whole_number(text: str | None) -> int | None:
    """The number that a header says, None where it says none: int() takes more than servers may write."""
    return int(text) if text is not None and _NUMBER.fullmatch(text) else None


def asked_wait_seconds(retry_after: str | None) -> float:
    """For how long the server asks to be left alone, by this header; 0 where it does not. A date counts as none."""
    return float(whole_number(retry_after) or 0)


def status_text(code: int) -> str:
    """The status with its name."""
    return f"{code} {http.client.responses.get(code, '')}".rstrip()


def cause(error: Exception) -> Any:
    """What went wrong: urllib's errors hold another one."""
    return getattr(error, "reason", error)


def error_text(error: object) -> str:
    """What went wrong, in ASCII."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(text).encode("ascii", "backslashreplace").decode()


class _AnswersEarly(http.client.HTTPConnection):
    """A server that refuses a body may answer and hang up before it has read all of it: then the answer counts."""

    def request(self, *arguments: Any, **named: Any) -> None:
        try:
            super().request(*arguments, **named)
        except (BrokenPipeError, ConnectionResetError, ssl.SSLEOFError):
            if self.sock is None:
                raise


class _SecureAnswersEarly(_AnswersEarly, http.client.HTTPSConnection):
    """The same over TLS."""


class _Http(urllib.request.HTTPHandler):
    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_AnswersEarly, req)


# Not urllib's HTTPSHandler, which reads the certificates when it is made (30 ms, 2026-11), also where every URL is http.
class _Https(urllib.request.AbstractHTTPHandler):
    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_SecureAnswersEarly, req, context=self._certificates)

    def https_request(self, request: urllib.request.Request) -> urllib.request.Request:
        return self.do_request_(request)

    @cached_property
    def _certificates(self) -> ssl.SSLContext:
        """Those of the system, or of SSL_CERT_FILE and SSL_CERT_DIR."""
        context = ssl.create_default_context()
        # As http.client says by itself; some servers speak HTTP/2 to those who say nothing.
        context.set_alpn_protocols(["http/1.1"])
        return context


class _Redirects(urllib.request.HTTPRedirectHandler):
    max_redirections = MOST_REDIRECTS

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: http.client.HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        allowed = ("https",) if req.type == "https" else ("http", "https")
        if urlsplit(newurl).scheme not in allowed:
            raise Refused(f"leads to {newurl[:200]!a}, which is not {' or '.join(allowed)}")
        return super().redirect_request(req, fp, code, msg, headers, newurl)
