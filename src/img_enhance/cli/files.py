"""Where the files of `enhance` are and go: pipes, default names, reports."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from img_enhance.errors import DiskError, OutputError
from img_enhance.photo import format_named

PIPE = Path("-")


@contextmanager
def piped(photo: Path, output: Path | None) -> Iterator[tuple[Path, Path | None]]:
    """The photo's file, which for standard input is a copy, and the file that goes to standard output, if one does."""
    if PIPE not in (photo, output):
        yield photo, None
        return
    with tempfile.TemporaryDirectory(prefix="img-enhance-") as folder:
        if photo == PIPE:
            photo = Path(folder) / "standard input"
            with photo.open("wb") as file:
                shutil.copyfileobj(sys.stdin.buffer, file)
            output = output or PIPE
        yield photo, Path(folder) / "standard output" if output == PIPE else None


def pour(file: Path) -> None:
    """Copy a file to standard output."""
    with file.open("rb") as source:
        shutil.copyfileobj(source, sys.stdout.buffer)
    sys.stdout.buffer.flush()


def beside(photo: Path, output_format: str, what: str = "enhanced") -> Path:
    """NAME_WHAT.EXT; the photo's own ending stays unless another format was asked for."""
    own = photo.suffix.lower() in format_named(output_format).endings
    ending = photo.suffix if own else format_named(output_format).endings[0]
    return photo.with_name(f"{photo.stem}_{what}{ending}")


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
