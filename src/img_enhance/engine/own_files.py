"""Models in files that a recipe names: they are there for that recipe, on the machine of the person who names them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from img_enhance.models.own import opened
from img_enhance.models.table import ModelTable
from img_enhance.request.recipe import Recipe, files_named


def with_files(models: ModelTable, recipe: Recipe) -> ModelTable:
    """The models, and those in the files that the recipe names, which are called by their paths.

    Raises: WeightsMissing, UnsupportedModel, WeightsCorrupt for a file that cannot be taken.
    """
    opened_here = tuple(opened(Path(name), name) for name in files_named(recipe))
    return dataclasses.replace(models, own=(*models.own, *opened_here)) if opened_here else models
