"""The command `img-enhance enhance`."""

from __future__ import annotations

import argparse
import dataclasses
import os
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from img_enhance.batch.names import NameTemplate
from img_enhance.batch.photos import is_pattern
from img_enhance.cli.enhance_request import EnhanceRequest, FolderRequest
from img_enhance.cli.files import PIPE
from img_enhance.cli.flags import EXIT_CODES, add_flags, add_step_flags, flag_of, given, read, read_steps, set_run
from img_enhance.cli.models import OFFLINE
from img_enhance.cli.recipes import read_recipe
from img_enhance.errors import OptionError
from img_enhance.machine.threads import limit_threads
from img_enhance.request.options import Input, Limits, Machine, Output, Server
from img_enhance.request.recipe import AUTO, Recipe, files_named
from img_enhance.request.step_options import STEP_OPTIONS, Enlarging, StepOptions


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
    rule = textwrap.fill(" ".join((Enlarging.__doc__ or "").split("\n\n", 1)[1].split()), 100)
    command = commands.add_parser(
        "enhance",
        usage="%(prog)s [options] PHOTO ...",
        help="enhance a photo, or all in a folder",
        description="Enhances a photo, or many: without options of a step, or a recipe, by the steps that `img-enhance suggest` shows. "
        "Of several photos, or a folder, the results go into a folder, and what is done already is not done again.",
        epilog=f"size:\n{rule}\n\n{EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument(
        "photos",
        metavar="PHOTO",
        nargs="*",
        type=Path,
        help="JPEG, PNG, WebP, TIFF, AVIF, JPEG XL, HEIC, GIF, BMP or camera raw, several, or folders; - is standard input",
    )
    command.add_argument(
        "-o",
        "--output",
        metavar="OUT",
        help="where the result goes, a folder or FOLDER/ to be; - is standard output (default: NAME_enhanced.EXT beside PHOTO, or - if "
        "PHOTO is)",
    )
    _add_many(command)
    for options in STEP_OPTIONS:
        add_step_flags(command, options)
    add_flags(command, f"auto: {(Limits.__doc__ or '').splitlines()[0]}", Limits)
    add_flags(command, "photo", Input)
    add_flags(command, "result", Output)
    add_flags(command, "machine", Machine)
    add_flags(command, f"server: {(Server.__doc__ or '').splitlines()[0]}", Server)
    _add_files(command)
    set_run(command, _enhance, _request)


def _add_many(command: argparse.ArgumentParser) -> None:
    many = command.add_argument_group("many photos")
    many.add_argument(
        "--from-file", metavar="LIST", type=Path, action="append", help="photos that are named in a file, one a line; - is standard input"
    )
    many.add_argument(
        "--name", metavar="TEMPLATE", help="names of results, of {stem}, {scale}, {format} and {ext}, such as '{stem}_{scale}x{ext}'"
    )
    many.add_argument(
        "--keep-times",
        action=argparse.BooleanOptionalAction,
        help="give results the times of their photos' files (default for many, but not for one)",
    )
    many.add_argument("--fail-fast", action="store_true", help="stop at the first photo that fails")
    many.add_argument(
        "--ray", metavar="ADDRESS", help="share the photos out over a Ray cluster: HOST:PORT, auto, or local for this machine (extra [ray])"
    )
    many.add_argument("--watch", action="store_true", help="go on looking for new photos, until Ctrl-C")


def _add_files(command: argparse.ArgumentParser) -> None:
    others = command.add_argument_group("files and screen")
    others.add_argument(
        "--recipe", metavar="FILE", type=Path, help="steps and output from a JSON file, or the steps that made a result of ours"
    )
    others.add_argument("--report", metavar="FILE", type=Path, help="write how the result was made, as JSON")
    others.add_argument("--compare", metavar="FILE", type=Path, help="write a before/after sheet too")
    others.add_argument("--overwrite", action="store_true", help="replace files that exist")
    others.add_argument("--offline", action="store_true", help=OFFLINE)
    others.add_argument("--dry-run", action="store_true", help="stop after the plan; nothing is written")
    others.add_argument("--quiet", action="store_true", help="say nothing but errors")


def _request(arguments: argparse.Namespace) -> EnhanceRequest | FolderRequest:
    asked = RecipeFlags(
        steps=read_steps(arguments),
        output=given(arguments, Output),
        input=given(arguments, Input),
        limits=given(arguments, Limits),
        file=arguments.recipe,
    )
    recipe, server = _recipe(asked), read(arguments, Server)
    _check_no_own_file(recipe, "--server" if server.server is not None else "--ray" if arguments.ray is not None else "")
    if server.server is not None:
        _check_no_local_flags(given(arguments, Machine), offline=arguments.offline)
        if not _is_many(arguments) and arguments.name is not None and "{scale}" in arguments.name:
            raise OptionError("--name with {scale} is for work on this machine", "leave {scale} out, or --server")
    if _is_many(arguments):
        return _folder_request(arguments, recipe)
    if arguments.ray is not None:
        raise OptionError("--ray shares many photos out, and this is one", "name a folder or several photos, or leave it out")
    output: str | None = arguments.output
    # A folder that is there needs no slash: a pattern of the shell's may name many photos, or just one. (Path.is_dir fails for long names.)
    into_folder = output is not None and (output.endswith(("/", os.sep)) or os.path.isdir(output))
    return EnhanceRequest(
        photo=arguments.photos[0],
        output=None if output is None or into_folder else Path(output),
        folder=Path(output) if output is not None and into_folder else None,
        template=None if arguments.name is None else NameTemplate(arguments.name),
        keep_times=bool(arguments.keep_times),
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


def _is_many(arguments: argparse.Namespace) -> bool:
    """Whether the results go into a folder with a list of its own: anything but one photo. The program ends where nothing is named."""
    if not arguments.photos and not arguments.from_file:
        arguments.parser.error("name a photo, a folder, or a list of them with --from-file")
    if len(arguments.photos) != 1 or arguments.from_file or arguments.watch:
        return True
    return arguments.photos[0] != PIPE and (arguments.photos[0].is_dir() or is_pattern(arguments.photos[0]))


def _folder_request(arguments: argparse.Namespace, recipe: Recipe) -> FolderRequest:
    """What was asked for of many photos.

    Raises: OptionError for what is only for one.
    """
    if PIPE in arguments.photos:
        raise OptionError("- is one photo, from standard input", "name it alone; a list of photos is --from-file -")
    if arguments.output is None or arguments.output == str(PIPE):
        raise OptionError("the results of many photos need a folder", "name one with -o")
    if arguments.server is not None and arguments.ray is not None:
        raise OptionError("--server and --ray both say who does the work", "leave one of them out")
    for flag in ("report", "compare"):
        if getattr(arguments, flag) is not None:
            advice = "OUT/report.json says how each result was made" if flag == "report" else "leave it out"
            raise OptionError(f"--{flag} is for one photo", advice)
    return FolderRequest(
        named=tuple(arguments.photos),
        lists=tuple(arguments.from_file or ()),
        out=Path(arguments.output),
        recipe=recipe,
        machine=read(arguments, Machine),
        server=read(arguments, Server),
        template=NameTemplate() if arguments.name is None else NameTemplate(arguments.name),
        keep_times=arguments.keep_times is not False,
        overwrite=arguments.overwrite,
        fail_fast=arguments.fail_fast,
        watch=arguments.watch,
        ray=arguments.ray,
        offline=arguments.offline,
        dry_run=arguments.dry_run,
        quiet=arguments.quiet,
    )


def _check_no_own_file(recipe: Recipe, elsewhere: str) -> None:
    """Pass unless the recipe names a model's file that lies here, and the work is done `elsewhere`."""
    for name in files_named(recipe) if elsewhere else ():
        advice = "there, run: img-enhance models add, and give the name that it gets"
        raise OptionError(f"the model {name} is a file of this machine, and with {elsewhere} others do the work", advice)


def _check_no_local_flags(machine: Mapping[str, Any], *, offline: bool) -> None:
    """Pass if no flag says how this machine would work; `machine` are the options that flags were given for."""
    local_flags = [flag_of(Machine, name) for name in machine] + ["--offline"] * offline
    if local_flags:
        raise OptionError(f"{local_flags[0]} says how this machine works, but the server does the work", "leave it out, or --server")


def _enhance(request: EnhanceRequest | FolderRequest) -> int:
    limit_threads(os.environ, request.machine.threads)
    if isinstance(request, FolderRequest):
        from img_enhance.cli.folders import enhance_many

        return enhance_many(request)
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
    return _changed(read_recipe(flags.file), flags)


def _changed(recipe: Recipe, flags: RecipeFlags) -> Recipe:
    """The recipe with the options that flags were given for."""
    return dataclasses.replace(
        recipe,
        output=dataclasses.replace(recipe.output, **flags.output),
        input=dataclasses.replace(recipe.input, **flags.input),
        limits=dataclasses.replace(recipe.limits, **flags.limits),
    )
