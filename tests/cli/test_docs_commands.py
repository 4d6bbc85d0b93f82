"""The examples of the docs: every command is one that there is, and those of README run as they stand."""

import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from img_enhance.cli import main as command_line
from img_enhance.suggest import rules
from own_networks import carrier_file

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").glob("*.md")))
COMMAND = re.compile(r"^(?:    )?((?:cat \S+ \| )?img-enhance(?: .*)?)$", re.MULTILINE)
PYTHON = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)

# What is planned only, because it takes a large photo or weights that are not everywhere; and what needs a service, which other tests have.
PLANNED = ("--width", "--crop", "--gfpgan", "--dry-run", " photos/ ")
WITH_SERVICE = "--server"

# The automatic mode would enlarge photos as small as these sixteen times, which takes long.
NOT_ENLARGED = "from img_enhance.suggest import rules; rules.FACTORS = ()\n"
COMMAND_LINE = f"{NOT_ENLARGED}from img_enhance.cli.main import main; raise SystemExit(main())"


def commands_of(page: str) -> list[str]:
    """The commands of a page, without what is said of them."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return [re.split(r"\s+#", line)[0].strip() for line in COMMAND.findall(text)]


def words_of(command: str) -> list[str]:
    """What the command line of img-enhance is given in a command, which may be one end of a pipe."""
    words = shlex.split(command.rpartition("|")[2])
    return words[1 : words.index(">")] if ">" in words else words[1:]


COMMANDS = [(page, command) for page in PAGES for command in commands_of(page)]


@pytest.fixture
def folder(tmp_path: Path, cat: npt.NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the one who copies the examples is, with the photos that they name."""
    picture = Image.fromarray(cat[:8, :10])
    (tmp_path / "photos").mkdir()
    for name in ("photo.jpg", "dark.jpg", "portrait.jpg", "scan.tif", "a.jpg", "b.jpg", "photos/one.jpg", "photos/two.png"):
        picture.save(tmp_path / name)
    carrier_file(tmp_path / "4x-UltraSharp.pth")  # what is in a file is told by its bytes
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(rules, "FACTORS", ())
    return tmp_path


def test_the_pages_have_examples() -> None:
    assert len(COMMANDS) > 40
    assert len({page for page, _ in COMMANDS}) > 8


@pytest.mark.parametrize(("page", "command"), COMMANDS, ids=[f"{page} {number}" for number, (page, _) in enumerate(COMMANDS)])
def test_every_command_in_the_docs_is_understood(page: str, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        command_line._parser().parse_args(command_line._with_command(words_of(command)))
    except SystemExit as end:
        pytest.fail(f"{page}: {command}: {end.code} {capsys.readouterr().err}")


def test_the_commands_of_readme_run(folder: Path, run: Callable[..., tuple[int, str, str]]) -> None:
    commands = [each for each in commands_of("README.md") if not any(words in each for words in (*PLANNED, WITH_SERVICE, "|"))]
    assert len(commands) > 5
    for command in commands:
        code, _, said = run(*words_of(command))
        assert code == 0, f"{command}: {said}"
    for name in ("photo_enhanced.jpg", "dark_enhanced.jpg", "portrait_enhanced.jpg", "sheet.png", "photo_enhanced_compared.png"):
        assert (folder / name).exists(), name
    with Image.open(folder / "scan_enhanced.tif") as picture:
        assert picture.size == (40, 32)


def test_the_larger_commands_of_readme_are_planned(folder: Path, run: Callable[..., tuple[int, str, str]]) -> None:
    for name in ("photo.jpg", "portrait.jpg", "huge.jpg"):
        Image.new("RGB", (1300, 900)).save(folder / name)
    commands = [each for each in commands_of("README.md") if any(words in each for words in PLANNED)]
    assert len(commands) > 3
    for command in commands:
        code, _, said = run(*words_of(command.replace("--dry-run", "")), "--dry-run")
        assert code == 0, f"{command}: {said}"


@pytest.mark.skipif(sys.platform == "win32", reason="it runs a pipe of a shell")
def test_the_pipe_of_readme_runs(folder: Path) -> None:
    (command,) = [each for each in commands_of("README.md") if "|" in each]
    (folder / "photo.jpg").rename(folder / "photo.heic")  # a pipe has no name, so its content counts
    command = command.replace("img-enhance ", f"{shlex.quote(sys.executable)} -c {shlex.quote(COMMAND_LINE)} ", 1)
    subprocess.run(["bash", "-c", f"set -o pipefail; {command}"], check=True, timeout=500, cwd=folder)
    with Image.open(folder / "photo.jpg") as picture:
        assert picture.format == "JPEG"


def test_the_program_of_readme_runs(folder: Path) -> None:
    (program,) = PYTHON.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    said = subprocess.run(
        [sys.executable, "-c", NOT_ENLARGED + program], check=True, timeout=500, cwd=folder, capture_output=True, text=True
    ).stdout
    assert "white_balance" in said
    for name, size in {"photo_2x.png": (20, 16), "a_enhanced.jpg": None, "b_enhanced.jpg": None}.items():
        with Image.open(folder / name) as picture:
            assert size in (None, picture.size), name


def test_the_program_that_compares_runs(folder: Path) -> None:
    (program,) = PYTHON.findall((ROOT / "docs" / "compare.md").read_text(encoding="utf-8"))
    photos = "import numpy as np, img_enhance as ie\nbefore, after = (ie.Photo(np.full((8, 8, 3), value, np.uint8)) for value in (1, 9))\n"
    Image.open(folder / "a.jpg").save(folder / "photo_enhanced.jpg")
    subprocess.run([sys.executable, "-c", photos + program], check=True, timeout=500, cwd=folder)
    assert list(folder.glob("*compared*"))
