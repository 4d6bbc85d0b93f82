"""Where the files of `enhance` are and go: pipes, default names, reports."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from img_enhance.errors import DiskError, OutputError, PhotoError
from img_enhance.files import RESULT, is_stream
from img_enhance.photo import format_named

PIPE = Path("-")


@contextmanager
def piped(photo: Path, output: Path | None) -> Iterator[tuple[Path, Path | None]]:
    """The photo's file, which for a pipe is a copy, and the file that goes to a pipe or a device, if one does.

    Raises: PhotoError when the pipe cannot be read, DiskError when standard output is closed.
    """
    if not (is_pipe(photo) or is_pipe(output)):
        yield photo, None
        return
    if sys.__stdout__ is None and PIPE in (output, photo if output is None else None):
        raise DiskError("standard output is closed, where the result would go", "name a file with ", RESULT)
    with tempfile.TemporaryDirectory(prefix="img-enhance-") as folder:
        pours = is_pipe(output)
        if is_pipe(photo):
            photo, pours = _poured(photo, Path(folder) / "standard input"), pours or output is None
        yield photo, Path(folder) / "standard output" if pours else None


def is_pipe(path: Path | None) -> bool:
    """Whether a name stands for standard input or output, or is that of a pipe or a device."""
    return path is not None and (path == PIPE or is_stream(path))


def _poured(pipe: Path, file: Path) -> Path:
    """`file` with all that comes out of a pipe."""
    try:
        with nullcontext(sys.stdin.buffer) if pipe == PIPE else pipe.open("rb") as source, file.open("wb") as target:
            shutil.copyfileobj(source, target)
    except OSError as error:
        raise PhotoError(f"{pipe} cannot be read: {error.strerror}", "check its name and permissions") from None
    return file


def pour(file: Path, output: Path | None) -> None:
    """Copy a file to a pipe or a device, by default standard output.

    Raises: DiskError when it cannot be written; BrokenPipeError when nobody reads it.
    """
    pipe = output or PIPE
    try:
        with file.open("rb") as source, nullcontext(sys.stdout.buffer) if pipe == PIPE else pipe.open("wb") as target:
            shutil.copyfileobj(source, target)
            target.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise DiskError(f"cannot write {'standard output' if pipe == PIPE else pipe}: {error.strerror}") from None


def beside(photo: Path, output_format: str, what: str = "enhanced") -> Path:
    """NAME_WHAT.EXT; the photo's own ending stays unless another format was asked for."""
    own = photo.suffix.lower() in format_named(output_format).endings
    ending = photo.suffix if own else format_named(output_format).endings[0]
    return photo.with_name(f"{photo.stem}_{what}{ending}")


def make_folder(folder: Path) -> None:
    """Make a folder for results, and those above it.

    Raises: OutputError where there is a file, DiskError when it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise OutputError(f"{folder} is a file, not a folder", "name another with ", RESULT) from None
    except OSError as error:
        raise DiskError(f"the folder {folder} cannot be made: {error.strerror}", "name another with ", RESULT) from None


@contextmanager
def times_kept(photo: Path, output: Path) -> Iterator[None]:
    """Give `output`, which is written inside, the times that the photo's file had before."""
    before = photo.stat()
    yield
    os.utime(output, ns=(before.st_atime_ns, before.st_mtime_ns))


def check_report(report: Path | None, photo: Path, output: Path) -> None:
    """Pass if a report would replace neither of the two.

    Raises: OutputError.
    """
    for path, what in ((photo, "the photo"), (output, "the result")):
        if report is not None and report.resolve() == path.resolve():
            raise OutputError(f"--report would replace {what}, {path}", "name another file")


def write_report(text: str, path: Path) -> None:
    """Write a report.

    Raises: DiskError.
    """
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise DiskError(f"cannot write the report {path}: {error.strerror}") from None
