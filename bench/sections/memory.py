"""Whether the projected peak holds: whole processes watched from outside, with plenty of memory and with little."""

import json
from collections.abc import Iterator

from img_enhance.geometry import Size
from img_enhance.machine.devices import detect_cpu
from img_enhance.models.table import BUILT_IN
from img_enhance.planning.planner import choose_precision
from measure import our_command, run, say
from photos import main_source, png_photo
from plans import budget_that_forces_areas, plan_of
from settings import Settings
from tables import Cell, Column, Table, verdict

MODEL = BUILT_IN.named("realesrgan-x4plus")

# The first is compiled as one network by default, the others run in segments.
SIZES = (Size(256, 256), Size(640, 448), Size(1224, 816), Size(2448, 1632))
QUICK_SIZES = (Size(48, 48), Size(64, 48), Size(96, 64), Size(128, 96))


def tables(settings: Settings) -> Iterator[Table]:
    """The peak of RssAnon + RssShmem, sampled every 50 ms, against what the plan projected."""
    rows: list[tuple[Cell, ...]] = []
    precision = choose_precision("auto", detect_cpu())
    for size in QUICK_SIZES if settings.quick else SIZES:
        if size.pixels > settings.largest_megapixels * 1e6:
            continue
        plenty = plan_of(MODEL, size, precision=precision).allowed_bytes
        little = budget_that_forces_areas(MODEL, size, precision=precision)
        rows += [_row(settings, size, plenty), _row(settings, size, little)]
    yield Table(
        title=f"Projected and measured memory, {MODEL.name}",
        about="Peak anonymous MB of the whole process, watched from outside, against the plan; ratio measured to projected first.",
        columns=(
            Column("ratio", ".2f"),
            Column("goal"),
            Column("photo"),
            Column("allowed MB", ".0f"),
            Column("projected MB", ".0f"),
            Column("measured MB", ".0f"),
            Column("areas"),
            Column("stages"),
            Column("window px"),
            Column("seconds", ".1f"),
        ),
        rows=tuple(rows),
        notes=(
            f"photo: {main_source().name}, {precision}; every size with half of this machine's memory, then with as little as forces areas",
        ),
    )


def _row(settings: Settings, size: Size, allowed: int) -> tuple[Cell, ...]:
    photo, report = png_photo(main_source(), size, settings.folder), settings.folder / "memory.json"
    say(f"memory, {size} in {allowed / 1e6:.0f} MB")
    files = [str(photo), "-o", str(settings.folder / "memory.png"), "--report", str(report), "--overwrite", "--quiet"]
    found = run([*our_command(), "enhance", *files, "--model", MODEL.name, "--max-memory", str(allowed)])
    record = json.loads(report.read_text(encoding="utf-8"))["plan"]
    projected, (network,) = record["projected_bytes"], record["passes"]
    ratio = found.anonymous_bytes / projected
    return (
        ratio,
        verdict(ratio <= 1, "<= 1"),
        str(size),
        allowed / 1e6,
        projected / 1e6,
        found.anonymous_bytes / 1e6,
        network["area_rows"] * network["area_columns"],
        len(network["stages"]),
        max(stage["side"] for stage in network["stages"]),
        found.seconds,
    )
