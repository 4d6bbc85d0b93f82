"""A model's weights by its row: from a package or from a file that was downloaded."""

import dataclasses
import hashlib
import io
import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from img_enhance.engine import Engine
from img_enhance.errors import WeightsCorrupt, WeightsMissing
from img_enhance.models.model import Model
from img_enhance.models.table import BUILT_IN, ModelTable
from img_enhance.models.weight_sources import DownloadedWeights
from img_enhance.models.weights.cache import WeightStore
from img_enhance.models.weights.store import fitting, load, present
from img_enhance.models.weights.tensors import Array
from img_enhance.request.options import Machine
from img_enhance.request.recipe import Recipe
from img_enhance.request.step_options import RealESRGAN

COMPACT = BUILT_IN.named("realesr-animevideov3")

Tensors = dict[str, Array]
Published = Callable[[Tensors], Model]


def safetensors(tensors: Tensors) -> bytes:
    header, values = {}, io.BytesIO()
    for name, array in tensors.items():
        begin = values.tell()
        values.write(array.tobytes())
        header[name] = {"dtype": {"f": "F", "i": "I"}[array.dtype.kind] + str(8 * array.itemsize), "shape": array.shape}
        header[name]["data_offsets"] = (begin, values.tell())
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + values.getvalue()


@pytest.fixture
def store(tmp_path: Path) -> WeightStore:
    return WeightStore(home=tmp_path / "home")


@pytest.fixture
def published(store: WeightStore) -> Published:
    """A function that puts a file with these tensors into the store, and answers with the compact model that takes them from there."""

    def publish(tensors: Tensors, unused: tuple[str, ...] = ()) -> Model:
        data = safetensors(tensors)
        file = dataclasses.replace(
            BUILT_IN.files[0],
            name="test-1",
            file="test.safetensors",
            format="safetensors",
            bytes=len(data),
            sha256=hashlib.sha256(data).hexdigest(),
        )
        store.home.mkdir()
        (store.home / file.file).write_bytes(data)
        return dataclasses.replace(COMPACT, weights=DownloadedWeights(file, unused=unused))

    return publish


def with_model(model: Model) -> ModelTable:
    """The built-in models with this one in the place of the one with its name."""
    return dataclasses.replace(BUILT_IN, enlarging=tuple(model if row.name == model.name else row for row in BUILT_IN.enlarging))


def test_downloaded_weights_are_those_of_the_file(published: Published, store: WeightStore) -> None:
    expected = load(COMPACT)
    model = published(dict(reversed(expected.items())))
    assert present(model, store)
    found = load(model, store)
    assert list(found) == list(expected)
    assert all(np.array_equal(found[name], values) for name, values in expected.items())
    assert model.weights.bytes == (store.home / "test.safetensors").stat().st_size
    assert model.weights.origin == "download from github.com"


def test_downloaded_weights_give_the_same_picture(published: Published, store: WeightStore, cat: Any, saved: Any) -> None:
    photo = saved("cat.png", cat[:16, :20])
    recipe = Recipe(steps=(RealESRGAN(model=COMPACT.name),))
    machine = Machine(precision="f32")
    with Engine(machine) as engine:
        expected = engine.enhance(photo, recipe).photo.pixels
    model = published(load(COMPACT))
    with Engine(machine, store, models=with_model(model)) as engine:
        result = engine.enhance(photo, recipe)
    assert np.array_equal(result.photo.pixels, expected)
    assert result.weights == {COMPACT.name: model.weights.sha256}


def test_an_engine_without_the_weights_names_the_command(published: Published, store: WeightStore, saved: Any, cat: Any) -> None:
    model = published(load(COMPACT))
    (store.home / "test.safetensors").unlink()
    photo = saved("cat.png", cat[:16, :20])
    with (
        Engine(Machine(precision="f32"), store, models=with_model(model)) as engine,
        pytest.raises(WeightsMissing, match="models pull test-1"),
    ):
        engine.enhance(photo, Recipe(steps=(RealESRGAN(model=COMPACT.name),)))


def test_downloaded_weights_need_a_store(published: Published) -> None:
    model = published(load(COMPACT))
    assert not present(model)
    with pytest.raises(WeightsMissing, match="store"):
        load(model)


def test_one_changed_byte_is_found(published: Published, store: WeightStore) -> None:
    model = published(load(COMPACT))
    path = store.home / "test.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(WeightsMissing, match=r"damaged.*img-enhance models pull test-1"):
        load(model, store)


def test_tensors_that_do_not_fit_are_refused() -> None:
    shapes = COMPACT.architecture.shapes
    good: Tensors = dict(load(COMPACT))
    first, second = list(shapes)[:2]
    for changes, reason in [
        ({first: good[first][:1]}, f"needs {first} as"),
        ({first: good[first].astype(np.int64)}, "int64"),
        ({"more.weight": good[first]}, r"has 'more\.weight', which the network does not have"),
    ]:
        with pytest.raises(WeightsCorrupt, match=reason):
            fitting(good | changes, shapes, unused=(), name="x.pth")
    with pytest.raises(WeightsCorrupt, match=f"needs {second} as .*does not have it"):
        fitting({name: values for name, values in good.items() if name != second}, shapes, unused=(), name="x.pth")


def test_tensors_for_other_uses_may_be_named() -> None:
    shapes = COMPACT.architecture.shapes
    good: Tensors = dict(load(COMPACT))
    counter = np.array(7, np.int64)
    found = fitting(good | {"toRGB.0.weight": counter.astype(np.float32), "n": counter}, shapes, unused=("toRGB.",), name="x.pth")
    assert list(found) == list(shapes)
