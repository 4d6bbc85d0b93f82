"""The folders that become Spaces: what is in them, what is refused, and that names, ports and versions agree with the rest."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml
from spaces_made import made, small_wheel

from dockerfile import Instruction, instructions, pairs
from img_enhance.models.table import BUILT_IN
from img_enhance.request.form import fields
from img_enhance.service.settings import PLAIN_NAMES, Settings, settings_from, variables
from space_folders import DEPLOY, ROOT, SPACES, faults

DOCKERFILE = (DEPLOY / "docker" / "Dockerfile").read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", SPACES)
def test_an_assembled_space_has_no_fault(kind: str, tmp_path: Path) -> None:
    assert list(faults(made(kind, tmp_path))) == []


def test_make_space_makes_and_checks_all(tmp_path: Path) -> None:
    command: list[str | Path] = [sys.executable, ROOT / "scripts" / "make_space.py", small_wheel(tmp_path), tmp_path / "space"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert {path.name for path in (tmp_path / "space").iterdir()} == set(SPACES)


def test_the_gpu_variant_differs_where_it_must(tmp_path: Path) -> None:
    plain, gpu = (dict_of(made(kind, tmp_path)) for kind in ("docker", "docker-gpu"))
    assert "service,torch" in gpu["Dockerfile"]
    assert "torch" not in plain["Dockerfile"].partition("SHELL")[0].replace('"service,torch"', "")
    assert {name for name in plain if plain[name] != gpu[name]} == {"Dockerfile", "README.md"}


def dict_of(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8", errors="replace") for path in folder.iterdir() if path.is_file()}


SPOILT = {
    "port": ("README.md", "app_port: 7860", "app_port: 8000", "app_port of README.md must be 7860"),
    "exposed": ("Dockerfile", "EXPOSE 7860", "EXPOSE 80", "EXPOSE must be 7860"),
    "listening": ("Dockerfile", "IMG_ENHANCE_HOST=0.0.0.0", "IMG_ENHANCE_HOST=127.0.0.1", "HOST must be 0.0.0.0"),
    "root": ("Dockerfile", "USER 1000", "USER root", "the last USER must be 1000"),
    "yaml": ("README.md", "title: img-enhance", "title: [", "must begin with a YAML header"),
    "hardware": ("README.md", "cpu-basic", "cpu-huge", "is none that the hub has"),
    "colour": ("README.md", "colorTo: green", "colorTo: ochre", "colorTo must be one of"),
    "lacking": ("README.md", "license: mit\n", "", "lacks license"),
    "long": ("README.md", "and says why", "and says why" * 5, "short_description may have 60"),
    "model": ("README.md", "asrimanth/edsr-base-x2", "https://example.org/x", "models must be OWNER/NAME"),
    "key in image": ("Dockerfile", "USER 1000", "ENV IMG_ENHANCE_API_KEYS=abc\nUSER 1000", "holds a secret"),
    "token": ("README.md", "# img-enhance\n", "# img-enhance\nhf_" + "a" * 34 + "\n", "holds a secret"),
    "our key": ("packages.txt", "tini", "tini\nie_" + "b" * 43, "holds a secret"),
}


@pytest.mark.parametrize("case", SPOILT)
def test_a_spoilt_space_is_refused(case: str, tmp_path: Path) -> None:
    name, old, new, words = SPOILT[case]
    folder = made("docker", tmp_path)
    text = (folder / name).read_text(encoding="utf-8")
    assert old in text
    (folder / name).write_text(text.replace(old, new), encoding="utf-8")
    assert any(words in fault for fault in faults(folder))


def test_files_that_do_not_belong_there_are_refused(tmp_path: Path) -> None:
    folder = made("docker", tmp_path)
    (folder / ".env").write_text("IMG_ENHANCE_API_KEYS=abc\n")
    (folder / "large.bin").write_bytes(bytes(11_000_000))
    found = " ".join(faults(folder))
    assert ".env looks like a file of secrets" in found
    assert "large.bin has 11.0 MB" in found
    (folder / "packages.txt").unlink()
    assert any("one packages.txt" in fault for fault in faults(folder))


def test_weights_that_are_pulled_are_in_the_table_and_those_of_the_hub_are_named() -> None:
    pulled = next(pairs(step)["MODELS"] for step in instructions(DOCKERFILE) if step.name == "ARG" and "MODELS" in pairs(step)).split()
    files = {file.name: file for file in BUILT_IN.files}
    assert set(pulled) <= set(files)
    addresses = [urlsplit(files[name].url) for name in pulled]
    on_hub = {"/".join(address.path.split("/")[1:3]) for address in addresses if address.hostname == "huggingface.co"}
    for space in ("docker", "zerogpu"):
        header = yaml.safe_load((DEPLOY / space / "README.md").read_text(encoding="utf-8").split("---\n")[1])
        assert set(header["models"]) == on_hub


def pinned() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return {plain(name): version for name, _, version in (line.partition("==") for line in lines if "==" in line)}


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name.partition("[")[0]).lower()


def test_a_gradio_space_installs_what_the_package_needs_as_it_is_pinned() -> None:
    lines = (DEPLOY / "zerogpu" / "requirements.txt").read_text(encoding="utf-8").splitlines()
    asked = {plain(name): version for name, _, version in (line.partition("==") for line in lines if not line.startswith("#"))}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = {plain(re.split(r"[=<>]", text)[0]) for text in [*project["dependencies"], *project["optional-dependencies"]["torch"]]}
    assert asked.keys() == needed
    assert asked == {name: pinned()[name] for name in needed}
    header = yaml.safe_load((DEPLOY / "zerogpu" / "README.md").read_text(encoding="utf-8").split("---\n")[1])
    assert header["sdk_version"] == pinned()["gradio"]


def test_reads_what_a_dockerfile_says() -> None:
    text = 'FROM x\n# words\nRUN one \\\n  # between\n  && two\nENV A=1 \\\n    B="2 3"\n'
    steps = list(instructions(text))
    assert steps == [Instruction("FROM", "x"), Instruction("RUN", "one && two"), Instruction("ENV", 'A=1 B="2 3"')]
    assert pairs(steps[2]) == {"A": "1", "B": "2 3"}


EXAMPLE = (ROOT / "deploy" / "env.example.txt").read_text(encoding="utf-8")
LINES = dict(re.findall(r"^#?([A-Z_]+)=(.*)$", EXAMPLE, re.MULTILINE))


def test_the_example_of_settings_has_every_setting_with_its_default() -> None:
    shown = [field for field in fields(Settings) if field.name != "fault"]
    expected = {variables(field)[-1] for field in shown}
    others = {"IMG_ENHANCE_HOME", "IMG_ENHANCE_WEIGHTS_PATH", "IMG_ENHANCE_MIRROR", "IMG_ENHANCE_OFFLINE", "FORWARDED_ALLOW_IPS"}
    assert LINES.keys() == expected | others
    assert set(PLAIN_NAMES) == {"MAX_IMAGE_SIZE_MB", "ENABLE_GPU"}
    assert (LINES["MAX_IMAGE_SIZE_MB"], LINES["ENABLE_GPU"]) == ("50", "True")
    assert settings_from({name: value for name, value in LINES.items() if value}) == Settings(enable_gpu=True)
    for field in shown:
        assert field.name in ("max_image_size_mb", "enable_gpu") or f"# {field.help}\n#{variables(field)[0]}=" in EXAMPLE


def test_the_example_holds_no_secret() -> None:
    assert all(LINES[variables(field)[0]] == "" for field in fields(Settings) if field.name in Settings.secret)
