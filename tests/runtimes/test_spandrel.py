"""Networks that are not written here are run by spandrel where it is installed; where it is not, it is told how to install it."""

import dataclasses
import gc
import importlib.util
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from img_enhance.engine import Engine, own_files
from img_enhance.engine.own_files import opened
from img_enhance.errors import Cancelled, UnsupportedModel
from img_enhance.machine.settings import model_table
from img_enhance.models.networks.foreign import ForeignNetwork
from img_enhance.models.own import Origin, OwnModel, keep
from img_enhance.models.weights.cache import WeightStore
from img_enhance.models.weights.own_file import read_foreign
from img_enhance.models.weights.safetensors import write_safetensors
from img_enhance.models.weights.store import load
from img_enhance.photo import Photo
from img_enhance.request.options import Machine
from img_enhance.request.recipe import Recipe
from img_enhance.request.step_options import RealESRGAN
from img_enhance.runtimes import foreign_child

STUBS = Path(__file__).parents[1] / "stubs"
PHOTO = Photo(np.random.RandomState(6).randint(0, 256, (21, 30, 3)).astype(np.uint8))


def needs_spandrel(test: Callable[..., None]) -> Callable[..., None]:
    """Marks of a test that runs with spandrel only."""
    lacking = any(importlib.util.find_spec(module) is None for module in ("spandrel", "torch"))
    skipped = pytest.mark.skipif(lacking, reason="spandrel is not installed; make test-torch installs it")
    for mark in (skipped, pytest.mark.usefixtures("torchvision"), pytest.mark.spandrel, pytest.mark.torch):
        test = mark(test)
    return test


@pytest.fixture
def torchvision(monkeypatch: pytest.MonkeyPatch) -> None:
    """What spandrel imports of torchvision."""
    if importlib.util.find_spec("torchvision") is None:
        monkeypatch.syspath_prepend(STUBS)


@pytest.fixture
def store(tmp_path: Path) -> WeightStore:
    return WeightStore(tmp_path / "home", offline=True)


def saved(path: Path, module: Any, **changed: npt.NDArray[Any]) -> Path:
    """A file with the tensors of a class of spandrel's."""
    write_safetensors(path, {name: values.numpy() for name, values in module.state_dict().items()} | changed)
    return path


def small(scale: int = 2) -> Any:
    """A network that is not written here: a small one of spandrel's classes, with random weights that are the same every time."""
    import torch
    from spandrel.architectures.SAFMN import SAFMN

    torch.manual_seed(5)
    return SAFMN(dim=8, n_blocks=1, upscaling_factor=scale)


def test_where_it_is_not_installed_an_error_says_how_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_files, "find_spec", lambda _: None)
    write_safetensors(tmp_path / "x.safetensors", {"blocks.0.weight": np.zeros((3, 3, 3, 3), np.float32)})
    with pytest.raises(UnsupportedModel, match=r"pip install 'img-enhance\[spandrel\]'"):
        opened(tmp_path / "x.safetensors", "x")


def test_what_is_no_file_of_tensors_is_not_handed_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_files, "find_spec", lambda _: object())
    (tmp_path / "x.pth").write_bytes(b"nothing of a kind")
    with pytest.raises(UnsupportedModel, match="neither a PyTorch file of weights nor safetensors nor ONNX"):
        opened(tmp_path / "x.pth", "x")


@needs_spandrel
def test_a_network_that_is_not_written_here_answers_as_its_own_class(
    store: WeightStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    here = foreign_child.looked_at  # where PyTorch is imported already
    monkeypatch.setattr(own_files, "_looked_at", lambda program, file, *_: here(program, file))
    module = small()
    file = saved(tmp_path / "x.safetensors", module)
    model = opened(file, "mine")
    network = model.foreign
    assert network is not None
    assert (network.program, network.scale, network.cell, network.described) == ("spandrel", 2, 8, "SAFMN 8dim 1nb by spandrel")
    keep(OwnModel(model, Origin("x", 1, "0" * 64)), load(model, store), store)
    with Engine(Machine(precision="f32"), store, models=model_table(store)) as engine:
        found = engine.enhance(PHOTO, Recipe(steps=(RealESRGAN(model="mine", keep_colours=False),))).photo.pixels
    height, width = PHOTO.pixels.shape[:2]
    filled = np.pad(PHOTO.pixels, ((0, -height % 8), (0, -width % 8), (0, 0)), mode="reflect").astype(np.float32) / 255
    with torch.inference_mode():
        answer = module.eval()(torch.from_numpy(filled).permute(2, 0, 1)[None])[0].permute(1, 2, 0).numpy()
    expected = np.rint(answer[: 2 * height, : 2 * width].clip(0, 1) * 255)
    assert np.abs(found.astype(int) - expected).max() <= 1
    assert np.ptp(expected) > 20, "random weights answer with something"


FOUND = ForeignNetwork("spandrel", "SAFMN", 2, cell=8, overlap=16, bytes_per_pixel=2000, resident_bytes=10**8, flops=10**6)


@needs_spandrel
def test_it_stops_between_layers(tmp_path: Path) -> None:
    from img_enhance.runtimes.spandrel import Spandrel

    file = saved(tmp_path / "x.safetensors", small())
    runtime = Spandrel(FOUND, "f32")
    compiled = runtime.compile(FOUND.segments, read_foreign(file))
    window = np.random.RandomState(1).rand(16, 24, 3).astype(np.float32)
    asked = 0

    def tick() -> None:
        nonlocal asked
        asked += 1
        if asked == 10:
            raise Cancelled("enough")

    before = runtime.picture(compiled.run([window], lambda: None)).copy()
    with pytest.raises(Cancelled):
        compiled.run([window], tick)
    np.testing.assert_array_equal(runtime.picture(compiled.run([window], lambda: None)), before)


@needs_spandrel
def test_nothing_holds_a_network_that_nobody_uses(monkeypatch: pytest.MonkeyPatch) -> None:
    import spandrel

    from img_enhance.runtimes import spandrel as ours

    network, stopping = spandrel.MAIN_REGISTRY.load(small().state_dict()), Stopping()
    held = weakref.ref(network.model), weakref.ref(stopping)
    monkeypatch.setattr(ours, "_loaded", lambda _, loaded=[network]: loaded.pop())
    compiled = ours.Spandrel(FOUND, "f32").compile(FOUND.segments, {})
    del network
    gc.disable()  # rings would be found at some later time only
    try:
        with pytest.raises(Cancelled):
            compiled.run([np.zeros((16, 24, 3), np.float32)], stopping)
        del stopping
        assert held[0]() is not None
        assert held[1]() is None, "who asked is forgotten after the run"
        del compiled
        assert held[0]() is None
    finally:
        gc.enable()


class Stopping:
    """A tick that stops at once."""

    def __call__(self) -> None:
        raise Cancelled("enough")


@needs_spandrel
def test_networks_that_do_something_else_are_refused_in_words(tmp_path: Path) -> None:
    from spandrel.architectures.DnCNN import DnCNN

    from img_enhance.runtimes.spandrel import network_of

    grey = saved(tmp_path / "x.safetensors", DnCNN(in_nc=1, out_nc=1, nc=8, nb=5))
    with pytest.raises(UnsupportedModel, match="takes pictures of 1 channels and answers with 1"):
        network_of(read_foreign(grey))
    with pytest.raises(UnsupportedModel, match="spandrel does not know it either"):
        network_of({"nobody.knows": np.zeros(3, np.float32)})
    broken = saved(tmp_path / "y.safetensors", small(), **{"to_feat.weight": np.zeros((8, 3, 5, 5), np.float32)})
    with pytest.raises(UnsupportedModel, match=r"spandrel cannot load it \(Error\(s\) in loading state_dict"):
        network_of(read_foreign(broken))


@needs_spandrel
def test_its_advice_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    import spandrel

    from img_enhance.runtimes import spandrel as ours

    module = spandrel.MAIN_REGISTRY.load(small().state_dict())
    for tiling, sees_all in ((spandrel.ModelTiling.SUPPORTED, False), (spandrel.ModelTiling.DISCOURAGED, True)):
        module.tiling, module.supports_bfloat16 = tiling, not sees_all
        module.size_requirements = spandrel.SizeRequirements(minimum=20, multiple_of=16, square=sees_all)
        monkeypatch.setattr(ours, "_loaded", lambda _: module)
        network = ours.network_of({})
        assert (network.sees_all, network.bf16, network.square) == (sees_all, not sees_all, sees_all)
        assert (network.least, network.cell) == (32, 16)
    monkeypatch.setattr(module, "_purpose", "FaceSR")
    with pytest.raises(UnsupportedModel, match="a network for FaceSR"):
        ours.network_of({})
    assert dataclasses.replace(FOUND, square=True).segments[0].cell == 8


def test_a_precision_in_which_a_class_fails_is_not_taken() -> None:
    class Failing:
        def run(self, *_: object) -> None:
            raise UnsupportedModel("expected m1 and m2 to have the same dtype")

        def release(self) -> None: ...

    assert not foreign_child._runs(Failing())
