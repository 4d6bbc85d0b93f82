"""Models in files that a recipe names: they are there for that recipe, on the machine of the person who names them."""

from __future__ import annotations

import dataclasses
from importlib.util import find_spec
from pathlib import Path

from img_enhance.cancelling import Tick
from img_enhance.errors import UnsupportedModel
from img_enhance.models.architecture import Architecture
from img_enhance.models.model import Model
from img_enhance.models.networks.foreign import SPANDREL, ForeignNetwork, Program
from img_enhance.models.own import own_model
from img_enhance.models.table import ModelTable
from img_enhance.models.weights.onnx_file import read_onnx
from img_enhance.models.weights.own_file import files_of, kind_of, read_own, size_and_hash
from img_enhance.request.recipe import Recipe, files_named


def with_files(models: ModelTable, recipe: Recipe, tick: Tick = lambda: None) -> ModelTable:
    """The models, and those in the files that the recipe names, which are called by their paths. Another program may take minutes to look
    at one; meanwhile `tick` is called many times a second, and may end it.

    Raises: WeightsMissing, UnsupportedModel, WeightsCorrupt for a file that cannot be taken.
    """
    opened_here = tuple(opened(Path(name), name, tick) for name in files_named(recipe))
    return dataclasses.replace(models, own=(*models.own, *opened_here)) if opened_here else models


def opened(path: Path, name: str, tick: Tick = lambda: None) -> Model:
    """The model in a person's file, to be called `name`.

    Raises: as `with_files`.
    """
    files = files_of(path)
    size, sha256 = size_and_hash(files)
    return own_model(files, name, _network(files, sha256, tick), size, sha256)


def _network(files: tuple[Path, ...], sha256: str, tick: Tick) -> Architecture:
    """The network in files of this hash: one that is written here, or one that another program runs."""
    file, *others = files
    kind = kind_of(file)
    if kind == "onnx":
        read_onnx(file)  # what is plainly not taken is told at once
        return _looked_at("onnx", file, sha256, tick)
    try:
        return read_own(files).architecture
    except UnsupportedModel as unknown:
        if others or kind not in ("pth", "safetensors") or not all(map(find_spec, SPANDREL)):
            raise
        try:
            return _looked_at("spandrel", file, sha256, tick)
        except UnsupportedModel as refused:
            raise UnsupportedModel(f"{unknown.says}, and {refused.says}", *refused.advice) from None


def _looked_at(program: Program, file: Path, sha256: str, tick: Tick) -> ForeignNetwork:
    from img_enhance.runtimes.foreign import looked_at

    return looked_at(program, file, sha256, tick)
