"""A person's own model, tried before it is added: told from one that does not enlarge, measured, and compared later."""

import dataclasses
import math
import re
from pathlib import Path

import numpy as np
import pytest

from img_enhance.doctor.algorithms import algorithms
from img_enhance.doctor.golden import agreement, sample_of
from img_enhance.doctor.models import models
from img_enhance.doctor.own_model import Trial, check_likeness, flaws_of, tried
from img_enhance.doctor.patient import Patient
from img_enhance.doctor.picture import picture
from img_enhance.engine import device_engine, engine
from img_enhance.engine.own_files import opened
from img_enhance.errors import NotFinite, UnsupportedModel
from img_enhance.geometry import Size
from img_enhance.machine.canvas import Pixels
from img_enhance.machine.devices import detect_cpu
from img_enhance.machine.settings import model_table
from img_enhance.models.networks.foreign import ForeignNetwork
from img_enhance.models.own import Origin, OwnModel, keep, own_model
from img_enhance.models.table import ModelTable
from img_enhance.models.weights.cache import WeightStore
from img_enhance.models.weights.own_file import size_and_hash
from img_enhance.request.options import Machine
from onnx_files import doubling
from own_networks import carrier_file, carrier_weights

SMALL = picture(Size(24, 16)).pixels
LIGHT = np.asarray(np.clip(SMALL.astype(np.float32) * 1.8, 0, 255), np.uint8)


def enlarged(pixels: Pixels, times: int = 2) -> Pixels:
    return pixels.repeat(times, axis=0).repeat(times, axis=1)


def test_an_enlarged_picture_has_no_flaws() -> None:
    assert flaws_of(LIGHT, LIGHT) == flaws_of(LIGHT, enlarged(LIGHT)) == ()
    noise = np.random.RandomState(1).normal(0, 8, enlarged(LIGHT, 4).shape)
    assert flaws_of(LIGHT, np.asarray(np.clip(enlarged(LIGHT, 4) + noise, 0, 255), np.uint8)) == ()


WRONG = {
    "red and blue are exchanged": enlarged(LIGHT[..., ::-1]),
    "its answer has one value throughout, 255 of 255": np.full((32, 48, 3), 255, np.uint8),
    r"no likeness of the picture \(correlation -1\.00": 255 - enlarged(LIGHT),
    "no likeness of the picture": np.random.RandomState(2).randint(0, 256, (32, 48, 3)).astype(np.uint8),
    "no likeness": np.roll(enlarged(LIGHT), 20, axis=1),
    r"0\.\d\d times the contrast of the picture": enlarged(LIGHT // 3),
    r"off by \d+ of 255 on average": np.asarray(enlarged(LIGHT) // 2 + 110, np.uint8),
}


@pytest.mark.parametrize("words", WRONG)
def test_other_answers_are_told_by_what_is_wrong(words: str) -> None:
    assert re.search(words, "; ".join(flaws_of(LIGHT, WRONG[words])))


@pytest.fixture
def store(tmp_path: Path) -> WeightStore:
    return WeightStore(tmp_path / "home", offline=True)


def test_a_model_is_measured(store: WeightStore, tmp_path: Path) -> None:
    trial = tried(opened(carrier_file(tmp_path / "x.safetensors"), "mine"), store, Machine(precision="f32"))
    check_likeness(trial, "x")
    assert trial.measured["network"] == "RRDBNet (blocks 1, cell 1, doublings 1, features 8, growth 4)"
    assert trial.measured["reach"] == "19 px"
    assert "bytes a pixel in f32" in trial.measured["memory"]
    assert "s a megapixel in f32" in trial.measured["speed"]
    assert trial.scratch_factor >= 1
    assert len(trial.sample) == 24 * 24 * 3


def test_a_model_that_the_gpu_of_auto_does_not_run_is_measured_where_it_runs(
    store: WeightStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = dataclasses.replace(detect_cpu(), name="Test card", runtime="torch", place="cuda:0", own_memory=True)
    monkeypatch.setattr(engine, "chosen_device", lambda *_: card)
    monkeypatch.setattr(device_engine, "claim_gpu_memory", lambda *_, **__: 10**9)
    monkeypatch.setattr(device_engine, "unclaim_gpu_memory", lambda _: None)
    file = tmp_path / "x.onnx"
    file.write_bytes(doubling())
    network = ForeignNetwork("onnx", "ONNX", 2, overlap=8, bytes_per_pixel=200, resident_bytes=30_000_000, flops=1000)
    trial = tried(own_model((file,), "mine", network, *size_and_hash((file,))), store)
    check_likeness(trial, "x")
    assert trial.measured["speed"].endswith(f" on {detect_cpu().name}")


def test_a_model_with_flaws_is_refused() -> None:
    with pytest.raises(UnsupportedModel, match=r"^x does not enlarge photos: one, and two; add it all the same with anyway$"):
        check_likeness(Trial({}, 1.0, b"", ("one", "two")), "x")


def test_a_model_of_no_numbers_is_refused(store: WeightStore, tmp_path: Path) -> None:
    weights = carrier_weights()
    weights["conv_hr.bias"][0] = np.nan
    with pytest.raises(NotFinite):
        tried(opened(carrier_file(tmp_path / "x.safetensors", weights), "mine"), store, Machine(precision="f32"))


def test_the_doctor_compares_an_added_model_with_what_it_was(store: WeightStore, tmp_path: Path) -> None:
    model, right = opened(carrier_file(tmp_path / "x.safetensors"), "mine"), sample_of(LIGHT)
    assert agreement("mine", LIGHT, right.tobytes()) == math.inf
    assert agreement("mine", LIGHT, right.tobytes()[:-1]) == 0
    assert agreement("mine", LIGHT) is None
    keep(OwnModel(model, Origin("x", 1, "0" * 64), sample=bytes(24 * 24 * 3)), carrier_weights(), store)
    table = model_table(store)
    patient = Patient(store, ModelTable((), (), table.detector, own=table.own), "real_esrgan")
    assert [(finding.title, finding.status) for finding in models(patient)] == [("Model mine", "ok")]
    (finding,) = algorithms(patient)
    assert (finding.title, finding.status, "its answer is wrong" in finding.text) == ("Algorithm real_esrgan (mine)", "error", True)
