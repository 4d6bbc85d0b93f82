"""A photo is decoded once in a process, and nobody holds what was decoded for longer than it is needed."""

import dataclasses
import json
import subprocess
import sys
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from child_setup import SETUP
from img_enhance import image_io
from img_enhance.engine import Engine, device_engine
from img_enhance.engine.prepared_run import PreparedRun
from img_enhance.errors import Cancelled, MemoryBudgetError
from img_enhance.image_io import whole
from img_enhance.image_io.read import read_photo
from img_enhance.photo import Photo
from img_enhance.planning import planner as planning
from img_enhance.request.options import Limits
from img_enhance.request.recipe import AUTO, Recipe
from img_enhance.request.step_options import ExposureCorrection, RealESRGAN, WhiteBalance
from img_enhance.workers import worker
from img_enhance.workers.engine_worker import enhanced
from img_enhance.workers.protocol import CheckPhoto, EnhancePhoto, Succeeded

Save = Callable[[str, npt.NDArray[Any]], Path]

# Nothing is enlarged, so that these tests are fast; the photo is dark, so that something is done.
AUTOMATIC = Recipe(steps=AUTO, limits=Limits(max_output_megapixels=0.001))
ASKED = Recipe(steps=(WhiteBalance(), ExposureCorrection()))
COMPACT = RealESRGAN(model="realesr-animevideov3", upscale=2)


class Reads:
    """Counts what is decoded, and knows whether anybody still has it."""

    def __init__(self) -> None:
        self.photos: list[weakref.ref[Any]] = []

    def __call__(self, *arguments: Any) -> Photo:
        photo = self.read(*arguments)
        self.photos.append(weakref.ref(photo.pixels))
        return photo

    read = staticmethod(read_photo)

    @property
    def held(self) -> list[Any]:
        return [photo() for photo in self.photos if photo() is not None]


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Reads:
    counted = Reads()
    monkeypatch.setattr(image_io, "read_photo", counted)
    defaults = whole.read_into.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "read", counted)
    return counted


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine() as ready:
        yield ready


@pytest.fixture
def dark(cat: npt.NDArray[np.uint8], saved: Save) -> Path:
    """A dark photo, half of it transparent, where its colours are of no use."""
    pixels = np.dstack([cat // 8, np.full(cat.shape[:2], 255, np.uint8)])
    pixels[:, : cat.shape[1] // 2] = 200, 0, 200, 0
    return saved("dark.png", pixels)


def test_the_engine_decodes_once(engine: Engine, dark: Path, reads: Reads) -> None:
    assert engine.enhance(dark, AUTOMATIC).steps_run
    assert len(reads.photos) == 1
    engine.enhance(dark, ASKED)
    assert len(reads.photos) == 2


@pytest.mark.parametrize("recipe", [AUTOMATIC, ASKED])
def test_a_reader_decodes_once_and_a_worker_too(engine: Engine, dark: Path, tmp_path: Path, reads: Reads, recipe: Recipe) -> None:
    checked = worker.check(engine, CheckPhoto(str(dark), recipe.to_mapping()), SETUP)
    assert len(reads.photos) == 1
    assert not reads.held
    done = enhanced(engine, EnhancePhoto(str(dark), checked.request, str(tmp_path / "result"), ""), lambda _: None, lambda: False)
    assert isinstance(done, Succeeded)
    assert len(reads.photos) == 2
    assert not reads.held


def test_a_reader_which_may_write_no_file_decodes_into_memory(dark: Path, reads: Reads, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Any) -> Path:
        raise AssertionError("a reader has no scratch folder")

    monkeypatch.setattr(whole, "scratch_folder", refuse)
    monkeypatch.setattr(planning, "CANVAS_SHARE", 0)
    with Engine() as engine:
        worker.check(engine, CheckPhoto(str(dark), AUTOMATIC.to_mapping()), SETUP)
    assert len(reads.photos) == 1
    assert not reads.held


def test_a_photo_decoded_before_gives_the_same_bits(engine: Engine, dark: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = (COMPACT, ExposureCorrection())
    suggestion = engine._suggestion

    def suggested(*arguments: Any) -> Any:
        """These steps: colours under transparency are filled before the network."""
        found, decoded = suggestion(*arguments)
        return dataclasses.replace(found, steps=steps), decoded

    monkeypatch.setattr(engine, "_suggestion", suggested)
    automatic = engine.enhance(dark, AUTOMATIC).photo
    asked = engine.enhance(dark, Recipe(steps=steps)).photo
    assert automatic.alpha is not None
    assert asked.alpha is not None
    np.testing.assert_array_equal(automatic.pixels, asked.pixels)
    np.testing.assert_array_equal(automatic.alpha, asked.alpha)


def test_a_job_that_is_never_run_keeps_nothing_when_it_goes(engine: Engine, dark: Path, reads: Reads) -> None:
    prepared = engine.prepare(dark, AUTOMATIC)
    assert len(reads.held) == 1
    del prepared
    assert not reads.held


def test_a_job_that_was_run_keeps_nothing_and_can_be_run_again(engine: Engine, dark: Path, reads: Reads) -> None:
    prepared = engine.prepare(dark, AUTOMATIC)
    first = engine.run(prepared).photo.pixels
    assert not reads.held
    np.testing.assert_array_equal(engine.run(prepared).photo.pixels, first)
    assert len(reads.photos) == 2


def test_a_job_that_fails_or_is_cancelled_keeps_nothing(engine: Engine, dark: Path, reads: Reads, monkeypatch: pytest.MonkeyPatch) -> None:
    def kept_by(prepared: PreparedRun) -> None:
        assert not reads.held, prepared

    prepared = engine.prepare(dark, AUTOMATIC)
    with pytest.raises(Cancelled):
        engine.run(prepared, cancelled=lambda: True)
    kept_by(prepared)
    prepared = engine.prepare(dark, AUTOMATIC)
    monkeypatch.setattr(device_engine, "free_bytes", lambda: -(10**12))  # refused before anything is read
    with pytest.raises(MemoryBudgetError):
        engine.run(prepared)
    kept_by(prepared)


def test_a_photo_that_lies_elsewhere_than_planned_is_moved_there(
    engine: Engine, dark: Path, reads: Reads, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = engine.enhance(dark, AUTOMATIC).photo
    monkeypatch.setattr(planning, "canvas_bytes", lambda _: 0)
    needed = []
    monkeypatch.setattr(device_engine, "check_room", lambda _, count: needed.append(count))
    prepared = engine.prepare(dark, AUTOMATIC)
    assert prepared.plan.source_medium == "disk"
    assert not reads.held
    moved = engine.run(prepared).photo
    np.testing.assert_array_equal(moved.pixels, usual.pixels)
    assert usual.alpha is not None
    np.testing.assert_array_equal(np.asarray(moved.alpha), usual.alpha)
    assert len(reads.photos) == 2
    assert needed == [prepared.plan.disk_bytes - prepared.header.bytes]


def test_who_may_write_no_file_lets_go_of_a_photo_that_the_plan_has_no_memory_for(
    engine: Engine, dark: Path, reads: Reads, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Any) -> Path:
        raise AssertionError("there is no scratch folder")

    monkeypatch.setattr(whole, "scratch_folder", refuse)
    monkeypatch.setattr(planning, "canvas_bytes", lambda _: 0)
    prepared = engine.prepare(dark, AUTOMATIC, most_in_memory=10**9)
    assert prepared.plan.source_medium == "disk"
    assert len(reads.photos) == 1
    assert not reads.held


def test_what_was_decoded_onto_a_disk_is_not_asked_of_it_twice(
    engine: Engine, dark: Path, reads: Reads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "CANVAS_SHARE", 0)
    needed = []
    monkeypatch.setattr(device_engine, "check_room", lambda _, count: needed.append(count))
    prepared = engine.prepare(dark, AUTOMATIC)
    engine.run(prepared)
    assert needed == [prepared.plan.disk_bytes - prepared.header.bytes]
    assert len(reads.photos) == 1
    assert not reads.held


MEASURE = """
import json, sys
from img_enhance.engine import Engine
from img_enhance.machine.memory import Peak
from img_enhance.request.options import Limits, Machine
from img_enhance.request.recipe import AUTO, Recipe
with Engine(Machine(max_memory=int(sys.argv[2]))) as engine:
    prepared = engine.prepare(sys.argv[1], Recipe(steps=AUTO, limits=Limits(max_output_megapixels=0.001)))
    with Peak(seconds=0.002) as peak:
        engine.run(prepared).save(sys.argv[1] + ".result.png")
print(json.dumps({"measured": peak.bytes, "projected": prepared.plan.projected_bytes, "store": prepared.plan.source_medium}))
"""


@pytest.mark.parametrize(("max_memory", "store"), [(10**9, "memory"), (300_000_000, "disk")])
def test_measured_memory_is_below_projected_where_the_photo_was_decoded_before(
    saved: Save, cat: npt.NDArray[np.uint8], max_memory: int, store: str
) -> None:
    rows, columns = 5000 // cat.shape[0] + 1, 5000 // cat.shape[1] + 1
    photo = saved("large.png", np.tile(cat // 8, (rows, columns, 1)))
    told = subprocess.run([sys.executable, "-c", MEASURE, str(photo), str(max_memory)], capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr
    numbers = json.loads(told.stdout)
    print(numbers)
    assert numbers["store"] == store
    assert numbers["measured"] <= numbers["projected"] <= max_memory
