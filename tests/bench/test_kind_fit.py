"""What tells photos from other pictures was learned from looks that are always the same, by slopes that are right; learning still runs."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import kind_fit
from conftest import SAMPLE
from img_enhance.light.learned import arrays
from img_enhance.photo import Photo
from img_enhance.suggest.appearance import appearance
from img_enhance.suggest.kind import DRAWING, KINDS, PHOTO
from quality.kinds import VARIANTS, Sight, sights_of, vary

# Of the analytic slope, by differences of 1e-5 in float64.
SLOPE_TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two pictures of each kind: the first is kept, the second learned from."""
    made = tmp_path_factory.mktemp("kinds")
    with Image.open(SAMPLE) as image:
        photo = image.convert("RGB").resize((90, 60))
    pictures = (photo, photo.quantize(4).convert("RGB"), photo.resize((9, 6)).resize((90, 60)), photo.rotate(90))
    for kind, picture in zip(KINDS, pictures, strict=True):
        (made / kind).mkdir()
        for name in ("a__0.png", "b__8.png"):
            picture.save(made / kind / name)
    return made


@pytest.fixture(scope="module")
def sights(folder: Path) -> list[Sight]:
    return sights_of(folder, jobs=1)


@pytest.mark.parametrize("kind", KINDS)
def test_what_becomes_of_a_picture_is_always_the_same(kind: str) -> None:
    with Image.open(SAMPLE) as image:
        pixels = np.asarray(image.convert("RGB"))
    once, again, other = (vary(pixels, kind, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(once, again)
    assert once.shape != other.shape or (once != other).any()
    assert once.dtype == np.uint8
    assert once.ndim == 3


def test_each_picture_is_seen_as_it_is_and_as_it_may_come(sights: list[Sight], folder: Path) -> None:
    assert {sight.name: sight.kept for sight in sights} == {"a__0.png": True, "b__8.png": False}
    for kind in KINDS:
        assert sum(sight.kind == kind for sight in sights) == 2 * (1 + VARIANTS[kind])
    assert len(sights_of(folder, jobs=1, vary=False)) == 2 * len(KINDS)


def test_slopes_are_those_of_the_cross_entropy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kind_fit, "_DROPOUT", 0.0)
    random = np.random.default_rng(0)
    weights = [random.normal(0, 0.5, part.shape) for part in kind_fit._start(5, random)]
    seen, wanted, shares = random.normal(0, 1, (7, 5)), np.eye(len(KINDS))[random.integers(0, len(KINDS), 7)], np.full(7, 1 / 7)

    def loss() -> float:
        odds = np.maximum(0, seen @ weights[0] + weights[1]) @ weights[2] + weights[3]
        return float((shares * (np.logaddexp.reduce(odds, axis=1) - (odds * wanted).sum(axis=1))).sum())

    for part, slope in zip(weights, kind_fit._slopes(weights, seen, wanted, shares, random), strict=True):
        at = tuple(0 for _ in part.shape)
        before = loss()
        part[at] += 1e-5
        assert (loss() - before) / 1e-5 == pytest.approx(slope[at], abs=SLOPE_TOLERANCE)
        part[at] -= 1e-5


def test_a_network_learns_and_its_false_alarms_are_as_many_as_allowed(sights: list[Sight], monkeypatch: pytest.MonkeyPatch) -> None:
    network = kind_fit.learn(sights, epochs=100)
    against = kind_fit.odds_against_photo(network, sights)
    kinds = np.array([KINDS.index(sight.kind) for sight in sights])
    assert np.mean(against[kinds == KINDS.index(DRAWING), 0] > 0) > 0.9
    monkeypatch.setattr(kind_fit, "FALSE_ALARMS", dict.fromkeys(KINDS[1:], 25.0))
    photos = [sight for sight in sights if sight.kind == PHOTO]
    alarms = kind_fit.odds_against_photo(kind_fit.calibrated(network, sights), photos) > 0
    assert alarms.mean(axis=0) == pytest.approx(0.25, abs=1 / len(photos))


def test_networks_together_answer_their_mean(sights: list[Sight]) -> None:
    networks = [kind_fit.learn(sights, epochs=2, seed=seed) for seed in (0, 1)]
    numbers = sights[0].numbers
    np.testing.assert_allclose(kind_fit.together(networks)(numbers), np.mean([each(numbers) for each in networks], axis=0), rtol=1e-4)


def test_weights_are_made_in_the_shapes_of_those_in_use(folder: Path, tmp_path: Path) -> None:
    assert kind_fit.main([str(folder), "--epochs", "1", "--jobs", "1", "-o", str(tmp_path / "kind.npz")]) == 0
    in_use = arrays("kind.npz", "img_enhance.suggest")
    with np.load(tmp_path / "kind.npz") as made:
        assert {name: made[name].shape for name in made.files} == {name: array.shape for name, array in in_use.items()}
    with Image.open(SAMPLE) as image:
        assert in_use["hidden"].shape[0] == len(appearance(Photo(np.asarray(image.convert("RGB")))))
    assert all(np.isfinite(array).all() for array in in_use.values())


def test_sources_are_measured_by_name(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert kind_fit.main([str(folder), "--measure", "--jobs", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:3] for line in lines if line.startswith(PHOTO)] == [[PHOTO, "a", "1"], [PHOTO, "b", "1"]]
