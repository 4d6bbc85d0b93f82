"""The command `img-enhance check-server`."""

from __future__ import annotations

import argparse
import time
from typing import Any

from img_enhance.cli.flags import flagged
from img_enhance.cli.screen import raising, say
from img_enhance.errors import ImgEnhanceError, MachineError
from img_enhance.request.options import KEY_VARIABLE

# Asking without a key is a question of its own, asked when the service has answered already.
_STRANGER_SECONDS = 30.0


def add_check_server(commands: Any) -> None:
    """Add the command to the parser's `commands`."""
    command = commands.add_parser(
        "check-server",
        help="check a web service after its deployment",
        description="Asks a service for everything it does, with a photo of 16 x 16 pixels, and says what is wrong. Exit code 0 or 3.",
    )
    command.add_argument("url", metavar="URL")
    command.add_argument("--key", metavar="KEY", help=f"an API key (default: {KEY_VARIABLE})")
    command.add_argument("--wait", metavar="SECONDS", type=float, default=120.0, help="how long it may take to start (default 120)")
    command.set_defaults(run=_check_server)


def _check_server(arguments: argparse.Namespace) -> int:
    from img_enhance.cli.server import client_of
    from img_enhance.client import Client, Patience
    from img_enhance.client.checks import CHECKS, Visit, Wrong

    patience = Patience(first=arguments.wait, later=arguments.wait, most_pause=3.0, poll=0.5)
    client = client_of(arguments.url, arguments.key, tell=say, patience=patience)
    visit = Visit(client, Client(arguments.url, patience=Patience(first=_STRANGER_SECONDS, later=_STRANGER_SECONDS)))
    failed = 0
    with raising():
        for check in CHECKS:
            started = time.perf_counter()
            try:
                line = f"[OK] {check.name}: {check.run(visit)}"
            except (ImgEnhanceError, Wrong) as error:
                line, failed = f"[ERROR] {check.name}: {error}; look at {flagged(check.look_at)}", failed + 1
            print(f"{time.perf_counter() - started:6.2f} s  {line}", flush=True)
            if failed and check is CHECKS[0]:
                break  # nothing answers there
    print(f"[ERROR] {failed} of {len(CHECKS)} checks failed" if failed else f"[OK] {len(CHECKS)} checks passed")
    return MachineError.exit_code if failed else 0
