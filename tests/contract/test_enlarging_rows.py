"""Every row that enlarges keeps what a model promises: its size, its range, the same bits again and in any windows, its memory.

Rows whose weights are not here run with random ones of their shapes, which make a picture, but not the photo's.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from test_sweep import AREAS_DECIBELS, AREAS_WORST, as_picture, plan_of, swept

from conftest import SAMPLE
from img_enhance.engine import Engine
from img_enhance.models.model import Model
from img_enhance.models.networks.segment import NamedWeights, Precision
from img_enhance.models.table import BUILT_IN
from img_enhance.models.weights.store import present
from img_enhance.passes.likeness import resembles
from img_enhance.passes.probe import psnr
from img_enhance.passes.sweep import Network
from img_enhance.photo import Photo
from img_enhance.planning.plan import Device
from img_enhance.planning.planner import choose_precision
from img_enhance.request.options import Machine
from img_enhance.request.recipe import Recipe
from img_enhance.request.step_options import RealESRGAN, SuperImage

Pixels = npt.NDArray[np.uint8]
NetworkOf = Callable[[str, Precision], Network]

ROWS = (*BUILT_IN.enlarging, *BUILT_IN.faithful)
ROOT = Path(__file__).parents[2]

# Networks draw a little beyond black and white, which is cut off.
BEYOND = 0.5

each_row = pytest.mark.parametrize("model", ROWS, ids=lambda model: model.name)


def recipe_of(model: Model) -> Recipe:
    """What asks for the row alone, at its own factor."""
    step = SuperImage if model in BUILT_IN.faithful else RealESRGAN
    return Recipe(steps=(step(model=model.name),))


@pytest.fixture
def engine(network: NetworkOf, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """An engine that finds weights for every row."""

    def load(model: Model, _store: object) -> NamedWeights:
        return network(model.name, "f32").weights

    monkeypatch.setattr("img_enhance.engine.networks.load", load)
    monkeypatch.setattr("img_enhance.engine.device_engine.check_located", lambda _files, _store: None)
    with Engine(Machine(device="cpu", precision="f32")) as made:
        yield made


@each_row
def test_result_has_the_rows_size_and_the_photos_colours(model: Model, engine: Engine, cat: Pixels) -> None:
    photo = Photo(cat[3:14, 5:20])
    result = engine.enhance(photo, recipe_of(model))
    assert [each.models for each in result.plan.passes] == [(model,)]
    assert result.photo.pixels.shape == (11 * model.scale, 15 * model.scale, 3)
    assert result.photo.pixels.dtype == np.uint8
    if present(model):
        assert np.abs(result.photo.pixels.mean((0, 1)) - photo.pixels.mean((0, 1))).max() < 1


@each_row
def test_answer_is_finite_in_its_range_the_same_again_and_passes_the_guard(
    model: Model, cpu: Device, network: NetworkOf, cat: Pixels
) -> None:
    picture, precision = as_picture(cat)[:20, :24], choose_precision("auto", cpu)
    plan = plan_of(model, picture, precision)
    answer, again = (swept(network(model.name, precision), picture, plan) for _ in range(2))
    assert answer.shape == (20 * model.scale, 24 * model.scale, 3)
    assert np.isfinite(answer).all()
    assert np.array_equal(answer, again)
    if not present(model):
        return
    assert answer.min() > -BEYOND
    assert answer.max() < 1 + BEYOND
    assert resembles(answer, np.ascontiguousarray(picture))
    assert not resembles(answer, np.ascontiguousarray(picture[::-1, ::-1]))


@each_row
def test_windows_give_the_bits_of_the_whole(model: Model, network: NetworkOf, cat: Pixels) -> None:
    picture = as_picture(cat)[:18, :26]
    net = network(model.name, "f32")
    whole = swept(net, picture, plan_of(model, picture, "f32"))
    last = len(model.segments) - 1
    starts = sorted({0, min(2, last), last // 2, last})
    for side in (7, 10):
        assert np.array_equal(swept(net, picture, plan_of(model, picture, "f32", starts=starts, side=side)), whole)


@each_row
def test_areas_give_the_whole_within_the_published_bound(model: Model, network: NetworkOf) -> None:
    with Image.open(SAMPLE) as photo:
        picture = as_picture(np.asarray(photo.convert("RGB"))[100:108, : 180 * model.cell])
    net = network(model.name, "f32")
    whole = swept(net, picture, plan_of(model, picture, "f32"))
    plan = plan_of(model, picture, "f32", columns=2)
    assert all(area.read.size.width < plan.cells.width for area in plan.areas())
    found = swept(net, picture, plan)
    if model.halo == sum(segment.reach for segment in model.segments):  # it sees no further than that
        assert np.array_equal(found, whole)
    assert psnr(found, whole) >= AREAS_DECIBELS
    assert np.abs(found - whole).max() <= AREAS_WORST


_MEASURED = """
import json, sys
from pathlib import Path
import numpy as np
from random_weights import mapped, random_weights
from img_enhance.engine import Engine, device_engine, networks
from img_enhance.models.table import BUILT_IN
from img_enhance.models.weights.store import load, present
from img_enhance.photo import Photo
from img_enhance.request.step_options import RealESRGAN, SuperImage
from img_enhance.request.recipe import Recipe

model = BUILT_IN.named(sys.argv[1])
step = SuperImage if model in BUILT_IN.faithful else RealESRGAN

def brought(model, store):
    return load(model, store) if present(model, store) else mapped(random_weights(model.architecture.shapes), Path(sys.argv[2]))

networks.load = brought
device_engine.check_located = lambda files, store: None
networks.probe = lambda network, plan: None  # in decibels of a picture, which random weights do not draw
pixels = np.random.RandomState(1).randint(0, 256, (96, 128, 3)).astype(np.uint8)
with Engine() as engine:
    result = engine.enhance(Photo(pixels), Recipe(steps=(step(model=model.name),)))
plan = result.plan
print(json.dumps([max(phase.measured_bytes for phase in result.phases), plan.projected_bytes, plan.reserved_bytes]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells anonymous memory apart")
@each_row
def test_no_more_memory_is_measured_than_was_projected(model: Model, tmp_path: Path) -> None:
    # A process for each: memory of the networks before would count.
    command = [sys.executable, "-c", _MEASURED, model.name, str(tmp_path)]
    ended = subprocess.run(command, cwd=ROOT / "tests", capture_output=True, text=True, timeout=500, check=True)
    measured, projected, reserved = json.loads(ended.stdout)
    assert reserved / 2 < measured <= projected


@pytest.mark.parametrize("model", BUILT_IN.models, ids=lambda model: model.name)
def test_every_row_has_its_terms_and_stands_in_the_docs(model: Model) -> None:
    assert model.summary
    assert model.license
    assert model.source.startswith("https://")
    assert "arXiv" in model.paper
    assert all(text.isascii() for text in (model.name, model.summary, model.license, model.paper))
    for page in ("docs/models.md", "NOTICE"):
        assert model.name in (ROOT / page).read_text(encoding="utf-8"), page
