"""Makes plans: pure arithmetic that says how a recipe will run, and in how much memory, before anything runs.

The words are those of `plan.py`.
"""

import dataclasses
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from math import ceil

from img_enhance.errors import DeviceError, MemoryBudgetError, OptionError
from img_enhance.geometry import Box, Size
from img_enhance.models import DownloadedWeights, GFPGANClean, Model, Precision, model_named
from img_enhance.photo import Header, format_named
from img_enhance.plan import (
    CHANNELS,
    STRIP_PIXELS,
    Device,
    FacePass,
    FacePlan,
    NetworkPass,
    NetworkPlan,
    Pass,
    PassPlan,
    Plan,
    ResamplePass,
    ResamplePlan,
    Stage,
    Store,
    TonePass,
    TonePlan,
    size_after,
)
from img_enhance.units import bytes_text

# The interpreter with numpy, OpenVINO and libvips loaded, their threads' stacks and arenas included (measured 2026-11: 75 MB).
RESERVED_BYTES = 110_000_000
# PyTorch takes more than OpenVINO once it is imported (measured 2026-11: 132 MB for a build without CUDA).
TORCH_BYTES = 150_000_000

# A compiled network's memory for each value of its weights: float32 constants, and copies in the order the kernels want. Constants that
# lie in their file are not anonymous (measured 2026-11: 10.2 for GFPGAN).
RESIDENT_BYTES_PER_VALUE = 13.2
RESIDENT_BYTES_PER_MAPPED_VALUE = 10.6
COMPILED_BYTES = 12_000_000

# What a compiled stage holds beside weights and scratch: kernels and buffers for each shape of window (measured 2026-11: 2-3 MB).
STAGE_BYTES = 4_000_000

# libvips' buffers while a file is read or written line by line (measured on 16 to 64 MP: 20-60 MB).
STREAM_BYTES = 70_000_000

# Some decoders hold the whole picture, and all do for interlaced files: a progressive JPEG's coefficients take 2 bytes a value, then
# come the pixels. For 8 bits a channel (measured 2026-11 on 12 MP, alpha included, beyond the stream's: AVIF 11.8, BMP 7.3, TIFF in
# CIELAB 11.1, progressive JPEG 3.1 and in CMYK 6.6, WebP 4.3, GIF 0.6, interlaced PNG 0.3,
# HEIC 5.3).
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

# How many pixels of the larger picture a reduction to half sees at most, on each side and per halving: three lobes, and libvips' rounding.
LANCZOS_REACH = 5

# A photo that is one window needs no halos, so that several segments can be one stage: fewer stages touch fresh memory fewer times,
# more stages show progress more often.
SEGMENTS_OF_ONE_WINDOW = 8

# Rates that only serve to choose and to estimate: memory handed out by the system for the first time (measured 2026-11: 0.8-2 GB/s on a
# virtual machine), reducing, and the time to load and compile a network.
TOUCH_BYTES_PER_SECOND = 1.2e9
RESAMPLE_PIXELS_PER_SECOND = 30e6
TONE_PIXELS_PER_SECOND = 20e6
START_SECONDS = 1.0

# Tones are changed by at most so many threads at a time; each strip is worked on in float32 copies.
MOST_TONE_THREADS = 8
TONE_BYTES_PER_PIXEL = 100

# What measuring a whole photo takes beside its canvas: reduced copies, histograms, tables.
TONE_MEASURE_BYTES = 150_000_000

# Faces: what finding them takes in a photo of any size (measured 2026-11 on 48 MP: 200 MB), what a restored face takes until it is pasted
# (the network's square in float32), and cutting out and pasting beside the network's scratch.
DETECTION_BYTES = 220_000_000
FACE_BYTES = 5_000_000
PASTE_BYTES = 80_000_000
DETECTION_SECONDS = 1.5
# How many faces a photo is taken to have for the estimate of time.
_USUAL_FACES = 3

_VALUE_BYTES: dict[Precision, int] = {"f32": 4, "bf16": 2}


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
    crop: Box | None = None,
) -> Plan:
    """The plan that runs `passes` one after the other within `allowed` bytes, or only what `crop` of the result needs.

    Raises: MemoryBudgetError, with the projected and the allowed bytes, when no way of running them fits; OptionError when `crop` does
    not lie within the result.
    """
    parts = _parts(header.size, passes, crop)
    for keeps_networks, largest_canvas in product((True, False), (int(allowed * CANVAS_SHARE), 0)):
        plan, peaks = _arrange(
            header,
            passes,
            parts,
            output_format=output_format,
            precision=precision,
            device=device,
            allowed=allowed,
            keeps_networks=keeps_networks,
            largest_canvas=largest_canvas,
        )
        if plan is not None:
            return dataclasses.replace(plan, crop=crop)
    raise MemoryBudgetError(_too_large(header, output_format, peaks, allowed))


def _parts(size: Size, passes: tuple[Pass, ...], crop: Box | None) -> list[Box]:
    """The part of every pass's result that is needed for `crop` of the last one's."""
    sizes = [size]
    for step in passes:
        sizes.append(size_after(step, sizes[-1]))
    needed = crop or sizes[-1].box
    if crop is not None and (crop.size.pixels == 0 or crop != crop.grown(0, within=sizes[-1].box)):
        raise OptionError(f"the part {crop} does not lie within the result of {sizes[-1]}")
    parts = []
    for step, before in zip(reversed(passes), reversed(sizes[:-1]), strict=True):
        if isinstance(step, (TonePass, FacePass)):
            needed = before.box  # it looks at the whole picture
            parts.append(needed)
        elif isinstance(step, NetworkPass):
            core, cells = _core(step.model, needed), before.cells(step.model.cell)
            parts.append(core.scaled(step.model.cell * step.model.scale).grown(0, within=before.scaled(step.model.scale).box))
            needed = core.grown(_reach(step.model), within=cells.box).scaled(step.model.cell).grown(0, within=before.box)
        else:
            parts.append(needed)
            across, down = before.width / step.size.width, before.height / step.size.height
            needed = needed.covered(across, down).grown(ceil(LANCZOS_REACH * max(across, down, 1)), within=before.box)
    return parts[::-1]


def _core(model: Model, part: Box) -> Box:
    """The cells of a picture that a part of the network's answer is made of."""
    side = model.cell * model.scale
    return part.covered(1 / side, 1 / side)


def _reach(model: Model) -> int:
    return sum(segment.reach for segment in model.segments)


@dataclass(frozen=True)
class _Canvas:
    """Part of a picture at so many bytes a pixel, in memory or on disk."""

    size: Size
    pixel_bytes: int
    store: Store

    @property
    def bytes(self) -> int:
        return self.size.pixels * self.pixel_bytes

    @property
    def memory_bytes(self) -> int:
        return self.bytes if self.store == "memory" else 0

    @property
    def disk_bytes(self) -> int:
        return self.bytes if self.store == "disk" else 0


def _canvas(header: Header, size: Size, depth: int, largest_canvas: int) -> _Canvas:
    """A canvas for colours of `depth` bits, and for the photo's transparency where it has some."""
    each = CHANNELS * depth // 8 + (header.depth // 8 if header.alpha else 0)
    return _Canvas(size, each, "memory" if size.pixels * each <= largest_canvas else "disk")


def _arrange(
    header: Header,
    passes: tuple[Pass, ...],
    parts: list[Box],
    *,
    output_format: str,
    precision: Precision,
    device: Device,
    allowed: int,
    keeps_networks: bool,
    largest_canvas: int,
) -> tuple[Plan | None, list[int]]:
    """The plan with canvases of up to `largest_canvas` bytes in memory, None when it does not fit, and the peak of each phase."""
    reserved = RESERVED_BYTES + (TORCH_BYTES if device.runtime == "torch" else 0)
    networks = {model.name: _resident_bytes(model) for model in map(_model_of, passes) if model is not None}
    always = reserved + (sum(networks.values()) if keeps_networks else 0)
    size, plans = header.size, list[PassPlan]()
    pictures = [_canvas(header, size, header.depth, largest_canvas)]
    peaks, disk = [always + pictures[0].memory_bytes + _decoding_bytes(header)], [pictures[0].disk_bytes]
    for number, (step, part) in enumerate(zip(passes, parts, strict=True)):
        # Tones that were changed once lie in 16 bits, so that changing them again makes no bands; the last pass is as deep as the photo.
        depth = 16 if isinstance(step, TonePass) and number < len(passes) - 1 else header.depth
        in_place = isinstance(step, FacePass) and _source(passes, number) < number
        after = pictures[number] if in_place else _canvas(header, part.size, depth, largest_canvas)
        held = [pictures[earlier] for earlier in _awaited(passes, number)] + [pictures[number]] + [after] * (not in_place)
        model = _model_of(step)
        below = always + (networks[model.name] if model and not keeps_networks else 0) + sum(canvas.memory_bytes for canvas in held)
        if isinstance(step, FacePass):
            source = _source(passes, number)
            plan: PassPlan = _plan_faces(
                step, size, source, after.store, number=number, depth=depth, precision=precision, device=device, below=below
            )
        else:
            plan = _plan_pass(step, size, part, after.store, depth=depth, precision=precision, device=device, below=below, allowed=allowed)
        plans.append(plan)
        peaks.append(plan.projected_bytes)
        disk.append(sum(canvas.disk_bytes for canvas in held))
        size = size_after(step, size)
        pictures.append(after)
    written_depth = header.depth if format_named(output_format).deep else 8
    last = pictures[-1]
    written = last.size.pixels * WHOLE_ENCODER_BYTES_PER_PIXEL.get(output_format, 0) * written_depth // 8
    peaks.append(always + last.memory_bytes + written + STREAM_BYTES)
    if max(peaks) > allowed:
        return None, peaks
    whole = Plan(
        device=device.name,
        runtime=device.runtime,
        place=device.place,
        reason=device.reason,
        precision=precision,
        channels_last=device.channels_last,
        source_store=pictures[0].store,
        passes=tuple(plans),
        size=header.size,
        result=size,
        crop=None,
        keeps_networks=keeps_networks,
        allowed_bytes=allowed,
        reserved_bytes=reserved,
        projected_bytes=max(peaks),
        disk_bytes=max(disk),
        seconds=sum(plan.seconds for plan in plans),
    )
    return whole, peaks


def _model_of(step: Pass) -> Model | None:
    if isinstance(step, FacePass):
        return model_named(step.options.model)
    return step.model if isinstance(step, NetworkPass) else None


def _resident_bytes(model: Model) -> int:
    """What the compiled network holds as long as it is loaded."""
    each = RESIDENT_BYTES_PER_MAPPED_VALUE if isinstance(model.weights, DownloadedWeights) else RESIDENT_BYTES_PER_VALUE
    return int(model.weights.values * each) + COMPILED_BYTES


def _source(passes: tuple[Pass, ...], number: int) -> int:
    """The pass that begins with the picture which faces of pass `number` are cut out of: the one before it was last enlarged."""
    while number and isinstance(passes[number - 1], (NetworkPass, ResamplePass)):
        number -= 1
    return number


def _awaited(passes: tuple[Pass, ...], number: int) -> set[int]:
    """Earlier pictures, by the pass that began with them, that this pass or a later one still needs."""
    faces = (later for later in range(number, len(passes)) if isinstance(passes[later], FacePass))
    return {source for source in (_source(passes, later) for later in faces) if source < number}


def _decoding_bytes(header: Header) -> int:
    decoding = STREAM_BYTES
    if header.whole or header.interlaced:
        decoding += header.size.pixels * WHOLE_DECODER_BYTES_PER_PIXEL * header.depth // 8
    if header.alpha:
        decoding = max(decoding, header.size.pixels * BLEED_BYTES_PER_PIXEL)
    return decoding


def _plan_faces(
    step: FacePass, size: Size, source: int, store: Store, *, number: int, depth: int, precision: Precision, device: Device, below: int
) -> FacePlan:
    """How faces are restored in a picture of `size`, the one before pass `number`, beside `below` bytes of other things."""
    model = model_named(step.options.model)
    pixels = model.architecture.side**2 if isinstance(model.architecture, GFPGANClean) else 0
    network = pixels * (model.whole.bytes_per_pixel(precision) + _copies(model, model.scale))
    restoring = step.options.at_most * FACE_BYTES + max(network, PASTE_BYTES)
    return FacePlan(
        step=step.options.name,
        options=step.options,
        model=model.name,
        precision=precision,
        size=size,
        source=source,
        in_place=source < number,
        store=store,
        depth=depth,
        projected_bytes=below + max(DETECTION_BYTES, restoring),
        seconds=DETECTION_SECONDS + _USUAL_FACES * pixels * model.flops / (device.rates.of(precision) * 1e9) + START_SECONDS,
    )


def _plan_pass(
    step: NetworkPass | ResamplePass | TonePass,
    size: Size,
    part: Box,
    store: Store,
    *,
    depth: int,
    precision: Precision,
    device: Device,
    below: int,
    allowed: int,
) -> PassPlan:
    """How a pass runs over a picture of `size` beside `below` bytes of other things."""
    if isinstance(step, NetworkPass):
        core = _core(step.model, part)
        plan = _plan_network(step.model, size, core, store, precision=precision, device=device, below=below, allowed=allowed)
        return dataclasses.replace(plan, depth=depth, seconds=_network_seconds(plan, device))
    if isinstance(step, ResamplePass):
        seconds = part.size.pixels / RESAMPLE_PIXELS_PER_SECOND
        return ResamplePlan(size, step.size, part, store, below + STREAM_BYTES, depth, seconds)
    threads = max(1, min(device.cores, MOST_TONE_THREADS))
    working = max(TONE_MEASURE_BYTES, threads * max(STRIP_PIXELS, size.width) * TONE_BYTES_PER_PIXEL)
    return TonePlan(
        step=step.options.name,
        options=step.options,
        size=size,
        store=store,
        depth=depth,
        threads=threads,
        projected_bytes=below + working,
        seconds=size.pixels / TONE_PIXELS_PER_SECOND,
    )


def _plan_network(
    model: Model, size: Size, core: Box, store: Store, *, precision: Precision, device: Device, below: int, allowed: int
) -> NetworkPlan:
    """The fastest sweep that fits; where none does, the smallest one, whose projected bytes say so."""
    # A part of the picture is to have the bits of the whole one: it reads as far as the network can see.
    cells = size.cells(model.cell)
    halo = model.halo if core == cells.box else _reach(model)
    seen = core.grown(halo, within=cells.box).size

    def plan(rows: int, columns: int, stages: tuple[Stage, ...], scratch: int) -> NetworkPlan:
        return NetworkPlan(
            model=model.name,
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

    if seen.pixels <= WHOLE_PIXELS:
        whole = _stage(model, 0, len(model.segments) - 1, max(seen.width, seen.height))
        scratch = seen.pixels * (model.whole.bytes_per_pixel(precision) + _copies(model, model.scale))
        if below + scratch <= allowed:
            return plan(1, 1, (whole,), scratch)

    fitting, least = [], below
    feature_bytes = 2 * model.features * _VALUE_BYTES[precision]
    for stages in _ways_to_cut(model, seen):
        windows_bytes = [_window_bytes(model, stage, seen, precision) for stage in stages]
        scratch = max(windows_bytes) + sum(_kept_bytes(model, stage, seen, precision) for stage in stages)
        least = below + scratch  # the ways come with ever smaller windows
        areas = _areas(core.size, seen, halo, feature_bytes, allowed - below - scratch)
        if areas is not None:
            rows, columns = areas
            features = feature_bytes * _largest(core.size, rows, columns, halo, within=seen).pixels
            answer = plan(rows, columns, stages, scratch + features)
            touched = sum(windows_bytes) * rows * columns
            fitting.append((_network_seconds(answer, device) + touched / TOUCH_BYTES_PER_SECOND, answer))
    if not fitting:
        # Not smaller ones: areas of single pixels might fit, and would take for ever, to count as well as to run.
        rows, columns = ceil(core.size.height / SMALLEST_SIDE), ceil(core.size.width / SMALLEST_SIDE)
        smallest = _largest(core.size, rows, columns, halo, within=seen)
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
    return _read(size, stage).pixels * (scratch + _copies(model, scale))


def _kept_bytes(model: Model, stage: Stage, size: Size, precision: Precision) -> int:
    """What a compiled stage keeps between its windows, as long as it is loaded: its kernels and its input's buffer."""
    channels = model.features if stage.first else CHANNELS * model.cell**2
    return STAGE_BYTES + _read(size, stage).pixels * channels * _VALUE_BYTES[precision]


def _read(size: Size, stage: Stage) -> Size:
    return _largest(size, ceil(size.height / stage.side), ceil(size.width / stage.side), stage.reach, within=size)


def _copies(model: Model, scale: int) -> int:
    return WINDOW_COPIES_BYTES * model.cell**2 * (1 + scale * scale)


def _areas(core: Size, seen: Size, halo: int, feature_bytes: int, room: int) -> tuple[int, int] | None:
    """Rows and columns of the areas over `core` whose features fit into `room` bytes and that recompute the fewest pixels; None if none
    fit. Their halos stay within `seen`.
    """
    if core.height > core.width:
        turned = _areas(core.turned, seen.turned, halo, feature_bytes, room)
        return None if turned is None else turned[::-1]

    def too_large(columns: int) -> bool:
        return _largest(core, rows, columns, halo, within=seen).pixels * feature_bytes > room

    fitting = []
    for rows in range(1, ceil(core.height / SMALLEST_SIDE) + 1):
        counts = range(1, ceil(core.width / SMALLEST_SIDE) + 1)
        columns = bisect_left(counts, True, key=lambda columns: not too_large(columns)) + 1  # the fewest: more only recompute more
        if columns <= len(counts):
            read = _largest(core, rows, columns, halo, within=seen)
            fitting.append((read.pixels * rows * columns, rows * columns, rows, columns))
    return min(fitting)[2:] if fitting else None


def _largest(size: Size, rows: int, columns: int, halo: int, *, within: Size) -> Size:
    """An upper bound of what one of `rows` x `columns` windows over a picture of `size` reads."""
    return Size(
        min(within.width, ceil(size.width / columns) + 2 * halo),
        min(within.height, ceil(size.height / rows) + 2 * halo),
    )


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
