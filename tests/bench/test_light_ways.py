"""The ways that are compared are what their names say."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from bracketed import Pixels, exposed, right
from PIL import Image

from conftest import needs_torch
from img_enhance.cli.main import main
from light import magick
from light.ways import ways_at_hand
from quality import ours

Program = Callable[[str], Path]


@pytest.fixture
def dark(tmp_path: Path) -> Path:
    path = tmp_path / "dark.png"
    Image.fromarray(exposed(right(), 0.2)).save(path)
    return path


def pixels_of(path: Path) -> Pixels:
    return np.asarray(Image.open(path).convert("RGB"))


def test_ours_by_hand_is_what_the_command_line_makes(dark: Path, tmp_path: Path) -> None:
    assert main(["enhance", str(dark), "-o", str(tmp_path / "made.png"), "--exposure-correction"]) == 0
    assert np.array_equal(ours.corrected(pixels_of(dark), "exposure_correction"), pixels_of(tmp_path / "made.png"))


def test_ours_auto_is_what_the_command_line_makes_without_enlarging(dark: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["suggest", str(dark), "--json"]) == 0
    steps = json.loads(capsys.readouterr().out)["recipe"]["steps"]
    recipe = {"version": 1, "steps": [step for step in steps if step["step"] != "real_esrgan"]}
    assert recipe["steps"]
    (tmp_path / "recipe.json").write_text(json.dumps(recipe))
    assert main(["enhance", str(dark), "-o", str(tmp_path / "made.png"), "--recipe", str(tmp_path / "recipe.json")]) == 0
    assert np.array_equal(ours.auto_corrected(pixels_of(dark)), pixels_of(tmp_path / "made.png"))


@pytest.fixture
def only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    """Puts a program `convert` that runs one line of sh where programs are looked for, alone."""

    def put(line: str) -> Path:
        path = tmp_path / "bin" / "convert"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{line}\n")
        path.chmod(0o755)
        monkeypatch.setenv("PATH", str(path.parent))
        return path

    return put


def test_only_imagemagick_is_taken_for_it(only: Program) -> None:
    only("echo GraphicsMagick 1.4")
    assert magick.program() is None
    only("echo ImageMagick is not installed; exit 1")
    assert magick.program() is None
    found = only("echo Version: ImageMagick 6.9")
    assert magick.program() == str(found)


def test_imagemagick_takes_and_gives_the_pixels_in_their_order(cat: Pixels) -> None:
    program = magick.program()
    if program is None:
        pytest.skip("ImageMagick is not installed")
    narrow = np.asarray(cat // 4 + 60, np.uint8)
    spread = magick.corrected(narrow, program=program, operator="-auto-level")
    low, high = int(narrow.min()), int(narrow.max())
    # All channels together, from the darkest value to the brightest.
    assert np.abs((narrow.astype(float) - low) * 255 / (high - low) - spread).max() <= 1
    assert np.array_equal(magick.corrected(narrow, program=program, operator="+repage"), narrow)


@needs_torch
def test_a_table_of_colours_is_looked_up_with_red_fastest() -> None:
    import torch

    from light.lut3d import looked_up

    steps = torch.linspace(0, 1, 33)
    blue, green, red = torch.meshgrid(steps, steps, steps, indexing="ij")
    photo = torch.rand((1, 3, 8, 9), generator=torch.Generator().manual_seed(1))
    assert torch.allclose(looked_up(photo, torch.stack((red, green, blue))), photo, atol=1e-5)
    assert torch.allclose(looked_up(photo, torch.stack((blue, red, red)))[:, 0], photo[:, 2], atol=1e-5)
    # Between two entries lies their mean.
    halves = looked_up(torch.full((1, 3, 1, 1), 0.5 / 32), torch.stack((red**2,) * 3))
    assert halves.flatten()[0] == pytest.approx((1 / 32) ** 2 / 2)


@needs_torch
@pytest.mark.usefixtures("data")
@pytest.mark.parametrize(
    ("name", "gain", "means"),
    [("IAT exposure", 1.6, (153.4, 96.7, 55.1)), ("IAT LOL", 0.15, (141.0, 125.3, 112.4)), ("3D LUT", 0.3, (133.6, 96.3, 61.1))],
)
def test_learned_peers_answer_as_the_published_code(name: str, gain: float, means: tuple[float, float, float]) -> None:
    """What IAT's published code answered, and for the 3D LUT SciPy's interpolation with the published classifier (2026-11)."""
    ways, _ = ways_at_hand()
    if name not in ways:
        pytest.skip(f"the weights of {name} are missing")
    made = ways[name](exposed(right(), gain))
    # Rounding to 8 bits does not move a mean by more than this.
    assert made.mean((0, 1)) == pytest.approx(means, abs=0.1)


def test_what_is_left_out_is_said(only: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only("exit 1")
    monkeypatch.setenv("IMG_ENHANCE_TEST_DATA", str(tmp_path))
    ways, left_out = ways_at_hand()
    assert list(ways) == ["no change", "ours, auto", "ours, by hand", "Pillow autocontrast", "OpenCV CLAHE"]
    assert left_out[0].startswith("ImageMagick is left out")
    assert all("PyTorch" in line or f"in {tmp_path}" in line for line in left_out[1:])
    assert len(left_out) > 1
