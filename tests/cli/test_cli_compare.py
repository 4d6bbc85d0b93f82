"""The command `img-enhance compare`: what it writes where, and what it refuses."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import pyvips
from PIL import Image

from conftest import SAMPLE
from img_enhance.cli.main import main
from img_enhance.compare import compare_files, files, write_sheet
from img_enhance.compare.drawing import srgb_profile
from img_enhance.compare.layout import lay_out
from img_enhance.geometry import Size
from img_enhance.image_io import open_photo, write_photo
from img_enhance.metadata.xmp import notes
from img_enhance.photo import Metadata, Photo
from img_enhance.request.form import fields
from img_enhance.request.options import CompareOptions, Output

Pixels = npt.NDArray[np.uint8]
Save = Callable[[str, npt.NDArray[Any]], Path]


@pytest.fixture
def pair(saved: Save, cat: Pixels) -> tuple[Path, Path]:
    """A photo, and another four times as large."""
    return saved("small.png", cat[:15, :20]), saved("large.png", cat[:60, :80])


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """A function that runs `compare` and answers with the exit code and what was said, plain ASCII and one line."""

    def run_main(*arguments: str | Path) -> tuple[int, str]:
        try:
            code = main(["compare", *map(str, arguments)])
        except SystemExit as stop:
            code = int(str(stop.code))
        said = capsys.readouterr()
        text = said.out + said.err
        assert text.isascii()
        assert "Traceback" not in text
        return code, text.strip()

    return run_main


Run = Callable[..., tuple[int, str]]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_sheet_lies_beside_the_result(run: Run, pair: tuple[Path, Path]) -> None:
    sheet = pair[1].with_name("large_compared.png")
    assert run(*pair) == (0, f"[OK] {sheet}")
    assert names(sheet.parent) == ["large.png", "large_compared.png", "small.png"]
    with Image.open(sheet) as picture:
        assert (picture.format, picture.mode) == ("PNG", "RGB")
        assert picture.info["icc_profile"] == srgb_profile()


def test_written_sheet_shows_the_result_bit_for_bit(run: Run, pair: tuple[Path, Path], cat: Pixels, tmp_path: Path) -> None:
    assert run(*pair, "-o", tmp_path / "sheet.png", "--region", "10,20,50,30")[0] == 0
    plan = lay_out("side-by-side", Size(50, 30), (Size(20, 15), Size(80, 60)), whole=True, lines=0)
    with Image.open(tmp_path / "sheet.png") as picture:
        page = np.asarray(picture)
    np.testing.assert_array_equal(page[plan.detail[1].slices], cat[20:50, 10:60])


@pytest.mark.parametrize("layout", ["side-by-side", "split", "stacked"])
@pytest.mark.parametrize(
    ("ending", "part"),
    [("png", ()), ("jpg", ("--overview",)), ("webp", ("--region", "0,0,40,30")), ("tif", ())],
)
def test_every_layout_is_written_in_every_format(
    ending: str, part: Sequence[str], layout: str, run: Run, pair: tuple[Path, Path], tmp_path: Path
) -> None:
    assert run(*pair, "-o", tmp_path / f"sheet.{ending}", "--layout", layout, *part)[0] == 0
    with Image.open(tmp_path / f"sheet.{ending}") as picture:
        assert picture.size[0] == 1296


def test_nothing_is_replaced_unless_asked(run: Run, pair: tuple[Path, Path]) -> None:
    sheet = pair[1].with_name("large_compared.png")
    sheet.write_bytes(b"mine")
    code, said = run(*pair)
    assert code == 2
    assert "already exists; use --overwrite" in said
    assert sheet.read_bytes() == b"mine"
    assert run(*pair, "--overwrite")[0] == 0
    assert sheet.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("number", [0, 1])
def test_a_photo_is_never_replaced_by_its_sheet(number: int, run: Run, pair: tuple[Path, Path]) -> None:
    content = pair[number].read_bytes()
    code, said = run(*pair, "-o", pair[number].parent / "." / pair[number].name, "--overwrite")
    assert code == 2
    assert "the sheet would replace" in said
    assert pair[number].read_bytes() == content


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (lambda _: None, "does not exist"),
        (lambda path: path.write_bytes(b""), "is empty"),
        (lambda path: path.write_bytes(b"hello, not an image"), "is not an image of a known kind"),
        (lambda path: path.write_bytes(SAMPLE.read_bytes()[:60_000]), "is truncated or damaged"),
        (lambda path: path.mkdir(), "is a folder"),
    ],
)
@pytest.mark.parametrize("number", [0, 1])
def test_files_that_are_no_photos_are_refused(
    number: int, made: Callable[[Path], object], expected: str, run: Run, pair: tuple[Path, Path]
) -> None:
    bad = pair[0].with_name("bad.png")
    made(bad)
    before = names(bad.parent)
    code, said = run(*((bad, pair[1]) if number == 0 else (pair[0], bad)))
    assert code == 2
    assert said.startswith("[ERROR] ")
    assert expected in said
    assert names(bad.parent) == before


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--region", "0,0,81,5"), "--region 0,0,81,5 reaches beyond AFTER, which is 80x60"),
        (("--region", "nowhere"), "--region must be X,Y,W,H"),
        (("--region", "0,0,5,5", "--overview"), "give --region or --overview, not both"),
        (("--layout", "round"), "--layout must be one of"),
        (("-o", "sheet.heic"), "cannot tell the output format"),
    ],
)
def test_options_that_cannot_be_are_refused(arguments: Sequence[str], expected: str, run: Run, pair: tuple[Path, Path]) -> None:
    before = names(pair[0].parent)
    code, said = run(*pair, *arguments)
    assert code == 2
    assert expected in said
    assert names(pair[0].parent) == before


def test_a_missing_folder_is_said(run: Run, pair: tuple[Path, Path], tmp_path: Path) -> None:
    code, said = run(*pair, "-o", tmp_path / "none" / "sheet.png")
    assert code == 3
    assert "does not exist; create it" in said


def test_help_names_every_option(run: Run) -> None:
    code, said = run("--help")
    assert code == 0
    for field in fields(CompareOptions):
        assert f"--{field.name}" in said


def test_names_of_all_scripts_are_taken(run: Run, pair: tuple[Path, Path]) -> None:
    renamed = pair[1].rename(pair[1].with_name("gro\u00df \u732b.png"))
    code, _ = run(pair[0], renamed, "-o", renamed.with_name("sheet.png"))
    assert code == 0


def test_large_photos_are_compared_from_disk(pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    compare_files(*pair, tmp_path / "memory.png")
    monkeypatch.setattr(files, "_MOST_IN_MEMORY", 100)
    compare_files(*pair, tmp_path / "disk.png")
    assert isinstance(files.read_file(pair[1]).pixels, np.memmap)
    assert (tmp_path / "disk.png").read_bytes() == (tmp_path / "memory.png").read_bytes()


def test_steps_of_the_result_are_on_the_sheet(pair: tuple[Path, Path], cat: Pixels, tmp_path: Path) -> None:
    compare_files(*pair, tmp_path / "plain.png")
    noted = tmp_path / "noted.png"
    save_noted(Photo(cat[:60, :80]), noted, "tone(level=0.5); 80x60 to 80x60")
    compare_files(pair[0], noted, tmp_path / "steps.png")
    with Image.open(tmp_path / "plain.png") as plain, Image.open(tmp_path / "steps.png") as steps:
        assert steps.size[1] > plain.size[1]
    note = open_photo(tmp_path / "steps.png", max_pixels=10_000_000).metadata.xmp
    assert note is not None
    assert notes(note, tool="img-enhance") == ("comparison of small.png and noted.png",)


def save_noted(photo: Photo, path: Path, note: str) -> None:
    write_photo(photo, path, format="png", output=Output(), overwrite=False, note=note, tick=lambda: None)


def test_a_photo_in_memory_is_compared_as_its_file_is(pair: tuple[Path, Path], cat: Pixels, tmp_path: Path) -> None:
    photo = Photo(np.ascontiguousarray(cat[:60, :80]))
    for name, after in (("file.png", pair[1]), ("memory.png", photo)):
        write_sheet(pair[0], after, tmp_path / name, before_name="a", after_name="b", steps=("tone",))
    assert (tmp_path / "file.png").read_bytes() == (tmp_path / "memory.png").read_bytes()


def test_profiles_are_honoured_from_file_to_file(pair: tuple[Path, Path], cat: Pixels, tmp_path: Path) -> None:
    wide = dataclasses.replace(Photo(cat[:60, :80]), metadata=Metadata(icc=bytes(pyvips.Image.profile_load("p3"))))
    save_noted(wide, tmp_path / "wide.png", "")
    compare_files(pair[1], tmp_path / "wide.png", tmp_path / "sheet.png")
    plan = lay_out("side-by-side", Size(80, 60), (Size(80, 60), Size(80, 60)), whole=False, lines=0)
    with Image.open(tmp_path / "sheet.png") as picture:
        page = np.asarray(picture).astype(int)
    old, new = (page[box.slices] for box in plan.detail)
    np.testing.assert_array_equal(old, cat[:60, :80])
    # The primaries of P3 are wider, so its colours are more saturated than the same values in sRGB.
    assert np.ptp(new, axis=2).mean() > 1.05 * np.ptp(old, axis=2).mean()
