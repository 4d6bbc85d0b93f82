"""The manifest survives being cut off anywhere, and a result is in its place, one renaming away from it, or was never finished."""

import os
from pathlib import Path

import pytest

from img_enhance.batch.manifest import Manifest, state_at
from img_enhance.batch.outcome import PhotoOutcome
from img_enhance.errors import DiskError, OutputError

FILE = Path(".img-enhance/manifest.jsonl")


def staged(manifest: Manifest, name: str, *, replaces: bool = False, text: str = "whole") -> PhotoOutcome:
    """The row of a photo whose result was made and has no name yet."""
    path = manifest.staging / f"made-{name}"
    path.write_text(text)
    return PhotoOutcome(name, f"/in/{name}", "done", result=f"sub/{name}", staged=path.name, result_file=state_at(path), replaces=replaces)


def put(manifest: Manifest, name: str, *, text: str = "whole") -> PhotoOutcome:
    row = staged(manifest, name, text=text)
    (manifest.out / "sub").mkdir(exist_ok=True)
    manifest.add(row)
    manifest.publish(row)
    return row


def test_rows_come_back(tmp_path: Path) -> None:
    with Manifest(tmp_path) as manifest:
        row = put(manifest, "a.jpg")
        assert manifest.done("a.jpg") == row
    with Manifest(tmp_path) as manifest:
        assert manifest.done("a.jpg") == row
    assert (tmp_path / "sub/a.jpg").read_text() == "whole"
    assert not (tmp_path / ".img-enhance/unfinished").exists()


def test_row_is_on_the_disk_before_its_result_appears(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[bytes] = []
    sync = os.fsync

    def watched(handle: int) -> None:
        synced.append((tmp_path / FILE).read_bytes())
        assert not (tmp_path / "sub/a.jpg").exists()
        sync(handle)

    with Manifest(tmp_path) as manifest:
        row = staged(manifest, "a.jpg")
        monkeypatch.setattr("img_enhance.batch.manifest.os.fsync", watched)
        manifest.add(row)
        assert [data.count(b"a.jpg") > 0 for data in synced] == [True]


def test_file_cut_off_at_any_byte_loses_only_its_last_row(tmp_path: Path) -> None:
    with Manifest(tmp_path) as manifest:
        rows = [put(manifest, name) for name in ("a.jpg", "b.jpg")]
    whole = (tmp_path / FILE).read_bytes()
    first = whole.index(b"\n") + 1
    for length in range(first, len(whole)):
        (tmp_path / FILE).write_bytes(whole[:length])
        with Manifest(tmp_path) as manifest:
            assert list(manifest.rows) == ["a.jpg"], length
            manifest.add(rows[1])
        assert (tmp_path / FILE).read_bytes() == whole


def test_lines_that_are_no_rows_are_passed_over(tmp_path: Path) -> None:
    with Manifest(tmp_path) as manifest:
        row = put(manifest, "a.jpg")
    with (tmp_path / FILE).open("ab") as file:
        file.write(b'\0\0\0\n[1]\n{"source": "b"}\nnull\n')
    assert Manifest(tmp_path).rows == {"a.jpg": row}


def test_result_without_its_name_gets_it_at_the_next_start(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    with Manifest(tmp_path) as manifest:
        row = staged(manifest, "a.jpg")
        manifest.add(row)
        (manifest.staging / "half.jpg").write_text("ha")
    with Manifest(tmp_path) as manifest:
        assert manifest.done("a.jpg") == row
        assert list(manifest.staging.iterdir()) == []
    assert (tmp_path / "sub/a.jpg").read_text() == "whole"


def test_result_with_both_names_loses_the_first(tmp_path: Path) -> None:
    with Manifest(tmp_path) as manifest:
        row = put(manifest, "a.jpg")
        os.link(tmp_path / row.result, manifest.staging / row.staged)
    with Manifest(tmp_path) as manifest:
        assert list(manifest.staging.iterdir()) == []
        assert manifest.done("a.jpg") == row


def test_file_that_appeared_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    with Manifest(tmp_path) as manifest:
        row = staged(manifest, "a.jpg")
        (tmp_path / row.result).write_text("somebody's own")
        with pytest.raises(OutputError, match="already exists"):
            manifest.publish(row)
        manifest.add(row)
    with Manifest(tmp_path) as manifest:  # a restart may not do it either, nor fail
        assert manifest.done("a.jpg") is None
    assert (tmp_path / "sub/a.jpg").read_text() == "somebody's own"


def test_result_that_was_changed_or_removed_is_not_done(tmp_path: Path) -> None:
    with Manifest(tmp_path) as manifest:
        for name in ("a.jpg", "b.jpg"):
            put(manifest, name)
        (tmp_path / "sub/a.jpg").write_text("edited")
        (tmp_path / "sub/b.jpg").unlink()
        assert manifest.done("a.jpg") is None
        assert manifest.done("b.jpg") is None


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_replaced_result_hands_on_its_permissions(tmp_path: Path) -> None:
    with Manifest(tmp_path) as manifest:
        put(manifest, "a.jpg")
        (tmp_path / "sub/a.jpg").chmod(0o640)
        row = staged(manifest, "a.jpg", replaces=True, text="newer")
        manifest.add(row)
        manifest.publish(row)
        assert (tmp_path / "sub/a.jpg").read_text() == "newer"
        assert (tmp_path / "sub/a.jpg").stat().st_mode & 0o777 == 0o640


def test_second_run_into_the_same_folder_is_refused(tmp_path: Path) -> None:
    with Manifest(tmp_path), pytest.raises(OutputError, match="another run is writing"), Manifest(tmp_path):
        pass


def test_reading_alone_writes_nothing(tmp_path: Path) -> None:
    assert Manifest(tmp_path / "out").rows == {}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has a disk that is always full")
def test_full_disk_is_said_and_keeps_the_rows(tmp_path: Path) -> None:
    with Manifest(tmp_path) as manifest:
        put(manifest, "a.jpg")
        before, file = (tmp_path / FILE).read_bytes(), manifest._file
        with open("/dev/full", "ab", buffering=0) as full:
            manifest._file = full
            with pytest.raises(DiskError, match="is full"):
                manifest.add(PhotoOutcome("b.jpg", "/b.jpg", "done"))
        manifest._file = file
        assert "b.jpg" not in manifest.rows
    assert (tmp_path / FILE).read_bytes() == before
