"""Installs the one wheel of a folder in an empty environment and uses it there, away from the source.

python scripts/try_package.py dist
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src"


def main() -> int:
    """Exit code 1 where a file is missing in the wheel; a command that fails says why itself."""
    (wheel,) = Path(sys.argv[1]).glob("*.whl")
    missing = missing_files(wheel)
    for name in missing:
        print(f"[ERROR] {wheel.name} lacks {name}; see tool.setuptools.package-data in pyproject.toml")
    if missing:
        return 1
    with tempfile.TemporaryDirectory() as folder:
        try_in(Path(folder), wheel.resolve())
    print(f"[OK] {wheel.name} works in an empty environment")
    return 0


def missing_files(wheel: Path) -> list[str]:
    """Files of the package that are not in the wheel."""
    with zipfile.ZipFile(wheel) as packed:
        there = set(packed.namelist())
    files = (path for path in (SOURCE / "img_enhance").rglob("*") if path.is_file() and path.suffix != ".pyc")
    return sorted({path.relative_to(SOURCE).as_posix() for path in files} - there)


def try_in(folder: Path, wheel: Path) -> None:
    """Install with the versions that the tests ran with, look at the commands, and enhance the sample photo."""
    venv.create(folder / "env", with_pip=True)
    scripts = folder / "env" / ("Scripts" if sys.platform == "win32" else "bin")
    steps = (
        ("python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-c", str(ROOT / "constraints.txt"), str(wheel)),
        ("img-enhance", "--help"),
        ("img-enhance", "models", "verify"),
        ("img-enhance", "enhance", str(ROOT / "samples" / "cat.png"), "--model", "realesr-animevideov3", "--upscale", "2", "-o", "cat.png"),
    )
    for program, *arguments in steps:
        subprocess.run([scripts / program, *arguments], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    assert (folder / "cat.png").stat().st_size > 0


if __name__ == "__main__":
    sys.exit(main())
