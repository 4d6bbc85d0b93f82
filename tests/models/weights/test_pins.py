"""A file whose publisher states no hash is what it was when it was first seen."""

import dataclasses
from pathlib import Path

import pytest
from local_server import serving, whole
from test_fetch import BODY, OTHER, Waits, row

from img_enhance.errors import DownloadError, WeightsCorrupt, WeightsMissing
from img_enhance.models.table import BUILT_IN
from img_enhance.models.weight_files import WeightFile
from img_enhance.models.weights.cache import WeightStore, found, located
from img_enhance.models.weights.fetch import pull
from img_enhance.models.weights.pins import pinned


@pytest.fixture
def store(tmp_path: Path) -> WeightStore:
    return WeightStore(home=tmp_path / "home")


def unpinned(url: str = "http://127.0.0.1:9/a/test.pth", *, most: int = len(BODY) + 10) -> WeightFile:
    return dataclasses.replace(row(), url=url, bytes=most, sha256="")


def test_only_one_row_is_unpinned_and_bounded() -> None:
    assert [(file.name, file.bytes) for file in BUILT_IN.files if not file.is_pinned] == [("edsr-base-x3", 8_000_000)]


def test_the_first_download_says_what_it_is_from_then_on(store: WeightStore) -> None:
    with serving(whole(BODY)) as server:
        file = unpinned(f"{server.url}/a/test.pth")
        assert pull(file, store, sleep=Waits(), timeout_seconds=5).read_bytes() == BODY
    known = pinned(file, store.home)
    assert known.bytes == len(BODY)
    assert known.sha256 == row().sha256
    (store.home / file.file).unlink()
    with serving(whole(OTHER)) as server, pytest.raises(WeightsCorrupt, match="not the published file"):
        pull(dataclasses.replace(file, url=f"{server.url}/a/test.pth"), store, sleep=Waits(), timeout_seconds=5)
    assert found(file, store) is None


def test_a_file_that_is_too_large_is_refused(store: WeightStore) -> None:
    with serving(whole(BODY)) as server, pytest.raises(DownloadError, match="at most"):
        pull(unpinned(f"{server.url}/a/test.pth", most=len(BODY) - 1), store, sleep=Waits(), timeout_seconds=5)
    assert not (store.home / "test.pth").exists()
    assert not pinned(unpinned(), store.home).is_pinned


def test_a_file_put_there_by_hand_is_recorded_too(store: WeightStore) -> None:
    store.home.mkdir()
    file, path = unpinned(), store.home / "test.pth"
    path.write_bytes(BODY)
    assert located(file, store) == path
    path.write_bytes(OTHER)
    with pytest.raises(WeightsMissing, match="damaged"):
        located(file, store)


def test_a_broken_record_counts_as_none(store: WeightStore) -> None:
    store.home.mkdir()
    (store.home / "test.pth.pinned").write_text("{}")
    (store.home / "test.pth").write_bytes(BODY)
    assert located(unpinned(), store) == store.home / "test.pth"
    assert pinned(unpinned(), store.home).sha256 == row().sha256
