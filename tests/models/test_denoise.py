"""How much noise a network removes is set by mixing two files of weights; only the model that has both can."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from test_sweep import as_picture, plan_of, swept

from img_enhance.engine import Engine
from img_enhance.errors import OptionError, WeightsMissing
from img_enhance.geometry import Size
from img_enhance.models.model import Model
from img_enhance.models.table import BUILT_IN, MODELS
from img_enhance.models.weight_files import GENERAL_WDN_X4V3, GENERAL_X4V3
from img_enhance.models.weight_sources import DownloadedWeights, MixedWeights
from img_enhance.models.weights import store as weights_store
from img_enhance.models.weights.cache import WeightStore
from img_enhance.models.weights.store import load, present
from img_enhance.passes.network import NetworkPass
from img_enhance.passes.sweep import Network
from img_enhance.photo import Photo
from img_enhance.request.recipe import Recipe
from img_enhance.request.step_options import RealESRGAN
from img_enhance.runtimes.openvino import OpenVINO
from img_enhance.steps import passes_of
from random_weights import random_weights

Pixels = npt.NDArray[np.uint8]
Values = dict[str, npt.NDArray[np.float32]]

GENERAL = BUILT_IN.named("realesr-general-x4v3")


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> dict[str, Values]:
    """Random weights in the place of the two downloaded files, by the names of their rows."""
    shapes = GENERAL.architecture.shapes
    found = {"realesr-general-x4v3": random_weights(shapes, 1), "realesr-general-wdn-x4v3": random_weights(shapes, 2)}

    def downloaded(_model: object, weights: DownloadedWeights, _store: object) -> Values:
        return found[weights.file.name]

    monkeypatch.setattr(weights_store, "_downloaded", downloaded)
    monkeypatch.setattr("img_enhance.engine.device_engine.check_located", lambda _files, _store: None)
    return found


def denoising(strength: float) -> Model:
    return BUILT_IN.enlarger(GENERAL.name, denoise=strength)


def mixed(files: dict[str, Values], share: float) -> Values:
    first, second = files.values()
    return {name: np.float32(share) * first[name] + np.float32(1 - share) * second[name] for name in first}


@pytest.mark.parametrize("strength", [0.0, 0.25, 0.5, 0.9, 1.0])
def test_weights_are_those_that_denoise_and_those_that_do_not_in_these_shares(strength: float, files: dict[str, Values]) -> None:
    weights = load(denoising(strength))
    for name, expected in mixed(files, strength).items():
        assert weights[name].dtype == np.float32
        assert np.allclose(weights[name], expected, rtol=0, atol=1e-6), name


def test_one_removes_all_the_noise_as_the_model_does_by_itself() -> None:
    assert denoising(1) is GENERAL
    assert GENERAL.weights == DownloadedWeights(GENERAL_X4V3)


def test_zero_needs_the_file_that_keeps_noise_only() -> None:
    assert denoising(0).weights == DownloadedWeights(GENERAL_WDN_X4V3)


@pytest.mark.parametrize("strength", [0, 0.5, 0.1 + 0.2, 1e-9])
def test_a_strength_makes_another_model_of_the_same_name(strength: float) -> None:
    model = denoising(strength)
    assert model != GENERAL
    assert (model.name, model.denoise) == (GENERAL.name, strength)
    assert denoising(0.5).title == "realesr-general-x4v3 (denoise 0.5)"


def test_the_record_names_both_files() -> None:
    weights = denoising(0.75).weights
    assert isinstance(weights, MixedWeights)
    assert weights.sha256 == f"0.75 * {weights.first.sha256} + 0.25 * {weights.second.sha256}"


@pytest.mark.parametrize("model", [model for model in MODELS if model.keeps_noise is None], ids=lambda model: model.name)
def test_other_models_refuse_a_denoise_with_a_way_out(model: object) -> None:
    name = getattr(model, "name", "")
    with pytest.raises(OptionError, match=rf"^{name} has no denoise; leave it out, or use model realesr-general-x4v3$"):
        passes_of(RealESRGAN(model=name, denoise=0.5), Size(30, 20), BUILT_IN)


def test_every_pass_runs_with_the_strength_asked_for() -> None:
    passes = passes_of(RealESRGAN(model=GENERAL.name, upscale=16, denoise=0.3), Size(30, 20), BUILT_IN)
    assert passes == (NetworkPass(denoising(0.3)),) * 2
    assert passes_of(RealESRGAN(model=GENERAL.name), Size(30, 20), BUILT_IN) == (NetworkPass(GENERAL),)


def test_the_engine_uses_the_strength_and_records_it(files: dict[str, Values], cat: Pixels) -> None:
    # Answers within the range of pixels: what is left of the last layer hardly moves the enlarged photo.
    for values in files.values():
        for name in list(values)[-2:]:
            values[name] *= np.float32(0.03)
    photo = Photo(cat[:20, :24])
    results = {}
    with Engine() as engine:
        for strength in (0.0, 0.5, 1.0):
            recipe = Recipe(steps=(RealESRGAN(model=GENERAL.name, denoise=strength),))
            results[strength] = engine.enhance(photo, recipe)
    names = [list(result.weights) for result in results.values()]
    assert names == [["realesr-general-x4v3 (denoise 0)"], ["realesr-general-x4v3 (denoise 0.5)"], ["realesr-general-x4v3"]]
    pictures = [result.photo.pixels for result in results.values()]
    assert not np.array_equal(pictures[0], pictures[1])
    assert not np.array_equal(pictures[1], pictures[2])


def test_both_files_must_be_there(tmp_path: Path) -> None:
    store = WeightStore(tmp_path)
    assert not present(denoising(0.5), store)
    with pytest.raises(WeightsMissing, match="img-enhance models pull realesr-general-x4v3"):
        load(denoising(0.5), store)


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize("side", [3, 16])
def test_cuts_of_a_mixed_network_give_the_same_bits(side: int, cat: Pixels) -> None:
    model = denoising(0.5)
    net = Network(model.segments, load(model), OpenVINO("f32"))
    picture = as_picture(cat)[:, :80]
    whole = swept(net, picture, plan_of(model, picture, "f32"))
    assert np.array_equal(swept(net, picture, plan_of(model, picture, "f32", side=side)), whole)
