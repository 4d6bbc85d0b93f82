"""The command line over many photos: what goes on, what is refused, and what is left when it is cut off."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from conftest import SAMPLE, Pixels
from img_enhance.batch.outcome import PhotoOutcome
from img_enhance.cli.main import main
from kills import kill_again_and_again
from waiting import wait_for

Run = Callable[..., tuple[int, str, str]]

TONES = ("--clahe",)


@pytest.fixture
def photos(tmp_path: Path, cat: Pixels) -> Path:
    """A folder with three photos, one of them in a folder, and one broken."""
    folder = tmp_path / "in"
    (folder / "sub").mkdir(parents=True)
    for number, name in enumerate(("a.jpg", "b.png", "sub/c.jpg")):
        Image.fromarray(np.roll(cat, number, axis=1)).save(folder / name, quality=95)
        os.utime(folder / name, ns=(10**18, 10**18 + number))
    (folder / "bad.jpg").write_bytes(b"\xff\xd8\xff nothing more")
    return folder


def tree(folder: Path) -> list[str]:
    """The files below, but those of the run itself and its reports."""
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(path.as_posix() for path in found if not path.parts[0].startswith((".img-enhance", "report")))


def rows(out: Path) -> list[PhotoOutcome]:
    lines = (out / ".img-enhance/manifest.jsonl").read_text().splitlines()
    return [PhotoOutcome.from_mapping(json.loads(line)) for line in lines]


def error(err: str) -> str:
    """The one line that an error is."""
    lines = [line for line in err.splitlines() if line.startswith("[ERROR]")]
    assert len(lines) == 1, err
    return lines[0]


def test_folder_is_enhanced_and_one_bad_photo_does_not_end_it(run: Run, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    code, _, err = run("enhance", photos, "-o", out, *TONES)
    assert code == 2
    assert "bad.jpg" in error(err)
    assert tree(out) == ["a.jpg", "b.png", "sub/c.jpg"]
    assert {(out / name).stat().st_mtime_ns - 10**18 for name in tree(out)} == {0, 1, 2}
    alone = tmp_path / "alone.jpg"
    assert run("enhance", photos / "a.jpg", "-o", alone, *TONES)[0] == 0
    assert alone.read_bytes() == (out / "a.jpg").read_bytes()


def test_second_run_does_only_what_is_left(run: Run, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (photos / "bad.jpg").unlink()
    assert run("enhance", photos, "-o", out, *TONES)[0] == 0
    before = {name: (out / name).stat().st_ino for name in tree(out)}
    (out / "b.png").unlink()  # a result that is gone is made again,
    os.utime(photos / "a.jpg")  # a photo with the same bytes is the same photo,
    Image.open(photos / "b.png").rotate(90).save(photos / "sub/c.jpg")  # one with others is not.
    assert run("enhance", photos, "-o", out, *TONES)[0] == 0
    after = {name: (out / name).stat().st_ino for name in tree(out)}
    assert after["a.jpg"] == before["a.jpg"]
    assert after["sub/c.jpg"] != before["sub/c.jpg"]
    assert {row.source for row in rows(out)[3:]} == {"b.png", "sub/c.jpg"}
    assert len(rows(out)) == 5


def test_report_covers_what_earlier_runs_left_in_the_folder(run: Run, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for name in ("a.jpg", "b.png"):
        assert run("enhance", "--from-file", listed(tmp_path, photos / name), "-o", out, *TONES)[0] == 0
    code, text, _ = run("enhance", "--from-file", listed(tmp_path, photos / "sub/c.jpg"), "-o", out, *TONES)
    assert code == 0
    assert "Total images: 1\nSuccess: 1\nFailed: 0\nSkipped: 0" in text  # of this run
    report = json.loads((out / "report.json").read_text())
    assert [(photo["source"], photo["status"]) for photo in report["photos"]] == [
        ("c.jpg", "done"),
        ("a.jpg", "skipped"),
        ("b.png", "skipped"),
    ]
    assert (report["summary"]["total_images"], report["summary"]["skipped"]) == (3, 2)
    (out / "a.jpg").unlink()  # what is gone is in the folder no more
    run("enhance", "--from-file", listed(tmp_path, photos / "sub/c.jpg"), "-o", out, *TONES)
    assert [photo["source"] for photo in json.loads((out / "report.json").read_text())["photos"]] == ["c.jpg", "b.png"]


def listed(folder: Path, *photos: Path) -> Path:
    """A list of photos."""
    path = folder / "list"
    path.write_text("".join(f"{photo}\n" for photo in photos))
    return path


def test_results_of_another_recipe_are_kept_until_told_otherwise(run: Run, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run("enhance", photos, "-o", out, *TONES, "--quiet")
    before = (out / "a.jpg").read_bytes()
    code, _, err = run("enhance", photos, "-o", out, "--clahe", "--clahe-enhance-level", "0.2")
    assert code == 2
    assert "3 results that were made with another recipe" in error(err)
    assert "--overwrite" in err
    assert (out / "a.jpg").read_bytes() == before
    run("enhance", photos, "-o", out, "--clahe", "--clahe-enhance-level", "0.2", "--overwrite", "--quiet")
    assert (out / "a.jpg").read_bytes() != before


def test_files_of_others_are_not_replaced(run: Run, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "a.jpg").write_text("mine")
    (photos / "bad.jpg").unlink()
    code, _, err = run("enhance", photos, "-o", out, *TONES)
    assert code == 2
    assert "already exists; use --overwrite" in error(err)
    assert (out / "a.jpg").read_text() == "mine"
    assert tree(out) == ["a.jpg", "b.png", "sub/c.jpg"]


def test_lists_files_and_patterns_are_taken(run: Run, photos: Path, tmp_path: Path) -> None:
    names = tmp_path / "names"
    names.write_text(f"{photos / 'a.jpg'}\n{photos / 'sub/c.jpg'}\n{photos / 'gone.jpg'}\n")
    code, _, err = run("enhance", "--from-file", names, "-o", tmp_path / "out", *TONES)
    assert code == 2
    assert "gone.jpg does not exist" in error(err)
    assert tree(tmp_path / "out") == ["a.jpg", "sub/c.jpg"]
    assert run("enhance", photos / "[ab].*", "-o", tmp_path / "more", *TONES)[0] == 0
    assert tree(tmp_path / "more") == ["a.jpg", "b.png"]


def test_results_of_one_format_keep_apart(run: Run, photos: Path, tmp_path: Path) -> None:
    shutil.copy(photos / "b.png", photos / "a.png")
    run("enhance", photos, "-o", tmp_path / "out", *TONES, "--format", "jpeg", "--quiet", "--name", "{stem}-{scale}{ext}")
    assert tree(tmp_path / "out") == ["a-1.jpg", "a_png-1.jpg", "b-1.jpg", "sub/c-1.jpg"]


def test_first_failure_ends_it_where_asked_for(run: Run, photos: Path, tmp_path: Path) -> None:
    for number in range(40):  # so many that some are left, however fast the lanes are
        shutil.copy(photos / "a.jpg", photos / f"later{number}.jpg")
    code, _, err = run("enhance", photos, "-o", tmp_path / "out", *TONES, "--fail-fast")
    assert code == 2
    assert re.search(r"--fail-fast was asked for; \d+ photos left", err)


def test_dry_run_writes_nothing(run: Run, photos: Path, tmp_path: Path) -> None:
    code, _, err = run("enhance", photos, "-o", tmp_path / "out", *TONES, "--dry-run")
    assert code == 0
    assert re.search(r"Plan: 4 photos, \d+ KB", err)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["{in}"], "need a folder; name one with -o"),
        (["{in}", "-o", "-"], "need a folder"),
        (["{in}", "-o", "{in}"], "is the folder of the photos"),
        (["{in}/a.jpg", "{in}/b.png", "-o", "{in}"], "would replace the photos"),
        (["{in}/empty", "-o", "{out}"], "there is no photo in"),
        (["{in}/a.jpg", "-", "-o", "{out}"], "name it alone"),
        (["{in}", "-o", "{in}/a.jpg"], "is a file, not a folder"),
        (["--from-file", "{in}/gone", "-o", "{out}"], "the list .*gone cannot be read"),
        (["--from-file", os.devnull, "-o", "{out}"], "names no photo"),
        (["{in}", "-o", "{out}", "--name", "x{ext}"], "would not tell results apart"),
        (["{in}", "-o", "{out}", "--report", "r.json"], "--report is for one photo"),
        (["{in}", "-o", "{out}", "--device", "cuda:99"], "cuda"),
    ],
)
def test_what_cannot_be_is_one_clear_line(run: Run, photos: Path, tmp_path: Path, arguments: list[str], says: str) -> None:
    (photos / "empty").mkdir()
    (photos / "bad.jpg").unlink()
    before = tree(photos)
    named = [text.replace("{in}", str(photos)).replace("{out}", str(tmp_path / "out")) for text in arguments]
    code, _, err = run("enhance", *named, *TONES)
    assert code in (2, 3)
    assert re.search(says, error(err))
    assert tree(photos) == before


def test_folder_of_results_inside_the_photos_is_left_out(run: Run, photos: Path) -> None:
    (photos / "bad.jpg").unlink()
    for _ in range(2):
        code, _, err = run("enhance", photos, "-o", photos / "out", *TONES)
        assert code == 0
        assert tree(photos / "out") == ["a.jpg", "b.png", "sub/c.jpg"]
    assert "is where the results go, and is not searched" in err


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_killed_runs_lose_nothing_and_do_nothing_twice(tmp_path: Path) -> None:
    figures = kill_again_and_again(tmp_path, kills=3, photos=12)
    assert figures.kills == 3


def test_watch_takes_new_photos_when_they_are_whole(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-m", "img_enhance", "enhance", str(photos), "-o", str(out), *TONES, "--watch"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        wait_for(lambda: out.exists() and tree(out) == ["a.jpg", "b.png", "sub/c.jpg"])
        whole = (photos / "a.jpg").read_bytes()
        with (photos / "new.jpg").open("wb") as file:
            for part in range(4):  # written slowly, for longer than a file must have been left alone
                file.write(whole[part * len(whole) // 4 : (part + 1) * len(whole) // 4])
                file.flush()
                time.sleep(1)
        wait_for(lambda: "new.jpg" in tree(out))
    finally:
        process.terminate()
        _, err = process.communicate(timeout=60)
    assert [line for line in err.splitlines() if line.startswith("[ERROR]") and "bad.jpg" not in line] == []
    assert process.returncode == 2, "the broken photo"
    assert (out / "new.jpg").read_bytes() == (out / "a.jpg").read_bytes()


@pytest.mark.skipif(os.name != "posix", reason="limits of POSIX")
def test_full_disk_stops_the_run_with_what_is_done_kept(run: Run, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from img_enhance.batch import manifest
    from img_enhance.files import publish

    (photos / "bad.jpg").unlink()
    placed: list[Path] = []

    def filling(partial: Path, path: Path, *, overwrite: bool) -> None:
        if placed:
            raise OSError(28, "No space left on device")
        publish(partial, path, overwrite=overwrite)
        placed.append(path)

    monkeypatch.setattr(manifest, "publish", filling)
    code, _, err = run("enhance", photos, "-o", tmp_path / "out", *TONES)
    assert code == 3
    assert "is full" in err
    assert len(tree(tmp_path / "out")) == 1
    monkeypatch.undo()
    assert main(["enhance", str(photos), "-o", str(tmp_path / "out"), *TONES]) == 0
    assert tree(tmp_path / "out") == ["a.jpg", "b.png", "sub/c.jpg"]


def test_test_runner_is_the_same_over_two_folders(photos: Path, tmp_path: Path) -> None:
    (photos / "bad.jpg").unlink()
    command = [sys.executable, "-m", "scripts.test_runner", str(photos), str(tmp_path / "out"), *TONES]
    done = subprocess.run(command, cwd=SAMPLE.parent.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert tree(tmp_path / "out") == ["a.jpg", "b.png", "sub/c.jpg"]
    nothing = subprocess.run(command[:3], cwd=SAMPLE.parent.parent, capture_output=True, text=True, check=False)
    assert "test_images does not exist" in nothing.stderr
