"""A part of the result, computed alone, has the bits of the whole."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from img_enhance.engine import Engine
from img_enhance.errors import OptionError
from img_enhance.passes.network import NetworkPlan
from img_enhance.photo import Photo
from img_enhance.planning import sweep_planner
from img_enhance.request.options import Output
from img_enhance.request.recipe import Recipe
from img_enhance.request.step_options import CLAHE, ExposureCorrection, RealESRGAN, StepOptions

Pixels = npt.NDArray[np.uint8]

COMPACT, ANIME = "realesr-animevideov3", "realesrgan-x4plus-anime"


def cropped(steps: tuple[StepOptions, ...], crop: str) -> Recipe:
    return Recipe(steps=steps, output=Output(crop=crop))


CHAINS: dict[str, tuple[StepOptions, ...]] = {
    "network": (RealESRGAN(model=COMPACT),),
    "deep network": (RealESRGAN(model=ANIME),),
    "reduced": (RealESRGAN(model=COMPACT, upscale=2.3),),
    "back to its size": (RealESRGAN(model=COMPACT, upscale=1),),
    "two passes": (RealESRGAN(model=COMPACT, upscale=9),),
    "tones": (CLAHE(grid=2),),
    "tones and network": (ExposureCorrection(ev=1), CLAHE(grid=2), RealESRGAN(model=COMPACT, upscale=3)),
    "network and tones": (RealESRGAN(model=COMPACT, upscale=2), CLAHE(grid=2)),
}


@pytest.mark.parametrize("steps", CHAINS.values(), ids=CHAINS)
@pytest.mark.parametrize("place", [(0.0, 0.0), (0.45, 0.6), (1.0, 1.0)], ids=["corner", "middle", "other corner"])
@pytest.mark.parametrize("transparent", [False, True], ids=["opaque", "transparent"])
def test_part_has_the_bits_of_the_whole(
    engine: Engine, cat: Pixels, steps: tuple[StepOptions, ...], place: tuple[float, float], transparent: bool
) -> None:
    pixels = cat[:38, :45]
    alpha = np.arange(38 * 45, dtype=np.uint16).reshape(38, 45).astype(np.uint8) if transparent else None
    photo = Photo(pixels, alpha=alpha)
    whole = engine.enhance(photo, Recipe(steps=steps)).photo
    width, height = 17, 11
    left, top = round(place[0] * (whole.size.width - width)), round(place[1] * (whole.size.height - height))
    part = engine.enhance(photo, cropped(steps, f"{left},{top},{width},{height}")).photo
    rows, columns = slice(top, top + height), slice(left, left + width)
    np.testing.assert_array_equal(part.pixels, whole.pixels[rows, columns])
    if transparent:
        assert part.alpha is not None
        assert whole.alpha is not None
        np.testing.assert_array_equal(part.alpha, whole.alpha[rows, columns])


def test_part_of_a_deep_network_takes_less_work_than_the_whole(engine: Engine) -> None:
    photo = Photo(np.zeros((1500, 2000, 3), np.uint8))
    steps = (RealESRGAN(),)
    whole = engine.prepare(photo, Recipe(steps=steps)).plan
    part = engine.prepare(photo, cropped(steps, "4000,3000,200,200")).plan
    (first,), (all_of_it,) = part.passes, whole.passes
    assert isinstance(first, NetworkPlan)
    assert isinstance(all_of_it, NetworkPlan)
    assert first.flops < all_of_it.flops / 10
    assert part.seconds < whole.seconds / 10


def test_file_of_a_part_is_as_large_as_the_part(engine: Engine, cat: Pixels, saved: Callable[[str, npt.NDArray[Any]], Path]) -> None:
    result = engine.enhance(saved("cat.png", cat), cropped((RealESRGAN(model=COMPACT),), "7, 8, 30, 20"))
    path = result.photo.pixels.shape
    assert path == (20, 30, 3)
    assert result.note().endswith("90x70 to 360x280, part 7,8,30,20")


@pytest.mark.parametrize("crop", ["0,0,361,10", "0,0,10,281", "360,0,1,1", "1000,1000,5,5"])
def test_part_outside_the_result_is_refused_before_any_work(engine: Engine, cat: Pixels, crop: str) -> None:
    with pytest.raises(OptionError, match="360x280"):
        engine.prepare(Photo(cat), cropped((RealESRGAN(model=COMPACT),), crop))


@pytest.mark.parametrize(
    "crop", ["", "1,2,3", "1,2,3,4,5", "a,b,c,d", "-1,0,4,4", "0,0,0,4", "0,0,4,0", "1.5,0,4,4", "0,0,9999999999999999999,4"]
)
def test_crop_that_is_no_box_is_refused(crop: str) -> None:
    with pytest.raises(OptionError, match="crop must be"):
        Output(crop=crop)


def test_part_made_in_stages_has_the_bits_of_the_whole(engine: Engine, cat: Pixels, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep_planner, "WHOLE_PIXELS", 0)
    steps, photo = (RealESRGAN(model=ANIME),), Photo(cat[:38, :45])
    whole = engine.enhance(photo, Recipe(steps=steps))
    part = engine.enhance(photo, cropped(steps, "60,50,17,11"))
    assert all(isinstance(step, NetworkPlan) and len(step.stages) > 1 for step in part.plan.passes)
    np.testing.assert_array_equal(part.photo.pixels, whole.photo.pixels[50:61, 60:77])
