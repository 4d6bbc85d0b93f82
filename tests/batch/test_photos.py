"""What is meant by names of photos, folders and patterns."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from img_enhance.batch.photos import check_apart, check_out, check_some, find_photos, is_pattern, names_in
from img_enhance.errors import OutputError, PhotoError

POSIX = pytest.mark.skipif(os.name != "posix", reason="links and permissions of POSIX")


def photo(path: Path, grey: int = 128) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = {".jpg": "JPEG", ".png": "PNG"}.get(path.suffix.lower(), "PNG")
    Image.fromarray(np.full((8, 8, 3), grey, np.uint8)).save(path, kind)
    return path


def names(*named: Path, out: Path = Path("nowhere")) -> list[str]:
    return [source.name for source in find_photos(named, out).photos]


def test_folder_keeps_its_tree_and_files_come_before_folders(tmp_path: Path) -> None:
    for name in ("b.jpg", "a/2.png", "a/1.jpg", "c/d/e.jpg"):
        photo(tmp_path / name)
    assert names(tmp_path) == ["b.jpg", "a/1.jpg", "a/2.png", "c/d/e.jpg"]


def test_several_folders_keep_their_names_and_like_ones_the_folders_above(tmp_path: Path) -> None:
    for name in ("x/holidays/1.jpg", "y/holidays/1.jpg", "y/work/2.jpg"):
        photo(tmp_path / name)
    assert names(tmp_path / "y/holidays", tmp_path / "y/work") == ["holidays/1.jpg", "work/2.jpg"]
    assert names(tmp_path / "x/holidays", tmp_path / "y/holidays") == ["x/holidays/1.jpg", "y/holidays/1.jpg"]


def test_named_files_lose_the_folder_that_they_share(tmp_path: Path) -> None:
    a, b = photo(tmp_path / "2023/a.jpg"), photo(tmp_path / "2024/b.jpg")
    assert names(a, b) == ["2023/a.jpg", "2024/b.jpg"]
    assert names(a) == ["a.jpg"]


def test_no_two_photos_have_one_name(tmp_path: Path) -> None:
    photo(tmp_path / "p/q/a.jpg")
    loose = [photo(tmp_path / "r/q/a.jpg"), photo(tmp_path / "r/b.jpg")]
    assert names(tmp_path / "p/q", *loose) == ["q/a.jpg", "q/a (2).jpg", "b.jpg"]


def test_file_counts_once_however_often_it_is_named(tmp_path: Path) -> None:
    a = photo(tmp_path / "a.jpg")
    assert len(names(a, tmp_path, a)) == 1


def test_content_tells_photos_from_other_files(tmp_path: Path) -> None:
    photo(tmp_path / "no_ending")
    (tmp_path / "notes.txt").write_text("not a photo")
    (tmp_path / "broken.jpg").write_text("should be one")
    photo(tmp_path / ".hidden.jpg")
    photo(tmp_path / ".cache/a.jpg")
    found = find_photos([tmp_path], tmp_path / "out")
    assert [source.name for source in found.photos] == ["broken.jpg", "no_ending"]
    assert found.others == 1


def test_folder_of_the_results_is_not_searched(tmp_path: Path) -> None:
    photo(tmp_path / "a.jpg")
    photo(tmp_path / "out/a.jpg")
    found = find_photos([tmp_path], tmp_path / "out")
    assert [source.name for source in found.photos] == ["a.jpg"]
    assert "is where the results go" in found.notes[0]


@POSIX
def test_links_are_followed_but_not_in_a_circle(tmp_path: Path) -> None:
    photo(tmp_path / "in/a.jpg")
    photo(tmp_path / "elsewhere/b.jpg")
    (tmp_path / "in/up").symlink_to(tmp_path / "in", target_is_directory=True)
    (tmp_path / "in/other").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    (tmp_path / "in/self").symlink_to("self")
    found = find_photos([tmp_path / "in"], tmp_path / "out")
    assert [source.name for source in found.photos] == ["a.jpg", "other/b.jpg"]
    assert len(found.notes) == 1
    assert "up leads to a folder that was searched already" in found.notes[0]


def test_folder_that_cannot_be_searched_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photo(tmp_path / "a.jpg")
    photo(tmp_path / "locked/b.jpg")
    scandir = os.scandir

    def refuse(path: Path) -> object:
        if Path(path).name == "locked":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    found = find_photos([tmp_path], tmp_path / "out")
    assert [source.name for source in found.photos] == ["a.jpg"]
    assert [(each.source, each.failure and each.failure.exit_code) for each in found.failures] == [("locked/", 2)]


def test_patterns_are_for_programs_where_no_file_has_the_name(tmp_path: Path) -> None:
    photo(tmp_path / "a1.jpg")
    photo(tmp_path / "a2.jpg")
    assert is_pattern(tmp_path / "a*.jpg")
    assert names(tmp_path / "a*.jpg") == ["a1.jpg", "a2.jpg"]
    photo(tmp_path / "b[1].jpg")
    assert not is_pattern(tmp_path / "b[1].jpg")
    assert names(tmp_path / "b[1].jpg") == ["b[1].jpg"]


def test_missing_file_is_a_photo_that_will_fail(tmp_path: Path) -> None:
    assert names(tmp_path / "gone.jpg") == ["gone.jpg"]


def test_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match="there is no photo in"):
        check_some(find_photos([tmp_path], tmp_path / "out"), [tmp_path])


def test_list_has_a_name_a_line_or_ends_them_with_zero_bytes() -> None:
    assert names_in(b"a.jpg\r\nb c.jpg\n\n") == [Path("a.jpg"), Path("b c.jpg")]
    assert names_in(b"a\nb.jpg\0c.jpg\0") == [Path("a\nb.jpg"), Path("c.jpg")]


@POSIX
def test_names_that_are_not_utf8_are_taken(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.jpg"))
    try:
        photo(path)
    except OSError:
        pytest.skip("this file system takes names in UTF-8 only")
    assert names_in(os.fsencode(path)) == [path]
    assert names(tmp_path) == ["caf\udce9.jpg"]


def test_results_never_replace_photos(tmp_path: Path) -> None:
    photo(tmp_path / "a.jpg")
    with pytest.raises(OutputError, match="is the folder of the photos"):
        check_out([tmp_path], tmp_path / "." / "")
    found = find_photos([tmp_path / "a.jpg"], tmp_path)
    with pytest.raises(OutputError, match="would replace the photos"):
        check_apart(found.photos, [tmp_path / "a.jpg"], tmp_path)
