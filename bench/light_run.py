"""Prints how well light is corrected on real photos: scenes taken at several exposures, ours against what people use instead.

python bench/light_run.py                                all ways over all scenes
python bench/light_run.py --sequences 10                 the first ten scenes
"""

import argparse
import sys
from collections.abc import Sequence

from light.measurements import measure
from light.report import tables_of
from light.scenes import NoScenes, sequences
from light.ways import OURS
from machine import header, header_text


def main(given: Sequence[str] | None = None) -> int:
    """Measure and print; answers 1 where there are no photos."""
    arguments = _parser().parse_args(given)
    try:
        files = sequences(arguments.sequences)
    except NoScenes as error:
        print(f"[ERROR] {error}")
        return 1
    print(header_text(header(None, also=("opencv-python-headless", "scikit-image"))), flush=True)
    for table in tables_of(measure(files, OURS, jobs=arguments.jobs)):
        print(table.text(), flush=True)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sequences", type=int, metavar="N", help="only the first N scenes")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="processes that share the work (default 2)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
