"""Downloads from a server on this machine: whole, or not at all, whatever the server does."""

import dataclasses
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from local_server import TAG, Act, Handler, Server, answer, endless, serving, stalling, vanishing, whole

from img_enhance.errors import Cancelled, DiskError, DownloadError, ImgEnhanceError, WeightsCorrupt, WeightsMissing
from img_enhance.models.table import BUILT_IN
from img_enhance.models.weight_files import WeightFile
from img_enhance.models.weights import fetch
from img_enhance.models.weights.cache import WeightStore
from img_enhance.models.weights.fetch import TRIES, mirrored, pull

BODY = bytes(range(256)) * 1200  # several blocks of 64 KB
OTHER = BODY[:-1] + b"\0"


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def store(tmp_path: Path) -> WeightStore:
    return WeightStore(home=tmp_path / "home")


def row(server: Server | None = None, **changes: Any) -> WeightFile:
    """A row of BUILT_IN.files whose file is BODY at the server."""
    return dataclasses.replace(
        BUILT_IN.files[0],
        name="test-1",
        file="test.pth",
        url=f"{server.url if server else 'http://127.0.0.1:9'}/a/test.pth",
        bytes=len(BODY),
        sha256=hashlib.sha256(BODY).hexdigest(),
        **changes,
    )


class Waits(list[float]):
    """Remembers waits instead of waiting."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


def pulled(server: Server, store: WeightStore, **changes: Any) -> Path:
    given: dict[str, Any] = {"sleep": Waits(), "timeout_seconds": 5} | changes
    return pull(row(server), store, **given)


def names(store: WeightStore) -> list[str]:
    """What is in the folder, but for locks and notes of verification."""
    hidden = (".lock", ".verified")
    return sorted(path.name for path in store.home.iterdir() if not path.name.endswith(hidden))


def test_brings_the_file_and_leaves_nothing_else(store: WeightStore) -> None:
    seen: list[tuple[int, int]] = []
    with serving(whole(BODY)) as server:
        path = pulled(server, store, progress=lambda done, total: seen.append((done, total)))
    assert path == store.home / "test.pth"
    assert path.read_bytes() == BODY
    assert names(store) == ["test.pth"]
    assert seen[0] == (0, len(BODY))
    assert seen[-1] == (len(BODY), len(BODY))
    assert seen == sorted(seen)
    assert len(seen) > 4
    assert [handler.path for handler in server.seen] == ["/a/test.pth"]


def test_a_file_that_is_there_is_not_fetched_again(store: WeightStore) -> None:
    with serving(whole(BODY)) as server:
        assert pulled(server, store) == pulled(server, store)
        assert len(server.seen) == 1


def test_nothing_is_fetched_offline(store: WeightStore) -> None:
    with serving(whole(BODY)) as server, pytest.raises(WeightsMissing, match=r"test-1 \(1 MB\).*offline"):
        pulled(server, dataclasses.replace(store, offline=True))
    assert server.seen == []
    assert not store.home.exists()


def test_a_file_that_is_there_is_enough_offline(store: WeightStore) -> None:
    store.home.mkdir()
    (store.home / "test.pth").write_bytes(BODY)
    assert pull(row(), dataclasses.replace(store, offline=True)) == store.home / "test.pth"


# ---- servers that break off


@pytest.mark.parametrize("first", [whole(BODY, sent=100_000), stalling(BODY, 200_000)], ids=["ends", "stalls"])
def test_a_download_that_breaks_off_goes_on_where_it_stopped(first: Act, store: WeightStore) -> None:
    waits = Waits()
    with serving(first, whole(BODY)) as server:
        path = pulled(server, store, sleep=waits, timeout_seconds=0.5)
    assert path.read_bytes() == BODY
    assert names(store) == ["test.pth"]
    assert waits == [0.5]
    assert server.ranges[0] is None
    assert re.fullmatch("bytes=[1-9][0-9]*-", str(server.ranges[1]))
    assert server.seen[1].headers["If-Range"] == TAG


def test_a_server_that_vanishes_is_asked_again(store: WeightStore) -> None:
    # What was in flight when a connection is reset may be lost, so the second request may be for all or for a part.
    with serving(vanishing(BODY, 100_000), whole(BODY)) as server:
        assert pulled(server, store).read_bytes() == BODY
    assert len(server.seen) == 2
    assert names(store) == ["test.pth"]


def test_many_breaks_are_survived_as_long_as_there_are_tries(store: WeightStore) -> None:
    with serving(*[whole(BODY, sent=70_000)] * (TRIES - 1), whole(BODY)) as server:
        assert pulled(server, store).read_bytes() == BODY
    assert [asked for asked in server.ranges if asked] == [f"bytes={70_000 * n}-" for n in range(1, TRIES)]


def test_a_server_that_always_breaks_off_is_given_up(store: WeightStore) -> None:
    waits = Waits()
    with serving(whole(BODY, sent=10_000)) as server, pytest.raises(DownloadError) as caught:
        pulled(server, store, sleep=waits)
    assert len(server.seen) == TRIES
    assert waits == [0.5, 1, 2, 4]
    assert f"stopped after 50,000 of {len(BODY):,} bytes, after 5 tries" in str(caught.value)
    for fix in ("IMG_ENHANCE_MIRROR", "test.pth", str(store.home)):
        assert fix in str(caught.value)
    assert names(store) == [".test.pth.part", ".test.pth.part.json"]


def test_a_later_pull_goes_on_with_what_an_earlier_one_left(store: WeightStore) -> None:
    with serving(whole(BODY, sent=10_000)) as server:
        with pytest.raises(DownloadError):
            pulled(server, store)
        server.acts = [whole(BODY)]
        assert pulled(server, store).read_bytes() == BODY
        assert server.ranges[-1] == "bytes=50000-"


def test_stopping_keeps_what_has_come(store: WeightStore) -> None:
    calls = 0

    def tick() -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise Cancelled("cancelled")

    with serving(whole(BODY)) as server:
        with pytest.raises(Cancelled):
            pulled(server, store, tick=tick)
        assert (store.home / ".test.pth.part").stat().st_size == 2 * 65536
        assert pulled(server, store).read_bytes() == BODY
        assert server.ranges[-1] == f"bytes={2 * 65536}-"


@pytest.mark.parametrize("tag", [None, 'W/"weak"'])
def test_a_server_that_names_no_version_starts_again(tag: str | None, store: WeightStore) -> None:
    with serving(whole(BODY, sent=100_000, tag=tag), whole(BODY)) as server:
        assert pulled(server, store).read_bytes() == BODY
    assert server.ranges == [None, None]


def test_a_server_that_knows_no_ranges_starts_again(store: WeightStore) -> None:
    def deaf(handler: Handler) -> None:
        handler.head(200, Content_Length=len(BODY), ETag=TAG)
        handler.wfile.write(BODY)

    with serving(whole(BODY, sent=100_000), deaf) as server:
        assert pulled(server, store).read_bytes() == BODY
    assert server.ranges == [None, "bytes=100000-"]


def test_a_server_whose_file_has_changed_starts_again(store: WeightStore) -> None:
    with serving(whole(OTHER, sent=100_000, tag='"other"'), whole(BODY)) as server:
        assert pulled(server, store).read_bytes() == BODY
    assert server.ranges == [None, "bytes=100000-"]


def test_the_last_modification_names_a_version_too(store: WeightStore) -> None:
    when = "Mon, 23 Nov 2026 10:00:00 GMT"

    def dated(handler: Handler) -> None:
        handler.head(200, Content_Length=len(BODY), Last_Modified=when)
        handler.wfile.write(BODY[:100_000])

    with serving(dated, whole(BODY)) as server:
        assert pulled(server, store).read_bytes() == BODY
    assert server.seen[1].headers["If-Range"] == when


@pytest.mark.parametrize(
    "given", ["bytes 0-9/10", f"bytes 100000-{len(BODY) - 1}/7", "bytes 99999-5/*", "pages 1-2/3", "", "bytes 1" + "0" * 5000 + "-1/1"]
)
def test_a_server_that_goes_on_at_a_wrong_place_starts_again(given: str, store: WeightStore) -> None:
    def wrong(handler: Handler) -> None:
        handler.head(206, Content_Length=10, Content_Range=given, ETag=TAG)
        handler.wfile.write(b"x" * 10)

    with serving(whole(BODY, sent=100_000), wrong, whole(BODY)) as server:
        assert pulled(server, store).read_bytes() == BODY
    assert server.ranges == [None, "bytes=100000-", None]


def test_a_server_that_refuses_the_range_starts_again(store: WeightStore) -> None:
    with serving(whole(BODY, sent=100_000), answer(416), whole(BODY)) as server:
        assert pulled(server, store).read_bytes() == BODY
    assert server.ranges == [None, "bytes=100000-", None]


def test_parts_that_do_not_fit_together_start_again(store: WeightStore) -> None:
    with serving(whole(b"x" * len(BODY), sent=100_000), whole(BODY)) as server:
        assert pulled(server, store).read_bytes() == BODY
    assert server.ranges == [None, "bytes=100000-", None]


@pytest.mark.parametrize("note", ["", "{}", "[]", "null", '{"url": 1, "version": 2}', "\0", '{"version": "x"}'])
def test_a_damaged_note_of_a_part_starts_again(note: str, store: WeightStore) -> None:
    store.home.mkdir()
    (store.home / ".test.pth.part").write_bytes(b"x" * 1000)
    (store.home / ".test.pth.part.json").write_text(note)
    with serving(whole(BODY)) as server:
        assert pulled(server, store).read_bytes() == BODY
    assert server.ranges == [None]


def test_a_part_of_another_place_starts_again(store: WeightStore) -> None:
    store.home.mkdir()
    (store.home / ".test.pth.part").write_bytes(BODY[:1000])
    (store.home / ".test.pth.part.json").write_text(json.dumps({"url": "https://mirror.example/x", "version": TAG}))
    with serving(whole(BODY)) as server:
        assert pulled(server, store).read_bytes() == BODY
    assert server.ranges == [None]


# ---- servers with other files


def test_another_file_is_refused_and_nothing_is_kept(store: WeightStore) -> None:
    with serving(whole(OTHER)) as server, pytest.raises(WeightsCorrupt, match="is not the published file: sha256"):
        pulled(server, store)
    assert len(server.seen) == 1
    assert names(store) == []


@pytest.mark.parametrize("body", [BODY[:-1], BODY + b"x", b"", b"<html>log in to this network</html>"])
def test_a_file_of_another_length_is_refused_at_once(body: bytes, store: WeightStore) -> None:
    with serving(whole(body)) as server, pytest.raises(DownloadError, match=f"has {len(body):,} bytes instead of"):
        pulled(server, store)
    assert len(server.seen) == 1
    assert names(store) == []


def test_never_writes_more_than_the_published_bytes(store: WeightStore, monkeypatch: pytest.MonkeyPatch) -> None:
    written = 0
    discard = fetch._discard

    def watching(download: Any) -> None:
        nonlocal written
        written = max(written, download.part.stat().st_size if download.part.exists() else 0)
        discard(download)

    monkeypatch.setattr(fetch, "_discard", watching)
    with serving(endless(BODY + b"x" * 1_000_000)) as server, pytest.raises(DownloadError, match="sends more than"):
        pulled(server, store)
    assert 0 < written <= len(BODY)
    assert names(store) == []


def test_a_file_without_a_stated_length_is_taken_if_it_is_right(store: WeightStore) -> None:
    with serving(endless(BODY)) as server:
        assert pulled(server, store).read_bytes() == BODY


def test_an_encoding_nobody_asked_for_is_refused(store: WeightStore) -> None:
    def packed(handler: Handler) -> None:
        handler.head(200, Content_Length=len(BODY), Content_Encoding="gzip")
        handler.wfile.write(BODY)

    with serving(packed) as server, pytest.raises(DownloadError, match="encoding"):
        pulled(server, store)
    assert server.seen[0].headers["Accept-Encoding"] == "identity"


# ---- answers that are no file


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 451, 501])
def test_a_refusal_is_final(status: int, store: WeightStore) -> None:
    with serving(answer(status)) as server, pytest.raises(DownloadError, match=f"answered {status} .*IMG_ENHANCE_MIRROR"):
        pulled(server, store)
    assert len(server.seen) == 1


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_busy_server_is_asked_again(status: int, store: WeightStore) -> None:
    with serving(answer(status), answer(status), whole(BODY)) as server:
        assert pulled(server, store).read_bytes() == BODY
    assert len(server.seen) == 3


def test_a_server_that_stays_broken_is_given_up(store: WeightStore) -> None:
    waits = Waits()
    with serving(answer(500)) as server, pytest.raises(DownloadError, match="answered 500 Internal Server Error, after 5 tries"):
        pulled(server, store, sleep=waits)
    assert waits == [0.5, 1, 2, 4]


@pytest.mark.parametrize(("asked", "waited"), [("7", 7), ("0", 0.5), ("999999", 30), ("soon", 0.5), ("9" * 5000, 0.5)])
def test_the_wait_that_a_server_asks_for_is_kept_within_bounds(asked: str, waited: float, store: WeightStore) -> None:
    waits = Waits()
    with serving(answer(503, Retry_After=asked), whole(BODY)) as server:
        pulled(server, store, sleep=waits)
    assert waits == [waited]


@pytest.mark.parametrize("status", [204, 203, 206])
def test_an_answer_that_is_no_file_is_refused(status: int, store: WeightStore) -> None:
    with serving(answer(status)) as server, pytest.raises(DownloadError, match=f"answered {status}"):
        pulled(server, store)


def test_no_server_at_all_is_said(store: WeightStore) -> None:
    with serving(whole(BODY)) as server:
        pass
    with pytest.raises(DownloadError, match="cannot be reached"):
        pulled(server, store)


def test_what_is_no_http_is_said(store: WeightStore) -> None:
    def noise(handler: Handler) -> None:
        handler.wfile.write(b"\x15\x03\x01\x00\x02\x02\x50 garbage \r\n\r\n")

    with serving(noise) as server, pytest.raises(DownloadError, match="cannot be reached"):
        pulled(server, store)


# ---- redirects


def test_redirects_are_followed_and_ranges_go_along(store: WeightStore) -> None:
    leads = answer(302, Location="/b")
    with serving(leads, whole(BODY, sent=100_000), leads, whole(BODY)) as server:
        assert pulled(server, store).read_bytes() == BODY
    assert [handler.path for handler in server.seen] == ["/a/test.pth", "/b"] * 2
    assert server.ranges == [None, None, "bytes=100000-", "bytes=100000-"]


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_every_kind_of_redirect_is_followed(code: int, store: WeightStore) -> None:
    with serving(answer(code, Location="/b"), whole(BODY)) as server:
        assert pulled(server, store).read_bytes() == BODY


def test_redirects_in_a_circle_end(store: WeightStore) -> None:
    with serving(answer(302, Location="/a/test.pth")) as server, pytest.raises(DownloadError, match="leads on more than 5 times"):
        pulled(server, store)
    assert len(server.seen) <= 6


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/x", "data:text/plain,x", "javascript:0"])
def test_redirects_to_anything_else_are_refused(target: str, store: WeightStore) -> None:
    with serving(answer(302, Location=target)) as server, pytest.raises(DownloadError, match="leads"):
        pulled(server, store)
    assert names(store) == []


def test_https_never_leads_to_http() -> None:
    import http.client
    import io
    import urllib.request

    from img_enhance.web import Refused, _Redirects

    def redirected(start: str, target: str) -> Any:
        return _Redirects().redirect_request(urllib.request.Request(start), io.BytesIO(), 302, "Found", http.client.HTTPMessage(), target)

    with pytest.raises(Refused, match="is not https"):
        redirected("https://a.example/x", "http://a.example/x")
    assert redirected("https://a.example/x", "https://b.example/x").full_url == "https://b.example/x"
    assert redirected("http://a.example/x", "https://b.example/x").full_url == "https://b.example/x"
    assert redirected("http://a.example/x", "http://b.example/x").full_url == "http://b.example/x"


@pytest.mark.parametrize("url", ["file:///etc/hostname", "ftp://127.0.0.1/x", "data:,x"])
def test_urls_that_are_not_of_the_web_are_refused(url: str, store: WeightStore) -> None:
    with pytest.raises(DownloadError):
        pull(dataclasses.replace(row(), url=url), store, sleep=Waits())
    assert names(store) == []


# ---- mirrors and proxies


def test_a_mirror_takes_the_place_of_scheme_and_host() -> None:
    url = "https://github.com/xinntao/Real-ESRGAN/releases/download/v0.2.1/RealESRGAN_x2plus.pth"
    path = "/xinntao/Real-ESRGAN/releases/download/v0.2.1/RealESRGAN_x2plus.pth"
    assert mirrored(url, None) == url
    assert mirrored(url, "http://mirror.example:81") == "http://mirror.example:81" + path
    assert mirrored(url, "https://mirror.example/weights/") == "https://mirror.example/weights" + path


def test_the_mirror_is_asked_and_nobody_else(store: WeightStore) -> None:
    with serving(whole(BODY)) as server:
        pull(
            dataclasses.replace(row(), url="https://nobody.invalid/x/test.pth"),
            dataclasses.replace(store, mirror=f"{server.url}/m"),
            sleep=Waits(),
        )
    assert [handler.path for handler in server.seen] == ["/m/x/test.pth"]


def test_the_proxy_of_the_environment_is_asked(store: WeightStore, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(whole(BODY)) as server:
        monkeypatch.setenv("http_proxy", server.url)
        path = pull(dataclasses.replace(row(), url="http://nobody.invalid/x/test.pth"), store, sleep=Waits())
    assert path.read_bytes() == BODY
    assert [handler.path for handler in server.seen] == ["http://nobody.invalid/x/test.pth"]


# ---- the disk


def test_a_full_disk_is_found_before_the_download(store: WeightStore, monkeypatch: pytest.MonkeyPatch) -> None:
    class Usage:
        free = 1000

    monkeypatch.setattr("shutil.disk_usage", lambda _folder: Usage)
    with serving(whole(BODY)) as server, pytest.raises(DiskError, match=r"needs 1 MB.*IMG_ENHANCE_HOME"):
        pulled(server, store)
    assert server.seen == []


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with serving(whole(BODY)) as server, pytest.raises(DiskError, match="IMG_ENHANCE_HOME"):
        pulled(server, WeightStore(home=tmp_path / "file" / "home"))


def test_a_disk_that_fills_up_is_said(store: WeightStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with serving(whole(BODY)) as server, pytest.raises(DiskError, match="No space left"):
        pulled(server, store)
    assert "test.pth" not in names(store)


# ---- several at once


def test_two_threads_download_once(store: WeightStore) -> None:
    def slow(handler: Handler) -> None:
        time.sleep(0.3)
        whole(BODY)(handler)

    answers: list[bytes] = []
    with serving(slow) as server:
        threads = [threading.Thread(target=lambda: answers.append(pull(row(server), store).read_bytes())) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert answers == [BODY] * 3
    assert len(server.seen) == 1


PULL = """
import dataclasses, sys
from pathlib import Path
from img_enhance.models.table import BUILT_IN
from img_enhance.models.weights.cache import WeightStore
from img_enhance.models.weights.fetch import pull
url, home, size, sha256 = sys.argv[1:]
file = dataclasses.replace(BUILT_IN.files[0], name="test-1", file="test.pth", url=url, bytes=int(size), sha256=sha256)
print(pull(file, WeightStore(Path(home))))
"""


def process(server: Server, store: WeightStore) -> "subprocess.Popen[str]":
    file = row(server)
    command = [sys.executable, "-c", PULL, file.url, str(store.home), str(file.bytes), file.sha256]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_two_processes_download_once(store: WeightStore) -> None:
    def slow(handler: Handler) -> None:
        time.sleep(0.5)
        whole(BODY)(handler)

    with serving(slow) as server:
        both = [process(server, store) for _ in range(2)]
        for one in both:
            out, err = one.communicate(timeout=60)
            assert one.returncode == 0, err
            assert out.strip() == str(store.home / "test.pth")
    assert len(server.seen) == 1


@pytest.mark.skipif(os.name != "posix", reason="kills a process as POSIX does")
def test_a_killed_download_blocks_nobody_and_is_gone_on_with(store: WeightStore) -> None:
    part = store.home / ".test.pth.part"
    with serving(stalling(BODY, 200_000), whole(BODY)) as server:
        killed = process(server, store)
        deadline = time.monotonic() + 60
        while not part.exists() or part.stat().st_size < 65536:
            assert time.monotonic() < deadline
            assert killed.poll() is None
            time.sleep(0.01)
        killed.send_signal(signal.SIGKILL)
        killed.communicate(timeout=60)
        assert not (store.home / "test.pth").exists()
        assert pulled(server, store).read_bytes() == BODY
        assert server.ranges[1] is not None
    assert names(store) == ["test.pth"]


def test_errors_are_those_of_the_tree_and_plain_ascii(store: WeightStore) -> None:
    acts = [answer(404), answer(302, Location="file:///\u00fc"), whole(OTHER), endless(BODY + b"x"), whole(BODY[:5])]
    for act in acts:
        with serving(act) as server, pytest.raises(ImgEnhanceError) as caught:
            pulled(server, store)
        assert str(caught.value).isascii()
        assert "\n" not in str(caught.value)
