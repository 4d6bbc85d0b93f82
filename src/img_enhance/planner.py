"""Makes plans: pure arithmetic that says how a recipe will run, and in how much memory, before anything runs.

The words are those of `plan.py`.
"""

import dataclasses
from dataclasses import dataclass
from itertools import product
from math import ceil

from img_enhance.errors import DeviceError, GpuMemoryFull, MemoryBudgetError, OptionError
from img_enhance.geometry import Box, Size
from img_enhance.models import DownloadedWeights, GFPGANClean, Model, Precision, model_named
from img_enhance.photo import Header, format_named
from img_enhance.plan import (
    CHANNELS,
    MOST_TONE_REACH,
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
    Store,
    TonePass,
    TonePlan,
    size_after,
)
from img_enhance.sweep_planner import START_SECONDS, VALUE_BYTES, copies_bytes, core_of, network_seconds, plan_network, reach_of
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

# One canvas takes at most this part of what is allowed in memory; a larger one lies on disk.
CANVAS_SHARE = 0.2

# How many pixels of the larger picture a reduction to half sees at most, on each side and per halving: three lobes, and libvips' rounding.
LANCZOS_REACH = 5

# Rates that only serve to estimate.
RESAMPLE_PIXELS_PER_SECOND = 30e6
TONE_PIXELS_PER_SECOND = 20e6

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
    gpu_allowed: int | None = None,
    crop: Box | None = None,
) -> Plan:
    """The plan that runs `passes` one after the other within `allowed` bytes, or only what `crop` of the result needs.

    `gpu_allowed` are the bytes of a device's own memory, where it has one: networks, features and scratch lie there.

    Raises: MemoryBudgetError, with the projected and the allowed bytes, when no way of running them fits, GpuMemoryFull when it is the
    device's own memory that is too small; OptionError when `crop` does not lie within the result.
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
            gpu_allowed=gpu_allowed,
            keeps_networks=keeps_networks,
            largest_canvas=largest_canvas,
        )
        gpu_fits = gpu_allowed is None or (plan.gpu_projected_bytes or 0) <= gpu_allowed
        if gpu_fits and plan.projected_bytes <= allowed:
            return dataclasses.replace(plan, crop=crop)
    if plan.projected_bytes <= allowed:
        raise GpuMemoryFull(_too_little_gpu(plan))
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
            core, cells = core_of(step.model, needed), before.cells(step.model.cell)
            parts.append(core.scaled(step.model.cell * step.model.scale).grown(0, within=before.scaled(step.model.scale).box))
            needed = core.grown(reach_of(step.model), within=cells.box).scaled(step.model.cell).grown(0, within=before.box)
        else:
            parts.append(needed)
            across, down = before.width / step.size.width, before.height / step.size.height
            needed = needed.covered(across, down).grown(ceil(LANCZOS_REACH * max(across, down, 1)), within=before.box)
    return parts[::-1]


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
    gpu_allowed: int | None,
    keeps_networks: bool,
    largest_canvas: int,
) -> tuple[Plan, list[int]]:
    """The plan with canvases of up to `largest_canvas` bytes in memory, whether it fits or not, and the peak of each phase."""
    reserved = RESERVED_BYTES + (TORCH_BYTES if device.runtime == "torch" else 0)
    models = {model.name: model for model in map(_model_of, passes) if model is not None}
    networks = {name: _resident_bytes(model) for name, model in models.items()}
    always = reserved + (sum(networks.values()) if keeps_networks else 0)
    on_gpu = {name: model.weights.values * VALUE_BYTES[precision] for name, model in models.items()}
    size, plans = header.size, list[PassPlan]()
    pictures = [_canvas(header, size, header.depth, largest_canvas)]
    peaks, disk = [always + pictures[0].memory_bytes + _decoding_bytes(header)], [pictures[0].disk_bytes]
    for number, (step, part) in enumerate(zip(passes, parts, strict=True)):
        # Tones that were changed once lie in 16 bits, so that changing them again makes no bands; the last pass is as deep as the photo.
        depth = 16 if isinstance(step, TonePass) and number < len(passes) - 1 else header.depth
        source = _source(passes, number)
        in_place = isinstance(step, FacePass) and source < number
        after = pictures[number] if in_place else _canvas(header, part.size, depth, largest_canvas)
        held = [pictures[earlier] for earlier in _awaited(passes, number)] + [pictures[number]] + [after] * (not in_place)
        model = _model_of(step)
        below = always + (networks[model.name] if model and not keeps_networks else 0) + sum(canvas.memory_bytes for canvas in held)
        gpu_below = sum(on_gpu.values()) if keeps_networks else on_gpu.get(model.name if model else "", 0)
        room = _Room(after.store, depth, precision, device, below, allowed, gpu_below, gpu_allowed)
        if isinstance(step, FacePass):
            plans.append(_plan_faces(step, size, source, room, in_place=in_place))
        else:
            plans.append(_plan_pass(step, size, part, room))
        peaks.append(plans[-1].projected_bytes)
        disk.append(sum(canvas.disk_bytes for canvas in held))
        size = size_after(step, size)
        pictures.append(after)
    peaks.append(always + pictures[-1].memory_bytes + _encoding_bytes(header, pictures[-1].size, output_format))
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
        gpu_allowed_bytes=gpu_allowed,
        gpu_projected_bytes=None if gpu_allowed is None else max((_gpu_bytes(plan) for plan in plans), default=0),
    )
    return whole, peaks


def _gpu_bytes(plan: PassPlan) -> int:
    return plan.gpu_bytes if isinstance(plan, (NetworkPlan, FacePlan)) else 0


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


def _encoding_bytes(header: Header, size: Size, output_format: str) -> int:
    depth = header.depth if format_named(output_format).deep else 8
    return STREAM_BYTES + size.pixels * WHOLE_ENCODER_BYTES_PER_PIXEL.get(output_format, 0) * depth // 8


@dataclass(frozen=True)
class _Room:
    """What a pass works with: where its result lies and how deep it is, the device, and `below` bytes of other things of those allowed.

    Likewise of the device's own memory, where `gpu_allowed` is not None.
    """

    store: Store
    depth: int
    precision: Precision
    device: Device
    below: int
    allowed: int
    gpu_below: int
    gpu_allowed: int | None


def _plan_faces(step: FacePass, size: Size, source: int, room: _Room, *, in_place: bool) -> FacePlan:
    """How faces are restored in a picture of `size`."""
    model = model_named(step.options.model)
    pixels = model.architecture.side**2 if isinstance(model.architecture, GFPGANClean) else 0
    network = pixels * (model.whole.bytes_per_pixel(room.precision) + copies_bytes(model, model.scale))
    own_memory = room.gpu_allowed is not None
    restoring = step.options.at_most * FACE_BYTES + (PASTE_BYTES if own_memory else max(network, PASTE_BYTES))
    return FacePlan(
        step=step.options.name,
        options=step.options,
        model=model.name,
        precision=room.precision,
        size=size,
        source=source,
        in_place=in_place,
        store=room.store,
        depth=room.depth,
        projected_bytes=room.below + max(DETECTION_BYTES, restoring),
        seconds=DETECTION_SECONDS + START_SECONDS + _USUAL_FACES * pixels * model.flops / (room.device.rates.of(room.precision) * 1e9),
        gpu_bytes=room.gpu_below + network if own_memory else 0,
    )


def _plan_pass(step: NetworkPass | ResamplePass | TonePass, size: Size, part: Box, room: _Room) -> PassPlan:
    """How a pass runs over a picture of `size`."""
    if isinstance(step, NetworkPass):
        plan = _plan_network(step.model, size, part, room)
        return dataclasses.replace(plan, depth=room.depth, seconds=network_seconds(plan, room.device))
    if isinstance(step, ResamplePass):
        seconds = part.size.pixels / RESAMPLE_PIXELS_PER_SECOND
        return ResamplePlan(size, step.size, part, room.store, room.below + STREAM_BYTES, room.depth, seconds)
    threads = max(1, min(room.device.cores, MOST_TONE_THREADS))
    working = max(TONE_MEASURE_BYTES, threads * (max(STRIP_PIXELS, size.width) + 2 * MOST_TONE_REACH * size.width) * TONE_BYTES_PER_PIXEL)
    return TonePlan(
        step=step.options.name,
        options=step.options,
        size=size,
        store=room.store,
        depth=room.depth,
        threads=threads,
        projected_bytes=room.below + working,
        seconds=size.pixels / TONE_PIXELS_PER_SECOND,
    )


def _plan_network(model: Model, size: Size, part: Box, room: _Room) -> NetworkPlan:
    """How a network sweeps a picture, in the machine's memory or in a device's own."""
    below, allowed = (room.below, room.allowed) if room.gpu_allowed is None else (room.gpu_below, room.gpu_allowed)
    core = core_of(model, part)
    plan = plan_network(model, size, core, room.store, precision=room.precision, device=room.device, below=below, allowed=allowed)
    if room.gpu_allowed is None:
        return plan
    # Of the machine's memory only windows on their way there and back.
    return dataclasses.replace(plan, gpu_bytes=plan.projected_bytes, projected_bytes=room.below + _copied_bytes(model, plan))


def _copied_bytes(model: Model, plan: NetworkPlan) -> int:
    """The most that a window's copies take on their way into the first stage or out of the last."""
    area = next(plan.areas())
    first, last = (next(plan.windows(area, stage)).read.size.pixels for stage in (plan.stages[0], plan.stages[-1]))
    return max(first * copies_bytes(model, 1), last * copies_bytes(model, model.scale))


def _too_little_gpu(plan: Plan) -> str:
    needed, allowed = plan.gpu_projected_bytes or 0, plan.gpu_allowed_bytes or 0
    return (
        f"needs at least {bytes_text(needed)} of the GPU's memory, allowed {bytes_text(allowed)}; "
        "try a larger --max-gpu-memory, --device cpu, or --model realesr-animevideov3"
    )


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
