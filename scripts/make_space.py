"""Assembles the folders that are pushed as Spaces from a wheel of this project, and checks them.

python scripts/make_space.py dist/img_enhance-0.1.0-py3-none-any.whl build/space
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from space_folders import SPACES, assemble, faults


def main() -> int:
    """One folder for each kind of Space; exit code 1 where one has a fault."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", type=Path)
    parser.add_argument("folder", type=Path)
    given = parser.parse_args()
    wrong = 0
    for name, space in SPACES.items():
        folder = given.folder / name
        assemble(space, given.wheel, folder)
        found = list(faults(folder))
        wrong += len(found)
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        for fault in found:
            print(f"[ERROR] {folder}: {fault}")
        if not found:
            print(f"[OK] {folder}: {size / 1e6:.1f} MB, checked")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
