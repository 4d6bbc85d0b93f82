"""How much of the bare network's speed is left once a large photo is read, cut, swept and put together."""

import time
from collections.abc import Iterator

import numpy as np

from img_enhance.engine import Engine
from img_enhance.machine.devices import detect_cpu
from img_enhance.models.model import Model
from img_enhance.models.networks.segment import Precision
from img_enhance.models.table import BUILT_IN
from img_enhance.models.weights.store import load
from img_enhance.passes.network import NetworkPlan
from img_enhance.photo import Photo
from img_enhance.planning.planner import choose_precision
from img_enhance.request.recipe import Recipe
from img_enhance.request.step_options import RealESRGAN
from img_enhance.runtimes.openvino import OpenVINO
from measure import say
from photos import Pixels, main_source, photo_pixels, size_of
from settings import Settings
from tables import Column, Table, verdict

MODEL = BUILT_IN.named("realesrgan-x4plus")
MEGAPIXELS, QUICK_MEGAPIXELS = 4.0, 0.01
SIDES, QUICK_SIDES = (64, 96, 128, 160, 192, 256), (64,)
SECONDS, QUICK_SECONDS = 3.0, 0.1
GOAL_PERCENT = 60


def tables(settings: Settings) -> Iterator[Table]:
    """Useful input pixels a second of the engine against the best rate of the network alone, on one tile and one stream."""
    pixels = photo_pixels(main_source(), size_of(QUICK_MEGAPIXELS if settings.quick else MEGAPIXELS))
    precision = choose_precision("auto", detect_cpu())
    # Before and after: the machine may be slower at one time than at another, and its best counts.
    before = _bare_rate(MODEL, precision, pixels, settings)
    say(f"rate, {pixels.shape[1]}x{pixels.shape[0]}")
    with Engine() as engine:
        result = engine.enhance(Photo(pixels), Recipe(steps=(RealESRGAN(model=MODEL.name),)))
    after = _bare_rate(MODEL, precision, pixels, settings)
    side, best = max(before, after, key=lambda found: found[1])
    seconds = next(step.seconds for step in result.phases if step.name == MODEL.name)
    useful = result.plan.size.pixels / seconds
    percent = 100 * useful / best
    (step,) = result.plan.passes
    assert isinstance(step, NetworkPlan)
    yield Table(
        title=f"Useful rate of {MODEL.name}",
        about="Input pixels of the photo a second, loading and compiling the network included, against the bare network's best tile.",
        columns=(
            Column("% of bare", ".0f"),
            Column("goal"),
            Column("photo"),
            Column("useful 1000 px/s", ".1f"),
            Column("bare 1000 px/s", ".1f"),
            Column("bare tile"),
            Column("extra %", ".0f"),
            Column("areas"),
            Column("precision"),
        ),
        rows=(
            (
                percent,
                verdict(percent >= GOAL_PERCENT, f">= {GOAL_PERCENT} %"),
                str(result.plan.size),
                useful / 1e3,
                best / 1e3,
                f"{side}x{side}",
                100 * step.extra,
                step.area_rows * step.area_columns,
                result.plan.precision,
            ),
        ),
        notes=(f"photo: {main_source().name}", *result.warnings),
    )


def _bare_rate(model: Model, precision: Precision, pixels: Pixels, settings: Settings) -> tuple[int, float]:
    """The side of the fastest tile and its pixels a second: the whole network compiled once, one stream over all cores."""
    compiled = OpenVINO(precision).compile(model.segments, load(model))
    rates = {}
    for side in QUICK_SIDES if settings.quick else SIDES:
        say(f"bare network, {side}x{side}")
        tile = [np.ascontiguousarray(pixels[:side, :side], np.float32) / 255]
        compiled.run(tile, lambda: None)  # the first run at a size prepares its kernels
        fastest, ends = np.inf, time.perf_counter() + (QUICK_SECONDS if settings.quick else SECONDS)
        while time.perf_counter() < ends:
            started = time.perf_counter()
            compiled.run(tile, lambda: None)
            fastest = min(fastest, time.perf_counter() - started)
        rates[side] = tile[0].shape[0] * tile[0].shape[1] / fastest
    compiled.release()
    return max(rates.items(), key=lambda item: item[1])
