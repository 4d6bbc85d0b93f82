"""The one request: ordered steps with their options, how the photo is read and how the result is written."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from img_enhance.errors import OptionError, RecipeError
from img_enhance.models.names import is_file
from img_enhance.request.form import from_mapping, to_mapping
from img_enhance.request.options import Input, Limits, Output
from img_enhance.request.step_options import STEP_OPTIONS, RealESRGAN, StepOptions
from img_enhance.words import Words

VERSION = 1

AUTO: Literal["auto"] = "auto"


@dataclass(frozen=True)
class Recipe:
    """Steps in the order they run; without any the photo stays as it is.

    The default is "auto": the photo is measured, and the steps that it needs are chosen, within `limits`.
    """

    steps: tuple[StepOptions, ...] | Literal["auto"] = AUTO
    output: Output = field(default_factory=Output)
    input: Input = field(default_factory=Input)
    limits: Limits = field(default_factory=Limits)

    def to_mapping(self) -> dict[str, Any]:
        """JSON values from which `from_mapping` makes an equal recipe."""
        steps = AUTO if self.steps == AUTO else [{"step": step.name, **to_mapping(step)} for step in self.steps]
        return {
            "version": VERSION,
            "input": to_mapping(self.input),
            "steps": steps,
            "output": to_mapping(self.output),
            "limits": to_mapping(self.limits),
        }

    def to_json(self) -> str:
        return json.dumps(self.to_mapping(), indent=2) + "\n"

    @classmethod
    def from_mapping(cls, values: object) -> "Recipe":
        """The recipe that these JSON values describe.

        Raises: RecipeError when they do not describe one, with the place; OptionError when an option is out of bounds.
        """
        whole = _mapping(values, "a recipe", allowed=("version", "input", "steps", "output", "limits"))
        version = whole.get("version")
        if type(version) is not int or version != VERSION:
            raise RecipeError(f"recipe version {version!r} is not known; this version reads {VERSION}")
        steps = whole.get("steps")
        if not isinstance(steps, list) and steps != AUTO:
            raise RecipeError('a recipe needs "steps", a list or "auto"')
        return cls(
            steps=AUTO if isinstance(steps, str) else tuple(_step(step, number) for number, step in enumerate(steps, 1)),
            output=from_mapping(Output, _mapping(whole.get("output", {}), '"output"')),
            input=from_mapping(Input, _mapping(whole.get("input", {}), '"input"')),
            limits=from_mapping(Limits, _mapping(whole.get("limits", {}), '"limits"')),
        )

    @classmethod
    def from_json(cls, text: str) -> "Recipe":
        """The recipe in a JSON text, which may be a suggestion or a report that holds it as its "recipe".

        Raises: RecipeError, OptionError as `from_mapping`.
        """
        try:
            values = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise RecipeError(f"the recipe is not JSON: {error}") from None
        return cls.from_mapping(values["recipe"] if isinstance(values, Mapping) and "recipe" in values else values)


@dataclass(frozen=True)
class Reason:
    """Why a step is in the recipe, or is not. `strength` is "" for one that is not.

    `lacking` says that it is not only because something is missing on this machine, which a person should know. `noticed` says that a
    fault is seen, or may be there, which is left as it is all the same.
    """

    step: str
    chosen: bool
    strength: str
    words: str
    lacking: bool = False
    noticed: bool = False

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> "Reason":
        """The reason in these JSON values, which may be of a later version that says more."""
        return cls(**{field.name: values[field.name] for field in fields(cls) if field.name in values})


def files_named(recipe: Recipe) -> tuple[str, ...]:
    """The files that the recipe names in the place of models."""
    if recipe.steps == AUTO:
        return ()
    return tuple(dict.fromkeys(step.model for step in recipe.steps if isinstance(step, RealESRGAN) and is_file(step.model)))


def left_out(reasons: Iterable[Reason]) -> tuple[Words, ...]:
    """What is to be said of faults that are noticed and left as they are."""
    return tuple(Words(f"{reason.step} is left out: ", reason.words) for reason in reasons if reason.noticed)


def _step(values: object, number: int) -> StepOptions:
    mapping = dict(_mapping(values, f"step {number}"))
    name = mapping.pop("step", None)
    for options in STEP_OPTIONS:
        if options.name == name:
            try:
                return from_mapping(options, mapping)
            except OptionError as error:
                raise OptionError(Words(f"step {number} ({name}): ", error.says), *error.advice) from None
    known = ", ".join(options.name for options in STEP_OPTIONS)
    raise RecipeError(f'step {number} has "step": {json.dumps(name)}', f"known are {known}")


def _mapping(values: object, where: str, allowed: tuple[str, ...] = ()) -> Mapping[str, Any]:
    if not isinstance(values, Mapping):
        raise RecipeError(f"{where} must be a JSON object")
    for name in values:
        if allowed and name not in allowed:
            raise RecipeError(f"{where} has an unknown entry '{name}'", f"known are {', '.join(allowed)}")
    return values
