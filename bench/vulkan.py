"""Prints how fast realesrgan-x4plus is on a GPU by Vulkan, in f32 and with values stored as f16, network and whole photos.

python bench/vulkan.py                    the device that `--device vulkan` takes; minutes
python bench/vulkan.py --quick            tiny pictures: shows that everything runs, in software too, its figures mean nothing

It needs ncnn (extra [vulkan]), in the interpreter that runs it. `bench/gpu.py` prints these tables after its own.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from img_enhance.engine import Engine
from img_enhance.engine.result import Result
from img_enhance.errors import GpuMemoryFull
from img_enhance.geometry import Size
from img_enhance.machine.devices import find_device
from img_enhance.models.networks.segment import Precision
from img_enhance.models.table import BUILT_IN
from img_enhance.models.weights.store import load
from img_enhance.photo import Photo
from img_enhance.planning.plan import Device
from img_enhance.request.options import Machine, RealESRGAN
from img_enhance.request.recipe import Recipe
from img_enhance.runtimes import runtime_on
from machine import header, header_text
from measure import say
from photos import main_source, photo_pixels
from tables import Cell, Column, Table

MODEL = BUILT_IN.named("realesrgan-x4plus")
PRECISIONS: tuple[Precision, ...] = ("f32", "f16")

SIDES, QUICK_SIDES = (128, 256, 512), (8,)
PHOTOS, QUICK_PHOTOS = (Size(640, 480), Size(1728, 2304)), (Size(8, 6),)
REPEATS = 3


def main(given: Sequence[str] | None = None) -> int:
    """Measure and print."""
    arguments = _parser().parse_args(given)
    device = find_device(arguments.device)
    facts = {**header(None), "gpu": f"{device.name} ({device.place})"}
    print(header_text(facts), flush=True)
    record: dict[str, Any] = {"machine": facts, "quick": arguments.quick, "tables": []}
    for table in tables(device, quick=arguments.quick):
        print(table.text(), flush=True)
        record["tables"].append(table.record())
        if arguments.json is not None:
            arguments.json.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    return 0


def tables(device: Device, *, quick: bool) -> Iterator[Table]:
    """The network on windows, then whole photos."""
    yield _network_table(device, QUICK_SIDES if quick else SIDES)
    yield _photo_table(device, QUICK_PHOTOS if quick else PHOTOS)


def _seconds(work: Callable[[], object], repeats: int) -> float:
    """The median of several runs after one that does not count."""
    taken = []
    for _ in range(1 + repeats):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return statistics.median(taken[1:])


def _network_table(device: Device, sides: Sequence[int]) -> Table:
    """Input pixels a second on one window, on its way there and back too."""
    say("the network by Vulkan")
    compiled = {precision: runtime_on(device, precision).compile(MODEL.segments, load(MODEL)) for precision in PRECISIONS}
    rows: list[tuple[Cell, ...]] = []
    for side in sides:
        window = np.random.RandomState(side).rand(side, side, 3).astype(np.float32)
        try:
            taken = [_seconds(lambda: compiled[each].run([window], lambda: None), REPEATS) for each in PRECISIONS]  # noqa: B023
        except GpuMemoryFull:
            say(f"  no room for {side}x{side}")
            break
        f32, f16 = (side * side / seconds for seconds in taken)
        rows.append((f16 / f32, f"{side}x{side}", f32 / 1e6, f16 / 1e6, f16 * MODEL.flops / 1e12))
    return Table(
        title=f"The network by Vulkan, {MODEL.name}",
        about="Million input pixels a second on one window, from the machine's memory to the machine's memory.",
        columns=(
            Column("f16/f32", ".2f"),
            Column("window"),
            Column("f32", ".4f"),
            Column("f16", ".4f"),
            Column("f16 TFLOP/s", ".2f"),
        ),
        rows=tuple(rows),
    )


def _photo_table(device: Device, sizes: Sequence[Size]) -> Table:
    """Seconds from pixels in memory to pixels in memory, networks loaded."""
    recipe = Recipe(steps=(RealESRGAN(model=MODEL.name),))
    rows: list[tuple[Cell, ...]] = []
    for size in sizes:
        say(f"whole photos by Vulkan, {size}")
        photo, taken, results = Photo(photo_pixels(main_source(), size)), list[float](), list[Result]()
        for precision in PRECISIONS:
            with Engine(Machine(precision=precision), device=replace(device, speeds={})) as engine:
                taken.append(_seconds(lambda: results.append(engine.enhance(photo, recipe)), 1))  # noqa: B023
        f32, f16 = taken
        warnings = dict.fromkeys(str(warning) for result in results for warning in result.warnings)
        rows.append((f32 / f16, str(size), f32, f16, size.pixels / 1e6 / f16, "; ".join(warnings) or "none"))
    return Table(
        title=f"Whole photos by Vulkan, {MODEL.name}, x4",
        about="Seconds from pixels to pixels in the machine's memory, networks loaded.",
        columns=(
            Column("f32/f16", ".2f"),
            Column("photo"),
            Column("f32 s", ".2f"),
            Column("f16 s", ".2f"),
            Column("f16 MP/s", ".3f"),
            Column("warnings"),
        ),
        rows=tuple(rows),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="vulkan", help="as img-enhance names it (default vulkan)")
    parser.add_argument("--quick", action="store_true", help="tiny pictures")
    parser.add_argument("--json", type=Path, metavar="FILE", help="save the figures too")
    return parser


if __name__ == "__main__":
    sys.exit(main())
