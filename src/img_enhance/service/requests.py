"""What people ask for, in simple fields or as a recipe, as one Recipe. The one place where "auto" is decided."""

from __future__ import annotations

import dataclasses
import json
import re
from collections import Counter
from collections.abc import Mapping, MutableMapping
from typing import Any, Literal

from img_enhance.errors import OptionError, RecipeError
from img_enhance.jobs.refusals import MalformedRequest
from img_enhance.request.form import Field, field_named, fields, from_text
from img_enhance.request.options import Output
from img_enhance.request.recipe import AUTO, Recipe, files_named
from img_enhance.request.step_options import STEP_OPTIONS, Enlarging, RealESRGAN, StepOptions

SIMPLE_FIELDS = ("algorithms", "upscale_factor", "enhance_level", "output_format", "quality")
KEEP_PHOTO, PHOTO_URL, CALLBACK_URL = "keep_photo", "photo_url", "callback_url"

# What simple fields are called that are not called as their options.
_SENT_AS = {"upscale": "upscale_factor", "format": "output_format"}

# More than anybody needs: every step twice is less.
_MOST_STEPS, _MOST_OF_A_KIND = 16, 2
_MOST_DEPTH = 32


def recipe_of(form_fields: Mapping[str, Any]) -> Recipe:
    """The recipe in "recipe", or the one that simple fields describe. Values may be texts, as in a form, or JSON values.

    Raises: OptionError, RecipeError; MalformedRequest for a recipe that is not JSON.
    """
    for name in form_fields:
        if name in (PHOTO_URL, CALLBACK_URL):
            raise OptionError(f"{name} is not for this address", "POST /enhance takes it")
        if name not in (*SIMPLE_FIELDS, "recipe"):
            raise OptionError(f"unknown field '{name}'", f"known are file, recipe, {', '.join((*SIMPLE_FIELDS, PHOTO_URL, CALLBACK_URL))}")
    given = {name: value for name, value in form_fields.items() if value not in (None, "")}
    if "recipe" in given:
        if len(given) > 1:
            others = ", ".join(name for name in given if name != "recipe")
            raise OptionError(f"give a recipe or {others}, not both")
        recipe = given["recipe"]
        return recipe_in(json_mapping(recipe, "the recipe") if isinstance(recipe, str) else _mapping(recipe))
    try:
        return Recipe(steps=_steps(given), output=_output(given))
    except OptionError as error:
        raise error.settled(lambda setting: setting.called(_SENT_AS.get(setting.name, setting.name))) from None


def taken_url(form_fields: MutableMapping[str, Any], name: str) -> str | None:
    """The URL in a field, which is taken out; None where there is none.

    Raises: OptionError for what is no text.
    """
    value = form_fields.pop(name, None)
    if value in (None, ""):
        return None
    if not isinstance(value, str):
        raise OptionError(f"{name} must be a text")
    return value


def keeps_photo(form_fields: MutableMapping[str, Any]) -> bool:
    """Whether the photo is to be kept as long as its result; the field that says so is taken out.

    Raises: OptionError when it says neither yes nor no.
    """
    value = form_fields.pop(KEEP_PHOTO, False)
    known = {"true": True, "false": False, "": False}
    if isinstance(value, str) and value.lower() in known:
        return known[value.lower()]
    if not isinstance(value, bool):
        raise OptionError(f"{KEEP_PHOTO} is true or false")
    return value


def _steps(given: Mapping[str, Any]) -> tuple[StepOptions, ...] | Literal["auto"]:
    # Who says only how much larger wants that and nothing else.
    names = _names(given.get("algorithms", RealESRGAN.name if "upscale_factor" in given else AUTO))
    if names == [AUTO]:
        for word in ("upscale_factor", "enhance_level"):
            if word in given:
                raise OptionError(f"{AUTO} chooses by itself", f"name the algorithms with {word}")
        return AUTO
    kinds = tuple(kind for kind in STEP_OPTIONS if kind.name in names)
    values: dict[str, dict[str, Any]] = {kind.name: {} for kind in kinds}
    if "upscale_factor" in given:
        enlarging = [kind.name for kind in STEP_OPTIONS if issubclass(kind, Enlarging)]
        if not any(name in values for name in enlarging):
            raise OptionError(f"upscale_factor needs {' or '.join(enlarging)} among the algorithms")
        factor = _value(field_named(Enlarging, "upscale"), given["upscale_factor"], "upscale_factor")
        for name in enlarging:
            if name in values:
                values[name]["upscale"] = factor
    if "enhance_level" in given:
        able = [kind for kind in kinds if any(field.name == "enhance_level" for field in fields(kind))]
        if not able:
            known = ", ".join(kind.name for kind in STEP_OPTIONS if any(field.name == "enhance_level" for field in fields(kind)))
            raise OptionError(f"enhance_level needs one of {known} among the algorithms")
        for kind in able:
            values[kind.name]["enhance_level"] = _value(field_named(kind, "enhance_level"), given["enhance_level"], "enhance_level")
    return tuple(kind(**values[kind.name]) for kind in kinds)


def _names(value: Any) -> list[str]:
    names = value if isinstance(value, list) else str(value).split(",")
    names = [str(name).strip() for name in names]
    known = [kind.name for kind in STEP_OPTIONS]
    for name in names:
        if name != AUTO and name not in known:
            raise OptionError(f"unknown algorithm '{name}'", f"known are {AUTO}, {', '.join(known)}")
    if AUTO in names and len(names) > 1:
        raise OptionError(f"{AUTO} chooses by itself", "give it alone, or name the algorithms")
    return names


def _output(given: Mapping[str, Any]) -> Output:
    values: dict[str, Any] = {}
    if "output_format" in given:
        values["format"] = _value(field_named(Output, "format"), given["output_format"], "output_format")
    if "quality" in given:
        values["quality"] = _value(field_named(Output, "quality"), given["quality"], "quality")
    return Output(**values)


def _mapping(recipe: object) -> Mapping[str, Any]:
    if not isinstance(recipe, Mapping):
        raise RecipeError("the recipe must be a JSON object")
    return recipe


def _value(field: Field, value: Any, name: str) -> Any:
    return from_text(dataclasses.replace(field, name=name), value) if isinstance(value, str) else value


def recipe_in(values: Mapping[str, Any]) -> Recipe:
    """The recipe that JSON values describe, which may be a suggestion or a record that holds it as its "recipe".

    Raises: RecipeError, OptionError as `Recipe.from_mapping`; RecipeError for more steps than anybody needs.
    """
    inner = values.get("recipe", values)
    steps = inner.get("steps") if isinstance(inner, Mapping) else None
    if isinstance(steps, list):
        if len(steps) > _MOST_STEPS:
            raise RecipeError(f"the recipe has {len(steps)} steps and {_MOST_STEPS} are allowed")
        counts = Counter(str(step.get("step"))[:40] for step in steps if isinstance(step, Mapping))
        for name, count in counts.items():
            if count > _MOST_OF_A_KIND:
                raise RecipeError(f"the recipe has {name} {count} times and {_MOST_OF_A_KIND} are allowed")
    recipe = Recipe.from_mapping(inner)
    for name in files_named(recipe):
        raise OptionError(f"model must be the name of a model, not {name[:100]!a}: no file is taken", "GET /api/v1/algorithms lists them")
    return recipe


def json_mapping(text: str | bytes, what: str) -> dict[str, Any]:
    """A JSON object of texts that can be written.

    Raises: MalformedRequest when it is none.
    """
    try:
        values = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise MalformedRequest(f"{what} is not JSON: {error}") from None
    if not isinstance(values, dict):
        raise MalformedRequest(f"{what} must be a JSON object")
    _check_values(values, what)
    return values


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number")


def _check_values(values: object, what: str) -> None:
    """Pass if every text can be encoded, and nothing is nested so deeply that what walks through it must give up."""
    rest: list[tuple[object, int]] = [(values, 1)]
    while rest:
        value, depth = rest.pop()
        if depth > _MOST_DEPTH:
            raise MalformedRequest(f"{what} is nested more than {_MOST_DEPTH} deep")
        if isinstance(value, dict):
            rest.extend((each, depth + 1) for pair in value.items() for each in pair)
        elif isinstance(value, list):
            rest.extend((each, depth + 1) for each in value)
        elif isinstance(value, str):
            try:
                value.encode()
            except UnicodeEncodeError:
                raise MalformedRequest(f"{what} has half of a character: a surrogate without the other") from None


def is_idempotency_key(text: str) -> bool:
    """Whether a text may be an Idempotency-Key: up to 200 visible ASCII characters."""
    return re.fullmatch(r"[\x21-\x7e]{1,200}", text) is not None
