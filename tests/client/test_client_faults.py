"""What the client does when everything around it breaks."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
from fake_service import DONE, ID, JOB, PICTURE, Act, accepting, cutting, events, fake_service, page, picture, problem, saying

from img_enhance.client import Client, Patience
from img_enhance.client.events import events_in
from img_enhance.client.form import Form
from img_enhance.client.problems import KINDS, error_of
from img_enhance.errors import (
    Cancelled,
    ImgEnhanceError,
    IntegrityError,
    MachineError,
    MemoryBudgetError,
    OptionError,
    PhotoError,
    ServiceUnreachable,
    UserError,
)
from img_enhance.jobs.refusals import FileTooLarge, KeyMissing, QuotaReached, Saturated
from img_enhance.progress import Progress

HURRIED = Patience(first=0.3, later=1.0, least_pause=0.01, most_pause=0.05, most_asked=0.3, poll=0.01)
RUNNING = JOB | {"state": "running", "progress": 0.5}
LARGE = b"x" * 3_000_000


def client_of(url: str, **options: object) -> Client:
    return Client(url, "secret", patience=HURRIED, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("read", [200_000, None], ids=["within the photo", "before the answer"])
def test_a_cut_upload_is_sent_again_with_the_same_key(read: int | None) -> None:
    with fake_service({"POST enhance": [cutting(read), accepting()]}) as fake:
        assert client_of(fake.url).submit(LARGE).id == ID
        first, second = fake.seen["POST enhance"]
        assert first["idempotency-key"] == second["idempotency-key"]
        assert first["prefer"] == "respond-async"


def test_a_refusal_that_comes_before_the_photo_is_read_is_not_repeated() -> None:
    with fake_service({"POST enhance": [problem(413, "file_too_large", "send a smaller file")]}) as fake:
        with pytest.raises(FileTooLarge, match=r"^send a smaller file$"):
            client_of(fake.url).submit(LARGE)
        assert len(fake.seen["POST enhance"]) == 1


@pytest.mark.parametrize(("status", "code"), [(503, "saturated"), (503, "stopping"), (429, "quota")])
def test_waits_as_long_as_the_service_asks(status: int, code: str) -> None:
    said: list[str] = []
    with fake_service({"POST enhance": [problem(status, code, "too much to do; try later", Retry_After="1"), accepting()]}) as fake:
        started = time.monotonic()
        assert client_of(fake.url, warn=said.append).submit(b"photo").id == ID
        assert time.monotonic() - started >= HURRIED.most_asked
    assert said == ["too much to do; trying again in 0.3 s"]


@pytest.mark.parametrize(("status", "code", "kind"), [(503, "saturated", Saturated), (429, "quota", QuotaReached)])
def test_patience_ends_with_the_words_of_the_service(status: int, code: str, kind: type[ImgEnhanceError]) -> None:
    with fake_service({"POST enhance": [problem(status, code)]}) as fake, pytest.raises(kind, match=r"^a sentence$"):
        client_of(fake.url).submit(b"photo")


def test_a_refusal_that_would_come_again_is_not_repeated_whatever_its_status() -> None:
    with fake_service({"POST enhance": [problem(503, "memory_budget", Retry_After="10")]}) as fake:
        with pytest.raises(MemoryBudgetError):
            client_of(fake.url).submit(b"photo")
        assert len(fake.seen["POST enhance"]) == 1


def test_a_missing_key_is_told_in_the_words_of_the_service() -> None:
    with fake_service({"GET status": [problem(401, "key_missing", "send your API key")]}) as fake:
        with pytest.raises(KeyMissing, match="send your API key") as caught:
            client_of(fake.url).status()
        assert caught.value.exit_code == 2


def test_cut_events_go_on_where_they_broke() -> None:
    acts: dict[str, list[Act]] = {
        "GET jobs/ID": [saying(RUNNING), saying(RUNNING), saying(DONE)],
        "GET jobs/ID/events": [events("queued", "running", cut=True), events("done")],
    }
    with fake_service(acts) as fake:
        assert client_of(fake.url).wait(ID).state == "done"
        assert [seen.get("last-event-id") for seen in fake.seen["GET jobs/ID/events"]] == [None, "2"]


def test_asks_again_and_again_where_no_events_come() -> None:
    acts: dict[str, list[Act]] = {"GET jobs/ID": [*[saying(RUNNING)] * 6, saying(DONE)], "GET jobs/ID/events": [page(200)]}
    told: list[Progress] = []
    with fake_service(acts) as fake:
        assert client_of(fake.url).wait(ID, progress=told.append).state == "done"
        assert len(fake.seen["GET jobs/ID/events"]) < 6
    assert [progress.fraction for progress in told] == [0.5] * 6 + [1.0]
    assert told[0].megapixels == pytest.approx(0.0002)


def test_a_cut_result_is_fetched_again(tmp_path: Path) -> None:
    with fake_service({"GET jobs/ID/result": [picture(sent=5_000), picture()]}) as fake:
        client_of(fake.url).enhance_file(b"photo", tmp_path / "out.png")
    assert (tmp_path / "out.png").read_bytes() == PICTURE
    assert [path.name for path in tmp_path.iterdir()] == ["out.png"]


def test_a_result_of_another_length_is_never_written(tmp_path: Path) -> None:
    with fake_service({"GET jobs/ID/result": [picture(data=PICTURE[:-1])]}) as fake:
        with pytest.raises(IntegrityError, match=f"{len(PICTURE) - 1:,} bytes instead of {len(PICTURE):,}"):
            client_of(fake.url).enhance_file(b"photo", tmp_path / "out.png")
        assert len(fake.seen["GET jobs/ID/result"]) == 3
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("status", [200, 403, 404, 500])
def test_a_page_is_no_answer(status: int) -> None:
    with fake_service({"POST enhance": [page(status)]}) as fake:
        with pytest.raises(ServiceUnreachable, match=rf"{fake.url} answers {status} .*text/html.*check the URL"):
            client_of(fake.url).submit(b"photo")
        assert len(fake.seen["POST enhance"]) == 1


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_page_of_a_busy_proxy_is_waited_out(status: int) -> None:
    with fake_service({"POST enhance": [page(status), page(status), accepting()]}) as fake:
        assert client_of(fake.url).submit(b"photo").id == ID


def test_a_redirect_is_told_and_not_followed() -> None:
    said = r"leads on to 'https://elsewhere\.example/'; use that URL"
    acts: dict[str, list[Act]] = {"GET status": [page(301, Location="https://elsewhere.example/")]}
    with fake_service(acts) as fake, pytest.raises(ServiceUnreachable, match=said):
        client_of(fake.url).status()


def test_where_nothing_listens_patience_is_short() -> None:
    with fake_service({}) as fake:
        url = fake.url
    started = time.monotonic()
    with pytest.raises(ServiceUnreachable, match="cannot be reached"):
        client_of(url).status()
    assert time.monotonic() - started < HURRIED.later


@pytest.mark.parametrize("url", ["", "photos.example", "ftp://photos.example", "http://", "http://a b", "http://a/?x=1", "http://\xe4"])
def test_refuses_what_is_no_url(url: str) -> None:
    with pytest.raises(OptionError, match="URL must be such as https"):
        Client(url)


def test_refuses_a_key_that_would_be_another_header() -> None:
    with pytest.raises(OptionError, match="key"):
        Client("http://photos.example", "a\r\nX-Other: b")


def test_an_interrupted_wait_cancels_the_job() -> None:
    def interrupt(_: Progress) -> None:
        raise KeyboardInterrupt

    with fake_service({"GET jobs/ID": [saying(RUNNING)]}) as fake:
        with pytest.raises(KeyboardInterrupt):
            client_of(fake.url).enhance(b"photo", progress=interrupt)
        assert len(fake.seen["DELETE jobs/ID"]) == 1


@pytest.mark.parametrize(
    ("job", "kind"),
    [
        (JOB | {"state": "failed", "error": {"status": 503, "code": "memory_budget", "detail": "too large"}}, MemoryBudgetError),
        (JOB | {"state": "cancelled"}, Cancelled),
        (JOB | {"state": "expired"}, UserError),
        ({"id": 5}, ServiceUnreachable),
    ],
)
def test_a_job_without_a_result_says_why(job: dict[str, object], kind: type[ImgEnhanceError]) -> None:
    with fake_service({"GET jobs/ID": [saying(job)]}) as fake, pytest.raises(kind):
        client_of(fake.url).enhance(b"photo")


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.__name__)
def test_every_error_comes_back_as_itself(kind: type[ImgEnhanceError]) -> None:
    error = error_of({"code": kind.code, "status": kind.http_status, "detail": "a sentence"})
    assert type(error) is kind
    assert str(error) == "a sentence"


def test_an_error_of_a_later_version_keeps_its_side() -> None:
    assert type(error_of({"code": "new", "status": 422, "detail": "x"})) is UserError
    assert type(error_of({"code": "new", "status": 500, "title": "y"})) is MachineError


def test_a_photo_that_cannot_be_read_is_not_sent(tmp_path: Path) -> None:
    (tmp_path / "empty.png").touch()
    with fake_service({}) as fake:
        for name in ("missing.png", "empty.png", "."):
            with pytest.raises(PhotoError):
                client_of(fake.url).submit(tmp_path / name)
        assert fake.seen == {}


def test_a_photo_that_becomes_shorter_is_not_half_sent(tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    photo.write_bytes(LARGE)

    def shorten(sent: int, _: int) -> None:
        if sent > 500_000:
            photo.write_bytes(b"")

    with fake_service({"POST enhance": [cutting(10_000_000)]}) as fake, pytest.raises(PhotoError, match="became shorter"):
        client_of(fake.url).submit(photo, sending=shorten)


def test_a_form_has_the_length_it_says_and_can_be_sent_again(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(LARGE)
    told: list[tuple[int, int]] = []
    form = Form([tmp_path / "a", b"b"], {"recipe": "{}"}, sending=lambda sent, total: told.append((sent, total)))
    first, second = (b"".join(form) for _ in range(2))
    assert first == second
    assert len(first) == form.length
    assert told[-1] == (form.length, form.length)


def test_events_that_are_cut_off_are_left_out() -> None:
    lines = b": still here\n\nevent: state\nid: 1\ndata: {}\n\nid: 2\ndata: nonsense\n\nid: 3\ndata: {}\n".splitlines(keepends=True)
    assert [(event.kind, event.id) for event in events_in(lines)] == [("", ""), ("state", "1")]


def test_import_loads_nothing_heavy() -> None:
    code = "import sys, img_enhance.client\nprint(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"numpy", "openvino", "cv2", "pyvips", "PIL", "fastapi", "starlette", "pydantic", "tqdm"} & set(loaded)
