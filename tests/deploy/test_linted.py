"""What other programs read keeps to their rules: Dockerfiles, workflows, the compose file, the unit of systemd."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from dockerfile import instructions
from space_folders import DEPLOY, ROOT

WORKFLOWS = ROOT / ".github" / "workflows"
DOCKERFILE = DEPLOY / "docker" / "Dockerfile"
UNIT = ROOT / "deploy" / "docker" / "img-enhance.service"
COMPOSE = ROOT / "deploy" / "docker" / "compose.yaml"
BIN = Path(sys.executable).parent


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(part) for part in command], cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_dockerfile_keeps_to_the_rules_of_hadolint(tmp_path: Path) -> None:
    done = run(BIN / "hadolint", DOCKERFILE)
    assert done.returncode == 0, done.stdout
    spoilt = tmp_path / "Dockerfile"
    text = DOCKERFILE.read_text(encoding="utf-8").replace("COPY packages.txt", "ADD packages.txt")
    spoilt.write_text(text.replace("FROM debian:trixie-slim", "FROM debian"))
    assert {"DL3006", "DL3020"} <= set(re.findall(r"DL\d+", run(BIN / "hadolint", spoilt).stdout))


def test_the_image_runs_as_a_user_and_says_how_it_is() -> None:
    names = [step.name for step in instructions(DOCKERFILE.read_text(encoding="utf-8"))]
    assert names.index("USER") > max(number for number, name in enumerate(names) if name in ("RUN", "COPY"))
    assert names.count("HEALTHCHECK") == 1
    assert "ADD" not in names


@pytest.mark.parametrize(
    ("schema", "files"), [("vendor.github-workflows", sorted(WORKFLOWS.glob("*.yml"))), ("vendor.compose-spec", [COMPOSE])]
)
def test_files_of_yaml_are_what_their_schema_says(schema: str, files: list[Path], tmp_path: Path) -> None:
    assert files
    done = run(BIN / "check-jsonschema", "--builtin-schema", schema, *files)
    assert done.returncode == 0, done.stdout
    spoilt = tmp_path / "spoilt.yml"
    spoilt.write_text(files[0].read_text(encoding="utf-8").replace("jobs:", "job:").replace("services:", "service:"))
    assert run(BIN / "check-jsonschema", "--builtin-schema", schema, spoilt).returncode != 0


def test_workflows_give_nobody_more_rights_than_needed() -> None:
    done = run(BIN / "zizmor", "--offline", "--no-progress", "--config", ROOT / ".github" / "zizmor.yml", WORKFLOWS)
    assert done.returncode == 0, done.stdout + done.stderr


def test_workflows_run_what_there_is() -> None:
    commands = [
        str(step["run"])
        for path in WORKFLOWS.glob("*.yml")
        for job in yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"].values()
        for step in job["steps"]
        if "run" in step
    ]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = [word for command in commands for word in re.findall(r"(?:^|\s)make (\S+)", command)]
    assert targets
    assert all(re.search(rf"^{re.escape(target)}:", makefile, re.MULTILINE) for target in targets)
    files = [word for command in commands for word in re.findall(r"(?:^|\s)(\.ci/\S+|scripts/\S+|samples/\S+)", command)]
    assert files
    assert all((ROOT / name).exists() for name in files)


def test_python_versions_are_those_of_the_project() -> None:
    tested = yaml.safe_load((WORKFLOWS / "ci.yml").read_text(encoding="utf-8"))["jobs"]["linux"]["strategy"]["matrix"]["python"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["requires-python"] == f">={tested[0]}"
    assert tested == ["3.11", "3.12", "3.13", "3.14"]


def test_the_unit_is_one_that_systemd_reads_and_closes(tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed; on Debian: apt-get install systemd")
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text(encoding="utf-8").replace("/opt/img-enhance/bin/img-enhance serve", "/bin/true"))
    done = run(program, "verify", unit)
    assert done.returncode == 0
    assert UNIT.name not in done.stderr, done.stderr
    # Of 10, the less the better; 9.6 is a unit that says nothing.
    level = re.search(r"exposure level for \S+: ([0-9.]+)", run(program, "security", "--offline=true", unit).stdout)
    assert level is not None
    assert float(level[1]) < 2
