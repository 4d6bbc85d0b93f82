"""The command line: `img-enhance enhance photo.jpg`."""

from __future__ import annotations

import argparse
import dataclasses
import io
import sys
import textwrap
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from img_enhance import __version__
from img_enhance.cancelling import ticking
from img_enhance.cli.check_server import add_check_server
from img_enhance.cli.compare import add_compare, check_sheet_of, write_sheet_of
from img_enhance.cli.faces import add_faces
from img_enhance.cli.files import PIPE, beside, check_report, piped, pour, write_report
from img_enhance.cli.flags import add_flags, add_step_flags, flag_of, given, prefix_of
from img_enhance.cli.models import OFFLINE, add_models, offer, store_of
from img_enhance.cli.screen import bar, interruptible, say, silent
from img_enhance.cli.serve import add_serve
from img_enhance.errors import ImgEnhanceError, OptionError, RecipeError
from img_enhance.request.options import STEP_OPTIONS, Input, Limits, Machine, Output, RealESRGAN, Server, StepOptions
from img_enhance.request.recipe import AUTO, Recipe
from img_enhance.units import bytes_text, seconds_text

if TYPE_CHECKING:  # numpy and the runtime load only when there is work, so that --help answers at once
    from img_enhance.engine.result import Result
    from img_enhance.planning.plan import Plan
    from img_enhance.suggest.suggest import Suggestion

_EXIT_CODES = """\
exit codes: 0 fine, 2 your photo or your options, 3 this machine (memory, disk, device, weights),
4 integrity (nothing wrong is ever written), 130 cancelled"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and answer with its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a name that the terminal cannot show must not end the work
    parser = _parser()
    parsed = parser.parse_args(arguments)
    if parsed.command is None:
        parser.print_help()
        return 0
    try:
        code: int = parsed.run(parsed)
    except ImgEnhanceError as error:
        say(f"[ERROR] {error}")
        return error.exit_code
    except BrokenPipeError:
        return 0
    except KeyboardInterrupt:
        say("[ERROR] cancelled")
        return 130
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="img-enhance",
        description="Makes ordinary photos better.",
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"img-enhance {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    _add_enhance(commands)
    add_compare(commands)
    _add_suggest(commands)
    add_faces(commands)
    add_models(commands)
    add_serve(commands)
    add_check_server(commands)
    return parser


def _add_enhance(commands: Any) -> None:
    rule = textwrap.fill(" ".join((RealESRGAN.__doc__ or "").split("\n\n", 1)[1].split()), 100)
    command = commands.add_parser(
        "enhance",
        help="enhance a photo",
        description="Enhances a photo: without options of a step, or a recipe, by the steps that `img-enhance suggest` shows.",
        epilog=f"size:\n{rule}\n\n{_EXIT_CODES}",
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
    others = command.add_argument_group("files and screen")
    others.add_argument("--recipe", metavar="FILE", type=Path, help="steps and output from a JSON file")
    others.add_argument("--report", metavar="FILE", type=Path, help="write how the result was made, as JSON")
    others.add_argument("--compare", metavar="FILE", type=Path, help="write a before/after sheet too")
    others.add_argument("--overwrite", action="store_true", help="replace files that exist")
    others.add_argument("--offline", action="store_true", help=OFFLINE)
    others.add_argument("--dry-run", action="store_true", help="stop after the plan; nothing is written")
    others.add_argument("--quiet", action="store_true", help="say nothing but errors")
    command.set_defaults(run=_enhance)


def _add_suggest(commands: Any) -> None:
    command = commands.add_parser(
        "suggest",
        help="say what would make a photo better",
        description="Measures a photo and says which steps would make it better, how strong, and why. Nothing is written.",
    )
    command.add_argument("photo", metavar="PHOTO", type=Path, help="as for enhance")
    command.set_defaults(offline=False)
    command.add_argument("--json", action="store_true", help="print recipe, reasons and facts as JSON, which enhance --recipe reads")
    add_flags(command, "suggestion", Limits)
    add_flags(command, "photo", Input)
    add_flags(command, "machine", Machine)
    command.set_defaults(run=_suggest)


def _steps(arguments: argparse.Namespace) -> tuple[StepOptions, ...]:
    """The steps that flags ask for."""
    steps: list[StepOptions] = []
    for options in STEP_OPTIONS:
        values = given(arguments, options)
        if values or (prefix_of(options) and getattr(arguments, options.name)):
            steps.append(options(**values))
    return tuple(steps)


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


def _enhance(arguments: argparse.Namespace) -> int:
    recipe = _recipe(arguments)
    server = Server(**given(arguments, Server))
    if server.server is not None:
        from img_enhance.cli.server import enhance_by_server

        local = [flag_of(Machine, name) for name in given(arguments, Machine)] + ["--offline"] * arguments.offline
        return enhance_by_server(arguments, recipe, server, local_flags=local)
    machine = Machine(**given(arguments, Machine))
    with interruptible() as cancelled:
        return _enhance_with(arguments, recipe, machine, cancelled)


def _enhance_with(arguments: argparse.Namespace, recipe: Recipe, machine: Machine, cancelled: Callable[[], bool]) -> int:
    from img_enhance.cli.suggest import auto_lines
    from img_enhance.engine import Engine
    from img_enhance.files import check_output
    from img_enhance.machine.memory import Peak

    started = time.perf_counter()
    tell = silent if arguments.quiet else say
    store = store_of(offline=arguments.offline)
    with piped(arguments.photo, arguments.output) as (photo, pipe), Engine(machine, store) as engine:
        asked = None if arguments.output == PIPE else arguments.output
        job = engine.prepare(photo, recipe, output=asked)
        output = pipe or asked or beside(photo, job.output_format)
        check_report(arguments.report, photo, output)
        for path in (output, arguments.report):
            if path is not None:
                check_output(path, overwrite=arguments.overwrite)
        if arguments.compare is not None:
            check_sheet_of(arguments.compare, photo, output, overwrite=arguments.overwrite)
        for line in auto_lines(job.reasons):
            tell(line)
        tell(_plan_line(job.plan))
        if arguments.dry_run:
            return 0
        offer(job.plan.weight_files, store, ask=not arguments.quiet, tick=ticking(cancelled))
        with Peak() as peak:
            with bar(job.plan.size.pixels / 1e6, quiet=arguments.quiet) as progress:
                result = engine.run(job, progress=progress, cancelled=cancelled)
            result.save(output, format=job.output_format, overwrite=arguments.overwrite, cancelled=cancelled)
        if arguments.report is not None:
            write_report(result.report(), arguments.report)
        if arguments.compare is not None:
            write_sheet_of(result, arguments.compare, photo, output, overwrite=arguments.overwrite)
        if pipe is not None:
            pour(pipe)
    for warning in result.warnings:
        tell(f"[WARNING] {warning}")
    done = _done_line(result, PIPE if pipe is not None else output, time.perf_counter() - started, peak.bytes)
    if pipe is not None:
        tell(done)
    elif not arguments.quiet:
        print(done)
    return 0


def _suggest(arguments: argparse.Namespace) -> int:
    from img_enhance.cli.suggest import table

    with interruptible() as cancelled, piped(arguments.photo, None) as (photo, _):
        suggestion = _suggestion(arguments, photo, cancelled)
    sys.stdout.write(suggestion.to_json() if arguments.json else table(suggestion))
    return 0


def _suggestion(arguments: argparse.Namespace, photo: Path, cancelled: Callable[[], bool]) -> Suggestion:
    from img_enhance.cancelling import ticking
    from img_enhance.machine.settings import model_table
    from img_enhance.suggest.suggest import suggest_file

    return suggest_file(
        photo,
        Limits(**given(arguments, Limits)),
        machine=Machine(**given(arguments, Machine)),
        reading=Input(**given(arguments, Input)),
        store=store_of(offline=arguments.offline),
        models=model_table(),
        tick=ticking(cancelled),
    )


def _plan_line(plan: Plan) -> str:
    parts = [f"{plan.device} by {plan.runtime} ({plan.reason}), {plan.precision}", f"{plan.size} to {plan.result}"]
    parts += [step.planned_text for step in plan.passes]
    parts.append(f"at most {bytes_text(plan.projected_bytes)} of {bytes_text(plan.allowed_bytes)} memory")
    if plan.gpu_allowed_bytes is not None:
        parts.append(f"{bytes_text(plan.gpu_projected_bytes or 0)} of {bytes_text(plan.gpu_allowed_bytes)} GPU memory")
    if plan.disk_bytes:
        parts.append(f"{bytes_text(plan.disk_bytes)} of scratch disk")
    parts.append(f"about {seconds_text(plan.seconds)}")
    return "Plan: " + "; ".join(parts)


def _done_line(result: Result, output: Path, seconds: float, peak_bytes: int) -> str:
    took = f"{seconds_text(seconds)}, {bytes_text(peak_bytes)} of memory"
    return f"[OK] {output}: {result.photo.size}, {took}; {result.plan.done_text}"


if __name__ == "__main__":
    sys.exit(main())
