"""The command line's models: list, show, pull, verify, and the question before a download."""

import contextlib
import dataclasses
import hashlib
import json
import os
import select
import signal
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from img_enhance.cli.main import main
from img_enhance.machine import settings
from img_enhance.models.table import BUILT_IN, MODELS
from img_enhance.models.weight_files import WeightFile
from img_enhance.models.weight_sources import WheelWeights
from img_enhance.models.weights.store import load

Run = Callable[..., "Ran"]
POSIX = pytest.mark.skipif(os.name != "posix", reason="terminals of POSIX")
COMPACT = BUILT_IN.named("realesr-animevideov3")


@dataclasses.dataclass
class Ran:
    code: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for downloads, which does not exist yet; nothing of this machine's settings counts."""
    for name in ("IMG_ENHANCE_WEIGHTS_PATH", "IMG_ENHANCE_MIRROR", "IMG_ENHANCE_OFFLINE", "http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("IMG_ENHANCE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def run_main(*arguments: str | Path) -> Ran:
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as stop:
            code = int(str(stop.code))
        said = capsys.readouterr()
        assert (said.out + said.err).isascii()
        assert "Traceback" not in said.err
        return Ran(code, said.out, said.err)

    return run_main


def weights() -> bytes:
    """The compact model's weights as a safetensors file."""
    header: dict[str, Any] = {}
    values = b""
    for name, array in load(COMPACT).items():
        wide = array.astype(np.float32)
        header[name] = {"dtype": "F32", "shape": wide.shape, "data_offsets": (len(values), len(values) + wide.nbytes)}
        values += wide.tobytes()
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + values


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, list[str]]]:
    """The URL of a server on this machine that has that file, and the paths it was asked for."""
    asked: list[str] = []
    data = weights()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200 if self.path.endswith("compact.safetensors") else 404)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{listening.server_address[1]}", asked
        listening.shutdown()
        thread.join()


@pytest.fixture
def file(server: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch) -> WeightFile:
    """A row more: the compact model's weights at the server, under terms worth a note."""
    server[1].clear()
    data = weights()
    made = dataclasses.replace(
        BUILT_IN.files[0],
        name="compact-1",
        file="compact.safetensors",
        format="safetensors",
        url=f"{server[0]}/a/compact.safetensors",
        bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        license_note="For tests only.",
    )
    monkeypatch.setattr(settings, "BUILT_IN", dataclasses.replace(BUILT_IN, other_files=(*BUILT_IN.other_files, made)))
    return made


def fact(out: str, name: str) -> str:
    (line,) = [line for line in out.splitlines() if line.startswith(f"{name} ")]
    return line[9:]


# ---- list and show


def test_models_and_models_list_are_the_same(run: Run) -> None:
    assert run("models").out == run("models", "list").out


def test_list_has_every_model_and_every_weight_file_once(run: Run) -> None:
    names = [line.split()[0] for line in run("models", "list").out.splitlines()[1:]]
    assert sorted(names) == sorted({model.name for model in MODELS} | {file.name for file in BUILT_IN.files})


@pytest.mark.usefixtures("file")
def test_list_says_what_has_been_downloaded(run: Run) -> None:
    def line() -> str:
        return next(line for line in run("models").out.splitlines() if line.startswith("compact-1"))

    assert " no " in line()
    assert run("models", "pull", "compact-1").code == 0
    assert " yes " in line()


@pytest.mark.parametrize("row", [*MODELS, *BUILT_IN.files], ids=lambda row: row.name)
def test_show_says_whose_it_is_and_where_it_is(row: Any, run: Run) -> None:
    ran = run("models", "show", row.name)
    assert (ran.code, ran.err) == (0, "")
    assert fact(ran.out, "license") == row.license
    assert fact(ran.out, "source") == row.source
    assert fact(ran.out, "paper") == row.paper
    sha256 = row.sha256 if isinstance(row, WeightFile) else row.weights.sha256
    assert fact(ran.out, "sha256") == (sha256 or "unpinned: recorded at the first download")
    if not isinstance(row, WeightFile) and isinstance(row.weights, WheelWeights):
        assert Path(fact(ran.out, "place")).is_file()
        return
    file = row if isinstance(row, WeightFile) else row.weights.file
    assert f"({file.bytes:,} bytes)" in fact(ran.out, "size")
    assert fact(ran.out, "from") == file.url
    assert fact(ran.out, "place") == f"not on this machine; run: img-enhance models pull {row.name}"
    assert " ".join(file.license_note.split()) in " ".join(ran.out.split())


@pytest.mark.usefixtures("file")
def test_show_says_where_a_download_is(run: Run, home: Path) -> None:
    run("models", "pull", "compact-1")
    assert fact(run("models", "show", "compact-1").out, "place") == str(home / "compact.safetensors")


@pytest.mark.parametrize("command", ["show", "pull"])
def test_a_name_that_is_unknown_is_refused(command: str, run: Run) -> None:
    ran = run("models", command, "gfpgan")
    assert ran.code == 2
    assert "no model is called 'gfpgan'; there are realesrgan-x4plus," in ran.err


# ---- pull


def test_pull_says_terms_and_brings_the_file(run: Run, file: WeightFile, home: Path, server: tuple[str, list[str]]) -> None:
    ran = run("models", "pull", "compact-1")
    assert (ran.code, ran.out) == (0, f"[OK] compact-1: {home / 'compact.safetensors'}\n")
    assert ran.err.startswith("compact-1: 2 MB, download from 127.0.0.1, license BSD-3-Clause.\nFor tests only.\n")
    assert "100% of 2 MB" in ran.err
    assert (home / "compact.safetensors").stat().st_size == file.bytes
    again = run("models", "pull", "compact-1", "compact-1")
    assert (again.code, again.err) == (0, "")
    assert server[1] == ["/a/compact.safetensors"]


@pytest.mark.usefixtures("file")
def test_pull_is_quiet_on_request(run: Run) -> None:
    assert run("models", "pull", "--quiet", "compact-1") == Ran(0, "", "")


def test_pull_of_a_model_that_comes_with_a_package_finds_it(run: Run) -> None:
    ran = run("models", "pull", COMPACT.name)
    assert ran.code == 0
    assert ran.out.startswith(f"[OK] {COMPACT.name}: ")


@pytest.mark.usefixtures("file")
def test_pull_offline_downloads_nothing(run: Run, home: Path, server: tuple[str, list[str]]) -> None:
    ran = run("models", "pull", "--offline", "compact-1")
    assert ran.code == 3
    assert f"put compact.safetensors into {home}" in ran.err
    assert server[1] == []


@pytest.mark.usefixtures("file")
def test_pull_follows_the_settings(run: Run, server: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMG_ENHANCE_OFFLINE", "1")
    assert run("models", "pull", "compact-1").code == 3
    monkeypatch.delenv("IMG_ENHANCE_OFFLINE")
    monkeypatch.setenv("IMG_ENHANCE_MIRROR", f"{server[0]}/mirror")
    assert run("models", "pull", "compact-1").code == 0
    assert server[1] == ["/mirror/a/compact.safetensors"]
    monkeypatch.setenv("IMG_ENHANCE_MIRROR", "nowhere")
    assert run("models", "pull", "compact-1").code == 2


def test_pull_of_what_the_server_does_not_have_is_an_error_of_this_machine(run: Run, file: WeightFile, monkeypatch: Any) -> None:
    lost = dataclasses.replace(file, name="lost-1", file="lost.pth", url=file.url.replace("compact", "lost"))
    monkeypatch.setattr(settings, "BUILT_IN", dataclasses.replace(BUILT_IN, other_files=(lost,)))
    ran = run("models", "pull", "lost-1")
    assert ran.code == 3
    assert "answered 404 Not Found" in ran.err


# ---- verify


@pytest.mark.usefixtures("file")
def test_verify_reads_everything_and_finds_damage(run: Run, home: Path) -> None:
    run("models", "pull", "compact-1")
    good = run("models", "verify")
    assert good.code == 0
    assert f"[OK] compact-1: {home / 'compact.safetensors'}" in good.out
    assert "[--] gfpgan-1.4: not on this machine" in good.out
    assert good.out.count("[OK]") == sum(isinstance(model.weights, WheelWeights) for model in MODELS) + 1
    path = home / "compact.safetensors"
    stat = path.stat()
    with path.open("r+b") as data:
        data.seek(-1, os.SEEK_END)
        data.write(b"\x7f")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    bad = run("models", "verify")
    assert bad.code == 4
    assert "[ERROR] compact-1: " in bad.out
    assert "models pull compact-1" in bad.out
    assert not path.exists()
    assert (home / "compact.safetensors.damaged").exists()
    assert run("models", "pull", "compact-1").code == 0
    assert run("models", "verify").code == 0


# ---- the question before a download

# The command line with one model whose weights have to be downloaded.
PROGRAM = """
import dataclasses, json, sys
from img_enhance.machine import settings
from img_enhance.cli.main import main
from img_enhance.models.table import BUILT_IN
from img_enhance.models.weight_files import WeightFile
from img_enhance.models.weight_sources import DownloadedWeights
row, *arguments = sys.argv[1:]
file = WeightFile(**json.loads(row))
model = dataclasses.replace(BUILT_IN.named("realesr-animevideov3"), weights=DownloadedWeights(file))
settings.BUILT_IN = dataclasses.replace(BUILT_IN, enlarging=(model,))
sys.exit(main(arguments))
"""


def command(file: WeightFile, *arguments: str | Path) -> list[str]:
    return [sys.executable, "-c", PROGRAM, json.dumps(dataclasses.asdict(file)), *map(str, arguments)]


@pytest.fixture
def photo(saved: Callable[[str, npt.NDArray[Any]], Path], cat: npt.NDArray[np.uint8]) -> Path:
    return saved("cat.png", cat[:12, :16])


def enhance(file: WeightFile, photo: Path, *options: str) -> list[str]:
    return command(file, "enhance", photo, "--model", COMPACT.name, *options)


def test_without_a_terminal_nobody_is_asked(file: WeightFile, photo: Path, home: Path, server: tuple[str, list[str]]) -> None:
    done = subprocess.run(enhance(file, photo), capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == 3
    assert done.stderr.splitlines()[-1] == (
        "[ERROR] the weights compact-1 (2 MB) are not on this machine; run: img-enhance models pull compact-1"
    )
    assert server[1] == []
    assert not home.exists()
    assert [path.name for path in photo.parent.iterdir()] == ["cat.png"]


def test_pulled_weights_are_used(file: WeightFile, photo: Path) -> None:
    subprocess.run(command(file, "models", "pull", "compact-1"), capture_output=True, check=True)
    subprocess.run(enhance(file, photo), capture_output=True, check=True)
    downloaded = photo.with_name("cat_enhanced.png").read_bytes()
    assert main(["enhance", str(photo), "--model", COMPACT.name, "--overwrite", "--quiet"]) == 0
    assert photo.with_name("cat_enhanced.png").read_bytes() == downloaded


class Terminal:
    """A program on a terminal of its own."""

    def __init__(self, arguments: list[str]) -> None:
        import pty

        self.leader, follower = pty.openpty()
        # A session of its own makes it the terminal that Ctrl-C is typed at.
        self.process = subprocess.Popen(
            ["setsid", "--ctty", *arguments] if sys.platform == "linux" else arguments, stdin=follower, stdout=follower, stderr=follower
        )
        os.close(follower)
        self.shown = ""

    def wait_for(self, text: str) -> None:
        while text not in self.shown:
            data = self._read()
            assert data, self.shown
            self.shown += data

    def type(self, text: str) -> None:
        os.write(self.leader, text.encode())

    def end(self) -> int:
        while data := self._read():
            self.shown += data
        os.close(self.leader)
        assert self.shown.isascii()
        return self.process.wait(timeout=60)

    def _read(self) -> str:
        with contextlib.suppress(OSError):  # Linux says so when the other end is closed
            if select.select([self.leader], [], [], 60)[0]:
                return os.read(self.leader, 4096).decode()
        return ""


@POSIX
@pytest.mark.parametrize("answer", ["Yes\n"])
def test_at_a_terminal_yes_downloads_and_goes_on(answer: str, file: WeightFile, photo: Path, home: Path) -> None:
    terminal = Terminal(enhance(file, photo))
    terminal.wait_for("[y/N] ")
    assert "compact-1 is not on this machine: 2 MB, download from 127.0.0.1, license BSD-3-Clause." in terminal.shown
    assert "For tests only." in terminal.shown
    assert not home.exists()
    terminal.type(answer)
    assert terminal.end() == 0
    assert photo.with_name("cat_enhanced.png").is_file()
    assert (home / "compact.safetensors").is_file()


@POSIX
@pytest.mark.parametrize(("answer", "code"), [("\n", 3), ("\x04", 3), ("\x03", 130)])
def test_at_a_terminal_everything_else_is_no(answer: str, code: int, file: WeightFile, photo: Path, server: tuple[str, list[str]]) -> None:
    terminal = Terminal(enhance(file, photo))
    terminal.wait_for("[y/N] ")
    terminal.type(answer)
    assert terminal.end() == code
    assert ("img-enhance models pull compact-1" if code == 3 else "cancelled") in terminal.shown
    assert server[1] == []
    assert [path.name for path in photo.parent.iterdir()] == ["cat.png"]


@POSIX
def test_a_signal_ends_the_question(file: WeightFile, photo: Path) -> None:
    terminal = Terminal(enhance(file, photo))
    terminal.wait_for("[y/N] ")
    terminal.process.send_signal(signal.SIGTERM)
    assert terminal.end() == 130


@POSIX
@pytest.mark.parametrize("option", ["--offline", "--quiet", "--dry-run"])
def test_options_that_ask_nothing_ask_nothing(option: str, file: WeightFile, photo: Path, server: tuple[str, list[str]]) -> None:
    terminal = Terminal(enhance(file, photo, option))
    assert terminal.end() == (0 if option == "--dry-run" else 3)
    assert "[y/N]" not in terminal.shown
    assert server[1] == []


@pytest.mark.parametrize(
    ("here", "asked"),
    [((), "realesr-general-x4v3 realesr-general-wdn-x4v3"), (("realesr-general-x4v3",), "realesr-general-wdn-x4v3")],
)
def test_both_files_of_a_mixed_model_are_asked_for(
    here: tuple[str, ...], asked: str, run: Run, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("img_enhance.models.weights.cache.found", lambda file, _store: photo if file.name in here else None)
    ran = run("enhance", photo, "--model", "realesr-general-x4v3", "--denoise", "0.5")
    assert ran.code == 3
    assert f"run: img-enhance models pull {asked}\n" in ran.err


def test_modules_without_weights_of_their_own_load_nothing_heavy() -> None:
    code = "import sys, img_enhance.cli.models\nprint(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"numpy", "openvino", "tqdm", "urllib.request"} & set(loaded)
