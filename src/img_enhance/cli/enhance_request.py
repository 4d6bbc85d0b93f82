"""What `img-enhance enhance` was asked for, and what its two ways, this machine and a server, share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from img_enhance.batch.names import Names, NameTemplate
from img_enhance.cli.files import PIPE, beside, is_pipe, make_folder
from img_enhance.cli.flags import flagged
from img_enhance.cli.screen import Tell, say, silent
from img_enhance.errors import OutputError
from img_enhance.files import RESULT
from img_enhance.request.options import Machine, Server
from img_enhance.request.recipe import Recipe


@dataclass(frozen=True)
class EnhanceRequest:
    """What the command was asked for; `photo` and `output` may be pipes, and `machine` is of no use where `server` names one.

    Without an output the result goes into `folder`, or beside the photo.
    """

    photo: Path
    output: Path | None
    folder: Path | None
    template: NameTemplate | None
    keep_times: bool
    recipe: Recipe
    machine: Machine
    server: Server
    report: Path | None
    compare: Path | None
    overwrite: bool
    offline: bool
    dry_run: bool
    quiet: bool


@dataclass(frozen=True)
class FolderRequest:
    """What the command was asked for of many photos: those `named`, folders among them, and those in `lists`.

    `server` and `ray` say who does the work, a service or a cluster; neither, this machine.
    """

    named: tuple[Path, ...]
    lists: tuple[Path, ...]
    out: Path
    recipe: Recipe
    machine: Machine
    server: Server
    template: NameTemplate
    keep_times: bool
    overwrite: bool
    fail_fast: bool
    watch: bool
    ray: str | None
    offline: bool
    dry_run: bool
    quiet: bool


def default_output(request: EnhanceRequest, photo: Path, output_format: str, scale: str) -> Path:
    """Where the result goes if no file was named: into the folder that was, which is made if need be, or beside the photo.

    Raises: DiskError when it cannot be made; OutputError where the result would replace the photo: who wants that names the file.
    """
    if request.folder is None and request.template is None:
        return beside(photo, output_format)
    folder = request.folder or photo.parent
    if not request.dry_run:
        make_folder(folder)
    names = Names(request.template or NameTemplate())
    output = folder / names.scaled(names.name_for(photo.name, output_format), photo.name, scale)
    if output.exists() and output.samefile(photo):
        raise OutputError(f"the result would replace the photo, {photo}", "name another folder, or the file itself, with ", RESULT)
    return output


def asked_file(request: EnhanceRequest) -> Path | None:
    """The file that the result was asked to go to, None for a pipe and where none was named."""
    return None if is_pipe(request.output) else request.output


def shown_output(request: EnhanceRequest, output: Path, pipe: Path | None) -> Path:
    """What to call the place where the result went."""
    return output if pipe is None else request.output or PIPE


def teller(request: EnhanceRequest) -> Tell:
    """What says a line, or nothing where nothing shall be said."""
    return silent if request.quiet else say


def say_done(request: EnhanceRequest, done: str, *, warnings: Iterable[str], pipe: Path | None) -> None:
    """Say the warnings and then what was done, which goes to standard output unless the result went there."""
    tell = teller(request)
    for warning in warnings:
        tell(f"[WARNING] {flagged(warning)}")
    if pipe is not None:
        tell(done)
    elif not request.quiet:
        print(done)
