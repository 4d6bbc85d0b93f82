"""The bench of GPUs is over in time, whatever a part of it does, and keeps the rows that were measured until then."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import gpu
import luggage
from gpu import Part
from parts import tell
from tables import Cell, Column, Table

QUICK = """
import sys
print("argued", sys.argv[1:])
"""
HANGS = """
import time
print("one row", flush=True)
time.sleep(3600)
"""
FAILS = "raise SystemExit(3)"

TABLE = Table(title="Rates", about="Of nothing.", columns=(Column("window"), Column("rate", ".1f")), rows=())


@pytest.fixture
def scripts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in the place of the benches, whose scripts need nothing that is not here."""
    monkeypatch.setattr(gpu, "BENCH", tmp_path)
    monkeypatch.setattr(gpu, "PACKAGES", {"gpu_quick": "json", "gpu_hangs": "json", "gpu_fails": "json", "gpu_lacks": "no_such_package"})
    monkeypatch.setattr(gpu, "LEAST_SECONDS", 0.0)
    for name, text in (("quick", QUICK), ("hangs", HANGS), ("fails", FAILS)):
        (tmp_path / f"gpu_{name}.py").write_text(text, encoding="utf-8")
    return tmp_path


def ended(capfd: pytest.CaptureFixture[str], count: int) -> list[str]:
    """How the parts went, as the last lines say it."""
    return capfd.readouterr().out.splitlines()[-count:]


@pytest.mark.usefixtures("scripts")
def test_a_part_that_hangs_or_fails_or_lacks_its_package_leaves_the_others_alone(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    parts = (Part("gpu_hangs", "photos", 0.5), Part("gpu_lacks", "x", 60), Part("gpu_fails", "x", 60), Part("gpu_quick", "network", 60))
    monkeypatch.setattr(gpu, "PARTS", parts)
    assert gpu.main(["--quick"]) == 1
    hangs, lacks, fails, quick = ended(capfd, 4)
    assert hangs.startswith("hangs photos ")
    assert "[MISSED] not over after" in hangs
    assert "[MISSED] the package no_such_package is not installed" in lacks
    assert "[MISSED] exit code 3" in fails
    assert quick.startswith("quick network ")
    assert "[OK]" in quick


@pytest.mark.usefixtures("scripts")
def test_all_of_it_is_over_in_time(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(gpu, "PARTS", (Part("gpu_hangs", "one", 3600), Part("gpu_quick", "two", 3600)))
    monkeypatch.setattr(gpu, "LEAST_SECONDS", 0.1)
    assert gpu.main(["--seconds", "1"]) == 1
    first, second = ended(capfd, 2)
    assert "not over after 1 s" in first
    assert "[MISSED] no time was left" in second


def test_each_part_is_told_what_was_asked_for(scripts: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(gpu, "PARTS", (Part("gpu_quick", "network", 60),))
    assert gpu.main(["--quick", "--out", str(scripts / "found")]) == 0
    assert f"argued ['--part', 'network', '--quick', '--json', '{scripts}/found/gpu_quick_network.json']" in capfd.readouterr().out


def test_rows_are_kept_as_they_come(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "found.json"

    def rows() -> Iterator[tuple[Cell, ...]]:
        yield "8x8", 1.25
        assert [table["rows"] for table in json.loads(file.read_text())["tables"]] == [[{"window": "8x8", "rate": 1.25}]]
        assert "[row] window 8x8, rate 1.2" in capfd.readouterr().err
        yield "16x16", 2.5

    tell([TABLE.growing(rows()), TABLE.growing([])], {"quick": True}, file)
    kept = json.loads(file.read_text())
    assert (kept["quick"], [row["window"] for table in kept["tables"] for row in table["rows"]]) == (True, ["8x8", "16x16"])
    said = capfd.readouterr()
    assert said.out.count("Rates\n=====") == 1
    assert "nothing could be measured" in said.err


def test_luggage_has_the_weights_and_says_how_to_unpack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[tuple[object, ...]] = []
    monkeypatch.setattr(luggage, "_download", lambda *arguments: asked.append(arguments))
    assert luggage.main([str(tmp_path / "pack"), "--python", "3.13", "--without", "numpy", "pillow"]) == 0
    assert asked == [(["cffi", "ncnn", "opencv-python-headless", "psutil", "pyvips-binary"], tmp_path / "pack" / "wheels", "3.13")]
    site = tmp_path / "pack" / "site"
    found = "import pyvips; from img_enhance.models.weights.store import present; from img_enhance.models.table import BUILT_IN; "
    found += "print(pyvips.__file__, [model.name for model in BUILT_IN.enlarging if present(model)])"
    done = subprocess.run(
        [sys.executable, "-c", found], env={**os.environ, "PYTHONPATH": str(site)}, capture_output=True, text=True, check=True
    )
    assert done.stdout.split(maxsplit=1) == [str(site / "pyvips" / "__init__.py"), "['realesrgan-x4plus']\n"]
    assert "pip install --no-index --no-deps --target pack/site pack/wheels/*.whl" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        luggage.main([str(tmp_path), "--python", "three"])
