"""Results appear whole or not at all, and take the place of nothing that was not to be replaced."""

import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from img_enhance.errors import DiskError, OutputError, PhotoError
from img_enhance.files import check_output, copy_file, publish, replacing, state_of


@pytest.fixture(params=["hard links", "no hard links"])
def links(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system that knows hard links, and one that does not, as those of memory cards."""

    def refuse(_path: Path, _target: Path) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    if request.param == "no hard links":
        monkeypatch.setattr(Path, "hardlink_to", refuse)


def written(path: Path, text: str, *, overwrite: bool = False, meanwhile: Callable[[], object] = lambda: None) -> None:
    with replacing(path, overwrite=overwrite) as partial:
        partial.write_text(text)
        meanwhile()


@pytest.mark.usefixtures("links")
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_new_file_is_there_in_the_end_and_nothing_else(overwrite: bool, tmp_path: Path) -> None:
    written(tmp_path / "result", "new", overwrite=overwrite)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("result", "new")]


@pytest.mark.usefixtures("links")
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_whole_file_has_only_its_new_name(overwrite: bool, tmp_path: Path) -> None:
    (tmp_path / "staged").write_text("whole")
    publish(tmp_path / "staged", tmp_path / "result", overwrite=overwrite)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("result", "whole")]


@pytest.mark.usefixtures("links")
def test_what_others_put_there_meanwhile_stays(tmp_path: Path) -> None:
    path = tmp_path / "result"
    with pytest.raises(OutputError, match="already exists"):
        written(path, "ours", meanwhile=lambda: path.write_text("theirs"))
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("result", "theirs")]


@pytest.mark.parametrize(
    ("raised", "seen"), [(OSError(errno.ENOSPC, ""), "cannot write .*its disk is full"), (OSError(errno.EIO, "bad"), "cannot write .*bad")]
)
def test_what_fails_leaves_the_old_file_and_nothing_else(raised: OSError, seen: str, tmp_path: Path) -> None:
    path = tmp_path / "result"
    path.write_text("old")
    with pytest.raises(DiskError, match=seen):
        written(path, "half", overwrite=True, meanwhile=lambda: fail(raised))
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("result", "old")]


@pytest.mark.posix
def test_what_is_replaced_hands_on_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "result"
    path.write_text("old")
    path.chmod(0o604)
    written(path, "new", overwrite=True)
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("new", 0o604)


@pytest.mark.posix
@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="only root gives files away")
def test_what_is_replaced_hands_on_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "result"
    path.write_text("old")
    os.chown(path, 12_345, 23_456)
    written(path, "new", overwrite=True)
    assert (path.stat().st_uid, path.stat().st_gid) == (12_345, 23_456)


def test_names_that_cannot_be_written_are_refused_before_anything_is(tmp_path: Path) -> None:
    (tmp_path / "there").write_text("old")
    with pytest.raises(OutputError, match="already exists"):
        check_output(tmp_path / "there", overwrite=False)
    with pytest.raises(OutputError, match="already exists"):
        written(tmp_path / "there", "new", meanwhile=lambda: pytest.fail("work began that nobody gets"))
    with pytest.raises(OutputError, match="is a folder"):
        check_output(tmp_path, overwrite=True)
    with pytest.raises(DiskError, match="does not exist"):
        check_output(tmp_path / "no" / "result", overwrite=True)
    check_output(tmp_path / "there", overwrite=True)


@pytest.mark.posix
def test_a_link_to_nothing_is_a_name_that_is_taken(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(OutputError, match="already exists"):
        check_output(tmp_path / "link", overwrite=False)


@pytest.mark.posix
def test_a_pipe_is_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OutputError, match="is a pipe or a device"):
        check_output(tmp_path / "pipe", overwrite=True)


def test_a_file_is_copied_only_as_it_was_read(tmp_path: Path) -> None:
    source, path = tmp_path / "photo", tmp_path / "result"
    source.write_text("one")
    state = state_of(source)
    assert copy_file(source, state, path, overwrite=False, tick=lambda: None)
    assert path.read_text() == "one"
    source.write_text("three")
    path.unlink()
    assert not copy_file(source, state, path, overwrite=False, tick=lambda: None)
    assert not copy_file(tmp_path / "gone", state, path, overwrite=False, tick=lambda: None)
    with pytest.raises(PhotoError, match="while it was copied"):
        copy_file(source, state_of(source), path, overwrite=False, tick=lambda: grow(source))
    assert not path.exists()


def grow(path: Path) -> None:
    path.write_text("fifteen")


def fail(error: OSError) -> None:
    raise error
