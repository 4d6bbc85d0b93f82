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
    *others, first, second = exposure_fit.lessons_of(tmp_path / "good" / "1.png")
    assert len(others) == 5
    assert all(lesson.inputs[0] > 0.5 and lesson.wanted == lesson.inputs[0] for lesson in (first, second))
