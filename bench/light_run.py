"""Prints how well light is corrected on real photos: scenes taken at several exposures, ours against what people use instead.

python bench/light_run.py                                all ways over all scenes
python bench/light_run.py --only ours                    while tuning: ours beside no change; minutes less
python bench/light_run.py --sequences 10                 the first ten scenes
python bench/light_run.py --only ours --sheet FOLDER     also pictures of all: before, ours, the right frame
"""

import argparse
import dataclasses
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from light.findings import Judgement, Measurement, Way
from light.measurements import measure
from light.natural import FOLDER, LISTED, judged, wishes
from light.report import natural_table, tables_of, wishes_table
from light.scenes import NoScenes, sequences
from light.sheets import save_sheets
from light.ways import AUTO, NO_CHANGE, packages, ways_at_hand
from machine import header, header_text
from tables import Table


def main(given: Sequence[str] | None = None) -> int:
    """Measure and print; answers 1 where there are no photos."""
    arguments = _parser().parse_args(given)
    try:
        files = sequences(arguments.sequences)
    except NoScenes as error:
        print(f"[ERROR] {error}")
        return 1
    facts = header(None, also=packages())
    print(header_text(facts), flush=True)
    ways, wished = _chosen(arguments.only), wishes()
    measurements = measure(files, ways, jobs=arguments.jobs)
    judgements = judged(wished, ways, jobs=arguments.jobs)
    tables = list(_tables(measurements, judgements))
    for table in tables:
        print(table.text(), flush=True)
    if arguments.json is not None:
        _save(arguments.json, {"machine": facts, "tables": [table.record() for table in tables]}, measurements)
    if arguments.sheet is not None:
        for path in save_sheets(files, wished, arguments.sheet, jobs=arguments.jobs):
            print(path)
    return 0


def _chosen(starts: Sequence[str] | None) -> dict[str, Way]:
    """No change, and the ways at hand whose names start so; all without `starts`."""
    ways, left_out = ways_at_hand()
    for line in left_out:
        print(f"[WARNING] {line}", flush=True)
    return {name: way for name, way in ways.items() if name.startswith(tuple(starts or ("",))) or name == NO_CHANGE}


def _tables(measurements: Sequence[Measurement], judgements: Sequence[Judgement]) -> Iterator[Table]:
    yield from tables_of(measurements)
    if judgements:
        yield wishes_table(judgements)
        yield natural_table(judgements, AUTO)
    else:
        print(f"[WARNING] natural photos are left out: no {FOLDER}/{LISTED} in the folder of test data", flush=True)


def _save(path: Path, record: dict[str, object], measurements: Sequence[Measurement]) -> None:
    record["measurements"] = [dataclasses.asdict(measurement) for measurement in measurements]
    path.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", metavar="WAY", help="beside no change only ways whose names start so; may be repeated")
    parser.add_argument("--sequences", type=int, metavar="N", help="only the first N scenes")
    parser.add_argument(
        "--sheet", type=Path, metavar="FOLDER", help="save a PNG for each case: before, ours by the auto mode, the right frame"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="save the figures too, also frame by frame")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="processes that share the work (default 2)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
