"""Decoders in a process of their own: whatever becomes of that process, it is said of the photo."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from socket import socketpair

import numpy as np
import psutil
import pytest
from PIL import Image

from img_enhance.engine import Engine
from img_enhance.errors import Cancelled, PhotoError, PhotoTooLarge, UnsupportedPhoto
from img_enhance.image_io import apart, apart_child, open_photo, read_into
from img_enhance.request.options import Output
from img_enhance.request.recipe import Recipe
from img_enhance.service.settings import Settings
from img_enhance.workers import worker
from img_enhance.workers.channel import Channel
from img_enhance.workers.engine_worker import enhanced
from img_enhance.workers.protocol import EnhancePhoto, Working
from waiting import wait_for

HEIC = Path(__file__).parent.parent / "heic" / "exact.heic"


def child(folder: Path, does: str) -> Path:
    path = folder / "child.py"
    path.write_text(f"import os, signal, sys, time\n{does}\n")
    return path


@pytest.mark.parametrize(
    ("does", "says"),
    [
        ("os.kill(os.getpid(), signal.SIGSEGV)", "its decoder crashed"),
        ("sys.stdout.write('{\"size\"')", "its decoder crashed"),
        ("sys.exit('no such thing')", "no such thing"),
        (
            'print(\'{"size": [2, 2], "mode": "RGB", "deep": false, "bits": 8, "frames": 1, "blocks": {}, "pixels": true}\\n\' "few")',
            "its decoder crashed",
        ),
    ],
)
@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
def test_a_decoder_that_fails_is_a_damaged_photo(does: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "_CHILD", child(tmp_path, does))
    with pytest.raises(PhotoError, match=f"truncated or damaged.*{says}"):
        open_photo(HEIC, max_pixels=10_000)


@pytest.mark.parametrize(("limit", "pixels"), [("_MOST_SECONDS", True), ("_MOST_HEADER_SECONDS", False)])
def test_a_decoder_that_does_not_end_is_stopped(limit: str, pixels: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "_CHILD", child(tmp_path, "time.sleep(3000)"))
    monkeypatch.setattr(apart, limit, 0.5)
    with pytest.raises(PhotoError, match=r"exact\.heic took its decoder more than 0\.5 s; save it anew"):
        apart.decode_apart(HEIC, "heic", pixels=pixels)


def test_a_header_is_given_up_before_the_service_takes_its_worker_for_dead() -> None:
    assert Settings().stall_seconds > apart._MOST_HEADER_SECONDS


def test_who_waits_for_a_decoder_is_asked_meanwhile_and_may_end_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "_CHILD", child(tmp_path, f"open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\ntime.sleep(3000)"))
    asked = 0

    def tick() -> None:
        nonlocal asked
        asked += 1
        if asked > 3 and (tmp_path / "pid").exists() and (tmp_path / "pid").read_text():
            raise Cancelled("cancelled")

    with pytest.raises(Cancelled):
        apart.decode_apart(HEIC, "heic", pixels=True, tick=tick)
    assert not psutil.pid_exists(int((tmp_path / "pid").read_text()))


def test_a_kind_that_a_decoder_does_not_take_is_not_called_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "_CHILD", child(tmp_path, "sys.stderr.write('is odd\\nsave it otherwise')\nsys.exit(2)"))
    with pytest.raises(UnsupportedPhoto, match=r"exact\.heic is odd; save it otherwise"):
        open_photo(HEIC, max_pixels=10_000)


@pytest.mark.skipif(sys.platform == "win32", reason="limits are POSIX")
@pytest.mark.parametrize(
    ("does", "error", "says"),
    [
        (
            "import resource; resource.setrlimit(resource.RLIMIT_CPU, (1, 9))\nwhile True: pass",
            PhotoError,
            "more processor time than is allowed",
        ),
        ("sys.exit(3)", PhotoTooLarge, "needs more memory to decode than is allowed"),
    ],
)
def test_a_decoder_at_a_limit_of_this_process_is_no_damaged_photo(
    does: str, error: type[Exception], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apart, "_CHILD", child(tmp_path, does))
    with pytest.raises(error, match=says):
        open_photo(HEIC, max_pixels=10_000)


def test_a_decoder_says_that_it_has_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setitem(apart_child.DECODERS, "heic", fail)
    monkeypatch.setattr(sys, "argv", ["child", "heic", str(HEIC), "pixels", "0"])
    monkeypatch.setattr(apart_child, "_die_with_parent", lambda: None)
    assert apart_child.main() == apart._NO_MEMORY


@pytest.mark.parametrize("name", ["exact.heic", "lab.tif", "plain.bmp"])
def test_every_reading_of_pixels_apart_says_that_it_lives(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = HEIC if name == HEIC.name else tmp_path / name
    if path != HEIC:
        Image.new("LAB" if name == "lab.tif" else "RGB", (7, 5)).save(path)
    file = open_photo(path, max_pixels=10_000)
    monkeypatch.setattr(apart, "_CHILD", child(tmp_path, "time.sleep(3000)"))

    def tick() -> None:
        raise Cancelled("cancelled")

    with pytest.raises(Cancelled):
        read_into(file, "memory", None, tick)


@pytest.mark.skipif(sys.platform == "win32", reason="the service needs POSIX")
def test_a_worker_says_that_it_lives_while_it_waits_for_a_decoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heard = tmp_path / "heard"
    waits = f"if sys.argv[3] == 'pixels':\n    while not os.path.exists({str(heard)!r}): time.sleep(0.02)"
    decodes = f"import runpy; runpy.run_path({str(apart._CHILD)!r}, run_name='__main__')"
    monkeypatch.setattr(apart, "_CHILD", child(tmp_path, f"{waits}\n{decodes}"))
    monkeypatch.setattr(worker, "_SAY_SECONDS", 0)
    api, its = socketpair()
    callbacks, answers = worker.RunCallbacks(Channel(its.detach())), Channel(api.detach())

    def cancelled() -> bool:
        stop = callbacks.cancelled()
        if answers.waits(0):
            heard.touch()
        return stop

    photo = tmp_path / "photo.heic"
    shutil.copy(HEIC, photo)
    request = Recipe(steps=(), output=Output(format="png")).to_mapping()
    with Engine() as engine:
        done = enhanced(engine, EnhancePhoto(str(photo), request, str(tmp_path / "result"), ""), callbacks.progress, cancelled)
    assert (tmp_path / done.name).exists()
    assert isinstance(answers.receive(), Working)


def test_pixels_of_the_second_try_come_from_the_child(tmp_path: Path) -> None:
    lab = np.random.default_rng(1).integers(0, 256, (5, 7, 3), np.uint8)
    path = tmp_path / "lab.tif"
    Image.fromarray(lab, "LAB").save(path)
    pixels = apart.decode_apart(path, "pillow", pixels=True).pixels
    assert pixels is not None
    np.testing.assert_array_equal(pixels, lab)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
def test_a_decoder_does_not_outlive_who_waits_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "file")  # a decoder that opens it waits for ever
    asks = f"decode_apart(Path({str(tmp_path / 'file')!r}), 'bmp', pixels=True)"
    program = f"from pathlib import Path; from img_enhance.image_io.apart import decode_apart; {asks}"
    with subprocess.Popen([sys.executable, "-c", program]) as parent:
        found: list[psutil.Process] = []

        def decoding() -> bool:
            found[:] = psutil.Process(parent.pid).children()
            return bool(found) and "PIL" in Path(f"/proc/{found[0].pid}/maps").read_text()

        wait_for(decoding, 300)
        parent.kill()
    wait_for(lambda: not found[0].is_running() or found[0].status() == psutil.STATUS_ZOMBIE, 300)
