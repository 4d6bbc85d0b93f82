"""Where URLs that callers name may lead: every kind of address, every odd way to write one, and names whose answers change."""

from ipaddress import ip_address

import pytest

from img_enhance.errors import OptionError
from img_enhance.jobs.refusals import UrlRefused
from img_enhance.service.addresses import AddressGuard, is_public, own_addresses, target_of

PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "100.63.255.255",
    "100.128.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.1.0",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "2606:4700:4700::1111",
    "2a00:1450:4001:80b::200e",
    "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8",
]
NOT_PUBLIC = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "169.254.170.2",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::8.8.8.8",
    "::ffff:10.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:0:8.8.8.8",
    "64:ff9b::10.0.0.1",
    "64:ff9b::169.254.169.254",
    "64:ff9b:1::8.8.8.8",
    "100::1",
    "2001::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:db8::1",
    "2002:0a00:0001::1",
    "2002:0808:0808::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_may_be_reached(address: str) -> None:
    assert AddressGuard("").checked([address]) == (address,)


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_others_may_not(address: str) -> None:
    assert not is_public(ip_address(address))
    for found in ([address], ["8.8.8.8", address]):
        with pytest.raises(UrlRefused, match="not public") as refused:
            AddressGuard("").checked(found)
        assert address not in str(refused.value)


@pytest.mark.parametrize("found", [[], ["fe80::1%eth0"], ["2606:4700:4700::1111%eth0"], ["nonsense"]])
def test_what_is_no_address_leads_nowhere(found: list[str]) -> None:
    with pytest.raises(UrlRefused):
        AddressGuard("0.0.0.0/0, ::/0").checked(found)


def test_the_operator_may_allow_networks() -> None:
    guard = AddressGuard("10.1.0.0/16, 127.0.0.1, ::1")
    for address in ("10.1.2.3", "127.0.0.1", "::1", "::ffff:10.1.2.3", "8.8.8.8"):
        assert guard.checked([address]) == (address,)
    for address in ("10.2.0.1", "127.0.0.2", "169.254.169.254"):
        with pytest.raises(UrlRefused):
            guard.checked([address])


@pytest.mark.parametrize("text", ["10.1", "all", "10.0.0.0/33", "fe80::1%eth0/64"])
def test_what_is_no_network_is_refused(text: str) -> None:
    with pytest.raises(OptionError, match="is no network"):
        AddressGuard(f"10.0.0.0/8,{text}")


def test_this_machines_own_addresses_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ip_address("127.0.0.1") in own_addresses()
    own = frozenset({ip_address("8.8.8.8")})
    monkeypatch.setattr("img_enhance.service.addresses.own_addresses", lambda: own)
    for address in ("8.8.8.8", "::ffff:8.8.8.8"):
        with pytest.raises(UrlRefused):
            AddressGuard("").checked([address])
    assert AddressGuard("8.8.8.8").checked(["8.8.8.8"])


@pytest.mark.parametrize(
    ("url", "host", "port", "path", "header"),
    [
        ("https://photos.example", "photos.example", 443, "/", "photos.example"),
        ("http://Photos.Example:8080/a/b?c=d#part", "photos.example", 8080, "/a/b?c=d", "photos.example:8080"),
        ("http://[2606:4700::1]/x", "2606:4700::1", 80, "/x", "[2606:4700::1]"),
        ("https://photos.example:443?x", "photos.example", 443, "/?x", "photos.example"),
        ("http://photos.example:443/", "photos.example", 443, "/", "photos.example:443"),
    ],
)
def test_a_url_in_its_parts(url: str, host: str, port: int, path: str, header: str) -> None:
    target = target_of(url)
    assert (target.host, target.port, target.path, target.host_header) == (host, port, path, header)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "photos.example/a.jpg",
        "//photos.example/a.jpg",
        "file:///etc/passwd",
        "ftp://photos.example/a.jpg",
        "gopher://photos.example:80/_GET",
        "data:image/png;base64,AAAA",
        "http://",
        "http:///a.jpg",
        "http://user:word@photos.example/",
        "http://user@photos.example/",
        "http://photos.example:22/",
        "http://photos.example:25/",
        "http://photos.example:0/",
        "http://photos.example:70000/",
        "http://photos.example:8o/",
        "http://[::1/",
        "http://[fe80::1%25eth0]/",
        "http://photos.example/a b",
        "http://photos.example/\r\nX: y",
        "http://photos.example\t/",
        "http://photos.example/\u00e9",
        "http://photos.example\\@10.0.0.1/",
        "https://photos.example/" + "x" * 2000,
    ],
)
def test_odd_urls_are_refused(url: str) -> None:
    with pytest.raises(UrlRefused):
        target_of(url)
