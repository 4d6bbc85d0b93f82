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
