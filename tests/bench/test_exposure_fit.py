"""The script that learns whether an exposure is wrong writes what the library reads."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tone_pictures import exposed, scene

from img_enhance.light.learned import EXPOSURE, arrays

needs_torch = pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch is not installed; make test-torch installs it")


@needs_torch
def test_learning_writes_weights_that_the_library_reads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import exposure_fit

    for kind in ("good", "night", "toodark", "snow", "backlit"):
        (tmp_path / kind).mkdir()
        for number in range(8):
            stops = {"night": -3, "toodark": -2, "snow": 1.5}.get(kind, 0) - number / 9
            Image.fromarray(exposed(scene(), stops)).save(tmp_path / kind / f"{number}.png")
    assert exposure_fit.main([str(tmp_path), "--epochs", "10", "-o", str(tmp_path / "made.npz")]) == 0
    with np.load(tmp_path / "made.npz") as made:
        assert {name: made[name].shape for name in made.files} == {name: array.shape for name, array in arrays(EXPOSURE).items()}
        assert all(np.isfinite(made[name]).all() for name in made.files)
    assert "loss on the kept ones" in capsys.readouterr().out


@needs_torch
def test_a_photo_that_was_meant_dark_is_to_stay_so_in_parts_and_loses_only_what_made_it_darker(tmp_path: Path) -> None:
    import exposure_fit

    night = exposed(scene(), -3)
    night[::8, ::8] = 255  # lamps: without light that is white the darkness would be stops that are unused
    (tmp_path / "night").mkdir()
    Image.fromarray(night).save(tmp_path / "night" / "1.png")
    as_it_is, *others = exposure_fit.lessons_of(tmp_path / "night" / "1.png")
    again, spoilt = others[:4], others[4:]
    assert len(spoilt) == 2
    assert (as_it_is.inputs[0] > 0.5, as_it_is.wanted) == (True, 0)
    assert all(lesson.inputs[0] > 0.5 and lesson.wanted == 0 and lesson.weight < as_it_is.weight for lesson in again)
    # Three stops are meant, so what is wrong is less than what it is off.
    assert all(lesson.wanted <= 2.8 and lesson.wanted < lesson.inputs[0] for lesson in spoilt)
    assert max(lesson.wanted for lesson in spoilt) > 0


@needs_torch
def test_a_good_photo_in_too_weak_a_flash_is_to_be_lifted_whole(tmp_path: Path) -> None:
    import exposure_fit

    (tmp_path / "good").mkdir()
    Image.fromarray(scene()).save(tmp_path / "good" / "1.png")
    found = exposure_fit.lessons_of(tmp_path / "good" / "1.png")
    assert all(lesson.inputs[0] > 0.5 and lesson.wanted == lesson.inputs[0] for lesson in found[5:7])


@needs_torch
def test_what_is_lit_as_in_a_room_is_to_be_lifted_and_a_warm_sun_is_meant() -> None:
    import exposure_fit

    grey = np.repeat(scene().mean(axis=-1, keepdims=True), 3, axis=-1).astype(np.uint8)
    lessons = [lesson for seed in range(12) for lesson in exposure_fit._lit(grey, False, np.random.default_rng(seed))]
    in_rooms, before_suns = ([lesson for lesson in lessons if (lesson.wanted > 0) is wrong] for wrong in (True, False))
    assert len(in_rooms) > 3
    assert all(lesson.wanted == lesson.inputs[0] for lesson in in_rooms)
    assert len(before_suns) > 1
    assert all(lesson.wanted == 0 and lesson.inputs[24] > 0.35 for lesson in before_suns)


@needs_torch
def test_of_flowers_that_are_alike_each_counts_half_and_none_is_lit(tmp_path: Path) -> None:
    import exposure_fit

    (tmp_path / "good").mkdir()
    for name in ("flower1.png", "1.png"):
        Image.fromarray(scene()).save(tmp_path / "good" / name)
    flower, other = (exposure_fit.lessons_of(tmp_path / "good" / name) for name in ("flower1.png", "1.png"))
    assert len(flower) == 5 < len(other)
    assert [lesson.weight for lesson in flower] == [lesson.weight / 2 for lesson in other[:5]]
