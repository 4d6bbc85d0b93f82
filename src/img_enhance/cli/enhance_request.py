"""What `img-enhance enhance` was asked for, and what its two ways, this machine and a server, share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from img_enhance.cli.files import PIPE, is_pipe
from img_enhance.cli.flags import flagged
from img_enhance.cli.screen import Tell, say, silent
from img_enhance.request.options import Machine, Server
from img_enhance.request.recipe import Recipe


@dataclass(frozen=True)
class EnhanceRequest:
    """What the command was asked for; `photo` and `output` may be pipes, and `machine` is of no use where `server` names one."""

    photo: Path
    output: Path | None
    recipe: Recipe
    machine: Machine
    server: Server
    report: Path | None
    compare: Path | None
    overwrite: bool
    offline: bool
    dry_run: bool
    quiet: bool


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
