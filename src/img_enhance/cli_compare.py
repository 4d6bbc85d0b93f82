"""The command `img-enhance compare`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from img_enhance.form import fields
from img_enhance.options import CompareOptions

AddFlags = Callable[[argparse.ArgumentParser, str, type[Any]], object]


def add_compare(commands: Any, add_flags: AddFlags) -> None:
    """Add the command to the parser's `commands`."""
    command = commands.add_parser(
        "compare",
        help="show two photos on one sheet, before and after",
        description="Makes a sheet of two photos: both whole, a part of AFTER pixel for pixel beside BEFORE plainly enlarged to its size, "
        "their histograms, and the steps noted in AFTER.",
    )
    command.add_argument("before", metavar="BEFORE", type=Path)
    command.add_argument("after", metavar="AFTER", type=Path)
    command.add_argument("-o", "--output", metavar="OUT", type=Path, help="where the sheet goes (default: NAME_compared.png beside AFTER)")
    add_flags(command, "sheet", CompareOptions)
    command.add_argument("--overwrite", action="store_true", help="replace OUT if it exists")
    command.set_defaults(run=_compare)


def _compare(arguments: argparse.Namespace) -> int:
    values = ((field.name, getattr(arguments, field.name)) for field in fields(CompareOptions))
    options = CompareOptions(**{name: value for name, value in values if value is not None})

    from img_enhance.compare import compare_files

    output = compare_files(arguments.before, arguments.after, arguments.output, options=options, overwrite=arguments.overwrite)
    print(f"[OK] {output}")
    return 0
