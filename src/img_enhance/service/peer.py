"""Whose program is at the other end of a connection within this machine, as Linux says it."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

# Columns of /proc/net/tcp (man 5 proc): where a socket is, where the other one is, and who made it.
_LOCAL, _REMOTE, _UID = 1, 2, 7
_MAPPED = "0000000000000000FFFF0000"

Address = tuple[str, int]


def owner_of(client: Address, server: Address, tables: Path = Path("/proc/net")) -> int | None:
    """The user id that owns the client's end of an IPv4 connection; None where the system does not say."""
    wanted = [(_text(client), _text(server)), (_MAPPED + _text(client), _MAPPED + _text(server))]
    for table in ("tcp", "tcp6"):
        try:
            rows = (tables / table).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for columns in map(str.split, rows):
            if (columns[_LOCAL], columns[_REMOTE]) in wanted:
                return int(columns[_UID])
    return None


def _text(address: Address) -> str:
    """An address as the kernel writes it: the four bytes as one number of this machine, in hexadecimal."""
    host, port = address
    return f"{int.from_bytes(socket.inet_aton(host), sys.byteorder):08X}:{port:04X}"
