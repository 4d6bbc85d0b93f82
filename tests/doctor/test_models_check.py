"""Models that are whole, missing, damaged, and not installed."""

import dataclasses
import hashlib
from pathlib import Path

import pytest

from img_enhance.doctor.finding import Finding
from img_enhance.doctor.models import is_whole, models, models_of
from img_enhance.doctor.patient import Patient
from img_enhance.models.table import BUILT_IN, ModelTable
from img_enhance.models.weight_sources import DownloadedWeights, WheelWeights
from img_enhance.models.weights import cache
from img_enhance.models.weights.cache import WeightStore, found

NAME = "realesrgan-x2plus"
CONTENT = b"the bytes that were published"
FILE = dataclasses.replace(BUILT_IN.named(NAME).weights.files[0], bytes=len(CONTENT), sha256=hashlib.sha256(CONTENT).hexdigest())
MODEL = dataclasses.replace(BUILT_IN.named(NAME), weights=DownloadedWeights(FILE))
TABLE = ModelTable(enlarging=(MODEL,), faces=BUILT_IN.faces, detector=BUILT_IN.detector)


def finding(home: Path) -> Finding:
    (found,) = models(Patient(WeightStore(home), TABLE, "real_esrgan"))
    return found


def test_a_whole_file_is_fine(tmp_path: Path) -> None:
    (tmp_path / FILE.file).write_bytes(CONTENT)
    assert finding(tmp_path).status == "ok"
    assert is_whole(MODEL, WeightStore(tmp_path))


def test_a_missing_file_is_a_warning_with_the_command_that_brings_it(tmp_path: Path) -> None:
    found = finding(tmp_path)
    assert (found.status, found.remedy) == ("warning", f"if you want that, run: img-enhance models pull {NAME}")
    assert not is_whole(MODEL, WeightStore(tmp_path))


@pytest.mark.parametrize("content", [CONTENT[:-1], CONTENT.replace(b"published", b"purloined"), b""], ids=["cut off", "other", "empty"])
def test_a_damaged_file_is_an_error_with_the_command_that_mends_it(content: bytes, tmp_path: Path) -> None:
    (tmp_path / FILE.file).write_bytes(content)
    found = finding(tmp_path)
    assert (found.status, found.remedy) == ("error", f"run: img-enhance models pull {NAME}")
    assert "damaged" in found.text


def test_a_file_that_was_whole_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes rot without a file's times changing: the doctor does not rely on the note that it was verified."""
    path = tmp_path / FILE.file
    path.write_bytes(CONTENT.swapcase())
    monkeypatch.setattr(cache, "_remembered", lambda file, _: cache._mark(file, path))
    assert found(FILE, WeightStore(tmp_path)) == path
    assert finding(tmp_path).status == "error"


@pytest.mark.parametrize(("package", "sha256"), [("no_such_package", ""), ("", "0" * 64)], ids=["missing", "changed"])
def test_a_model_that_comes_with_a_package_is_an_error_where_it_is_not(package: str, sha256: str, tmp_path: Path) -> None:
    model = BUILT_IN.named("realesr-animevideov3")
    assert isinstance(model.weights, WheelWeights)
    weights = dataclasses.replace(model.weights, package=package or model.weights.package, sha256=sha256 or model.weights.sha256)
    table = dataclasses.replace(TABLE, enlarging=(dataclasses.replace(model, weights=weights),))
    (found,) = models(Patient(WeightStore(tmp_path), table, "real_esrgan"))
    assert found.status == "error"
    assert found.remedy.startswith("run: pip install")


def test_only_the_models_of_the_algorithm_are_looked_at(tmp_path: Path) -> None:
    def names(algorithm: str | None) -> list[str]:
        return [model.name for model in models_of(Patient(WeightStore(tmp_path), TABLE, algorithm))]

    faces = [model.name for model in BUILT_IN.faces]
    assert (names("real_esrgan"), names("gfpgan"), names("clahe"), names(None)) == ([NAME], faces, [], [NAME, *faces])
