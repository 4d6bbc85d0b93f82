"""What the environment says, from mappings."""

import os
import tempfile
from pathlib import Path

import pytest

from img_enhance.errors import OptionError
from img_enhance.machine.settings import weight_store


@pytest.mark.parametrize(
    ("platform", "environment", "home"),
    [
        ("linux", {"HOME": "/home/a"}, "/home/a/.cache/img-enhance"),
        ("linux", {"HOME": "/home/a", "XDG_CACHE_HOME": "/var/cache/a"}, "/var/cache/a/img-enhance"),
        ("linux", {"HOME": "/home/a", "XDG_CACHE_HOME": "relative"}, "/home/a/.cache/img-enhance"),
        ("linux", {"HOME": "/home/a", "XDG_CACHE_HOME": ""}, "/home/a/.cache/img-enhance"),
        ("darwin", {"HOME": "/Users/a", "XDG_CACHE_HOME": "/x"}, "/Users/a/Library/Caches/img-enhance"),
        ("win32", {"LOCALAPPDATA": "/c/local", "HOME": "/x"}, "/c/local/img-enhance"),
        ("win32", {"USERPROFILE": "/c/a"}, "/c/a/AppData/Local/img-enhance"),
        ("linux", {}, f"{tempfile.gettempdir()}/img-enhance"),
        ("linux", {"HOME": "/home/a", "IMG_ENHANCE_HOME": "/data/w"}, "/data/w"),
        ("linux", {"HOME": "/home/a", "IMG_ENHANCE_HOME": ""}, "/home/a/.cache/img-enhance"),
    ],
)
def test_home_is_the_platforms_folder_for_caches_unless_it_is_named(platform: str, environment: dict[str, str], home: str) -> None:
    assert weight_store(environment, platform=platform).home == Path(home)


def test_relative_folders_are_those_of_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = weight_store({"IMG_ENHANCE_HOME": "w", "IMG_ENHANCE_WEIGHTS_PATH": "v"})
    monkeypatch.chdir("/")
    assert store.home == tmp_path / "w"
    assert store.searched == (tmp_path / "v",)


def test_folders_to_search_are_separated_as_in_path() -> None:
    text = os.pathsep.join(["/a", "", "/b c"])
    assert weight_store({"HOME": "/h", "IMG_ENHANCE_WEIGHTS_PATH": text}).searched == (Path("/a"), Path("/b c"))
    assert weight_store({"HOME": "/h"}).searched == ()


@pytest.mark.parametrize(
    "text", ["ftp://a", "a.example", "file:///srv/weights", "https://", "http://a?b", "https://a#b", "https://\u00fc.example"]
)
def test_a_mirror_that_is_no_web_address_is_refused(text: str) -> None:
    with pytest.raises(OptionError, match="IMG_ENHANCE_MIRROR must be a URL such as"):
        weight_store({"HOME": "/h", "IMG_ENHANCE_MIRROR": text})


def test_a_mirror_is_kept_without_its_last_slash() -> None:
    assert weight_store({"HOME": "/h", "IMG_ENHANCE_MIRROR": "https://a.example/b/"}).mirror == "https://a.example/b"
    assert weight_store({"HOME": "/h", "IMG_ENHANCE_MIRROR": ""}).mirror is None


def test_offline_is_a_flag_or_a_variable() -> None:
    assert not weight_store({"HOME": "/h"}).offline
    assert not weight_store({"HOME": "/h", "IMG_ENHANCE_OFFLINE": "0"}).offline
    assert weight_store({"HOME": "/h", "IMG_ENHANCE_OFFLINE": "1"}).offline
    assert weight_store({"HOME": "/h", "IMG_ENHANCE_OFFLINE": "0"}, offline=True).offline
    with pytest.raises(OptionError, match="IMG_ENHANCE_OFFLINE must be 0 or 1, not 'yes'"):
        weight_store({"HOME": "/h", "IMG_ENHANCE_OFFLINE": "yes"})
