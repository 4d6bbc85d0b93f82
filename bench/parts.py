"""What the benches of GPUs have in common: tables that are told row by row, and parts of them that can be asked for."""

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from measure import say
from tables import Table


def add_arguments(parser: argparse.ArgumentParser, *parts: str) -> None:
    """What all of them understand."""
    parser.add_argument("--part", action="append", choices=parts, help="these tables only")
    parser.add_argument("--quick", action="store_true", help="tiny pictures")
    parser.add_argument("--json", type=Path, metavar="FILE", help="save the figures too, after every row")


def median_seconds(work: Callable[[], object], repeats: int, *, wait: Callable[[], None] = lambda: None) -> float:
    """The median of several runs after one that does not count. `wait` lets the device finish, before and after each."""
    taken = []
    for _ in range(1 + repeats):
        wait()
        started = time.perf_counter()
        work()
        wait()
        taken.append(time.perf_counter() - started)
    return statistics.median(taken[1:])


def tell(parts: Iterable[Iterator[Table]], facts: Mapping[str, Any], file: Path | None) -> None:
    """Tell every row as it comes, and print each table when it is whole. Whoever is ended before leaves what was measured until then."""
    whole: list[Table] = []
    for growing in parts:
        table = None
        for table in growing:
            say(f"  [row] {table.last_row()}")
            if file is not None:
                tables = [each.record() for each in (*whole, table)]
                file.write_text(json.dumps({**facts, "tables": tables}, indent=2) + "\n", encoding="utf-8")
        if table is None:
            say("  nothing could be measured")
        else:
            print(table.text(), flush=True)
            whole.append(table)
