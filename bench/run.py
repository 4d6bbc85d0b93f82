"""Prints every table of the README's figures: speed, useful rate, exactness, memory, cold start.

python bench/run.py                     all of them; about an hour on two cores
python bench/run.py --only cold-start   one of them
python bench/run.py --quick             tiny photos: shows that everything runs, its figures mean nothing
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from img_enhance.errors import ImgEnhanceError
from machine import header, header_text
from measure import RunFailed
from peers_python import build_peers, named_peers
from sections import cold_start, exactness, faces, file_to_file, memory, rate, tones
from settings import Settings
from tables import Table

SECTIONS: dict[str, Callable[[Settings], Iterator[Table]]] = {
    "file-to-file": file_to_file.tables,
    "rate": rate.tables,
    "exactness": exactness.tables,
    "memory": memory.tables,
    "cold-start": cold_start.tables,
    "tones": tones.tables,
    "faces": faces.tables,
}
NEEDS_PEERS = ("file-to-file",)


def main(given: Sequence[str] | None = None) -> int:
    """Run the chosen sections; answers 1 when one of them could not be measured."""
    arguments = _parser().parse_args(given)
    chosen = arguments.only or list(SECTIONS)
    peers = named_peers(arguments.peers_python)
    if peers is None and any(name in NEEDS_PEERS for name in chosen):
        peers = build_peers()
    settings = Settings(arguments.quick, arguments.repeats, peers, arguments.largest)
    settings.folder.mkdir(parents=True, exist_ok=True)
    facts = header(peers)
    print(header_text(facts), flush=True)
    if settings.quick:
        print("[WARNING] --quick: tiny photos, the figures mean nothing\n", flush=True)
    record: dict[str, Any] = {"machine": facts, "quick": settings.quick, "tables": []}
    code = 0
    for name in chosen:
        try:
            for table in SECTIONS[name](settings):
                print(table.text(), flush=True)
                record["tables"].append({"section": name, **table.record()})
                _save(record, arguments.json)
        except (RunFailed, ImgEnhanceError) as error:
            print(f"[ERROR] {name}: {error}\n", flush=True)
            code = 1
    return code


def _save(record: dict[str, Any], path: Path | None) -> None:
    # After every table: an hour's figures should not be lost with the last one.
    if path is not None:
        path.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=SECTIONS, metavar="NAME", help=f"one of {', '.join(SECTIONS)}; may be repeated")
    parser.add_argument("--quick", action="store_true", help="tiny photos, once each")
    parser.add_argument("--repeats", type=int, metavar="N", help="runs of each command, instead of each table's own number")
    parser.add_argument(
        "--largest",
        type=float,
        default=float("inf"),
        metavar="MP",
        help="leave larger photos out of file-to-file and memory (4 MP: an hour)",
    )
    parser.add_argument("--peers-python", metavar="PATH", help="interpreter with torch, ncnn, numpy and pillow (or BENCH_PEERS_PYTHON)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="save the figures too")
    return parser


if __name__ == "__main__":
    sys.exit(main())
