"""The client, `enhance --server` and `check-server` against a real service."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from fake_service import DONE, JOB, accepting, fake_service, page, saying
from served import COMPACT, RECIPE, SHIFT, Served, mean_colour, noisy_photo, plain_photo, served

from img_enhance.batch.outcome import PhotoOutcome
from img_enhance.client import Client, Enhanced, Patience
from img_enhance.client.checks import CHECKS
from img_enhance.engine.result import PhaseRecord, Result
from img_enhance.errors import ImgEnhanceError, OptionError, UnsupportedPhoto
from img_enhance.photo import Photo
from img_enhance.request.options import KEY_VARIABLE
from img_enhance.request.recipe import Recipe
from img_enhance.request.step_options import CLAHE, GFPGAN, RealESRGAN
from small_plan import DONE_TEXT, PASSES, planned

TWICE = Recipe.from_mapping(RECIPE)
FLAGS = ("--model", COMPACT, "--upscale", "2")
KEY = "0123456789abcdef0123456789abcdef"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def client(service: Served) -> Client:
    return Client(service.url)


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("keyed") / "data", {"ACCESS": "keys", "API_KEYS": KEY}) as run:
        yield run


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "red.png"
    path.write_bytes(plain_photo((200, 40, 90)))
    return path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_enhances_to_a_file_with_its_record(client: Client, photo: Path) -> None:
    job = client.enhance_file(photo, photo.with_name("out.png"), TWICE)
    assert mean_colour(photo.with_name("out.png").read_bytes()) == pytest.approx((200, 40, 90), abs=SHIFT)
    assert job.record is not None
    assert job.record["recipe"]["steps"][0]["upscale"] == 2
    assert names(photo.parent) == ["out.png", "red.png"]


def test_a_bad_photo_fails_alone(client: Client) -> None:
    first, second, third = client.enhance_batch([plain_photo((9, 9, 200)), b"nothing", plain_photo((9, 200, 9))], TWICE)
    assert isinstance(second, UnsupportedPhoto)
    for found, colour in ((first, (9, 9, 200)), (third, (9, 200, 9))):
        assert isinstance(found, Enhanced)
        assert mean_colour(found.data) == pytest.approx(colour, abs=SHIFT)


def test_the_same_request_twice_at_once_is_one_job(client: Client, service: Served) -> None:
    before = sum(client.status()["queue"]["jobs"].values())
    barrier = threading.Barrier(4)

    def submit(_: int) -> str:
        barrier.wait()
        return client.submit(plain_photo((5, 6, 7)), TWICE, idempotency_key="at-once").id

    with ThreadPoolExecutor(4) as pool:
        ids = set(pool.map(submit, range(4)))
    assert len(ids) == 1
    assert sum(client.status()["queue"]["jobs"].values()) == before + 1
    service.ended(ids.pop())


def test_asks_for_suggestions_and_algorithms_and_cancels(client: Client) -> None:
    assert client.suggest(plain_photo((3, 3, 3)))["reasons"]
    assert "real_esrgan" in {entry["name"] for entry in client.algorithms()["algorithms"]}
    id = client.submit(noisy_photo(side=400), TWICE).id
    assert client.cancel(id).state == "cancelled"
    with pytest.raises(ImgEnhanceError, match="cancelled"):
        client.result(id)


def test_refusals_are_the_errors_of_the_engine(client: Client) -> None:
    with pytest.raises(UnsupportedPhoto):
        client.enhance(b"nothing", TWICE)


def test_enhance_by_a_server_is_like_enhance_here(run: Run, service: Served, photo: Path) -> None:
    report = photo.with_name("report.json")
    code, out, err = run("enhance", photo, "--server", service.url, *FLAGS, "--report", report, "--compare", photo.with_name("sheet.png"))
    assert code == 0, err
    assert out.startswith(f"[OK] {photo.with_name('red_enhanced.png')}: 48x48, ")
    assert out.endswith(f"{COMPACT} 24x24 to 96x96 and reduced to 48x48\n")
    assert "Plan: " in err
    there = json.loads(report.read_text())
    result = photo.with_name("red_enhanced.png").read_bytes()
    assert names(photo.parent) == ["red.png", "red_enhanced.png", "report.json", "sheet.png"]
    assert run("enhance", photo, *FLAGS, "--precision", "f32", "--overwrite", "--report", report, "--quiet")[0] == 0
    here = json.loads(report.read_text())
    assert set(there) == set(here)
    assert there["recipe"] == here["recipe"]
    assert mean_colour(result) == pytest.approx(mean_colour(photo.with_name("red_enhanced.png").read_bytes()), abs=1)


def test_a_folder_is_enhanced_by_a_server_and_goes_on_where_it_was(run: Run, service: Served, tmp_path: Path) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    (folder / "sub").mkdir(parents=True)
    for number, name in enumerate(("a.png", "sub/b.png")):
        (folder / name).write_bytes(plain_photo((200, 40, 90 + number)))
        os.utime(folder / name, ns=(10**18, 10**18 + number))
    (folder / "bad.jpg").write_bytes(b"\xff\xd8\xff nothing more")
    command = ("enhance", folder, "-o", out, "--server", service.url, "--name", "{stem}_{scale}x{ext}", *FLAGS)
    code, text, err = run(*command)
    assert (code, "bad.jpg: " in err) == (2, True), err
    assert "Success: 2\nFailed: 1" in text
    results = sorted(path.relative_to(out).as_posix() for path in out.rglob("*_2x.png"))
    assert results == ["a_2x.png", "sub/b_2x.png"]
    assert [(out / name).stat().st_mtime_ns for name in results] == [10**18, 10**18 + 1]
    alone = tmp_path / "alone.png"
    assert run("enhance", folder / "a.png", "-o", alone, "--server", service.url, *FLAGS)[0] == 0
    assert alone.read_bytes() == (out / "a_2x.png").read_bytes()
    report = json.loads((out / "report.json").read_text())
    done = [PhotoOutcome.from_mapping(each) for each in report["photos"] if each["status"] == "done"]
    assert [(each.size, each.result_size, each.device) for each in done] == [((24, 24), (48, 48), f"server {service.url}")] * 2
    assert all(each.weights_sha256 and each.phases and each.planned_seconds >= 0 for each in done)
    assert len(list(out.rglob("*.jpg"))) == 4, "thumbnails"
    (folder / "bad.jpg").unlink()
    code, text, err = run(*command)
    assert (code, "2 done before" in err, "Skipped: 2" in text) == (0, True, True)


def test_a_folder_without_a_key_is_refused_before_anything(run: Run, keyed: Served, photo: Path, tmp_path: Path) -> None:
    code, _, err = run("enhance", photo.parent, "-o", tmp_path / "out", "--server", keyed.url, *FLAGS)
    assert (code, "key" in err) == (2, True)
    assert not (tmp_path / "out").exists()
    code, _, err = run("enhance", photo.parent, "-o", tmp_path / "out", "--server", keyed.url, "--ray", "auto")
    assert (code, "--server and --ray" in err) == (2, True)


def test_a_photo_that_is_left_as_it_is_comes_back_byte_for_byte(run: Run, service: Served, photo: Path) -> None:
    code, out, err = run("enhance", photo, "--server", service.url)
    assert (code, err.splitlines()[0]) == (0, "Auto: nothing to do, the photo is good as it is")
    assert out.endswith("; left as it is: copied byte for byte\n")
    assert photo.with_name("red_enhanced.png").read_bytes() == photo.read_bytes()


@pytest.mark.parametrize(
    ("left_out", "words"),
    [((), DONE_TEXT), (("done",), "real_esrgan and clahe and gfpgan"), (("done", "plan"), "real_esrgan and clahe and gfpgan")],
    ids=["this version", "one whose record has no words", "one whose record has no plan"],
)
def test_says_what_was_done_by_a_pass_of_every_kind(left_out: tuple[str, ...], words: str, run: Run, photo: Path) -> None:
    recipe = Recipe((RealESRGAN(), CLAHE(), GFPGAN()))
    passes = (PhaseRecord(step.name, 0.2, 2 * 10**9) for step in planned(*PASSES).passes)
    steps = (PhaseRecord("read", 0.1, 10**8), *passes)
    record = Result(Photo(np.zeros((60, 80, 3), np.uint8)), recipe, planned(*PASSES), {}, steps, ("a warning",)).record()
    record = {name: value for name, value in record.items() if name not in left_out}
    job = DONE | {"recipe": recipe.to_mapping(), "record": record}
    with fake_service({"POST enhance": [accepting(JOB | {"recipe": job["recipe"]})], "GET jobs/ID": [saying(job)]}) as fake:
        code, out, err = run("enhance", photo, "--server", fake.url, "--gfpgan")
    assert code == 0, err
    assert "; real_esrgan; clahe; gfpgan" in err
    assert "[WARNING] a warning" in err
    assert out.startswith(f"[OK] {photo.with_name('red_enhanced.png')}: 20x10, ")
    assert out.endswith(f" 2.0 GB of memory at {fake.url}; {words}\n")


@pytest.mark.parametrize("flags", [(), ("--dry-run",)])
def test_reasons_of_a_later_service_may_say_more(flags: tuple[str, ...], run: Run, photo: Path) -> None:
    reasons = [{"step": "clahe", "chosen": True, "strength": "1.5", "words": "it is flat", "of a later version": 0.7}]
    recipe = Recipe((CLAHE(),)).to_mapping()
    job = DONE | {"photo": DONE["photo"] | {"reasons": reasons}, "recipe": recipe, "record": {"warnings": [], "steps": []}}
    plan = {"recipe": recipe, "reasons": reasons, "result": DONE["result"], "estimated_seconds": 1.0}
    acts = {"POST enhance": [accepting(job)], "GET jobs/ID": [saying(job)], "POST suggest": [saying(plan)]}
    with fake_service(acts) as fake:
        code, _, err = run("enhance", photo, "--server", fake.url, *flags)
    assert code == 0, err
    assert "Auto: clahe 1.5: it is flat\n" in err


@pytest.mark.parametrize(
    ("flags", "code", "words"),
    [
        (("--device", "cpu"), 2, "--device says how this machine works"),
        (("--offline",), 2, "--offline says how this machine works"),
        (("--compare", "x.png", "--crop", "0,0,4,4"), 2, "leave one of them out"),
        (("--crop", "90,90,9,9"), 2, "does not lie within the result of 48x48"),
        (("-o", "red.png"), 2, "already exists"),
        (("-o", "nowhere/red.png"), 3, "does not exist"),
        (("-o", "out.xyz"), 2, "cannot tell the output format"),
        (("--report", "red.png"), 2, "would replace the photo"),
    ],
)
def test_refuses_with_one_line_and_exit_code(
    flags: tuple[str, ...], code: int, words: str, run: Run, service: Served, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(photo.parent)
    found, out, err = run("enhance", "red.png", "--server", service.url, *FLAGS, *flags)
    assert (found, out) == (code, "")
    assert err.startswith("[ERROR] ")
    assert words in err
    assert len(err.splitlines()) == 1
    assert names(photo.parent) == ["red.png"]


def test_a_name_that_is_taken_is_seen_before_anything_is_sent(run: Run, photo: Path) -> None:
    photo.with_name("red_enhanced.png").touch()
    with fake_service({}) as fake:
        assert run("enhance", photo, "--server", fake.url)[0] == 2
        assert fake.seen == {}


def test_dry_run_writes_nothing_and_leaves_no_job(run: Run, service: Served, client: Client, photo: Path) -> None:
    before = client.status()["queue"]["jobs"]
    code, _, err = run("enhance", photo, "--server", service.url, *FLAGS, "--dry-run")
    assert code == 0
    assert "to 48x48; real_esrgan; about" in err
    assert client.status()["queue"]["jobs"] == before
    assert names(photo.parent) == ["red.png"]


def test_pipes_work_with_a_server_too(service: Served) -> None:
    command = [sys.executable, "-m", "img_enhance", "enhance", "-", "--server", service.url, *FLAGS]
    done = subprocess.run(command, input=plain_photo((90, 90, 9)), capture_output=True, check=True)
    assert mean_colour(done.stdout) == pytest.approx((90, 90, 9), abs=SHIFT)


def test_an_interrupted_run_cancels_its_job(service: Served, tmp_path: Path) -> None:
    photo = tmp_path / "noise.png"
    photo.write_bytes(noisy_photo(side=500))
    command = [sys.executable, "-m", "img_enhance", "enhance", str(photo), "--server", service.url, *FLAGS]
    working = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert working.stderr is not None
    id = working.stderr.readline().partition(", job ")[2].partition(";")[0]
    while service.job(id)["state"] == "queued" and working.poll() is None:
        time.sleep(0.02)
    working.send_signal(signal.SIGINT)
    assert working.wait(20) == 130
    assert working.stderr.read().splitlines()[-1] == "[ERROR] cancelled; nothing was written"
    assert service.job(id)["state"] == "cancelled"
    assert names(tmp_path) == ["noise.png"]


def test_a_key_comes_from_the_flag_or_the_environment(run: Run, keyed: Served, photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ("enhance", photo, "--server", keyed.url, *FLAGS, "--overwrite")
    code, _, err = run(*arguments)
    assert code == 2
    assert "[ERROR] send your API key" in err
    assert run(*arguments, "--server-key", "wrong-key-wrong-key-wrong")[0] == 2
    assert run(*arguments, "--server-key", KEY)[0] == 0
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    assert run(*arguments)[0] == 0


def test_a_key_without_a_server_is_a_mistake(run: Run, photo: Path) -> None:
    code, _, err = run("enhance", photo, "--server-key", KEY)
    assert code == OptionError.exit_code
    assert "--server" in err


def test_check_server_passes_a_service_that_works(run: Run, service: Served, keyed: Served) -> None:
    for url, key in ((service.url, ()), (keyed.url, ("--key", KEY))):
        code, out, _ = run("check-server", url, *key)
        assert code == 0, out
        assert out.count("[OK]") == len(CHECKS) + 1
    assert "asks for a key" in out


def test_check_server_says_what_is_wrong(run: Run, keyed: Served) -> None:
    code, out, _ = run("check-server", keyed.url, "--wait", "1")
    assert code == 3
    assert "[ERROR] status: send your API key" in out
    with fake_service({"GET /healthz": [page(200)]}) as fake:
        code, out, _ = run("check-server", fake.url, "--wait", "0.1")
    assert code == 3
    assert "[ERROR] healthz: " in out
    assert "look at whether the service runs" in out


def test_a_killed_service_delivers_after_its_restart(tmp_path: Path) -> None:
    data, told = tmp_path / "data", list[str]()
    with served(data) as first:
        client = Client(first.url, patience=Patience(least_pause=0.1, most_pause=0.3), warn=told.append)
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(client.enhance, noisy_photo(side=500), TWICE)  # seconds of work, so that the kill is in its middle
            while "running" not in client.status()["queue"]["jobs"]:
                assert not waiting.done()
                time.sleep(0.02)
            first.kill()
            while not told:  # else the second may be there before the client asks again
                assert not waiting.done()
                time.sleep(0.02)
            second = Served(data, {"PORT": str(first.port)})
            try:
                enhanced = waiting.result(120)
                assert client.status()["queue"]["jobs"] == {"done": 1}
            finally:
                second.kill()
    assert enhanced.job.state == "done"
