"""The line that says in a result what was done to it, and the steps that such a line names."""

import re
from typing import Any

from img_enhance.errors import RecipeError
from img_enhance.models.names import is_file
from img_enhance.request.form import Field, fields, from_text, to_mapping
from img_enhance.request.step_options import STEP_OPTIONS, RealESRGAN, StepOptions

# A step with its options. What is no step says how large photo and result are.
_STEP = re.compile(r"(\w+)\((.*)\)")


def note_of(steps: tuple[StepOptions, ...]) -> str:
    """The steps with their options, each as NAME(OPTION=VALUE, ...).

    >>> from img_enhance.request.step_options import RealESRGAN
    >>> note_of((RealESRGAN(upscale=2.0),))
    'real_esrgan(model=realesrgan-x4plus, upscale=2.0)'
    """
    return "; ".join(f"{step.name}({', '.join(f'{name}={value}' for name, value in _told(step).items())})" for step in steps)


def _told(step: StepOptions) -> dict[str, Any]:
    """The options of a step. Of a model's file only its name: a photo that others see does not say what folders somebody has."""
    options = to_mapping(step)
    if isinstance(step, RealESRGAN) and is_file(step.model):
        options["model"] = re.sub(r"[^\w.+-]", "_", re.split(r"[/\\]", step.model)[-1])
    return options


def steps_in(note: str) -> tuple[StepOptions, ...]:
    """The steps that a line of `note_of` names, which may say other things after them.

    Raises: RecipeError where it names a step or an option that this version does not know.
    """
    matches = (_STEP.fullmatch(part) for part in note.split("; "))
    return tuple(_step(match[1], match[2]) for match in matches if match)


def _step(name: str, options: str) -> StepOptions:
    kind = next((kind for kind in STEP_OPTIONS if kind.name == name), None)
    pairs = [pair.partition("=") for pair in options.split(", ")] if options else []
    known = {} if kind is None else {field.name: field for field in fields(kind)}
    if kind is None or any(option not in known for option, _, _ in pairs):
        raise RecipeError(f"the step {name}({options}) is not known to this version")
    return kind(**{option: _value(known[option], text) for option, _, text in pairs})


def _value(field: Field, text: str) -> Any:
    return text == "True" if field.type is bool else from_text(field, text)
