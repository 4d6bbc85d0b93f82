"""Files in the place of models: taken by the engine of who may name them, and by no other."""

import dataclasses
import hashlib
from pathlib import Path

import numpy as np
import pytest

from img_enhance.batch.names import NameTemplate
from img_enhance.batch.run import made_by, models_of
from img_enhance.engine import Engine, own_files
from img_enhance.engine.own_files import opened
from img_enhance.errors import OptionError, WeightsCorrupt
from img_enhance.machine.settings import model_table
from img_enhance.models.networks.foreign import ForeignNetwork
from img_enhance.models.own import Origin, OwnModel, keep
from img_enhance.models.weights.cache import WeightStore
from img_enhance.models.weights.safetensors import write_safetensors
from img_enhance.photo import Photo
from img_enhance.request.options import Machine
from img_enhance.request.recipe import Recipe
from img_enhance.request.step_options import RealESRGAN
from img_enhance.runtimes import foreign
from onnx_files import doubling_file
from own_networks import CARRIER, carrier_file, carrier_weights

PHOTO = Photo(np.random.RandomState(6).randint(0, 256, (7, 9, 3)).astype(np.uint8))


def recipe(model: str | Path) -> Recipe:
    return Recipe(steps=(RealESRGAN(model=str(model), keep_colours=False),))


@pytest.fixture
def store(tmp_path: Path) -> WeightStore:
    return WeightStore(tmp_path / "home", offline=True)


def test_only_an_engine_that_was_given_no_models_takes_files(store: WeightStore, tmp_path: Path) -> None:
    file = carrier_file(tmp_path / "x.safetensors")
    words = r"x\.safetensors' is a file, and none is taken here; use one of model realesrgan-x4plus, "
    with Engine(Machine(precision="f32"), store, models=model_table(store)) as engine, pytest.raises(OptionError, match=words):
        engine.prepare(PHOTO, recipe(file))
    with Engine(Machine(precision="f32"), store) as engine:
        result = engine.enhance(PHOTO, recipe(file))
    np.testing.assert_array_equal(result.photo.pixels, PHOTO.pixels.repeat(2, 0).repeat(2, 1))


def test_a_file_is_hashed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hashes, real = list[object](), hashlib.sha256
    found = ForeignNetwork("spandrel", "Some by spandrel", 2)

    def counted(*given: object) -> object:
        hashes.append(given)
        return real(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(hashlib, "sha256", counted)
    monkeypatch.setattr(own_files, "find_spec", lambda _: object())
    monkeypatch.setattr(foreign, "looked_at", lambda *_: found)
    unknown = tmp_path / "x.safetensors"
    write_safetensors(unknown, {"nobody.knows": np.zeros((3, 3, 3, 3), np.float32)})
    for file, network in ((unknown, found), (doubling_file(tmp_path / "x.onnx"), found), (carrier_file(tmp_path / "y.pth"), CARRIER)):
        hashes.clear()
        assert opened(file, "mine").architecture == network
        assert len(hashes) == 1


def test_a_file_that_changes_between_plan_and_run_is_refused(store: WeightStore, tmp_path: Path) -> None:
    file = carrier_file(tmp_path / "x.safetensors")
    with Engine(Machine(precision="f32"), store) as engine:
        prepared = engine.prepare(PHOTO, recipe(file))
        carrier_file(file, carrier_weights(factor=0.5))
        with pytest.raises(WeightsCorrupt, match=r"x\.safetensors is not what .* was made of"):
            engine.run(prepared)
        darker = engine.enhance(PHOTO, recipe(file)).photo.pixels
    assert np.abs(darker.astype(int) - PHOTO.pixels.repeat(2, 0).repeat(2, 1) / 2).max() <= 1


def test_weights_of_own_models_can_be_mixed_as_those_that_are_downloaded(store: WeightStore, tmp_path: Path) -> None:
    model = opened(carrier_file(tmp_path / "x.safetensors"), "mine")
    other = opened(carrier_file(tmp_path / "y.safetensors", carrier_weights(factor=0.5)), "other")
    table = dataclasses.replace(model_table(store), own=(dataclasses.replace(model, keeps_noise=other.weights),))  # type: ignore[arg-type]
    with Engine(Machine(precision="f32"), store, models=table) as engine:
        mixed = engine.enhance(PHOTO, Recipe(steps=(RealESRGAN(model="mine", denoise=0.5, keep_colours=False),))).photo.pixels
    assert np.abs(mixed.astype(int) - PHOTO.pixels.repeat(2, 0).repeat(2, 1) * 0.75).max() <= 1


def test_results_of_auto_mode_do_not_depend_on_models_that_it_does_not_choose(store: WeightStore, tmp_path: Path) -> None:
    before = made_by(Recipe(), NameTemplate(), model_table(store))
    model = opened(carrier_file(tmp_path / "x.safetensors"), "mine")
    keep(OwnModel(model, Origin("x", 1, "0" * 64)), carrier_weights(), store)
    table = model_table(store)
    assert made_by(Recipe(), NameTemplate(), table) == before
    assert models_of(recipe("mine"), table) == table.own
    assert made_by(recipe("mine"), NameTemplate(), table) != made_by(recipe("realesr-animevideov3"), NameTemplate(), table)
