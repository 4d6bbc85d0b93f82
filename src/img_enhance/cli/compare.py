"""The command `img-enhance compare`."""

from __future__ import annotations

import argparse
import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from img_enhance.cli.flags import add_flags, read, set_run
from img_enhance.errors import OutputError
from img_enhance.request.options import CompareOptions

if TYPE_CHECKING:
    from img_enhance.engine.result import Result


@dataclass(frozen=True)
class CompareRequest:
    """What the command was asked for; without an output the sheet goes beside `after`."""

    before: Path
    after: Path
    output: Path | None
    options: CompareOptions
    overwrite: bool


def add_compare(commands: Any) -> None:
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
    set_run(command, _compare, _request)


def _request(arguments: argparse.Namespace) -> CompareRequest:
    return CompareRequest(
        before=arguments.before,
        after=arguments.after,
        output=arguments.output,
        options=read(arguments, CompareOptions),
        overwrite=arguments.overwrite,
    )


def _compare(request: CompareRequest) -> int:
    from img_enhance.compare import compare_files

    output = compare_files(request.before, request.after, request.output, options=request.options, overwrite=request.overwrite)
    print(f"[OK] {output}")
    return 0


def check_sheet_of(sheet: Path, photo: Path, output: Path, *, overwrite: bool) -> None:
    """Pass if a sheet of a photo and its result could be written to `sheet`.

    Raises: OutputError, DiskError.
    """
    from img_enhance.compare import check_sheet

    if sheet.resolve() == output.resolve():
        raise OutputError(f"--compare would replace the result, {output}", "name another file")
    check_sheet(sheet, photo, output, overwrite=overwrite)


def write_sheet_of(result: Result, sheet: Path, photo: Path, output: Path, *, overwrite: bool) -> None:
    """Write the before/after sheet of a result that has been saved as `output`.

    Raises: PhotoError, OutputError, DiskError.
    """
    from img_enhance.compare import read_file, steps_of, write_sheet

    before, crop = read_file(photo), result.plan.crop
    if crop is not None:
        size, enlarged = result.plan.size, result.plan.result
        shown = crop.covered(size.width / enlarged.width, size.height / enlarged.height)
        before = dataclasses.replace(before, pixels=before.pixels[shown.slices], alpha=None)
    write_sheet(
        before,
        result.photo,
        sheet,
        before_name=photo.name,
        after_name=output.name,
        steps=steps_of(result.note()),
        file_bytes=(photo.stat().st_size, output.stat().st_size),
        overwrite=overwrite,
    )
