"""What cutting a photo up and computing in bf16 do to the picture, against one untiled pass in the same precision or in f32."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from img_enhance.geometry import Box, Size
from img_enhance.machine.devices import detect_cpu
from img_enhance.machine.memory import give_back
from img_enhance.models.model import Model
from img_enhance.models.networks.segment import Precision
from img_enhance.models.table import BUILT_IN, MODELS
from img_enhance.models.weights.store import load
from img_enhance.passes.network import NetworkPlan
from img_enhance.passes.sweep import Network, sweep
from img_enhance.planning.planner import choose_precision
from img_enhance.runtimes.openvino import OpenVINO
from img_enhance.units import bytes_text
from measure import say
from photos import Pixels, main_source, photo_pixels, size_of
from pictures import column_step, difference, eight_bit
from plans import in_segments, in_two_areas, network_plan, untiled
from settings import Settings
from tables import Cell, Column, Table, verdict

Picture = npt.NDArray[np.float32]

LARGE, COMPACT = BUILT_IN.named("realesrgan-x4plus"), BUILT_IN.named("realesr-animevideov3")

SIZE, QUICK_SIZE = Size(640, 448), Size(96, 64)
SEGMENT_SIDE, QUICK_SEGMENT_SIDE = 192, 48
SMALL_SIDE, QUICK_SMALL_SIDE = 64, 32

AREAS_DECIBELS, AREAS_WORST = 60, 8
WINDOWS_WORST = 1
PRECISION_DECIBELS = 48
EXTRA_MEGAPIXELS, EXTRA_PERCENT = 4.0, 45
EXTRA_BUDGETS = (2_000_000_000, 4_000_000_000, None)


@dataclass(frozen=True)
class Subject:
    """The photo, and how small its windows are."""

    pixels: Pixels
    segment_side: int
    small_side: int

    @property
    def size(self) -> Size:
        return Size(self.pixels.shape[1], self.pixels.shape[0])


def tables(settings: Settings) -> Iterator[Table]:
    """Sweeps compared with each other; precisions compared; work that is done twice."""
    pixels = photo_pixels(main_source(), QUICK_SIZE if settings.quick else SIZE)
    sides = (QUICK_SEGMENT_SIDE, QUICK_SMALL_SIDE) if settings.quick else (SEGMENT_SIDE, SMALL_SIDE)
    subject = Subject(pixels, *sides)
    precisions: tuple[Precision, ...] = ("f32", "bf16") if choose_precision("auto", detect_cpu()) == "bf16" else ("f32",)
    yield _cutting(subject, precisions)
    if "bf16" in precisions:
        yield _precision(subject)
    yield _extra()


def _cutting(subject: Subject, precisions: tuple[Precision, ...]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for precision in precisions:
        rows += _large_rows(subject, precision)
        rows += _compact_rows(subject, precision)
    return Table(
        title="Cut up in one way against another",
        about="The same network, photo and precision; PSNR and worst difference of 8-bit values; bits are those of the float32 answer.",
        columns=(
            Column("dB", ".1f"),
            Column("worst /255", "d"),
            Column("same bits"),
            Column("seam step", "+.3f"),
            Column("goal"),
            Column("precision"),
            Column("model"),
            Column("compared"),
        ),
        rows=tuple(rows),
        notes=(
            f"photo: {main_source().name}, {subject.size}",
            "seam step: mean absolute step across the two middle columns, where two areas meet, less that of the other picture, of 255",
            "no goal for areas in bf16: where their halos end, the noise of the arithmetic is as large as the difference",
        ),
    )


def _large_rows(subject: Subject, precision: Precision) -> Iterator[tuple[Cell, ...]]:
    network, own = _network(LARGE, precision), network_plan(LARGE, subject.size, precision=precision)
    cut = in_segments(own, LARGE, subject.segment_side)
    whole = _answer(network, untiled(own, LARGE), subject.pixels)
    one_area = _answer(network, cut, subject.pixels)
    two_areas = _answer(network, in_two_areas(cut), subject.pixels)
    engines = _answer(network, own, subject.pixels)
    network.close()
    give_back()
    windows = f"segments, {subject.segment_side} px windows"
    yield _row(engines, whole, LARGE, what="the engine's plan : untiled", precision=precision, goal=_same_bits)
    yield _row(one_area, whole, LARGE, what=f"{windows} : untiled", precision=precision, goal=_same_bits)
    yield _row(engines, one_area, LARGE, what=f"the engine's plan : {windows}", precision=precision, goal=_same_bits)
    areas = f"two areas, halo {LARGE.halo} : one area"
    yield _row(two_areas, one_area, LARGE, what=areas, precision=precision, goal=_close if precision == "f32" else _no_goal)


def _compact_rows(subject: Subject, precision: Precision) -> Iterator[tuple[Cell, ...]]:
    network, own = _network(COMPACT, precision), network_plan(COMPACT, subject.size, precision=precision)
    whole = _answer(network, untiled(own, COMPACT), subject.pixels)
    small = _answer(network, in_segments(own, COMPACT, subject.small_side), subject.pixels)
    network.close()
    give_back()
    yield _row(small, whole, COMPACT, what=f"{subject.small_side} px windows : untiled", precision=precision, goal=_within_one)


Goal = Callable[[float, int, bool], str | None]


def _same_bits(_decibels: float, _worst: int, same: bool) -> str:
    return verdict(same, "same bits")


def _close(decibels: float, worst: int, _same: bool) -> str:
    return verdict(decibels >= AREAS_DECIBELS and worst <= AREAS_WORST, f">= {AREAS_DECIBELS} dB, <= {AREAS_WORST}")


def _within_one(_decibels: float, worst: int, _same: bool) -> str:
    return verdict(worst <= WINDOWS_WORST, f"<= {WINDOWS_WORST}")


def _no_goal(_decibels: float, _worst: int, _same: bool) -> None:
    return None


def _row(found: Picture, expected: Picture, model: Model, *, what: str, precision: Precision, goal: Goal) -> tuple[Cell, ...]:
    ours, theirs = eight_bit(found), eight_bit(expected)
    apart, same = difference(ours, theirs), np.array_equal(found, expected)
    # Two areas meet in the middle, and there only.
    seam = ours.shape[1] // model.scale // 2 * model.scale
    step = column_step(ours, seam) - column_step(theirs, seam)
    wanted = goal(apart.decibels, apart.worst, same)
    return apart.decibels, apart.worst, "yes" if same else "no", step, wanted, precision, model.name, what


def _precision(subject: Subject) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for model in MODELS:
        f32, bf16 = (_untiled_eight_bit(model, precision, subject.pixels) for precision in ("f32", "bf16"))
        apart = difference(bf16, f32)
        share = 100 * float(np.mean(np.abs(bf16.astype(np.int16) - f32) > 1))
        goal = verdict(apart.decibels >= PRECISION_DECIBELS, f">= {PRECISION_DECIBELS} dB")
        rows.append((apart.decibels, apart.worst, share, goal, model.name))
    return Table(
        title="bf16 against f32",
        about="The untiled network in both precisions; PSNR and differences of 8-bit values.",
        columns=(Column("dB", ".1f"), Column("worst /255", "d"), Column("% off by > 1", ".2f"), Column("goal"), Column("model")),
        rows=tuple(rows),
        notes=(f"photo: {main_source().name}, {subject.size}",),
    )


def _extra() -> Table:
    """Arithmetic on the plan; nothing runs."""
    size, precision = size_of(EXTRA_MEGAPIXELS), choose_precision("auto", detect_cpu())
    rows: list[tuple[Cell, ...]] = []
    for budget in EXTRA_BUDGETS:
        plan = network_plan(LARGE, size, precision=precision, max_memory=budget)
        goal = verdict(100 * plan.extra <= EXTRA_PERCENT, f"<= {EXTRA_PERCENT} %")
        allowed = bytes_text(budget) if budget else "default"
        rows.append((100 * plan.extra, goal, allowed, plan.area_rows * plan.area_columns, max(stage.side for stage in plan.stages)))
    return Table(
        title=f"Work done more than once, {LARGE.name}",
        about=f"Operations beyond those of an untiled run over {size}, as a part of them; from the plan, nothing runs.",
        columns=(Column("extra %", ".1f"), Column("goal"), Column("--max-memory"), Column("areas"), Column("window px")),
        rows=tuple(rows),
    )


def _untiled_eight_bit(model: Model, precision: Precision, pixels: Pixels) -> Pixels:
    network = _network(model, precision)
    size = Size(pixels.shape[1], pixels.shape[0])
    plan = untiled(network_plan(model, size, precision=precision), model)
    answer = eight_bit(_answer(network, plan, pixels))
    network.close()
    give_back()
    return answer


def _network(model: Model, precision: Precision) -> Network:
    say(f"{model.name} in {precision}")
    return Network(model.segments, load(model), OpenVINO(precision))


def _answer(network: Network, plan: NetworkPlan, pixels: Pixels) -> Picture:
    """The network's answer as it leaves the sweep: (H, W, 3) float32, not clipped."""
    answer = np.empty((plan.result.height, plan.result.width, 3), np.float32)

    def read(box: Box) -> Picture:
        return np.multiply(pixels[box.slices], np.float32(1 / 255), dtype=np.float32)

    def write(box: Box, window: Picture) -> None:
        answer[box.slices] = window

    sweep(network, read, write, plan, tick=lambda: None, done=lambda _: None)
    return answer
