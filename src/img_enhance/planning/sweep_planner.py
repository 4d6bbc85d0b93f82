"""Plans how a network sweeps a picture: which stages, windows and areas are the fastest that fit in memory."""

import dataclasses
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass

from img_enhance.geometry import Box, Size
from img_enhance.models.model import Model
from img_enhance.models.networks.segment import Precision, Scratch, Segment
from img_enhance.planning.plan import Device
from img_enhance.planning.speeds import Cut, network_work
from img_enhance.planning.sweep_plan import CHANNELS, Medium, Stage, SweepPlan
from img_enhance.planning.windows import fewest, length, longest

# What a compiled stage holds beside weights and scratch: kernels and buffers for each shape of window (measured 2026-11: 2-3 MB).
STAGE_BYTES = 4_000_000

# What the heap may keep in holes where areas follow each other, each through all stages: five runs of one plan took 400 to 474 MB (measured
# 2026-11).
AREAS_BYTES = 32_000_000

# Up to so many pixels a network is compiled as one, which starts faster; beyond, segment by segment, which needs less memory.
WHOLE_PIXELS = 256 * 256

# float32 copies of a window on its way in and out of the network, per pixel read and per pixel of its answer.
WINDOW_COPIES_BYTES = 3 * 4 * CHANNELS

SMALLEST_SIDE = 32

# A photo that is one window needs no halos, so that several segments can be one stage: fewer stages touch fresh memory fewer times,
# more stages show progress more often.
SEGMENTS_OF_ONE_WINDOW = 8

# f16 is how a GPU by Vulkan stores values, whose features lie in the machine's memory as float32.
VALUE_BYTES: dict[Precision, int] = {"f32": 4, "bf16": 2, "f16": 4}

# What ncnn needs for a window on a device against the scratch in f32 that stands beside segments: its convolutions transform what they read
# and write (measured 2026-11 with llvmpipe: 1.3 to 4.5 times in f32, 1 to 1.9 in f16, small windows' whole blocks of memory included).
VULKAN_SCRATCH: dict[Precision, float] = {"f32": 4.6, "f16": 2.3}

# Features to the device and back, through ncnn's own arrays and the bus: an estimate, to choose by.
COPY_BYTES_PER_SECOND = 2e9
# How many segments a stage has where features are copied between stages.
COPIED_GROUPS = (1, 2, 4, 8)
# A window's features on their way in and out, in numpy's and in ncnn's arrays, and on the bus.
COPIES = 3

# Rates that only serve to choose and to estimate: memory handed out by the system for the first time (measured 2026-11: 0.8-2 GB/s on a
# virtual machine), and the time to load and compile a network.
TOUCH_BYTES_PER_SECOND = 1.2e9
START_SECONDS = 1.0


def core_of(model: Model, part: Box) -> Box:
    """The cells of a picture that a part of the network's answer is made of."""
    side = model.cell * model.scale
    return part.covered(1 / side, 1 / side)


def reach_of(model: Model) -> int:
    """How far a network sees in theory, in cells."""
    return sum(segment.reach for segment in model.segments)


@dataclass(frozen=True)
class _Sweeping:
    """What is to be swept: the cells `core` of a picture of `size`, within the `allowed` bytes of which `below` are taken."""

    model: Model
    size: Size
    core: Box
    medium: Medium
    precision: Precision
    device: Device
    below: int
    allowed: int
    features_room: int | None

    @property
    def halo(self) -> int:
        """How far areas see. A part of the picture is to have the bits of the whole one: it reads as far as the network can see."""
        return self.model.halo if self.core == self.size.cells(self.model.cell).box else reach_of(self.model)

    @property
    def seen(self) -> Size:
        """The core with its halo, as far as there is a picture."""
        return self.core.grown(self.halo, within=self.size.cells(self.model.cell).box).size

    @property
    def feature_bytes(self) -> int:
        """Bytes of two maps of features, for each cell."""
        return 2 * self.model.features * VALUE_BYTES[self.precision]

    def plan(self, rows: int, columns: int, stages: tuple[Stage, ...], scratch: int) -> SweepPlan:
        """The sweep in so many areas and these stages, which takes `scratch` bytes."""
        return SweepPlan(
            model=self.model,
            precision=self.precision,
            size=self.size,
            result=self.size.scaled(self.model.scale),
            core=self.core,
            medium=self.medium,
            area_rows=rows,
            area_columns=columns,
            halo=self.halo,
            stages=stages,
            projected_bytes=self.below + scratch,
            cell=self.model.cell,
        )


def plan_network(
    model: Model,
    size: Size,
    core: Box,
    medium: Medium,
    *,
    precision: Precision,
    device: Device,
    below: int,
    allowed: int,
    features_room: int | None = None,
) -> SweepPlan:
    """The fastest sweep that fits; where none does, the smallest one, whose projected bytes say so.

    `features_room` are the bytes for features where these do not lie with the scratch; then the projected bytes leave them out.
    """
    sweeping = _Sweeping(model, size, core, medium, precision, device, below, allowed, features_room)
    whole = _in_one_stage(sweeping)
    if whole is not None:
        return whole
    ways = list(_ways_to_cut(model, sweeping.seen, COPIED_GROUPS if device.features_on_host else (1,)))
    fitting = list(_as_a_whole(sweeping)) if device.features_on_host else []
    fitting += [entry for entry in (_timed(sweeping, stages) for stages in ways) if entry is not None]
    # The ways come with ever smaller windows. A network that sees all of its window gets the largest, whatever is faster.
    if model.sees_all and fitting:
        return fitting[0][1]
    return min(fitting, key=lambda entry: entry[0])[1] if fitting else _smallest(sweeping, ways[-1])


def _in_one_stage(sweeping: _Sweeping) -> SweepPlan | None:
    """The sweep that runs the network as a whole, if the picture is small and it fits."""
    model, seen = sweeping.model, sweeping.seen
    # PyTorch compiles nothing, and a network as a whole sees so far that its windows could not be made smaller on a full card.
    side = max(seen.width, seen.height)
    if seen.pixels > WHOLE_PIXELS or side > (model.widest or side) or sweeping.device.own_memory:
        return None
    scratch = seen.pixels * (model.whole.bytes_per_pixel(sweeping.precision) + copies_bytes(model, model.scale))
    if sweeping.below + scratch > sweeping.allowed:
        return None
    return sweeping.plan(1, 1, (_stage(model, 0, len(model.segments) - 1, side),), scratch)


def _timed(sweeping: _Sweeping, stages: tuple[Stage, ...]) -> tuple[float, SweepPlan] | None:
    """The sweep in these stages that computes the least, if any fits, and its seconds."""
    seen, feature_bytes = sweeping.seen, sweeping.feature_bytes
    for one_area in (True, False):
        scratch, touched = _scratch_bytes(sweeping, stages, one_area=one_area)
        room = sweeping.allowed - sweeping.below - scratch
        if sweeping.features_room is not None and room >= 0:
            room = sweeping.features_room - copied_bytes(sweeping.model, stages, seen, sweeping.precision, sweeping.device)
        single = (1, 1) if seen.pixels * feature_bytes <= room else None
        areas = single if one_area else _areas(seen, sweeping.halo, feature_bytes, room)
        if areas is not None:  # where one area fits, several only recompute more
            rows, columns = areas
            features = feature_bytes * _area(seen, rows, columns, sweeping.halo).pixels if sweeping.features_room is None else 0
            plan = sweeping.plan(rows, columns, stages, scratch + features)
            memory = touched * rows * columns / TOUCH_BYTES_PER_SECOND + _copying_seconds(plan, sweeping.device)
            return network_seconds(plan, sweeping.device) + memory, plan
    return None


def _as_a_whole(sweeping: _Sweeping) -> Iterator[tuple[float, SweepPlan]]:
    """Sweeps of the network as one stage that fit, and their seconds: windows that overlap as areas do, and no features between."""
    model = sweeping.model
    last = len(model.segments) - 1
    side = model.segments[0].window
    while last and side >= SMALLEST_SIDE:
        stages = (dataclasses.replace(_stage(model, 0, last, side), reach=sweeping.halo),)
        scratch, _ = _scratch_bytes(sweeping, stages, one_area=True)
        copied = copied_bytes(model, stages, sweeping.seen, sweeping.precision, sweeping.device)
        if sweeping.below + scratch <= sweeping.allowed and copied <= (sweeping.features_room or 0):
            plan = sweeping.plan(1, 1, stages, scratch)
            yield network_seconds(plan, sweeping.device), plan
        side //= 2


def _copying_seconds(plan: SweepPlan, device: Device) -> float:
    """The seconds that features take on their way between stages, where that is far."""
    if not device.features_on_host or len(plan.stages) == 1:
        return 0.0
    copied = sum(plan.pixels_read(stage) for stage in plan.stages) * 2 * plan.model.features * VALUE_BYTES[plan.precision]
    return copied / COPY_BYTES_PER_SECOND


def copied_bytes(model: Model, stages: tuple[Stage, ...], cells: Size, precision: Precision, device: Device) -> int:
    """The most that a window takes in the machine's memory: copies on their way into the first stage or out of the last, or between any
    where features are far, and what a GPU leaves to the processor."""

    def read_by(stage: Stage) -> int:
        most = stage.side + 2 * stage.halo
        return min(most, cells.width) * min(most, cells.height)

    on_host = model.whole.host if device.features_on_host else 0
    ends = max(read_by(stages[0]) * copies_bytes(model, 1), read_by(stages[-1]) * (copies_bytes(model, model.scale) + on_host))
    if not device.features_on_host or len(stages) == 1:
        return ends
    return ends + max(map(read_by, stages)) * COPIES * 2 * model.features * VALUE_BYTES[precision]


def features_bytes(plan: SweepPlan) -> int:
    """What the features of the largest area take between stages, two maps of them."""
    if len(plan.stages) == 1:
        return 0
    largest = max(area.read.size.pixels for area in plan.areas())
    return 2 * plan.model.features * VALUE_BYTES[plan.precision] * largest


def _smallest(sweeping: _Sweeping, stages: tuple[Stage, ...]) -> SweepPlan:
    """The sweep in these stages and as many areas as there may be.

    Not more: areas of single pixels might fit, and would take for ever, to count as well as to run.
    """
    seen, halo = sweeping.seen, sweeping.halo
    rows, columns = _most(seen.height, halo), _most(seen.width, halo)
    scratch, _ = _scratch_bytes(sweeping, stages, one_area=False)
    features = 0 if sweeping.features_room is not None else sweeping.feature_bytes * _area(seen, rows, columns, halo).pixels
    return sweeping.plan(rows, columns, stages, scratch + features)


def _scratch_bytes(sweeping: _Sweeping, stages: tuple[Stage, ...], *, one_area: bool) -> tuple[int, int]:
    """What stages take at most beside features, and how much fresh memory they touch in an area."""
    model, precision = sweeping.model, sweeping.precision
    reads = [_read(sweeping.seen, stage, one_area=one_area) for stage in stages]
    windows_bytes = [_window_bytes(model, stage, read, precision, sweeping.device) for stage, read in zip(stages, reads, strict=True)]
    if sweeping.device.own_memory:  # there nothing is kept between windows, and the allocator has no holes that it could not use
        return max(windows_bytes), 0
    kept_bytes = sum(_kept_bytes(model, stage, read, precision) for stage, read in zip(stages, reads, strict=True))
    return max(windows_bytes) + kept_bytes + (0 if one_area else AREAS_BYTES), sum(windows_bytes)


def network_seconds(plan: SweepPlan, device: Device) -> float:
    """How long the sweep takes by the device's rates, which every machine of its kind has alike: by this, ways are chosen."""
    return plan.flops / (device.rates.of(plan.precision) * 1e9) + START_SECONDS


def likely_seconds(plan: SweepPlan, device: Device) -> float:
    """How long the sweep takes by what was measured on this machine, else by the device's rates."""
    speed = device.speeds.get(network_work(plan.model.title, plan.precision, cut_of(plan)))
    return network_seconds(plan, device) + _copying_seconds(plan, device) if speed is None else speed.seconds(plan.flops)


def cut_of(plan: SweepPlan) -> Cut:
    """How the network runs, as its work is named by."""
    return "whole" if len(plan.stages) == 1 else "stages"


def copies_bytes(model: Model, scale: int) -> int:
    return WINDOW_COPIES_BYTES * model.cell**2 * (1 + scale * scale)


def _ways_to_cut(model: Model, size: Size, groups: tuple[int, ...]) -> Iterator[tuple[Stage, ...]]:
    """Ways to group the segments into stages and to bound their windows: the head goes with the first group, the tail alone."""
    last = len(model.segments) - 1
    if last and max(size.width, size.height) <= model.segments[1].window:
        yield stages_of(model, group=SEGMENTS_OF_ONE_WINDOW)
    shrink = 1
    while True:
        for group in reversed(groups if last else (1,)):
            stages = stages_of(model, group=group, shrink=shrink)
            yield stages
        if all(stage.side == _smallest_side(model.segments[stage.last]) for stage in stages):
            return
        shrink *= 2


def stages_of(model: Model, *, group: int = 1, shrink: int = 1) -> tuple[Stage, ...]:
    """The segments in stages of so many, over windows that are smaller than usual so many times."""
    last = len(model.segments) - 1
    starts = [0, *range(1 + group, last, group), last] if last else [0]
    stops = [*(start - 1 for start in starts[1:]), last]
    sides = (max(_smallest_side(model.segments[b]), model.segments[b].window // shrink) for b in stops)
    return tuple(_stage(model, a, b, side) for a, b, side in zip(starts, stops, sides, strict=True))


def _smallest_side(segment: Segment) -> int:
    """The side of the smallest windows that are worth the while, or of all where a network takes no such large ones."""
    return min(max(1, SMALLEST_SIDE // segment.cell), segment.window)


def _stage(model: Model, first: int, last: int, side: int) -> Stage:
    segments = model.segments[first : last + 1]
    reach, multiple = sum(segment.reach for segment in segments), max(segment.multiple for segment in segments)
    return Stage(first, last, reach, side, sum(model.flops_of_segments[first : last + 1]), multiple)


def scratch_of(scratch: Scratch, precision: Precision, device: Device) -> float:
    """Bytes for each pixel of a window, on this device."""
    return scratch.bytes_per_pixel(precision) * (VULKAN_SCRATCH[precision] if device.runtime == "vulkan" else 1)


def _window_bytes(model: Model, stage: Stage, read: Size, precision: Precision, device: Device) -> int:
    scale = model.scale if stage.last == len(model.segments) - 1 else 1
    segments = model.segments[stage.first : stage.last + 1]
    if len(segments) == len(model.segments):
        scratch = scratch_of(model.whole, precision, device)
    else:
        scratch = max(scratch_of(segment.scratch, precision, device) for segment in segments)
    return int(read.pixels * (scratch + copies_bytes(model, scale)))


def _kept_bytes(model: Model, stage: Stage, read: Size, precision: Precision) -> int:
    """What a compiled stage keeps between its windows, as long as it is loaded: its kernels and its input's buffer."""
    channels = model.features if stage.first else CHANNELS * model.cell**2
    return STAGE_BYTES + read.pixels * channels * VALUE_BYTES[precision]


def _read(seen: Size, stage: Stage, *, one_area: bool) -> Size:
    """What a window of a stage reads at most: exactly where there is one area, an upper bound where there may be any."""

    def along(pixels: int) -> int:
        if one_area:
            return longest(pixels, side=stage.side, halo=stage.reach, multiple=stage.multiple)
        return min(pixels, stage.side + 2 * stage.halo)

    return Size(along(seen.width), along(seen.height))


def _area(seen: Size, rows: int, columns: int, halo: int) -> Size:
    """What each of `rows` x `columns` areas reads."""
    return Size(length(seen.width, columns, halo=halo), length(seen.height, rows, halo=halo))


def _most(seen: int, halo: int) -> int:
    """Into how many areas a side may be cut."""
    return fewest(seen, side=SMALLEST_SIDE, halo=halo)


def _areas(seen: Size, halo: int, feature_bytes: int, room: int) -> tuple[int, int] | None:
    """Rows and columns of the areas whose features fit into `room` bytes and that compute the fewest pixels; None if none fit."""
    if seen.height > seen.width:
        turned = _areas(seen.turned, halo, feature_bytes, room)
        return None if turned is None else turned[::-1]

    def too_large(columns: int) -> bool:
        return _area(seen, rows, columns, halo).pixels * feature_bytes > room

    fitting = []
    for rows in range(1, _most(seen.height, halo) + 1):
        counts = range(1, _most(seen.width, halo) + 1)
        columns = bisect_left(counts, True, key=lambda columns: not too_large(columns)) + 1  # the fewest: more only recompute more
        if columns <= len(counts):
            read = _area(seen, rows, columns, halo)
            fitting.append((read.pixels * rows * columns, rows * columns, rows, columns))
    return min(fitting)[2:] if fitting else None
