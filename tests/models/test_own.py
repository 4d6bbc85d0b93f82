"""People's own models: opened, kept, found again, removed."""

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from img_enhance.engine.own_files import opened
from img_enhance.errors import OptionError, UnsupportedModel, WeightsCorrupt, WeightsMissing
from img_enhance.machine.settings import model_table
from img_enhance.models.architecture import Architecture
from img_enhance.models.model import Model
from img_enhance.models.networks.edsr import EDSR
from img_enhance.models.networks.span import SPAN
from img_enhance.models.own import Origin, OwnModel, broken_records, keep, own_models, remove
from img_enhance.models.table import BUILT_IN
from img_enhance.models.weight_sources import FileWeights
from img_enhance.models.weights.cache import WeightStore
from img_enhance.models.weights.safetensors import write_safetensors
from img_enhance.models.weights.store import load, present, verified
from own_networks import CARRIER, carrier_file, carrier_weights
from random_weights import random_weights


@pytest.fixture
def store(tmp_path: Path) -> WeightStore:
    return WeightStore(tmp_path / "home", offline=True)


def kept(store: WeightStore, name: str = "mine", folder: Path | None = None) -> Model:
    path = carrier_file((folder or store.home.parent) / "from.safetensors")
    model = dataclasses.replace(opened(path, name), license="CC0", summary="for tests", scratch_factor=1.5)
    own = OwnModel(model, Origin(path.name, path.stat().st_size, "0" * 64), {"reach": "5 px"}, bytes(range(6)))
    return keep(own, carrier_weights(), store).model


def record_of(store: WeightStore, name: str = "mine") -> Path:
    return store.home / "own" / f"{name}.json"


def test_what_is_kept_is_found_again_without_its_first_file(store: WeightStore, tmp_path: Path) -> None:
    model = kept(store)
    (tmp_path / "from.safetensors").unlink()
    (own,) = own_models(store)
    assert own.model == model
    assert (own.measured, own.sample, own.origin.file) == ({"reach": "5 px"}, bytes(range(6)), "from.safetensors")
    assert (model.architecture, model.scratch_factor, model.license) == (CARRIER, 1.5, "CC0")
    assert model.whole.f32 == pytest.approx(1.5 * CARRIER.whole.f32, abs=1)
    assert model.segments[1].scratch.f32 == pytest.approx(1.5 * CARRIER.segments[1].scratch.f32, abs=1)
    weights = load(model, store)
    for name, values in carrier_weights().items():
        np.testing.assert_array_equal(weights[name], values)


@pytest.mark.parametrize(
    "network",
    [EDSR(1, 2, 4, mean=(0.4488, 0.4371, 0.404), values=255.0), SPAN(4, 2, mean=(0.485, 0.456, 0.406), values=1.0, fused=True)],
    ids=["edsr", "span"],
)
def test_numbers_that_no_weights_say_are_kept(network: Architecture, store: WeightStore, tmp_path: Path) -> None:
    weights = random_weights(network.shapes, seed=1)
    write_safetensors(tmp_path / "x.safetensors", weights)
    model = dataclasses.replace(opened(tmp_path / "x.safetensors", "mine"), architecture=network)
    keep(OwnModel(model, Origin("x", 1, "0" * 64)), weights, store)
    (own,) = own_models(store)
    assert own.model.architecture == network
    assert list(load(own.model, store)) == list(network.shapes)


def test_it_is_a_row_of_the_table_that_nobody_else_chooses(store: WeightStore) -> None:
    model = kept(store)
    table = model_table(store)
    assert table.own == (model,)
    assert table.enlarger("mine") == table.named("mine") == model
    assert model in table.models
    assert table.enlarging == BUILT_IN.enlarging
    assert model_table(WeightStore(store.home.parent / "other")).own == ()


def test_folders_that_are_only_read_have_models_too(store: WeightStore, tmp_path: Path) -> None:
    kept(store)
    reader = WeightStore(tmp_path / "empty", searched=(store.home,))
    assert [row.model.name for row in own_models(reader)] == ["mine"]
    with pytest.raises(OptionError, match=r"mine is in .*own, where models are only read; delete"):
        remove("mine", reader)


def test_what_is_removed_is_gone(store: WeightStore) -> None:
    kept(store)
    remove("mine", store)
    assert own_models(store) == ()
    assert [path.name for path in (store.home / "own").iterdir() if not path.name.startswith(".")] == []
    with pytest.raises(OptionError, match="no model 'mine' was added; those that there are lists: img-enhance models"):
        remove("mine", store)


@pytest.mark.parametrize("name", ["../mine", "a/b", "a.b", "", "a b", "-a", "x" * 65, "\u00e4", "a\n", "own/../mine"])
def test_what_is_no_name_is_neither_kept_nor_removed(name: str, store: WeightStore) -> None:
    with pytest.raises(OptionError, match="cannot be called"):
        kept(store, name)
    with pytest.raises(OptionError, match="was added"):
        remove(name, store)
    assert own_models(store) == ()


@pytest.mark.parametrize("name", [*(model.name for model in BUILT_IN.enlarging), "RealESRGAN-x4plus", "edsr-base-x4", "yunet-2026may"])
def test_no_built_in_name_is_taken(name: str, store: WeightStore) -> None:
    with pytest.raises(OptionError, match="comes with img-enhance"):
        kept(store, name)


def test_no_name_is_taken_twice(store: WeightStore) -> None:
    kept(store)
    for name in ("mine", "MINE"):
        with pytest.raises(OptionError, match="there is a model mine already; run: img-enhance models remove mine"):
            kept(store, name)


def test_a_copy_that_changed_is_refused(store: WeightStore) -> None:
    model = kept(store)
    assert isinstance(model.weights, FileWeights)
    data = bytearray(model.weights.path.read_bytes())
    data[-1] ^= 1
    model.weights.path.write_bytes(data)
    for use in (load, lambda model, _: verified(model)):
        with pytest.raises(WeightsCorrupt, match=r"mine\.safetensors is not what mine was made of"):
            use(model, store)


def test_a_copy_that_is_gone_is_missed(store: WeightStore) -> None:
    model = kept(store)
    assert present(model)
    assert isinstance(model.weights, FileWeights)
    model.weights.path.unlink()
    assert not present(model)
    with pytest.raises(WeightsMissing, match=r"no file .*mine\.safetensors"):
        load(model, store)


def changed(record: dict[str, Any], *keys: str, to: Any) -> None:
    for key in keys[:-1]:
        record = record[key]
    record[keys[-1]] = to


RECORDS = {
    "another version": (("version",), 2),
    "another name": (("name",), "other"),
    "a path": (("name",), "../mine"),
    "an unknown network": (("architecture", "kind"), "Path"),
    "another number": (("architecture", "depth"), 3),
    "no size": (("weights", "bytes"), "many"),
    "no blocks": (("architecture", "cell"), 100),
    "a text": (("architecture",), "RRDBNet"),
}


@pytest.mark.parametrize("name", RECORDS)
def test_a_damaged_record_is_no_model_and_is_told(name: str, store: WeightStore) -> None:
    kept(store)
    record = json.loads(record_of(store).read_text())
    changed(record, *RECORDS[name][0], to=RECORDS[name][1])
    record_of(store).write_text(json.dumps(record))
    assert own_models(store) == ()
    (broken,) = broken_records(store)
    assert (broken.path, broken.why.startswith("it is damaged")) == (record_of(store), True)


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff", b"[" * 100_000, b"{}" + b" " * 1_000_001])
def test_a_record_of_anything_is_no_model(content: bytes, store: WeightStore) -> None:
    kept(store)
    record_of(store).write_bytes(content)
    assert own_models(store) == ()
    assert len(broken_records(store)) == 1


def test_a_record_under_the_name_of_a_built_in_model_is_none(store: WeightStore) -> None:
    kept(store)
    record = json.loads(record_of(store).read_text()) | {"name": "realesrgan-x4plus"}
    record_of(store, "realesrgan-x4plus").write_text(json.dumps(record))
    assert [row.model.name for row in own_models(store)] == ["mine"]


def test_a_file_that_is_no_model_is_told_in_one_line(tmp_path: Path) -> None:
    for name, content in {"a.pth": b"hello", "b.safetensors": b"", "c.bin": b"7767517\n1 1\n", "d.onnx": b"\x08\x03"}.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises((UnsupportedModel, WeightsCorrupt), match=name):
            opened(tmp_path / name, "x")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names")
def test_neither_a_folder_nor_a_pipe_is_a_model(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.pth")
    for path in (tmp_path, tmp_path / "pipe.pth", tmp_path / "nothing.pth", Path("~nobody/x.pth"), tmp_path / ("x" * 5000)):
        with pytest.raises(WeightsMissing, match="there is no file"):
            opened(path, "x")


def test_a_file_larger_than_any_network_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "large.pth"
    with path.open("wb") as file:
        file.truncate(2_000_000_001)
    with pytest.raises(UnsupportedModel, match=r"2\.0 GB, and files of at most 2\.0 GB are taken as models"):
        opened(path, "x")


def test_weights_may_be_float16(tmp_path: Path) -> None:
    own = opened(carrier_file(tmp_path / "half.safetensors", {n: v.astype(np.float16) for n, v in carrier_weights().items()}), "x")
    assert load(own)["conv_first.weight"].dtype == np.float16
