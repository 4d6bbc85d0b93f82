"""The auto mode on the command line: what suggest prints, and that enhance does it."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from conftest import SAMPLE
from img_enhance.cli.suggest import table
from img_enhance.request.recipe import Recipe
from img_enhance.suggest.rules import RULES
from img_enhance.suggest.suggest import suggest_file

Pixels = npt.NDArray[np.uint8]
Save = Callable[[str, npt.NDArray[Any]], Path]
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def large() -> Pixels:
    """A good photo of 4.2 megapixels: the sample's greys with its full range, repeated."""
    with Image.open(SAMPLE) as photo:
        grey = np.asarray(photo.convert("L"), np.float32)
    low, high = np.percentile(grey, (0.5, 99.5))
    stretched = (np.clip((grey - low) / (high - low), 0, 1) ** 1.4 * 255).astype(np.uint8)
    return np.tile(stretched, (5, 7))[:1450, :2900]


@pytest.fixture(scope="module")
def dark(large: Pixels) -> Pixels:
    """The same three stops under."""
    return np.asarray(np.rint((((large / 255) ** 2.2) / 8) ** (1 / 2.2) * 255), np.uint8)


def test_the_table_has_a_line_for_every_step_with_its_reason(run: Run, saved: Save, dark: Pixels) -> None:
    code, out, err = run("suggest", saved("dark.png", dark))
    assert (code, err) == (0, "")
    header, *lines = out.splitlines()
    assert header.split() == ["do", "step", "strength", "why"]
    assert [line.split()[:2] for line in lines] == [
        ["no", "white_balance"],
        ["yes", "exposure_correction"],
        ["no", "clahe"],
        ["no", "real_esrgan"],
        ["no", "gfpgan"],
    ]
    assert re.search(r"yes  exposure_correction  \+[23]\.\d EV +median luminance 0\.0\d+: [23]\.\d EV too dark", out)


def test_suggest_says_how_many_rows_of_a_damaged_photo_are_missing_as_enhance_does(run: Run, saved: Save, dark: Pixels) -> None:
    path = saved("cut.png", dark[:300, :400])
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    assert run("suggest", path)[0] == 2
    code, out, err = run("suggest", path, "--salvage")
    assert code == 0
    assert out.startswith("do")
    told = re.search(r"\[WARNING\] the file is damaged: \d+ of 300 rows.*", err)
    assert told is not None
    assert told.group() in run("enhance", path, "--salvage", "--clahe", "-o", path.with_name("out.png"))[2]
    assert json.loads(run("suggest", path, "--salvage", "--json")[1])["warnings"] == [told.group().removeprefix("[WARNING] ")]


def test_long_reasons_go_on_under_themselves(data: Path) -> None:
    suggestion = suggest_file(data / "photos" / "group_of_faces.png")
    lines = table(suggestion).splitlines()
    assert max(map(len, lines)) <= 140
    words = re.sub(r"\s+", " ", " ".join(line[lines[0].index("why") :] for line in lines))
    for reason in suggestion.reasons:
        assert reason.words in words


def test_json_is_a_recipe_that_enhance_reads(run: Run, saved: Save, dark: Pixels, tmp_path: Path) -> None:
    photo, recipe = saved("dark.png", dark), tmp_path / "recipe.json"
    _, out, _ = run("suggest", photo, "--json")
    recipe.write_text(out, encoding="utf-8")
    assert [reason["step"] for reason in json.loads(out)["reasons"]] == [name for name, _ in RULES]
    assert [step["step"] for step in Recipe.from_json(out).to_mapping()["steps"]] == ["exposure_correction"]
    assert run("enhance", photo, "-o", tmp_path / "auto.png", "--quiet")[0] == 0
    assert run("enhance", photo, "-o", tmp_path / "by recipe.png", "--recipe", recipe, "--quiet")[0] == 0
    assert (tmp_path / "auto.png").read_bytes() == (tmp_path / "by recipe.png").read_bytes()
    with Image.open(tmp_path / "auto.png") as result:
        assert np.median(np.asarray(result)) > 2 * np.median(dark)


def test_enhance_says_what_it_chose(run: Run, saved: Save, dark: Pixels) -> None:
    code, _, err = run("enhance", saved("dark.png", dark), "--dry-run")
    assert code == 0
    assert re.match(r"Auto: exposure_correction \+\d\.\d EV: median luminance .*\nPlan: .*exposure_correction", err)


@pytest.mark.parametrize("kind", ["grey", "grey with alpha"])
def test_a_good_photo_is_copied_as_it_is(kind: str, run: Run, saved: Save, large: Pixels, tmp_path: Path) -> None:
    pixels = large if kind == "grey" else np.dstack([large, 255 - large // 4])
    photo, report = saved("good.png", pixels), tmp_path / "report.json"
    code, out, err = run("enhance", photo, "-o", tmp_path / "out.png", "--report", report)
    assert code == 0
    assert err.startswith("Auto: nothing to do, the photo is good as it is\n")
    assert re.search("\nPlan: .*; the file is copied as it is; ", err)
    assert out.endswith("; left as it is: copied byte for byte\n")
    assert (tmp_path / "out.png").read_bytes() == photo.read_bytes()
    assert json.loads(report.read_text())["copied"] is True
    code, out, err = run("enhance", photo, "-o", tmp_path / "out.tif")
    assert (code, out.rpartition("; ")[2]) == (0, "nothing to do\n")
    assert "copied" not in err
    with Image.open(tmp_path / "out.tif") as result:
        assert np.array_equal(np.asarray(result), pixels)


def test_from_a_pipe_into_a_pipe_nothing_is_lost(tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    Image.new("L", (40, 30), 99).save(photo, quality=70)
    with photo.open("rb") as file:
        command = [sys.executable, "-m", "img_enhance", "enhance", "-"]
        done = subprocess.run(command, stdin=file, capture_output=True, check=True)
    assert done.stdout == photo.read_bytes()
    assert re.search(rb"\[OK\] -: 40x30, .*; left as it is: copied byte for byte\s*$", done.stderr)


@pytest.mark.parametrize(
    ("flag", "why"),
    [
        ("--white-balance", r"a grey photo has no colour cast"),
        (
            "--exposure-correction",
            r"the photo is neither too dark nor too bright .*; --exposure-correction-ev changes it all the same",
        ),
        ("--clahe-enhance-level=0", r"--clahe-enhance-level 0 asks for no change"),
    ],
)
def test_a_step_that_changes_nothing_says_why(flag: str, why: str, run: Run, saved: Save, large: Pixels, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    code, out, _ = run("enhance", saved("good.png", large), flag, "--report", report)
    assert code == 0
    step = flag.removeprefix("--").partition("-enhance-level")[0].replace("-", "_")
    assert re.search(rf"; {step}: unchanged, because {why}", out)
    facts = json.loads(report.read_text())["steps"][1]["facts"]
    assert facts["changed"] is False
    assert facts["unchanged"].split(" ")[-3:] == re.sub("--exposure.* changes", "changes", why).split(" ")[-3:]


def test_a_fault_that_is_left_is_told_with_its_remedy(run: Run, large: Pixels, tmp_path: Path) -> None:
    photo = tmp_path / "blocks.jpg"
    Image.fromarray(large).save(photo, quality=10)
    words = re.sub(r"\s+", " ", run("suggest", photo)[1])
    remedy = "would take very long; --upscale 1 takes them away all the same"
    assert f"{remedy} no gfpgan" in words
    code, _, err = run("enhance", photo)
    assert code == 0
    first, second, *_ = err.splitlines()
    assert first == "Auto: no step is chosen"
    assert second.startswith("Auto: real_esrgan is left out: there are JPEG blocks (borders ") or " and JPEG blocks (" in second
    assert second.endswith(remedy)
    assert "good as it is" not in err


def test_a_fault_that_is_left_is_told_beside_what_is_done(run: Run, dark: Pixels, tmp_path: Path) -> None:
    photo = tmp_path / "blocks.jpg"
    Image.fromarray(dark).save(photo, quality=10)
    _, _, err = run("enhance", photo, "--dry-run")
    assert re.match(r"Auto: exposure_correction .*\nAuto: real_esrgan is left out: there (is|are) .*\nPlan: ", err)


@pytest.mark.parametrize(
    "flags", [("--white-balance",), ("--clahe-clip-limit", "3"), ("--upscale", "2"), ("--model", "realesr-animevideov3")]
)
def test_any_flag_of_a_step_turns_the_choice_off(flags: tuple[str, ...], run: Run, saved: Save, cat: Pixels) -> None:
    code, _, err = run("enhance", saved("cat.png", cat), *flags, "--dry-run")
    assert code == 0
    assert err.startswith("Plan: ")


def test_the_limit_bounds_what_is_chosen(run: Run, saved: Save, cat: Pixels) -> None:
    photo = saved("cat.png", cat)  # 0.0063 MP
    assert "real_esrgan          16x" in run("suggest", photo)[1]
    for most, factor in (("1.7", "16x"), ("1.6", "8x"), ("0.11", "4x"), ("0.03", "2x"), ("0.02", "-")):
        assert f"real_esrgan          {factor} " in run("suggest", photo, "--max-output-megapixels", most)[1]
    assert "90x70 to 180x140" in run("enhance", photo, "--dry-run", "--max-output-megapixels", "0.03")[2]


def test_suggests_for_standard_input(run: Run, saved: Save, cat: Pixels, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved("cat.png", cat)
    with path.open("rb") as file:
        monkeypatch.setattr("sys.stdin", type("Input", (), {"buffer": file}))
        assert run("suggest", "-")[1] == run("suggest", path)[1]


def test_a_missing_photo_is_one_line_and_exit_code_two(run: Run, tmp_path: Path) -> None:
    code, out, err = run("suggest", tmp_path / "missing.png")
    assert (code, out) == (2, "")
    assert err == f"[ERROR] {tmp_path / 'missing.png'} does not exist; check the name\n"
