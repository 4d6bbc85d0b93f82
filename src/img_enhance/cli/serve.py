"""The command `img-enhance serve`."""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from img_enhance.cli.flags import add_flags, given, set_run
from img_enhance.errors import OptionError
from img_enhance.request.form import Field
from img_enhance.units import bytes_text

if TYPE_CHECKING:
    from img_enhance.service.settings import Settings


@dataclass(frozen=True)
class ServeRequest:
    """What the command was asked for: to serve, or to make a key of the name `new_key`."""

    settings: Settings
    new_key: str | None


def add_serve(commands: Any) -> None:
    """Add the command to the parser's `commands`."""
    from img_enhance.service.settings import Settings

    command = commands.add_parser(
        "serve",
        usage="%(prog)s [options]",
        help="serve the web page and API",
        description="Serves the web page and the web API. Every setting may also come from the environment, under the name in brackets.",
    )
    add_flags(command, "service", Settings, note=_default_and_name)
    command.add_argument("--new-key", metavar="NAME", help="make an API key, print it once, and stop")
    set_run(command, _serve, _request)


def _default_and_name(field: Field) -> str:
    """What a setting is where nobody says anything, and what it is called in the environment."""
    from img_enhance.service.settings import variables

    names = " or ".join(variables(field))
    if field.default in (None, ""):  # its words say what happens then
        return f" [{names}]"
    known = bytes_text(int(field.default)) if field.unit == "bytes" else str(field.default).lower()
    return f" [default {known}; {names}]"


def _request(arguments: argparse.Namespace) -> ServeRequest:
    from img_enhance.service.settings import Settings, settings_from

    return ServeRequest(settings=settings_from(os.environ, given(arguments, Settings)), new_key=arguments.new_key)


def _serve(request: ServeRequest) -> int:
    if request.new_key is not None:
        from img_enhance.service.keys import add_key

        print(add_key(Path(request.settings.data) / "keys", request.new_key))
        return 0
    try:
        from img_enhance.service.server import serve
    except ModuleNotFoundError as error:
        raise lacking(error) from None
    return serve(request.settings, _say_address)


def lacking(error: ModuleNotFoundError) -> OptionError:
    """What to raise where the service's packages are not installed."""
    return OptionError(f"the service needs more packages ({error.name} is missing)", "run: pip install 'img-enhance[service]'")


def _say_address(address: str) -> None:
    print(f"The page is at {address} - Ctrl-C stops the service.", flush=True)
