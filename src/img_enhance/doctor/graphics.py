"""Graphics cards, and whether networks can run on them."""

from collections.abc import Iterator
from dataclasses import replace

from img_enhance.doctor.finding import Finding, ok, warning
from img_enhance.doctor.patient import Patient
from img_enhance.machine.devices import INSTALL_TORCH, INSTALL_VULKAN, Snapshot, take_snapshot
from img_enhance.machine.gpu import driver_version
from img_enhance.units import bytes_text

_TITLE = "Graphics card"


def graphics(_: Patient) -> Iterator[Finding]:
    """Each card that can be used, or why there is none."""
    by_vulkan = take_snapshot("vulkan")
    seen = replace(take_snapshot("auto"), vulkan_gpus=by_vulkan.vulkan_gpus)
    yield from found(seen)
    yield from found_by_vulkan(seen)


def found(seen: Snapshot) -> Iterator[Finding]:
    """What there is to say of what PyTorch can use; nothing where it is not needed, because Vulkan has a GPU."""
    if not seen.gpus and any(gpu.is_real for gpu in seen.vulkan_gpus or ()):
        return
    if not seen.drivers:
        more = "" if seen.torch or seen.vulkan else f". If there is a GPU of AMD or Intel, run: {INSTALL_VULKAN}"
        yield ok(_TITLE, f"none that can be used (no driver in sight); networks run on the processor{more}")
    elif not seen.torch:
        text = f"a driver of {seen.drivers[0]}{_version()} is here, but nothing that uses it; networks run on the processor"
        yield warning(_TITLE, text, f"run: {INSTALL_VULKAN} (30 MB), or {INSTALL_TORCH} (gigabytes, and faster)")
    elif not seen.gpus:
        text = f"a driver of {seen.drivers[0]}{_version()} is here, but PyTorch cannot use it; networks run on the processor"
        yield warning(_TITLE, text, "install the build of PyTorch for your driver, see https://pytorch.org/get-started/locally/")
    for gpu in seen.gpus or ():
        yield ok(_TITLE, f"{gpu.name} ({gpu.place}){_version()}; {_free(gpu.place)} of {bytes_text(gpu.memory_bytes)} memory free")


def found_by_vulkan(seen: Snapshot) -> Iterator[Finding]:
    """What there is to say of the devices that Vulkan finds."""
    if seen.vulkan and not seen.vulkan_gpus:
        yield warning(_TITLE, "Vulkan finds no device", "if this machine has a GPU, install its driver (docs/devices.md)")
    for gpu in seen.vulkan_gpus or ():
        if gpu.is_real:
            yield ok(_TITLE, f"{gpu.name} ({gpu.place}, {gpu.kind}) by Vulkan; it may take {bytes_text(gpu.memory_bytes)} of memory")
        else:
            yield ok(_TITLE, f"{gpu.name} ({gpu.place}) by Vulkan is software: only for trying, and never chosen by itself")


def _version() -> str:
    version = driver_version()
    return f", driver {version}" if version else ""


def _free(place: str) -> str:
    from img_enhance.machine.gpus import free_memory

    free = free_memory(place)
    return "some" if free is None else bytes_text(free)
