"""Folders of Spaces for tests, from a wheel that holds little."""

import zipfile
from pathlib import Path

from space_folders import SPACES, assemble


def small_wheel(folder: Path) -> Path:
    """A wheel with the package's first file only."""
    wheel = folder / "img_enhance-0.1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as packed:
        packed.writestr("img_enhance/__init__.py", "__version__ = '0.1.0'\n")
        packed.writestr("img_enhance-0.1.0.dist-info/METADATA", "Name: img-enhance\n")
    return wheel


def made(kind: str, folder: Path) -> Path:
    """A Space of this kind, assembled in a new folder below `folder`."""
    target = folder / kind
    assemble(SPACES[kind], small_wheel(folder), target)
    return target
