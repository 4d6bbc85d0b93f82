"""People's own models: one in a file that is named for once, and those that were added and are rows like any other from then on.

An added one is two files in the folder `own` of the folder for downloads: NAME.safetensors has its weights by their published names,
whatever they came in, so that no pickle is read again; NAME.json says what it is, which bytes the weights must be, and what was measured.
The second is written last and removed first: without it there is no such model.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from img_enhance.errors import DiskError, OptionError
from img_enhance.models.architecture import ARCHITECTURES, Architecture
from img_enhance.models.model import Model
from img_enhance.models.names import RULE, is_name
from img_enhance.models.networks.foreign import ForeignNetwork
from img_enhance.models.table import BUILT_IN
from img_enhance.models.weight_sources import FileWeights
from img_enhance.models.weights.cache import WeightStore
from img_enhance.words import Setting

FOLDER = "own"

# What a record means; of a later version it is not read.
VERSION = 1
_LARGEST_RECORD = 1_000_000

NO_LICENSE = "not stated"


@dataclass(frozen=True)
class Origin:
    """The file that a model was added from."""

    file: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class OwnModel:
    """An added model. `measured` are figures for people, by their titles; `sample` is what a few pixels of its answer to the doctor's
    picture must be (`doctor/golden.py`), values of 8 bits in the order of rows, columns and channels."""

    model: Model
    origin: Origin
    measured: Mapping[str, str] = field(default_factory=dict)
    sample: bytes = b""


@dataclass(frozen=True)
class Broken:
    """A record that cannot be read, and why."""

    path: Path
    why: str


def own_model(files: tuple[Path, ...], name: str, architecture: Architecture, size: int, sha256: str) -> Model:
    """The model in a person's files of so many bytes and this hash, to be called `name`, whose network was found to be this one."""
    return Model(
        name=name,
        summary="your own",
        architecture=architecture,
        weights=FileWeights(files[0].absolute(), size, sha256),
        license=NO_LICENSE,
        source=f"the file {files[0].name}",
        paper="",
    )


def own_models(store: WeightStore) -> tuple[OwnModel, ...]:
    """Those that were added, by name; what cannot be read is left out (`broken_records`)."""
    return tuple(sorted((row for row in _rows(store) if isinstance(row, OwnModel)), key=lambda row: row.model.name))


def broken_records(store: WeightStore) -> tuple[Broken, ...]:
    """Records that cannot be read."""
    return tuple(row for row in _rows(store) if isinstance(row, Broken))


def check_new_name(name: str, store: WeightStore) -> None:
    """Pass if a model may be added under this name.

    Raises: OptionError where it may not, or another has it.
    """
    if not is_name(name):
        raise OptionError(f"a model cannot be called {name[:100]!a}", f"a name is {RULE}, give one with ", Setting("name"))
    if name.lower() in _built_in_names():
        raise OptionError(f"{name} is the name of a model that comes with img-enhance", "give another with ", Setting("name"))
    # Files of names that differ in case only are one file on many systems.
    known = next((row.model.name for row in own_models(store) if row.model.name.lower() == name.lower()), None)
    if known is not None:
        raise OptionError(
            f"there is a model {known} already", f"run: img-enhance models remove {known}, or give another with ", Setting("name")
        )


def _built_in_names() -> set[str]:
    """Names that nobody else's model has, in small letters."""
    return {model.name.lower() for model in BUILT_IN.models} | {file.name.lower() for file in BUILT_IN.files}


def keep(own: OwnModel, weights: Mapping[str, Any], store: WeightStore) -> OwnModel:
    """The model with its weights in the store, from now on one that was added.

    Raises: OptionError as `check_new_name`; DiskError when it cannot be written.
    """
    from img_enhance.models.weights.lock import locked
    from img_enhance.models.weights.own_file import size_and_hash
    from img_enhance.models.weights.safetensors import write_safetensors

    folder, name = store.home / FOLDER, own.model.name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder / ".lock", tick=lambda: None, sleep=time.sleep):
            check_new_name(name, store)
            path = folder / f"{name}.safetensors"
            with _new(path) as part:
                write_safetensors(part, weights)
            size, sha256 = size_and_hash((path,))
            kept = dataclasses.replace(own, model=dataclasses.replace(own.model, weights=FileWeights(path, size, sha256)))
            with _new(folder / f"{name}.json") as part:
                part.write_text(json.dumps(_record(kept), indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise DiskError(f"cannot write to {folder}: {error.strerror}", "free some room, or set IMG_ENHANCE_HOME") from None
    return kept


def remove(name: str, store: WeightStore) -> None:
    """Forget an added model, and delete its weights.

    Raises: OptionError where there is none in the folder for downloads; DiskError when it cannot be deleted.
    """
    folder = store.home / FOLDER
    record = folder / f"{name}.json"
    if not is_name(name) or not record.is_file():
        raise _not_there(name, store)
    try:
        record.unlink()
        (folder / f"{name}.safetensors").unlink(missing_ok=True)
    except OSError as error:
        raise DiskError(f"cannot delete {name} in {folder}: {error.strerror}", "look whose folder it is") from None


def _not_there(name: str, store: WeightStore) -> OptionError:
    """Why there is no model of a person's own to remove."""
    if name.lower() in _built_in_names():
        return OptionError(f"{name} comes with img-enhance and stays", f"where its file lies says: img-enhance models show {name}")
    files = {row.model.name: row.model.weights for row in own_models(store)}
    file = files.get(name)
    if isinstance(file, FileWeights):
        return OptionError(f"{name} is in {file.path.parent}, where models are only read", "delete its files there")
    advice = f"added were {', '.join(files)}" if files else "those that there are lists: img-enhance models"
    return OptionError(f"no model {name[:100]!a} was added", advice)


@contextlib.contextmanager
def _new(path: Path) -> Iterator[Path]:
    """A file beside `path`, which takes its name when it is written and synced."""
    descriptor, text = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    os.close(descriptor)
    part = Path(text)
    try:
        yield part
        part.chmod(0o644)  # others on this machine may use it, a service too
        with part.open("r+b") as file:
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _record(own: OwnModel) -> dict[str, Any]:
    model = own.model
    assert isinstance(model.weights, FileWeights)
    architecture: Any = model.architecture
    return {
        "version": VERSION,
        "name": model.name,
        "summary": model.summary,
        "license": model.license,
        "source": model.source,
        "origin": dataclasses.asdict(own.origin),
        "architecture": {"kind": type(architecture).__name__, **dataclasses.asdict(architecture)},
        "weights": {"bytes": model.weights.bytes, "sha256": model.weights.sha256},
        "scratch_factor": model.scratch_factor,
        "measured": dict(own.measured),
        "sample": own.sample.hex(),
    }


def _rows(store: WeightStore) -> Iterator[OwnModel | Broken]:
    seen = set[str]()
    for folder in (store.home / FOLDER, *(searched / FOLDER for searched in store.searched)):
        for path in _records(folder):
            if path.stem not in seen:
                seen.add(path.stem)
                yield _read(path)


def _records(folder: Path) -> Iterable[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.suffix == ".json" and not path.name.startswith("."))
    except OSError:
        return ()  # nothing was added, or the folder may not be entered


def _read(path: Path) -> OwnModel | Broken:
    try:
        if path.stat().st_size > _LARGEST_RECORD:
            return Broken(path, "it is too large")
        return _own_model(json.loads(path.read_text(encoding="utf-8")), path)
    except OSError as error:
        return Broken(path, str(error.strerror))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        return Broken(path, f"it is damaged ({type(error).__name__}: {str(error)[:100]})")


def _own_model(record: Mapping[str, Any], path: Path) -> OwnModel:
    """What a record describes.

    Raises: ValueError, KeyError, TypeError for what is none.
    """
    if record["version"] != VERSION:
        raise ValueError(f"version {record['version']} is not known")
    name = str(record["name"])
    if name != path.stem or not is_name(name) or name.lower() in _built_in_names():
        raise ValueError("its name is another")
    weights = record["weights"]
    model = Model(
        name=name,
        summary=str(record["summary"]),
        architecture=_architecture(record["architecture"]),
        weights=FileWeights(path.with_suffix(".safetensors").absolute(), int(weights["bytes"]), str(weights["sha256"])),
        license=str(record["license"]),
        source=str(record["source"]),
        paper="",
        scratch_factor=float(record["scratch_factor"]),
    )
    origin = Origin(**record["origin"])
    measured = {str(title): str(text) for title, text in record["measured"].items()}
    return OwnModel(model, origin, measured, bytes.fromhex(record["sample"]))


def _architecture(values: Mapping[str, Any]) -> Architecture:
    kind = {kind.__name__: kind for kind in (*ARCHITECTURES, ForeignNetwork)}[values["kind"]]
    numbers = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items() if name != "kind"}
    found: Architecture = kind(**numbers)
    if found.scale < 1:  # or its numbers are none that a network can have
        raise ValueError("its network has no scale")
    return found
