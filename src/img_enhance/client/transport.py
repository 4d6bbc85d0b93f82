"""Requests that are tried again until they are answered, or patience ends."""

from __future__ import annotations

import http.client
import json
import random
import re
import socket
import ssl
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

from img_enhance.client.form import Form
from img_enhance.client.problems import MEDIA_TYPE, Passing, error_of
from img_enhance.errors import ImgEnhanceError, IntegrityError, OptionError, ServiceUnreachable
from img_enhance.jobs.refusals import PASSING
from img_enhance.web import asked_wait_seconds, cause, error_text, opener, status_text, whole_number

_BLOCK_BYTES = 256 * 1024
_MOST_PROBLEM_BYTES = 100_000

# What proxies answer while the service behind them starts or is busy.
_PASSING_STATUSES = (429, 502, 503, 504)

# A result of another length than the job says is asked for so many times.
_MOST_SHORT = 3

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Patience:
    """How long to try again, in seconds: without an answer of any kind at first (`first`), and after the service has answered once
    (`later`); pauses grow from `least_pause` to `most_pause`, or are as long as the service asks, up to `most_asked`."""

    first: float = 10.0
    later: float = 300.0
    least_pause: float = 0.5
    most_pause: float = 15.0
    most_asked: float = 60.0
    poll: float = 2.0


class Transport:
    """The way to one service. `token` is for what lies before it, and goes as Authorization.

    Raises: OptionError for a URL, a key or a token that cannot be one.
    """

    def __init__(
        self, url: str, key: str | None, *, timeout: float, patience: Patience, warn: Callable[[str], None], token: str | None = None
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment or not re.fullmatch(r"[!-~]+", url):
            raise OptionError(f"the server's URL must be such as https://photos.example.org, not {url!a}")
        for name, text in (("key", key), ("token", token)):
            if text is not None and not re.fullmatch(r"[!-~]+", text):
                raise OptionError(f"the server's {name} must be visible ASCII characters", "copy it again")
        self.url = url.rstrip("/")
        self.patience = patience
        self._key = key
        self._token = token
        self._timeout = timeout
        self._warn = warn
        self._met = False
        self._opener = opener()

    def ask(
        self,
        method: str,
        path: str,
        read: Callable[[http.client.HTTPResponse], Answer],
        *,
        form: Form | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """What `read` makes of the answer. It is tried again where that may help: the request must be one that may come twice.

        Raises: the service's refusal as an error of ours, ServiceUnreachable, IntegrityError.
        """
        spent, tries, short = 0.0, 0, 0
        while True:
            started = time.monotonic()
            try:
                with self.once(method, path, form=form, headers=headers) as response:
                    return read(response)
            except Passing as passing:
                short += isinstance(passing.error, IntegrityError)
                pause = self._pause(passing, tries)
                # A long upload that breaks at its end has not used up the patience.
                spent += min(time.monotonic() - started, self._timeout) + pause
                patience = self.patience.later if passing.reached or self._met else self.patience.first
                if spent > patience or short >= _MOST_SHORT:
                    raise passing.error from None
                self._warn(f"{str(passing).partition(';')[0]}; trying again in {pause:.1f} s")
            time.sleep(pause)
            tries += 1

    @contextmanager
    def once(
        self, method: str, path: str, *, form: Form | None = None, headers: Mapping[str, str] | None = None, timeout: float | None = None
    ) -> Iterator[http.client.HTTPResponse]:
        """The answer to a single try, whose body is read by `blocks`, `lines` or `read_json`.

        Raises: Passing where another try may help, else as `ask`.
        """
        sent = {"Accept": "application/json"} | dict(headers or {})
        if self._key is not None:
            sent["X-API-Key"] = self._key
        if self._token is not None:
            sent["Authorization"] = f"Bearer {self._token}"
        if form is not None:
            sent |= {"Content-Type": form.content_type, "Content-Length": str(form.length)}
        request = urllib.request.Request(self.url + path, data=form, headers=sent, method=method)  # noqa: S310
        try:
            response: http.client.HTTPResponse = self._opener.open(request, timeout=timeout or self._timeout)
        except (OSError, http.client.HTTPException) as error:
            raise self._unreached(error) from None
        with response:
            if response.status >= 300:
                raise self._refused(response)
            self._met = True
            yield response

    def read_json(self, response: http.client.HTTPResponse) -> dict[str, Any]:
        """An object of JSON.

        Raises: Passing, ServiceUnreachable.
        """
        body = b"".join(self.blocks(response))
        values = _json(body) if response.headers.get_content_type() == "application/json" else None
        if values is None:
            raise self._stranger(response)
        return values

    def read_text(self, response: http.client.HTTPResponse) -> str:
        """A text.

        Raises: Passing.
        """
        return b"".join(self.blocks(response)).decode("utf-8", "replace")

    def picture(self, response: http.client.HTTPResponse, length: int) -> Iterator[bytes]:
        """The blocks of a picture of `length` bytes.

        Raises: Passing, ServiceUnreachable.
        """
        if response.headers.get_content_maintype() != "image":
            raise self._stranger(response)
        count = 0
        for block in self.blocks(response):
            count += len(block)
            yield block
        if count != length:
            raise Passing(IntegrityError(f"the result has {count:,} bytes instead of {length:,}; nothing was written, ask for it again"))

    def blocks(self, response: http.client.HTTPResponse) -> Iterator[bytes]:
        """The blocks of a body that is whole.

        Raises: Passing when it breaks off.
        """
        promised = whole_number(response.headers.get("Content-Length"))
        count = 0
        try:
            while block := response.read(_BLOCK_BYTES):
                count += len(block)
                yield block
        except (OSError, http.client.HTTPException) as error:
            raise self._unreached(error) from None
        if promised is not None and count != promised:
            raise Passing(ServiceUnreachable(f"the answer of {self.url} broke off after {count:,} of {promised} bytes", "try again"))

    def lines(self, response: http.client.HTTPResponse) -> Iterator[bytes]:
        """The lines of a stream until it ends.

        Raises: Passing when it breaks off, ServiceUnreachable when it is no stream of events.
        """
        if response.headers.get_content_type() != "text/event-stream":
            raise self._stranger(response)
        try:
            yield from response
        except (OSError, http.client.HTTPException) as error:
            raise self._unreached(error) from None

    def _pause(self, passing: Passing, tries: int) -> float:
        own = min(self.patience.most_pause, self.patience.least_pause * 2.0 ** min(tries, 20))
        own *= random.uniform(0.75, 1.25)  # noqa: S311 - so that many who were cut off do not all come back at once
        return max(own, min(passing.wait_seconds, self.patience.most_asked))

    def _unreached(self, error: Exception) -> Passing | ImgEnhanceError:
        reason = cause(error)
        if isinstance(reason, ssl.SSLCertVerificationError):
            return ServiceUnreachable(f"{self.url} has no valid certificate ({reason.verify_message})", "check the URL")
        lost = ServiceUnreachable(f"{self.url} cannot be reached ({error_text(reason)})", "check the URL, and that the service runs")
        return lost if isinstance(reason, socket.gaierror) and not self._met else Passing(lost, reached=False)

    def _refused(self, response: http.client.HTTPResponse) -> Passing | ImgEnhanceError:
        wait = asked_wait_seconds(response.headers.get("Retry-After"))
        if response.headers.get_content_type() == MEDIA_TYPE:
            try:
                problem = _json(response.read(_MOST_PROBLEM_BYTES))
            except (OSError, http.client.HTTPException) as error:
                return self._unreached(error)
            if problem is not None:
                self._met = True
                refusal = error_of(problem)
                return Passing(refusal, wait_seconds=wait) if isinstance(refusal, PASSING) else refusal
        if response.status < 400:
            return ServiceUnreachable(f"{self.url} leads on to {response.headers.get('Location', 'nowhere')!a}", "use that URL")
        stranger = self._stranger(response)
        return Passing(stranger, wait_seconds=wait) if response.status in _PASSING_STATUSES else stranger

    def _stranger(self, response: http.client.HTTPResponse) -> ServiceUnreachable:
        kind = response.headers.get_content_type()
        return ServiceUnreachable(
            f"{self.url} answers {status_text(response.status)}; that ({kind}) is no answer of img-enhance, "
            "check the URL and what lies before the service"
        )


def _json(body: bytes) -> dict[str, Any] | None:
    try:
        values = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return values if isinstance(values, dict) else None
