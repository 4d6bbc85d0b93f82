"""The examples in the docs of the service, run as they stand against one; the program twice: whoever copies it runs it again."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from served import Served, noisy_photo, served

ROOT = Path(__file__).parent.parent.parent
KEY = "a-key-of-some-length"
CURL = re.compile(r"^    (curl (?:.*\\\n)*.*)$", re.MULTILINE)
COMMAND = re.compile(r"^((?:cat photo.jpg \| )?img-enhance enhance photo.jpg .*--server .*|cat .*--server .*)$", re.MULTILINE)
PYTHON = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)

# As long as any machine may need, however busy; httpx itself would give up after 5 s.
SECONDS = 500
PATIENT = f"import functools, httpx; httpx.Client = functools.partial(httpx.Client, timeout={SECONDS})"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("examples") / "data", {"ACCESS": "keys", "API_KEYS": KEY, "SYNC_SECONDS": "300"}) as run:
        yield run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the one who copies the examples is, with the photos that they name."""
    for number, name in enumerate(("photo.jpg", "a.jpg", "b.jpg")):
        (tmp_path / "photo.png").write_bytes(noisy_photo(side=16, seed=number))
        with Image.open(tmp_path / "photo.png") as picture:
            picture.save(tmp_path / name)
    return tmp_path


def _examples(page: str, kind: re.Pattern[str]) -> list[str]:
    found: list[str] = kind.findall((ROOT / page).read_text(encoding="utf-8"))
    assert found, f"{page} has no such examples any more"
    return found


def _run(command: list[str], folder: Path, service: Served) -> str:
    words = {"KEY": KEY, "IMG_ENHANCE_SERVER_KEY": KEY, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    ended = subprocess.run(command, cwd=folder, env={**os.environ, **words}, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert ended.returncode == 0, f"{command}: {ended.stdout}{ended.stderr}{service.log.read_text()[-1000:]}"
    return ended.stdout


def _is_picture(path: Path) -> bool:
    with Image.open(path) as picture:
        return picture.size[0] > 0


def _made(folder: Path) -> list[Path]:
    return [*folder.glob("better.*"), *folder.glob("photo_enhanced.*")]


# Of a photo so small there is one tile, and the network that finds faces is not everywhere.
_UNRUN = ("/tiles/", "/faces")


@pytest.mark.skipif(shutil.which("curl") is None, reason="this test runs curl")
def test_the_lines_with_curl(service: Served, folder: Path) -> None:
    lines = [re.sub(r"\s+# .*$", "", line) for line in _examples("docs/api.md", CURL)]
    lines = [line for line in lines if not any(words in line for words in _UNRUN)]
    id, ran = "", set()
    for line in sorted(lines, key=lambda line: "DELETE" in line):
        if "/jobs/ID/" in line and id not in ran:
            service.client.headers["X-API-Key"] = KEY
            service.ended(id, seconds=SECONDS)
            ran.add(id)
        line = line.replace("http://127.0.0.1:8000", service.url).replace("/jobs/ID", f"/jobs/{id}").replace("ID,ID", f"{id},{id}")
        said = _run(["bash", "-c", line.replace("curl ", 'curl -sS --fail-with-body -H "X-API-Key: $KEY" ', 1)], folder, service)
        made = re.search(r"location: /api/v1/jobs/(\w+)", said, re.IGNORECASE)
        id = made[1] if made else id
    assert id
    assert all(_is_picture(folder / name) for name in ("better.jpg", "better.webp", "small.jpg", "clahe.jpg"))
    shutil.unpack_archive(folder / "enhanced.zip", folder / "unpacked")
    assert len(list((folder / "unpacked").iterdir())) == 2
    assert service.client.get(f"/api/v1/jobs/{id}/result").status_code == 410  # deleted by the last line


def test_the_program_with_the_client(service: Served, folder: Path) -> None:
    (program,) = [each for each in _examples("docs/client.md", PYTHON) if "Client(" in each]
    program = program.replace("https://photos.example.org", service.url).replace('"..."', repr(KEY)).replace("photo-1", "photo-2")
    said = _run([sys.executable, "-c", program], folder, service)
    assert said.count("Enhanced(") == 2
    assert all(_is_picture(folder / name) for name in ("better.jpg", "twice.jpg"))


@pytest.mark.parametrize("page", ["README.md", "docs/client.md"])
def test_the_command_line_with_a_server(service: Served, folder: Path, page: str) -> None:
    for line in _examples(page, COMMAND):
        for earlier in _made(folder):
            earlier.unlink()
        _run(["bash", "-c", line.replace("https://photos.example.org", service.url)], folder, service)
        assert bool(_made(folder)) != ("--dry-run" in line), line
        assert all(map(_is_picture, _made(folder)))


def test_the_program_in_python_and_its_second_run(service: Served, folder: Path) -> None:
    (program,) = _examples("docs/api.md", PYTHON)
    copied = program.replace("http://127.0.0.1:8000", service.url)
    program = "\n".join((PATIENT, f"key = {KEY!r}", copied, "print(job['id'])", "open('made', 'wb').write(result)"))
    ids = set()
    for _ in range(2):
        ids.add(_run([sys.executable, "-c", program], folder, service))
        assert _is_picture(folder / "made")
        (folder / "made").unlink()
    assert len(ids) == 1  # its Idempotency-Key is known
