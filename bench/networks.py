"""Which network the automatic mode chooses to enlarge pictures of known kinds.

python bench/networks.py FOLDER             a folder with a folder of pictures for each kind: photo, drawing, screenshot
python bench/networks.py FOLDER --wrong     and the names of those that get another one than they should

Photos must not get the network for drawings, the others should. What stands before "__" in the name of a file is its source. Folders of
other names are counted, too, and nothing is expected of them.
"""

import argparse
import multiprocessing
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from img_enhance.photo import Photo
from img_enhance.suggest.analysis import analyse
from img_enhance.suggest.network import FOR_DRAWINGS, is_flat_drawing
from quality.kinds import SUFFIXES
from tables import Column, Table, verdict

PHOTO, DRAWN = "photo", ("drawing", "screenshot")
GOAL = 0.95


@dataclass(frozen=True)
class Chosen:
    """A picture by its kind, its source and the name of its file, and whether it gets the network for drawings."""

    kind: str
    source: str
    name: str
    as_drawing: bool

    @property
    def is_right(self) -> bool:
        return self.kind not in (PHOTO, *DRAWN) or self.as_drawing == (self.kind != PHOTO)


def main(given: Sequence[str] | None = None) -> int:
    """Look, report; 1 where a goal is missed."""
    arguments = _parser().parse_args(given)
    pictures = chosen_of(arguments.folder, jobs=arguments.jobs)
    print(counted(pictures).text())
    for picture in pictures if arguments.wrong else ():
        if not picture.is_right:
            print(f"{picture.kind}/{picture.name}")
    met = goals(pictures)
    print("\n".join(verdict(is_met, goal) for goal, is_met in met.items()))
    return 0 if all(met.values()) else 1


def chosen_of(folder: Path, *, jobs: int) -> list[Chosen]:
    """What is chosen for every picture in the folders of `folder`, in the order of kinds and names."""
    paths = [path for kind in sorted(folder.iterdir()) for path in sorted(kind.glob("*")) if path.suffix.lower() in SUFFIXES]
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        return list(pool.map(_chosen, paths, chunksize=8))


def _chosen(path: Path) -> Chosen:
    cv2.setNumThreads(1)
    with Image.open(path) as image:
        grey = image.mode in ("L", "1")
        pixels = np.asarray(image.convert("RGBA"))
    alpha = None if pixels[..., 3].min() == 255 else pixels[..., 3]
    facts = analyse(Photo(np.ascontiguousarray(pixels[..., :3]), alpha, grey=grey))
    return Chosen(path.parent.name, path.name.split("__")[0], path.name, is_flat_drawing(facts))


def counted(pictures: Sequence[Chosen]) -> Table:
    """How many pictures of each source get the network for drawings."""
    rows: list[tuple[str | int, ...]] = []
    for (kind, source), group in groupby(pictures, lambda picture: (picture.kind, picture.source)):
        found = [picture.as_drawing for picture in group]
        rows.append((kind, source, len(found), sum(found)))
    columns = (Column("kind"), Column("source"), Column("pictures", "d"), Column("as drawings", "d"))
    return Table("Networks", f"How many pictures of each source {FOR_DRAWINGS} would enlarge.", columns, tuple(rows))


def goals(pictures: Sequence[Chosen]) -> dict[str, bool]:
    """Each goal, with the figures, and whether it is met."""
    known = [picture for picture in pictures if picture.kind in (PHOTO, *DRAWN)]
    right = sum(picture.is_right for picture in known)
    photos = [picture for picture in known if picture.kind == PHOTO]
    drawn = [picture for picture in known if picture.kind != PHOTO]
    as_drawings, found = sum(picture.as_drawing for picture in photos), sum(picture.as_drawing for picture in drawn)
    return {
        f"{as_drawings} of {len(photos)} photos get the network for drawings; goal: none": as_drawings == 0,
        f"{found} of {len(drawn)} drawings and screenshots get it; goal: {GOAL:.0%}": found >= GOAL * len(drawn),
        f"{right} of {len(known)} are right; goal: {GOAL:.0%}": right >= GOAL * len(known),
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="with a folder of pictures for each kind")
    parser.add_argument("--wrong", action="store_true", help="name the pictures that get another network than they should")
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="processes that share the work (default: one a core)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
