"""Where the service may go when a caller names a URL: to public addresses, and to those that the operator allows."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

import psutil

from img_enhance.errors import OptionError
from img_enhance.jobs.refusals import UrlRefused
from img_enhance.words import Setting

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# Source: the IANA registries of special-purpose addresses for IPv4 and IPv6. Written out, because ipaddress.is_global differs between
# versions of Python, and takes multicast and old ways of writing IPv4 for global.
_NOT_PUBLIC_4 = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",  # carriers' NAT (RFC 6598); one cloud's metadata lies there
            "127.0.0.0/8",
            "168.63.129.16/32",  # public by number, but in one cloud every machine's own host
            "169.254.0.0/16",  # link-local; other clouds' metadata
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.88.99.0/24",  # relays of 6to4
            "192.168.0.0/16",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/4",
            "240.0.0.0/4",
        ),
    )
)
_GLOBAL_6 = IPv6Network("2000::/3")
_NOT_PUBLIC_6 = tuple(
    map(
        IPv6Network,
        (
            "2001::/23",  # protocols, Teredo among them, which holds an IPv4 address
            "2001:db8::/32",
            "2002::/16",  # 6to4, which holds an IPv4 address
            "3fff::/20",
            "5f00::/16",
        ),
    )
)
_NAT64 = IPv6Network("64:ff9b::/96")

_VISIBLE = re.compile(r"[\x21-\x7e]{1,2000}")
_PORTS = {"http": 80, "https": 443}
# Below are mail, databases of old and others that a request for HTTP could be taken for something else by.
_LEAST_OTHER_PORT = 1024


@dataclass(frozen=True)
class Target:
    """A URL in its parts: `host` is a name or an address, `path` has the query with it."""

    secure: bool
    host: str
    port: int
    path: str

    @property
    def host_header(self) -> str:
        """The Host of a request."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS["https" if self.secure else "http"] else f"{host}:{self.port}"


def target_of(url: str) -> Target:
    """The URL in its parts.

    Raises: UrlRefused for one that is not http or https, or odd in another way.
    """
    if not _VISIBLE.fullmatch(url) or "\\" in url:
        raise UrlRefused("a URL has up to 2000 visible ASCII characters", "encode others with %")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise UrlRefused("the URL cannot be read", "write it as https://host/path") from None
    if parts.scheme not in _PORTS or not parts.hostname or "%" in parts.hostname:
        raise UrlRefused("the URL is not http or https with a host", "write it as https://host/path")
    if parts.username is not None or parts.password is not None:
        raise UrlRefused("the URL has a name or a password before its host", "leave them out")
    if port is None:
        port = _PORTS[parts.scheme]
    if port not in _PORTS.values() and port < _LEAST_OTHER_PORT:
        raise UrlRefused(f"the URL has the port {port}", f"use 80, 443 or one from {_LEAST_OTHER_PORT} on")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme == "https", parts.hostname, port, path)


class AddressGuard:
    """Decides where to go. `allowed` are networks with commas between that may be reached although they are not public.

    Raises: OptionError for what is no network.
    """

    def __init__(self, allowed: str) -> None:
        self._allowed = tuple(_network(text) for text in filter(None, map(str.strip, allowed.split(","))))

    def checked(self, addresses: Iterable[str]) -> tuple[str, ...]:
        """The addresses of a host, all of which may be reached.

        Raises: UrlRefused if one may not, since a host of strangers that also has an address of ours is up to something; it does not
        say which, so that nobody learns how names are resolved here.
        """
        found = tuple(dict.fromkeys(addresses))
        own = own_addresses()
        if not found or not all(self._may_reach(address, own) for address in found):
            raise UrlRefused("the URL leads to an address that is not public", "name a host that everybody can reach")
        return found

    def check_literal(self, target: Target) -> None:
        """Pass unless the host is an address by itself, and one that may not be reached; names are looked up when they are used.

        Raises: UrlRefused.
        """
        try:
            ip_address(target.host)
        except ValueError:
            return
        self.checked([target.host])

    def _may_reach(self, text: str, own: frozenset[Address]) -> bool:
        if "%" in text:  # a zone: an address of this machine's own links
            return False
        try:
            address = plain(ip_address(text))
        except ValueError:
            return False
        if any(address in network for network in self._allowed):
            return True
        return is_public(address) and address not in own


def plain(address: Address) -> Address:
    """The IPv4 address that an IPv6 address stands for (mapped, NAT64), else the address."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _NAT64:
            return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def is_public(address: Address) -> bool:
    """Whether the address is one of the open internet."""
    address = plain(address)
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _NOT_PUBLIC_4)
    return address in _GLOBAL_6 and not any(address in network for network in _NOT_PUBLIC_6)


def own_addresses() -> frozenset[Address]:
    """The addresses of this machine: behind a public one of these may lie what only the machine itself can reach."""
    found = set()
    for each in (each for addresses in psutil.net_if_addrs().values() for each in addresses):
        try:
            found.add(ip_address(each.address.partition("%")[0]))
        except ValueError:  # of the hardware
            continue
    return frozenset(found)


def _network(text: str) -> Network:
    try:
        if "%" in text:
            raise ValueError(text)
        return ip_network(text, strict=False)
    except ValueError:
        raise OptionError(f"'{text}' is no network", "write it as 10.1.0.0/16 in ", Setting("private_networks")) from None
