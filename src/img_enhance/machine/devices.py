"""What this machine has: processors, their rates, memory; and which of them the networks run on.

`take_snapshot` looks at what is there, `choose` decides from what was seen, `find_device` does one after the other. PyTorch, which takes
seconds to import, is asked for GPUs only where one was named or a driver for one is in sight; Vulkan only where PyTorch has none.
"""

import importlib.util
import os
import platform
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from img_enhance.errors import DeviceError
from img_enhance.machine import address_space, cgroups
from img_enhance.machine.gpu import Gpu
from img_enhance.planning.plan import Device, Rates, RuntimeName
from img_enhance.words import Setting, Words

# GFLOP/s that a core reaches on 3x3 convolutions of 32 to 64 channels, by the instructions it has. Measured 2026-11 on servers with AMX,
# with Zen 5 (known by an instruction that Zen 4 lacks, and twice as wide) and with Zen 4; the last two rows are estimates. They only say
# how long work takes.
_RATES_PER_CORE = (
    ({"amx_bf16"}, Rates(f32=150, bf16=830)),
    ({"avx512_bf16", "avx512_vp2intersect"}, Rates(f32=200, bf16=420)),
    ({"avx512_bf16"}, Rates(f32=83, bf16=165)),
    ({"avx512f"}, Rates(f32=110, bf16=110)),
    (set[str](), Rates(f32=50, bf16=50)),
)

# What PyTorch reaches of OpenVINO's rate on a CPU, x4plus on 192 px (measured 2026-11: 247 of 306 and 1190 of 1707 GFLOP/s).
_TORCH_F32, _TORCH_BF16 = 0.8, 0.7

# GPUs differ a hundredfold; these are estimates for a middling one of each maker, and only say how long work takes.
_CUDA_RATES = Rates(f32=10_000, bf16=40_000)
_MPS_RATES = Rates(f32=2_000, bf16=2_000)
# The same by Vulkan, and for OpenVINO's plugins.
_VULKAN_RATES = {
    "discrete": Rates(f32=3_000, bf16=3_000),
    "integrated": Rates(f32=500, bf16=500),
    "virtual": Rates(f32=1_000, bf16=1_000),
    "software": Rates(f32=5, bf16=5),
}
_PLUGIN_RATES = Rates(f32=500, bf16=500)

# What tells that a GPU's driver is installed, without asking it: NVIDIA's on Linux, under WSL and on Windows, AMD's on Linux.
_DRIVER_FILES = {
    "NVIDIA": ("/dev/nvidiactl", "/dev/nvidia0", "/dev/dxg", "C:/Windows/System32/nvcuda.dll"),
    "AMD": ("/dev/kfd",),
}

INSTALL_TORCH = "pip install 'img-enhance[torch]'"
INSTALL_VULKAN = "pip install 'img-enhance[vulkan]'"

# The devices of OpenVINO's own plugins, which lie in its package.
_PLUGINS = ("openvino:GPU", "openvino:NPU")


@dataclass(frozen=True)
class Snapshot:
    """What is there: which runtimes are installed, whose GPU drivers are in sight, and the GPUs that PyTorch can use; those of Vulkan, by
    ncnn, and devices of OpenVINO's plugins.

    `gpus`, `vulkan_gpus` and `plugins` are None where nobody was asked.
    """

    openvino: bool
    torch: bool
    drivers: tuple[str, ...]
    gpus: tuple[Gpu, ...] | None = None
    vulkan: bool = False
    vulkan_gpus: tuple[Gpu, ...] | None = None
    plugins: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Choice:
    """Where networks run, and why there. `gpu` is None on the CPU. `trial` says that it is only to be taken if it turns out to be faster
    than the CPU on this machine."""

    runtime: RuntimeName
    gpu: Gpu | None
    reason: str
    trial: bool = False


def find_device(wanted: str = "auto", *, require_gpu: bool = False, faster: Callable[[Device, Device], str] | None = None) -> Device:
    """The device that `wanted` (an option of Machine) stands for on this machine.

    `faster` says why the first of two devices, a GPU by Vulkan, is not to be taken in place of the second, the CPU; "" where it is. Without
    it the CPU is taken where that would have to be asked.

    Raises: DeviceError as `choose`.
    """
    seen = take_snapshot(wanted)
    choice = choose(wanted, seen, require_gpu=require_gpu)
    device = device_of(choice)
    if not choice.trial:
        return device
    cpu = device_of(choose("cpu", seen, require_gpu=False))
    slower = "not yet tried on this machine" if faster is None else faster(device, cpu)
    return replace(cpu, reason=f"auto: {device.name} by Vulkan {slower}") if slower else device


def with_threads(device: Device, threads: int | None) -> Device:
    """The device with no more processors than that, all of them without a number."""
    if threads is None:
        return device
    cores = min(device.cores, threads)
    rates = (
        device.rates if device.place != "cpu" else Rates(*(rate * cores / device.cores for rate in (device.rates.f32, device.rates.bf16)))
    )
    return replace(device, cores=cores, rates=rates, threads=cores)


def claim_gpu_memory(device: Device, wanted: int | None, *, share: float = 1.0) -> int | None:
    """The bytes of the device's own memory that this process may use until they are given up, None where it has none of its own.

    Without `wanted` they are a `share` of what is free.
    """
    if not device.own_memory:
        return None
    if device.runtime == "vulkan":
        from img_enhance.machine.vulkan import claimed_memory

        return claimed_memory(device.place, wanted, share)
    from img_enhance.machine.gpus import claim_memory

    return claim_memory(device.place, wanted, share)


def unclaim_gpu_memory(device: Device) -> None:
    """Give up what `claim_gpu_memory` answered."""
    if device.own_memory and device.runtime == "torch":
        from img_enhance.machine.gpus import unclaim_memory

        unclaim_memory(device.place)


def take_snapshot(wanted: str) -> Snapshot:
    """What is on this machine, as far as it matters to `wanted`."""
    seen = Snapshot(_is_installed("openvino"), _is_installed("torch"), _drivers(), vulkan=_is_installed("ncnn"))
    if asks_torch(wanted, seen):
        from img_enhance.machine.gpus import gpus

        seen = replace(seen, gpus=gpus())
    if asks_vulkan(wanted, seen):
        from img_enhance.machine.vulkan import gpus as vulkan_gpus

        seen = replace(seen, vulkan_gpus=vulkan_gpus())
    if wanted in _PLUGINS and seen.openvino:
        from img_enhance.machine.plugins import plugins

        seen = replace(seen, plugins=plugins())
    return seen


def asks_torch(wanted: str, seen: Snapshot) -> bool:
    """Whether a list of PyTorch's GPUs could change the choice."""
    return seen.torch and (wanted.startswith(("cuda", "mps")) or (wanted == "auto" and bool(seen.drivers)))


def asks_vulkan(wanted: str, seen: Snapshot) -> bool:
    """Whether a list of Vulkan's devices could change the choice."""
    return seen.vulkan and (wanted.startswith("vulkan") or (wanted == "auto" and not seen.gpus))


def choose(wanted: str, seen: Snapshot, *, require_gpu: bool) -> Choice:
    """Where networks run: the device that was asked for, or for "auto" the first GPU, else the CPU. By Vulkan that is to be tried first,
    unless a GPU is required.

    Raises: DeviceError when it is not there, or is no GPU and one is required; with what to install or to ask for.
    """
    asked = Setting("device", wanted)
    if wanted in ("cpu", "openvino", "torch"):
        if require_gpu:
            raise DeviceError(Words("a GPU is required, and ", asked, " is the CPU"), "leave one of the two out")
        return _choose_cpu(seen, Words(asked), None if wanted == "cpu" else wanted)
    if wanted.startswith("vulkan"):
        return Choice("vulkan", _vulkan_gpu_named(wanted, seen), Words(asked))
    if wanted in _PLUGINS:
        return Choice("openvino", _plugin_named(wanted, seen), Words(asked))
    if wanted != "auto":
        return Choice("torch", _gpu_named(wanted, seen), Words(asked))
    if seen.gpus:
        return Choice("torch", seen.gpus[0], "auto: the first GPU")
    real = _best(seen.vulkan_gpus or ())
    if real is not None:
        return Choice("vulkan", real, "auto: the GPU that Vulkan finds", trial=not require_gpu)
    reason = _no_gpu(seen)
    if require_gpu:
        raise DeviceError(f"a GPU is required: {reason}")
    return _choose_cpu(seen, f"auto: {reason}")


def device_of(choice: Choice) -> Device:
    """What the chosen device can do."""
    cpu, gpu = detect_cpu(), choice.gpu
    if choice.runtime == "openvino":
        if gpu is None:
            return replace(cpu, reason=choice.reason)
        return replace(cpu, name=gpu.name, native_bf16=False, rates=_PLUGIN_RATES, place=gpu.place, reason=choice.reason)
    if choice.runtime == "vulkan" and gpu is not None:
        return replace(
            cpu,
            name=gpu.name,
            native_bf16=False,
            rates=_VULKAN_RATES[gpu.kind],
            runtime="vulkan",
            place=gpu.place,
            reason=choice.reason,
            channels_last=False,
            own_memory=True,
            shares_memory=gpu.kind != "discrete",
            features_on_host=True,
            stores_f16=True,
        )
    if gpu is None:
        rates = Rates(f32=_TORCH_F32 * cpu.rates.f32, bf16=_TORCH_BF16 * cpu.rates.bf16)
        return replace(cpu, runtime="torch", rates=rates, reason=choice.reason)
    return replace(
        cpu,
        name=gpu.name,
        native_bf16=gpu.native_bf16,
        rates=_MPS_RATES if gpu.place == "mps" else _CUDA_RATES,
        runtime="torch",
        place=gpu.place,
        reason=choice.reason,
        # Convolutions on Apple's GPUs have answered wrongly to tensors with channels last, and gain nothing from them.
        channels_last=gpu.place != "mps",
        own_memory=gpu.place != "mps",
    )


def _choose_cpu(seen: Snapshot, reason: str, wanted: str | None = None) -> Choice:
    if wanted == "openvino" or (wanted is None and seen.openvino):
        if not seen.openvino:
            raise DeviceError("OpenVINO is not installed", "run: pip install openvino, or use ", Setting("device", "torch"))
        return Choice("openvino", None, reason)
    if not seen.torch:
        raise DeviceError(f"{'PyTorch is not' if wanted else 'neither OpenVINO nor PyTorch is'} installed", f"run: {INSTALL_TORCH}")
    return Choice("torch", None, reason)


def _gpu_named(wanted: str, seen: Snapshot) -> Gpu:
    if not seen.torch:
        raise DeviceError(Words(Setting("device", wanted), " needs PyTorch"), f"run: {INSTALL_TORCH}")
    place = "cuda:0" if wanted == "cuda" else wanted
    for gpu in seen.gpus or ():
        if gpu.place == place:
            return gpu
    there = ", ".join(f"{gpu.place} ({gpu.name})" for gpu in seen.gpus or ()) or "no GPU"
    raise DeviceError(f"PyTorch finds no {place} here; it finds {there}", "use another ", Setting("device"))


def _vulkan_gpu_named(wanted: str, seen: Snapshot) -> Gpu:
    if not seen.vulkan:
        raise DeviceError(Words(Setting("device", wanted), " needs the package ncnn"), f"run: {INSTALL_VULKAN}")
    gpus = seen.vulkan_gpus or ()
    if not gpus:
        raise DeviceError("Vulkan finds no device here", "install your GPU's driver (docs/devices.md), or use another ", Setting("device"))
    if wanted == "vulkan":
        return _best(gpus) or gpus[0]
    for gpu in gpus:
        if gpu.place == wanted:
            return gpu
    there = ", ".join(f"{gpu.place} ({gpu.name})" for gpu in gpus)
    raise DeviceError(f"Vulkan finds no {wanted} here; it finds {there}", "use another ", Setting("device"))


def _best(gpus: tuple[Gpu, ...]) -> Gpu | None:
    """The first discrete GPU, else the first other one that is no software."""
    return min((gpu for gpu in gpus if gpu.is_real), key=lambda gpu: gpu.kind != "discrete", default=None)


def _plugin_named(wanted: str, seen: Snapshot) -> Gpu:
    if not seen.openvino:
        raise DeviceError("OpenVINO is not installed", "run: pip install openvino, or use another ", Setting("device"))
    place = wanted.partition(":")[2]
    if place not in (seen.plugins or ()):
        there = ", ".join(seen.plugins or ()) or "none"
        raise DeviceError(
            f"OpenVINO finds no {place} here; it finds {there}",
            "install Intel's driver (docs/devices.md), or use another ",
            Setting("device"),
        )
    return Gpu(place, f"Intel {place}", 0, native_bf16=False, kind="integrated")


def _no_gpu(seen: Snapshot) -> str:
    if seen.vulkan_gpus:
        return f"Vulkan finds software only ({seen.vulkan_gpus[0].name})"
    if not seen.drivers:
        return "no driver of a GPU in sight"
    if not seen.torch:
        install = f"run: {INSTALL_TORCH}" if seen.vulkan else f"run: {INSTALL_VULKAN} (30 MB), or {INSTALL_TORCH} (gigabytes, and faster)"
        return f"a GPU of {seen.drivers[0]} would need {'PyTorch' if seen.vulkan else 'Vulkan or PyTorch'}; {install}"
    return f"a driver of {seen.drivers[0]} in sight, but PyTorch finds no GPU"


def _is_installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def _drivers() -> tuple[str, ...]:
    """Makers of GPUs whose drivers are in sight."""
    apple = ("Apple",) if (platform.system(), platform.machine()) == ("Darwin", "arm64") else ()
    return apple + tuple(maker for maker, files in _DRIVER_FILES.items() if any(Path(file).exists() for file in files))


def detect_cpu() -> Device:
    """The processor of this machine, as the process may use it, with OpenVINO."""
    flags, name = _cpu_flags()
    cores = _cores()
    rates = next(rates for needed, rates in _RATES_PER_CORE if needed <= flags)
    return Device(
        name=name,
        cores=cores,
        native_bf16="avx512_bf16" in flags or "amx_bf16" in flags,
        rates=Rates(f32=rates.f32 * cores, bf16=rates.bf16 * cores),
        memory_bytes=min(int(psutil.virtual_memory().total), cgroups.memory_limit(), address_space.memory_limit()),
    )


def cpu_flags() -> frozenset[str]:
    """The processor's features by Linux's names for them; none on other systems."""
    return _cpu_flags()[0]


def free_bytes() -> int:
    """Memory that this process could take right now without anything being killed or swapped."""
    return min(int(psutil.virtual_memory().available), cgroups.free_memory(), address_space.free_memory())


def _cpu_flags() -> tuple[frozenset[str], str]:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return frozenset(), platform.processor() or platform.machine()
    facts = {}
    for line in text.split("\n\n", 1)[0].splitlines():
        key, _, value = line.partition(":")
        facts[key.strip()] = value.strip()
    return frozenset(facts.get("flags", "").split()), facts.get("model name", platform.machine())


def _cores() -> int:
    """Processors that this process may use at once, by its affinity and its control groups' quota."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = cgroups.cpu_limit()
    return cores if quota is None else min(cores, quota)
