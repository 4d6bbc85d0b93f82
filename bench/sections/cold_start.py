"""How long a person waits for the first answer: whole processes, nothing warm but the system's file cache."""

import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path

from img_enhance.geometry import Size
from measure import our_command, run, say
from photos import main_source, png_photo
from settings import Settings
from tables import Cell, Column, Table

SIZE, QUICK_SIZE = Size(256, 256), Size(64, 64)
MODELS = ("realesrgan-x4plus", "realesr-animevideov3")
REPEATS = 5


def tables(settings: Settings) -> Iterator[Table]:
    """Seconds from the start of a process to its end, median of five."""
    size = QUICK_SIZE if settings.quick else SIZE
    photo, result = png_photo(main_source(), size, settings.folder), settings.folder / "cold_start.png"
    repeats = settings.times(REPEATS)
    rows = [_row([*our_command(), "--help"], "img-enhance --help", repeats)]
    for model in MODELS:
        command: list[str | Path] = [*our_command(), "enhance", photo, "-o", result, "--model", model, "--overwrite", "--quiet"]
        rows.append(_row(command, f"{size} photo, {model}", repeats))
    yield Table(
        title="Cold start",
        about="Seconds from the start of a process to its end, result written; the spread shows how quiet the machine was.",
        columns=(
            Column("median s", ".2f"),
            Column("fastest s", ".2f"),
            Column("slowest s", ".2f"),
            Column("anonymous MB", ".0f"),
            Column("what"),
        ),
        rows=tuple(rows),
        notes=(f"photo: {main_source().name}; runs: {repeats}",),
    )


def _row(command: Sequence[str | Path], what: str, repeats: int) -> tuple[Cell, ...]:
    say(f"cold start, {what}")
    runs = [run(command) for _ in range(repeats)]
    seconds = [found.seconds for found in runs]
    return statistics.median(seconds), min(seconds), max(seconds), max(found.anonymous_bytes for found in runs) / 1e6, what
