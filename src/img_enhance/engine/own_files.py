"""Models in files that a recipe names: they are there for that recipe, on the machine of the person who names them."""

from __future__ import annotations

import dataclasses
from importlib.util import find_spec
from pathlib import Path

from img_enhance.cancelling import Tick
from img_enhance.errors import UnsupportedModel
from img_enhance.models.model import Model
from img_enhance.models.networks.foreign import ForeignNetwork, Program
from img_enhance.models.own import opened
from img_enhance.models.table import ModelTable
from img_enhance.models.weights.onnx_file import read_onnx
from img_enhance.models.weights.own_file import files_of, kind_of, size_and_hash
from img_enhance.request.recipe import Recipe, files_named

# What the extra [spandrel] brings.
SPANDREL = ("spandrel", "torch", "torchvision")


def with_files(models: ModelTable, recipe: Recipe, tick: Tick = lambda: None) -> ModelTable:
    """The models, and those in the files that the recipe names, which are called by their paths. Another program may take minutes to look
    at one; meanwhile `tick` is called many times a second, and may end it.

    Raises: WeightsMissing, UnsupportedModel, WeightsCorrupt for a file that cannot be taken.
    """
    opened_here = tuple(opened_by_any(Path(name), name, tick) for name in files_named(recipe))
    return dataclasses.replace(models, own=(*models.own, *opened_here)) if opened_here else models


def opened_by_any(path: Path, name: str, tick: Tick = lambda: None) -> Model:
    """The model in a person's file, to be called `name`: of a network that is written here, or of one that another program runs.

    Raises: as `with_files`.
    """
    file, *others = files_of(path)
    kind = kind_of(file)
    if kind == "onnx":
        read_onnx(file)  # what is plainly not taken is told at once
        return opened(path, name, _looked_at("onnx", file, tick))
    try:
        return opened(path, name)
    except UnsupportedModel as unknown:
        if others or kind not in ("pth", "safetensors") or not all(map(find_spec, SPANDREL)):
            raise
        try:
            return opened(path, name, _looked_at("spandrel", file, tick))
        except UnsupportedModel as refused:
            raise UnsupportedModel(f"{unknown.says}, and {refused.says}", *refused.advice) from None


def _looked_at(program: Program, file: Path, tick: Tick) -> ForeignNetwork:
    from img_enhance.runtimes.foreign import looked_at

    return looked_at(program, file, size_and_hash((file,))[1], tick)
