"""Formats are proven by writing and reading, so that a codec which is there and does not work is found."""

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import pyvips

from img_enhance.doctor import formats, golden
from img_enhance.doctor.finding import Finding
from img_enhance.doctor.patient import Patient
from img_enhance.errors import DiskError
from img_enhance.geometry import Size
from img_enhance.machine.settings import model_table
from img_enhance.models.weights.cache import WeightStore
from img_enhance.photo import FORMATS, Format, Photo
from img_enhance.planning.speeds import reading_work, writing_work


@pytest.fixture
def patient(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Patient:
    """Who is examined on smaller photos than usual."""
    monkeypatch.setattr(formats, "LARGE", Size(384, 256))
    return Patient(WeightStore(tmp_path), model_table(WeightStore(tmp_path)))


def examined(entry: Format, patient: Patient, monkeypatch: pytest.MonkeyPatch) -> Finding:
    monkeypatch.setattr(formats, "FORMATS", (entry,))
    (finding,) = formats.formats(patient)
    return finding


def named(name: str) -> Format:
    return next(entry for entry in FORMATS if entry.name == name)


@pytest.mark.parametrize("entry", FORMATS, ids=lambda entry: entry.name)
def test_every_format_is_proven_and_those_that_are_written_are_timed(
    entry: Format, patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = itertools.count(1)

    def timed(work: Callable[[], object]) -> float:
        work()
        return float(next(seconds))

    monkeypatch.setattr(formats, "_timed", timed)
    assert examined(entry, patient, monkeypatch).status == "ok"
    assert set(patient.measured) == (set() if entry.written_as else {writing_work(entry.name), reading_work(entry.name)})


@pytest.mark.parametrize("entry", FORMATS, ids=lambda entry: entry.name)
def test_a_format_that_is_read_with_wrong_colours_is_an_error(entry: Format, patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    read = formats._read

    def swapped(path: Path) -> Photo:
        photo = read(path)
        return Photo(np.ascontiguousarray(photo.pixels[..., ::-1]))

    monkeypatch.setattr(formats, "_read", swapped)
    finding = examined(entry, patient, monkeypatch)
    assert finding.status == "error"
    assert finding.remedy.startswith("run: pip install --force-reinstall '")


def test_a_missing_package_is_a_warning_with_its_command(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("img_enhance.image_io.extras.find_spec", lambda _: None)
    finding = examined(named("jxl"), patient, monkeypatch)
    assert (finding.status, finding.remedy) == ("warning", "if you want it, run: pip install 'img-enhance[jxl]'")


@pytest.mark.parametrize(
    "failure", [pyvips.Error("class not found"), OSError("no library"), DiskError("the disk is full")], ids=["libvips", "system", "ours"]
)
def test_a_codec_that_fails_is_an_error_and_the_others_are_still_looked_at(
    failure: Exception, patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = formats._write

    def broken(photo: Photo, path: Path, format: str) -> None:
        if format == "avif":
            raise failure
        write(photo, path, format)

    monkeypatch.setattr(formats, "_write", broken)
    monkeypatch.setattr(formats, "FORMATS", (named("avif"), named("png")))
    avif, png = formats.formats(patient)
    assert (avif.status, png.status) == ("error", "ok")
    assert "pyvips[binary]" in avif.remedy
    assert writing_work("avif") not in patient.measured


def test_samples_are_of_8_bits_whatever_the_photo_has() -> None:
    deep = np.full((30, 40, 3), 65_535, np.uint16)
    assert golden.sample_of(deep).dtype == np.uint8
    assert golden.decibels(golden.sample_of(deep), np.full((24, 24, 3), 255, np.uint8)) == float("inf")


def test_pictures_of_other_sizes_do_not_agree() -> None:
    assert golden.decibels(np.zeros((2, 2, 3), np.uint8), np.zeros((3, 2, 3), np.uint8)) == 0
