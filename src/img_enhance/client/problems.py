"""Refusals of a service as the errors that the engine raises itself, with the service's own words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from img_enhance import errors
from img_enhance.errors import ImgEnhanceError, MachineError, UserError
from img_enhance.jobs import refusals

MEDIA_TYPE = "application/problem+json"

KINDS: dict[str, type[ImgEnhanceError]] = {
    kind.code: kind
    for module in (errors, refusals)
    for kind in vars(module).values()
    if isinstance(kind, type) and issubclass(kind, ImgEnhanceError)
}


class Passing(Exception):
    """A failure that another try may mend, after `wait_seconds` if the service said so; `error` is what to raise when none did."""

    def __init__(self, error: ImgEnhanceError, *, wait_seconds: float = 0.0, reached: bool = True) -> None:
        super().__init__(str(error))
        self.error = error
        self.wait_seconds = wait_seconds
        self.reached = reached


def error_of(problem: Mapping[str, Any]) -> ImgEnhanceError:
    """The error that a problem (RFC 9457) stands for; one with a code of a later version is told by its status."""
    status = problem.get("status")
    own_fault = isinstance(status, int) and 400 <= status < 500
    kind = KINDS.get(str(problem.get("code")), UserError if own_fault else MachineError)
    return kind(str(problem.get("detail") or problem.get("title") or f"the service answered {status}"))
