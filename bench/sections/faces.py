"""Faces: seconds a face against the bare network, finding them in large photos, memory on a large photo of a group.

GFPGAN has random weights of the published size, so that nothing has to be downloaded; the detector and the photo of five children are
those of the folder that IMG_ENHANCE_TEST_DATA names, without which there is nothing to measure.
"""

import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyvips

from face_weights import random_weights_table
from img_enhance.engine import Engine
from img_enhance.faces.detect import find_faces
from img_enhance.machine.devices import find_device
from img_enhance.machine.memory import Peak, anonymous_bytes
from img_enhance.models.model import Model
from img_enhance.models.table import BUILT_IN
from img_enhance.models.weights.cache import WeightStore
from img_enhance.models.weights.store import load
from img_enhance.photo import Photo
from img_enhance.planning.planner import choose_precision
from img_enhance.request.recipe import Recipe
from img_enhance.request.step_options import GFPGAN
from img_enhance.runtimes import runtime_on
from measure import run, say
from settings import Settings
from tables import Cell, Column, Table, verdict

PHOTO = "children-alpha.png"
MOST_TIMES_BARE = 1.3
MEGAPIXELS, QUICK_MEGAPIXELS = (12, 48), (1, 2)
MOST_ANONYMOUS_MB = 1500
REPEATS = 5


def tables(settings: Settings) -> Iterator[Table]:
    """Seconds a face, finding, memory."""
    folder = os.environ.get("IMG_ENHANCE_TEST_DATA")
    if folder is None:
        yield Table("Faces", "Not measured: IMG_ENHANCE_TEST_DATA names no folder with the photo and the detector.", (Column("-"),), ())
        return
    data = Path(folder)
    models = random_weights_table(settings.folder)
    store = WeightStore(settings.folder, searched=(data / "models",))
    yield _speed(settings, store, data, models.faces[0])
    yield _finding(settings, data)
    yield _memory(settings, data)


def group(data: Path, megapixels: float) -> pyvips.Image:
    """Twenty faces: five children, mirrored to all sides, enlarged to so many million pixels."""
    children = pyvips.Image.new_from_file(str(data / "photos" / PHOTO)).flatten(background=255)
    four = children.embed(0, 0, 2 * children.width, 2 * children.height, extend="mirror")
    return four.resize((megapixels * 1e6 / (four.width * four.height)) ** 0.5)


def _speed(settings: Settings, store: WeightStore, data: Path, model: Model) -> Table:
    say("faces, seconds a face")
    pixels = group(data, QUICK_MEGAPIXELS[0]).numpy()
    repeats = settings.times(REPEATS)
    bare, precision = _bare(store, model, repeats)
    finding = _median(lambda: find_faces(pixels, _detector(data)), repeats)
    seconds, count = [], 0
    with Engine(store=store) as engine:
        for number in range(2):  # the first compiles the network
            step = engine.enhance(Photo(pixels), Recipe(steps=(GFPGAN(at_most=repeats if number else 1),))).phases[-1]
            count = sum(one["restored"] for one in step.facts["faces"])
            seconds.append(step.seconds)
    each = (seconds[-1] - finding) / count
    row: tuple[Cell, ...] = (each / bare, verdict(each <= MOST_TIMES_BARE * bare, f"<= {MOST_TIMES_BARE}"), each, bare, count, precision)
    return Table(
        title="Faces, seconds each",
        about="Cut out, restored and pasted, once the network is compiled and the faces are found, against the network alone.",
        columns=(
            Column("ours/bare", ".2f"),
            Column("goal"),
            Column("s a face", ".2f"),
            Column("bare s", ".2f"),
            Column("faces"),
            Column("in"),
        ),
        rows=(row,),
    )


def _bare(store: WeightStore, model: Model, repeats: int) -> tuple[float, str]:
    """Seconds of the network alone, and in which precision."""
    device = find_device("auto", require_gpu=False)
    precision = choose_precision("auto", device)
    network = runtime_on(device, precision).compile(model.segments, load(model, store))
    face = np.random.RandomState(0).random_sample((512, 512, 3)).astype(np.float32) * 2 - 1
    return _median(lambda: network.run([face], lambda: None), repeats), precision


def _finding(settings: Settings, data: Path) -> Table:
    rows = []
    for megapixels in QUICK_MEGAPIXELS if settings.quick else MEGAPIXELS:
        say(f"faces, finding them in {megapixels} MP")
        pixels = group(data, megapixels).numpy()
        find_faces(pixels[:64, :64], _detector(data))
        before, started, busy = anonymous_bytes(), time.perf_counter(), time.process_time()
        with Peak() as peak:
            found = find_faces(pixels, _detector(data))
        taken = time.perf_counter() - started
        rows.append((taken, time.process_time() - busy, (peak.bytes - before) / 1e6, len(found), megapixels))
    return Table(
        title="Faces, finding them",
        about="Wall and processor seconds, and anonymous MB beyond the photo itself.",
        columns=(Column("s", ".2f"), Column("processor s", ".2f"), Column("MB", ".0f"), Column("faces"), Column("MP")),
        rows=tuple(rows),
    )


def _memory(settings: Settings, data: Path) -> Table:
    megapixels = QUICK_MEGAPIXELS[-1] if settings.quick else MEGAPIXELS[-1]
    say(f"faces, {megapixels} MP with twenty of them")
    photo, report = settings.folder / f"group_{megapixels}.jpg", settings.folder / "group.json"
    group(data, megapixels).jpegsave(str(photo), Q=95)
    os.environ["IMG_ENHANCE_HOME"], os.environ["IMG_ENHANCE_WEIGHTS_PATH"] = str(settings.folder), str(data / "models")
    files: list[str | Path] = [photo, "-o", settings.folder / "group_out.jpg", "--report", report, "--overwrite", "--quiet"]
    budget = ["--max-memory", f"{MOST_ANONYMOUS_MB}M", "--gfpgan-at-most", "20"]
    found = run([sys.executable, Path(__file__).parent.parent / "faces_once.py", settings.folder, "enhance", *files, *budget])
    record = json.loads(report.read_text(encoding="utf-8"))
    restored = sum(one["restored"] for one in record["steps"][-1]["facts"]["faces"])
    measured, projected = found.anonymous_bytes / 1e6, record["plan"]["projected_bytes"] / 1e6
    row: tuple[Cell, ...] = (
        measured,
        verdict(measured <= MOST_ANONYMOUS_MB, f"<= {MOST_ANONYMOUS_MB}"),
        projected,
        found.seconds,
        restored,
        megapixels,
    )
    return Table(
        title="Faces, memory",
        about="File to file: peak anonymous MB of the process tree, watched from outside.",
        columns=(
            Column("measured MB", ".0f"),
            Column("goal"),
            Column("projected MB", ".0f"),
            Column("seconds", ".1f"),
            Column("faces"),
            Column("MP"),
        ),
        rows=(row,),
    )


def _detector(data: Path) -> Path:
    return data / "models" / BUILT_IN.detector.file


def _median(call: Callable[[], object], repeats: int) -> float:
    seconds = []
    for _ in range(repeats + 1):
        started = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds[1:])  # the first takes memory for the first time
