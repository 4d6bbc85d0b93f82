"""`img-enhance models add` and `remove`, and a model's file in the place of its name."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import pyvips

from img_enhance.cli.main import main
from img_enhance.models.networks.srvgg import SRVGGNetCompact
from onnx_files import doubling, doubling_file, node, port
from own_networks import carrier_file, carrier_weights, ncnn_pair

Run = Callable[..., "Ran"]


class Ran(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("IMG_ENHANCE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("IMG_ENHANCE_WEIGHTS_PATH", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def run_main(*arguments: str | Path) -> Ran:
        code = main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        assert (said.out + said.err).isascii()
        return Ran(code, said.out, said.err)

    return run_main


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    pixels = np.random.RandomState(3).randint(0, 256, (9, 12, 3)).astype(np.uint8)
    pyvips.Image.new_from_array(pixels).write_to_file(str(tmp_path / "photo.png"))
    return tmp_path / "photo.png"


def pixels_of(path: Path) -> object:
    return pyvips.Image.new_from_file(str(path)).numpy()


def test_an_added_model_is_a_row_like_any_other(run: Run, photo: Path, tmp_path: Path) -> None:
    file = carrier_file(tmp_path / "2x My.model.safetensors")
    added = run("models", "add", file, "--license", "CC BY 4.0", "--for", "tests")
    assert added.code == 0, added.err
    assert "[OK] 2x-My-model was added: img-enhance enhance PHOTO --model 2x-My-model" in added.out
    assert "[WARNING]" not in added.err
    file.unlink()
    row = next(line.split() for line in run("models").out.splitlines() if line.startswith("2x-My-model"))
    assert row == ["2x-My-model", "2x", "1", "MB", "CC", "BY", "4.0", "yes", *["a", "file", "of", "this", "machine"], "tests"]
    shown = run("models", "show", "2x-My-model").out
    assert "origin   2x My.model.safetensors" in shown
    assert "network  RRDBNet (blocks 1, cell 1, doublings 1, features 8, growth 4)" in shown
    assert "[OK] 2x-My-model: " in run("models", "verify").out
    assert "[OK] 2x-My-model: " in run("models", "pull", "2x-My-model").out
    enhanced = run("enhance", photo, "-o", tmp_path / "out.png", "--model", "2x-My-model", "--no-keep-colours", "--precision", "f32")
    assert enhanced.code == 0, enhanced.err
    np.testing.assert_array_equal(pixels_of(tmp_path / "out.png"), np.repeat(np.repeat(pixels_of(photo), 2, 0), 2, 1))  # type: ignore[call-overload]
    assert run("models", "remove", "2x-My-model").out == "[OK] 2x-My-model was removed\n"
    gone = run("enhance", photo, "-o", tmp_path / "again.png", "--model", "2x-My-model")
    assert (gone.code, "no model is called '2x-My-model'; use one of --model realesrgan-x4plus" in gone.err) == (2, True)


def test_an_onnx_file_is_added_and_enlarges(run: Run, photo: Path, tmp_path: Path) -> None:
    file = doubling_file(tmp_path / "2x-net.onnx")
    added = run("models", "add", file, "--license", "CC0-1.0")
    assert added.code == 0, added.err
    assert "2x-net.onnx: ONNX, opset 17, by 'tests', takes and answers RGB 0 to 1, 2x" in added.err
    file.unlink()
    shown = run("models", "show", "2x-net").out
    assert "network  ONNX, opset 17, by 'tests', takes and answers RGB 0 to 1" in shown
    assert "reach    8 px on a test picture" in shown
    assert "[OK] 2x-net: " in run("models", "verify").out
    enhanced = run("enhance", photo, "-o", tmp_path / "out.png", "--model", "2x-net", "--no-keep-colours", "--precision", "f32")
    assert enhanced.code == 0, enhanced.err
    np.testing.assert_array_equal(pixels_of(tmp_path / "out.png"), np.repeat(np.repeat(pixels_of(photo), 2, 0), 2, 1))  # type: ignore[call-overload]


def test_a_network_of_one_size_is_added_and_enlarges_in_tiles(run: Run, photo: Path, tmp_path: Path) -> None:
    file = doubling_file(tmp_path / "one-size.onnx", doubling(taken=port("in", (1, 3, 8, 8))))
    added = run("models", "add", file, "--license", "CC0-1.0")
    assert added.code == 0, added.err
    memory = re.search(r"memory +([\d,]+) bytes a pixel", added.out)
    assert memory is not None
    assert int(memory[1].replace(",", "")) >= 12, "three channels of floats at least, also where they were held before"
    enhanced = run("enhance", photo, "-o", tmp_path / "out.png", "--model", "one-size", "--no-keep-colours", "--precision", "f32")
    assert enhanced.code == 0, enhanced.err
    np.testing.assert_array_equal(pixels_of(tmp_path / "out.png"), np.repeat(np.repeat(pixels_of(photo), 2, 0), 2, 1))  # type: ignore[call-overload]


def test_a_hostile_onnx_file_is_refused_in_words(run: Run, photo: Path, tmp_path: Path, home: Path) -> None:
    file = doubling_file(tmp_path / "x.onnx", doubling(after=[node("Run", "y", "out", domain="custom.maker")]))
    for command in (("models", "add", str(file)), ("enhance", str(photo), "-o", str(tmp_path / "out.png"), "--model", str(file))):
        ran = run(*command)
        assert (ran.code, "x.onnx has operations of somebody's own (custom.maker::Run)" in ran.err) == (3, True), ran.err
    assert not home.exists()
    assert not (tmp_path / "out.png").exists()


def test_a_copy_that_changed_is_refused(run: Run, photo: Path, tmp_path: Path, home: Path) -> None:
    added = run("models", "add", carrier_file(tmp_path / "x.safetensors"), "--name", "mine")
    assert (added.code, "[WARNING] its license is not stated" in added.err) == (0, True)
    copy = home / "own" / "mine.safetensors"
    copy.write_bytes(copy.read_bytes()[:-1] + b"\1")
    for command in (("models", "verify"), ("enhance", str(photo), "-o", str(tmp_path / "out.png"), "--model", "mine")):
        ran = run(*command)
        assert (ran.code, "mine.safetensors is not what mine was made of" in ran.out + ran.err) == (4, True)
    assert not (tmp_path / "out.png").exists()
    (home / "own" / "mine.json").write_text("{")
    ran = run("models", "verify")
    assert (ran.code, "mine.json: it is damaged" in ran.out) == (4, True)


def test_a_model_that_is_none_is_refused_unless_it_is_wanted_anyway(run: Run, tmp_path: Path, home: Path) -> None:
    file = carrier_file(tmp_path / "mine.safetensors", carrier_weights(order=(2, 1, 0)))
    ran = run("models", "add", file)
    assert (ran.code, "red and blue are exchanged" in ran.err) == (3, True)
    assert not home.exists()
    ran = run("models", "add", file, "--anyway")
    assert (ran.code, "[WARNING] red and blue are exchanged" in ran.err) == (0, True)


def test_a_name_that_cannot_be_is_refused_before_anything_is_read(run: Run, tmp_path: Path) -> None:
    for name, words in {"../x": "cannot be called", "realesrgan-x4plus": "comes with img-enhance"}.items():
        ran = run("models", "add", tmp_path / "nothing.pth", "--name", name)
        assert (ran.code, words in ran.err) == (2, True)
    ran = run("models", "add", tmp_path / "...")
    assert (ran.code, "does not say what to call the model; give --name" in ran.err) == (2, True)
    ran = run("models", "add", carrier_file(tmp_path / "mine.safetensors"), "--license", "a\nb")
    assert (ran.code, "must be one line" in ran.err) == (2, True)


def test_only_ones_own_models_are_removed_and_why_is_said(run: Run, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("realesrgan-x4plus", "yunet-2026may"):
        told = f"{name} comes with img-enhance and stays; where its file lies says: img-enhance models show {name}"
        ran = run("models", "remove", name)
        assert (ran.code, ran.err) == (2, f"[ERROR] {told}\n")
    ran = run("models", "remove", "other")
    assert (ran.code, ran.err) == (2, "[ERROR] no model 'other' was added; those that there are lists: img-enhance models\n")
    assert run("models", "add", carrier_file(tmp_path / "mine.safetensors")).code == 0
    ran = run("models", "remove", "other")
    assert (ran.code, ran.err) == (2, "[ERROR] no model 'other' was added; added were mine\n")
    monkeypatch.setenv("IMG_ENHANCE_HOME", str(tmp_path / "another"))
    monkeypatch.setenv("IMG_ENHANCE_WEIGHTS_PATH", str(home))
    ran = run("models", "remove", "mine")
    assert (ran.code, ran.err) == (2, f"[ERROR] mine is in {home / 'own'}, where models are only read; delete its files there\n")


def test_a_file_stands_for_a_model_once(run: Run, photo: Path, tmp_path: Path, home: Path) -> None:
    folder = tmp_path / "secret place"
    folder.mkdir()
    for file, scale in ((ncnn_pair(folder, SRVGGNetCompact(1, 3, 4)), 3), (carrier_file(folder / "y.model"), 2)):
        out, report = tmp_path / f"{scale}.png", tmp_path / f"{scale}.json"
        ran = run("enhance", photo, "-o", out, "--model", file, "--report", report)
        assert ran.code == 0, ran.err
        assert pixels_of(out).shape == (9 * scale, 12 * scale, 3)  # type: ignore[attr-defined]
        assert list(json.loads(report.read_text())["weights_sha256"]) == [str(file)]
        assert b"secret" not in out.read_bytes()  # whoever gets the photo learns nothing of folders
        assert file.name.encode() in out.read_bytes()
    assert not home.exists()


def test_many_photos_may_be_enhanced_by_a_file(run: Run, photo: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    photo.rename(tmp_path / "in" / "photo.png")
    file = carrier_file(tmp_path / "x.safetensors")
    ran = run("enhance", tmp_path / "in", "-o", tmp_path / "out", "--model", file)
    assert ran.code == 0, ran.err + ran.out
    assert pixels_of(tmp_path / "out" / "photo.png").shape == (18, 24, 3)  # type: ignore[attr-defined]


@pytest.mark.parametrize("elsewhere", [("--server", "http://127.0.0.1:9"), ("--ray", "local")])
def test_a_file_is_refused_where_others_do_the_work(elsewhere: tuple[str, str], run: Run, photo: Path, tmp_path: Path) -> None:
    file = carrier_file(tmp_path / "x.safetensors")
    ran = run("enhance", photo, "-o", tmp_path / "out/", "--model", file, *elsewhere)
    assert ran.code == 2
    assert f"is a file of this machine, and with {elsewhere[0]} others do the work; there, run: img-enhance models add" in ran.err


@pytest.mark.parametrize(
    ("model", "code", "words"),
    [
        ("nothing", 2, "no model is called 'nothing'; use one of --model realesrgan-x4plus"),
        ("edsr-base-x4", 2, "no model is called 'edsr-base-x4'"),
        ("nothing.pth", 3, "there is no file nothing.pth; check its name"),
        ("./nothing", 3, "there is no file"),
        ("photo.png", 3, "photo.png is neither a PyTorch file of weights nor safetensors nor ONNX; take a .pth, .safetensors"),
    ],
)
def test_what_is_no_model_is_refused(model: str, code: int, words: str, run: Run, photo: Path) -> None:
    ran = run("enhance", photo, "-o", "out.png", "--model", model)
    assert (ran.code, words in ran.err) == (code, True), ran.err


def test_a_model_of_the_photos_size_makes_no_larger_one(run: Run, photo: Path, tmp_path: Path) -> None:
    file = ncnn_pair(tmp_path, SRVGGNetCompact(1, 1, 4))
    ran = run("enhance", photo, "-o", tmp_path / "out.png", "--model", file, "--upscale", "2")
    assert (ran.code, "works at the photo's own size, 12x9, and 24x18 is asked for" in ran.err) == (2, True), ran.err
    ran = run("enhance", photo, "-o", tmp_path / "out.png", "--model", file, "--enhance-level", "0.5")
    assert ran.code == 0, ran.err
    assert pixels_of(tmp_path / "out.png").shape == (9, 12, 3)  # type: ignore[attr-defined]
