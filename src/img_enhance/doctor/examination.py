"""All checks, in the order in which they are made."""

import importlib
from collections.abc import Callable, Iterator
from typing import Any

from img_enhance import __version__
from img_enhance.doctor.finding import Finding, Status, error
from img_enhance.doctor.patient import Patient

# By module of this folder, what is called. They are imported one after the other: where a package is broken, the others still speak.
CHECKS = (
    ("program", "program"),
    ("program", "packages"),
    ("processor", "processor"),
    ("processor", "idleness"),
    ("memory", "memory"),
    ("graphics", "graphics"),
    ("folders", "cache_folder"),
    ("folders", "scratch"),
    ("extras", "extras"),
    ("models", "models"),
    ("formats", "formats"),
    ("algorithms", "algorithms"),
    ("kept", "speeds"),
)

# From the best to the worst.
_ORDER: tuple[Status, ...] = ("ok", "warning", "error")


def examine(patient: Patient, checks: tuple[tuple[str, str], ...] = CHECKS) -> Iterator[Finding]:
    """What every check finds, as soon as it is found. A check that fails itself is a finding too."""
    for module, name in checks:
        try:
            check: Callable[[Patient], Iterator[Finding]] = getattr(importlib.import_module(f"img_enhance.doctor.{module}"), name)
            yield from check(patient)
        except Exception as problem:  # noqa: BLE001 - the doctor is called when something is broken, whatever it is
            text = f"could not be looked at: {type(problem).__name__}: {problem}"
            yield error(name.replace("_", " ").capitalize(), text, "run: pip install --force-reinstall img-enhance")


def worst(findings: list[Finding]) -> Status:
    """The worst status among them."""
    return max((finding.status for finding in findings), key=_ORDER.index, default="ok")


def record(findings: list[Finding]) -> dict[str, Any]:
    """All of it as JSON values."""
    return {"version": __version__, "status": worst(findings), "findings": [finding.record() for finding in findings]}
