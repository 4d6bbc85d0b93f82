"""Weight files on this machine: found where they should be, and never used damaged."""

import dataclasses
import hashlib
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from local_server import serving, whole

from img_enhance.errors import WeightsCorrupt, WeightsMissing
from img_enhance.models.table import BUILT_IN
from img_enhance.models.weights import cache
from img_enhance.models.weights.cache import WeightStore, found, located
from img_enhance.models.weights.fetch import pull

BODY = b"weights" * 1000
FILE = dataclasses.replace(BUILT_IN.files[0], name="test-1", file="test.pth", bytes=len(BODY), sha256=hashlib.sha256(BODY).hexdigest())


@pytest.fixture
def store(tmp_path: Path) -> WeightStore:
    for name in ("home", "one", "two"):
        (tmp_path / name).mkdir()
    return WeightStore(home=tmp_path / "home", searched=(tmp_path / "one", tmp_path / "two"))


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that were read to hash them."""
    seen: list[Path] = []
    real = cache.sha256_of

    def watching(path: Path) -> str:
        seen.append(path)
        return real(path)

    monkeypatch.setattr(cache, "sha256_of", watching)
    return seen


def put(folder: Path, data: bytes = BODY) -> Path:
    path = folder / "test.pth"
    path.write_bytes(data)
    return path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_finds_the_file_in_every_folder_and_prefers_the_own_one(store: WeightStore) -> None:
    assert found(FILE, store) is None
    for folder in (store.searched[1], store.searched[0], store.home):
        path = put(folder)
        assert found(FILE, store) == path
        assert located(FILE, store) == path


def test_a_missing_file_names_the_command_that_brings_it(store: WeightStore) -> None:
    with pytest.raises(WeightsMissing) as caught:
        located(FILE, store)
    assert str(caught.value) == "the weights test-1 (1 MB) are not on this machine; run: img-enhance models pull test-1"
    assert pickle.loads(pickle.dumps(caught.value)).args == caught.value.args


def test_a_missing_file_offline_names_the_folder(store: WeightStore) -> None:
    with pytest.raises(WeightsMissing, match=f"put test.pth into {store.home}"):
        located(FILE, dataclasses.replace(store, offline=True))


@pytest.mark.parametrize("data", [BODY[:-1], BODY + b"x", BODY[:-1] + b"x", b""])
def test_a_damaged_file_is_set_aside_before_use(data: bytes, store: WeightStore) -> None:
    put(store.home, data)
    with pytest.raises(WeightsMissing, match=r"the copy .*test\.pth\.damaged is damaged.*models pull test-1"):
        located(FILE, store)
    assert names(store.home) == ["test.pth.damaged"]
    assert (store.home / "test.pth.damaged").read_bytes() == data


def test_a_damaged_file_is_fetched_again(store: WeightStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    put(store.home, BODY[:-1] + b"x")
    with serving(whole(BODY)) as server:
        path = pull(dataclasses.replace(FILE, url=f"{server.url}/test.pth"), store)
    assert path.read_bytes() == BODY
    assert (store.home / "test.pth.damaged").exists()


def test_a_damaged_file_in_a_folder_that_is_only_read_stays_and_is_passed_over(store: WeightStore) -> None:
    damaged = put(store.searched[0], BODY[:-1] + b"x")
    with pytest.raises(WeightsMissing, match=rf"the copy {damaged} is damaged"):
        located(FILE, store)
    assert damaged.exists()
    good = put(store.searched[1])
    assert located(FILE, store) == good


def test_a_verified_file_is_not_read_again(store: WeightStore, hashed: list[Path]) -> None:
    path = put(store.home)
    for _ in range(3):
        assert found(FILE, store) == path
    assert hashed == [path]
    found(FILE, store, trusting=False)
    assert hashed == [path, path]


def test_a_download_is_not_read_again(store: WeightStore, hashed: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    with serving(whole(BODY)) as server:
        file = dataclasses.replace(FILE, url=f"{server.url}/test.pth")
        assert pull(file, store) == found(file, store)
    assert hashed == []


def test_a_file_that_changed_is_read_again(store: WeightStore, hashed: list[Path]) -> None:
    path = put(store.home)
    found(FILE, store)
    stat = path.stat()
    path.write_bytes(BODY[:-1] + b"x")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # as a copy that keeps times would
    assert found(FILE, store) is None
    assert len(hashed) == 2


def test_a_file_that_was_replaced_is_read_again(store: WeightStore, hashed: list[Path]) -> None:
    path = put(store.home)
    found(FILE, store)
    other = put(store.searched[0])
    stat = path.stat()
    os.utime(other, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    os.replace(other, path)
    assert found(FILE, store) == path
    assert len(hashed) == 2


def test_a_note_for_other_weights_does_not_count(store: WeightStore) -> None:
    put(store.home)
    found(FILE, store)
    newer = dataclasses.replace(FILE, sha256="0" * 64)
    assert found(newer, store) is None


@pytest.mark.parametrize("note", ["", "[]", "null", "\0", "{", '{"sha256": 1}'])
def test_a_damaged_note_is_not_believed(note: str, store: WeightStore, hashed: list[Path]) -> None:
    path = put(store.home)
    (store.home / ".test.pth.verified").write_text(note)
    assert found(FILE, store) == path
    assert hashed == [path]
    assert json.loads((store.home / ".test.pth.verified").read_text())["sha256"] == FILE.sha256


AS_NOBODY = """
import os, sys, hashlib, dataclasses
from pathlib import Path
from img_enhance.errors import ImgEnhanceError
from img_enhance.models.table import BUILT_IN
from img_enhance.models.weights.cache import WeightStore, located
home, size, sha256 = sys.argv[1:]
os.chdir(home)  # nobody need not come in through folders that pytest keeps to itself
os.setgroups([]); os.setgid(65534); os.setuid(65534)
file = dataclasses.replace(BUILT_IN.files[0], name="test-1", file="test.pth", bytes=int(size), sha256=sha256)
try: print(located(file, WeightStore(Path('.'))))
except ImgEnhanceError as error: print(type(error).__name__, error)
"""


def as_nobody(folder: Path, sha256: str = FILE.sha256) -> str:
    """What a user who may not write there is told."""
    if os.name != "posix" or os.geteuid() != 0:
        pytest.skip("needs root, to become nobody")
    folder.chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-c", AS_NOBODY, str(folder), str(len(BODY)), sha256], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_a_folder_that_cannot_be_written_is_used_all_the_same(store: WeightStore) -> None:
    path = put(store.home)
    assert as_nobody(store.home) == path.name
    assert names(store.home) == ["test.pth"]


def test_a_damaged_file_that_cannot_be_set_aside_is_refused(store: WeightStore) -> None:
    put(store.home, BODY[:-1] + b"x")
    assert as_nobody(store.home).startswith("WeightsCorrupt")
    assert WeightsCorrupt.exit_code == 4


def test_a_file_that_cannot_be_read_is_said(store: WeightStore) -> None:
    put(store.home).chmod(0o600)
    assert as_nobody(store.home).startswith("WeightsMissing cannot read the weights")
