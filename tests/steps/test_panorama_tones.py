"""Tones of a panorama of all directions: it may have been cut anywhere, so its left and right edges fit."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from img_enhance.engine import Engine
from img_enhance.light.lattice import Lattice, smoothed
from img_enhance.photo import Photo
from img_enhance.request.recipe import Recipe
from img_enhance.request.step_options import CLAHE, ExposureCorrection, StepOptions
from img_enhance.steps import clahe, exposure_correction

HEIGHT, WIDTH = 128, 512
STEPS: dict[str, tuple[StepOptions, Any]] = {
    "clahe": (CLAHE(), clahe),
    "clahe with noise": (CLAHE(amplify_noise=True), clahe),
    "exposure": (ExposureCorrection(ev=1.0, local="on", amplify_noise=True), exposure_correction),
}
Array = npt.NDArray[np.uint8]


def panorama() -> Array:
    """Bright at the left edge, dark at the right one, with detail everywhere."""
    light = np.linspace(230, 20, WIDTH)
    detail = np.random.default_rng(5).normal(0, 25, (HEIGHT // 4, WIDTH // 4, 1)).repeat(4, 0).repeat(4, 1)
    return np.asarray(np.clip(light[:, None] + np.broadcast_to(detail, (HEIGHT, WIDTH, 3)), 1, 254), np.uint8)


def made(photo: Photo, name: str) -> npt.NDArray[np.int16]:
    options, step = STEPS[name]
    facts = step.measure(photo, options)
    return np.asarray(step.apply(photo.pixels, photo.size.box, facts, 8), np.int16)


@pytest.mark.parametrize("name", STEPS)
def test_a_panorama_may_be_cut_anywhere(name: str) -> None:
    pixels, half = panorama(), WIDTH // 2
    cut = Photo(pixels, wraps=True)
    elsewhere = Photo(np.ascontiguousarray(np.roll(pixels, half, axis=1)), wraps=True)
    # Noise and detail are measured a pixel or two into the picture.
    np.testing.assert_allclose(np.roll(made(cut, name), half, axis=1), made(elsewhere, name), atol=3)


@pytest.mark.parametrize("name", ["clahe", "clahe with noise"])
def test_what_does_not_go_round_has_other_edges(name: str) -> None:
    cut = Photo(panorama(), wraps=True)
    flat = dataclasses.replace(cut, wraps=False)
    assert np.abs(made(cut, name) - made(flat, name))[:, [0, -1]].max() > 10


def test_a_lattice_that_goes_round_lies_between_its_outer_columns_at_the_edge() -> None:
    values = np.random.default_rng(1).random((1, 4, 2)).astype(np.float32)
    level = np.zeros((1, 400), np.float32)
    round_, flat = (Lattice(values, 1.0, 100.0, wraps).read(0, 0, level)[0] for wraps in (True, False))
    assert round_[0] == pytest.approx((values[0, 0, 0] + values[0, 3, 0]) / 2, abs=1e-6)
    assert round_[399] == pytest.approx(round_[0], abs=0.02)
    assert flat[0] == pytest.approx(values[0, 0, 0])
    np.testing.assert_array_equal(round_[50:350], flat[50:350])


def test_counts_that_go_round_are_smoothed_over_the_edge() -> None:
    values = np.random.default_rng(2).random((3, 6, 5))
    rolled = smoothed(np.roll(values, 2, axis=1), rounds=(1, 1, 2), wraps=True)
    np.testing.assert_allclose(rolled, np.roll(smoothed(values, rounds=(1, 1, 2), wraps=True), 2, axis=1))


@pytest.mark.parametrize(("projection", "fits"), [("equirectangular", True), ("cylindrical", False)])
def test_the_edges_of_a_file_fit_after_its_contrast_was_lifted(projection: str, fits: bool, tmp_path: Path) -> None:
    path, names = tmp_path / "panorama.png", "http://ns.google.com/photos/1.0/panorama/"
    size = f'p:CroppedAreaImageWidthPixels="{WIDTH}" p:FullPanoWidthPixels="{WIDTH}"'
    packet = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about="" xmlns:p="{names}" p:ProjectionType="{projection}" {size}/></rdf:RDF></x:xmpmeta>'
    )
    chunks = PngInfo()
    chunks.add_itxt("XML:com.adobe.xmp", packet)
    Image.fromarray(panorama()).save(path, pnginfo=chunks)
    with Engine() as engine:
        result = engine.enhance(path, Recipe(steps=(CLAHE(amplify_noise=True),))).photo.pixels
    expected = made(Photo(panorama(), wraps=fits), "clahe with noise")
    np.testing.assert_array_equal(result, expected)
