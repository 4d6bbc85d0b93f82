"""Pictures of the pictures, one a case: before, ours by the auto mode, the right frame."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from light.findings import Way
from light.measurements import in_turns
from light.metrics import difference, lab_of
from light.natural import Wish, judge
from light.scenes import CASES, read_rgb, scene_of
from light.ways import AUTO, OURS
from photos import Pixels
from quality.sheet import SIDE, Cell, save_rows

Row = list[Cell]


def save_sheets(files: dict[str, list[Path]], wished: Sequence[Wish], folder: Path, *, jobs: int) -> list[Path]:
    """The files written into `folder`: a PNG for each case and one for natural photos."""
    folder.mkdir(parents=True, exist_ok=True)
    of_scenes = list(in_turns(partial(scene_rows, way=OURS[AUTO]), files.items(), jobs=jobs))
    sheets = {case: [rows[case] for rows in of_scenes if case in rows] for case in CASES}
    sheets["natural"] = list(in_turns(partial(natural_row, way=OURS[AUTO]), wished, jobs=jobs))
    return [_saved(rows, folder / f"{name}.png") for name, rows in sheets.items() if rows]


def scene_rows(named: tuple[str, list[Path]], way: Way) -> dict[str, Row]:
    """By its case, each wrong frame of a scene before and after `way`, with its CIEDE2000 to the right one, and that one."""
    scene = scene_of(*named)
    if scene is None:
        return {}
    truth = lab_of(scene.truth)
    rows = {}
    for frame in scene.frames:
        if frame.case is not None:
            made = way(frame.pixels)
            rows[frame.case] = [
                (f"{frame.name} {difference(lab_of(frame.pixels), truth):.1f}", _small(frame.pixels)),
                (f"{AUTO} {difference(lab_of(made), truth):.1f}", _small(made)),
                ("truth", _small(scene.truth)),
            ]
    return rows


def natural_row(wish: Wish, way: Way) -> Row:
    """A photo before and after `way`, with its CIEDE2000 from before."""
    pixels = read_rgb(wish.path)
    (found,) = judge(wish, {AUTO: way})
    said = f"{AUTO} {found.changed:.1f}, L* {found.lifted:+.1f}{'' if found.granted else ' MISS'}"
    return [(f"{wish.path.stem}: {wish.wish}", _small(pixels)), (said, _small(way(pixels)))]


def _small(pixels: Pixels) -> Pixels:
    image = Image.fromarray(pixels)
    image.thumbnail((SIDE - 2, SIDE))
    return np.asarray(image)


def _saved(rows: Sequence[Row], path: Path) -> Path:
    save_rows(rows, path)
    return path
