"""The doctor as a person calls it: what is said, the exit code, and JSON; and that nothing broken stops it from speaking."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from img_enhance import __version__
from img_enhance.doctor import examination, kept
from img_enhance.doctor.examination import CHECKS, examine, worst
from img_enhance.doctor.finding import Finding, error, ok, warning
from img_enhance.doctor.patient import Patient
from img_enhance.geometry import Size
from img_enhance.machine.settings import model_table
from img_enhance.models.weights.cache import WeightStore
from img_enhance.words import Pull, Setting, Words

Run = Callable[..., tuple[int, str, str]]
ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def patient(tmp_path: Path) -> Patient:
    return Patient(WeightStore(tmp_path / "home", offline=True), model_table(WeightStore(tmp_path)))


def answering(monkeypatch: pytest.MonkeyPatch, *findings: Finding) -> None:
    monkeypatch.setattr(examination, "examine", lambda _: iter(findings))


GOOD = ok("Python", "3.12")
MISSING = warning("Model x", "not on this machine", Words("if you want that, ", Pull(("x",))))
BROKEN = error("Scratch folder", "cannot be written", Words("name another with ", Setting("scratch")))


@pytest.mark.parametrize(
    ("findings", "code", "last"),
    [
        ((GOOD,), 0, "[OK] nothing is broken; 1 checks, 0 warnings"),
        ((GOOD, MISSING), 0, "[OK] nothing is broken; 2 checks, 1 warning"),
        ((BROKEN, GOOD, MISSING), 3, "[ERROR] 1 of 3 checks failed, 1 warning; what is indented says what to do"),
    ],
    ids=["good", "missing", "broken"],
)
def test_the_exit_code_is_3_only_where_something_is_broken(
    findings: tuple[Finding, ...], code: int, last: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch, *findings)
    found, said, _ = run("doctor")
    assert (found, said.splitlines()[-1]) == (code, last)
    assert run("doctor", "--json")[0] == code


def test_every_finding_has_its_line_and_what_mends_it_the_next(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, GOOD, MISSING, BROKEN)
    assert run("doctor")[1].splitlines()[:-1] == [
        "[OK] Python: 3.12",
        "[WARNING] Model x: not on this machine",
        "    if you want that, run: img-enhance models pull x",
        "[ERROR] Scratch folder: cannot be written",
        "    name another with --scratch",
    ]


def test_json_says_the_same(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, GOOD, BROKEN)
    assert json.loads(run("doctor", "--json")[1]) == {
        "version": __version__,
        "status": "error",
        "findings": [
            {"status": "ok", "title": "Python", "text": "3.12", "remedy": ""},
            {"status": "error", "title": "Scratch folder", "text": "cannot be written", "remedy": "name another with scratch"},
        ],
    }


def test_one_algorithm_can_be_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def note(patient: Patient) -> Iterator[Finding]:
        asked.append(patient.algorithm)
        yield GOOD

    monkeypatch.setattr(examination, "examine", note)
    run("doctor")
    run("doctor", "--algorithm", "clahe")
    assert asked == [None, "clahe"]
    assert run("doctor", "--algorithm", "sharpen")[0] == 2


def test_a_check_that_fails_itself_is_told_of_and_the_others_go_on(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("img_enhance.doctor.memory.detect_cpu", lambda: 1 // 0)
    broken, *others = examine(patient, (("memory", "memory"), ("program", "program")))
    assert (broken.status, broken.title) == ("error", "Memory")
    assert "ZeroDivisionError" in broken.text
    assert [finding.title for finding in others] == ["img-enhance", "Python"]


def test_a_package_that_cannot_be_imported_is_told_of_and_the_others_go_on(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "img_enhance.runtimes.openvino", None)
    found = {finding.title: finding for finding in examine(patient, (("program", "packages"),))}
    assert {title for title, finding in found.items() if finding.status == "error"} == {"Package openvino"}
    assert found["Package openvino"].remedy == "run: pip install --force-reinstall 'openvino'"


def test_the_worst_of_nothing_is_fine() -> None:
    assert worst([]) == "ok"


def test_a_whole_examination_with_one_algorithm(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a person runs it, on smaller photos; the speeds that it measures are used by the next estimate."""
    monkeypatch.setenv("IMG_ENHANCE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(kept, "share_of", lambda *_, **__: 1.0)
    monkeypatch.setattr("img_enhance.doctor.formats.LARGE", Size(384, 256))
    code, said, _ = run("doctor", "--algorithm", "clahe", "--json")
    record = json.loads(said)
    titles = [finding["title"] for finding in record["findings"]]
    assert (code, [finding for finding in record["findings"] if finding["status"] == "error"]) == (0, [])
    assert {"Python", "Processor", "Cores", "Memory", "Graphics card", "Cache folder", "Format jpeg", "Algorithm clahe"} <= set(titles)
    assert "Algorithm white_balance" not in titles
    (devices,) = json.loads((tmp_path / "home" / "speeds.json").read_text())["devices"].values()
    # Of what takes no longer for a larger photo, by chance on so small ones, nothing is kept.
    assert {"write avif", "step clahe"} <= set(devices)
    assert any(title.startswith("read ") for title in devices)
    assert all(start >= 0 and rate > 0 for start, rate in devices.values())


def test_every_check_is_there() -> None:
    assert all(hasattr(__import__(f"img_enhance.doctor.{module}", fromlist=[name]), name) for module, name in CHECKS)


def test_the_name_of_the_system_before_this_one_works() -> None:
    asked = [sys.executable, "-m", "scripts.diagnostic_test", "--help"]
    said = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "--algorithm NAME" in said
