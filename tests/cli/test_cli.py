"""The command line: exit codes, one line per error, nothing half-written, plain ASCII."""

import contextlib
import json
import os
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from conftest import SAMPLE
from img_enhance import __version__
from img_enhance.cli import screen
from img_enhance.cli.main import main
from img_enhance.cli.suggest import auto_lines
from img_enhance.models.table import MODELS
from img_enhance.request.recipe import Reason, Recipe
from img_enhance.words import Setting, Words

Pixels = npt.NDArray[np.uint8]
Save = Callable[[str, npt.NDArray[Any]], Path]
Run = Callable[..., "Ran"]

COMPACT = ("--model", "realesr-animevideov3")
NOBODY = 65534
POSIX = pytest.mark.skipif(os.name != "posix", reason="signals, terminals and users of POSIX")

# The command line in a process of its own, without the rights of root, which could read and write everything. A trial run loads all
# modules before, because nobody may be unable to read them.
AS_NOBODY = f"""
import os, sys
from img_enhance.cli.main import main
trial, *arguments = sys.argv[1:]
assert main(["enhance", trial, "--dry-run", "--quiet"]) == 0
if os.geteuid() == 0:
    os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})
sys.exit(main(arguments))
"""


class Ran:
    """What a run said and answered."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err
        assert out.isascii(), out
        assert err.isascii(), err
        assert "Traceback" not in err, err

    def error(self, code: int) -> str:
        """The one line that an error is, after checking the exit code."""
        lines = [line for line in self.err.splitlines() if not line.startswith("Plan: ")]
        assert self.code == code, self.err
        assert len(lines) == 1, self.err
        assert lines[0].startswith("[ERROR] "), self.err
        return lines[0].removeprefix("[ERROR] ")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """A function that runs the command line in this process."""

    def run_main(*arguments: str | Path) -> Ran:
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as stop:
            code = int(str(stop.code))
        said = capsys.readouterr()
        return Ran(code, said.out, said.err)

    return run_main


@pytest.fixture
def photo(saved: Save, cat: Pixels) -> Path:
    return saved("cat.png", cat[:20, :24])


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def run_python(code: str, *arguments: str | Path, cwd: Path | None = None, env: dict[str, str] | None = None) -> Ran:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd, env=os.environ | (env or {}))
    return Ran(done.returncode, done.stdout, done.stderr)


def test_enhances_a_photo_beside_itself(run: Run, photo: Path) -> None:
    ran = run("enhance", photo, *COMPACT)
    assert ran.code == 0
    assert ran.err.splitlines()[0].startswith("Plan: ")
    result = photo.with_name("cat_enhanced.png")
    assert re.fullmatch(
        rf"\[OK\] {re.escape(str(result))}: 96x80, [\d.]+ s, [\d.]+ [MG]B of memory; realesr-animevideov3 24x20 to 96x80\n", ran.out
    )
    with Image.open(result) as enhanced:
        assert enhanced.size == (96, 80)
        assert enhanced.format == "PNG"
    assert names(photo.parent) == ["cat.png", "cat_enhanced.png"]


@pytest.mark.parametrize(
    ("name", "options", "expected", "kind"),
    [
        ("cat.JPG", (), "cat_enhanced.JPG", "JPEG"),
        ("cat.jpeg", (), "cat_enhanced.jpeg", "JPEG"),
        ("a.b.png", (), "a.b_enhanced.png", "PNG"),
        ("cat.png", ("--format", "jpeg"), "cat_enhanced.jpg", "JPEG"),
        ("cat.tif", ("--format", "webp"), "cat_enhanced.webp", "WEBP"),
        ("cat.tiff", (), "cat_enhanced.tiff", "TIFF"),
    ],
)
def test_default_name_keeps_the_ending_unless_another_format_was_asked_for(
    name: str, options: Sequence[str], expected: str, kind: str, run: Run, saved: Save, cat: Pixels
) -> None:
    photo = saved(name, cat[:12, :12])
    assert run("enhance", photo, *COMPACT, *options, "--quiet").code == 0
    assert names(photo.parent) == sorted([name, expected])
    with Image.open(photo.with_name(expected)) as result:
        assert result.format == kind


def test_ending_of_the_output_decides_the_format(run: Run, photo: Path, tmp_path: Path) -> None:
    assert run("enhance", photo, *COMPACT, "-o", tmp_path / "x.WEBP", "--quality", "80").code == 0
    with Image.open(tmp_path / "x.WEBP") as result:
        assert result.format == "WEBP"


def test_a_photo_with_the_wrong_ending_gets_the_right_one(run: Run, photo: Path) -> None:
    renamed = photo.rename(photo.with_name("cat.jpg"))
    assert run("enhance", renamed, *COMPACT).code == 0
    assert names(photo.parent) == ["cat.jpg", "cat_enhanced.png"]


def test_quiet_says_nothing(run: Run, photo: Path) -> None:
    ran = run("enhance", photo, *COMPACT, "--quiet")
    assert (ran.code, ran.out, ran.err) == (0, "", "")


def test_progress_is_plain_lines_without_a_terminal(run: Run, saved: Save, cat: Pixels, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screen, "_QUIET_SECONDS", 0.0)
    ran = run("enhance", saved("cat.png", cat), *COMPACT, "--upscale", "16")
    plan, *lines = ran.err.splitlines()
    assert plan.startswith("Plan: ")
    assert lines
    for line in lines[:-1]:
        assert re.fullmatch(r" *\d+% of 0\.01 MP in .*, .* left", line), line
    assert re.fullmatch(r"100% of 0\.01 MP in [\d.]+ (s|min)", lines[-1]), lines[-1]
    assert "\r" not in ran.err


def test_work_that_is_over_at_once_has_no_lines_of_progress(run: Run, photo: Path) -> None:
    ran = run("enhance", photo, *COMPACT)
    assert [line.split(":")[0] for line in ran.err.splitlines()] == ["Plan"]


def test_photo_without_a_command_is_enhanced(run: Run, photo: Path) -> None:
    assert run(photo, *COMPACT).code == 0
    assert photo.with_name("cat_enhanced.png").exists()


def test_word_that_is_no_file_is_no_photo(run: Run) -> None:
    ran = run("enhence")
    assert ran.code == 2
    assert "there is neither a command nor a photo 'enhence'; did you mean enhance?" in ran.err


def test_result_goes_into_a_folder_that_is_made(run: Run, photo: Path) -> None:
    folder = photo.parent / "new" / "results"
    assert run("enhance", photo, *COMPACT, "-o", f"{folder}/").code == 0
    assert [path.name for path in folder.iterdir()] == ["cat.png"]


@pytest.mark.parametrize("name", ["results", "results.png"])
def test_result_goes_into_a_folder_that_is_there(run: Run, photo: Path, name: str) -> None:
    folder = photo.parent / name
    folder.mkdir()
    assert run("enhance", photo, *COMPACT, "-o", folder).code == 0
    assert [path.name for path in folder.iterdir()] == ["cat.png"]


def test_photo_is_replaced_only_where_its_file_is_named(run: Run, photo: Path) -> None:
    before = photo.read_bytes()
    for folder in (photo.parent, f"{photo.parent}/"):
        ran = run("enhance", photo, *COMPACT, "-o", folder, "--overwrite")
        assert "would replace the photo" in ran.error(2)
    assert photo.read_bytes() == before
    assert run("enhance", photo, *COMPACT, "-o", photo, "--overwrite").code == 0
    assert photo.read_bytes() != before


def test_name_of_one_result_follows_the_template(run: Run, photo: Path) -> None:
    assert run("enhance", photo, *COMPACT, "--upscale", "2", "--name", "{stem}_{scale}x{ext}").code == 0
    assert photo.with_name("cat_2x.png").exists()


def test_times_of_the_photo_are_kept_where_asked_for(run: Run, photo: Path) -> None:
    os.utime(photo, ns=(10**18, 10**18 + 5))
    output = photo.with_name("out.png")
    assert run("enhance", photo, *COMPACT, "-o", output, "--keep-times").code == 0
    assert output.stat().st_mtime_ns == 10**18 + 5


def test_recipe_is_read_from_a_result(run: Run, photo: Path) -> None:
    first, again, other = (photo.with_name(name) for name in ("first.png", "again.png", "other.png"))
    assert run("enhance", photo, *COMPACT, "--upscale", "2", "--clahe-enhance-level", "0.8", "-o", first).code == 0
    assert run("enhance", photo, "--recipe", first, "-o", again).code == 0
    assert again.read_bytes() == first.read_bytes()
    assert "does not say that a step was run" in run("enhance", photo, "--recipe", photo, "-o", other).error(2)


def test_threads_do_not_show(run: Run, photo: Path) -> None:
    one, all_of_them = photo.with_name("one.png"), photo.with_name("all.png")
    assert run("enhance", photo, *COMPACT, "--threads", "1", "-o", one).code == 0
    assert run("enhance", photo, *COMPACT, "-o", all_of_them).code == 0
    assert one.read_bytes() == all_of_them.read_bytes()


def test_dry_run_says_the_plan_and_writes_nothing(run: Run, photo: Path) -> None:
    ran = run("enhance", photo, "--upscale", "2", "--dry-run", "--report", photo.with_name("report.json"))
    assert ran.code == 0
    assert re.fullmatch(
        r"Plan: .*, (f32|bf16); 24x20 to 48x40; realesrgan-x4plus in 1 area, 1 tile of at most \d+ px; reduced to 48x40; "
        r"at most [\d.]+ [MG]B of [\d.]+ [MG]B memory; about .*\n",
        ran.err,
    )
    assert names(photo.parent) == ["cat.png"]


def test_report_says_how_the_result_was_made(run: Run, photo: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    assert run("enhance", photo, *COMPACT, "--upscale", "3", "--report", report).code == 0
    record = json.loads(report.read_text())
    assert record["version"] == __version__
    assert record["recipe"]["steps"] == [
        {"step": "real_esrgan", "model": "realesr-animevideov3", "upscale": 3.0, "enhance_level": 1.0, "keep_colours": True}
    ]
    assert record["plan"]["result"] == {"width": 72, "height": 60}
    assert record["weights_sha256"].keys() == {"realesr-animevideov3"}
    assert [step["name"] for step in record["steps"]] == ["read", "realesr-animevideov3", "resample"]
    assert Recipe.from_mapping(record["recipe"])


def test_a_recipe_from_a_report_makes_the_same_file(run: Run, photo: Path, tmp_path: Path) -> None:
    report, recipe = tmp_path / "report.json", tmp_path / "recipe.json"
    run("enhance", photo, *COMPACT, "--upscale", "3", "--report", report, "-o", tmp_path / "a.png")
    recipe.write_text(json.dumps(json.loads(report.read_text())["recipe"]))
    assert run("enhance", photo, "--recipe", recipe, "-o", tmp_path / "b.png").code == 0
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_flags_of_the_output_go_with_a_recipe(run: Run, photo: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.json"
    recipe.write_text('{"version": 1, "steps": [{"step": "real_esrgan", "model": "realesr-animevideov3"}], "output": {"format": "webp"}}')
    assert run("enhance", photo, "--recipe", recipe, "--format", "tiff").code == 0
    assert "cat_enhanced.tif" in names(tmp_path)


# ---- the photo


def check_refused(run: Run, photo: Path, code: int, message: str, *options: str | Path) -> None:
    before = names(photo.parent) if photo.parent.is_dir() else []
    assert re.search(message, run("enhance", photo, *COMPACT, *options).error(code))
    assert not before or names(photo.parent) == before


def test_refuses_a_missing_photo(run: Run, tmp_path: Path) -> None:
    check_refused(run, tmp_path / "lost.jpg", 2, r"lost\.jpg does not exist")


@POSIX
def test_says_of_a_link_what_is_missing(run: Run, tmp_path: Path) -> None:
    link, gone = tmp_path / "link.jpg", tmp_path / "gone.jpg"
    (tmp_path / "between.jpg").symlink_to("gone.jpg")
    link.symlink_to("between.jpg")
    told = f"{link} is a link to {os.path.realpath(gone)}, which does not exist; name the photo where it is now"
    for command in (("enhance", link), ("suggest", link), ("enhance", link, "--server", "http://127.0.0.1:9"), ("open", link)):
        assert run(*command).error(2) == told


def test_names_what_to_enhance_where_nothing_is_named(run: Run) -> None:
    ran = run("enhance", "--upscale", "2")
    assert ran.code == 2
    assert "name a photo, a folder, or a list" in ran.err


def test_refuses_a_folder_without_one_for_its_results(run: Run, tmp_path: Path) -> None:
    check_refused(run, tmp_path, 2, "need a folder; name one with -o")


@pytest.mark.parametrize(("data", "message"), [(b"", "is empty"), (b"Dear cat,\n" * 100, "is not an image"), (b"\xff", "is not an image")])
def test_refuses_what_is_no_photo_whatever_its_name_says(data: bytes, message: str, run: Run, tmp_path: Path) -> None:
    photo = tmp_path / "cat.jpg"
    photo.write_bytes(data)
    check_refused(run, photo, 2, message)


@pytest.mark.parametrize("name", ["cat.jpg", "cat.png"])
@pytest.mark.parametrize("part", [0.02, 0.5, 0.9, 0.98])
def test_refuses_a_truncated_photo(name: str, part: float, run: Run, saved: Save, cat: Pixels) -> None:
    photo = saved(name, cat)
    data = photo.read_bytes()
    photo.write_bytes(data[: int(len(data) * part)])
    check_refused(run, photo, 2, r"cat\.(jpg|png)")


@pytest.mark.parametrize("name", ["cat.jpg", "cat.png"])
def test_a_damaged_photo_is_refused_or_read_but_never_crashes(name: str, run: Run, saved: Save, cat: Pixels) -> None:
    photo = saved(name, cat[:16, :16])
    data = photo.read_bytes()
    for place in np.random.RandomState(7).randint(0, len(data), 12):
        damaged = bytearray(data)
        damaged[place] ^= 0xFF
        photo.write_bytes(damaged)
        ran = run("enhance", photo, *COMPACT, "--overwrite")
        assert ran.code in (0, 2, 3), ran.err


def bomb(path: Path, width: int, height: int) -> Path:
    """A PNG whose header claims so many pixels, in a hundred bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b""))
    return path


def test_refuses_a_photo_above_the_pixel_limit_from_its_header(run: Run, tmp_path: Path) -> None:
    photo = bomb(tmp_path / "bomb.png", 60_000, 60_000)
    check_refused(run, photo, 2, r"bomb\.png is 60000x60000 \(3600 million pixels\), allowed 500 million; .*--max-pixels")


def test_pixel_limit_can_be_moved(run: Run, photo: Path) -> None:
    check_refused(run, photo, 2, r"--max-pixels", "--max-pixels", "479")
    assert run("enhance", photo, *COMPACT, "--max-pixels", "480").code == 0


@pytest.mark.parametrize(
    ("format_name", "ending", "size", "longest"), [("jpeg", "jpg", (2, 5000), 65535), ("webp", "webp", (5000, 2), 16383)]
)
def test_refuses_a_result_its_format_cannot_hold_before_the_work(
    format_name: str, ending: str, size: tuple[int, int], longest: int, run: Run, saved: Save, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = saved("long.png", np.zeros((size[1], size[0], 3), np.uint8))
    monkeypatch.setattr("img_enhance.engine.Engine.run", lambda *_a, **_k: pytest.fail("the work was begun"))
    for options in (("--format", format_name), ("-o", str(photo.with_name(f"x.{ending}")))):
        message = rf"{format_name} holds at most {longest} pixels a side; use --format with one of: .*png"
        check_refused(run, photo, 2, message, "--upscale", "16", *options)


# ---- the output


def test_refuses_to_replace_a_file_unless_told_to(run: Run, photo: Path) -> None:
    existing = photo.with_name("cat_enhanced.png")
    existing.write_text("precious")
    check_refused(run, photo, 2, r"cat_enhanced\.png already exists; use --overwrite")
    assert existing.read_text() == "precious"
    assert run("enhance", photo, *COMPACT, "--overwrite").code == 0
    assert existing.read_bytes().startswith(b"\x89PNG")


def test_refuses_an_output_in_no_folder_or_of_no_format(run: Run, photo: Path, tmp_path: Path) -> None:
    check_refused(run, photo, 3, "does not exist", "-o", tmp_path / "missing" / "x.png")
    check_refused(run, photo, 2, r"ending '\.xyz'", "-o", tmp_path / "x.xyz")


def test_refuses_a_report_that_exists_or_has_no_folder(run: Run, photo: Path, tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text("precious")
    check_refused(run, photo, 2, "already exists", "--report", tmp_path / "report.json")
    check_refused(run, photo, 3, "does not exist", "--report", tmp_path / "missing" / "report.json")


def test_refuses_a_report_in_the_place_of_the_result(run: Run, photo: Path, tmp_path: Path) -> None:
    message = r"--report would replace the result, \S*x\.png; name another file"
    check_refused(run, photo, 2, message, "-o", tmp_path / "x.png", "--report", tmp_path / "x.png")


def test_refuses_an_output_whose_name_is_too_long(run: Run, photo: Path, tmp_path: Path) -> None:
    message = r"cannot write \S*x{300}\.png: .+; name another file with -o"
    check_refused(run, photo, 3, message, "-o", tmp_path / ("x" * 300 + ".png"))


@pytest.fixture
def locked(photo: Path) -> Iterator[Path]:
    """A folder that only its owner may use, below one that everybody may."""
    # Nobody must get as far as the photo's folder, whose parents pytest keeps to itself.
    top = Path(tempfile.gettempdir()).resolve()
    closed = {path: path.stat().st_mode for path in (photo.parent, *photo.parent.parents) if path.is_relative_to(top) and path != top}
    for path, mode in closed.items():
        path.chmod(mode | 0o011)
    folder = photo.parent / "locked"
    folder.mkdir(mode=0o555)
    yield folder
    folder.chmod(0o700)
    for path, mode in closed.items():
        path.chmod(mode)


@POSIX
def test_refuses_a_photo_that_may_not_be_read(photo: Path, locked: Path) -> None:
    photo.chmod(0)
    told = run_python(AS_NOBODY, SAMPLE, "enhance", photo, "-o", locked / "x.png").error(2)
    assert re.search(r"cat\.png cannot be read: Permission denied", told)


@POSIX
def test_refuses_a_folder_that_may_not_be_written(photo: Path, locked: Path) -> None:
    photo.chmod(0o444)
    told = run_python(AS_NOBODY, SAMPLE, "enhance", photo, "-o", locked / "x.png").error(3)
    assert re.search(r"the folder .*locked cannot be written; name another with -o", told)


@POSIX
def test_refuses_a_folder_that_may_not_be_entered(photo: Path, locked: Path) -> None:
    photo.chmod(0o444)
    locked.chmod(0)
    run_python(AS_NOBODY, SAMPLE, "enhance", photo, "--dry-run", "-o", locked / "x.png").error(3)


@POSIX
def test_a_full_disk_is_said_and_leaves_nothing(run: Run, saved: Save, cat: Pixels, tmp_path: Path) -> None:
    folder = tmp_path / "disk"
    folder.mkdir()
    photo = saved("cat.png", cat)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8k", "tmpfs", str(folder)], capture_output=True, check=False)
    if mounted.returncode != 0:
        pytest.skip("no small file system can be mounted here")
    try:
        for name in ("x.png", "x.tif", "x.jpg", "x.webp"):
            told = [line for line in run("enhance", photo, *COMPACT, "-o", folder / name).err.splitlines() if line.startswith("[")]
            assert len(told) == 1
            assert re.search(r"\[ERROR\] cannot write .*: its disk is full; free some, or name another with -o", told[0]), name
            assert names(folder) == []
    finally:
        subprocess.run(["umount", str(folder)], check=True)


# ---- options and recipes


def test_refuses_a_budget_that_is_too_small(run: Run, photo: Path) -> None:
    check_refused(run, photo, 3, r"needs at least \d+ MB of memory, allowed 120 MB; try a larger --max-memory", "--max-memory", "120M")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--upscale", "17"), "--upscale must be a number from 1 to 16, not 17"),
        (("--upscale", "0.5"), "--upscale must be a number from 1 to 16, not 0.5"),
        (("--upscale", "2", "--width", "50"), "give --upscale or --width, not both"),
        (("--super-image-print", "1x1", "--super-image-width", "5"), "give --super-image-width or --super-image-print, not both"),
        (("--super-image-width", "5000"), "--super-image-width 5000 would make 96x80 into 5000x4167; ask for a size of at most 1536x1280"),
        (("--clahe-clip-limit", "50"), "--clahe-clip-limit must be a number from 1 to 40, not 50"),
        (("--clahe-grid", "24"), "--clahe-grid 24 is more tiles than the photo, 24x20, has pixels a side; use at most 20"),
        (("--gfpgan-skip", "here"), "--gfpgan-skip must be X,Y,W,H in whole pixels, such as 100,50,900,600, not 'here'"),
        (
            ("--gfpgan-skip", "1,1,2,2 " * 201),
            "--gfpgan-skip names 201 boxes and 200 may be; raise --gfpgan-min-face, or lower --gfpgan-at-most",
        ),
        (("--crop", "0,0,0,5"), "--crop must be 1 to 2147483647 pixels wide and high, not 0x5"),
        (("--print", "big"), "--print must be a size and dots per inch, such as 30x40cm@300dpi or 8x10in@300dpi, not 'big'"),
        (("--subsampling", "4:1:1"), "--subsampling must be one of 4:4:4, 4:2:0, not '4:1:1'"),
        (("--max-output-megapixels", "0"), "--max-output-megapixels must be a number of at least 0.000001, not 0"),
        (("--width", "385"), "--width 385 would make 24x20 into 385x321; ask for a size of at most 384x320"),
        (("--megapixels", "5"), "--megapixels 5 would make 24x20 into 2449x2041; ask for a size of at most 384x320"),
        (("--quality", "101"), "--quality must be a whole number from 1 to 100, not 101"),
        (("--max-memory", "1M"), "--max-memory must be a whole number of at least 100M, not 1M"),
        (("--max-memory", "1.5K"), "--max-memory must be a whole number of at least 100M, not 1500"),
        (("--upscale", "0"), "--upscale must be a number from 1 to 16, not 0"),
        (("--megapixels", "0"), "--megapixels must be a number of at least 0.000001, not 0"),
    ],
)
def test_refuses_options_out_of_bounds(options: Sequence[str], message: str, run: Run, photo: Path) -> None:
    check_refused(run, photo, 2, f"{re.escape(message)}$", *options)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--upscale", "big"), "[ERROR] --upscale must be a number from 1 to 16, not 'big'"),
        (("--max-memory", "1.2.3G"), "[ERROR] --max-memory must be a whole number"),
        (("--model", "magic"), "magic"),
        (("--format", "gif"), "gif"),
        (("--sharpen",), "[ERROR] img-enhance enhance has no --sharpen; see img-enhance enhance --help"),
        (("--scale", "2"), "[ERROR] img-enhance enhance has no --scale; did you mean --upscale?"),
        (("--upscal", "2"), "[ERROR] img-enhance enhance has no --upscal; did you mean --upscale?"),
        (("--fromat=png",), "[ERROR] img-enhance enhance has no --fromat; did you mean --format?"),
        (("--upscale",), "[ERROR] --upscale: expected one argument; see img-enhance enhance --help"),
    ],
)
def test_refuses_bad_flags(arguments: Sequence[str], message: str, run: Run, photo: Path) -> None:
    ran = run("enhance", photo, *arguments)
    assert ran.code == 2
    assert message in ran.err
    assert len(ran.err.splitlines()) == 1
    assert names(photo.parent) == ["cat.png"]


@pytest.mark.parametrize(("format", "kind"), [("jpg", "JPEG"), ("TIF", "TIFF"), ("WebP", "WEBP")])
def test_takes_a_format_by_the_ending_of_its_files(format: str, kind: str, run: Run, photo: Path, tmp_path: Path) -> None:
    target = tmp_path / "result"
    assert run("enhance", photo, *COMPACT, "--format", format, "-o", target).code == 0
    with Image.open(target) as picture:
        assert picture.format == kind


@pytest.mark.parametrize("text", ["1e999", "9" * 400])
def test_refuses_a_number_beyond_any_float(text: str, run: Run, photo: Path) -> None:
    assert run("enhance", photo, "--max-memory", text).code == 2


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("enhanse", "x.png"), "there is neither a command nor a photo 'enhanse'; did you mean enhance?"),
        (("sharpen",), "there is neither a command nor a photo 'sharpen'; commands are enhance, open, "),
        (("--loud",), "img-enhance has no --loud; see img-enhance --help"),
        (("suggest",), "the following arguments are required: PHOTO; see img-enhance suggest --help"),
        (("suggest", "a.png", "b.png"), "img-enhance suggest takes one PHOTO, and 'b.png' is one more; run it for each"),
        (("faces", "a.png", "b.png"), "img-enhance faces takes one PHOTO, and 'b.png' is one more; run it for each"),
        (
            ("compare", "a", "b", "c"),
            "img-enhance compare takes one BEFORE and one AFTER, and 'c' is one more; see img-enhance compare --help",
        ),
        (("doctor", "me"), "img-enhance doctor takes nothing like 'me'; see img-enhance doctor --help"),
        (("models", "list", "x"), "img-enhance models list takes nothing like 'x'; see img-enhance models list --help"),
        (("models", "pull"), "the following arguments are required: NAME; see img-enhance models pull --help"),
    ],
)
def test_refuses_commands_that_mean_nothing_in_one_line(arguments: Sequence[str], told: str, run: Run) -> None:
    assert run(*arguments).error(2).startswith(told)


def test_refuses_a_recipe_and_flags_of_its_steps(run: Run, photo: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.json"
    recipe.write_text(Recipe().to_json())
    told = run("enhance", photo, "--recipe", recipe, "--upscale", "2").error(2)
    assert told == "give the steps in --recipe or as flags of real_esrgan, not both"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"{", "the recipe is not JSON"),
        (b"\xff\xfe", "cannot read the recipe .*: it is no text; save it as UTF-8"),
        (b"[]", "a recipe must be a JSON object"),
        (b"[" * 100_000, "the recipe is not JSON"),
        (b'{"version": 1, "steps": [{"step": "sharpen"}]}', 'step 1 has "step": "sharpen"'),
        (b'{"version": 1, "steps": [{"step": "real_esrgan", "upscale": 99}]}', r"step 1 \(real_esrgan\): upscale must be"),
        (None, "cannot read the recipe .*: No such file or directory; check its name and permissions"),
    ],
)
def test_refuses_a_bad_recipe(data: bytes | None, message: str, run: Run, photo: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.json"
    if data is not None:
        recipe.write_bytes(data)
    assert re.search(message, run("enhance", photo, "--recipe", recipe).error(2))


def test_foreseen_errors_come_before_the_runtime_starts(run: Run, photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("img_enhance.engine.networks.runtime_on", lambda *_: pytest.fail("the runtime was started"))
    existing = photo.with_name("cat_enhanced.png")
    existing.touch()
    run("enhance", photo).error(2)
    run("enhance", photo, "--max-memory", "100M").error(3)


# ---- the screen


def test_models_lists_every_row(run: Run) -> None:
    ran = run("models")
    assert (ran.code, ran.err) == (0, "")
    header, *rows = ran.out.splitlines()
    assert header.split()[:2] == ["name", "scale"]
    assert [row.split()[0] for row in rows][: len(MODELS)] == [model.name for model in MODELS]
    for row, model in zip(rows, MODELS, strict=False):
        assert model.license in row
        assert model.summary in row


def test_models_says_what_is_missing(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMG_ENHANCE_HOME", str(tmp_path))
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    rows = run("models").out.splitlines()[1:]
    assert all(" no " in row for row in rows)


@pytest.mark.parametrize("arguments", [(), ("--help",), ("enhance", "--help"), ("compare", "--help"), ("models", "--help")])
def test_help_is_ascii_and_exits_with_0(arguments: Sequence[str], run: Run) -> None:
    ran = run(*arguments)
    assert ran.code == 0
    assert "usage: img-enhance" in ran.out


def test_help_has_no_titles_that_end_twice_and_knows_every_kind_of_file(run: Run) -> None:
    told = run("enhance", "--help").out
    assert ".:\n" not in told
    assert ".pth, .safetensors, .onnx, or .param beside .bin" in " ".join(told.split())


def test_few_pixels_are_told_one_by_one(run: Run, photo: Path) -> None:
    told = run("enhance", photo, *COMPACT, "--max-pixels", "10").error(2)
    assert told.endswith("cat.png is 24x20 (480 pixels), allowed 10; if you trust it, raise --max-pixels")


def test_help_names_every_exit_code_and_flag(run: Run) -> None:
    told = run("enhance", "--help").out
    for text in (
        "0 fine",
        "2 your photo",
        "3 this machine",
        "4 integrity",
        "130 cancelled",
        "--upscale N",
        "--max-memory BYTES",
        "--report",
    ):
        assert text in told


def test_version_is_the_packages(run: Run) -> None:
    assert run("--version").out == f"img-enhance {__version__}\n"


def test_warnings_are_said(run: Run, photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from img_enhance.engine import Engine

    prepare = Engine.prepare

    def warned(*arguments: Any, **options: Any) -> Any:
        import dataclasses

        return dataclasses.replace(prepare(*arguments, **options), warnings=("something is lost",))

    monkeypatch.setattr(Engine, "prepare", warned)
    ran = run("enhance", photo, *COMPACT)
    assert "[WARNING] something is lost" in ran.err.splitlines()


def test_a_name_beyond_ascii_does_not_break_an_ascii_terminal(saved: Save, cat: Pixels) -> None:
    photo = saved("caf\u00e9.png", cat[:12, :12])
    code = "import sys\nfrom img_enhance.cli.main import main\nsys.exit(main(sys.argv[1:]))"
    assert run_python(code, "enhance", photo, *COMPACT, env={"PYTHONIOENCODING": "ascii"}).code == 0


@POSIX
def test_a_closed_pipe_is_no_success_without_a_result(saved: Save, cat: Pixels) -> None:
    photo = saved("cat.png", cat)
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "img_enhance", "enhance", str(photo), *COMPACT]
    with os.fdopen(writing, "wb") as closed:
        code = subprocess.run(command, stderr=closed, stdout=subprocess.DEVNULL, check=False).returncode
    assert code != 0 or "cat_enhanced.png" in names(photo.parent)


@POSIX
def test_progress_is_a_live_bar_on_a_terminal(saved: Save, cat: Pixels) -> None:
    import fcntl
    import pty
    import termios

    photo = saved("cat.png", cat)
    leader, follower = pty.openpty()
    rows, columns = 24, 80
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    command = [sys.executable, "-m", "img_enhance", "enhance", str(photo), *COMPACT, "--upscale", "16"]
    process = subprocess.Popen(command, stdin=follower, stdout=follower, stderr=follower)
    os.close(follower)
    shown = b""
    with contextlib.suppress(OSError):  # Linux says so when the other end is closed
        while select.select([leader], [], [], 60)[0]:
            data = os.read(leader, 4096)
            if not data:
                break
            shown += data
    os.close(leader)
    assert process.wait() == 0
    text = shown.decode("ascii")
    assert text.startswith("Plan: ")
    assert re.search(r"\r *100% \|#+\| 0\.01/0\.01 MP, .*left", text)
    assert "\r\n[OK] " in text


# ---- stopping

# Says when the command line is loaded and then runs it: whoever stops it earlier stops the interpreter.
# Progress is told from the beginning, however fast the machine is.
READY = (
    "import sys\nfrom img_enhance.cli import screen\nfrom img_enhance.cli.main import main as cli\nscreen._QUIET_SECONDS = 0\n"
    "print('ready', flush=True)\nsys.exit(cli(sys.argv[1:]))"
)

STOPS = [signal.SIGINT, signal.SIGTERM]


@pytest.fixture(scope="module")
def noise(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A photo that takes a while to save: 288 x 288 pixels that no encoder likes."""
    path = tmp_path_factory.mktemp("noise") / "noise.png"
    Image.fromarray(np.random.RandomState(8).randint(0, 256, (288, 288, 3), np.uint8)).save(path)
    return path


@pytest.fixture
def begun(noise: Path, tmp_path: Path) -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """A function that starts a run whose result goes to an empty folder."""
    started = []

    def begin(*options: str) -> "subprocess.Popen[str]":
        command = [sys.executable, "-c", READY, "enhance", str(noise), "-o", str(tmp_path / "out.png"), *options]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def line_that_starts(process: "subprocess.Popen[str]", text: str) -> None:
    """Wait for a line of progress."""
    assert process.stderr is not None
    for line in process.stderr:
        if re.match(text, line.lstrip()):
            return
    pytest.fail(f"no line starts with {text}")


def check_stopped(process: "subprocess.Popen[str]", folder: Path, codes: Sequence[int] = (130,)) -> None:
    _, err = process.communicate(timeout=60)
    assert "Traceback" not in err, err
    assert process.returncode in codes, err
    assert names(folder) == []
    if process.returncode == 130:
        assert err.splitlines()[-1].startswith("[ERROR] cancelled")


@POSIX
@pytest.mark.parametrize("number", STOPS)
def test_stopping_at_the_plan_leaves_nothing(number: int, begun: Any, tmp_path: Path) -> None:
    process = begun("--model", "realesrgan-x4plus-anime")
    line_that_starts(process, "Plan: ")
    process.send_signal(number)
    check_stopped(process, tmp_path)


@POSIX
@pytest.mark.parametrize("number", STOPS)
def test_stopping_during_the_sweep_leaves_nothing(number: int, begun: Any, tmp_path: Path) -> None:
    process = begun("--model", "realesrgan-x4plus-anime", "--max-memory", "500M")
    line_that_starts(process, r"[1-9]0% of")
    process.send_signal(number)
    check_stopped(process, tmp_path)


@POSIX
@pytest.mark.parametrize("number", STOPS)
def test_stopping_during_the_save_leaves_nothing(number: int, begun: Any, tmp_path: Path) -> None:
    process = begun(*COMPACT)
    deadline = time.monotonic() + 60
    while not names(tmp_path):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.002)
    assert names(tmp_path) != ["out.png"]
    process.send_signal(number)
    check_stopped(process, tmp_path)


@POSIX
@pytest.mark.parametrize("milliseconds", [0, 20, 60, 120, 200])
def test_stopping_while_it_starts_leaves_nothing(milliseconds: int, begun: Any, tmp_path: Path) -> None:
    process = begun(*COMPACT)
    assert process.stdout.readline() == "ready\n"
    time.sleep(milliseconds / 1000)
    process.send_signal(signal.SIGTERM)
    # Before the command line listens, the system ends the process itself.
    check_stopped(process, tmp_path, codes=(130, -signal.SIGTERM))


@POSIX
def test_signals_are_handled_before_the_runtime_loads(photo: Path) -> None:
    # An exception in the middle of a C library's initialisation is swallowed or becomes an ImportError.
    code = (
        "import signal, sys\n"
        "class Watch:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'openvino':\n"
        "            assert signal.getsignal(signal.SIGINT) is not signal.default_int_handler\n"
        "sys.meta_path.insert(0, Watch())\n"
        "from img_enhance.cli.main import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    assert run_python(code, "enhance", photo, *COMPACT).code == 0


@POSIX
def test_a_second_interrupt_stops_at_once(begun: Any, tmp_path: Path) -> None:
    process = begun("--model", "realesrgan-x4plus-anime", "--max-memory", "500M")
    line_that_starts(process, "Plan: ")
    process.send_signal(signal.SIGINT)
    time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    # The second one may come when the first one's work is done and Python's own handler is back.
    assert process.returncode in (130, -signal.SIGINT)
    assert names(tmp_path) == []


def test_the_plan_names_the_flag_that_chose_the_device(run: Run, photo: Path) -> None:
    assert " (--device cpu), " in run("enhance", photo, "--device", "cpu", "--dry-run").err


def test_an_error_names_flags(run: Run, photo: Path) -> None:
    check_refused(run, photo, 2, "; if you trust it, raise --max-pixels$", "--max-pixels", "100")


def test_a_reason_names_flags() -> None:
    reason = Reason("real_esrgan", True, "1x", Words("or ", Setting("upscale", "1")))
    assert auto_lines((reason,)) == ["Auto: real_esrgan 1x: or --upscale 1"]


def test_handlers_of_signals_are_put_back(run: Run, photo: Path) -> None:
    before = [signal.getsignal(number) for number in STOPS]
    run("enhance", photo, "--dry-run")
    assert [signal.getsignal(number) for number in STOPS] == before


@pytest.mark.parametrize("module", ["img_enhance", "img_enhance.cli.main"])
def test_module_runs_as_a_program(module: str) -> None:
    done = subprocess.run([sys.executable, "-m", module, "models"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("name")


def test_package_runs_like_the_command(tmp_path: Path, run: Run) -> None:
    def module(*arguments: str) -> tuple[int, str, str]:
        done = subprocess.run([sys.executable, "-m", "img_enhance", *arguments], capture_output=True, text=True, check=False, cwd=tmp_path)
        return done.returncode, done.stdout, done.stderr

    for arguments in (("--version",), ("enhance", str(tmp_path / "nowhere.png")), ("models", "show", "nothing")):
        told = run(*arguments)
        assert module(*arguments) == (told.code, told.out, told.err)
    code, _, said = module("enhance")
    assert code == 2
    assert said == "[ERROR] name a photo, a folder, or a list of them with --from-file; see img-enhance enhance --help\n"


def test_console_script_is_the_same_program() -> None:
    script = shutil.which("img-enhance", path=str(Path(sys.executable).parent))
    if script is None:
        pytest.skip("the package is not installed with its script")
    assert subprocess.run([script, "--version"], capture_output=True, text=True, check=True).stdout == f"img-enhance {__version__}\n"
