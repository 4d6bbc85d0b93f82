"""Prints how fast realesrgan-x4plus is on a GPU by Vulkan, in f32 and with values stored as f16, network and whole photos.

python bench/gpu_vulkan.py                    the device that `--device vulkan` takes; minutes
python bench/gpu_vulkan.py --part network     one of the tables: network, photos
python bench/gpu_vulkan.py --quick            tiny pictures: shows that everything runs, in software too, its figures mean nothing

It needs ncnn (extra [vulkan]), in the interpreter that runs it. `bench/gpu.py` runs it part by part, each for so long at most.
"""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from img_enhance.engine import Engine
from img_enhance.engine.result import Result
from img_enhance.errors import DeviceError, GpuMemoryFull
from img_enhance.geometry import Size
from img_enhance.machine.devices import find_device
from img_enhance.machine.vulkan import gpus
from img_enhance.models.networks.segment import Precision
from img_enhance.models.table import BUILT_IN
from img_enhance.models.weights.store import load
from img_enhance.photo import Photo
from img_enhance.planning.plan import Device
from img_enhance.request.options import Machine
from img_enhance.request.recipe import Recipe
from img_enhance.request.step_options import RealESRGAN
from img_enhance.runtimes import runtime_on
from machine import header, header_text
from measure import say
from parts import add_arguments, median_seconds, tell
from photos import main_source, photo_pixels
from tables import Cell, Column, Table

MODEL = BUILT_IN.named("realesrgan-x4plus")
# The one that is used by itself first.
PRECISIONS: tuple[Precision, ...] = ("f16", "f32")

SIDES, QUICK_SIDES = (256, 128, 512), (8,)
PHOTOS, QUICK_PHOTOS = (Size(640, 480), Size(1728, 2304)), (Size(8, 6),)
REPEATS = 3

_NO_GPU = """{found}. A GPU's driver is found by the file that VK_DRIVER_FILES names, such as /usr/share/vulkan/icd.d/nvidia_icd.json, by
libvulkan.so.1 (Debian's libvulkan1), or by its own library, such as libGLX_nvidia.so.0 on the loader's path or in NCNN_VULKAN_DRIVER"""


def main(given: Sequence[str] | None = None) -> int:
    """Measure and print."""
    arguments = _parser().parse_args(given)
    try:
        device = find_device(arguments.device)
    except DeviceError as error:
        say(_NO_GPU.format(found=error))
        return error.exit_code
    if not arguments.quick and all(gpu.is_real is False for gpu in gpus() if gpu.place == device.place):
        say(_NO_GPU.format(found=f"Vulkan finds only {device.name}, which is software"))
        return 3
    facts = {**header(None, also=("ncnn",)), "gpu": f"{device.name} ({device.place})"}
    print(header_text(facts), flush=True)
    tables = {"network": _network_tables, "photos": _photo_tables}
    parts = (tables[name] for name in arguments.part or tables)
    tell((part(device, quick=arguments.quick) for part in parts), {"machine": facts, "quick": arguments.quick}, arguments.json)
    return 0


def _network_tables(device: Device, *, quick: bool) -> Iterator[Table]:
    """Input pixels a second on one window, on its way there and back too."""
    say("the network by Vulkan")
    table = Table(
        title=f"The network by Vulkan, {MODEL.name}",
        about="Million input pixels a second on one window, from the machine's memory to the machine's memory.",
        columns=(Column("precision"), Column("window"), Column("MP/s", ".4f"), Column("TFLOP/s", ".3f"), Column("start s", ".1f")),
        rows=(),
        notes=("start: the network is compiled and run over the first window",),
    )
    return table.growing(row for precision in PRECISIONS for row in _network_rows(device, precision, QUICK_SIDES if quick else SIDES))


def _network_rows(device: Device, precision: Precision, sides: Sequence[int]) -> Iterator[tuple[Cell, ...]]:
    started, start = time.perf_counter(), None
    compiled = runtime_on(device, precision).compile(MODEL.segments, load(MODEL))
    for side in sides:
        window = np.random.RandomState(side).rand(side, side, 3).astype(np.float32)
        try:
            compiled.run([window], lambda: None)
            start = start or time.perf_counter() - started
            rate = side * side / median_seconds(lambda: compiled.run([window], lambda: None), REPEATS)  # noqa: B023 - called before the next
        except GpuMemoryFull:
            say(f"  no room for {side}x{side}")
            continue
        yield precision, f"{side}x{side}", rate / 1e6, rate * MODEL.flops / 1e12, start


def _photo_tables(device: Device, *, quick: bool) -> Iterator[Table]:
    """Seconds from pixels in memory to pixels in memory, networks loaded."""
    table = Table(
        title=f"Whole photos by Vulkan, {MODEL.name}, x4",
        about="Seconds from pixels to pixels in the machine's memory, networks loaded.",
        columns=(Column("precision"), Column("photo"), Column("seconds", ".2f"), Column("MP/s", ".3f"), Column("warnings")),
        rows=(),
    )
    return table.growing(row for precision in PRECISIONS for row in _photo_rows(device, precision, QUICK_PHOTOS if quick else PHOTOS))


def _photo_rows(device: Device, precision: Precision, sizes: Sequence[Size]) -> Iterator[tuple[Cell, ...]]:
    recipe = Recipe(steps=(RealESRGAN(model=MODEL.name),))
    with Engine(Machine(precision=precision), device=replace(device, speeds={})) as engine:
        for size in sizes:
            say(f"whole photos by Vulkan, {size}")
            photo, results = Photo(photo_pixels(main_source(), size)), list[Result]()
            seconds = median_seconds(lambda: results.append(engine.enhance(photo, recipe)), 1)  # noqa: B023 - called before the next photo
            warnings = dict.fromkeys(str(warning) for result in results for warning in result.warnings)
            yield precision, str(size), seconds, size.pixels / 1e6 / seconds, "; ".join(warnings) or "none"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="vulkan", help="as img-enhance names it (default vulkan)")
    add_arguments(parser, "network", "photos")
    return parser


if __name__ == "__main__":
    sys.exit(main())
