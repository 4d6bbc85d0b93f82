"""Makes plans: pure arithmetic that says how a recipe will run, and in how much memory, before anything runs.

The words are those of `plan.py`.
"""

from dataclasses import dataclass
from itertools import product

from img_enhance.errors import DeviceError, GpuMemoryFull, MemoryBudgetError, OptionError
from img_enhance.geometry import Box, Size
from img_enhance.models.architecture import fits_f16
from img_enhance.models.model import Model
from img_enhance.models.networks.segment import Precision
from img_enhance.models.weight_sources import DownloadedWeights
from img_enhance.photo import Header, format_named
from img_enhance.planning.plan import Device, Pass, PassPlan, PassResources, Plan, PlanRequest
from img_enhance.planning.speeds import reading_work, seconds_of, writing_work
from img_enhance.planning.sweep_plan import CHANNELS, Medium
from img_enhance.planning.sweep_planner import VALUE_BYTES
from img_enhance.units import bytes_text
from img_enhance.words import Setting

# libvips' buffers while a file is read or written line by line (measured on 16 to 64 MP: 20-60 MB).
STREAM_BYTES = 70_000_000

# The interpreter with numpy, OpenVINO and libvips loaded, their threads' stacks and arenas included (measured 2026-11: 75 MB).
RESERVED_BYTES = 110_000_000
# PyTorch takes more than OpenVINO once it is imported (measured 2026-11: 132 MB for a build without CUDA).
TORCH_BYTES = 150_000_000
# ncnn, a driver of Vulkan and its compiler of shaders (measured 2026-11 with llvmpipe: 120 MB for the largest network).
VULKAN_BYTES = 150_000_000
_RUNTIME_BYTES = {"openvino": 0, "torch": TORCH_BYTES, "vulkan": VULKAN_BYTES}

# A compiled network's memory for each value of its weights: float32 constants, and copies in the order the kernels want. Constants that
# lie in their file are not anonymous (measured 2026-11: 10.2 for GFPGAN).
RESIDENT_BYTES_PER_VALUE = 13.2
RESIDENT_BYTES_PER_MAPPED_VALUE = 10.6
COMPILED_BYTES = 12_000_000
# By Vulkan a value of the weights lies on the device as ncnn's convolutions want it (measured 2026-11: 17 bytes in f32).
VULKAN_BYTES_PER_VALUE: dict[Precision, float] = {"f32": 18, "f16": 9}

# Some decoders hold the whole picture, and all do for interlaced files: a progressive JPEG's coefficients take 2 bytes a value, then
# come the pixels. For 8 bits a channel (measured 2026-11 on 12 MP, alpha included, beyond the stream's: AVIF 11.8, BMP 7.3, TIFF in
# CIELAB 11.1, progressive JPEG 3.1 and in CMYK 6.6, WebP 4.3, GIF 0.6, interlaced PNG 0.3,
# HEIC 5.3).
WHOLE_DECODER_BYTES_PER_PIXEL = 14

# Filling colour under transparency (`bleed.py`): a pyramid of float32 colour and weight.
BLEED_BYTES_PER_PIXEL = 16

# Encoders that hold the whole picture, for 8 bits a channel; 12 bits take twice that (measured 2026-11, beyond the stream's: WebP 24.7,
# with alpha 26.8, without loss 21.6; AVIF 31.8, of 12 bits with alpha 56; JPEG XL 40, of 16 bits 48, without loss 37).
WHOLE_ENCODER_BYTES_PER_PIXEL = {"webp": 28, "avif": 44, "jxl": 44}

# One canvas takes at most this part of what is allowed in memory; a larger one lies on disk.
CANVAS_SHARE = 0.2

# What to try where memory is short.
_SMALLEST_MODEL = Setting("model", "realesr-animevideov3")


def allowed_bytes(max_memory: int | None, device: Device) -> int:
    """The memory budget: the one asked for, or half of what the device has."""
    return device.memory_bytes // 2 if max_memory is None else max_memory


def canvas_bytes(allowed: int) -> int:
    """The largest canvas that lies in memory where so many bytes are allowed in all."""
    return int(allowed * CANVAS_SHARE)


def choose_precision(wanted: str, device: Device, depth: int = 8, models: tuple[Model, ...] = ()) -> Precision:
    """The precision that networks run in; bf16 carries about 8 bits and f16 11, so a photo of 16 is done in f32 unless one is asked for.
    f16 is for `models` all of whose values it can hold, bf16 for those whose programs take it.

    Raises: DeviceError when bf16 or f16 is asked for on a device that would only imitate it, or bf16 of a model that does not run in it.
    """
    unable = next((model for model in models if not _takes_bf16(model)), None)
    if wanted == "bf16" and not device.native_bf16:
        raise DeviceError(f"{device.name} has no native bf16", "use ", Setting("precision", "auto or f32"))
    if wanted == "bf16" and unable is not None:
        raise DeviceError(f"{unable.title} does not run in bf16", "use ", Setting("precision", "auto or f32"))
    if wanted == "f16" and not device.stores_f16:
        raise DeviceError(f"{device.name} by {device.runtime} does not store f16", "use ", Setting("precision", "auto or f32"))
    if wanted == "bf16" or (wanted == "auto" and depth == 8 and device.native_bf16 and unable is None):
        return "bf16"
    if wanted == "f16" or (wanted == "auto" and depth == 8 and device.stores_f16 and all(fits_f16(model.architecture) for model in models)):
        return "f16"
    return "f32"


def _takes_bf16(model: Model) -> bool:
    return model.foreign is None or model.foreign.bf16


def make_plan(request: PlanRequest, *, precision: Precision, device: Device, allowed: int, gpu_allowed: int | None = None) -> Plan:
    """The plan that answers `request` within `allowed` bytes.

    `gpu_allowed` are the bytes of a device's own memory, where it has one: networks, features and scratch lie there.

    Raises: MemoryBudgetError, with the projected and the allowed bytes, when no way of running them fits, GpuMemoryFull when it is the
    device's own memory that is too small; OptionError when the part asked for does not lie within the result.
    """
    inputs = _Inputs(request, _parts(request), precision, device, allowed, gpu_allowed)
    for keeps_networks, largest_canvas in product((True, False), (canvas_bytes(allowed), 0)):
        plan, peaks = _arranged(inputs, keeps_networks=keeps_networks, largest_canvas=largest_canvas)
        gpu_fits = gpu_allowed is None or (plan.gpu_projected_bytes or 0) <= gpu_allowed
        if gpu_fits and plan.projected_bytes <= allowed:
            return plan
    if plan.projected_bytes <= allowed:
        raise _too_little_gpu(plan)
    raise _too_large(request.header, request.output_format, peaks, allowed)


@dataclass(frozen=True)
class _Inputs:
    """What stays the same in every way of answering a request; `parts` are what is needed of every pass's result."""

    request: PlanRequest
    parts: tuple[Box, ...]
    precision: Precision
    device: Device
    allowed: int
    gpu_allowed: int | None

    @property
    def reserved_bytes(self) -> int:
        return RESERVED_BYTES + _RUNTIME_BYTES[self.device.runtime]


def _parts(request: PlanRequest) -> tuple[Box, ...]:
    """The part of every pass's result that is needed for the part of the last one's that is asked for."""
    passes, crop = request.passes, request.crop
    sizes = [request.header.size]
    for each in passes:
        sizes.append(each.result(sizes[-1]))
    needed = crop or sizes[-1].box
    if crop is not None and (crop.size.pixels == 0 or crop != crop.grown(0, within=sizes[-1].box)):
        raise OptionError(f"the part {crop} does not lie within the result of {sizes[-1]}")
    parts = []
    for each, before in zip(reversed(passes), reversed(sizes[:-1]), strict=True):
        part, needed = each.parts(needed, before)
        parts.append(part)
    return tuple(parts[::-1])


@dataclass(frozen=True)
class _Canvas:
    """Part of a picture at so many bytes a pixel, in memory or on disk."""

    size: Size
    pixel_bytes: int
    medium: Medium

    @property
    def bytes(self) -> int:
        return self.size.pixels * self.pixel_bytes

    @property
    def memory_bytes(self) -> int:
        return self.bytes if self.medium == "memory" else 0

    @property
    def disk_bytes(self) -> int:
        return self.bytes if self.medium == "disk" else 0


def _canvas(header: Header, size: Size, depth: int, largest_canvas: int) -> _Canvas:
    """A canvas for colours of `depth` bits, and for the photo's transparency where it has some."""
    each = CHANNELS * depth // 8 + (header.depth // 8 if header.alpha else 0)
    return _Canvas(size, each, "memory" if size.pixels * each <= largest_canvas else "disk")


def _arranged(inputs: _Inputs, *, keeps_networks: bool, largest_canvas: int) -> tuple[Plan, list[int]]:
    """The plan with canvases of up to `largest_canvas` bytes in memory, whether it fits or not, and the peak of each phase."""
    request, header, passes = inputs.request, inputs.request.header, inputs.request.passes
    networks = tuple(dict.fromkeys(model for each in passes for model in each.models))
    pictures = _pictures(inputs, largest_canvas)
    held = [_held(passes, pictures, number) for number in range(len(passes))]
    size, plans = header.size, list[PassPlan]()
    for number, (each, part) in enumerate(zip(passes, inputs.parts, strict=True)):
        loaded = networks if keeps_networks else each.models
        resources = _resources(inputs, number, loaded, held[number], file_medium=pictures[0].medium)
        plans.append(each.plan(size, part, resources))
        size = each.result(size)
    always = inputs.reserved_bytes + (_all_resident_bytes(networks) if keeps_networks else 0)
    reading = always + pictures[0].memory_bytes + decoding_bytes(header)
    written = pictures[-2:] if passes and passes[-1].wants_file else pictures[-1:]
    writing = always + sum(canvas.memory_bytes for canvas in written) + _encoding_bytes(header, pictures[-1].size, request.output_format)
    peaks = [reading, *(plan.projected_bytes for plan in plans), writing]
    disk_bytes = max([pictures[0].disk_bytes, *(sum(canvas.disk_bytes for canvas in canvases) for canvases in held)])
    return _plan_of(
        inputs, plans, pictures[0].medium, keeps_networks=keeps_networks, projected_bytes=max(peaks), disk_bytes=disk_bytes
    ), peaks


def _plan_of(
    inputs: _Inputs, plans: list[PassPlan], source_medium: Medium, *, keeps_networks: bool, projected_bytes: int, disk_bytes: int
) -> Plan:
    """The plan whose passes run so."""
    header, device, size = inputs.request.header, inputs.device, inputs.request.header.size
    result = plans[-1].result if plans else size
    written = result if inputs.request.crop is None else inputs.request.crop.size
    output = format_named(inputs.request.output_format)
    reading = seconds_of(reading_work(header.format), _worth(size, header, depth=header.depth), device.speeds)
    writing = seconds_of(writing_work(output.name), _worth(written, header, depth=header.depth if output.deep else 8), device.speeds)
    gpu_bytes = None if inputs.gpu_allowed is None else max((plan.gpu_bytes for plan in plans), default=0)
    return Plan(
        device=device.name,
        runtime=device.runtime,
        place=device.place,
        reason=device.reason,
        precision=inputs.precision,
        channels_last=device.channels_last,
        source_medium=source_medium,
        passes=tuple(plans),
        size=size,
        result=result,
        crop=inputs.request.crop,
        keeps_networks=keeps_networks,
        allowed_bytes=inputs.allowed,
        reserved_bytes=inputs.reserved_bytes,
        projected_bytes=projected_bytes,
        disk_bytes=disk_bytes,
        seconds=reading + sum(plan.seconds for plan in plans) + writing,
        reading_seconds=reading,
        writing_seconds=writing,
        gpu_allowed_bytes=inputs.gpu_allowed,
        gpu_projected_bytes=gpu_bytes,
    )


def _worth(size: Size, header: Header, *, depth: int) -> float:
    """How many pixels of three channels of 8 bits a picture like the photo, of this size and depth, is worth to who reads or writes it."""
    channels = (1 if header.grey else CHANNELS) + header.alpha
    return size.pixels * channels / CHANNELS * depth / 8


def _pictures(inputs: _Inputs, largest_canvas: int) -> list[_Canvas]:
    """The photo, and the picture after each pass, which is the one before it where the pass works in place."""
    header, passes = inputs.request.header, inputs.request.passes
    pictures = [_canvas(header, header.size, header.depth, largest_canvas)]
    for number, part in enumerate(inputs.parts):
        own = _canvas(header, part.size, _depth(inputs.request, number), largest_canvas)
        pictures.append(pictures[-1] if _in_place(passes, number) else own)
    return pictures


def _held(passes: tuple[Pass, ...], pictures: list[_Canvas], number: int) -> list[_Canvas]:
    """The pictures that lie there while a pass runs: earlier ones that are still needed, the file's where it is read again, the one before
    it, its own."""
    earlier = [pictures[source] for source in _awaited(passes, number)]
    file = pictures[:1] if passes[number].wants_file else []
    return [*earlier, *file, *pictures[number : number + (1 if _in_place(passes, number) else 2)]]


def _depth(request: PlanRequest, number: int) -> int:
    """Bits a channel after a pass. Tones that were changed once lie in 16, so that changing them again makes no bands; the last pass is as
    deep as the photo."""
    return 16 if request.passes[number].wants_depth and number < len(request.passes) - 1 else request.header.depth


def _in_place(passes: tuple[Pass, ...], number: int) -> bool:
    """Whether a pass changes the picture before it instead of making one."""
    return passes[number].wants_source and _source(passes, number) < number


def _resources(inputs: _Inputs, number: int, loaded: tuple[Model, ...], held: list[_Canvas], *, file_medium: Medium) -> PassResources:
    """What pass `number` works with while the networks of `loaded` and the canvases of `held` lie there, the last one for its result."""
    passes = inputs.request.passes
    return PassResources(
        medium=held[-1].medium,
        depth=_depth(inputs.request, number),
        precision=inputs.precision,
        device=inputs.device,
        below=inputs.reserved_bytes + _all_resident_bytes(loaded) + sum(canvas.memory_bytes for canvas in held),
        allowed=inputs.allowed,
        gpu_below=int(sum(model.weights.values for model in loaded) * _gpu_bytes_per_value(inputs.device, inputs.precision)),
        gpu_allowed=inputs.gpu_allowed,
        source=_source(passes, number),
        in_place=_in_place(passes, number),
        file_medium=file_medium,
    )


def _gpu_bytes_per_value(device: Device, precision: Precision) -> float:
    return VULKAN_BYTES_PER_VALUE[precision] if device.runtime == "vulkan" else VALUE_BYTES[precision]


def _all_resident_bytes(models: tuple[Model, ...]) -> int:
    return sum(map(_resident_bytes, models))


def _resident_bytes(model: Model) -> int:
    """What the compiled network holds as long as it is loaded."""
    if model.foreign is not None:
        return model.foreign.resident_bytes
    each = RESIDENT_BYTES_PER_MAPPED_VALUE if isinstance(model.weights, DownloadedWeights) else RESIDENT_BYTES_PER_VALUE
    return int(model.weights.values * each) + COMPILED_BYTES + sum(segment.resident for segment in model.segments)


def _source(passes: tuple[Pass, ...], number: int) -> int:
    """The pass that begins with the picture as it was before the passes just before this one that resize."""
    while number and passes[number - 1].resizes:
        number -= 1
    return number


def _awaited(passes: tuple[Pass, ...], number: int) -> set[int]:
    """Earlier pictures, by the pass that began with them, that this pass or a later one still needs."""
    wanting = (later for later in range(number, len(passes)) if passes[later].wants_source)
    return {source for source in (_source(passes, later) for later in wanting) if source < number}


def decoding_bytes(header: Header) -> int:
    """What reading a photo takes beside its canvases."""
    decoding = STREAM_BYTES
    if header.whole or header.interlaced:
        decoding += header.size.pixels * WHOLE_DECODER_BYTES_PER_PIXEL * header.depth // 8
    if header.alpha:
        decoding = max(decoding, header.size.pixels * BLEED_BYTES_PER_PIXEL)
    return decoding


def _encoding_bytes(header: Header, size: Size, output_format: str) -> int:
    depth = header.depth if format_named(output_format).deep else 8
    return STREAM_BYTES + size.pixels * WHOLE_ENCODER_BYTES_PER_PIXEL.get(output_format, 0) * depth // 8


def _too_little_gpu(plan: Plan) -> GpuMemoryFull:
    needed, allowed = plan.gpu_projected_bytes or 0, plan.gpu_allowed_bytes or 0
    return GpuMemoryFull(
        f"needs at least {bytes_text(needed)} of the GPU's memory, allowed {bytes_text(allowed)}",
        *("try a larger ", Setting("max_gpu_memory"), ", ", Setting("device", "cpu"), ", or ", _SMALLEST_MODEL),
    )


def _too_large(header: Header, output_format: str, peaks: list[int], allowed: int) -> MemoryBudgetError:
    needs = f"needs {bytes_text(max(peaks))} of memory, allowed {bytes_text(allowed)}"
    if peaks[-1] == max(peaks) and output_format in WHOLE_ENCODER_BYTES_PER_PIXEL:
        says = f"writing {output_format} {needs}"
        return MemoryBudgetError(says, "try ", Setting("format", "png"), ", or a larger ", Setting("max_memory"))
    if peaks[0] == max(peaks) and header.interlaced:
        says = f"reading this interlaced {header.format} {needs}"
        return MemoryBudgetError(says, "save it as a baseline one, or allow more ", Setting("max_memory"))
    return _too_little(max(peaks), allowed)


def _too_little(needed: int, allowed: int) -> MemoryBudgetError:
    return MemoryBudgetError(
        f"needs at least {bytes_text(needed)} of memory, allowed {bytes_text(allowed)}",
        *("try a larger ", Setting("max_memory"), ", or ", _SMALLEST_MODEL),
    )
