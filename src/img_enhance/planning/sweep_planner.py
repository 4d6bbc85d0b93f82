"""Plans how a network sweeps a picture: which stages, windows and areas are the fastest that fit in memory."""

from bisect import bisect_left
from collections.abc import Iterator

from img_enhance.geometry import Box, Size
from img_enhance.models.model import Model
from img_enhance.models.networks.segment import Precision
from img_enhance.planning.plan import Device
from img_enhance.planning.sweep_plan import CHANNELS, Stage, Store, SweepPlan
from img_enhance.planning.windows import fewest, length

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

VALUE_BYTES: dict[Precision, int] = {"f32": 4, "bf16": 2}

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


def plan_network(
    model: Model, size: Size, core: Box, store: Store, *, precision: Precision, device: Device, below: int, allowed: int
) -> SweepPlan:
    """The fastest sweep that fits; where none does, the smallest one, whose projected bytes say so."""
    # A part of the picture is to have the bits of the whole one: it reads as far as the network can see.
    cells = size.cells(model.cell)
    halo = model.halo if core == cells.box else reach_of(model)
    seen = core.grown(halo, within=cells.box).size

    def plan(rows: int, columns: int, stages: tuple[Stage, ...], scratch: int) -> SweepPlan:
        return SweepPlan(
            model=model,
            precision=precision,
            size=size,
            result=size.scaled(model.scale),
            core=core,
            store=store,
            area_rows=rows,
            area_columns=columns,
            halo=halo,
            stages=stages,
            projected_bytes=below + scratch,
            cell=model.cell,
        )

    # PyTorch compiles nothing, and a network as a whole sees so far that its windows could not be made smaller on a full card.
    if seen.pixels <= WHOLE_PIXELS and not device.own_memory:
        whole = _stage(model, 0, len(model.segments) - 1, max(seen.width, seen.height))
        scratch = seen.pixels * (model.whole.bytes_per_pixel(precision) + copies_bytes(model, model.scale))
        if below + scratch <= allowed:
            return plan(1, 1, (whole,), scratch)

    fitting, least = [], below
    feature_bytes = 2 * model.features * VALUE_BYTES[precision]
    for stages in _ways_to_cut(model, seen):
        for one_area in (True, False):
            reads = [_read(seen, stage, one_area=one_area) for stage in stages]
            windows_bytes = [_window_bytes(model, stage, read, precision) for stage, read in zip(stages, reads, strict=True)]
            kept_bytes = (_kept_bytes(model, stage, read, precision) for stage, read in zip(stages, reads, strict=True))
            scratch = max(windows_bytes)
            if not device.own_memory:  # there PyTorch keeps nothing between windows, and the allocator no holes that it could not use
                scratch += sum(kept_bytes) + (0 if one_area else AREAS_BYTES)
            least = below + scratch  # the ways come with ever smaller windows
            room = allowed - below - scratch
            single = (1, 1) if seen.pixels * feature_bytes <= room else None
            areas = single if one_area else _areas(seen, halo, feature_bytes, room)
            if areas is not None:
                rows, columns = areas
                features = feature_bytes * _area(seen, rows, columns, halo).pixels
                answer = plan(rows, columns, stages, scratch + features)
                touched = 0 if device.own_memory else sum(windows_bytes) * rows * columns
                fitting.append((network_seconds(answer, device) + touched / TOUCH_BYTES_PER_SECOND, answer))
                break  # where one area fits, several only recompute more
    if not fitting:
        # Not smaller ones: areas of single pixels might fit, and would take for ever, to count as well as to run.
        rows, columns = _most(seen.height, halo), _most(seen.width, halo)
        return plan(rows, columns, stages, least - below + feature_bytes * _area(seen, rows, columns, halo).pixels)
    return min(fitting, key=lambda entry: entry[0])[1]


def network_seconds(plan: SweepPlan, device: Device) -> float:
    return plan.flops / (device.rates.of(plan.precision) * 1e9) + START_SECONDS


def copies_bytes(model: Model, scale: int) -> int:
    return WINDOW_COPIES_BYTES * model.cell**2 * (1 + scale * scale)


def _ways_to_cut(model: Model, size: Size) -> Iterator[tuple[Stage, ...]]:
    """Ways to group the segments into stages and to bound their windows: the head goes with the first group, the tail alone."""
    last = len(model.segments) - 1
    if last and max(size.width, size.height) <= model.segments[1].window:
        yield _stages(model, group=SEGMENTS_OF_ONE_WINDOW, shrink=1)
    shrink = 1
    while True:
        stages = _stages(model, group=1, shrink=shrink)
        yield stages
        if all(stage.side == SMALLEST_SIDE for stage in stages):
            return
        shrink *= 2


def _stages(model: Model, *, group: int, shrink: int) -> tuple[Stage, ...]:
    last = len(model.segments) - 1
    starts = [0, *range(1 + group, last, group), last] if last else [0]
    stops = [*(start - 1 for start in starts[1:]), last]
    return tuple(_stage(model, a, b, max(SMALLEST_SIDE, model.segments[b].window // shrink)) for a, b in zip(starts, stops, strict=True))


def _stage(model: Model, first: int, last: int, side: int) -> Stage:
    reach = sum(segment.reach for segment in model.segments[first : last + 1])
    return Stage(first, last, reach, side, sum(model.flops_of_segments[first : last + 1]))


def _window_bytes(model: Model, stage: Stage, read: Size, precision: Precision) -> int:
    scale = model.scale if stage.last == len(model.segments) - 1 else 1
    segments = model.segments[stage.first : stage.last + 1]
    scratch = max(segment.scratch.bytes_per_pixel(precision) for segment in segments)
    return read.pixels * (scratch + copies_bytes(model, scale))


def _kept_bytes(model: Model, stage: Stage, read: Size, precision: Precision) -> int:
    """What a compiled stage keeps between its windows, as long as it is loaded: its kernels and its input's buffer."""
    channels = model.features if stage.first else CHANNELS * model.cell**2
    return STAGE_BYTES + read.pixels * channels * VALUE_BYTES[precision]


def _read(seen: Size, stage: Stage, *, one_area: bool) -> Size:
    """What a window of a stage reads at most: exactly where there is one area, an upper bound where there may be any."""

    def along(pixels: int) -> int:
        if one_area:
            return length(pixels, fewest(pixels, side=stage.side, halo=stage.reach), halo=stage.reach)
        return min(pixels, stage.side + 2 * stage.reach)

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
