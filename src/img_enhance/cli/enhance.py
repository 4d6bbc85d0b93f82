"""The command `img-enhance enhance`."""

from __future__ import annotations

import argparse
import dataclasses
import textwrap
from pathlib import Path
from typing import Any

from img_enhance.cli.enhance_request import EnhanceRequest
from img_enhance.cli.flags import EXIT_CODES, add_flags, add_step_flags, flag_of, given, prefix_of, read, set_run
from img_enhance.cli.models import OFFLINE
from img_enhance.errors import OptionError, RecipeError
from img_enhance.request.options import STEP_OPTIONS, Input, Limits, Machine, Output, RealESRGAN, Server, StepOptions
from img_enhance.request.recipe import AUTO, Recipe


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
    command.add_argument("photo", metavar="PHOTO", type=Path, help="JPEG, PNG, WebP, TIFF, AVIF, HEIC, GIF or BMP; - is standard input")
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
    recipe, server = _recipe(arguments), read(arguments, Server)
    if server.server is not None:
        _check_no_local_flags(arguments)
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


def _check_no_local_flags(arguments: argparse.Namespace) -> None:
    """Pass if no flag says how this machine would work."""
    local_flags = [flag_of(Machine, name) for name in given(arguments, Machine)] + ["--offline"] * arguments.offline
    if local_flags:
        raise OptionError(f"{local_flags[0]} says how this machine works, but the server does the work; leave it out, or --server")


def _enhance(request: EnhanceRequest) -> int:
    if request.server.server is not None:
        from img_enhance.cli.server import enhance_by_server

        return enhance_by_server(request)
    from img_enhance.cli.local import enhance_here

    return enhance_here(request)


def _recipe(arguments: argparse.Namespace) -> Recipe:
    steps = _steps(arguments)
    output, reading, limits = (given(arguments, kind) for kind in (Output, Input, Limits))
    if arguments.recipe is None:
        return Recipe(steps=steps or AUTO, output=Output(**output), input=Input(**reading), limits=Limits(**limits))
    if steps:
        raise OptionError(f"give the steps in --recipe or as flags of {steps[0].name}, not both")
    try:
        recipe = Recipe.from_json(arguments.recipe.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"cannot read the recipe {arguments.recipe}: {error}") from None
    return dataclasses.replace(
        recipe,
        output=dataclasses.replace(recipe.output, **output),
        input=dataclasses.replace(recipe.input, **reading),
        limits=dataclasses.replace(recipe.limits, **limits),
    )


def _steps(arguments: argparse.Namespace) -> tuple[StepOptions, ...]:
    """The steps that flags ask for."""
    steps: list[StepOptions] = []
    for options in STEP_OPTIONS:
        values = given(arguments, options)
        if values or (prefix_of(options) and getattr(arguments, options.name)):
            steps.append(options(**values))
    return tuple(steps)
