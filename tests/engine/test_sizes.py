"""Sizes below the photo's own, prints, and files of so many bytes at most."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from img_enhance.engine import Engine
from img_enhance.engine.result import Result
from img_enhance.errors import OptionError, OutputError
from img_enhance.geometry import Size
from img_enhance.photo import Photo
from img_enhance.request.options import Output
from img_enhance.request.recipe import Recipe
from img_enhance.request.step_options import CLAHE, RealESRGAN, StepOptions

Pixels = npt.NDArray[np.uint8]
COMPACT = "realesr-animevideov3"
# Pillow's Lanczos and libvips' round otherwise.
NEAR = 3


def enhanced(photo: Photo | Path, *steps: StepOptions, output: Output | None = None) -> Result:
    with Engine() as engine:
        return engine.enhance(photo, Recipe(steps=steps, output=output or Output()))


@pytest.mark.parametrize(
    ("options", "size"),
    [({"width": 45}, (45, 35)), ({"height": 14}, (18, 14)), ({"megapixels": 0.001}, (36, 28)), ({"print": "1x1in@30dpi"}, (30, 23))],
)
def test_a_smaller_size_is_a_reduction_without_a_network(options: dict[str, Any], size: tuple[int, int], cat: Pixels) -> None:
    result = enhanced(Photo(cat[:70, :90]), RealESRGAN(model="realesrgan-x4plus", **options))
    assert [step.kind for step in result.plan.passes] == ["resample"]
    assert result.plan.models == ()
    assert result.photo.size == Size(*size)
    reduced = np.asarray(Image.fromarray(cat[:70, :90]).resize(size, Image.Resampling.LANCZOS)).astype(int)
    assert np.abs(result.photo.pixels - reduced)[2:-2, 2:-2].mean() < NEAR


def test_tones_in_16_bits_are_reduced_to_the_photos_8(cat: Pixels) -> None:
    photo = Photo(cat[:70, :90])
    toned = enhanced(photo, CLAHE(grid=2)).photo.pixels
    both = enhanced(photo, CLAHE(grid=2), RealESRGAN(width=45)).photo.pixels
    assert both.dtype == np.uint8
    assert np.abs(both - enhanced(Photo(toned), RealESRGAN(width=45)).photo.pixels.astype(int)).max() <= 1


def test_a_part_of_a_reduction_has_the_bits_of_the_whole(cat: Pixels) -> None:
    options = RealESRGAN(width=23)
    whole = enhanced(Photo(cat), options).photo.pixels
    part = enhanced(Photo(cat), options, output=Output(crop="9,4,10,8")).photo.pixels
    assert np.array_equal(part, whole[4:12, 9:19])


@pytest.mark.parametrize(("text", "size"), [("2x2in@60dpi", (120, 93)), ("1x1in@72.5dpi", (72, 56)), ("4x4in@90dpi", (360, 280))])
def test_a_print_has_its_resolution(text: str, size: tuple[int, int], cat: Pixels, tmp_path: Path) -> None:
    # 360 is the network's factor of 4 to the pixel, 120 a reduction after it, 72 one without it.
    path = tmp_path / "print.jpg"
    model = "realesr-animevideov3"
    enhanced(Photo(cat[:70, :90]), RealESRGAN(model=model, print=text)).save(path)
    with Image.open(path) as picture:
        assert picture.size == size
        assert picture.info["dpi"] == pytest.approx((float(text[6:-3]), float(text[6:-3])), abs=0.6)


@pytest.mark.parametrize("format", ["jpeg", "webp", "avif", "jxl"])
def test_the_best_quality_that_is_small_enough(format: str, cat: Pixels, tmp_path: Path) -> None:
    photo, usual = Photo(cat), tmp_path / "usual"
    enhanced(photo, output=Output(format=format)).save(usual)
    most = usual.stat().st_size // 2
    result = enhanced(photo, output=Output(format=format, max_bytes=most))
    saved = result.save(tmp_path / "small")
    small = (tmp_path / "small").read_bytes()
    assert len(small) <= most
    (warning,) = saved.warnings
    quality = int(warning.split(" to ")[1].split(",")[0])
    better = enhanced(photo, output=Output(format=format, quality=quality + 1)).save(tmp_path / "better")
    assert not better.warnings
    assert (tmp_path / "better").stat().st_size > most
    enhanced(photo, output=Output(format=format, quality=quality)).save(tmp_path / "same")
    assert (tmp_path / "same").read_bytes() == small


def test_what_is_small_enough_keeps_its_quality(cat: Pixels, tmp_path: Path) -> None:
    plain, limited = tmp_path / "plain.jpg", tmp_path / "limited.jpg"
    enhanced(Photo(cat)).save(plain)
    assert not enhanced(Photo(cat), output=Output(format="jpeg", max_bytes=plain.stat().st_size)).save(limited).warnings
    assert plain.read_bytes() == limited.read_bytes()


@pytest.mark.parametrize(("spare", "copied"), [(0, True), (-1, False)])
def test_a_file_that_is_small_enough_is_copied(spare: int, copied: bool, cat: Pixels, tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    Image.fromarray(cat).save(path, quality=97)
    most = path.stat().st_size + spare
    result = enhanced(path, output=Output(max_bytes=most)).save(tmp_path / "result.jpg")
    assert result.copied == copied
    assert (tmp_path / "result.jpg").stat().st_size <= most


def test_no_quality_is_small_enough(cat: Pixels, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"even in quality 1, allowed 100; ask for fewer pixels"):
        enhanced(Photo(cat), output=Output(format="jpeg", max_bytes=100)).save(tmp_path / "result.jpg")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("output", [Output(format="png", max_bytes=10**6), Output(format="webp", lossless=True, max_bytes=10**6)])
def test_files_without_loss_are_refused_before_the_work(output: Output, cat: Pixels) -> None:
    with Engine() as engine, pytest.raises(OptionError, match="cannot be brought to max_bytes 1000000"):
        engine.prepare(Photo(cat), Recipe(steps=(), output=output))


def test_a_file_without_loss_is_refused_when_it_is_named(cat: Pixels, tmp_path: Path) -> None:
    result = enhanced(Photo(cat), output=Output(format="jpeg", max_bytes=10**6))
    with pytest.raises(OptionError, match="a png, which loses nothing, cannot be brought to"):
        result.save(tmp_path / "result.png", format="png")
