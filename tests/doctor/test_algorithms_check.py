"""Every algorithm is run, compared with what is known to be right, and timed."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from img_enhance.doctor import algorithms, golden, picture, trials
from img_enhance.doctor.finding import Finding
from img_enhance.doctor.models import models_of
from img_enhance.doctor.patient import Patient
from img_enhance.engine import Engine
from img_enhance.errors import NotFinite
from img_enhance.geometry import Size
from img_enhance.machine.settings import model_table
from img_enhance.models.table import BUILT_IN, ModelTable
from img_enhance.models.weights.cache import WeightStore
from img_enhance.photo import Photo
from img_enhance.planning.speeds import RESAMPLING, network_work, step_work
from img_enhance.planning.sweep_planner import WHOLE_PIXELS
from img_enhance.request.step_options import GFPGAN, StepOptions

COMPACT = ModelTable((BUILT_IN.named("realesr-animevideov3"),), (), BUILT_IN.detector)
STEPS = tuple(options.name for options in algorithms.ON_LIGHT)


def patient_for(algorithm: str, tmp_path: Path, models: ModelTable = COMPACT) -> Patient:
    return Patient(WeightStore(tmp_path, offline=True), models, algorithm)


@pytest.mark.parametrize("name", STEPS)
def test_a_step_on_light_is_right_and_timed(name: str, tmp_path: Path) -> None:
    patient = patient_for(name, tmp_path)
    (finding,) = algorithms.algorithms(patient)
    assert (finding.status, finding.title) == ("ok", f"Algorithm {name}")
    assert "is right" in finding.text
    assert set(patient.measured) <= {step_work(name)}


def test_a_network_is_right_and_timed(tmp_path: Path) -> None:
    patient = patient_for("real_esrgan", tmp_path)
    reducing, finding = algorithms.algorithms(patient)
    assert (reducing.status, reducing.title) == ("ok", "Reducing")
    assert (finding.status, finding.title) == ("ok", "Algorithm real_esrgan (realesr-animevideov3)")
    assert "256x192" in finding.text
    works = {network_work("realesr-animevideov3", precision, "whole") for precision in ("f32", "bf16")}
    assert set(patient.measured) <= {RESAMPLING, *works}


@pytest.mark.parametrize("options", algorithms.ON_LIGHT, ids=lambda options: options.name)
def test_golden_values_are_those_of_today(options: StepOptions, engine: Engine) -> None:
    """Where answers change on purpose, `scripts/make_doctor_golden.py` writes new ones, before they have strayed as far as a fault does."""
    photo = picture.part_of(picture.picture(picture.LARGE), picture.SMALL)
    near = golden.agreement(options.name, trials.run(engine, photo, options).photo.pixels)
    assert near is not None
    assert near > golden.LEAST_DECIBELS + 7


@pytest.mark.parametrize("name", [*STEPS, "real_esrgan"])
def test_a_wrong_answer_is_an_error(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = golden.golden()
    monkeypatch.setattr(golden, "golden", lambda: {key: np.clip(sample, 8, 255) - 8 for key, sample in known.items()})
    finding = list(algorithms.algorithms(patient_for(name, tmp_path)))[-1]
    assert finding.status == "error"
    assert "dB" in finding.text


def failing(problem: Exception) -> Callable[..., Any]:
    def run(*_: object) -> None:
        raise problem

    return run


@pytest.mark.parametrize("problem", [NotFinite("the answer is not finite"), ValueError("of no sense")], ids=["ours", "other"])
def test_an_algorithm_that_fails_is_an_error_and_the_others_go_on(
    problem: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(algorithms, "_on_light", failing(problem))
    patient = Patient(WeightStore(tmp_path, offline=True), ModelTable((), (), BUILT_IN.detector))
    found: list[Finding] = list(algorithms.algorithms(patient))
    assert [finding.status for finding in found] == ["error"] * len(STEPS)
    assert all(str(problem) in finding.text and finding.remedy for finding in found)


def test_faces_without_their_models_are_a_warning_with_the_command(tmp_path: Path) -> None:
    (finding,) = algorithms.algorithms(patient_for("gfpgan", tmp_path, BUILT_IN))
    assert (finding.status, finding.remedy) == ("warning", "run: img-enhance models pull gfpgan-1.4 yunet-2026may")


def test_every_algorithm_that_needs_no_download_has_golden_values(tmp_path: Path) -> None:
    store = WeightStore(tmp_path, offline=True)
    here = {model.name for model in models_of(Patient(store, model_table(store))) if not model.weights.files}
    assert here
    assert {*STEPS, *here} <= set(golden.golden())


def test_the_photo_is_the_same_every_time_and_has_work_for_every_step() -> None:
    one, other = (picture.picture(Size(60, 40)).pixels for _ in range(2))
    assert np.array_equal(one, other)
    assert one.shape == (40, 60, 3)
    assert one.mean() < 100
    assert one[..., 0].mean() > 1.5 * one[..., 2].mean()


def test_what_is_needed_lies_in_the_folder() -> None:
    folder = Path(golden.__file__).parent
    assert {"face.jpg", golden.FILE, "tiny.bmp", "tiny.dng", "tiny.gif", "tiny.heic"} <= {path.name for path in folder.iterdir()}
    assert (
        sum(path.stat().st_size for path in folder.iterdir() if path.suffix in (".npz", ".jpg", ".bmp", ".dng", ".gif", ".heic")) < 50_000
    )


def test_networks_are_timed_on_parts_of_the_photo_that_go_in_one_stage() -> None:
    with Engine() as engine:
        for model in BUILT_IN.enlarging:
            size = trials._size_for(model, engine)
            assert 3 * trials.CHECKED.pixels < size.cells(model.cell).pixels
            assert size == picture.part_of(Photo(np.zeros((picture.LARGE.height, picture.LARGE.width, 3), np.uint8)), size).size
            assert len(model.segments) == 1 or size.cells(model.cell).pixels <= WHOLE_PIXELS


def test_a_face_is_restored_twice_to_tell_the_start_from_the_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    """The network's own weights are too large for tests; what is made of the seconds is not."""
    taken = iter((9.0, 4.0))

    def run(_engine: object, photo: Photo, _options: object) -> SimpleNamespace:
        assert photo.size == Size(120, 170)
        facts = {"faces": [{"restored": True}]}
        return SimpleNamespace(plan=SimpleNamespace(precision="f32"), phases=(None, SimpleNamespace(seconds=next(taken), facts=facts)))

    monkeypatch.setattr(trials, "run", run)
    model = BUILT_IN.faces[0]
    work, speed, result = trials.restored_face(model, GFPGAN(), 1.5, SimpleNamespace(close=lambda: None))  # type: ignore[arg-type]
    assert (work, speed.start_seconds) == (network_work("gfpgan-1.4", "f32", "whole"), 5.0)
    assert speed.per_second == pytest.approx(512 * 512 * model.flops / 2.5)
    assert trials.found_face(result)


def test_a_restored_face_is_changed_and_still_the_same_from_afar() -> None:
    before = trials.face().pixels
    noise = np.random.default_rng(1).integers(-12, 13, before.shape)
    sharper = np.clip(before.astype(int) + noise, 0, 255).astype(np.uint8)
    assert trials.wrong_with_face(before, sharper) == ""
    assert "to the last bit" in trials.wrong_with_face(before, before.copy())
    assert "shape" in trials.wrong_with_face(before, before[1:])
    for wrong in (255 - before, np.roll(before, before.shape[1] // 2, axis=1), np.full_like(before, 10)):
        assert "from afar" in trials.wrong_with_face(before, wrong)
