"""Flags of the command line, made from the options' declarations; none is written by hand."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any, TypeVar

from img_enhance.errors import OptionError
from img_enhance.files import RESULT
from img_enhance.request.form import Field, fields, from_text
from img_enhance.request.step_options import STEP_OPTIONS, RealESRGAN, StepOptions
from img_enhance.words import Pull, Term, spoken

EXIT_CODES = """\
exit codes: 0 fine, 2 your photo or your options, 3 this machine (memory, disk, device, weights),
4 integrity (nothing wrong is ever written), 130 cancelled"""

Options = TypeVar("Options")
Request = TypeVar("Request")


def set_run(command: argparse.ArgumentParser, run: Callable[[Request], int], reads: Callable[[argparse.Namespace], Request]) -> None:
    """Let `run` do the command: it is given what `reads` makes of the arguments, so that nothing behind it sees them untyped."""
    command.set_defaults(run=lambda arguments: run(reads(arguments)), parser=command)


def add_step_flags(command: argparse.ArgumentParser, options: type[StepOptions]) -> None:
    """Flags of a step: for all but the default one they begin with its name, and the name alone asks for the step as it is."""
    title = f"{options.name}: {(options.__doc__ or '').splitlines()[0]}"
    group = add_flags(command, title, options, note=_also_files)
    if prefix_of(options):
        group.add_argument(_flag(options.name), dest=options.name, action="store_true", help="run this step")


def _also_files(field: Field) -> str:
    """What else may stand for a model here, where no other machine does the work."""
    return ", or a file of your own: .pth, .safetensors, .onnx, or .param beside .bin" if field.extensible else ""


def prefix_of(options: type[Any]) -> str:
    """What the flags of an option class begin with where several classes stand beside each other."""
    return f"{options.name}_" if options in STEP_OPTIONS and options is not RealESRGAN else ""


def flag_of(options: type[Any], name: str) -> str:
    """The flag of an option; a step's begin with the step's name, but those of super-resolution, which is what most people ask for."""
    return _flag(prefix_of(options) + name)


def flagged(text: str) -> str:
    """The text with the flag of every setting that it speaks of, and the command of every download."""
    return spoken(text, _said)


def _said(term: Term) -> str:
    if isinstance(term, Pull):
        return str(term)
    return term.called("-o" if term == RESULT else _flag(term.name))


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def add_flags(
    command: argparse.ArgumentParser,
    title: str,
    options: type[Any],
    *,
    only: tuple[str, ...] = (),
    note: Callable[[Field], str] = lambda _: "",
) -> Any:
    """Flags of all options, or of some whose names then stand alone; `note` is added to the help of each."""
    group = command.add_argument_group(title.rstrip("."))
    for field in fields(options):
        if only and field.name not in only:
            continue
        name = field.name if only else prefix_of(options) + field.name
        flag, words = _flag(name), (field.help + note(field)).replace("%", "%%")
        if field.type is bool:
            # A flag asks for what is not so by itself.
            wanted = field.default is not True
            flag, words = (flag, words) if wanted else (_flag(f"no_{name}"), f"do not {words}")
            group.add_argument(flag, dest=name, action="store_const", const=wanted, help=words)
            continue
        group.add_argument(
            flag,
            dest=name,
            metavar=field.placeholder or "|".join(field.choices) or None,
            type=_converter(field, flag),
            help=words,
        )
    return group


def read(arguments: argparse.Namespace, options: type[Options], *, only: tuple[str, ...] = ()) -> Options:
    """The options of a class as flags gave them, the others by default; `only` as for `add_flags`.

    Raises: OptionError when they do not go together.
    """
    prefix = "" if only else prefix_of(options)
    try:
        return options(**given(arguments, options, only=only))
    except OptionError as error:
        raise error.settled(lambda setting: setting.called(_flag(prefix + setting.name))) from None


def read_steps(arguments: argparse.Namespace) -> tuple[StepOptions, ...]:
    """The steps that flags ask for, in the order in which they run.

    Raises: OptionError as `read`.
    """
    asked = [kind for kind in STEP_OPTIONS if given(arguments, kind) or (prefix_of(kind) and getattr(arguments, kind.name))]
    return tuple(read(arguments, kind) for kind in asked)


def given(arguments: argparse.Namespace, options: type[Any], *, only: tuple[str, ...] = ()) -> dict[str, Any]:
    """The options that flags were given for, by their names; `only` as for `add_flags`."""
    names = only or tuple(field.name for field in fields(options))
    prefix = "" if only else prefix_of(options)
    values = ((name, getattr(arguments, prefix + name)) for name in names)
    return {name: value for name, value in values if value is not None}


def _converter(field: Field, flag: str) -> Callable[[str], int | float | str]:
    def convert(text: str) -> int | float | str:
        try:
            return from_text(field, text)
        except OptionError as error:
            raise error.settled(lambda _: flag) from None

    return convert
