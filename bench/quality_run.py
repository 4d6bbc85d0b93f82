"""Prints how well pictures are corrected: real photos degraded by known amounts, ours against what people use instead.

python bench/quality_run.py                              the photos kept for reporting; minutes on two cores
python bench/quality_run.py --set tune --family cast     while tuning: the other half of the photos, one family
python bench/quality_run.py --sheet sheet.png            also a picture of all: truth, degraded, ours, best peer
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from machine import header, header_text
from quality.collection import HELD_OUT, SETS, photos_of
from quality.degradations import FAMILIES
from quality.findings import Findings
from quality.measurements import measure
from quality.report import choice_table, family_table, photo_table, wrong_choices
from quality.sheet import save_sheet
from tables import Table


def main(given: Sequence[str] | None = None) -> int:
    """Measure the chosen set and print its tables."""
    arguments = _parser().parse_args(given)
    families = arguments.family or list(FAMILIES)
    facts = header(None, also=("opencv-python-headless", "scikit-image"))
    print(header_text(facts), flush=True)
    photos = photos_of(arguments.set)[: arguments.photos]
    found = measure(photos, families, jobs=arguments.jobs)
    tables = list(_tables(found, families, per_photo=arguments.per_photo))
    for table in tables:
        print(table.text(), flush=True)
    if arguments.json is not None:
        record = {"machine": facts, "set": arguments.set, "tables": [table.record() for table in tables]}
        arguments.json.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    if arguments.sheet is not None:
        save_sheet(photos, found, families, arguments.sheet)
    return 0


def _tables(found: Sequence[Findings], families: Sequence[str], *, per_photo: bool) -> Iterator[Table]:
    for family in families:
        measurements = [m for findings in found for m in findings.measurements if m.family == family]
        yield family_table(family, measurements)
        if per_photo:
            yield photo_table(family, measurements)
    choices = [choice for findings in found for choice in findings.choices]
    if choices:
        yield choice_table(choices)
        if per_photo:
            yield wrong_choices(choices)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--set", choices=SETS, default=HELD_OUT, help=f"half of the photos: for tuning or for reporting (default {HELD_OUT})"
    )
    parser.add_argument("--family", action="append", choices=FAMILIES, help="one kind of degradation; may be repeated")
    parser.add_argument("--per-photo", action="store_true", help="also a row for each photo, degradation and method")
    parser.add_argument("--photos", type=int, metavar="N", help="only the first N photos of the set")
    parser.add_argument("--sheet", type=Path, metavar="FILE", help="save a PNG of each photo's truth, degraded picture, ours and best peer")
    parser.add_argument("--json", type=Path, metavar="FILE", help="save the figures too")
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="processes that share the work (default: one a core)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
