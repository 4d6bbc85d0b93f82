"""Which network enlarges: flat drawings get the one for drawings, photos never do; noisy and large ones get the quick one if it is here."""

import dataclasses
import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from test_kind import diagram, logo, page, pixel_art, slide
from test_suggest import AS_PHOTO, GOOD, texture

from img_enhance.models.table import BUILT_IN, ModelTable
from img_enhance.models.weight_sources import DownloadedWeights
from img_enhance.models.weights.cache import WeightStore
from img_enhance.photo import Photo
from img_enhance.request.options import Limits
from img_enhance.request.recipe import Recipe
from img_enhance.request.step_options import GFPGAN, RealESRGAN
from img_enhance.suggest.analysis import PhotoFacts
from img_enhance.suggest.kind import DRAWING, FALSE_COLOUR, KINDS, PAINTING, PHOTO
from img_enhance.suggest.network import FOR_DRAWINGS, FOR_NOISE, FOR_PHOTOS, here, is_flat_drawing
from img_enhance.suggest.rules import INSTALLED
from img_enhance.suggest.suggest import Suggestion, suggest, suggest_for

EVERYTHING = INSTALLED | {FOR_NOISE}
NOISY, BLURRED = texture(noise_sigma=9 / 255), texture(blur=0.7)

# Small enough to be enlarged; a drawing as screenshots are.
SMALL = dataclasses.replace(GOOD, width=600, height=600, kind=PHOTO, kind_confidence=0.99, flatness=0.1)
DRAWN = dataclasses.replace(SMALL, kind=DRAWING, kind_confidence=0.8, flatness=0.8, texture=texture(noise_sigma=0.0))


def chosen(suggestion: Suggestion) -> tuple[str, str] | None:
    """The network and the reason."""
    models = [step.model for step in suggestion.steps if isinstance(step, RealESRGAN)]
    (reason,) = (reason for reason in suggestion.reasons if reason.step == RealESRGAN.name)
    return (models[0], reason.words) if models else None


def network(facts: PhotoFacts, networks: frozenset[str] = EVERYTHING) -> str:
    found = chosen(suggest_for(facts, Limits(), networks))
    assert found is not None
    assert f"; {found[0]} because " in found[1]
    return found[0]


@pytest.mark.parametrize("made", [page(), page("#101018", "#505050"), slide(), diagram(), logo(), pixel_art(8)])
def test_drawings_pages_and_screens_get_the_network_for_drawings(made: Image.Image) -> None:
    found = chosen(suggest(Photo(np.asarray(made))))
    assert found is not None
    assert found[0] == FOR_DRAWINGS
    assert f"; {FOR_DRAWINGS} because this looks like a drawing, a page or a screenshot (confidence " in found[1]


def test_a_photo_gets_the_network_for_photos(cat: npt.NDArray[np.uint8]) -> None:
    found = chosen(suggest(Photo(cat)))
    assert found is not None
    assert found == (FOR_PHOTOS, found[1])
    assert found[1].endswith(f"; {AS_PHOTO}")


def test_no_photo_gets_the_network_for_drawings(data: Path) -> None:
    photos = [path for folder in ("photos", "free") for path in sorted((data / folder).iterdir()) if path.suffix in (".jpg", ".png")]
    assert len(photos) > 10
    for path in photos:
        with Image.open(path) as picture:
            picture.thumbnail((800, 800))
            found = chosen(suggest(Photo(np.asarray(picture.convert("RGB")))))
        assert found is not None
        assert found[0] == FOR_PHOTOS, path.name


@pytest.mark.parametrize(
    ("changes", "flat"),
    [
        ({}, True),
        ({"kind_confidence": 0.6}, False),
        ({"flatness": 0.4}, False),
        ({"texture": texture(noise_sigma=5 / 255)}, False),
        # What is surely a drawing need not be flat: a sketch, a terminal on a smooth background.
        ({"kind_confidence": 0.99, "flatness": 0.1, "texture": texture(noise_sigma=20 / 255)}, True),
        ({"kind_confidence": 0.9, "flatness": 0.1}, True),
        ({"kind_confidence": 0.97, "texture": texture(noise_sigma=5 / 255)}, False),
        *(({"kind": kind, "kind_confidence": 1.0}, False) for kind in (PHOTO, PAINTING, FALSE_COLOUR)),
        ({"kind": None, "kind_confidence": None, "flatness": None}, False),
    ],
)
def test_a_drawing_is_clean_and_flat_or_likely_or_surely_one(changes: dict[str, Any], flat: bool) -> None:
    facts = dataclasses.replace(DRAWN, **changes)
    assert is_flat_drawing(facts) == flat
    assert network(facts, INSTALLED) == (FOR_DRAWINGS if flat else FOR_PHOTOS)


def test_without_the_network_for_drawings_they_get_the_one_for_photos() -> None:
    assert network(DRAWN, frozenset({FOR_PHOTOS})) == FOR_PHOTOS


@pytest.mark.parametrize("kind", KINDS)
def test_a_noisy_photo_gets_the_quick_network_where_it_is(kind: str) -> None:
    noisy = dataclasses.replace(SMALL, kind=kind, kind_confidence=0.7, texture=NOISY)
    assert network(noisy) == FOR_NOISE
    assert network(noisy, INSTALLED) == FOR_PHOTOS
    assert network(dataclasses.replace(noisy, texture=BLURRED)) == FOR_PHOTOS


@pytest.mark.parametrize(("width", "height", "repaired"), [(2000, 1000, INSTALLED), (6000, 4000, EVERYTHING), (6000, 5001, None)])
def test_a_very_large_photo_is_repaired_where_the_quick_network_is(width: int, height: int, repaired: frozenset[str] | None) -> None:
    flawed = dataclasses.replace(SMALL, width=width, height=height, texture=BLURRED)
    limits = Limits(max_output_megapixels=30.1 if repaired else 100)
    if repaired != INSTALLED:
        assert chosen(suggest_for(flawed, limits, INSTALLED)) is None
    if repaired == EVERYTHING:
        model, words = chosen(suggest_for(flawed, limits, EVERYTHING)) or ("", "")
        assert model == FOR_NOISE
        assert words == f"24 MP is large enough, but there is blur (0.70 of 1); {FOR_NOISE} because {FOR_PHOTOS} would take very long"
    if repaired is None:
        assert chosen(suggest_for(flawed, limits, EVERYTHING)) is None


def test_a_very_large_drawing_waits_for_nothing() -> None:
    flawed = dataclasses.replace(DRAWN, width=6000, height=4000, texture=texture(blur=0.7, noise_sigma=0.0))
    assert chosen(suggest_for(flawed, Limits(), EVERYTHING)) is None


def test_faces_in_drawings_are_left_alone() -> None:
    suggestion = suggest_for(dataclasses.replace(DRAWN, faces=2), Limits())
    assert not any(isinstance(step, GFPGAN) for step in suggestion.steps)
    assert [reason.words for reason in suggestion.reasons if reason.step == GFPGAN.name] == ["faces in drawings stay as they are"]
    assert any(isinstance(step, GFPGAN) for step in suggest_for(dataclasses.replace(SMALL, faces=2), Limits()).steps)


def test_the_recipe_names_the_network() -> None:
    suggestion = suggest_for(DRAWN, Limits())
    assert suggestion.record()["recipe"]["steps"][0]["model"] == FOR_DRAWINGS
    assert Recipe.from_mapping(suggestion.record()["recipe"]).steps == suggestion.steps


def test_the_networks_are_those_of_the_table_whose_weights_are_here(tmp_path: Path) -> None:
    assert here(BUILT_IN, None) == here(BUILT_IN, WeightStore(tmp_path)) == INSTALLED == {FOR_PHOTOS, FOR_DRAWINGS}
    table, content = small_table()
    (tmp_path / "realesr-general-x4v3.pth").write_bytes(content)
    assert here(table, WeightStore(tmp_path)) == EVERYTHING
    (tmp_path / "realesr-general-x4v3.pth").write_bytes(content[::-1])
    assert here(table, WeightStore(tmp_path)) == INSTALLED


def test_what_is_here_is_used(tmp_path: Path, cat: npt.NDArray[np.uint8]) -> None:
    noise = np.random.default_rng(1).normal(0, 20, cat.shape)
    noisy = Photo(np.clip(cat + noise, 0, 255).astype(np.uint8))
    table, content = small_table()
    (tmp_path / "realesr-general-x4v3.pth").write_bytes(content)
    model, words = chosen(suggest(noisy, store=WeightStore(tmp_path), models=table)) or ("", "")
    assert (model, words.rpartition("; ")[2]) == (FOR_NOISE, f"{FOR_NOISE} because of the noise")
    assert (chosen(suggest(noisy, store=WeightStore(tmp_path / "empty"), models=table)) or ("",))[0] == FOR_PHOTOS


def small_table() -> tuple[ModelTable, bytes]:
    """The table with other bytes as the quick network's file, and those."""
    content = b"weights of the quick network"
    model = BUILT_IN.named(FOR_NOISE)
    assert isinstance(model.weights, DownloadedWeights)
    file = dataclasses.replace(model.weights.file, bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
    small = dataclasses.replace(model, weights=DownloadedWeights(file))
    others = tuple(other for other in BUILT_IN.enlarging if other.name != FOR_NOISE)
    return dataclasses.replace(BUILT_IN, enlarging=(*others, small)), content
