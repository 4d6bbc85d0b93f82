"""`enhance` of a folder ends with its numbers, and leaves reports that a run that goes on keeps whole."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from img_enhance.batch.links import thumbnail_names
from img_enhance.cli.main import main

SAMPLE = Path(__file__).parent.parent.parent / "samples" / "cat.png"


def _report(out: Path) -> dict[str, Any]:
    report: dict[str, Any] = json.loads((out / "report.json").read_text("utf-8"))
    return report


def test_a_folder_has_reports_at_its_end_and_when_it_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    shutil.copy(SAMPLE, photos / "a.png")
    (photos / "broken.png").write_bytes(SAMPLE.read_bytes()[:20_000])
    command = ["enhance", str(photos), "-o", str(out), "--clahe"]
    assert main(command) == 2
    said = capsys.readouterr().out.splitlines()
    assert said[:5] == ["Total images: 2", "Success: 1", "Failed: 1", "Skipped: 0", "Success rate: 50.0% (1/2)"]
    assert said[-1] == f"Report: {out / 'report.html'}"
    assert all((out / name).exists() for name in thumbnail_names("a.png"))
    first = {photo["source"]: photo for photo in _report(out)["photos"]}
    assert first["a.png"]["status"] == "done"
    assert first["a.png"]["phases"]

    assert main(command) == 2
    assert capsys.readouterr().out.splitlines()[:4] == ["Total images: 2", "Success: 0", "Failed: 1", "Skipped: 1"]
    again = {photo["source"]: photo for photo in _report(out)["photos"]}
    assert again["a.png"] == first["a.png"] | {"status": "skipped", "why": "done before"}

    (out / "report.csv").unlink()
    (out / "report.csv").mkdir()
    (photos / "broken.png").unlink()
    assert main(command) == 2
    assert f"[ERROR] {out / 'report.csv'} is a folder" in capsys.readouterr().err
