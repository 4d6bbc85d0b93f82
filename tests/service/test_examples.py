"""The program in the docs of the API, run as it stands against a service, twice: whoever copies it runs it again."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from served import Served, noisy_photo, served

ROOT = Path(__file__).parent.parent.parent
KEY = "a-key-of-some-length"
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
    words = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    ended = subprocess.run(command, cwd=folder, env={**os.environ, **words}, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert ended.returncode == 0, f"{command}: {ended.stdout}{ended.stderr}{service.log.read_text()[-1000:]}"
    return ended.stdout


def _is_picture(path: Path) -> bool:
    with Image.open(path) as picture:
        return picture.size[0] > 0


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
