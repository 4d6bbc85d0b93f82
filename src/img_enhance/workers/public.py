"""What the engine says, in words for people who see only the API: its options have names there, and no flags."""

from __future__ import annotations

import re
from typing import Any

from img_enhance.request.form import fields
from img_enhance.request.options import DEVICES, STEP_OPTIONS, Input, Limits, Output, RealESRGAN

_ASK = " (ask the operator)"


def _names() -> dict[str, str]:
    """The API's name of every flag that stands for a part of a recipe."""
    named = {field.name: f"{section}.{field.name}" for kind, section in _SECTIONS.items() for field in fields(kind)}
    for kind in STEP_OPTIONS:
        prefix = "" if kind is RealESRGAN else f"{kind.name}_"
        named |= {prefix + field.name: field.name if kind is RealESRGAN else f"{field.name} of {kind.name}" for field in fields(kind)}
    return {name.replace("_", "-"): words for name, words in named.items()}


_SECTIONS: dict[type[Any], str] = {Output: "output", Input: "input", Limits: "limits"}
_NAMES = _names()
# A flag, and a value after it that is no word of the sentence.
_VALUE = "|".join([r"[0-9][0-9.]*[KMGT]?\b", r"(?:f32|bf16|auto(?: or f32)?)\b", r"cuda:\d+", *(rf"{name}\b" for name in DEVICES)])
_FLAG = re.compile(rf"(?<![\w-])--([a-z][a-z-]*)((?: (?:{_VALUE}))?)")
_SHORT_FLAG = re.compile(r"(?<![\w-])-o(?!\w)")


def public(value: Any) -> Any:
    """JSON values with every flag in their texts replaced by the field's name; where there is none, by whom to ask."""
    if isinstance(value, str):
        return _SHORT_FLAG.sub(f"the name of the result{_ASK}", _FLAG.sub(_named, value))
    if isinstance(value, dict):
        return {key: public(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(public(each) for each in value)
    return value


def _named(found: re.Match[str]) -> str:
    flag, choice = found.groups()
    if flag in _NAMES:
        return _NAMES[flag] + choice
    return flag.replace("-", "_") + choice + _ASK
