"""What downloads and the client share of the web: whom they trust, what they say of themselves, and where they do not follow."""

import shutil
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from img_enhance import __version__
from img_enhance.web import asked_wait_seconds, cause, error_text, following_opener, opener, status_text, whole_number

Make = Callable[[], urllib.request.OpenerDirector]
OPENERS = pytest.mark.parametrize("make", [opener, following_opener])


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


class Echo(BaseHTTPRequestHandler):
    """Says which way it was asked, and by whom; /away leads to /there, /file to a file."""

    def do_GET(self) -> None:
        target = {"/away": "/there", "/file": "file:///etc/hostname"}.get(self.path)
        self.send_response(302 if target else 200)
        if isinstance(self.connection, ssl.SSLSocket):
            self.send_header("Spoken", str(self.connection.selected_alpn_protocol()))
        if target:
            self.send_header("Location", target)
        self.end_headers()
        self.wfile.write(f"{self.path} {self.headers['User-Agent']}".encode())

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@contextmanager
def echoing(context: ssl.SSLContext | None = None) -> Iterator[str]:
    """Where a server is that echoes, over TLS if there is a context."""
    with HTTPServer(("127.0.0.1", 0), Echo) as server:
        if context is not None:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"{'http' if context is None else 'https'}://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of 127.0.0.1, signed by nobody, and its key, in one file."""
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("makes a certificate with the openssl command, which is not installed")
    folder = tmp_path_factory.mktemp("certificate")
    key, made = folder / "key.pem", folder / "certificate.pem"
    asked = "req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
    subprocess.run([program, *asked.split(), "-keyout", key, "-out", made], check=True, capture_output=True)
    made.write_text(made.read_text() + key.read_text())
    return made


@pytest.fixture
def secure(certificate: Path) -> Iterator[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.set_alpn_protocols(["h2", "http/1.1"])
    with echoing(context) as url:
        yield url


@OPENERS
def test_a_certificate_nobody_signed_is_refused(make: Make, secure: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    with pytest.raises(urllib.error.URLError) as raised:
        make().open(f"{secure}/x", timeout=10)
    assert isinstance(cause(raised.value), ssl.SSLCertVerificationError)


@OPENERS
def test_certificates_of_ones_own_are_trusted(make: Make, secure: str, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with make().open(f"{secure}/x", timeout=10) as answer:
        assert (answer.read()[:3], answer.headers["Spoken"]) == (b"/x ", "http/1.1")
    # Another name of the same machine is none that the certificate holds.
    with pytest.raises(urllib.error.URLError, match="Hostname mismatch"):
        make().open(f"{secure.replace('127.0.0.1', 'localhost')}/x", timeout=10)


@OPENERS
def test_servers_are_told_who_asks(make: Make) -> None:
    with echoing() as url, make().open(f"{url}/x", timeout=10) as answer:
        assert answer.read().decode() == f"/x img-enhance/{__version__}"


@OPENERS
def test_proxies_are_those_of_the_environment(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    with echoing() as url:
        monkeypatch.setenv("http_proxy", url)
        with make().open("http://nobody.invalid/x", timeout=10) as answer:
            assert answer.read().startswith(b"http://nobody.invalid/x ")


@OPENERS
@pytest.mark.parametrize("url", ["file:///etc/hostname", "ftp://127.0.0.1/x", "data:,x"])
def test_only_the_web_is_opened(make: Make, url: str) -> None:
    with pytest.raises(urllib.error.URLError, match="unknown url type"):
        make().open(url)


def test_redirects_are_followed_by_one_opener_and_handed_over_by_the_other() -> None:
    with echoing() as url:
        with opener().open(f"{url}/away", timeout=10) as answer:
            assert (answer.status, answer.headers["Location"]) == (302, "/there")
        with following_opener().open(f"{url}/away", timeout=10) as answer:
            assert (answer.status, answer.read().decode()) == (200, f"/there img-enhance/{__version__}")


@pytest.mark.parametrize(
    ("text", "number"),
    [
        *(("0", 0), ("120", 120), ("1" + "0" * 17, 10**17)),
        *((text, None) for text in (None, "", "-1", "1.5", "1_000", " 1", "9" * 19, "\u0661", "Wed, 21 Oct 2026 07:28:00 GMT")),
    ],
)
def test_a_number_is_ascii_digits_and_nothing_else(text: str | None, number: int | None) -> None:
    assert whole_number(text) == number
    assert asked_wait_seconds(text) == (number or 0)


def test_failures_are_told_in_ascii() -> None:
    assert error_text(OSError(5, "d\u00e9faut")) == "d\\xe9faut"
    assert error_text(TimeoutError()) == "TimeoutError"
    assert (status_text(503), status_text(599)) == ("503 Service Unavailable", "599")


def test_plain_http_reads_no_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssl, "create_default_context", lambda: pytest.fail("certificates were read"))
    with echoing() as url, opener().open(f"{url}/x", timeout=10) as answer:
        assert answer.status == 200
