"""Steps on light and colour: pixels a second inside the engine, and memory on a photo of 64 megapixels."""

import json
import statistics
from collections.abc import Iterator
from pathlib import Path

from img_enhance.engine import Engine
from img_enhance.geometry import Size
from img_enhance.photo import Photo
from img_enhance.request.recipe import Recipe
from img_enhance.request.step_options import CLAHE, ExposureCorrection, StepOptions, WhiteBalance
from measure import our_command, run, say
from photos import jpeg_photo, main_source, photo_pixels, size_of
from settings import Settings
from tables import Cell, Column, Table, verdict

# Set so that each does all its work, whatever the photo needs.
STEPS: tuple[StepOptions, ...] = (WhiteBalance(temperature=4000), ExposureCorrection(ev=1), ExposureCorrection(ev=1, local="on"), CLAHE())
MEGAPIXELS, QUICK_MEGAPIXELS = 12.0, 0.1
REPEATS = 5
LEAST_RATE = 20

LARGE, QUICK_LARGE = Size(9216, 6912), Size(288, 216)
MOST_ANONYMOUS_MB = 1500
FLAGS = ("--white-balance-temperature", "4000", "--exposure-correction-ev", "1", "--clahe")


def tables(settings: Settings) -> Iterator[Table]:
    """Each step's rate, then all three on a large photo."""
    size = size_of(QUICK_MEGAPIXELS if settings.quick else MEGAPIXELS)
    photo = Photo(photo_pixels(main_source(), size))
    repeats = settings.times(REPEATS)
    with Engine() as engine:
        rows = tuple(_row(engine, photo, options, repeats) for options in STEPS)
    yield Table(
        title="Steps on light and colour",
        about="Megapixels a second of 8 bits by the engine's own record, measuring and changing together; reading and writing files not.",
        columns=(Column("MP/s", ".1f"), Column("goal"), Column("fastest", ".1f"), Column("step"), Column("options")),
        rows=rows,
        notes=(f"photo: {main_source().name}, {size}; median of {repeats} runs",),
    )
    yield _large(settings)


def _row(engine: Engine, photo: Photo, options: StepOptions, repeats: int) -> tuple[Cell, ...]:
    say(f"tones, {options.name}")
    megapixels = photo.size.pixels / 1e6
    rates = []
    for _ in range(repeats):
        (step,) = (step for step in engine.enhance(photo, Recipe(steps=(options,))).phases if step.name == options.name)
        rates.append(megapixels / step.seconds)
    rate = statistics.median(rates)
    given = ", ".join(f"{name} {value}" for name, value in vars(options).items() if value is not None)
    return rate, verdict(rate >= LEAST_RATE, f">= {LEAST_RATE}"), max(rates), options.name, given


def _large(settings: Settings) -> Table:
    size = QUICK_LARGE if settings.quick else LARGE
    photo, report = jpeg_photo(main_source(), size, settings.folder), settings.folder / "tones.json"
    say(f"tones, {size}")
    files: list[str | Path] = [photo, "-o", settings.folder / "tones.jpg", "--report", report, "--overwrite", "--quiet"]
    found = run([*our_command(), "enhance", *files, "--max-memory", f"{MOST_ANONYMOUS_MB}M", *FLAGS])
    projected = json.loads(report.read_text(encoding="utf-8"))["plan"]["projected_bytes"] / 1e6
    measured = found.anonymous_bytes / 1e6
    return Table(
        title="Steps on light and colour, memory",
        about="All three on one photo, file to file: peak anonymous MB of the process tree, watched from outside.",
        columns=(
            Column("measured MB", ".0f"),
            Column("goal"),
            Column("projected MB", ".0f"),
            Column("seconds", ".1f"),
            Column("photo"),
        ),
        rows=((measured, verdict(measured <= MOST_ANONYMOUS_MB, f"<= {MOST_ANONYMOUS_MB}"), projected, found.seconds, str(size)),),
    )
