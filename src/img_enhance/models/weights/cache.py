"""Downloaded weight files on this machine: found, and known to be whole before anything uses them."""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from img_enhance.errors import WeightsCorrupt, WeightsMissing
from img_enhance.models.weight_files import WeightFile
from img_enhance.models.weights.pins import pin, pinned
from img_enhance.units import bytes_text
from img_enhance.words import Pull, Setting

_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class WeightStore:
    """`home` is where downloads go, `searched` are folders that are only read, `mirror` is what takes the place of scheme and host."""

    home: Path
    searched: tuple[Path, ...] = ()
    mirror: str | None = None
    offline: bool = False


def copies(file: WeightFile, store: WeightStore) -> Iterator[Path]:
    """Every place where the file is, the best first; contents are not checked."""
    paths = (folder / file.file for folder in (store.home, *store.searched))
    return (path for path in paths if os.path.isfile(path))  # in a folder that may not be entered there is none


def located(file: WeightFile, store: WeightStore) -> Path:
    """Where the file is, its bytes verified.

    Raises: WeightsMissing that names the file to download, also when what was there is damaged.
    """
    path = found(file, store)
    if path is None:
        raise missing(file, store)
    return path


def found(file: WeightFile, store: WeightStore, *, trusting: bool = True) -> Path | None:
    """Where the file is, verified; None where no copy is whole. A damaged one in `home` is set aside as NAME.damaged.

    A file that was verified before and has not changed since is not read again, unless `trusting` is false.

    Raises: WeightsMissing when one cannot be read; WeightsCorrupt when a damaged one cannot be set aside.
    """
    file = pinned(file, store.home)
    for path in copies(file, store):
        try:
            if not file.is_pinned and path.stat().st_size <= file.bytes:
                file = pin(file, store.home, size=path.stat().st_size, sha256=sha256_of(path))
            mark = _mark(file, path)
            if trusting and _remembered(file, store) == mark:
                return path
            if path.stat().st_size == file.bytes and sha256_of(path) == file.sha256:
                _remember(file, store, mark)
                return path
        except OSError as error:
            raise WeightsMissing(f"cannot read the weights {path}: {error.strerror}") from None
        if path.parent == store.home:
            _set_aside(path)
    return None


def usable(file: WeightFile, store: WeightStore) -> Path | None:
    """Where the file is, verified; None also where it cannot be read, which is no reason to do nothing at all."""
    with contextlib.suppress(WeightsMissing, WeightsCorrupt):
        return found(file, store)
    return None


def check_located(files: Iterable[WeightFile], store: WeightStore) -> None:
    """Pass if all these files are here and whole.

    Raises: WeightsMissing that names all that are not; what `found` raises.
    """
    lacking = [file for file in files if found(file, store) is None]
    if len(lacking) == 1 or (lacking and store.offline):
        raise missing(lacking[0], store)
    if lacking:
        names = tuple(file.name for file in lacking)
        raise WeightsMissing(f"the weights {' and '.join(names)} are not on this machine", Pull(names))


def missing(file: WeightFile, store: WeightStore) -> WeightsMissing:
    """The error that says what to do about a file that is nowhere whole."""
    text = f"the weights {file.name} ({bytes_text(file.bytes)}) are not on this machine"
    damaged = next(copies(file, store), None)
    if damaged is None and os.path.exists(_aside(store.home / file.file)):
        damaged = _aside(store.home / file.file)
    if damaged is not None:
        text += f" (the copy {damaged} is damaged)"
    if store.offline:
        return WeightsMissing(f"{text} and downloads are off", f"put {file.file} into {store.home}, or go without ", Setting("offline"))
    return WeightsMissing(text, Pull((file.name,)))


def remember(file: WeightFile, store: WeightStore) -> None:
    """Note that the file in `home`, as it is now, has been verified."""
    _remember(file, store, _mark(file, store.home / file.file))


def sha256_of(path: Path) -> str:
    """The file's hash."""
    digest = hashlib.sha256()
    with path.open("rb") as data:
        while block := data.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def _mark(file: WeightFile, path: Path) -> dict[str, Any]:
    """What changes when a file does: reading 350 MB at every start would take a second."""
    stat = path.stat()
    times = {"mtime_ns": stat.st_mtime_ns, "ctime_ns": stat.st_ctime_ns}
    return {"path": str(path.absolute()), "size": stat.st_size, **times, "inode": stat.st_ino, "sha256": file.sha256}


def _note(file: WeightFile, store: WeightStore) -> Path:
    return store.home / f".{file.file}.verified"


def _remembered(file: WeightFile, store: WeightStore) -> Any:
    try:
        return json.loads(_note(file, store).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _remember(file: WeightFile, store: WeightStore, mark: dict[str, Any]) -> None:
    # Where it cannot be noted, the file is read at every start.
    with contextlib.suppress(OSError):
        store.home.mkdir(parents=True, exist_ok=True)
        _note(file, store).write_text(json.dumps(mark), encoding="utf-8")


def _aside(path: Path) -> Path:
    return path.with_name(f"{path.name}.damaged")


def _set_aside(path: Path) -> None:
    try:
        os.replace(path, _aside(path))
    except FileNotFoundError:
        return  # another process was faster
    except OSError as error:
        raise WeightsCorrupt(f"{path} is damaged and cannot be set aside ({error.strerror})", "delete it") from None
