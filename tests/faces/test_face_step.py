"""Faces end to end, with random weights: found in a photo, restored, pasted into the enlarged one, and told about."""

import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from face_pictures import points_of, portrait, twins
from known_faces import detector_folder, use_known_faces
from PIL import Image

from conftest import needs_torch
from face_weights import FILE, random_weights_table
from img_enhance.cli.main import main
from img_enhance.engine import Engine
from img_enhance.engine.result import Result
from img_enhance.errors import IntegrityError, NotFinite, WeightsMissing
from img_enhance.faces.align import alignment, crop, inside
from img_enhance.faces.detect import Face
from img_enhance.faces.paste import paste, patch
from img_enhance.faces.restore import SKIPPED, restore_faces
from img_enhance.geometry import Box
from img_enhance.machine import settings
from img_enhance.machine.memory import anonymous_bytes, give_back
from img_enhance.models.networks.gfpgan import GFPGANClean
from img_enhance.models.table import BUILT_IN
from img_enhance.models.weights.cache import WeightStore
from img_enhance.models.weights.store import load
from img_enhance.passes.faces import FacePlan
from img_enhance.photo import Photo
from img_enhance.request.options import Machine
from img_enhance.request.recipe import AUTO, Recipe
from img_enhance.request.step_options import GFPGAN, RealESRGAN, StepOptions, WhiteBalance
from img_enhance.runtimes.openvino import Compiled
from img_enhance.suggest.suggest import suggest

Pixels = npt.NDArray[np.uint8 | np.uint16]

# As many layers as the published network, a sixteenth of its channels.
SMALL = GFPGANClean(channels=32, style=32)
COMPACT = RealESRGAN(model="realesr-animevideov3")
MEGABYTE = 1_000_000
_RUNS = 30


@pytest.fixture(scope="module")
def detectors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder that holds the detector, or where it is missing its stand-in."""
    with pytest.MonkeyPatch.context() as patch:
        folder = detector_folder()
        if folder is None:
            folder = tmp_path_factory.mktemp("detectors")
            use_known_faces(folder, patch)
        yield folder


@pytest.fixture(scope="module")
def store(detectors: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WeightStore]:
    """Weights of a small network with random weights, and the detector."""
    home = tmp_path_factory.mktemp("weights")
    with pytest.MonkeyPatch.context() as patch:
        table = random_weights_table(home, SMALL)
        patch.setattr(settings, "BUILT_IN", dataclasses.replace(table, detector=settings.model_table(WeightStore(home)).detector))
        yield WeightStore(home, searched=(detectors,))


@pytest.fixture(scope="module")
def engine(store: WeightStore) -> Iterator[Engine]:
    with Engine(Machine(precision="f32"), store) as engine:
        yield engine


@pytest.fixture(scope="module")
def group() -> Pixels:
    return twins()


def run(engine: Engine, photo: Photo, *steps: StepOptions) -> Result:
    return engine.enhance(photo, Recipe(steps=steps))


def faces_of(result: Result) -> list[dict[str, Any]]:
    faces: list[dict[str, Any]] = result.phases[-1].facts["faces"]
    return faces


def square_of(face: dict[str, Any], scale: int, within: Box) -> Box:
    """A box that surely holds the face's square, which is about two and a half times as wide as the face."""
    box = Box(**face["box"]).scaled(scale)
    return box.grown(round(1.3 * box.size.width), within=within)


def test_faces_are_found_before_and_pasted_after_the_photo_is_enlarged(engine: Engine, group: Pixels) -> None:
    plain = run(engine, Photo(group), COMPACT).photo.pixels
    result = run(engine, Photo(group), COMPACT, GFPGAN())
    assert result.photo.size == Photo(plain).size
    faces = faces_of(result)
    assert len(faces) >= 2
    assert all(face["restored"] and face["change"] > 1 and not face["why"] for face in faces)
    assert all(40 <= Box(**face["box"]).size.width <= 80 for face in faces)  # pixels of the photo, not of the result
    changed = (result.photo.pixels != plain).any(2)
    for face in faces:
        assert changed[Box(**face["box"]).scaled(4).slices].mean() > 0.9
    for face in faces:
        changed[square_of(face, 4, Photo(plain).size.box).slices] = False
    assert not changed.any()


def test_a_face_that_is_skipped_keeps_its_bits(engine: Engine, group: Pixels) -> None:
    first, *others = faces_of(run(engine, Photo(group), GFPGAN()))
    box = Box(**first["box"])
    # Steps on light before may move a box a little.
    skip = f"{box.left + 2},{box.top - 1},{box.size.width},{box.size.height} 0,0,5,5"
    result = run(engine, Photo(group), GFPGAN(skip=skip))
    faces = faces_of(result)
    assert [face["restored"] for face in faces] == [True] * len(others) + [False]
    assert (faces[-1]["box"], faces[-1]["why"]) == (first["box"], SKIPPED)
    assert np.array_equal(result.photo.pixels[box.slices], group[box.slices])
    other = Box(**others[0]["box"])
    assert (result.photo.pixels[other.slices] != group[other.slices]).any(2).mean() > 0.9
    both = " ".join(str(Box(**face["box"])) for face in (first, *others))
    unchanged = run(engine, Photo(group), GFPGAN(skip=both))
    assert np.shares_memory(unchanged.photo.pixels, group)
    assert "skipped" in unchanged.done_text
    # The largest is chosen first, and nobody else takes its place.
    assert not any(face["restored"] for face in faces_of(run(engine, Photo(group), GFPGAN(which="largest", skip=str(box)))))


@needs_torch
def test_pytorch_restores_the_same_faces(engine: Engine, store: WeightStore, group: Pixels) -> None:
    expected = run(engine, Photo(group), GFPGAN()).photo.pixels
    with Engine(Machine(device="torch", precision="f32"), store) as other:
        result = run(other, Photo(group), GFPGAN())
    assert result.plan.runtime == "torch"
    assert np.abs(result.photo.pixels.astype(int) - expected).max() <= 1


def test_a_photo_without_faces_keeps_its_bits(engine: Engine, cat: npt.NDArray[np.uint8]) -> None:
    result = run(engine, Photo(cat), GFPGAN())
    assert np.shares_memory(result.photo.pixels, cat)
    assert result.phases[-1].facts == {"changed": False, "unchanged": "no face was found", "faces": []}
    assert result.done_text == "gfpgan: unchanged, because no face was found"


def test_level_0_returns_the_untouched_bytes(engine: Engine, group: Pixels) -> None:
    result = run(engine, Photo(group), GFPGAN(enhance_level=0))
    assert np.shares_memory(result.photo.pixels, group)
    assert result.done_text == "gfpgan: unchanged, because gfpgan_enhance_level 0 asks for no change"


@pytest.mark.parametrize("level", [0, 0.8])
def test_a_photo_of_8_bits_stays_one_after_tones_were_changed(level: float, engine: Engine, cat: npt.NDArray[np.uint8]) -> None:
    result = run(engine, Photo(cat), WhiteBalance(temperature=4000), GFPGAN(enhance_level=level)).photo.pixels
    np.testing.assert_array_equal(result, run(engine, Photo(cat), WhiteBalance(temperature=4000)).photo.pixels)
    assert result.dtype == np.uint8


def test_colours_under_transparency_keep_their_bits(engine: Engine, cat: npt.NDArray[np.uint8]) -> None:
    alpha = np.zeros(cat.shape[:2], np.uint8)
    alpha[:20] = 255
    np.testing.assert_array_equal(run(engine, Photo(cat, alpha=alpha), GFPGAN()).photo.pixels, cat)


def test_level_blends(engine: Engine, group: Pixels) -> None:
    half, whole = (run(engine, Photo(group), GFPGAN(enhance_level=level)).photo.pixels.astype(float) for level in (0.5, 1))
    inner = (whole > 5) & (whole < 250)  # where nothing was cut off
    assert np.abs(half - (group + whole) / 2)[inner].max() <= 1.01
    assert np.abs(whole - group).max() > 20


def test_same_photo_same_bytes_and_the_photo_given_stays(engine: Engine, group: Pixels) -> None:
    before = group.copy()
    first, second = (run(engine, Photo(group), GFPGAN()).photo.pixels for _ in range(2))
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(group, before)


def test_only_the_faces_asked_for(engine: Engine, group: Pixels) -> None:
    faces = faces_of(run(engine, Photo(group), GFPGAN(which="largest")))
    assert [face["restored"] for face in faces] == [True] + [False] * (len(faces) - 1)
    assert {face["why"] for face in faces[1:]} == {"not the largest face"}
    faces = faces_of(run(engine, Photo(group), GFPGAN(at_most=1)))
    assert {face["why"] for face in faces[1:]} == {"not one of the 1 largest"}


def test_16_bits_alpha_and_grey(engine: Engine, group: Pixels) -> None:
    alpha = np.full(group.shape[:2], 65535, np.uint16)
    deep = run(engine, Photo(group.astype(np.uint16) * 257, alpha=alpha), GFPGAN()).photo
    eight = run(engine, Photo(group), GFPGAN()).photo.pixels
    assert deep.pixels.dtype == np.uint16
    assert deep.alpha is not None
    np.testing.assert_array_equal(deep.alpha, alpha)
    assert np.abs(deep.pixels / 257 - eight).max() < 3
    grey = np.repeat(group.mean(2).astype(np.uint8)[..., None], 3, 2)
    result = run(engine, Photo(grey, grey=True), GFPGAN()).photo.pixels
    assert np.ptp(result, axis=2).max() == 0
    assert (result != grey).any()


def test_light_first_and_faces_from_the_lit_photo(engine: Engine, group: Pixels) -> None:
    lit = run(engine, Photo(group), WhiteBalance(temperature=4000)).photo.pixels
    together = run(engine, Photo(group), WhiteBalance(temperature=4000), GFPGAN(which="largest"))
    far = np.ones(lit.shape[:2], bool)
    face = faces_of(together)[0]
    assert face["restored"]
    far[square_of(face, 1, Photo(lit).size.box).slices] = False
    assert far.any()
    assert np.abs(together.photo.pixels.astype(int) - lit)[far].max() <= 1  # by way of 16 bits


def test_a_sharp_large_face_is_left_alone_when_asked(store: WeightStore) -> None:
    large = np.asarray(Image.fromarray(portrait()).resize((1000, 1000), Image.Resampling.LANCZOS)).astype(int)
    noisy = np.clip(large + np.random.RandomState(0).randint(-20, 21, large.shape), 0, 255).astype(np.uint8)
    with Engine(Machine(precision="f32"), store) as engine:
        result = run(engine, Photo(noisy), GFPGAN(leave_sharp=True))
        (face,) = faces_of(result)
        assert result.done_text.startswith("gfpgan: unchanged, because the only face is sharp already (")
        (again,) = faces_of(run(engine, Photo(noisy), GFPGAN()))
    assert not face["restored"]
    assert face["why"].startswith("sharp already")
    assert again["restored"]


def test_a_crop_has_the_bits_of_the_whole(engine: Engine, group: Pixels) -> None:
    from img_enhance.request.options import Output

    steps = (COMPACT, GFPGAN())
    whole = engine.enhance(Photo(group), Recipe(steps=steps)).photo.pixels
    part = engine.enhance(Photo(group), Recipe(steps=steps, output=Output(crop="100,320,300,200"))).photo.pixels
    np.testing.assert_array_equal(part, whole[320:520, 100:400])


def test_networks_are_given_back_between_steps_when_memory_is_short(store: WeightStore, group: Pixels) -> None:
    recipe = Recipe(steps=(COMPACT, GFPGAN()))
    with Engine(Machine(precision="f32"), store) as engine:
        plan = engine.prepare(Photo(group), recipe).plan
        expected = engine.enhance(Photo(group), recipe).photo.pixels
        assert plan.keeps_networks
        assert set(engine.loaded) == {"realesr-animevideov3", "gfpgan-1.4"}
    with Engine(Machine(precision="f32", max_memory=plan.projected_bytes - 8 * MEGABYTE), store) as engine:
        prepared = engine.prepare(Photo(group), recipe)
        assert not prepared.plan.keeps_networks
        assert prepared.plan.projected_bytes < plan.projected_bytes
        loaded: set[tuple[str, ...]] = set()
        np.testing.assert_array_equal(engine.run(prepared, progress=lambda _: loaded.add(engine.loaded)).photo.pixels, expected)
        assert loaded >= {("realesr-animevideov3",), ("gfpgan-1.4",)}
        assert all(len(names) <= 1 for names in loaded)
        assert engine.loaded == ()


def test_the_picture_that_faces_come_from_is_counted_and_kept(store: WeightStore, group: Pixels) -> None:
    with Engine(Machine(precision="f32"), store) as engine:
        plan = engine.prepare(Photo(group), Recipe(steps=(WhiteBalance(), COMPACT, GFPGAN()))).plan
    faces = plan.passes[-1]
    assert isinstance(faces, FacePlan)
    assert (faces.source, faces.in_place) == (1, True)
    assert [step.kind for step in plan.passes] == ["tones", "network", "faces"]


def test_runs_keep_no_memory(engine: Engine) -> None:
    small = portrait()
    for _ in range(10):  # the heap settles: 20 MB in the first few runs, 0.2 MB in the eighty after them (2026-11)
        run(engine, Photo(small), GFPGAN())
    give_back()
    before = anonymous_bytes()
    for _ in range(_RUNS):
        run(engine, Photo(small), GFPGAN())
    give_back()
    assert anonymous_bytes() - before < 20 * MEGABYTE * _RUNS / 100


def test_a_face_that_is_not_finite_fails_the_photo(store: WeightStore, group: Pixels, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = {name: np.array(values) for name, values in load(settings.model_table(store).named("gfpgan-1.4"), store).items()}
    broken["final_linear.bias"][0] = np.nan
    monkeypatch.setattr("img_enhance.engine.networks.load", lambda *_: broken)
    with Engine(Machine(precision="f32"), store) as engine, pytest.raises(NotFinite, match=r"gfpgan-1\.4"):
        run(engine, Photo(group), GFPGAN())


def test_a_face_of_another_size_is_not_cut_to_fit(store: WeightStore, group: Pixels, monkeypatch: pytest.MonkeyPatch) -> None:
    def of_another_window(self: Compiled, inputs: list[Any], tick: Callable[[], None]) -> Any:
        return np.concatenate([run_once(self, inputs, tick)] * 2)

    run_once = Compiled.run
    monkeypatch.setattr(Compiled, "run", of_another_window)
    with Engine(Machine(precision="f32"), store) as engine, pytest.raises(IntegrityError, match=r"gfpgan-1\.4 .*answered \(1024, 512, 3\)"):
        run(engine, Photo(group), GFPGAN())


def test_faces_that_overlap_are_pasted_once(group: Pixels) -> None:
    faces = [Face(Box(60, 60, 160, 190), 0.9, points_of((x, 130), side=150)) for x in (90, 130)]
    pixels = group.copy()
    restore_faces(pixels, group, faces, lambda face: -face, GFPGAN(enhance_level=0.6))
    size = Photo(group).size
    patches = []
    for face in faces:
        place = alignment(face.points)
        base = crop(group, place)
        patches.append(patch(1 - base, base, inside(place, size), place, size))
    np.testing.assert_array_equal(pixels, paste(group, size.box, tuple(patches), strength=0.6))


def test_missing_weights_are_an_error_before_the_work(detectors: Path, tmp_path: Path, group: Pixels) -> None:
    with Engine(Machine(), WeightStore(tmp_path, searched=(detectors,))) as engine:
        prepared = engine.prepare(Photo(group), Recipe(steps=(COMPACT, GFPGAN())))
        with pytest.raises(WeightsMissing, match=r"run: img-enhance models pull gfpgan-1\.4"):
            engine.run(prepared)
        assert engine.loaded == ()
    with Engine(Machine(), WeightStore(tmp_path)) as engine, pytest.raises(WeightsMissing, match="models pull yunet"):
        engine.enhance(Photo(group), Recipe(steps=(GFPGAN(),)))


def gfpgan_reason(engine: Engine, photo: Photo) -> tuple[bool, str, tuple[str, ...]]:
    prepared = engine.prepare(photo, Recipe(steps=AUTO))
    (reason,) = (reason for reason in prepared.reasons if reason.step == "gfpgan")
    assert reason.chosen == any(isinstance(step, GFPGAN) for step in prepared.recipe.steps)
    return reason.chosen, reason.words, prepared.warnings


def test_auto_restores_faces_of_a_photo_that_it_enlarges(engine: Engine, group: Pixels) -> None:
    chosen, words, warnings = gfpgan_reason(engine, Photo(group))
    assert chosen
    assert "faces" in words
    assert not warnings


def test_faces_are_counted_where_they_matter_and_else_not_known(store: WeightStore, group: Pixels) -> None:
    assert suggest(Photo(group)).facts.faces is None
    assert (suggest(Photo(group), store=store, models=settings.model_table(store)).facts.faces or 0) >= 2
    large = np.asarray(Image.fromarray(group).resize((2800, 2200), Image.Resampling.NEAREST))
    assert suggest(Photo(large), store=store, models=settings.model_table(store)).facts.faces is None


def test_auto_says_so_where_it_cannot(detectors: Path, tmp_path: Path, store: WeightStore, group: Pixels) -> None:
    with Engine(Machine(), WeightStore(tmp_path)) as engine:
        chosen, words, warnings = gfpgan_reason(engine, Photo(group))
        assert not chosen
        assert words == "no face was noticed"  # all that can be said without the detector of this small part of a photo
        assert not any("gfpgan" in warning for warning in warnings)
    with Engine(Machine(), WeightStore(tmp_path, searched=(detectors,))) as engine:
        chosen, words, warnings = gfpgan_reason(engine, Photo(group))
        assert not chosen
        assert "models pull gfpgan-1.4" in words
        assert any(words in warning for warning in warnings)
    with Engine(Machine(max_memory=550 * MEGABYTE), store) as engine:
        chosen, words, warnings = gfpgan_reason(engine, Photo(group))
        assert not chosen
        assert "of memory" in words
        assert any(words in warning for warning in warnings)


def test_auto_leaves_faces_alone_where_nothing_is_enlarged(store: WeightStore, group: Pixels) -> None:
    large = np.asarray(Image.fromarray(group).resize((2800, 2200), Image.Resampling.NEAREST))
    with Engine(Machine(), store) as engine:
        chosen, _, warnings = gfpgan_reason(engine, Photo(large))
    assert not chosen
    assert not any("gfpgan" in warning for warning in warnings)


@pytest.fixture
def photo(group: Pixels, tmp_path: Path) -> Path:
    path = tmp_path / "twins.png"
    Image.fromarray(group).save(path)
    return path


def test_command_lists_and_draws_faces(
    photo: Path, detectors: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMG_ENHANCE_WEIGHTS_PATH", str(detectors))
    assert main(["faces", str(photo)]) == 0
    out = capsys.readouterr().out
    assert out.count("restored") >= 2
    drawn = photo.with_name("twins_faces.png")
    assert f"[OK] {drawn}" in out
    with Image.open(drawn) as after, Image.open(photo) as before:
        assert after.size == before.size
        assert (np.asarray(after.convert("RGB")) != np.asarray(before)).any(2).mean() > 0.005
    assert main(["faces", str(photo), "--at-most", "1", "--json", "--overwrite"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [not row["why"] for row in rows] == [True] + [False] * (len(rows) - 1)
    skip = ",".join(map(str, rows[0]["box"]))
    assert main(["faces", str(photo), "--skip", skip, "--json", "--overwrite"]) == 0
    assert {str(row["box"]): row["why"] for row in json.loads(capsys.readouterr().out)}[str(rows[0]["box"])] == SKIPPED
    assert main(["faces", str(photo)]) == 2  # the drawing exists


def test_command_without_a_detector_says_how_to_get_it(photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setenv("IMG_ENHANCE_HOME", str(tmp_path / "none"))
    monkeypatch.delenv("IMG_ENHANCE_WEIGHTS_PATH", raising=False)
    assert main(["faces", str(photo)]) == 3
    assert "models pull yunet" in capsys.readouterr().err
    assert not photo.with_name("twins_faces.png").exists()


def test_enhance_by_name_needs_the_weights(photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setenv("IMG_ENHANCE_HOME", str(tmp_path / "none"))
    monkeypatch.delenv("IMG_ENHANCE_WEIGHTS_PATH", raising=False)
    assert main(["enhance", str(photo), "--gfpgan", "--offline"]) == 3
    assert "yunet-2026may" in capsys.readouterr().err
    assert main(["enhance", str(photo), "--gfpgan"]) == 3
    assert "run: img-enhance models pull yunet-2026may gfpgan-1.4" in capsys.readouterr().err
    assert not photo.with_name("twins_enhanced.png").exists()


def test_enhance_with_gfpgan_reports_every_face(
    photo: Path, store: WeightStore, detectors: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMG_ENHANCE_HOME", str(store.home))
    monkeypatch.setenv("IMG_ENHANCE_WEIGHTS_PATH", str(detectors))
    report = tmp_path / "report.json"
    assert (store.home / FILE).exists()
    assert main(["enhance", str(photo), "--gfpgan-enhance-level", "0.5", "--report", str(report), "--precision", "f32"]) == 0
    record = json.loads(report.read_text())
    assert record["weights_sha256"].keys() == {"gfpgan-1.4", BUILT_IN.detector.name}
    assert all(face["restored"] for face in record["steps"][-1]["facts"]["faces"])
