"""Recipes from files: JSON, and results, which say in their XMP what was done to them."""

from __future__ import annotations

from pathlib import Path

from img_enhance.errors import RecipeError, UnsupportedPhoto
from img_enhance.request.note import steps_in
from img_enhance.request.recipe import Recipe

_TOOL = "img-enhance"
_JSON_STARTS = (b"{", b"[", b'"')


def read_recipe(path: Path) -> Recipe:
    """The recipe in a JSON file, or the steps that made a result of ours.

    Raises: RecipeError when there is none in it; PhotoError for a photo that cannot be read.
    """
    try:
        with path.open("rb") as file:
            start = file.read(100)
        if start.lstrip().startswith(_JSON_STARTS) or not _is_photo(path):
            return Recipe.from_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        why, advice = (
            (error.strerror, "check its name and permissions") if isinstance(error, OSError) else ("it is no text", "save it as UTF-8")
        )
        raise RecipeError(f"cannot read the recipe {path}: {why}", advice) from None
    return _recipe_of_result(path)


def _is_photo(path: Path) -> bool:
    from img_enhance.image_io.content import content_format

    try:
        content_format(path)
    except UnsupportedPhoto:
        return False
    return True


def _recipe_of_result(path: Path) -> Recipe:
    """The steps in the last note of a result."""
    from img_enhance.image_io import open_photo
    from img_enhance.metadata import BrokenMetadata
    from img_enhance.metadata.xmp import notes
    from img_enhance.request.form import LARGEST

    xmp = open_photo(path, max_pixels=LARGEST).metadata.xmp
    try:
        noted = () if xmp is None else notes(xmp, tool=_TOOL)
    except BrokenMetadata:
        noted = ()
    steps = steps_in(noted[-1]) if noted else ()
    if not steps:
        raise RecipeError(f"{path} does not say that a step was run on it", "name a result of img-enhance, or a recipe in JSON")
    return Recipe(steps=steps)
