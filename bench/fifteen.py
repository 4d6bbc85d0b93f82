"""The fifteen-photo run of the predecessor system, beside its published figures.

    python bench/fifteen.py                        the compact network
    python bench/fifteen.py --x4plus               the large one: takes hours, up to an hour for the largest photo alone
    python bench/fifteen.py --sizes 96x128 --count 2   a smaller run

The predecessor processed fifteen photos of four sizes on a GTX 1650 Ti: 107 s for 1728x2304, up to 1023 s for the others, and it
failed on 9216x6912. How many it had of each size is not published; ours are 6, 4, 4 and 1. Answers 1 when a photo fails.
"""

import argparse
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import pyvips

from img_enhance.geometry import Size
from img_enhance.units import seconds_text
from machine import header, header_text
from measure import Run, RunFailed, our_command, run, say
from photos import jpeg_photo, sources
from settings import FOLDER
from tables import Cell, Column, Table

COMPACT, LARGE = "realesr-animevideov3", "realesrgan-x4plus"
SCALE = 4


@dataclass(frozen=True)
class Kind:
    """Photos of one size: how many, and the predecessor's seconds (None where it failed or never ran)."""

    size: Size
    count: int
    seconds: float | None = None
    published: str = "-"


KINDS = (
    Kind(Size(1728, 2304), 6, 107, "107 s"),
    Kind(Size(2592, 4608), 4, 1023, "up to 1023 s"),
    Kind(Size(4608, 2592), 4, 1023, "up to 1023 s"),
    Kind(Size(9216, 6912), 1, None, "failed"),
)

# Photos of one source begin this many pixels apart, so that no two are the same.
SHIFT = 37


@dataclass(frozen=True)
class Finished:
    """One photo: its run, or what went wrong."""

    kind: Kind
    source: str
    run: Run | None
    failure: str = ""


def main(given: Sequence[str] | None = None) -> int:
    arguments = _parser().parse_args(given)
    folder: Path = arguments.scratch
    folder.mkdir(parents=True, exist_ok=True)
    model = LARGE if arguments.x4plus else COMPACT
    print(header_text(header(None)), flush=True)
    wanted = [kind for kind in arguments.sizes or KINDS for _ in range(kind.count)][: arguments.count]
    finished = []
    for number, (kind, source) in enumerate(zip(wanted, cycle(sources()), strict=False), 1):
        say(f"photo {number} of {len(wanted)}: {kind.size} of {source.name}")
        photo = jpeg_photo(source, kind.size, folder, shift=SHIFT * number)
        finished.append(_enhance(photo, kind, source.name, folder=folder, extra=["--model", model, *_budget(arguments.max_memory)]))
        photo.unlink()
    print(_table(finished, model).text())
    print(_totals(finished))
    return 0 if all(one.run for one in finished) else 1


def kind_of(text: str) -> Kind:
    """One photo of a size such as 1728x2304, with the predecessor's figure where there is one."""
    width, _, height = text.partition("x")
    size = Size(int(width), int(height))
    return next((kind for kind in KINDS if kind.size == size), Kind(size, 1))


def _enhance(photo: Path, kind: Kind, source: str, *, folder: Path, extra: list[str]) -> Finished:
    result = folder / "fifteen_out.jpg"
    try:
        found = run([*our_command(), "enhance", photo, "-o", result, "--overwrite", "--quiet", *extra])
    except RunFailed as error:
        return Finished(kind, source, None, str(error))
    image = pyvips.Image.new_from_file(str(result), access="sequential")
    written, wanted = Size(image.width, image.height), kind.size.scaled(SCALE)
    del image
    result.unlink()
    if written != wanted:
        return Finished(kind, source, None, f"the result is {written}, not {wanted}")
    return Finished(kind, source, found)


def _table(finished: list[Finished], model: str) -> Table:
    return Table(
        title=f"Fifteen photos, {model}",
        about="Wall seconds of whole processes, JPEG to JPEG, 4x; peak anonymous MB. Beside them the predecessor on a GTX 1650 Ti.",
        columns=(
            Column("predecessor/ours", ".1f"),
            Column("photo"),
            Column("ours s", ".1f"),
            Column("predecessor"),
            Column("peak MB", ".0f"),
            Column("content"),
            Column("outcome"),
        ),
        rows=tuple(_row(one) for one in finished),
        notes=("the predecessor's figures are published for a size or as a bound, not for these photos",),
    )


def _row(one: Finished) -> tuple[Cell, ...]:
    if one.run is None:
        return None, str(one.kind.size), None, one.kind.published, None, one.source, f"[ERROR] {one.failure}"
    ratio = one.kind.seconds / one.run.seconds if one.kind.seconds else None
    peak = one.run.anonymous_bytes / 1e6
    return ratio, str(one.kind.size), one.run.seconds, one.kind.published, peak, one.source, "[OK]"


def _totals(finished: list[Finished]) -> str:
    seconds = [one.run.seconds for one in finished if one.run]
    lines = [f"success rate  {len(seconds)} of {len(finished)} ({len(seconds) / len(finished):.0%})"]
    if seconds:
        figures = {"total": sum(seconds), "average": statistics.mean(seconds), "fastest": min(seconds), "slowest": max(seconds)}
        lines += [f"{name:<12}  {value:.1f} s ({seconds_text(value)})" for name, value in figures.items()]
    return "\n".join(lines)


def _budget(max_memory: str | None) -> list[str]:
    return ["--max-memory", max_memory] if max_memory else []


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--x4plus", action="store_true", help=f"use {LARGE} instead of {COMPACT}: takes hours")
    parser.add_argument("--sizes", type=kind_of, nargs="+", metavar="WxH", help="only these sizes, as many of each as usual")
    parser.add_argument("--count", type=int, metavar="N", help="stop after N photos")
    parser.add_argument("--max-memory", metavar="BYTES", help="as of img-enhance (default: half of this machine's)")
    parser.add_argument("--scratch", type=Path, default=FOLDER / "fifteen", metavar="FOLDER", help="where photos and results go, on a disk")
    return parser


if __name__ == "__main__":
    sys.exit(main())
