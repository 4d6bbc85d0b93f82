"""The command `img-enhance doctor`."""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from img_enhance.cli.flags import flagged, set_run
from img_enhance.cli.models import store_of
from img_enhance.cli.screen import raising
from img_enhance.errors import MachineError
from img_enhance.machine.settings import model_table
from img_enhance.request.step_options import STEP_OPTIONS

if TYPE_CHECKING:
    from img_enhance.doctor.finding import Finding


@dataclass(frozen=True)
class DoctorRequest:
    """What the command was asked for; without an algorithm all are run."""

    algorithm: str | None
    json: bool


def add_doctor(commands: Any) -> None:
    """Add the command to the parser's `commands`."""
    command = commands.add_parser(
        "doctor",
        help="say what is right and wrong on this machine, and how fast it is",
        description="Looks at this machine and runs every algorithm on a small photo, in about a minute. Each line says [OK], [WARNING] "
        "(something is missing that not everybody needs) or [ERROR] (something is broken), with the command that mends it. "
        "What it measures makes estimates of time right. Exit code 0, or 3 where something is broken.",
    )
    names = tuple(options.name for options in STEP_OPTIONS)
    command.add_argument("--algorithm", metavar="NAME", choices=names, help=f"run only this one: {', '.join(names)}")
    command.add_argument("--json", action="store_true", help="print all of it as JSON")
    set_run(command, _doctor, _request)


def _request(arguments: argparse.Namespace) -> DoctorRequest:
    return DoctorRequest(algorithm=arguments.algorithm, json=arguments.json)


def _doctor(request: DoctorRequest) -> int:
    from img_enhance.doctor.examination import examine, record, worst
    from img_enhance.doctor.patient import Patient

    store = store_of(offline=False)
    patient = Patient(store, model_table(store), request.algorithm)
    findings = []
    with raising():
        for finding in examine(patient):
            findings.append(finding)
            if not request.json:
                print(line(finding), flush=True)
    print(json.dumps(record(findings), indent=2) if request.json else _summary(findings))
    return MachineError.exit_code if worst(findings) == "error" else 0


def line(finding: Finding) -> str:
    """What is said of a finding, with what to do on a line of its own."""
    said = f"[{finding.status.upper()}] {finding.title}: {flagged(finding.text)}"
    return f"{said}\n    {flagged(finding.remedy)}" if finding.remedy else said


def _summary(findings: list[Finding]) -> str:
    errors, warnings = (sum(finding.status == status for finding in findings) for status in ("error", "warning"))
    noted = f"{warnings} warning{'s' * (warnings != 1)}"
    if errors:
        return f"[ERROR] {errors} of {len(findings)} checks failed, {noted}; what is indented says what to do"
    return f"[OK] nothing is broken; {len(findings)} checks, {noted}"
