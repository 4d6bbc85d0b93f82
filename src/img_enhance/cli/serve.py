"""The command `img-enhance serve`."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from img_enhance.cli.flags import add_flags, given
from img_enhance.errors import OptionError


def add_serve(commands: Any) -> None:
    """Add the command to the parser's `commands`."""
    from img_enhance.service.settings import PREFIX, Settings

    command = commands.add_parser(
        "serve",
        help="serve the web API",
        description=f"Serves the web API. Every setting may also come from the environment: --sync-seconds is {PREFIX}SYNC_SECONDS.",
    )
    add_flags(command, "service", Settings)
    command.add_argument("--new-key", metavar="NAME", help="make an API key, print it once, and stop")
    command.set_defaults(run=_serve)


def _serve(arguments: argparse.Namespace) -> int:
    from img_enhance.service.settings import Settings, settings_from

    settings = settings_from(os.environ, given(arguments, Settings))
    if arguments.new_key is not None:
        from img_enhance.service.keys import add_key

        print(add_key(Path(settings.data) / "keys", arguments.new_key))
        return 0
    try:
        from img_enhance.service.server import serve
    except ModuleNotFoundError as error:
        raise OptionError(f"the service needs more packages ({error.name} is missing); run: pip install 'img-enhance[service]'") from None
    return serve(settings)
