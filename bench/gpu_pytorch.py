"""Prints how fast realesrgan-x4plus is on a GPU by PyTorch, against upstream's way and the GPU's own limit, and whether a budget holds.

python bench/gpu_pytorch.py                       the first CUDA device; minutes
python bench/gpu_pytorch.py --part network        one of the tables: network, photos, budget
python bench/gpu_pytorch.py --budget-gb 4         the budget of the last table
python bench/gpu_pytorch.py --place cpu --quick   tiny pictures on the processor: shows that everything runs, its figures mean nothing

It needs PyTorch (extra [torch]), in the interpreter that runs it. `bench/gpu.py` runs it part by part, each for so long at most.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from img_enhance.engine import Engine
from img_enhance.errors import GpuMemoryFull
from img_enhance.geometry import Size
from img_enhance.models.networks.segment import Precision
from img_enhance.models.table import BUILT_IN
from img_enhance.models.weights.store import load
from img_enhance.passes.network import NetworkPlan
from img_enhance.photo import Photo
from img_enhance.request.options import Machine
from img_enhance.request.recipe import Recipe
from img_enhance.request.step_options import CLAHE, RealESRGAN
from img_enhance.runtimes.torch import Torch
from machine import header, header_text
from measure import say
from parts import add_arguments, median_seconds, tell
from peers.pytorch_rrdbnet import network as upstreams_network
from peers.pytorch_rrdbnet import tiled
from photos import Pixels, main_source, photo_pixels
from pictures import difference
from tables import Cell, Column, Table, verdict

MODEL = BUILT_IN.named("realesrgan-x4plus")

# Sides of the windows that the bare network is measured on, in pixels; sizes of whole photos; those of the predecessor's photos.
SIDES, QUICK_SIDES = (256, 128, 512, 1024), (16, 24)
PHOTOS, QUICK_PHOTOS = (Size(1728, 2304), Size(4243, 2828)), (Size(40, 30),)
BUDGETED, QUICK_BUDGETED = (Size(1728, 2304), Size(2592, 4608), Size(4608, 2592), Size(9216, 6912)), (Size(40, 30), Size(64, 48))
# A matrix product that fills any GPU of today, and one for a processor.
PRODUCT, QUICK_PRODUCT = 8192, 256
UPSTREAMS_TILES = (0, 400)

REPEATS = 5
# Between a photo cut into areas and the same uncut.
LEAST_DECIBELS = {"f32": 60.0, "bf16": 45.0}


@dataclass(frozen=True)
class Bench:
    """Where the networks run, in which precision, and whether on tiny pictures only."""

    place: str
    precision: Precision
    quick: bool
    budget_bytes: int
    compiled: bool

    @property
    def dtype(self) -> torch.dtype:
        return torch.bfloat16 if self.precision == "bf16" else torch.float32

    @property
    def half(self) -> torch.dtype:
        """What upstream computes in on a GPU; processors are no measure of that."""
        return torch.float32 if self.place == "cpu" else torch.float16

    def machine(self, budget_bytes: int | None = None) -> Machine:
        device = "torch" if self.place == "cpu" else self.place
        return Machine(device=device, precision=self.precision, max_gpu_memory=budget_bytes)

    def wait(self) -> None:
        if self.place != "cpu":
            torch.cuda.synchronize(self.place)

    def seconds(self, work: Callable[[], object], repeats: int = REPEATS) -> float:
        """The median of several runs after one that does not count."""
        return median_seconds(work, repeats, wait=self.wait)


def main(given: Sequence[str] | None = None) -> int:
    """Measure and print."""
    arguments = _parser().parse_args(given)
    if arguments.place != "cpu" and not torch.cuda.is_available():
        say(f"PyTorch {torch.__version__} finds no GPU; is it a build for CPUs, or the driver too old for CUDA {torch.version.cuda}?")
        return 3
    native = arguments.place == "cpu" or torch.cuda.is_bf16_supported(including_emulation=False)
    precision: Precision = "bf16" if native and not arguments.f32 else "f32"
    bench = Bench(arguments.place, precision, arguments.quick, int(arguments.budget_gb * 1e9), arguments.compile)
    facts = {**header(None), "torch": torch.__version__, **_gpu_facts(bench), "precision": precision}
    print(header_text(facts), flush=True)
    tables = {"network": _network_tables, "photos": _photo_tables, "budget": _budget_tables}
    parts = (tables[name] for name in arguments.part or tables)
    tell((part(bench) for part in parts), {"machine": facts, "quick": bench.quick}, arguments.json)
    return 0


def _gpu_facts(bench: Bench) -> dict[str, str]:
    if bench.place == "cpu":
        return {"gpu": "none"}
    facts = torch.cuda.get_device_properties(bench.place)
    return {
        "gpu": f"{facts.name}, {facts.total_memory / 1e9:.0f} GB",
        "cuda": str(torch.version.cuda),
        "cudnn": str(torch.backends.cudnn.version()),
    }


def _ceiling(bench: Bench) -> float:
    """Operations a second of a matrix product."""
    side = QUICK_PRODUCT if bench.quick else PRODUCT
    one, other = (torch.randn(side, side, device=bench.place, dtype=bench.dtype) for _ in range(2))
    return 2 * side**3 / bench.seconds(lambda: one @ other)


def _network_tables(bench: Bench) -> Iterator[Table]:
    """Input pixels a second of the bare network on one window that lies on the device."""
    say("the bare network")
    ceiling = _ceiling(bench)
    table = Table(
        title=f"The bare network, {MODEL.name}",
        about="Million input pixels a second on one window on the device; share of what a matrix product of this precision would allow.",
        columns=(
            Column("ours/upstream", ".2f"),
            Column("share of limit", ".2f"),
            Column("goal"),
            Column("window"),
            Column("ours", ".3f"),
            Column("upstream", ".3f"),
            Column("torch.compile" if bench.compiled else "last", ".3f"),
        ),
        rows=(),
        notes=(
            f"limit: {ceiling / 1e12:.1f} TFLOP/s, {MODEL.flops / 1e6:.1f} MFLOP a pixel: {ceiling / MODEL.flops / 1e6:.2f} MP/s",
            f"upstream: {bench.half}, channels first, as its code runs; the last column is that network in {bench.dtype}, channels last",
        ),
    )
    return table.growing(_network_rows(bench, ceiling))


def _network_rows(bench: Bench, ceiling: float) -> Iterator[tuple[Cell, ...]]:
    ours = Torch(bench.precision, place=bench.place).compile(MODEL.segments, load(MODEL))
    upstreams = _upstreams(bench, bench.half)
    channels_last = _upstreams(bench, bench.dtype, torch.channels_last)
    if bench.compiled:
        channels_last = torch.compile(channels_last)
    for side in QUICK_SIDES if bench.quick else SIDES:
        window = torch.rand(side, side, 3, device=bench.place, dtype=bench.dtype)
        picture = window.permute(2, 0, 1)[None]
        half, last = picture.to(bench.half).contiguous(), picture.contiguous(memory_format=torch.channels_last)
        with torch.inference_mode():
            try:
                seconds = [
                    bench.seconds(lambda: ours.run([window], lambda: None)),  # noqa: B023 - called before the next window
                    bench.seconds(lambda: upstreams(half)),  # noqa: B023
                    bench.seconds(lambda: channels_last(last)),  # noqa: B023
                ]
            except (GpuMemoryFull, torch.OutOfMemoryError):
                say(f"  no room for {side}x{side}")
                continue
        rate, upstreams_rate, last_rate = (side * side / one for one in seconds)
        share = rate * MODEL.flops / ceiling
        goal = verdict(share >= 0.5, ">= 0.5")
        yield rate / upstreams_rate, share, goal, f"{side}x{side}", rate / 1e6, upstreams_rate / 1e6, last_rate / 1e6


def _photo_tables(bench: Bench) -> Iterator[Table]:
    """Seconds from pixels in memory to pixels in memory, networks loaded."""
    table = Table(
        title=f"Whole photos, {MODEL.name}, x4",
        about="Seconds from pixels to pixels in the machine's memory, networks loaded; ratios of seconds first.",
        columns=(
            *(Column(f"tile {tile}/ours", ".2f") for tile in UPSTREAMS_TILES),
            Column("photo"),
            Column("ours s", ".2f"),
            *(Column(f"upstream, tile {tile} s", ".2f") for tile in UPSTREAMS_TILES),
            Column("ours MP/s", ".3f"),
        ),
        rows=(),
        notes=("upstream's way holds the photo and the result on the device; - where they do not fit",),
    )
    return table.growing(_photo_rows(bench))


def _photo_rows(bench: Bench) -> Iterator[tuple[Cell, ...]]:
    upstreams = _upstreams(bench, bench.half)
    with Engine(bench.machine()) as engine:
        for size in QUICK_PHOTOS if bench.quick else PHOTOS:
            say(f"whole photos, {size}")
            pixels = photo_pixels(main_source(), size)
            ours = bench.seconds(lambda: engine.enhance(Photo(pixels), _recipe()), 1)  # noqa: B023 - called before the next photo
            say(f"  ours {ours:.2f} s")
            theirs = [_upstreams_seconds(bench, upstreams, pixels, tile) for tile in UPSTREAMS_TILES]
            ratios = [None if one is None else one / ours for one in theirs]
            yield (*ratios, str(size), ours, *theirs, size.pixels / 1e6 / ours)


def _upstreams_seconds(bench: Bench, upstreams: Callable[[Any], Any], pixels: Pixels, tile: int) -> float | None:
    """Upstream's way for a whole photo; None where the device's memory does not do."""

    def work() -> None:
        picture = (torch.from_numpy(pixels).to(bench.place).permute(2, 0, 1)[None] / 255).to(bench.half)
        answer = tiled(upstreams, picture, tile) if tile else upstreams(picture)
        (answer[0].float().clamp_(0, 1).permute(1, 2, 0).cpu().numpy() * 255.0).round().astype("uint8")

    try:
        with torch.inference_mode():
            return bench.seconds(work, 1)
    except torch.OutOfMemoryError:
        return None


def _budget_tables(bench: Bench) -> Iterator[Table]:
    """The predecessor's sizes under a budget, against the same without one."""
    table = Table(
        title=f"{bench.budget_bytes / 1e9:g} GB of the GPU's memory, clahe and {MODEL.name}, x4",
        about="Most memory that PyTorch reserved against the budget; the picture against that of an engine without one.",
        columns=(
            Column("ratio", ".2f"),
            Column("goal"),
            Column("photo"),
            Column("seconds", ".1f"),
            Column("projected GB", ".2f"),
            Column("measured GB", ".2f"),
            Column("areas"),
            Column("dB", ".1f"),
            Column("worst of 255"),
            Column("warnings"),
        ),
        rows=(),
    )
    return table.growing(_budget_row(bench, size) for size in (QUICK_BUDGETED if bench.quick else BUDGETED))


def _budget_row(bench: Bench, size: Size) -> tuple[Cell, ...]:
    say(f"under a budget, {size}")
    recipe, pixels = Recipe(steps=(CLAHE(), *_steps())), photo_pixels(main_source(), size)
    with Engine(bench.machine(bench.budget_bytes)) as engine:
        started = time.perf_counter()
        result = engine.enhance(Photo(pixels), recipe)
        seconds = time.perf_counter() - started
    measured = 0 if bench.place == "cpu" else torch.cuda.max_memory_reserved(bench.place)
    say(f"  {seconds:.1f} s, {measured / 1e9:.2f} GB")
    _forget(bench)
    with Engine(bench.machine()) as engine:
        free = engine.enhance(Photo(pixels), recipe).photo.pixels
    _forget(bench)
    apart = difference(result.photo.pixels, free)
    least = LEAST_DECIBELS[bench.precision]
    network = result.plan.passes[-1]
    areas = network.area_rows * network.area_columns if isinstance(network, NetworkPlan) else 0
    return (
        measured / bench.budget_bytes,
        verdict(measured <= bench.budget_bytes and apart.decibels >= least, f"<= 1, >= {least:g} dB"),
        str(size),
        seconds,
        (result.plan.gpu_projected_bytes or 0) / 1e9,
        measured / 1e9,
        areas,
        apart.decibels,
        apart.worst,
        "; ".join(map(str, result.warnings)) or "none",
    )


def _forget(bench: Bench) -> None:
    if bench.place != "cpu":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(bench.place)


def _steps() -> tuple[RealESRGAN]:
    return (RealESRGAN(model=MODEL.name),)


def _recipe() -> Recipe:
    return Recipe(steps=_steps())


def _upstreams(bench: Bench, dtype: torch.dtype, format: torch.memory_format = torch.contiguous_format) -> Callable[[Any], Any]:
    weights = {}
    for name, values in load(MODEL).items():
        tensor = torch.from_numpy(values.astype("float32")).to(bench.place, dtype)
        weights[name] = tensor.contiguous(memory_format=format) if tensor.ndim == 4 else tensor
    return upstreams_network(weights)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--place", default="cuda:0", help="the device as PyTorch names it (default cuda:0)")
    parser.add_argument("--f32", action="store_true", help="float32 also where bf16 is native")
    parser.add_argument("--compile", action="store_true", help="upstream's network under torch.compile too, which takes minutes")
    parser.add_argument("--budget-gb", type=float, default=4.0, metavar="GB", help="the budget of the last table (default 4)")
    add_arguments(parser, "network", "photos", "budget")
    return parser


if __name__ == "__main__":
    sys.exit(main())
