"""The command `img-enhance enhance`."""

from __future__ import annotations

import argparse
import dataclasses
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from img_enhance.cli.enhance_request import EnhanceRequest
from img_enhance.cli.flags import EXIT_CODES, add_flags, add_step_flags, flag_of, given, read, read_steps, set_run
from img_enhance.cli.models import OFFLINE
from img_enhance.errors import OptionError, RecipeError
from img_enhance.request.options import STEP_OPTIONS, Input, Limits, Machine, Output, RealESRGAN, Server, StepOptions
from img_enhance.request.recipe import AUTO, Recipe


@dataclass(frozen=True)
class RecipeFlags:
    """What flags say of a recipe: all of its steps, and of the rest the options that were given, by their names; and its file."""

    steps: tuple[StepOptions, ...]
    output: Mapping[str, Any]
    input: Mapping[str, Any]
    limits: Mapping[str, Any]
    file: Path | None


def add_enhance(commands: Any) -> None:
    """Add the command to the parser's `commands`."""
    rule = textwrap.fill(" ".join((RealESRGAN.__doc__ or "").split("\n\n", 1)[1].split()), 100)
    command = commands.add_parser(
        "enhance",
        help="enhance a photo",
        description="Enhances a photo: without options of a step, or a recipe, by the steps that `img-enhance suggest` shows.",
        epilog=f"size:\n{rule}\n\n{EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument(
        "photo", metavar="PHOTO", type=Path, help="JPEG, PNG, WebP, TIFF, AVIF, JPEG XL, HEIC, GIF, BMP or camera raw; - is standard input"
    )
    command.add_argument(
        "-o",
        "--output",
        metavar="OUT",
        type=Path,
        help="where the result goes; - is standard output (default: NAME_enhanced.EXT beside PHOTO, or - if PHOTO is)",
    )
    for options in STEP_OPTIONS:
        add_step_flags(command, options)
    add_flags(command, f"auto: {(Limits.__doc__ or '').splitlines()[0]}", Limits)
    add_flags(command, "photo", Input)
    add_flags(command, "result", Output)
    add_flags(command, "machine", Machine)
    add_flags(command, f"server: {(Server.__doc__ or '').splitlines()[0]}", Server)
    _add_files(command)
    set_run(command, _enhance, _request)


def _add_files(command: argparse.ArgumentParser) -> None:
    others = command.add_argument_group("files and screen")
    others.add_argument("--recipe", metavar="FILE", type=Path, help="steps and output from a JSON file")
    others.add_argument("--report", metavar="FILE", type=Path, help="write how the result was made, as JSON")
    others.add_argument("--compare", metavar="FILE", type=Path, help="write a before/after sheet too")
    others.add_argument("--overwrite", action="store_true", help="replace files that exist")
    others.add_argument("--offline", action="store_true", help=OFFLINE)
    others.add_argument("--dry-run", action="store_true", help="stop after the plan; nothing is written")
    others.add_argument("--quiet", action="store_true", help="say nothing but errors")


def _request(arguments: argparse.Namespace) -> EnhanceRequest:
    asked = RecipeFlags(
        steps=read_steps(arguments),
        output=given(arguments, Output),
        input=given(arguments, Input),
        limits=given(arguments, Limits),
        file=arguments.recipe,
    )
    recipe, server = _recipe(asked), read(arguments, Server)
    if server.server is not None:
        _check_no_local_flags(given(arguments, Machine), offline=arguments.offline)
    return EnhanceRequest(
        photo=arguments.photo,
        output=arguments.output,
        recipe=recipe,
        machine=read(arguments, Machine),
        server=server,
        report=arguments.report,
        compare=arguments.compare,
        overwrite=arguments.overwrite,
        offline=arguments.offline,
        dry_run=arguments.dry_run,
        quiet=arguments.quiet,
    )


def _check_no_local_flags(machine: Mapping[str, Any], *, offline: bool) -> None:
    """Pass if no flag says how this machine would work; `machine` are the options that flags were given for."""
    local_flags = [flag_of(Machine, name) for name in machine] + ["--offline"] * offline
    if local_flags:
        raise OptionError(f"{local_flags[0]} says how this machine works, but the server does the work", "leave it out, or --server")


def _enhance(request: EnhanceRequest) -> int:
    if request.server.server is not None:
        from img_enhance.cli.server import enhance_by_server

        return enhance_by_server(request)
    from img_enhance.cli.local import enhance_here

    return enhance_here(request)


def _recipe(flags: RecipeFlags) -> Recipe:
    """The recipe of the file with what flags say otherwise, or without a file that of the flags.

    Raises: OptionError when both name steps, RecipeError when the file cannot be read.
    """
    if flags.file is None:
        return _changed(Recipe(steps=flags.steps or AUTO), flags)
    if flags.steps:
        raise OptionError(f"give the steps in --recipe or as flags of {flags.steps[0].name}, not both")
    try:
        recipe = Recipe.from_json(flags.file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"cannot read the recipe {flags.file}: {error}") from None
    return _changed(recipe, flags)


def _changed(recipe: Recipe, flags: RecipeFlags) -> Recipe:
    """The recipe with the options that flags were given for."""
    return dataclasses.replace(
        recipe,
        output=dataclasses.replace(recipe.output, **flags.output),
        input=dataclasses.replace(recipe.input, **flags.input),
        limits=dataclasses.replace(recipe.limits, **flags.limits),
    )
