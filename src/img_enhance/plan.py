"""The plan: pure arithmetic that says how a recipe will run, and in how much memory, before anything runs.

Words: *allowed* is the budget, *reserved* what the process needs before any photo, *projected* an upper bound of the peak. Memory
means anonymous memory: pages of files do not count, because the system can drop them.
"""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from typing import Literal

from img_enhance.errors import DeviceError, MemoryBudgetError
from img_enhance.geometry import Box, Size
from img_enhance.models import Model, Precision
from img_enhance.photo import Header, format_named
from img_enhance.units import bytes_text
from img_enhance.windows import Window, cuts, grid, windows

Store = Literal["memory", "disk"]

CHANNELS = 3

# The interpreter with numpy, OpenVINO and libvips loaded, their threads' stacks and arenas included (measured 2026-11: 75 MB).
RESERVED_BYTES = 110_000_000

# A compiled network's memory against its weights' bytes in the file: float32 constants, and copies in the order the kernels want.
RESIDENT_WEIGHTS = 6.6
COMPILED_BYTES = 12_000_000

# What a compiled stage holds beside weights and scratch: kernels and buffers for each shape of window (measured 2026-11: 2-3 MB).
STAGE_BYTES = 4_000_000

# libvips' buffers while a file is read or written line by line (measured on 16 to 64 MP: 20-60 MB).
STREAM_BYTES = 70_000_000

# Some decoders hold the whole picture, and all do for interlaced files: a progressive JPEG's coefficients take 2 bytes a value, then
# come the pixels. For 8 bits a channel (measured 2026-11 on 12 MP, alpha included, beyond the stream's: AVIF 11.8, BMP 7.3, TIFF in
# CIELAB 11.1, progressive JPEG 3.1 and in CMYK 6.6, WebP 4.3, GIF 0.6, interlaced PNG 0.3). HEIC was not measured.
WHOLE_DECODER_BYTES_PER_PIXEL = 14

# Filling colour under transparency (`bleed.py`): a pyramid of float32 colour and weight.
BLEED_BYTES_PER_PIXEL = 16

# Encoders that hold the whole picture, for 8 bits a channel; 12 bits take twice that (measured 2026-11, beyond the stream's: WebP 24.7,
# with alpha 26.8, without loss 21.6; AVIF 31.8, of 12 bits with alpha 56).
WHOLE_ENCODER_BYTES_PER_PIXEL = {"webp": 28, "avif": 44}

# Up to so many pixels a network is compiled as one, which starts faster; beyond, segment by segment, which needs less memory.
WHOLE_PIXELS = 256 * 256

# One canvas takes at most this part of what is allowed in memory; a larger one lies on disk.
CANVAS_SHARE = 0.2

# float32 copies of a window on its way in and out of the network, per pixel read and per pixel of its answer.
WINDOW_COPIES_BYTES = 3 * 4 * CHANNELS

SMALLEST_SIDE = 32

# A photo that is one window needs no halos, so that several segments can be one stage: fewer stages touch fresh memory fewer times,
# more stages show progress more often.
SEGMENTS_OF_ONE_WINDOW = 8

# Rates that only serve to choose and to estimate: memory handed out by the system for the first time (measured 2026-11: 0.8-2 GB/s on a
# virtual machine), reducing, and the time to load and compile a network.
TOUCH_BYTES_PER_SECOND = 1.2e9
RESAMPLE_PIXELS_PER_SECOND = 30e6
START_SECONDS = 1.0

_VALUE_BYTES: dict[Precision, int] = {"f32": 4, "bf16": 2}


@dataclass(frozen=True)
class Rates:
    """Thousand million operations per second that a network reaches on this device, per precision."""

    f32: float
    bf16: float

    def of(self, precision: Precision) -> float:
        return self.bf16 if precision == "bf16" else self.f32


@dataclass(frozen=True)
class Device:
    """What a device can do. `memory_bytes` is what it has in all, containers' limits taken into account."""

    name: str
    cores: int
    native_bf16: bool
    rates: Rates
    memory_bytes: int


@dataclass(frozen=True)
class NetworkPass:
    """Run a network over the whole picture."""

    model: Model


@dataclass(frozen=True)
class ResamplePass:
    """Reduce the picture to this size."""

    size: Size


Pass = NetworkPass | ResamplePass


@dataclass(frozen=True)
class Stage:
    """Segments `first` to `last` (included) compiled as one network and run over windows of at most `side` pixels."""

    first: int
    last: int
    reach: int
    side: int
    flops: int


@dataclass(frozen=True)
class NetworkPlan:
    """How a network sweeps a picture: areas x stages x windows."""

    model: str
    precision: Precision
    size: Size
    result: Size
    store: Store
    area_rows: int
    area_columns: int
    halo: int
    stages: tuple[Stage, ...]
    projected_bytes: int
    kind: Literal["network"] = "network"

    def areas(self) -> Iterator[Window]:
        """The parts of the picture whose features are in memory at one time."""
        box = self.size.box
        return grid(box, rows=self.area_rows, columns=self.area_columns, halo=self.halo, within=box)

    def windows(self, area: Window, stage: Stage) -> Iterator[Window]:
        """The windows of one stage over an area; only the last stage leaves out the area's halo."""
        box = area.core if stage is self.stages[-1] else area.read
        return windows(box, side=stage.side, halo=stage.reach, within=area.read)

    @property
    def flops(self) -> int:
        """Operations that the sweep will do, overlaps included."""
        return sum(
            stage.flops * _pixels_read(area.core if stage is self.stages[-1] else area.read, stage, area.read)
            for area in self.areas()
            for stage in self.stages
        )

    @property
    def extra(self) -> float:
        """Pixels computed more than once, as a part of the photo: 0.25 is a quarter more work than an untiled run."""
        return self.flops / (self.size.pixels * sum(stage.flops for stage in self.stages)) - 1


@dataclass(frozen=True)
class ResamplePlan:
    """How a picture is reduced."""

    size: Size
    result: Size
    store: Store
    projected_bytes: int
    kind: Literal["resample"] = "resample"


PassPlan = NetworkPlan | ResamplePlan


@dataclass(frozen=True)
class Plan:
    """How a recipe runs on one photo."""

    device: str
    precision: Precision
    source_store: Store
    passes: tuple[PassPlan, ...]
    size: Size
    result: Size
    allowed_bytes: int
    reserved_bytes: int
    projected_bytes: int
    disk_bytes: int
    seconds: float


def allowed_bytes(max_memory: int | None, device: Device) -> int:
    """The memory budget: the one asked for, or half of what the device has."""
    return device.memory_bytes // 2 if max_memory is None else max_memory


def choose_precision(wanted: str, device: Device, depth: int = 8) -> Precision:
    """The precision that networks run in; bf16 carries about 8 bits, so a photo of 16 is done in f32 unless it is asked for.

    Raises: DeviceError when bf16 is asked for on a device that would only imitate it.
    """
    if wanted == "bf16" and not device.native_bf16:
        raise DeviceError(f"{device.name} has no native bf16; use --precision auto or f32")
    if wanted == "auto":
        return "bf16" if device.native_bf16 and depth == 8 else "f32"
    return "bf16" if wanted == "bf16" else "f32"


def make_plan(
    header: Header,
    passes: tuple[Pass, ...],
    *,
    output_format: str,
    precision: Precision,
    device: Device,
    allowed: int,
) -> Plan:
    """The plan that runs `passes` one after the other within `allowed` bytes.

    Raises: MemoryBudgetError, with the projected and the allowed bytes, when no way of running them fits.
    """
    for largest_canvas in (int(allowed * CANVAS_SHARE), 0):
        plan, peaks = _arrange(
            header,
            passes,
            output_format=output_format,
            precision=precision,
            device=device,
            allowed=allowed,
            largest_canvas=largest_canvas,
        )
        if plan is not None:
            return plan
    raise MemoryBudgetError(_too_large(header, output_format, peaks, allowed))


def _arrange(
    header: Header,
    passes: tuple[Pass, ...],
    *,
    output_format: str,
    precision: Precision,
    device: Device,
    allowed: int,
    largest_canvas: int,
) -> tuple[Plan | None, list[int]]:
    """The plan with canvases of up to `largest_canvas` bytes in memory, None when it does not fit, and the peak of each phase."""
    size, plans, resident, each = header.size, [], RESERVED_BYTES, header.pixel_bytes
    source_store = store = _store(size, each, largest_canvas)
    decoding = STREAM_BYTES
    if header.whole or header.interlaced:
        decoding += size.pixels * WHOLE_DECODER_BYTES_PER_PIXEL * header.depth // 8
    if header.alpha:
        decoding = max(decoding, size.pixels * BLEED_BYTES_PER_PIXEL)
    peaks, disk, loaded = [resident + _canvas_bytes(size, each, store) + decoding], [_disk_bytes(size, each, store)], set[str]()
    for step in passes:
        if isinstance(step, NetworkPass) and step.model.name not in loaded:
            loaded.add(step.model.name)
            resident += int(step.model.weights.bytes * RESIDENT_WEIGHTS) + COMPILED_BYTES
        result = size.scaled(step.model.scale) if isinstance(step, NetworkPass) else step.size
        result_store = _store(result, each, largest_canvas)
        below = resident + _canvas_bytes(size, each, store) + _canvas_bytes(result, each, result_store)
        plan: PassPlan
        if isinstance(step, NetworkPass):
            plan = _plan_network(step.model, size, result_store, precision=precision, device=device, below=below, allowed=allowed)
        else:
            plan = ResamplePlan(size, result, result_store, below + STREAM_BYTES)
        plans.append(plan)
        peaks.append(plan.projected_bytes)
        disk.append(_disk_bytes(size, each, store) + _disk_bytes(result, each, result_store))
        size, store = result, result_store
    written_depth = header.depth if format_named(output_format).deep else 8
    encoding = size.pixels * WHOLE_ENCODER_BYTES_PER_PIXEL.get(output_format, 0) * written_depth // 8 + STREAM_BYTES
    peaks.append(resident + _canvas_bytes(size, each, store) + encoding)
    if max(peaks) > allowed:
        return None, peaks
    whole = Plan(
        device=device.name,
        precision=precision,
        source_store=source_store,
        passes=tuple(plans),
        size=header.size,
        result=size,
        allowed_bytes=allowed,
        reserved_bytes=RESERVED_BYTES,
        projected_bytes=max(peaks),
        disk_bytes=max(disk),
        seconds=sum(_seconds(plan, device) for plan in plans),
    )
    return whole, peaks


def _plan_network(model: Model, size: Size, store: Store, *, precision: Precision, device: Device, below: int, allowed: int) -> NetworkPlan:
    """The fastest sweep that fits; where none does, the smallest one, whose projected bytes say so."""
    result = size.scaled(model.scale)

    def plan(rows: int, columns: int, stages: tuple[Stage, ...], scratch: int) -> NetworkPlan:
        return NetworkPlan(
            model=model.name,
            precision=precision,
            size=size,
            result=result,
            store=store,
            area_rows=rows,
            area_columns=columns,
            halo=model.halo,
            stages=stages,
            projected_bytes=below + scratch,
        )

    if size.pixels <= WHOLE_PIXELS:
        whole = _stage(model, 0, len(model.segments) - 1, max(size.width, size.height))
        scratch = size.pixels * (model.whole.bytes_per_pixel(precision) + _copies(model.scale))
        if below + scratch <= allowed:
            return plan(1, 1, (whole,), scratch)

    fitting, least = [], below
    feature_bytes = 2 * model.features * _VALUE_BYTES[precision]
    for stages in _ways_to_cut(model, size):
        windows_bytes = [_window_bytes(model, stage, size, precision) for stage in stages]
        scratch = max(windows_bytes) + sum(_kept_bytes(model, stage, size, precision) for stage in stages)
        least = below + scratch  # the ways come with ever smaller windows
        areas = _areas(size, model.halo, feature_bytes, allowed - below - scratch)
        if areas is not None:
            rows, columns = areas
            features = feature_bytes * _largest(size, rows, columns, model.halo).pixels
            answer = plan(rows, columns, stages, scratch + features)
            touched = sum(windows_bytes) * rows * columns
            fitting.append((_network_seconds(answer, device) + touched / TOUCH_BYTES_PER_SECOND, answer))
    if not fitting:
        # Not smaller ones: areas of single pixels might fit, and would take for ever, to count as well as to run.
        rows, columns = ceil(size.height / SMALLEST_SIDE), ceil(size.width / SMALLEST_SIDE)
        smallest = _largest(size, rows, columns, model.halo)
        return plan(rows, columns, stages, least - below + feature_bytes * smallest.pixels)
    return min(fitting, key=lambda entry: entry[0])[1]


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
    part = model.segments[first : last + 1]
    return Stage(first, last, sum(s.reach for s in part), side, sum(s.flops for s in part))


def _window_bytes(model: Model, stage: Stage, size: Size, precision: Precision) -> int:
    scale = model.scale if stage.last == len(model.segments) - 1 else 1
    segments = model.segments[stage.first : stage.last + 1]
    scratch = max(segment.scratch.bytes_per_pixel(precision) for segment in segments)
    return _read(size, stage).pixels * (scratch + _copies(scale))


def _kept_bytes(model: Model, stage: Stage, size: Size, precision: Precision) -> int:
    """What a compiled stage keeps between its windows, as long as it is loaded: its kernels and its input's buffer."""
    channels = model.features if stage.first else CHANNELS
    return STAGE_BYTES + _read(size, stage).pixels * channels * _VALUE_BYTES[precision]


def _read(size: Size, stage: Stage) -> Size:
    return _largest(size, ceil(size.height / stage.side), ceil(size.width / stage.side), stage.reach)


def _copies(scale: int) -> int:
    return WINDOW_COPIES_BYTES * (1 + scale * scale)


def _areas(size: Size, halo: int, feature_bytes: int, room: int) -> tuple[int, int] | None:
    """Rows and columns of the areas whose features fit into `room` bytes and that recompute the fewest pixels; None if none fit."""
    if size.height > size.width:
        turned = _areas(Size(size.height, size.width), halo, feature_bytes, room)
        return None if turned is None else turned[::-1]

    def too_large(columns: int) -> bool:
        return _largest(size, rows, columns, halo).pixels * feature_bytes > room

    fitting = []
    for rows in range(1, ceil(size.height / SMALLEST_SIDE) + 1):
        counts = range(1, ceil(size.width / SMALLEST_SIDE) + 1)
        columns = bisect_left(counts, True, key=lambda columns: not too_large(columns)) + 1  # the fewest: more only recompute more
        if columns <= len(counts):
            read = _largest(size, rows, columns, halo)
            fitting.append((read.pixels * rows * columns, rows * columns, rows, columns))
    return min(fitting)[2:] if fitting else None


def _largest(size: Size, rows: int, columns: int, halo: int) -> Size:
    """An upper bound of what one of `rows` x `columns` windows reads."""
    return Size(
        min(size.width, ceil(size.width / columns) + 2 * halo),
        min(size.height, ceil(size.height / rows) + 2 * halo),
    )


def _pixels_read(box: Box, stage: Stage, within: Box) -> int:
    """Pixels that a stage's windows over `box` read: rows and columns are cut independently, so the sum is a product."""
    size = box.size

    def lengths(start: int, stop: int, low: int, high: int) -> int:
        parts = cuts(start, stop, ceil((stop - start) / stage.side))
        return sum(min(high, b + stage.reach) - max(low, a - stage.reach) for a, b in parts)

    if size.pixels == 0:
        return 0
    return lengths(box.top, box.bottom, within.top, within.bottom) * lengths(box.left, box.right, within.left, within.right)


def _store(size: Size, each: int, largest_canvas: int) -> Store:
    return "memory" if size.pixels * each <= largest_canvas else "disk"


def _canvas_bytes(size: Size, each: int, store: Store) -> int:
    return size.pixels * each if store == "memory" else 0


def _disk_bytes(size: Size, each: int, store: Store) -> int:
    return size.pixels * each if store == "disk" else 0


def _seconds(plan: PassPlan, device: Device) -> float:
    if isinstance(plan, NetworkPlan):
        return _network_seconds(plan, device)
    return plan.result.pixels / RESAMPLE_PIXELS_PER_SECOND


def _network_seconds(plan: NetworkPlan, device: Device) -> float:
    return plan.flops / (device.rates.of(plan.precision) * 1e9) + START_SECONDS


def _too_large(header: Header, output_format: str, peaks: list[int], allowed: int) -> str:
    needs = f"needs {bytes_text(max(peaks))} of memory, allowed {bytes_text(allowed)}"
    if peaks[-1] == max(peaks) and output_format in WHOLE_ENCODER_BYTES_PER_PIXEL:
        return f"writing {output_format} {needs}; try --format png, or a larger --max-memory"
    if peaks[0] == max(peaks) and header.interlaced:
        return f"reading this interlaced {header.format} {needs}; save it as a baseline one, or allow more --max-memory"
    return _too_little(max(peaks), allowed)


def _too_little(needed: int, allowed: int) -> str:
    return (
        f"needs at least {bytes_text(needed)} of memory, allowed {bytes_text(allowed)}; "
        "try a larger --max-memory, or --model realesr-animevideov3"
    )
