"""The reports for programs, read back as programs do."""

import csv
import json
import os
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest
from made_runs import done, failed, run_of, skipped

from img_enhance.batch.links import link_to, thumbnail_names
from img_enhance.batch.outcome import PhotoOutcome
from img_enhance.batch.report import CSV, HTML, JSON, write_reports
from img_enhance.errors import OutputError

NAMES = ("a.jpg", 'quote " and, comma.jpg', "line\nbreak.jpg", "\u5199\U0001f4f7.jpg", "<img src=x onerror=alert(1)>.jpg")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def test_json_has_every_outcome_exactly(out: Path) -> None:
    outcomes = [*map(done, NAMES), failed("b.jpg"), skipped("c.jpg")]
    write_reports(run_of(*outcomes), out)
    photos = json.loads((out / JSON).read_text("utf-8"))["photos"]
    assert [PhotoOutcome.from_mapping(photo) for photo in photos] == outcomes


def test_json_has_the_numbers(out: Path) -> None:
    write_reports(run_of(done("a.jpg", 1.0), done("b.jpg", 3.0), failed("c.jpg"), seconds=3.5, left=2, stopped="the disk is full"), out)
    report = json.loads((out / JSON).read_text("utf-8"))
    assert report["summary"] == {
        "total_images": 5,
        "success": 2,
        "failed": 1,
        "skipped": 0,
        "success_rate": 2 / 3,
        "average_seconds": 2.0,
        "fastest": {"source": "a.jpg", "seconds": 1.0},
        "slowest": {"source": "b.jpg", "seconds": 3.0},
        "total_seconds": 3.5,
        "left": 2,
        "stopped": "the disk is full",
    }
    assert report["algorithms"][1] == {
        "name": "real_esrgan",
        "photos": 3,
        "loaded": 3,
        "executed": 2,
        "why_not": [{"why": "the file is truncated", "photos": 1}],
    }


def test_reports_are_unicode_and_links_are_the_very_bytes(out: Path) -> None:
    name = os.fsdecode(b"caf\xe9 #1%41?.jpg")
    write_reports(run_of(done(name)), out)
    (photo,) = json.loads((out / JSON).read_bytes().decode("utf-8"))["photos"]
    assert photo["source"] == "caf\ufffd #1%41?.jpg"
    assert photo["result_link"] == "caf%E9%20%231%2541%3F.jpg"
    whole = os.path.join(os.fsencode(out), unquote_to_bytes(photo["photo_link"]))
    assert os.path.normpath(whole) == b"/photos/caf\xe9 #1%41?.jpg"
    for report in (CSV, HTML):
        assert "caf\ufffd" in (out / report).read_bytes().decode("utf-8")


def test_a_name_with_a_colon_is_no_scheme(out: Path) -> None:
    assert link_to(str(out / "javascript:x.jpg"), out) == "javascript%3Ax.jpg"


def test_csv_comes_back(out: Path) -> None:
    write_reports(run_of(*map(done, NAMES), failed("b.jpg", why='x, "y"\nz')), out)
    with (out / CSV).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["source"] for row in rows] == [*NAMES, "b.jpg"]
    assert (rows[0]["status"], rows[0]["seconds"], rows[0]["result_width"], rows[0]["steps"]) == (
        "done",
        "2.0",
        "1280",
        "white_balance; real_esrgan",
    )
    assert (rows[-1]["status"], rows[-1]["failure_code"], rows[-1]["failure"]) == ("failed", "unreadable_photo", 'x, "y"\nz; get it again')
    assert rows[0]["finished"] == "2026-11-28T21:06:40+00:00"


@pytest.mark.parametrize("name", ["=cmd|'/c calc'!A0.jpg", "+1.jpg", "-1.jpg", "@sum.jpg", "\tx.jpg"])
def test_no_name_is_a_formula_to_a_spreadsheet(out: Path, name: str) -> None:
    write_reports(run_of(done(name)), out)
    with (out / CSV).open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["source"] == f"'{name}"


def test_reports_of_no_photo_are_whole(out: Path) -> None:
    write_reports(run_of(), out)
    assert json.loads((out / JSON).read_text())["photos"] == []
    assert (out / HTML).read_text().endswith("</html>\n")


def test_earlier_reports_are_replaced_and_nothing_is_left_over(out: Path) -> None:
    write_reports(run_of(done("a.jpg")), out)
    write_reports(run_of(done("b.jpg")), out)
    assert "a.jpg" not in (out / JSON).read_text()
    assert sorted(path.name for path in out.iterdir()) == [CSV, HTML, JSON]


def test_a_report_that_cannot_be_written_leaves_nothing(out: Path) -> None:
    (out / CSV).mkdir()
    with pytest.raises(OutputError, match=r"report\.csv is a folder"):
        write_reports(run_of(done("a.jpg")), out)
    assert not list(out.glob(".img-enhance-*"))


def test_thumbnails_of_photos_that_differ_have_names_that_differ() -> None:
    names = [name for photo in (*NAMES, "A.jpg", "b/a.jpg", os.fsdecode(b"\xe9"), "\ufffd") for name in thumbnail_names(photo)]
    assert len(set(names)) == len(names)
    assert all(name.isascii() for name in names)
