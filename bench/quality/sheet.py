"""A picture of the pictures: truth, degraded, ours, best peer."""

from collections.abc import Iterator, Sequence
from math import ceil, sqrt
from pathlib import Path

from PIL import Image, ImageDraw

from photos import Pixels
from quality import ours
from quality.collection import RealPhoto, pixels_of
from quality.degradations import DEGRADATIONS, degraded
from quality.findings import Findings, Measurement
from quality.measurements import truth_of
from quality.peers import PEERS, no_change

SIDE, _LINE, _GAP = 180, 14, 10

Cell = tuple[str, Pixels]


def save_sheet(photos: Sequence[RealPhoto], found: Sequence[Findings], families: Sequence[str], path: Path) -> None:
    """A row for each photo and degradation of `families`, in columns; CIEDE2000 to the truth stands above each picture."""
    save_rows([row for photo, findings in zip(photos, found, strict=True) for row in _rows(photo, findings, families)], path)


def save_rows(rows: Sequence[Sequence[Cell]], path: Path) -> None:
    """A picture of rows of pictures, each under its text, in as many columns as make it about square."""
    width, height = max(map(len, rows)) * SIDE + _GAP, SIDE + _LINE
    columns = max(1, round(sqrt(len(rows) * height / width)))
    down = ceil(len(rows) / columns)
    sheet = Image.new("RGB", (columns * width, down * height))
    pen = ImageDraw.Draw(sheet)
    for number, row in enumerate(rows):
        for place, (text, pixels) in enumerate(row):
            picture = Image.fromarray(pixels)
            picture.thumbnail((SIDE - 2, SIDE))
            left, top = number // down * width + place * SIDE, number % down * height
            pen.text((left + 2, top + 1), text, fill="white")
            sheet.paste(picture, (left, top + _LINE))
    sheet.save(path)


def _rows(photo: RealPhoto, findings: Findings, families: Sequence[str]) -> Iterator[list[Cell]]:
    pixels = pixels_of(photo)
    for degradation in DEGRADATIONS:
        if degradation.family not in families:
            continue
        measured = {m.method: m for m in findings.measurements if m.degradation == degradation.name}
        given = degraded(pixels, degradation, photo=photo.name)
        best = min((m for m in measured.values() if m.method in PEERS and m.method != "no change"), key=lambda m: m.scores.ciede2000)
        methods = {"no change": no_change, **ours.methods(degradation.family), best.method: PEERS[best.method]}
        yield [
            (f"{photo.name}, truth", truth_of(pixels, given, degradation)),
            *((_text(measured[name], degradation.name), method(given)) for name, method in methods.items() if name in measured),
        ]


def _text(measurement: Measurement, degradation: str) -> str:
    name = degradation if measurement.method == "no change" else measurement.method
    return f"{name} {measurement.scores.ciede2000:.1f}"
