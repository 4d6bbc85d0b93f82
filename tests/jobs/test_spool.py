"""Which files of jobs outlive a start of the service: without the photo of a waiting job there is no job, and no result stays for ever."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from img_enhance.jobs import spool as module
from img_enhance.jobs.rows import Job
from img_enhance.jobs.spool import PHOTO, Spool

RESULT = {"name": "result.png"}
JOB = Job("a", "me", "me", None, 0, "queued", {}, {}, photo_bytes=10, estimated_seconds=1.0, created=100.0)


@pytest.mark.parametrize(
    ("state", "result", "header", "files"),
    [
        ("queued", None, {}, (PHOTO,)),
        ("running", None, {}, (PHOTO,)),
        ("done", RESULT, {}, ("result.png",)),
        ("done", RESULT, {"kept": True}, ("result.png", PHOTO)),
        ("failed", None, {}, ()),
        ("cancelled", None, {"kept": True}, ()),
        ("expired", RESULT, {}, ()),
    ],
)
def test_a_job_has_its_photo_until_it_is_done_and_then_its_result(
    state: Any, result: dict[str, Any] | None, header: dict[str, Any], files: tuple[str, ...]
) -> None:
    assert dataclasses.replace(JOB, state=state, result=result, header=header).files == files


def test_a_start_keeps_the_files_of_jobs_and_nothing_else(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    for name in ("waiting/photo", "waiting/half a result", "done/photo", "done/result.png", "forgotten/photo"):
        path = spool.jobs / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    assert spool.sweep({"waiting": ("photo",), "done": ("result.png",), "never came": ("photo",)}) == 1
    left = sorted(str(path.relative_to(spool.jobs)) for path in spool.jobs.rglob("*"))
    assert left == ["done", "done/result.png", "waiting", "waiting/photo"]


def test_a_start_empties_what_was_not_accepted_and_nothing_else(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "data")
    spool.make()
    (spool.root / "jobs.sqlite").write_bytes(b"x")
    for folder in (spool.incoming, spool.scratch, spool.tiles, spool.jobs):
        (folder / "one").mkdir()
        folder.chmod(0o755)
    spool.make()
    left = sorted(str(path.relative_to(spool.root)) for path in spool.root.rglob("*"))
    assert left == ["incoming", "jobs", "jobs.sqlite", "jobs/one", "scratch", "tiles"]
    assert {path.stat().st_mode & 0o777 for path in (spool.root, *spool.root.iterdir()) if path.is_dir()} == {0o700}


def test_a_job_has_a_folder_of_its_own_from_its_upload_to_its_end(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.make()
    (id, folder), (other, refused) = spool.new(), spool.new()
    assert len({id, other}) == 2
    assert len(id) == 32
    assert {each.stat().st_mode & 0o777 for each in (folder, refused)} == {0o700}
    (folder / PHOTO).write_bytes(b"mine")
    taken = spool.take(id)
    assert (taken.parent, (taken / PHOTO).read_bytes(), folder.exists()) == (spool.jobs, b"mine", False)
    spool.drop(other)
    assert not refused.exists()
    assert taken.exists()
    spool.drop(id)
    spool.drop(id)
    assert not taken.exists()


def test_what_is_taken_is_on_the_disk_before_and_after_its_move(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[tuple[str, bool]] = []
    spool = Spool(tmp_path)
    spool.make()
    id, folder = spool.new()
    monkeypatch.setattr(module, "sync_folder", lambda path: synced.append((path.name, folder.exists())))
    spool.take(id)
    assert synced == [(id, True), ("jobs", False)]
