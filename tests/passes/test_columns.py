"""A panorama of all directions has no edge at its left and right: it comes out the same wherever it is cut open."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import pyvips

from img_enhance.engine import Engine
from img_enhance.metadata.xmp import properties_of
from img_enhance.photo import Metadata, Photo
from img_enhance.request.options import Machine, Output
from img_enhance.request.recipe import Recipe
from img_enhance.request.step_options import RealESRGAN

Pixels = npt.NDArray[np.uint8]
COMPACT = "realesr-animevideov3"
GPANO = "{http://ns.google.com/photos/1.0/panorama/}"
# Of float arithmetic in windows of other sizes; edges that do not fit are 10 and more apart.
SAME = 1


def xmp(size: tuple[int, int], sphere: int) -> bytes:
    width, height = size
    sizes = f'CroppedAreaImageWidthPixels="{width}" GPano:CroppedAreaImageHeightPixels="{height}" GPano:FullPanoWidthPixels="{sphere}"'
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description '
        'rdf:about="" xmlns:GPano="http://ns.google.com/photos/1.0/panorama/" GPano:ProjectionType="equirectangular" '
        f"GPano:{sizes}/></rdf:RDF></x:xmpmeta>"
    ).encode()


def panorama(pixels: Pixels, *, full: bool = True) -> Photo:
    height, width = pixels.shape[:2]
    alpha = np.ascontiguousarray(pixels[..., 1] // 2 + 100)
    return Photo(pixels, alpha, metadata=Metadata(xmp=xmp((width, height), width if full else 2 * width)))


def enhanced(photo: Photo, *steps: RealESRGAN, crop: str | None = None) -> tuple[Pixels, Pixels]:
    with Engine(Machine(device="cpu", precision="f32")) as engine:
        result = engine.enhance(photo, Recipe(steps=steps, output=Output(crop=crop))).photo
    assert result.alpha is not None
    return result.pixels.astype(np.uint8), result.alpha.astype(np.uint8)


def turned_round(pixels: Pixels, columns: int) -> Pixels:
    return np.ascontiguousarray(np.roll(pixels, columns, axis=1))


@pytest.fixture
def round_cat(cat: Pixels) -> Pixels:
    """A picture whose right edge goes on at its left."""
    half = cat[:48, :60]
    return np.ascontiguousarray(np.concatenate([half, half[:, ::-1]], axis=1))


@pytest.mark.parametrize("upscale", [None, 3, 1])
def test_edges_fit_at_every_size(upscale: float | None, round_cat: Pixels) -> None:
    options = RealESRGAN(model=COMPACT, upscale=upscale)
    pixels, alpha = enhanced(panorama(round_cat), options)
    others, other_alpha = enhanced(panorama(turned_round(round_cat, 40)), options)
    for one, other in ((pixels, others), (alpha, other_alpha)):
        assert np.abs(turned_round(one, one.shape[1] // 3).astype(int) - other).max() <= SAME


def test_edges_fit_at_a_width_that_the_photos_does_not_divide(round_cat: Pixels) -> None:
    pixels = enhanced(panorama(round_cat), RealESRGAN(model=COMPACT, width=401))[0].astype(int)
    assert np.abs(pixels[:, 0] - pixels[:, -1]).mean() < 2 * np.abs(np.diff(pixels, axis=1)).mean()


@pytest.mark.parametrize("upscales", [(3,), (1, 4)])
def test_a_part_of_a_panorama_has_edges_that_fit(upscales: tuple[int, ...], cat: Pixels) -> None:
    photo = panorama(np.ascontiguousarray(cat[:40, :90]))
    steps = [RealESRGAN(model=COMPACT, upscale=upscale) for upscale in upscales]
    whole, whole_alpha = enhanced(photo, *steps)
    for left in (0, 100, whole.shape[1] - 60):
        pixels, alpha = enhanced(photo, *steps, crop=f"{left},20,60,50")
        assert np.abs(pixels.astype(int) - whole[20:70, left : left + 60]).max() <= SAME
        assert np.array_equal(alpha, whole_alpha[20:70, left : left + 60])


def test_a_part_in_the_middle_is_made_of_what_lies_around_it() -> None:
    recipe = Recipe(steps=(RealESRGAN(model=COMPACT),), output=Output(crop="600,20,60,50"))
    with Engine() as engine:
        passes = engine.prepare(panorama(np.zeros((40, 300, 3), np.uint8)), recipe).plan.passes
    assert [step.kind for step in passes] == ["columns", "network", "columns"]
    assert all(step.part.size.width < step.result.width / 2 for step in passes), "a preview must not cost as much as the whole"


def test_other_photos_end_at_their_edges(cat: Pixels) -> None:
    pixels = np.ascontiguousarray(cat[:48, :120])
    options = RealESRGAN(model=COMPACT)
    plain, _ = enhanced(panorama(pixels, full=False), options)
    turned, _ = enhanced(panorama(turned_round(pixels, 40), full=False), options)
    assert np.abs(turned_round(plain, 160).astype(int) - turned).max() > 10
    with Engine() as engine:
        kinds = [step.kind for step in engine.prepare(panorama(pixels, full=False), Recipe(steps=(options,))).plan.passes]
    assert kinds == ["network"]


def test_a_file_says_whether_it_goes_round(tmp_path: Path, cat: Pixels) -> None:
    path = tmp_path / "panorama.jpg"
    image = pyvips.Image.new_from_array(np.ascontiguousarray(cat[:48, :90]))
    image.set_type(pyvips.GValue.blob_type, "xmp-data", xmp((90, 48), 90))
    image.jpegsave(str(path))
    with Engine() as engine:
        result = engine.enhance(path, Recipe(steps=(RealESRGAN(model=COMPACT, upscale=2),)))
        assert [step.kind for step in result.plan.passes] == ["columns", "network", "columns", "resample"]
        result.save(tmp_path / "result.jpg")
    found = properties_of(pyvips.Image.new_from_file(str(tmp_path / "result.jpg")).get("xmp-data"))
    assert (found[f"{GPANO}FullPanoWidthPixels"], found[f"{GPANO}CroppedAreaImageHeightPixels"]) == ("180", "96")
