"""`img-enhance models add` and `remove`: a person's own models."""

from __future__ import annotations

import argparse
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from img_enhance.cli.flags import set_run
from img_enhance.cli.screen import raising, say
from img_enhance.errors import OptionError
from img_enhance.machine.settings import weight_store
from img_enhance.models.names import RULE, is_name
from img_enhance.models.own import NO_LICENSE, Origin, OwnModel, check_new_name, keep, remove
from img_enhance.models.weight_sources import FileWeights
from img_enhance.units import bytes_text

_LONGEST_WORDS = 200


@dataclass(frozen=True)
class AddRequest:
    """What `models add` was asked for."""

    path: Path
    name: str
    license: str
    summary: str
    anyway: bool


def add_own_models(commands: Any) -> None:
    """Put the commands among those of `models`."""
    add = commands.add_parser(
        "add",
        help="add a model of your own",
        description="Adds a model in a file: .pth, .safetensors, .onnx, or a pair of ncnn (.param and .bin, either may be named). It is "
        "measured, tried on a test picture, and kept with its hash; from then on its name is taken wherever that of a model is.",
    )
    add.add_argument("path", metavar="PATH", type=Path, help="the file of its weights")
    add.add_argument("--name", metavar="NAME", help=f"what to call it: {RULE} (default: as its file)")
    add.add_argument("--license", metavar="TEXT", default=NO_LICENSE, help="its license, which is shown with it")
    add.add_argument("--for", metavar="TEXT", dest="summary", default="your own", help="what it is good for, a few words for lists")
    add.add_argument("--anyway", action="store_true", help="add it although its answer to the test picture is no likeness")
    set_run(add, _add, _request)
    gone = commands.add_parser("remove", help="remove a model of your own")
    gone.add_argument("name", metavar="NAME", help="as img-enhance models lists it")
    set_run(gone, _remove, _name)


def facts_of(own: OwnModel) -> dict[str, str]:
    """What there is to show of an added model beside what there is of every one."""
    origin = own.origin
    return {"origin": f"{origin.file} ({bytes_text(origin.bytes)}), sha256 {origin.sha256}", **own.measured}


def _name(arguments: argparse.Namespace) -> str:
    name: str = arguments.name
    return name


def _request(arguments: argparse.Namespace) -> AddRequest:
    for text in (arguments.license, arguments.summary):
        if not 0 < len(text) <= _LONGEST_WORDS or not text.isprintable():
            raise OptionError(f"{text[:100]!a} must be one line of up to {_LONGEST_WORDS} characters")
    path: Path = arguments.path
    return AddRequest(path, arguments.name or _likely_name(path), arguments.license, arguments.summary, arguments.anyway)


def _likely_name(path: Path) -> str:
    """A name like the file's.

    Raises: OptionError where that has nothing of a name.
    """
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", path.stem).strip("-_")[:64]
    if not is_name(name):
        raise OptionError(f"{path.name!a} does not say what to call the model", f"give --name: {RULE}")
    return name


def _add(request: AddRequest) -> int:
    from dataclasses import replace

    from img_enhance.doctor.own_model import check_likeness, tried
    from img_enhance.engine.own_files import opened
    from img_enhance.models.weights.store import load

    store = weight_store(os.environ)
    check_new_name(request.name, store)
    model = replace(opened(request.path, request.name), license=request.license, summary=request.summary)
    kind = type(model.architecture).__name__ if model.foreign is None else model.foreign.described
    say(f"{request.path.name}: {kind}, {model.scale}x. Measuring it on this machine ...")
    with raising():
        trial = tried(model, store)
    if not request.anyway:
        check_likeness(trial, request.path.name)
    for flaw in trial.flaws:
        say(f"[WARNING] {flaw}")
    assert isinstance(model.weights, FileWeights)
    origin = Origin(model.weights.path.name, model.weights.bytes, model.weights.sha256)
    own = OwnModel(replace(model, scratch_factor=trial.scratch_factor), origin, trial.measured, trial.sample)
    kept = keep(own, load(model, store), store)
    for title, text in trial.measured.items():
        print(f"{title:<9}{text}")
    if request.license == NO_LICENSE:
        say("[WARNING] its license is not stated: look whether you may use it, and say so with --license")
    print(f"[OK] {kept.model.name} was added: img-enhance enhance PHOTO --model {kept.model.name}")
    return 0


def _remove(name: str) -> int:
    remove(name, weight_store(os.environ))
    print(f"[OK] {name} was removed")
    return 0
