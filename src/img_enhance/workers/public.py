"""What the engine says, in words for people who see only the API: its options have names there, and no flags."""

from __future__ import annotations

from typing import Any

from img_enhance.request.form import fields
from img_enhance.request.options import Input, Limits, Output
from img_enhance.request.step_options import STEP_OPTIONS, RealESRGAN
from img_enhance.words import Setting, Term, spoken

_SECTIONS: dict[type[Any], str] = {Output: "output", Input: "input", Limits: "limits"}


def _names() -> dict[str, str]:
    """The API's name of every setting that is a part of a recipe."""
    named = {field.name: f"{section}.{field.name}" for kind, section in _SECTIONS.items() for field in fields(kind)}
    for kind in STEP_OPTIONS:
        prefix = "" if kind is RealESRGAN else f"{kind.name}_"
        named |= {prefix + field.name: field.name if kind is RealESRGAN else f"{field.name} of {kind.name}" for field in fields(kind)}
    return named


_NAMES = _names()


def public(value: Any) -> Any:
    """JSON values with every setting in their texts by the API's name; where it has none, by whom to ask."""
    if isinstance(value, str):
        return spoken(value, _said)
    if isinstance(value, dict):
        return {key: public(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(public(each) for each in value)
    return value


def _said(term: Term) -> str:
    if isinstance(term, Setting) and term.name in _NAMES:
        return term.called(_NAMES[term.name])
    return f"{term} (ask the operator)"
