"""The command line: `img-enhance enhance photo.jpg`, or `img-enhance photo.jpg`."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence

from img_enhance import __version__
from img_enhance.cli.check_server import add_check_server
from img_enhance.cli.compare import add_compare
from img_enhance.cli.doctor import add_doctor
from img_enhance.cli.enhance import add_enhance
from img_enhance.cli.faces import add_faces
from img_enhance.cli.flags import EXIT_CODES, flagged
from img_enhance.cli.models import add_models
from img_enhance.cli.open_page import add_open
from img_enhance.cli.parser import Parser, did_you_mean
from img_enhance.cli.screen import give_up, open_streams, say
from img_enhance.cli.serve import add_serve
from img_enhance.cli.suggest import add_suggest
from img_enhance.errors import DiskError, ImgEnhanceError, MemoryBudgetError, OptionError

_COMMANDS = {
    "enhance": add_enhance,
    "open": add_open,
    "compare": add_compare,
    "suggest": add_suggest,
    "faces": add_faces,
    "models": add_models,
    "doctor": add_doctor,
    "serve": add_serve,
    "check-server": add_check_server,
}
# The one command that loads no other.
_WITH_STANDARD_LIBRARY = "check-server"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and answer with its exit code."""
    open_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a name that the terminal cannot show must not end the work
    try:
        code = _run(arguments)
        sys.stdout.flush()
    except ImgEnhanceError as error:
        say(f"[ERROR] {flagged(error.words)}")
        return error.exit_code
    except MemoryError:
        say("[ERROR] the system refused memory; raise the limit that this process has (ulimit -v), or close other programs")
        return MemoryBudgetError.exit_code
    except BrokenPipeError:
        give_up("stdout")
        return 0
    except OSError as error:
        if error.filename is not None:
            raise
        give_up("stdout")
        say(f"[ERROR] cannot write standard output: {error.strerror}")
        return DiskError.exit_code
    except KeyboardInterrupt:
        say("[ERROR] cancelled")
        return 130
    return code


def _run(arguments: Sequence[str] | None) -> int:
    parser = _parser()
    parsed, left = parser.parse_known_args(_with_command(sys.argv[1:] if arguments is None else arguments))
    if left:
        asked: Parser = parser if parsed.command is None else parsed.parser
        asked.refuse(left[0])
    if parsed.command is None:
        parser.print_help()
        return 0
    if parsed.command != _WITH_STANDARD_LIBRARY:
        from img_enhance.machine.address_space import check_libraries_fit

        check_libraries_fit()
    code: int = parsed.run(parsed)
    return code


def _with_command(arguments: Sequence[str]) -> list[str]:
    """The arguments, with `enhance` before them where they begin with a photo or a folder in the place of a command.

    Raises: OptionError where they begin with neither.
    """
    first = arguments[0] if arguments else "-"
    names_file = not first.startswith("-") and first not in _COMMANDS and ("/" in first or "." in first or os.path.lexists(first))
    if not names_file and not first.startswith("-") and first not in _COMMANDS:
        advice = did_you_mean(first, _COMMANDS) or f"commands are {', '.join(_COMMANDS)}"
        raise OptionError(f"there is neither a command nor a photo {first!a}", advice)
    return ["enhance", *arguments] if names_file else list(arguments)


def _parser() -> Parser:
    parser = Parser(
        prog="img-enhance",
        description="Makes ordinary photos better.",
        epilog=f"img-enhance PHOTO is img-enhance enhance PHOTO\n\n{EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"img-enhance {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for add_command in _COMMANDS.values():
        add_command(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
