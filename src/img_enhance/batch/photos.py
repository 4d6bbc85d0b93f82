"""Which photos a run is about: files that were named, and those in folders, each with its name in the run."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, count
from pathlib import Path

from img_enhance.batch.outcome import PhotoOutcome, failure_of
from img_enhance.errors import OutputError, PhotoError
from img_enhance.photo import FORMATS
from img_enhance.words import Setting

# Files whose names end so are photos, or should be: what cannot be read is said. Others in a folder are photos if their content is.
_ENDINGS = frozenset(ending for entry in FORMATS for ending in entry.endings)

# What a run keeps in OUT beside the results: a folder of its own.
OWN_FOLDER = ".img-enhance"

_GLOB = frozenset("*?[")
_ANOTHER = ("name another folder with ", Setting("output"))


@dataclass(frozen=True)
class Source:
    """A photo of the run: its name there, with / between folders, and its file."""

    name: str
    path: Path


@dataclass(frozen=True)
class Found:
    """The photos of a run in their order, how many other files the folders have, and what was left out and why.

    `failures` are folders that cannot be searched.
    """

    photos: tuple[Source, ...]
    others: int = 0
    notes: tuple[str, ...] = ()
    failures: tuple[PhotoOutcome, ...] = ()


@dataclass
class _Search:
    """A search in progress. `out` is not entered, nor is a folder in `seen`, by device and number."""

    out: str
    seen: set[tuple[int, int]] = field(default_factory=set)
    others: int = 0
    notes: list[str] = field(default_factory=list)
    failures: list[PhotoOutcome] = field(default_factory=list)


def find_photos(named: Sequence[Path], out: Path) -> Found:
    """The photos that these names mean, in the order of the names, in folders by name, each file once.

    A folder means all photos in it and below. Its tree stays where it is the only one named; of several each keeps its own name too. Of
    files that were named what they have in common of their folders is left away. A name with *, ? or [ that no file has is a pattern.
    `out`, which may lie in one of the folders, is not searched. A file that is not there is a photo all the same, which will be found to be
    missing.
    """
    search = _Search(os.path.realpath(out))
    paths = list(dict.fromkeys(path for name in named for path in _meant(name)))
    folders = [path for path in paths if path.is_dir()]
    prefixes = _folder_names(folders, alone=len(paths) == 1)
    shared = _shared_folder([path for path in paths if path not in prefixes])
    found: dict[str, Source] = {}
    taken: set[str] = set()
    for path in paths:
        if path in prefixes:
            sources: Iterable[Source] = _photos_below(path, prefixes[path], search)
        else:
            sources = (Source(_name(os.path.relpath(os.path.abspath(path), shared)), path),)
        for source in sources:
            if (file := os.path.realpath(source.path)) not in found:
                found[file] = Source(_free(source.name, taken), source.path)
                taken.add(found[file].name)
    return Found(tuple(found.values()), search.others, tuple(search.notes), tuple(search.failures))


def names_in(data: bytes) -> list[Path]:
    """The names in a list: one a line, or ended by zero bytes, as `find -print0` writes them."""
    parts = data.split(b"\0") if b"\0" in data else data.splitlines()
    return [Path(os.fsdecode(part)) for part in parts if part.strip()]


def check_some(found: Found, named: Sequence[Path]) -> None:
    """Pass if there is a photo.

    Raises: PhotoError.
    """
    if not found.photos and not found.failures:
        where = ", ".join(str(path) for path in named[:3]) + (" ..." if len(named) > 3 else "")
        raise PhotoError(f"there is no photo in {where or 'the list'}", "name a folder with photos, or photos")


def check_out(named: Iterable[Path], out: Path) -> None:
    """Pass if results can go to `out` while photos come from there: it is none of the folders itself.

    Raises: OutputError.
    """
    for path in named:
        if path.is_dir() and os.path.realpath(path) == os.path.realpath(out):
            raise OutputError(f"{out} is the folder of the photos, where results would be photos of the next run", *_ANOTHER)


def check_apart(photos: Iterable[Source], targets: Iterable[Path], out: Path) -> None:
    """Pass if no result would replace a photo of the run.

    Raises: OutputError.
    """
    sources = {os.path.realpath(photo.path) for photo in photos}
    for target in targets:
        if os.path.realpath(target) in sources:
            raise OutputError(f"results in {out} would replace the photos, such as {target}", *_ANOTHER)


def is_pattern(name: Path) -> bool:
    """Whether a name is a pattern for several, as shells that leave patterns to programs hand them on: nothing has that very name."""
    return bool(_GLOB & set(str(name))) and not os.path.lexists(name)


def _meant(name: Path) -> list[Path]:
    """The paths that a name stands for."""
    if is_pattern(name):
        return [Path(path) for path in sorted(glob.glob(str(name), recursive=True))] or [name]
    return [name]


def _folder_names(folders: list[Path], *, alone: bool) -> dict[Path, str]:
    """What the tree of each folder begins with: nothing for one alone, else the folder's name, with those above it where two are alike."""
    if alone:
        return dict.fromkeys(folders, "")
    whole = [os.path.abspath(folder) for folder in folders]
    names = [os.path.basename(path) for path in whole]
    if len(set(names)) < len(names):
        shared = _shared_folder(folders)
        names = [os.path.relpath(path, shared) for path in whole]
    return {folder: _name(name).strip("/") + "/" for folder, name in zip(folders, names, strict=True)}


def _shared_folder(files: list[Path]) -> str:
    """The folder that all files have in common."""
    try:
        return os.path.commonpath([os.path.dirname(os.path.abspath(file)) for file in files])
    except ValueError:  # none at all, or on several drives of Windows
        return os.path.abspath(os.sep)


def _free(name: str, taken: set[str]) -> str:
    """The name, numbered where another photo has it: A/x.jpg of two folders A, for example."""
    stem, ending = os.path.splitext(name)
    numbered = (f"{stem} ({number}){ending}" for number in count(2))
    return next(each for each in chain((name,), numbered) if each not in taken)


def _photos_below(folder: Path, prefix: str, search: _Search) -> Iterator[Source]:
    """The photos in a folder and below, each folder's files before the folders in it."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        place = os.stat(folder)
    except OSError as error:
        failure = failure_of(PhotoError(f"{folder} cannot be searched: {error.strerror}", "check its permissions"))
        search.failures.append(PhotoOutcome(prefix or str(folder), str(folder), "failed", failure=failure))
        return
    if (place.st_dev, place.st_ino) in search.seen:
        search.notes.append(f"{folder} leads to a folder that was searched already, and is left out")
        return
    search.seen.add((place.st_dev, place.st_ino))
    visible = [entry for entry in entries if not entry.name.startswith(".")]
    for path in (Path(entry.path) for entry in visible if not os.path.isdir(entry.path)):
        if _is_photo(path):
            yield Source(_name(prefix + path.name), path)
        else:
            search.others += 1
    for path in (Path(entry.path) for entry in visible if os.path.isdir(entry.path)):
        if os.path.realpath(path) == search.out:
            search.notes.append(f"{path} is where the results go, and is not searched")
        else:
            yield from _photos_below(path, f"{prefix}{path.name}/", search)


def _is_photo(path: Path) -> bool:
    """Whether a file of a folder is a photo, or should be one."""
    from img_enhance.image_io.content import content_format

    if path.suffix.lower() in _ENDINGS:
        return True
    try:
        content_format(path)
    except PhotoError:
        return False
    return True


def _name(path: str) -> str:
    return path.replace(os.sep, "/")
