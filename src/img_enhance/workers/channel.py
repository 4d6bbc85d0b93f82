"""A child's end of its pair of sockets."""

from __future__ import annotations

import select
import socket

from img_enhance.workers.protocol import LENGTH_BYTES, Message, decode, encode, length


class Gone(Exception):
    """The API at the other end is no more."""


class Channel:
    """This child's end of its pair of sockets."""

    def __init__(self, number: int) -> None:
        self._socket = socket.socket(fileno=number)

    def send(self, message: Message) -> None:
        try:
            self._socket.sendall(encode(message))
        except OSError:
            raise Gone from None

    def waits(self, seconds: float | None = 0.0) -> bool:
        """Whether something comes within so many seconds."""
        return bool(select.select([self._socket], [], [], seconds)[0])

    def receive(self) -> Message:
        """The next message."""
        return decode(self._read(length(self._read(LENGTH_BYTES))))

    def _read(self, count: int) -> bytes:
        data = bytearray()
        while len(data) < count:
            try:
                part = self._socket.recv(count - len(data))
            except OSError:
                raise Gone from None
            if not part:
                raise Gone
            data += part
        return bytes(data)
