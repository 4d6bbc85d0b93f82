"""The targets of the Makefile: all are listed, none is mistaken for a file, and the hooks of git run what `make check` runs."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
# Stamps and .venv/bin/python are files.
TARGETS = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))


def make(*arguments: str) -> list[str]:
    program = shutil.which("make")
    if program is None:
        pytest.skip("make is not installed")
    return subprocess.run(
        [program, "--no-print-directory", *arguments], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()


def test_help_has_a_line_for_every_target() -> None:
    lines = [re.fullmatch(r"make ([a-z-]+) +(\S.{10,90})", line) for line in make("help")]
    assert all(lines)
    assert sorted(line[1] for line in lines if line) == sorted(TARGETS)


def test_no_target_is_mistaken_for_a_file() -> None:
    phony = re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)
    assert sorted(" ".join(phony).split()) == sorted(TARGETS)


def test_the_hooks_of_git_run_what_make_check_runs() -> None:
    hooks = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    # What stamps need to be made is no part of it.
    checks = [line for line in make("--dry-run", "--always-make", "check") if re.match(r"\.venv/bin/(?!python)", line)]
    assert re.findall(r"entry: (.*)$", hooks, re.MULTILINE) == checks
    assert len(checks) == 4
    assert set(re.findall(r"(?:repo|language): (.*)$", hooks, re.MULTILINE)) == {"local", "system"}


def test_python_keeps_what_it_compiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    (tmp_path / "more").write_text("told:\n\t@echo compiled modules are$${PYTHONDONTWRITEBYTECODE:+ not} kept\n", encoding="utf-8")
    assert make("--file=Makefile", f"--file={tmp_path / 'more'}", "told") == ["compiled modules are kept"]
