"""The command `img-enhance check-server`."""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from img_enhance.cli.flags import flagged, set_run
from img_enhance.cli.screen import raising, say
from img_enhance.errors import ImgEnhanceError, MachineError
from img_enhance.request.options import KEY_VARIABLE, TOKEN_VARIABLE

if TYPE_CHECKING:
    from img_enhance.client.checks import Check, Visit

# Asking without a key is a question of its own, asked when the service has answered already.
_STRANGER_SECONDS = 30.0


@dataclass(frozen=True)
class CheckServerRequest:
    """What the command was asked for: `wait_seconds` is how long the service may take to start."""

    url: str
    key: str | None
    wait_seconds: float


def add_check_server(commands: Any) -> None:
    """Add the command to the parser's `commands`."""
    command = commands.add_parser(
        "check-server",
        help="check a web service after its deployment",
        description="Asks a service for everything it does, with a photo of 16 x 16 pixels, and says what is wrong. Exit code 0 or 3.",
    )
    command.add_argument("url", metavar="URL", help="where it is, such as https://photos.example.org")
    command.add_argument("--key", metavar="KEY", help=f"an API key (default: {KEY_VARIABLE})")
    command.add_argument("--wait", metavar="SECONDS", type=float, default=120.0, help="how long it may take to start (default 120)")
    set_run(command, _check_server, _request)


def _request(arguments: argparse.Namespace) -> CheckServerRequest:
    return CheckServerRequest(url=arguments.url, key=arguments.key, wait_seconds=arguments.wait)


def _check_server(request: CheckServerRequest) -> int:
    from img_enhance.client.checks import CHECKS

    visit, failed = _visit(request), 0
    with raising():
        for check in CHECKS:
            passed = _passes(check, visit)
            failed += not passed
            if not passed and check is CHECKS[0]:
                break  # nothing answers there
    print(f"[ERROR] {failed} of {len(CHECKS)} checks failed" if failed else f"[OK] {len(CHECKS)} checks passed")
    return MachineError.exit_code if failed else 0


def _visit(request: CheckServerRequest) -> Visit:
    from img_enhance.cli.server import client_of
    from img_enhance.client import Client, Patience
    from img_enhance.client.checks import Visit

    patience = Patience(first=request.wait_seconds, later=request.wait_seconds, most_pause=3.0, poll=0.5)
    client = client_of(request.url, request.key, tell=say, patience=patience)
    token = os.environ.get(TOKEN_VARIABLE) or None
    return Visit(client, Client(request.url, patience=Patience(first=_STRANGER_SECONDS, later=_STRANGER_SECONDS), token=token))


def _passes(check: Check, visit: Visit) -> bool:
    """Whether the service passes a check; a line on the screen says how long it took."""
    from img_enhance.client.checks import Wrong

    started, passed = time.perf_counter(), True
    try:
        line = f"[OK] {check.name}: {check.run(visit)}"
    except (ImgEnhanceError, Wrong) as error:
        line, passed = f"[ERROR] {check.name}: {error}; look at {flagged(check.look_at)}", False
    print(f"{time.perf_counter() - started:6.2f} s  {line}", flush=True)
    return passed
