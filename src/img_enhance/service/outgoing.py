"""Requests to URLs that callers name. The address that was checked is the one that is connected to, redirects are not followed, proxies not
asked, and time and bytes are bounded.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import cached_property

import h11

from img_enhance.jobs.refusals import UrlFailed
from img_enhance.service.addresses import AddressGuard, Target
from img_enhance.web import AGENT, error_text

Take = Callable[[bytes], Awaitable[None]]

_BLOCK_BYTES = 65_536
_MOST_HEADER_BYTES = 16_384
_OK = 200


class Outgoing:
    """The way to where callers point, with a guard before it."""

    def __init__(self, guard: AddressGuard) -> None:
        self.guard = guard

    async def ask(
        self,
        method: str,
        target: Target,
        *,
        seconds: float,
        headers: Mapping[str, str],
        body: bytes = b"",
        take: Take | None = None,
    ) -> int:
        """The status of the answer. Of its body nothing is read, but what a 200 has for `take`.

        Looking the name up is bounded by the system, all after it by `seconds`.

        Raises: UrlRefused, UrlFailed; what `take` raises.
        """
        addresses = self.guard.checked(await _looked_up(target))
        try:
            async with asyncio.timeout(seconds):
                reader, writer = await self._connected(target, addresses)
                try:
                    return await _exchange(reader, writer, _request(method, target, headers, body), body, take)
                finally:
                    writer.transport.abort()
        except TimeoutError:
            raise UrlFailed(f"{target.host} did not answer within {seconds:g} s") from None
        except OSError as error:
            raise UrlFailed(f"{target.host} cannot be reached: {error_text(error)}") from None
        except h11.RemoteProtocolError:
            raise UrlFailed(f"{target.host} does not answer in HTTP/1.1") from None

    @cached_property
    def _certificates(self) -> ssl.SSLContext:
        """Those of the system, or of SSL_CERT_FILE and SSL_CERT_DIR."""
        context = ssl.create_default_context()
        context.set_alpn_protocols(["http/1.1"])
        return context

    async def _connected(self, target: Target, addresses: tuple[str, ...]) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection to the first of these addresses that takes one; its certificate is for the name.

        Raises: OSError.
        """
        context = self._certificates if target.secure else None
        name = target.host.rstrip(".") if target.secure else None
        for address in addresses[:-1]:
            with suppress(OSError):
                return await asyncio.open_connection(address, target.port, ssl=context, server_hostname=name)
        return await asyncio.open_connection(addresses[-1], target.port, ssl=context, server_hostname=name)


async def _looked_up(target: Target) -> list[str]:
    """The addresses of the host.

    In a thread of its own: where many names are slow, a pool of the loop would keep others waiting, and at the end of the program.

    Raises: UrlFailed.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[list[str] | OSError] = loop.create_future()

    def settle(found: list[str] | OSError) -> None:
        if not answer.done():
            answer.set_result(found)

    def look() -> None:
        found: list[str] | OSError
        try:
            found = [str(row[4][0]) for row in socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)]
        except OSError as error:
            found = error
        except UnicodeError:  # a label that is too long
            found = OSError("not a name of a host")
        with suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(settle, found)

    threading.Thread(target=look, name="lookup", daemon=True).start()
    found = await answer
    if isinstance(found, OSError):
        raise UrlFailed(f"{target.host} cannot be found: {error_text(found)}")
    return found


def _request(method: str, target: Target, headers: Mapping[str, str], body: bytes) -> h11.Request:
    ours = {"Host": target.host_header, "User-Agent": AGENT, "Accept-Encoding": "identity", "Connection": "close"}
    length = {"Content-Length": str(len(body))} if body else {}
    return h11.Request(method=method, target=target.path, headers=list({**ours, **length, **headers}.items()))


async def _exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: h11.Request, body: bytes, take: Take | None
) -> int:
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MOST_HEADER_BYTES)
    for event in (request, h11.Data(data=body), h11.EndOfMessage()):
        writer.write(connection.send(event) or b"")
    await writer.drain()
    status = 0
    while True:
        received = connection.next_event()
        if received is h11.NEED_DATA:
            connection.receive_data(await reader.read(_BLOCK_BYTES))
        elif isinstance(received, h11.Response):
            status = received.status_code
            if take is None or status != _OK:
                return status
        elif isinstance(received, h11.Data) and take is not None:
            await take(bytes(received.data))
        elif not isinstance(received, h11.InformationalResponse):
            return status
