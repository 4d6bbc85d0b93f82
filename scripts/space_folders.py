"""Spaces as folders: what goes into each, and what may be wrong with one before it is pushed.

Source: huggingface.co/docs/hub/spaces-config-reference and spaces-sdks-docker, as of November 2026.
"""

from __future__ import annotations

import re
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from huggingface_hub import SpaceHardware

from dockerfile import Instruction, instructions, pairs
from img_enhance.service.settings import PREFIX, Settings

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy" / "huggingface"
PORT, USER = 7860, "1000"

# The hub wants larger files in its large file storage, which a folder of this kind never needs.
_MOST_FILE_BYTES, _MOST_BYTES = 10_000_000, 30_000_000
_MOST_DESCRIPTION = 60
_COLOURS = ("red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray")
_NEEDED = ("title", "emoji", "colorFrom", "colorTo", "sdk", "license", "suggested_hardware", "short_description")

_HEADER = re.compile(r"\A---\n(.*?)\n---\n", re.DOTALL)
_SECRETS = (
    re.compile(r"\bhf_[A-Za-z0-9]{30,}"),
    re.compile(r"\bie_[A-Za-z0-9_-]{40,}"),
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    re.compile(r"(?m)^[^#\n]*\b\w*(?:API_KEYS?|SERVER_KEY|TOKEN|PASSWORD|SECRET)\w*\s*=\s*[^\s#]"),
)
_SECRET_FILES = re.compile(r"(?:^|/)(?:\.env|keys|.*\.pem|.*\.key|\.netrc|token)$")
# Code names such things where it reads them.
_TEXTS = ("Dockerfile", ".md", ".txt", ".yaml", ".yml", ".toml", ".cfg", ".env", ".sh")


@dataclass(frozen=True)
class Space:
    """One kind of Space: its folder in `deploy/huggingface`, and what is replaced in files of it."""

    sdk: str
    source: str
    replaced: Mapping[str, Mapping[str, str]]


_GPU = {
    "Dockerfile": {"ARG EXTRAS=service\n": "ARG EXTRAS=service,torch\n", "ARG ENABLE_GPU=false\n": "ARG ENABLE_GPU=true\n"},
    "README.md": {"suggested_hardware: cpu-basic\n": "suggested_hardware: t4-small\n"},
}
SPACES = {
    "docker": Space("docker", "docker", {}),
    "docker-gpu": Space("docker", "docker", _GPU),
    "zerogpu": Space("gradio", "zerogpu", {}),
}


def assemble(space: Space, wheel: Path, folder: Path) -> None:
    """Make `folder` what is pushed; what was there before is gone."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(DEPLOY / space.source, folder, ignore=shutil.ignore_patterns("__pycache__"))
    for name, changes in space.replaced.items():
        text = (folder / name).read_text(encoding="utf-8")
        for old, new in changes.items():
            if text.count(old) != 1:
                raise SystemExit(f"[ERROR] {name} of {space.source} must hold {old.strip()!r} once")
            text = text.replace(old, new)
        (folder / name).write_text(text, encoding="utf-8")
    for name in ("LICENSE", "NOTICE"):
        shutil.copy(ROOT / name, folder)
    if space.sdk == "docker":
        shutil.copy(ROOT / "constraints.txt", folder)
        shutil.copy(wheel, folder)
    else:
        # A Gradio Space is installed from requirements.txt alone, before its files are there: so the package lies beside app.py.
        with zipfile.ZipFile(wheel) as packed:
            packed.extractall(folder, [name for name in packed.namelist() if name.startswith("img_enhance/")])


def faults(folder: Path) -> Iterator[str]:
    """What is wrong with a folder, a sentence each; nothing where it may be pushed."""
    yield from _sizes(folder)
    yield from _secrets(folder)
    header = _header(folder)
    if header is None:
        yield "README.md must begin with a YAML header between two lines ---"
        return
    yield from _words(header)
    if header.get("sdk") == "docker":
        yield from _docker(folder, header)
    elif header.get("sdk") == "gradio":
        yield from _gradio(folder, header)
    else:
        yield f"sdk must be docker or gradio, not {header.get('sdk')!r}"


def _sizes(folder: Path) -> Iterator[str]:
    sizes = {path: path.stat().st_size for path in folder.rglob("*") if path.is_file()}
    for path, size in sizes.items():
        if size > _MOST_FILE_BYTES:
            yield f"{path.relative_to(folder)} has {size / 1e6:.1f} MB, and {_MOST_FILE_BYTES / 1e6:g} are allowed"
    if sum(sizes.values()) > _MOST_BYTES:
        yield f"the folder has {sum(sizes.values()) / 1e6:.1f} MB, and {_MOST_BYTES / 1e6:g} are allowed"


def _secrets(folder: Path) -> Iterator[str]:
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if _SECRET_FILES.search(name):
            yield f"{name} looks like a file of secrets; keys are Secrets of the Space's settings"
        if not path.is_file() or not path.name.endswith(_TEXTS):
            continue
        text = path.read_text(encoding="utf-8")
        for number, line in enumerate(text.splitlines(), 1):
            if any(secret.search(line) for secret in _SECRETS):
                yield f"line {number} of {name} holds a secret; keys are Secrets of the Space's settings"


def _header(folder: Path) -> dict[str, Any] | None:
    found = _HEADER.match((folder / "README.md").read_text(encoding="utf-8")) if (folder / "README.md").is_file() else None
    try:
        header = yaml.safe_load(found[1]) if found else None
    except yaml.YAMLError:
        return None
    return header if isinstance(header, dict) else None


def _words(header: Mapping[str, Any]) -> Iterator[str]:
    for name in _NEEDED:
        if not header.get(name):
            yield f"the header of README.md lacks {name}"
    for name in ("colorFrom", "colorTo"):
        if header.get(name) not in _COLOURS:
            yield f"{name} must be one of {', '.join(_COLOURS)}"
    if len(str(header.get("short_description", ""))) > _MOST_DESCRIPTION:
        yield f"short_description may have {_MOST_DESCRIPTION} characters"
    if header.get("suggested_hardware") not in {each.value for each in SpaceHardware}:
        yield f"suggested_hardware {header.get('suggested_hardware')!r} is none that the hub has"
    for model in header.get("models", []):
        if not re.fullmatch(r"[\w.-]+/[\w.-]+", str(model)):
            yield f"models must be OWNER/NAME, not {model!r}"


def _docker(folder: Path, header: Mapping[str, Any]) -> Iterator[str]:
    if not (folder / "Dockerfile").is_file():
        yield "there is no Dockerfile"
        return
    steps = list(instructions((folder / "Dockerfile").read_text(encoding="utf-8")))
    environment = {name: value for step in steps if step.name == "ENV" for name, value in pairs(step).items()}
    for name, value in (
        ("app_port of README.md", header.get("app_port")),
        ("EXPOSE", _last(steps, "EXPOSE")),
        (f"{PREFIX}PORT", environment.get(f"{PREFIX}PORT")),
    ):
        if str(value) != str(PORT):
            yield f"{name} must be {PORT}, not {value}"
    if _last(steps, "USER") != USER:
        yield f"the last USER must be {USER}, by number, not {_last(steps, 'USER') or 'root'}"
    if environment.get(f"{PREFIX}HOST") != "0.0.0.0":
        yield f"{PREFIX}HOST must be 0.0.0.0, or nothing outside the container reaches the service"
    set_here = {name for step in steps if step.name in ("ENV", "ARG") for name in pairs(step)}
    for name in {PREFIX + field.upper() for field in Settings.secret} & set_here:
        yield f"{name} is a secret and must not be part of the image"
    for pattern in ("constraints.txt", "packages.txt", "img_enhance-*.whl"):
        if len(list(folder.glob(pattern))) != 1:
            yield f"there must be one {pattern}"


def _gradio(folder: Path, header: Mapping[str, Any]) -> Iterator[str]:
    for name in (str(header.get("app_file")), "requirements.txt", "packages.txt", "img_enhance/__init__.py"):
        if not (folder / name).is_file():
            yield f"there is no {name}"
    for name in ("sdk_version", "python_version"):
        if not isinstance(header.get(name), str):
            yield f"the header of README.md must have {name} in quotes"
    app = folder / str(header.get("app_file"))
    if app.is_file() and "@gpu" not in app.read_text(encoding="utf-8"):
        yield f"{app.name} has no function for the GPU, and the hub stops such a Space"


def _last(steps: list[Instruction], name: str) -> str:
    return next((step.text for step in reversed(steps) if step.name == name), "")
